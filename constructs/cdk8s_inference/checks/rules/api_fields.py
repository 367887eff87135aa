"""Fields whose values an API server checks in code, of which no schema says anything."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from cdk8s_inference.checks.allowed_values import other_value
from cdk8s_inference.checks.rule import rule
from cdk8s_inference.findings import Violation, shown
from cdk8s_inference.findings.example import breaks
from cdk8s_inference.source import Cursor
from cdk8s_inference.topology import KubeObject, Topology

_BINDING = {
    "roleRef.apiGroup": ("rbac.authorization.k8s.io", ""),
    "roleRef.kind": ("Role", "ClusterRole"),
    "subjects.*.kind": ("ServiceAccount", "User", "Group"),
}
_VALUES: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "ClusterRoleBinding": _BINDING,
    "RoleBinding": _BINDING,
    "Service": {
        "spec.ports.*.protocol": ("TCP", "UDP", "SCTP"),
        "spec.type": ("ClusterIP", "ExternalName", "LoadBalancer", "NodePort"),
    },
}
"""What fields of a kind may be; dots are between keys, and * is every item of a list."""

_GROUPS = ("", "gateway.networking.k8s.io", "rbac.authorization.k8s.io")


@rule(
    "T658",
    "error",
    "The API server refuses a field of the object",
    why="The object is not applied.",
    evidence="Kubernetes: validation of core/v1 and rbac/v1. Gateway API: the rules of HTTPRoute's "
    "CRD.",
    fix="correct the field; kubectl apply --dry-run=server shows what is refused",
    example=breaks("disaggregated", "RoleBinding/qwen-epp", "roleRef.apiGroup", "rbac.k8s.io"),
)
def refused(topology: Topology) -> Iterator[Violation]:
    for found in topology.objects:
        if found.written is not found or found.group not in _GROUPS:
            continue
        for path, values in _VALUES.get(found.kind, {}).items():
            for at in _places(found.root, path.split(".")):
                yield from other_value(found, at, values)
        if found.kind == "HTTPRoute":
            yield from _empty_rewrites(found)
        elif found.kind == "Service":
            yield from _ports(found)
        elif found.kind in ("ClusterRoleBinding", "RoleBinding"):
            yield from _subjects(found)


def _places(at: Cursor, keys: list[str]) -> Iterator[Cursor]:
    if not keys:
        yield at
    elif keys[0] == "*":
        for item in at.items():
            yield from _places(item, keys[1:])
    else:
        yield from _places(at[keys[0]], keys[1:])


def _empty_rewrites(route: KubeObject) -> Iterator[Violation]:
    """Paths of rewrites and redirects whose type says what is not there."""
    for kind in ("urlRewrite", "requestRedirect"):
        for at in _places(route.root, ["spec", "rules", "*", "filters", "*", kind, "path"]):
            text = at["type"].text or ""
            wanted = at[f"{text[:1].lower()}{text[1:]}"]
            if text in ("ReplaceFullPath", "ReplacePrefixMatch") and not wanted.present:
                yield Violation(
                    route.value_at(wanted, None),
                    f"the type is {text}, and {wanted.path[-1]} is not set",
                )


def _ports(service: KubeObject) -> Iterator[Violation]:
    spec = service.at("spec")
    ports = list(spec["ports"].items())
    if not ports and spec["type"].text != "ExternalName" and spec["clusterIP"].text != "None":
        yield Violation(service.value_at(spec["ports"], None), "ports are required")
    for port in ports if len(ports) > 1 else ():
        if not port["name"].present:
            yield Violation(
                service.value_at(port["name"], None), f"each of {len(ports)} ports needs a name"
            )


def _subjects(binding: KubeObject) -> Iterator[Violation]:
    for subject in binding.at("subjects").items():
        at = subject["apiGroup"]
        if subject["kind"].text == "ServiceAccount" and at.text:
            yield Violation(
                binding.value_at(at, at.text),
                f"apiGroup is {shown(at.text)}, and that of a ServiceAccount is empty",
            )
