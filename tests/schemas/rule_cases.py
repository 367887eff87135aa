"""Objects that the rules of their CRDs take and refuse, as an API server was seen to say."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

_FILE = Path(__file__).with_suffix(".yaml")


@dataclass(frozen=True)
class Case:
    """An object, and whether the rules take it."""

    object: Any
    is_taken: bool

    def __str__(self) -> str:
        verdict = "takes" if self.is_taken else "refuses"
        return f"{verdict}-{self.object['kind']}-{self.object['metadata']['name']}"


def _cases() -> list[Case]:
    return [
        Case(_object(each["of"], index, spec), verdict == "taken")
        for each in yaml.safe_load(_FILE.read_text(encoding="utf-8"))
        for verdict in ("taken", "refused")
        for index, spec in enumerate(each[verdict])
    ]


def _object(of: str, index: int, spec: Any) -> Any:
    version, _, kind = of.partition(" ")
    metadata = {"name": f"{kind.lower()}-{index}", "namespace": "default"}
    return {"apiVersion": version, "kind": kind, "metadata": metadata, "spec": spec}


def schemas_of(crd: Any) -> Mapping[tuple[str, str], Any]:
    """The schemas of a CRD by apiVersion and kind, as ``--schemas`` gives them."""
    spec = crd["spec"]
    return {
        (f"{spec['group']}/{each['name']}", spec["names"]["kind"]): each["schema"][
            "openAPIV3Schema"
        ]
        for each in spec["versions"]
    }


def _example_crd() -> Any:
    """A CRD whose rules use what those of others here do not."""
    rules = {
        "url": ["isURL(self)", "url(self).getScheme() == 'https'", "url(self).getHost() != 'a:80'"],
        "host": ["url(self).getHostname() == '::1'", "url(self).getPort() == '80'"],
        "path": ["url(self).getEscapedPath() == '/a%20b'"],
        "ip": ["isIP(self)"],
        "cidr": ["isCIDR(self)"],
        "memory": ["isQuantity(self)", "quantity(self).isGreaterThan(quantity('1Gi'))"],
        "same": [
            "quantity(self) == quantity('1000m')",
            "quantity(self).compareTo(quantity('1')) == 0",
        ],
        "name": ["self.size() <= 3", "self.matches('^[a-zäöü]+$')"],
    }
    fields: dict[str, Any] = {
        name: {"type": "string", "maxLength": 64, "x-kubernetes-validations": _rules(texts)}
        for name, texts in rules.items()
    }
    fields["namespace"] = {"type": "string"}
    fields["x-id"] = {"type": "integer"}
    fields["mode"] = {"type": "string", "default": "Fast"}
    fields["speed"] = {"type": "number"}
    fields["port"] = {"x-kubernetes-int-or-string": True}
    spec = {
        "type": "object",
        "properties": fields,
        "x-kubernetes-validations": _rules(
            [
                "!has(self.__namespace__) || self.__namespace__ != 'kube-system'",
                "!has(self.x__dash__id) || self.x__dash__id > 0",
                "self.mode == 'Fast' || has(self.speed)",
                "!has(self.speed) || self.speed > 0.5",
                "!has(self.port) || (type(self.port) == int ? self.port > 0 : self.port != '')",
                "self.?speed.orValue(1.0) < 100.0",
                "self == oldSelf",
            ]
        ),
    }
    root = {
        "type": "object",
        "properties": {"spec": spec},
        "x-kubernetes-validations": _rules(["self.metadata.name.startsWith('rule')"]),
    }
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": "ruleds.example.com"},
        "spec": {
            "group": "example.com",
            "names": {"kind": "Ruled", "plural": "ruleds", "singular": "ruled"},
            "scope": "Namespaced",
            "versions": [
                {"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": root}}
            ],
        },
    }


def _rules(texts: list[str]) -> list[Any]:
    return [{"rule": each} for each in texts]


EXAMPLE_CRD = _example_crd()
CASES = _cases()
