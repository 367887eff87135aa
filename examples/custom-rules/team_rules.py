"""A team's own rules for `cdk8s-inference check`, and for what is composed."""

from __future__ import annotations

from collections.abc import Iterator

from cdk8s_inference.checks import Topology, Violation, rule

REGISTRY = "registry.example.com/"


@rule(
    "TEAM001",
    "error",
    "An engine's image is not from the team's registry",
    why="The cluster pulls from the team's registry alone, and the pod stays in ImagePullBackOff.",
    evidence="The admission policy of the team's clusters.",
    fix=f"mirror the image to {REGISTRY}",
    example=None,
)
def foreign_image(topology: Topology) -> Iterator[Violation]:
    """Engines are pods that serve; their image is a value that knows where it was written."""
    for pods in topology.serving:
        if pods.engine is not None:
            image = pods.engine.container.image
            if not image.value.startswith(REGISTRY):
                yield Violation(image, f"{image.value} is not from {REGISTRY}")


@rule(
    "TEAM002",
    "warning",
    "An object has no owner",
    why="Nobody is asked when it fails.",
    evidence="The team's handbook.",
    fix="set metadata.labels.owner",
    example=None,
)
def no_owner(topology: Topology) -> Iterator[Violation]:
    """Objects of any kind, as they were written."""
    for found in topology.of_kind("Deployment", "InferencePool"):
        if "owner" not in found.labels:
            yield Violation(found.here, f"{found} has no label owner")
