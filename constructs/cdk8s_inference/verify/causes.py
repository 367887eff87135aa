"""The findings over live objects that explain why a deployment does not do what it is meant to."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from cdk8s_inference.findings import Finding
from cdk8s_inference.topology import KubeObject, ServedModel

_SHOWN = 5


def causes(findings: Iterable[Finding], served: ServedModel) -> tuple[Finding, ...]:
    """The errors about a deployment's objects, or else the warnings; the first of them.

    Args:
        findings: What is found in the namespace, errors first.
        served: The deployment.
    """
    files = {each.document.file for each in _objects(served)}
    about = [
        each
        for each in findings
        if each.waived is None
        and not files.isdisjoint({each.file, *(place.file for place in each.related)})
    ]
    for severity in ("error", "warning"):
        found = [each for each in about if each.severity == severity]
        if found:
            return tuple(found[:_SHOWN])
    return ()


def _objects(served: ServedModel) -> Iterator[KubeObject]:
    yield served.object
    yield from (each.object for each in served.engines)
    yield from (each.object for each in served.services)
    yield from (each.object for each in served.routes)
    yield from (each.object for each in served.gateways)
    for picker in served.pickers:
        yield picker.object
        if picker.config_volume is not None:
            name, _ = picker.config_volume
            if (found := picker.config_maps.get(name.value)) is not None:
                yield found
