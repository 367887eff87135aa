"""One served model: what answers its requests, and what leads to that."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Literal

from cdk8s_inference.findings import field_path
from cdk8s_inference.topology.autoscaler import Autoscaler
from cdk8s_inference.topology.claim import Claim
from cdk8s_inference.topology.engine import Engine
from cdk8s_inference.topology.gateway import Gateway
from cdk8s_inference.topology.kube_object import KubeObject, SourceValue
from cdk8s_inference.topology.picker import Picker
from cdk8s_inference.topology.pool import Pool, Service
from cdk8s_inference.topology.reference import Reference
from cdk8s_inference.topology.route import Route, RouteRule
from cdk8s_inference.topology.sidecar import Sidecar
from cdk8s_inference.topology.workload import Pods, Workload

if TYPE_CHECKING:
    from cdk8s_inference.topology.topology import Topology

ServedRole = Literal["prefill", "decode", "both", "encode"]
"""What engines do of a request; ``both`` prefill and decode, as without disaggregation."""

_ROLES: dict[str, ServedRole] = {
    "prefill": "prefill",
    "kv_producer": "prefill",
    "decode": "decode",
    "kv_consumer": "decode",
    "encode": "encode",
}
"""By the label of the role, SGLang's mode or vLLM's ``kv_role``; another word means both."""


@dataclass(frozen=True, eq=False)
class ServedEngine:
    """The engines that one workload runs: single pods, or gangs of several.

    Attributes:
        workload: What makes its pods.
        pods: Its pods that serve: the only ones, or the leader's, and the followers' after them.
        role: What it does of a request; None where its label has a role that the picker's filters
            choose for neither prefill nor decode.
        autoscaler: What changes its copies, where that was read.
        devices_per_pod: The accelerators of a pod for each entry of ``pods``; None where that
            cannot be told, 0 where a pod asks for none.
        claims: The device claims of its pods, and templates of such, that were read.
    """

    workload: Workload
    pods: tuple[Pods, ...]
    role: ServedRole | None
    autoscaler: Autoscaler | None
    devices_per_pod: tuple[int | None, ...]
    claims: tuple[Claim, ...]

    @property
    def object(self) -> KubeObject:
        """The workload's object."""
        return self.workload.object

    @cached_property
    def part(self) -> str:
        """Which part of its object makes its pods, such as a role; empty for all of the object."""
        at, root = self.workload.at, self.object.root.path
        within = at.path[len(root) :]
        if within in ((), ("spec",)):
            return ""
        # A DisaggregatedSet has the name beside the spec.
        beside = self.object.at(*within[:-1]) if within[-1] == "spec" else at
        last = within[-1]
        named = at["name"].text or at["groupName"].text or beside["name"].text
        return named or (last if isinstance(last, str) else field_path(within))

    @property
    def name(self) -> str:
        """The workload's name, and which part of it, such as ``qwen/prefill``."""
        return f"{self.workload.name}/{self.part}" if self.part else self.workload.name

    @cached_property
    def engine(self) -> Engine | None:
        """The model server of the pod that takes requests; None where none is known."""
        return next((pods.engine for pods in self.pods if pods.engine is not None), None)

    @cached_property
    def sidecar(self) -> Sidecar | None:
        """The pd-sidecar in front of it, if there is one."""
        return next((pods.sidecar for pods in self.pods if pods.sidecar is not None), None)

    @property
    def copies(self) -> int | None:
        """How many copies run, at the least by its autoscaler; None for one on each node."""
        if self.workload.kind == "DaemonSet":
            return None
        if self.autoscaler is not None:
            return max(0, self.autoscaler.least.value)
        return max(0, self.workload.copies.value)

    @property
    def gang_size(self) -> int:
        """Pods of a copy; 1 unless it is a gang."""
        return max(1, self.workload.size.value)

    @property
    def pod_count(self) -> int | None:
        """Pods of all copies; None for one on each node."""
        return None if self.copies is None else self.copies * self.gang_size

    @cached_property
    def devices_per_copy(self) -> int | None:
        """Accelerators of a copy, over all of its pods; None where that cannot be told."""
        counts = [
            None if devices is None else devices * pods.per_copy
            for pods, devices in zip(self.pods, self.devices_per_pod, strict=True)
        ]
        known = [count for count in counts if count is not None]
        return sum(known) if len(known) == len(counts) else None

    @property
    def devices(self) -> int | None:
        """Accelerators of all copies; None where that cannot be told."""
        each, copies = self.devices_per_copy, self.copies
        return None if each is None or copies is None else each * copies

    @property
    def model(self) -> SourceValue[str] | None:
        """The model that it loads; None where that is not said in its flags."""
        return None if self.engine is None else self.engine.model


