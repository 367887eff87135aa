"""What one document alone does not show: findings about a whole run."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from cdk8s_inference.cli.inputs import Loaded
from cdk8s_inference.document.object_keys import ObjectKey, object_keys
from cdk8s_inference.findings import Finding
from cdk8s_inference.platform import Platform


def across(loaded: Sequence[Loaded], platform: Platform) -> list[Finding]:
    """The findings about valid deployments together."""
    return [*_overlaps(loaded, platform), *_unused(loaded, platform)]


def _overlaps(loaded: Sequence[Loaded], platform: Platform) -> Iterator[Finding]:
    """Deployments that make the same objects, whether or not they have the same name.

    Not an error: they may be for two clusters.
    """
    owners: dict[tuple[str, ObjectKey], Loaded] = {}
    for item in loaded:
        clashes = [
            (key, owner)
            for key in _objects(item, platform)
            if (owner := owners.setdefault((item.deployment.namespace, key), item)) is not item
        ]
        if clashes:
            yield _overlap(item, *clashes[0])


def _overlap(item: Loaded, key: ObjectKey, owner: Loaded) -> Finding:
    path = ("metadata", "name")
    line = owner.document.line(path)
    place = owner.source.name if line is None else f"{owner.source.name}:{line}"
    if owner.name == item.name:
        what = f"{item.name} is described at {place} too"
    else:
        what = f"{item.name} makes {' '.join(key)}, and so does {owner.name} at {place}"
    finding = Finding(
        "D206",
        "warning",
        ".".join(path),
        f"{what}: of two applied to one cluster, the later one stays",
        "apply each to a cluster of its own, or rename one",
    )
    return item.document.locate(finding, path)


def _objects(item: Loaded, platform: Platform) -> Iterator[ObjectKey]:
    name, spec = item.deployment.name, item.deployment.spec
    template = spec.template.spec
    return object_keys(name, spec.replicas, template.engines, template.serving_mode, platform)


def _unused(loaded: Sequence[Loaded], platform: Platform) -> Iterator[Finding]:
    """Device classes of requests that no document has: a name mistyped keeps the default."""
    requests = {
        device.name
        for item in loaded
        for engine in item.deployment.spec.template.spec.engines
        for member in engine.members
        if member.node_selector is not None
        for device in member.node_selector.devices
    }
    for request in sorted(platform.device_classes.keys() - requests):
        known = ", ".join(sorted(requests)) or "none"
        yield Finding(
            "D208",
            "warning",
            "",
            f"--device-class names request {request!r}, which no document has; they have: {known}",
            "correct the name, or leave the option out",
        )
