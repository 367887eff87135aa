"""What a set of Kubernetes objects serves, and how its parts refer to each other."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property

from cdk8s_inference.spec.source import Document
from cdk8s_inference.topology.chart_release import ChartRelease, chart_releases
from cdk8s_inference.topology.located import KubeObject, Unread, kube_objects, strings
from cdk8s_inference.topology.picker import Picker
from cdk8s_inference.topology.pool import Pool, Service, selector
from cdk8s_inference.topology.route import Route
from cdk8s_inference.topology.workload import Pods, Workload, workloads

_COMPOSED_LATER = frozenset(
    {
        "DynamoComponentDeployment",
        "DynamoGraphDeployment",
        "InferenceService",
        "LLMInferenceService",
        "RoleBasedGroup",
    }
)
"""Kinds from which a controller makes the objects that are of interest here."""

_POOL_GROUPS = ("inference.networking.k8s.io", "inference.networking.x-k8s.io")


@dataclass(frozen=True, eq=False)
class Topology:
    """Everything that was read, as one.

    Attributes:
        objects: The Kubernetes objects, of any kind.
        workloads: What makes pods.
        pods: Their pods, one entry for each template.
        pickers: The endpoint pickers.
        pools: The InferencePools.
        services: The Services.
        routes: The HTTPRoutes.
    """

    objects: tuple[KubeObject, ...]
    workloads: tuple[Workload, ...]
    pods: tuple[Pods, ...]
    pickers: tuple[Picker, ...]
    pools: tuple[Pool, ...]
    services: tuple[Service, ...]
    routes: tuple[Route, ...]

    def of_kind(self, *kinds: str) -> list[KubeObject]:
        """The objects of some kinds."""
        return [found for found in self.objects if found.kind in kinds]

    def find(self, kind: str, namespace: str, name: str) -> KubeObject | None:
        """The object of a name, if it was read."""
        for found in self.objects:
            if (found.kind, found.namespace, found.name) == (kind, namespace, name):
                return found
        return None

    def service(self, namespace: str, name: str) -> Service | None:
        """The Service of a name, if it was read."""
        for each in self.services:
            if (each.object.namespace, each.object.name) == (namespace, name):
                return each
        return None

    @cached_property
    def chart_releases(self) -> tuple[ChartRelease, ...]:
        """The Helm charts that tools in the cluster install."""
        return tuple(chart_releases(self.objects))

    @cached_property
    def serving(self) -> tuple[Pods, ...]:
        """The pods that run an engine."""
        return tuple(pods for pods in self.pods if pods.engine is not None)

    @cached_property
    def disaggregated(self) -> tuple[Pool, ...]:
        """The pools in which prefill and decode are meant to be apart."""
        return tuple(pool for pool in self.pools if pool.disaggregates is not None)

    @cached_property
    def unread(self) -> list[Unread]:
        """What could not be read, so that the rules about it say nothing."""
        found = [
            Unread(each.here.of(each.kind), "a controller makes the objects from it: check those")
            for each in self.objects
            if each.kind in _COMPOSED_LATER
        ]
        for pods in self.serving:
            assert pods.engine is not None
            found += [Unread(flag, "only the pod knows the value") for flag in pods.engine.unread]
        for pool in self.pools:
            found += [
                Unread(pods.here, f"no engine that is known runs in it, but {pool.object} has it")
                for pods in pool.members
                if pods.engine is None and pods.picker_container is None and pods.part != "follower"
            ]
        return found


def read_topology(documents: Iterable[Document]) -> Topology:
    """The topology of what was read; never fails, whatever the documents hold.

    Args:
        documents: Kubernetes objects of any origin; others are passed over.
    """
    objects = tuple(kube_objects(documents))
    made = list(workloads(list(objects)))
    pods = tuple(each for _, templates in made for each in templates)
    services = tuple(
        Service(found, _selected(pods, found.namespace, strings(found.at("spec", "selector"))))
        for found in objects
        if found.kind == "Service"
    )
    config_maps: dict[str, dict[str, KubeObject]] = {}
    for found in objects:
        if found.kind == "ConfigMap":
            config_maps.setdefault(found.namespace, {})[found.name] = found
    pickers = tuple(
        Picker(
            each.picker_container,
            "picker",
            pods=each,
            config_maps=config_maps.get(each.object.namespace, {}),
        )
        for each in pods
        if each.picker_container is not None
    )
    found_pools = [
        found for found in objects if found.kind == "InferencePool" and found.group in _POOL_GROUPS
    ]
    taken = {(found.namespace, found.name) for found in found_pools}
    free = tuple(
        each for each in pickers if (each.object.namespace, each.pool_name.value) not in taken
    )
    pools = tuple(_pool(found, pods, pickers, free, services) for found in found_pools)
    routes = tuple(Route(found) for found in objects if found.kind == "HTTPRoute")
    return Topology(
        objects, tuple(workload for workload, _ in made), pods, pickers, pools, services, routes
    )


def _selected(pods: Iterable[Pods], namespace: str, wanted: Mapping[str, str]) -> tuple[Pods, ...]:
    return tuple(
        each
        for each in pods
        if wanted and each.object.namespace == namespace and wanted.items() <= each.labels.items()
    )


def _pool(
    found: KubeObject,
    pods: tuple[Pods, ...],
    pickers: tuple[Picker, ...],
    free: tuple[Picker, ...],
    services: tuple[Service, ...],
) -> Pool:
    """A pool, with its picker: behind its Service, or that picks from it, or the only free one."""
    members = _selected(pods, found.namespace, selector(found).value)
    pool = Pool(found, members, None, None)
    name = pool.picker_name
    service = next(
        (
            each
            for each in services
            if name is not None
            and (each.object.namespace, each.object.name) == (found.namespace, name.value)
        ),
        None,
    )
    behind = [each for each in pickers if service is not None and each.pods in service.backends]
    near = [each for each in pickers if each.object.namespace == found.namespace]
    own = [each for each in near if each.pool_name.value == found.name]
    named = [each for each in free if each.pool_name.value == found.name]
    beside = [each for each in near if each in free]
    candidates = behind or own or named or (beside if len(beside) == 1 else [])
    return Pool(found, members, candidates[0] if candidates else None, service)
