"""Objects that the API server refuses, by the schema of their kind."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace

from cdk8s_inference.checks.patches import may_be_patch
from cdk8s_inference.checks.rule import RULES, rule
from cdk8s_inference.findings import Severity, Violation, is_slip
from cdk8s_inference.findings.example import breaks, manifests
from cdk8s_inference.schemas import Problem
from cdk8s_inference.source import has_placeholder
from cdk8s_inference.topology import KubeObject, SourceValue, Topology
from cdk8s_inference.topology.schema_mismatch import SchemaMismatch

_TEMPLATE = "spec.template"
_ENGINE = f"{_TEMPLATE}.spec.containers[0]"
_REFUSED = "The API server refuses the object, and nothing of it is applied."
_SCHEMAS = (
    "The schemas of Kubernetes 1.34 to 1.36, and of the CRDs of the projects that serve models: "
    "without --kubernetes, what one release takes is right."
)


def _violations(topology: Topology, problem: Problem) -> Iterator[Violation]:
    for mismatch in topology.schema_mismatches:
        if mismatch.violation.problem == problem:
            yield _violation(mismatch)


def _violation(mismatch: SchemaMismatch) -> Violation:
    found = mismatch.violation
    return Violation(mismatch.at, found.message, mismatch.related, fix=found.fix, mend=found.mend)


@rule(
    "K001",
    "error",
    "A field is not in the schema of its kind",
    why="kubectl apply refuses the object. What does not validate strictly drops the field, and "
    "the setting keeps its default.",
    evidence=f"{_SCHEMAS} kubectl asks the API server for strict validation of fields.",
    fix="correct the field's name, move it to where it belongs, or remove it",
    example=breaks(
        "disaggregated", "Deployment/prefill", f"{_TEMPLATE}.spec.priorityClasName", "high"
    ),
    after=("T701", "T714"),
)
def unknown_field(topology: Topology) -> Iterator[Violation]:
    for mismatch in topology.schema_mismatches:
        found = mismatch.violation
        if found.problem == "unknown field":
            # A cluster may have another release of a CRD than the one that is known.
            meant = found.near is not None and is_slip(str(found.path[-1]), found.near)
            certain = found.certain or meant
            severity: Severity = "error" if certain else "warning"
            yield replace(_violation(mismatch), severity=severity)


@rule(
    "K002",
    "error",
    "A value has another type than its field",
    why=_REFUSED,
    evidence=f"{_SCHEMAS} YAML reads digits as a number, and true as a boolean.",
    fix="change the type; quote a text that YAML reads as another type",
    example=breaks("disaggregated", "Deployment/prefill", "metadata.annotations", {"ready": True}),
)
def wrong_type(topology: Topology) -> Iterator[Violation]:
    return _violations(topology, "type")


@rule(
    "K003",
    "error",
    "A field that the schema requires is missing",
    why=_REFUSED,
    evidence=_SCHEMAS,
    fix="add the field",
    example=breaks(
        "disaggregated", "Deployment/prefill", f"{_TEMPLATE}.spec.volumes[1]", {"emptyDir": {}}
    ),
    after=("T602", "T701", "T714"),
)
def missing_field(topology: Topology) -> Iterator[Violation]:
    for each in _violations(topology, "missing"):
        owner = each.at.object if isinstance(each.at, SourceValue) else None
        partial = owner is not None and may_be_patch(owner)
        yield replace(each, severity="warning" if partial else None)


@rule(
    "K004",
    "error",
    "A value is not one that its field may have",
    why=_REFUSED,
    evidence=_SCHEMAS,
    fix="use a value that the field may have",
    example=breaks(
        "disaggregated",
        "HTTPRoute/qwen",
        "spec.rules[0].matches",
        [{"path": {"type": "Prefix", "value": "/"}}],
    ),
)
def wrong_value(topology: Topology) -> Iterator[Violation]:
    for mismatch in topology.schema_mismatches:
        found = mismatch.violation
        if found.problem == "value":
            # Another release of a CRD may take more values, unless its API is stable.
            certain = found.certain or found.near is not None or _is_stable(mismatch)
            severity: Severity = "error" if certain else "warning"
            yield replace(_violation(mismatch), severity=severity)


def _is_stable(mismatch: SchemaMismatch) -> bool:
    version = mismatch.at.object.version
    return "alpha" not in version and "beta" not in version


@rule(
    "K005",
    "error",
    "A text is not a quantity",
    why=_REFUSED,
    evidence="Quantities of Kubernetes are numbers with a suffix such as m, k, M, Mi, G or Gi.",
    fix="write a quantity such as 500m or 16Gi",
    example=breaks(
        "disaggregated",
        "Deployment/prefill",
        f"{_TEMPLATE}.spec.volumes",
        [{"name": "shm", "emptyDir": {"medium": "Memory", "sizeLimit": "64G1"}}],
    ),
)
def no_quantity(topology: Topology) -> Iterator[Violation]:
    return _violations(topology, "quantity")


@rule(
    "K006",
    "error",
    "A name or label has characters that it cannot have",
    why=_REFUSED,
    evidence="Kubernetes: names of objects, and keys and values of labels.",
    fix="use letters, digits, '-', '_' and '.'",
    example=breaks("disaggregated", "Deployment/prefill", "metadata.labels.team", "a b"),
)
def wrong_name(topology: Topology) -> Iterator[Violation]:
    return _violations(topology, "name")


@rule(
    "K008",
    "error",
    "Kubernetes no longer has this version of an API",
    why="The API server knows no such kind: the object is not applied.",
    evidence="Kubernetes' Deprecated API Migration Guide.",
    fix="use the version that took its place",
    example=manifests(
        "disaggregated",
        added="apiVersion: scheduling.k8s.io/v1beta1\nkind: PriorityClass\nmetadata: {name: high}\n"
        "value: 1000\n",
    ),
)
def removed_version(topology: Topology) -> Iterator[Violation]:
    return _violations(topology, "removed")


@rule(
    "K009",
    "error",
    "The cluster's release of Kubernetes lacks a field or a kind",
    why="kubectl apply refuses the object; what does not validate strictly drops the field.",
    evidence="The schemas of Kubernetes 1.34, 1.35 and 1.36; --kubernetes says which is meant.",
    fix="do without it, or use a cluster of a release that has it",
    example=None,
)
def not_in_release(topology: Topology) -> Iterator[Violation]:
    return _violations(topology, "release")


@rule(
    "K010",
    "note",
    "The schema of a kind is not known",
    why="The names and types of its fields are not checked.",
    evidence="Known are the kinds of Kubernetes, and those of the CRDs that are installed, "
    "emitted or read.",
    fix="give its CRD with --schemas",
    example=manifests(
        "disaggregated",
        added="apiVersion: example.com/v1\nkind: Prompt\nmetadata: {name: a, namespace: llm}\n",
    ),
)
def unknown_schema(topology: Topology) -> Iterator[Violation]:
    kinds: dict[tuple[str, str], list[KubeObject]] = defaultdict(list)
    for found in topology.objects:
        version = found.at("apiVersion").text or ""
        if found.written is found and found.kind and "/" in version:
            kinds[version, found.kind].append(found)
    for (version, kind), objects in kinds.items():
        api = topology.api
        if has_placeholder(f"{version} {kind}") or api.is_known(version, kind):
            continue
        first, *others = (each.here for each in objects)
        yield Violation(first, f"the schema of {kind} of {version} is not known", others)


@rule(
    "K011",
    "error",
    "A rule of a CRD is not satisfied",
    why=_REFUSED,
    evidence="The rules in CEL (`x-kubernetes-validations`) of the CRDs of the projects that serve "
    "models. They are evaluated where the extra `cel` is installed; a rule about a change of an "
    "object, or that calls a function that is not known here, is passed over. An API server gave "
    "the same verdicts.",
    fix="change one of the values so that the expression is true",
    example=breaks(
        "disaggregated", "HTTPRoute/qwen", "spec.rules[0].filters", [{"type": "URLRewrite"}]
    ),
    after=("T513",),
)
def broken_rule(topology: Topology) -> Iterator[Violation]:
    for mismatch in topology.schema_mismatches:
        found = mismatch.violation
        if found.problem == "rule":
            # Rules come and go with the releases of a CRD, but not in the APIs of Kubernetes.
            own = mismatch.at.object.group.endswith(".k8s.io") and _is_stable(mismatch)
            severity: Severity = "error" if found.certain or own else "warning"
            yield replace(_violation(mismatch), severity=severity)


SCHEMA_CODES = frozenset(code for code in RULES if code.startswith("K"))
"""The codes of these rules."""
