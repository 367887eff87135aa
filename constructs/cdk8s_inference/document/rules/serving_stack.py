"""What must hold between the fields of a ServingStack document."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from cdk8s_inference.findings.example import Edit, Example, document
from cdk8s_inference.findings.rule import RuleSet, Violation
from cdk8s_inference.source import Cursor

SERVING_STACK_RULES: RuleSet[Cursor] = RuleSet()
"""Rules over the root of a document."""


def _stack(path: str, value: Any) -> Example:
    return document("stack", Edit("ServingStack/gke", path, value))


@SERVING_STACK_RULES.rule(
    "S001",
    "error",
    "No secret is of type Kubeconfig",
    why="Modelplane's API rejects the document: it takes the cluster's address from the "
    "kubeconfig.",
    evidence="A CEL rule of Modelplane's ServingStack, v0.3.1.",
    fix="add the Secret with the cluster's kubeconfig, beside the cloud's credentials",
    example=_stack("spec.secrets[0].type", "GoogleApplicationCredentials"),
)
def kubeconfig(root: Cursor) -> Iterator[Violation]:
    secrets = root.at("spec", "secrets")
    types = [secret["type"].text or "none" for secret in secrets.items()]
    if types and "Kubeconfig" not in types:
        found = ", ".join(types)
        yield Violation(secrets, f"no secret has type Kubeconfig; found {found}")


@SERVING_STACK_RULES.rule(
    "S002",
    "error",
    "Two listeners have the same name",
    why="The API server rejects the Gateway: a route's sectionName would mean both.",
    evidence="Gateway API: a Gateway's listeners are keyed by name.",
    fix="use a different name for each listener",
    example=_stack("spec.gateway.listeners[1]", {"name": "http", "port": 8080, "protocol": "HTTP"}),
)
def listener_names(root: Cursor) -> Iterator[Violation]:
    first: dict[str, Cursor] = {}
    for listener in root.at("spec", "gateway", "listeners").items():
        name = listener["name"]
        if name.text is not None and name.text in first:
            yield Violation(name, f"two listeners are named {name.text!r}", first[name.text])
        first.setdefault(name.text or "", name)


@SERVING_STACK_RULES.rule(
    "S003",
    "note",
    "The field spec.secrets is not used",
    why="The field has no effect: the manifests go to the cluster that you apply them to.",
    evidence="Modelplane connects to clusters with spec.secrets, and requires them.",
    fix="no change is needed; Crossplane's providers have credentials of their own",
    # Every ServingStack document has the field, so there is no fixed document.
    example=None,
)
def unused_secrets(root: Cursor) -> Iterator[Violation]:
    secrets = root.at("spec", "secrets")
    if secrets.present:
        yield Violation(
            secrets, "spec.secrets is not used: the manifests go to the cluster that you apply to"
        )
