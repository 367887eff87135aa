"""Objects that two deployments of one run have in common."""

from __future__ import annotations

from collections.abc import Iterator

from cdk8s_inference.document.deployment import Deployment
from cdk8s_inference.document.object_keys import ObjectKey
from cdk8s_inference.document.subject import RUN_RULES, RunSubject
from cdk8s_inference.findings.example import command
from cdk8s_inference.findings.rule import Violation
from cdk8s_inference.source import Document


@RUN_RULES.rule(
    "D206",
    None,
    "Two deployments create the same object",
    why="If both are applied to one cluster, the later one replaces the other, and one model is "
    "missing.",
    evidence="Kubernetes identifies an object by kind, namespace and name. One file is applied to "
    "one cluster: there it is an error. Several files may be for several clusters: that is a "
    "warning.",
    fix="rename one, use different namespaces, or apply each to its own cluster",
    example=command(
        "cdk8s-inference synth unified.yaml prefill-decode.yaml --output dist --namespace ml\n",
        "cdk8s-inference synth unified.yaml prefill-decode.yaml --output dist\n",
    ),
)
def duplicate_objects(run: RunSubject) -> Iterator[Violation]:
    owners: dict[tuple[str, ObjectKey], tuple[Deployment, Document]] = {}
    for item in run.deployments:
        deployment, document = item
        shared = [
            (key, owner)
            for key in deployment.object_keys(run.platform)
            if (owner := owners.setdefault((deployment.namespace, key), item)) is not item
        ]
        if shared:
            key, (other, other_document) = shared[0]
            yield Violation(
                document.root.at("metadata", "name"),
                _message(deployment, other, key, other_document),
                other_document.root.at("metadata", "name"),
                severity="error" if document.file == other_document.file else "warning",
            )


def _message(deployment: Deployment, other: Deployment, key: ObjectKey, written: Document) -> str:
    line = written.line(("metadata", "name"))
    place = ":".join(str(part) for part in (written.file, line) if part is not None)
    name, other_name = (f"{each.namespace}/{each.name}" for each in (deployment, other))
    if name == other_name:
        return f"{name} is also defined at {place}: in one cluster the later one replaces it"
    return (
        f"{name} and {other_name} at {place} both create {' '.join(key)}: in one cluster the "
        "later one replaces the other"
    )
