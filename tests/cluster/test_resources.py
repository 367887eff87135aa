from __future__ import annotations

import re
from pathlib import Path

import yaml

from cdk8s_inference.cluster.resources import NATIVE, custom_groups, resources
from cdk8s_inference.topology.kinds.known import KINDS
from tests.kit.live import plural_of

ROOT = Path(__file__).resolve().parents[2]
CHECKS = ROOT / "constructs" / "cdk8s_inference"

NO_OBJECTS_OF_A_CLUSTER = {"EndpointPickerConfig"}
BY_NAME = {"CustomResourceDefinition"}


def test_what_rules_ask_for_is_read() -> None:
    """Kinds of custom groups are read whole; those of Kubernetes one by one."""
    text = "".join(path.read_text() for path in CHECKS.rglob("*.py"))
    asked = {
        kind for call in re.findall(r'of_kind\(("[^)]*")\)', text) for kind in call.split('"')[1::2]
    }
    asked -= NO_OBJECTS_OF_A_CLUSTER | BY_NAME
    native = {name for names in NATIVE.values() for name in names}
    from cdk8s_inference.schemas.facts import kubernetes

    of_kubernetes = {kind for kinds in kubernetes().kinds.values() for kind in kinds}
    assert asked
    assert {plural_of(each) for each in asked & of_kubernetes} <= native
    assert {kind.group for kind in KINDS} <= custom_groups() | NATIVE.keys()


def test_the_role_in_the_documentation_allows_it_and_no_more() -> None:
    text = (ROOT / "docs" / "checks.md").read_text()
    (role,) = re.findall(r"```yaml\n(.*?kind: ClusterRole\n.*?)```", text, re.DOTALL)
    rules = yaml.safe_load(role)["rules"]
    custom = [each for each in rules if each["resources"] == ["*"]]
    assert {group for each in custom for group in each["apiGroups"]} == custom_groups()
    native = {
        each["apiGroups"][0]: tuple(each["resources"])
        for each in rules
        if each not in custom and each["verbs"] == ["list"]
    }
    assert native == NATIVE


def test_a_resource_is_read_in_the_version_that_is_preferred() -> None:
    def version(name: str, *plurals: str) -> object:
        listed = [
            {
                "resource": plural,
                "responseKind": {"kind": plural.title()},
                "scope": "Namespaced",
                "verbs": ["get", "list"] if plural != "scale" else ["get"],
            }
            for plural in plurals
        ]
        return {"version": name, "resources": listed}

    found = list(
        resources(
            {
                "items": [
                    {
                        "metadata": {"name": "gateway.networking.k8s.io"},
                        "versions": [
                            version("v1", "gateways", "scale"),
                            version("v1beta1", "gateways", "referencegrants"),
                        ],
                    },
                    {"metadata": {"name": "apps"}, "versions": [version("v1", "other")]},
                    {"metadata": {"name": "unknown.io"}, "versions": [version("v1", "things")]},
                ]
            }
        )
    )
    assert [each.path("llm") for each in found] == [
        "/apis/gateway.networking.k8s.io/v1/namespaces/llm/gateways",
        "/apis/gateway.networking.k8s.io/v1beta1/namespaces/llm/referencegrants",
    ]
