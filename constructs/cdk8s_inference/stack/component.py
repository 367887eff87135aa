"""Component: one thing that a serving stack installs, as data."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from graphlib import CycleError, TopologicalSorter
from typing import Any

from cdk8s_inference.arguments import checked
from cdk8s_inference.arguments.objects import JsonObject
from cdk8s_inference.kubernetes_types import DnsLabel, NonEmpty

Manifest = JsonObject
"""A Kubernetes object."""


@checked
@dataclass(frozen=True)
class HelmChart:
    """A Helm chart.

    Attributes:
        repository: URL of its repository; ``oci://`` for one in a registry, without the name.
        name: Its name there.
        version: Its version.
    """

    repository: NonEmpty
    name: NonEmpty
    version: NonEmpty

    @property
    def is_oci(self) -> bool:
        """Whether it comes from a container registry."""
        return self.repository.startswith("oci://")

    @property
    def url(self) -> str:
        """Its own URL in a registry."""
        return f"{self.repository}/{self.name}"


@checked
@dataclass(frozen=True)
class Component:
    """A part of a serving stack: a chart, CRDs, objects of our own, or several of these.

    Attributes:
        name: Its name, and its Helm release's. It is short and the same everywhere: a longer
            release name runs charts' labels over their 63 characters.
        namespace: Where its chart goes.
        chart: The chart; None for a component that is CRDs or manifests alone.
        values: The chart's values.
        crds: CRDs that are applied before everything else. The chart's own are left out then:
            Helm never upgrades those, and Envoy Gateway's include Gateway API's experimental
            ones.
        manifests: Objects that are applied before the chart.
        after: Names of components that must be there first.
    """

    name: NonEmpty
    namespace: DnsLabel | None = None
    chart: HelmChart | None = None
    values: JsonObject = field(default_factory=dict)
    crds: Sequence[Mapping[str, Any]] = ()
    manifests: Sequence[Manifest] = ()
    after: Sequence[NonEmpty] = ()

    @property
    def brings_own_crds(self) -> bool:
        """Whether the chart's own CRDs are installed."""
        return not self.crds


def stages(components: Iterable[Component]) -> list[list[Component]]:
    """The components in the order they must come in: those of a stage need only earlier stages.

    A component that is not among them is there already, and holds up nothing.

    Raises:
        ValueError: Some of them wait for each other.
    """
    named = {component.name: component for component in components}
    graph = {
        name: [earlier for earlier in component.after if earlier in named]
        for name, component in named.items()
    }
    sorter = TopologicalSorter(graph)
    try:
        sorter.prepare()
    except CycleError as error:
        raise ValueError(f"components wait for each other: {' -> '.join(error.args[1])}") from None
    order = list(named)
    result = []
    while sorter.is_active():
        ready = sorted(sorter.get_ready(), key=order.index)
        result.append([named[name] for name in ready])
        sorter.done(*ready)
    return result


def merge(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """Values with others over them, as Helm merges: maps key by key, all else as a whole."""
    result = dict(base)
    for key, value in over.items():
        below = result.get(key)
        if isinstance(below, Mapping) and isinstance(value, Mapping):
            value = merge(below, value)
        result[key] = value
    return result
