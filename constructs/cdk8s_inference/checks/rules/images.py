"""Container images: whether a registry can resolve them, and to what."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator

from cdk8s_inference.checks.rule import rule
from cdk8s_inference.findings import Edit, Example, Violation, shown
from cdk8s_inference.findings.example import manifests
from cdk8s_inference.source.placeholder import is_for_a_person
from cdk8s_inference.topology import Container, SourceValue, Topology

_LABEL = r"[a-zA-Z0-9](?:[-a-zA-Z0-9]*[a-zA-Z0-9])?"
_COMPONENT = r"[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*"
_REFERENCE = re.compile(
    rf"(?:{_LABEL}(?:\.{_LABEL})*(?::[0-9]+)?/)?{_COMPONENT}(?:/{_COMPONENT})*"
    r"(?::\w[\w.-]{0,127})?"
    r"(?:@[A-Za-z][A-Za-z0-9]*(?:[-_+.][A-Za-z][A-Za-z0-9]*)*:[0-9a-fA-F]{32,})?"
)
"""The grammar of github.com/distribution/reference, which container runtimes parse images by."""

# Also a scheme, such as ko://, whose tool builds the image and writes its reference.
_TEMPLATED = re.compile(r"[{}<>$]|^(?!https?:)[a-z][a-z0-9+.-]*://")
_MOVING = frozenset({"", "latest", "main", "master", "nightly", "edge", "dev"})


def _both(image: str) -> Example:
    """Prefill and decode of one image."""
    at = "spec.template.spec.containers[0].image"
    names = ("Deployment/prefill", "Deployment/decode")
    return manifests("disaggregated", *(Edit(name, at, image) for name in names))


@rule(
    "T640",
    "warning",
    "An image can change under its tag",
    why="Pods that start later run another build: prefill and decode, or two copies of one, differ "
    "in their version, and the KV transfer's handshake fails.",
    evidence="Kubernetes: without a tag the image is :latest, which is pulled at every start.",
    fix="name a release, such as :v0.32.0, or a digest",
    example=_both("vllm/vllm-openai:latest"),
)
def moving_tag(topology: Topology) -> Iterator[Violation]:
    by_image: dict[str, list[SourceValue[str]]] = defaultdict(list)
    for container in _serving(topology):
        image = container.image.value
        moves = container.image_tag in _MOVING and "@" not in image
        if image and moves and not _TEMPLATED.search(image):
            by_image[image].append(container.image)
    for image, places in by_image.items():
        count = f" in {len(places)} containers" if len(places) > 1 else ""
        related = places[1] if len(places) > 1 else None
        yield Violation(places[0], f"{image} names no fixed release{count}", related)


@rule(
    "T641",
    "error",
    "An image is no valid reference",
    why="The kubelet reports InvalidImageName, and the container never starts.",
    evidence="The grammar of github.com/distribution/reference, which container runtimes use.",
    fix="write [HOST/]NAME[:TAG][@DIGEST], the name in lower case",
    example=_both("vllm/vllm-openai:v0.32.0#1"),
)
def invalid_reference(topology: Topology) -> Iterator[Violation]:
    for pods in topology.pods:
        for container in pods.containers:
            image = container.image.value
            if not image or _TEMPLATED.search(image) or is_for_a_person(image):
                continue
            if not _REFERENCE.fullmatch(image):
                yield Violation(container.image, f"{shown(image)} is no image reference")


def _serving(topology: Topology) -> Iterator[Container]:
    """The engines; of sidecars and pickers T207 and T412 say more."""
    return (pods.engine.container for pods in topology.serving if pods.engine is not None)
