"""From a platform file to a Platform, or to everything that is wrong with it; and its JSON Schema.

The file has the fields of :class:`Platform` and of the values in it, in camelCase, as documents
have theirs. A gateway's provider and a router's release are written by name.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable, Mapping
from dataclasses import fields, is_dataclass
from typing import Any, get_args, get_type_hints

from pydantic.alias_generators import to_camel

from cdk8s_inference.arguments.fit import problems
from cdk8s_inference.arguments.vocabulary import DOCUMENT
from cdk8s_inference.findings import (
    Finding,
    InvalidInput,
    errors,
    is_slip,
    shown,
    type_name,
)
from cdk8s_inference.findings.example import command, python
from cdk8s_inference.findings.rule import RuleSet, Violation
from cdk8s_inference.gateways import GATEWAY_PROVIDERS
from cdk8s_inference.platform.platform import Gateway, Platform
from cdk8s_inference.pods import PodSettings
from cdk8s_inference.releases import ROUTER_RELEASES
from cdk8s_inference.source import Cursor, Document

PLATFORM_RULES: RuleSet[Any] = RuleSet()
"""The rules about platform files, which the functions here apply."""

_EXAMPLE = """\
from pathlib import Path

Path("platform.yaml").write_text("{field}: h100\\n")
Platform.from_file("platform.yaml")
"""

D141 = PLATFORM_RULES.declare(
    "D141",
    "error",
    "A platform file has a field or a value that no platform has",
    why="The setting would have no effect, or the API server would refuse what it gives.",
    evidence="The fields of Platform, which docs/platform.schema.json lists.",
    fix="write a field and a value of the schema",
    example=python(_EXAMPLE.format(field="nodepool"), _EXAMPLE.format(field="nodePool")),
)

D144 = PLATFORM_RULES.declare(
    "D144",
    "warning",
    "--image-digests does not name an image that is run",
    why="The image is run by its tag, which may be another image tomorrow and on another node.",
    evidence="The images of the containers that are composed.",
    fix="add the image and its digest to the file",
    example=command(
        "cdk8s-inference synth prefill-decode.yaml --stdout --image-digests engine-digests.json\n",
        "cdk8s-inference synth prefill-decode.yaml --stdout --image-digests digests.json\n",
    ),
)

_BY_NAME: Mapping[tuple[type, str], Mapping[Any, Any]] = {
    (Gateway, "provider"): GATEWAY_PROVIDERS,
    (Platform, "router"): {release.version: release for release in ROUTER_RELEASES},
}
"""Values that a file names."""

_KUBERNETES_OWN = {"host_ipc": "hostIPC"}
"""Fields that Kubernetes writes otherwise than in plain camelCase."""

_PYTHON_ALONE = {(Gateway, "stack")}


def read_platform(document: Document) -> tuple[Platform | None, list[Finding]]:
    """The platform that a file describes, None where it has errors, and all findings."""
    findings = [*document.findings]
    value = _read(Platform, document.root, findings)
    return (None if errors(findings) else value), findings


def read_image_digests(document: Document) -> tuple[dict[str, str], list[Finding]]:
    """The ``image_digests`` of a platform that a file of its own has, and all findings."""
    findings = [*document.findings]
    _, hint = _fields(Platform)["imageDigests"]
    for each in problems(hint, document.data, (), DOCUMENT):
        at = document.root.at(*each.path)
        findings.append(D141.finding(Violation(at, each.message, fix=each.fix)))
    return ({} if errors(findings) else dict(document.data)), findings


def pod_setting(kind: str, field: str) -> str | None:
    """Where a platform file has a field of a pod, as a setting of its own.

    Args:
        kind: ``PodSpec``, or ``Container`` for a field of the engine container.
        field: The field, as Kubernetes writes it.
    """
    if (kind, field) == ("Container", "resources"):
        return "pods.requests and pods.limits"
    own = "podSecurityContext" if (kind, field) == ("PodSpec", "securityContext") else field
    return f"pods.{own}" if own in _fields(PodSettings) else None


def unlisted_images(digests: Document, images: Iterable[str]) -> list[Finding]:
    """What is said of a file of digests that lacks some of the images that are run."""
    lacking = sorted({image for image in images if "@" not in image})
    return [
        D144.finding(Violation(digests.root, f"image {shown(image)} is run, and has no digest"))
        for image in lacking
    ]


def _read(kind: type[Any], at: Cursor, findings: list[Finding]) -> Any:
    """The value of a dataclass that is written at a place."""

    def refuse(place: Cursor, message: str, fix: str | None = None) -> None:
        findings.append(D141.finding(Violation(place, message, fix=fix)))

    if not isinstance(at.value, Mapping):
        refuse(at, f"must be an object, is {type_name(at.value)}", "write an object: {key: value}")
        return None
    known = _fields(kind)
    given: dict[str, Any] = {}
    before = len(findings)
    for key, place in at.fields():
        if key not in known:
            near = next((each for each in known if is_slip(key, each)), None)
            refuse(place, "field is not defined", f"write {near}" if near else "remove it")
            continue
        name, hint = known[key]
        inner = _dataclass(hint)
        by_name = _BY_NAME.get((kind, name))
        if by_name is not None:
            if place.text in by_name:
                given[name] = by_name[place.text]
            else:
                message = f"is {shown(place.value)}, must be one of {', '.join(by_name)}"
                refuse(place, message, "use one of them")
        elif inner is not None:
            given[name] = _read(inner, place, findings)
        else:
            for each in problems(hint, place.value, (), DOCUMENT):
                refuse(place.at(*each.path), each.message, each.fix)
            given[name] = place.value
    if len(findings) > before:
        return None
    try:
        return kind(**given)
    except InvalidInput as error:
        for finding in error.findings:
            refuse(at, _as_written(finding.message, known), _as_written(finding.fix, known))
        return None


def _as_written(text: str, known: Mapping[str, tuple[str, Any]]) -> str:
    """A text with the names of fields that a file has, for those of Python."""
    for key, (name, _) in known.items():
        text = re.sub(rf"\b{name}\b", key, text)
    return text


def _fields(kind: type[Any]) -> Mapping[str, tuple[str, Any]]:
    """The fields of a dataclass as a file names them: each with its name in Python and its type."""
    hints = get_type_hints(kind, include_extras=True)
    return {
        _KUBERNETES_OWN.get(each.name) or to_camel(each.name): (each.name, hints[each.name])
        for each in fields(kind)
        if (kind, each.name) not in _PYTHON_ALONE
    }


def _dataclass(hint: Any) -> type[Any] | None:
    """The dataclass that a field holds, or may hold."""
    found = [each for each in (hint, *get_args(hint)) if inspect.isclass(each)]
    return next((each for each in found if is_dataclass(each)), None)


def schema() -> dict[str, Any]:
    """The JSON Schema of a platform file."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Platform of cdk8s-inference",
        **_schema(Platform),
    }


def _schema(kind: type[Any]) -> dict[str, Any]:
    from pydantic import TypeAdapter

    described = _descriptions(kind)
    properties: dict[str, Any] = {}
    for key, (name, hint) in _fields(kind).items():
        inner, by_name = _dataclass(hint), _BY_NAME.get((kind, name))
        if by_name is not None:
            found: dict[str, Any] = {"enum": list(by_name)}
        elif inner is not None:
            found = _schema(inner)
        else:
            found = TypeAdapter(hint).json_schema()
        properties[key] = {**found, "description": described[name]}
    return {"type": "object", "properties": properties, "additionalProperties": False}


def _descriptions(kind: type[Any]) -> Mapping[str, str]:
    """What the docstring of a dataclass says of each field, in one line."""
    text = inspect.cleandoc(kind.__doc__ or "").partition("Attributes:\n")[2]
    entries = re.findall(r"^    (\w+): (.*(?:\n(?:     .*)?)*)", text, re.MULTILINE)
    return {name: _plain(words) for name, words in entries}


def _plain(words: str) -> str:
    """Text of a docstring without its markup."""
    return re.sub(r"(?::\w+:`(?:~[\w.]+\.)?|``)([^`]*)`+", r"`\1`", " ".join(words.split()))