@dataclass(frozen=True, eq=False)
class ServedModel:
    """What serves one model as one: a pool, a Service, or engines that nothing leads to.

    Attributes:
        object: What it is known by: the InferencePool, the picker's workload where its flags
            select the pods, else the Service, else the workload.
        pool: The pool; None where requests reach engines without one.
        pickers: Those that pick from the pool, the pool's own first.
        engines: Its engines.
        services: The Services that select its engines or its pickers.
        routes: The HTTPRoutes that lead to it.
        parents: What those attach to, read or not.
        gateways: The Gateways of these that were read.
    """

    object: KubeObject
    pool: Pool | None
    pickers: tuple[Picker, ...]
    engines: tuple[ServedEngine, ...]
    services: tuple[Service, ...]
    routes: tuple[Route, ...]
    parents: tuple[Reference, ...]
    gateways: tuple[Gateway, ...]

    def __str__(self) -> str:
        """As messages name it."""
        return str(self.pool or self.object)

    @property
    def name(self) -> str:
        """The name of what it is known by."""
        return self.object.name

    @property
    def namespace(self) -> str:
        """The namespace of its pods."""
        return self.object.namespace if self.pool is None else self.pool.namespace

    @property
    def picker(self) -> Picker | None:
        """The endpoint picker, if one was read."""
        return next(iter(self.pickers), None)

    @property
    def disaggregates(self) -> bool:
        """Whether prefill and decode are meant to be apart."""
        return any(each.role == "prefill" for each in self.engines)

    def of_role(self, *roles: ServedRole) -> tuple[ServedEngine, ...]:
        """Its engines of some roles."""
        return tuple(each for each in self.engines if each.role in roles)

    @cached_property
    def models(self) -> tuple[str, ...]:
        """The models that its engines load, each once."""
        found = (each.model for each in self.engines)
        return tuple(dict.fromkeys(each.value for each in found if each is not None))

    @cached_property
    def served_names(self) -> tuple[str, ...]:
        """The names by which requests call its models, each once."""
        names = (each.engine.served_name for each in self.engines if each.engine is not None)
        return tuple(dict.fromkeys(each.value for each in names if each is not None))

    @cached_property
    def hosts(self) -> tuple[str, ...]:
        """The hosts that its routes are for; empty where they take any."""
        return tuple(dict.fromkeys(host for route in self.routes for host in route.hosts))

    @cached_property
    def claims(self) -> tuple[Claim, ...]:
        """The device claims of its engines, and templates of such, that were read."""
        return tuple(dict.fromkeys(claim for each in self.engines for claim in each.claims))

    @property
    def devices(self) -> int | None:
        """Accelerators of all copies of all engines; None where that cannot be told."""
        counts = [each.devices for each in self.engines]
        known = [count for count in counts if count is not None]
        return sum(known) if len(known) == len(counts) else None

    def rules(self, route: Route) -> list[RouteRule]:
        """The rules of a route that lead to it."""
        return [
            rule for rule in route.rules if any(self.is_backend(each) for each in rule.backends)
        ]

    def is_backend(self, reference: Reference) -> bool:
        """Whether a route's reference names its pool, or one of its Services."""
        return _leads_to(reference, self.pool, self.services)


def served_models(topology: Topology) -> Iterator[ServedModel]:
    """The served models of a topology; those of pools first, then of Services, then of neither."""
    taken: set[Pods] = set()
    for pool in topology.pools:
        members = [pods for pods in pool.members if pods.picker_container is None]
        members = [pods for pods in members if pods not in pool.strays]
        taken.update(members)
        pickers = _pickers(topology, pool)
        yield _model(topology, pool.object, pool, pickers, members)
    free = [pods for pods in topology.serving if pods not in taken]
    for services, members in _by_service(topology, free):
        taken.update(members)
        yield _model(topology, services[0].object, None, (), members)
    reached = {pods.workload for pods in taken}
    lone: dict[KubeObject, list[Pods]] = {}
    for pods in free:
        if pods.workload not in reached:
            lone.setdefault(pods.object, []).append(pods)
    for owner, members in lone.items():
        yield _model(topology, owner, None, (), members)


def _pickers(topology: Topology, pool: Pool) -> tuple[Picker, ...]:
    others = (
        each
        for each in topology.pickers
        if pool.is_resource
        and each.endpoint_selector is None
        and each.object.namespace == pool.object.namespace
        and each.pool_name.value == pool.object.name
    )
    own = () if pool.picker is None else (pool.picker,)
    return tuple(dict.fromkeys((*own, *others)))


