"""Fields that choose among the clusters that Modelplane manages."""

from __future__ import annotations

from collections.abc import Iterator

from cdk8s_inference.document.examples import CEL_RULE, REFUSED, unified
from cdk8s_inference.document.subject import DEPLOYMENT_RULES, DeploymentSubject
from cdk8s_inference.findings import shown
from cdk8s_inference.findings.rule import Violation


@DEPLOYMENT_RULES.rule(
    "D109",
    "error",
    "A toleration with operator Equal has no key",
    why=f"{REFUSED} Equal compares key and value of a taint: without a key it matches no taint.",
    evidence=f"{CEL_RULE} Equal is the default operator.",
    fix="set a key, or operator: Exists to tolerate every taint",
    example=unified("spec.template.spec.tolerations", [{"value": "models"}]),
)
def equal_without_key(deployment: DeploymentSubject) -> Iterator[Violation]:
    for toleration in deployment.replica["tolerations"].items():
        if (toleration["operator"].text or "Equal") == "Equal" and not toleration["key"].value:
            yield Violation(toleration, "the toleration has operator Equal and no key")


@DEPLOYMENT_RULES.rule(
    "D110",
    "error",
    "A toleration with operator Exists has a value",
    why=f"{REFUSED} Exists ignores the value: the toleration matches more taints than it appears "
    "to.",
    evidence=CEL_RULE,
    fix="remove the value, or set operator: Equal",
    example=unified(
        "spec.template.spec.tolerations",
        [{"key": "dedicated", "operator": "Exists", "value": "models"}],
    ),
)
def exists_with_value(deployment: DeploymentSubject) -> Iterator[Violation]:
    for toleration in deployment.replica["tolerations"].items():
        value = toleration["value"]
        if toleration["operator"].text == "Exists" and value.present:
            yield Violation(
                value, f"the toleration has operator Exists and value {shown(value.value)}"
            )


@DEPLOYMENT_RULES.rule(
    "D203",
    "note",
    "A field that selects clusters is not used",
    why="The field has no effect: the manifests go to the cluster that you apply them to.",
    evidence="clusterSelector and tolerations select among the clusters that Modelplane manages.",
    fix="no change is needed",
    example=unified("spec.template.spec.clusterSelector", {"matchLabels": {"region": "eu"}}),
)
def unused_fields(deployment: DeploymentSubject) -> Iterator[Violation]:
    for key in ("clusterSelector", "tolerations"):
        if deployment.replica[key].present:
            yield Violation(
                deployment.replica[key],
                f"{key} is not used: it selects among the clusters that Modelplane manages",
            )
