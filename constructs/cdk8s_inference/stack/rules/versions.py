"""Whether the releases of a stack are known to work together."""

from __future__ import annotations

from collections.abc import Iterator

from cdk8s_inference.findings import PathPart
from cdk8s_inference.findings.example import Edit, document
from cdk8s_inference.findings.rule import Violation
from cdk8s_inference.releases.stack import incompatibilities
from cdk8s_inference.stack.catalog import PARTS
from cdk8s_inference.stack.subject import STACK_RULES, StackSubject

_ALLOW = "; or use --allow-untested, in Python allow_untested=True"


@STACK_RULES.rule(
    "S104",
    # A warning where allow_untested is set, or where a release is only not known.
    None,
    "The releases are not known to work together",
    why="A controller does not start, or requires a CRD or a field that is not there. Routes are "
    "accepted, and their backends are not resolved.",
    evidence="The compatibility tables of the projects: Envoy AI Gateway 0.7 and 1.x require Envoy "
    "Gateway 1.8, which requires Gateway API 1.5.",
    fix=f"use releases that are known to work together{_ALLOW}",
    example=document("stack", Edit("ServingStack/gke", "spec.versions.envoyGateway", "v1.9.0")),
)
def untested_combination(stack: StackSubject) -> Iterator[Violation]:
    props = stack.props
    parts = frozenset(PARTS[name] for name in props.installed)
    for each in incompatibilities(props.versions, parts, props.kubernetes):
        path: tuple[PathPart, ...] = ("versions", each.part)
        if each.part == "kubernetes":
            path = ("kubernetes",)
        allowed = props.allow_untested or not each.contradicts
        yield Violation(
            stack.at(*path),
            each.message,
            fix=each.fix if allowed else f"{each.fix}{_ALLOW}",
            severity="warning" if allowed else "error",
        )