def _by_service(
    topology: Topology, pods: Sequence[Pods]
) -> Iterator[tuple[list[Service], list[Pods]]]:
    """Pods by the Services that select them: Services with pods in common are together.

    Those that routes lead to come first, and else those with an address of their own.
    """
    led_to = {
        (reference.namespace, reference.name.value)
        for route in topology.routes
        for reference in route.all_backends()
        if reference.kind == "Service"
    }

    def rank(service: Service) -> tuple[bool, bool]:
        found = service.object
        headless = found.at("spec", "clusterIP").text == "None"
        return (found.namespace, found.name) not in led_to, headless

    wanted = frozenset(pods)
    groups: list[tuple[list[Service], list[Pods]]] = []
    for service in topology.services:
        services, members = [service], [each for each in service.backends if each in wanted]
        if not members:
            continue
        apart = []
        for group in groups:
            if wanted.intersection(group[1]).isdisjoint(members):
                apart.append(group)
            else:
                services, members = [*group[0], *services], [*group[1], *members]
        groups = [*apart, (services, list(dict.fromkeys(members)))]
    for services, members in groups:
        yield sorted(services, key=rank), members


def _by_workload(pods: Iterable[Pods]) -> Iterator[tuple[Workload, list[Pods]]]:
    found: dict[Workload, list[Pods]] = {}
    for each in pods:
        found.setdefault(each.workload, []).append(each)
    yield from found.items()


def _model(
    topology: Topology,
    owner: KubeObject,
    pool: Pool | None,
    pickers: tuple[Picker, ...],
    members: Sequence[Pods],
) -> ServedModel:
    engines = tuple(
        _engine(topology, workload, pool, own) for workload, own in _by_workload(members)
    )
    answering = {pods for each in engines for pods in each.pods}
    answering.update(picker.pods for picker in pickers)
    services = [each for each in topology.services if not answering.isdisjoint(each.backends)]
    if pool is not None and pool.service is not None:
        services.append(pool.service)
    services = list(dict.fromkeys(services))
    routes = tuple(
        route
        for route in topology.routes
        if any(_leads_to(each, pool, services) for each in route.all_backends())
    )
    parents = {str(each): each for route in routes for each in reversed(route.parents)}
    gateways = (
        topology.gateway(each.namespace, each.name.value)
        for each in parents.values()
        if each.kind == "Gateway"
    )
    found = tuple(dict.fromkeys(each for each in gateways if each is not None))
    return ServedModel(
        owner, pool, pickers, engines, tuple(services), routes, tuple(parents.values()), found
    )


def _engine(
    topology: Topology, workload: Workload, pool: Pool | None, members: Sequence[Pods]
) -> ServedEngine:
    # A pool selects leaders alone; followers belong to the same copies.
    beside = (
        each
        for each in topology.pods_of(workload)
        if each.part == "follower" and each not in members
    )
    pods = (*members, *beside)
    claims = (topology.claim(made) for each in pods for made in each.claims)
    return ServedEngine(
        workload,
        pods,
        _role(pool, members[0]),
        topology.autoscaler(workload),
        tuple(_devices(topology, each) for each in pods),
        tuple(dict.fromkeys(claim for claim in claims if claim is not None)),
    )


def _role(pool: Pool | None, pods: Pods) -> ServedRole | None:
    engine = pods.engine
    if engine is not None and engine.mode is not None:
        return _ROLES.get(engine.mode.value, "both")
    if pods.role.value == "encode":
        return "encode"
    if pool is not None and pool.disaggregates is None:
        return "both"
    if pool is not None and not pool.has_other_role_filters:
        prefills, decodes = pods in pool.of_role("prefill"), pods in pool.of_role("decode")
        if prefills and decodes:
            return "both"
        return "prefill" if prefills else "decode" if decodes else None
    transfer = engine.transfer if engine is not None else None
    said = pods.role.value or (transfer.role if transfer is not None else "")
    return _ROLES.get(said, "both")


def _devices(topology: Topology, pods: Pods) -> int | None:
    # Containers that share a claim share its devices: those of the engine's are the pod's.
    found = [pods.engine.container] if pods.engine is not None else list(pods.staying)
    for container in found:
        devices = topology.devices(pods, container)
        if devices is not None:
            return devices.value
    asks = any(each.claims or each.may_have_accelerator for each in found)
    return None if asks or pods.may_gain("devices") else 0


def _leads_to(reference: Reference, pool: Pool | None, services: Iterable[Service]) -> bool:
    named = (reference.namespace, reference.name.value)
    if reference.is_pool:
        is_named = pool is not None and (pool.object.namespace, pool.object.name) == named
        return is_named and pool is not None and pool.is_resource
    return reference.kind == "Service" and any(
        (each.object.namespace, each.object.name) == named for each in services
    )
