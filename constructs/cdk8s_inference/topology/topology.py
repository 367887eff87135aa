"""What a set of Kubernetes objects serves, and how its parts refer to each other."""

from __future__ import annotations

from collections import ChainMap, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from cdk8s_inference.schemas import ANY_RELEASE, ClusterApi
from cdk8s_inference.source import Document
from cdk8s_inference.topology.access import (
    BINDING_KINDS,
    ROLE_KINDS,
    Access,
    AccessBinding,
    Accesses,
    AccessRole,
)
from cdk8s_inference.topology.autoscaler import AUTOSCALER_KINDS, Autoscaler
from cdk8s_inference.topology.budget import Budget
from cdk8s_inference.topology.chart_release import ChartRelease, chart_releases
from cdk8s_inference.topology.claim import (
    CLAIM_KINDS,
    Claim,
    ClaimUse,
    PodClaim,
    device_class_selectors,
    total,
)
from cdk8s_inference.topology.container import Container
from cdk8s_inference.topology.controlled_kind import ControlledKind
from cdk8s_inference.topology.envoy import Envoy, envoys_of
from cdk8s_inference.topology.gateway import Gateway, ReferenceGrant
from cdk8s_inference.topology.kinds import Addition, kind_of
from cdk8s_inference.topology.kube_object import KubeObject, SourceValue, Unread, kube_objects
from cdk8s_inference.topology.llm_inference_service import composed_services
from cdk8s_inference.topology.picker import Picker
from cdk8s_inference.topology.pods_by_label import PodsByLabel
from cdk8s_inference.topology.pool import (
    Endpoints,
    Pool,
    Service,
    pool_endpoints,
    service_selector,
)
from cdk8s_inference.topology.reference import Reference
from cdk8s_inference.topology.route import GATEWAY_GROUP, Route
from cdk8s_inference.topology.schema_mismatch import SchemaMismatch, schema_mismatches
from cdk8s_inference.topology.selector import Selector, label_selector
from cdk8s_inference.topology.served_model import ServedModel, served_models
from cdk8s_inference.topology.workload import Pods, Workload, workloads

_POOL_GROUPS = ("inference.networking.k8s.io", "inference.networking.x-k8s.io")


@dataclass(frozen=True, eq=False)
class Topology:
    """Everything that was read, as one.

    Attributes:
        objects: The Kubernetes objects, of any kind.
        workloads: What makes pods.
        pods: Their pods, one entry for each template.
        pickers: The endpoint pickers.
        envoys: The Envoys that are configured by a file, such as the one beside a picker.
        pools: What pickers pick from: the InferencePools, and what flags of pickers select.
        services: The Services.
        routes: The HTTPRoutes.
        gateways: The Gateways of the Gateway API, which routes attach to.
        grants: The ReferenceGrants, by which routes may lead into other namespaces.
        claims: The ResourceClaims, and the templates of such.
        autoscalers: What changes how many copies of workloads run.
        budgets: The PodDisruptionBudgets.
        roles: The Roles and ClusterRoles.
        bindings: The RoleBindings and ClusterRoleBindings.
        device_selectors: The CEL expressions by which claims and DeviceClasses select devices.
        made: Pools and Services that a controller makes of what was read.
        complete: Whether what was read is said to be all there is: what is missing from it does
            not exist then.
        api: The API of the cluster that the objects are for.
    """

    objects: tuple[KubeObject, ...]
    workloads: tuple[Workload, ...]
    pods: tuple[Pods, ...]
    pickers: tuple[Picker, ...]
    envoys: tuple[Envoy, ...]
    pools: tuple[Pool, ...]
    services: tuple[Service, ...]
    routes: tuple[Route, ...]
    gateways: tuple[Gateway, ...]
    grants: tuple[ReferenceGrant, ...]
    claims: tuple[Claim, ...]
    autoscalers: tuple[Autoscaler, ...]
    budgets: tuple[Budget, ...]
    roles: tuple[AccessRole, ...]
    bindings: tuple[AccessBinding, ...]
    device_selectors: tuple[SourceValue[str], ...]
    made: tuple[KubeObject, ...] = ()
    complete: bool = False
    api: ClusterApi = ANY_RELEASE

    def of_kind(self, *kinds: str) -> list[KubeObject]:
        """The objects of some kinds."""
        if len(kinds) == 1:
            return list(self._of_kind.get(kinds[0], ()))
        return [found for found in self.objects if found.kind in kinds]

    @cached_property
    def _of_kind(self) -> Mapping[str, Sequence[KubeObject]]:
        found: dict[str, list[KubeObject]] = defaultdict(list)
        for each in self.objects:
            found[each.kind].append(each)
        return found

    @cached_property
    def _index(self) -> dict[tuple[str, str, str], KubeObject]:
        # Of objects that have all three in common the first counts.
        found = (*self.objects, *self.made)
        return {(each.kind, each.namespace, each.name): each for each in reversed(found)}

    def find(self, kind: str, namespace: str, name: str) -> KubeObject | None:
        """The object of a name, if it was read."""
        return self._index.get((kind, namespace, name))

    def resolve(self, reference: Reference) -> KubeObject | None:
        """The object that another one names, if it was read."""
        return self.find(reference.kind, reference.namespace, reference.name.value)

    @cached_property
    def _services(self) -> dict[tuple[str, str], Service]:
        return {(each.object.namespace, each.object.name): each for each in reversed(self.services)}

    def service(self, namespace: str, name: str) -> Service | None:
        """The Service of a name, if it was read."""
        return self._services.get((namespace, name))

    @cached_property
    def _gateways(self) -> dict[tuple[str, str], Gateway]:
        return {(each.object.namespace, each.object.name): each for each in reversed(self.gateways)}

    def gateway(self, namespace: str, name: str) -> Gateway | None:
        """The Gateway of a name, if it was read."""
        return self._gateways.get((namespace, name))

    @cached_property
    def routes_to(self) -> Mapping[KubeObject, Sequence[Route]]:
        """The routes that lead to each InferencePool that was read."""
        found: dict[KubeObject, list[Route]] = defaultdict(list)
        for route in self.routes:
            pools = (self.resolve(each) for each in route.all_backends() if each.is_pool)
            for pool in dict.fromkeys(each for each in pools if each is not None):
                found[pool].append(route)
        return found

    @cached_property
    def _claims(self) -> dict[tuple[str, str, str], Claim]:
        return {
            (each.object.kind, each.object.namespace, each.object.name): each
            for each in reversed(self.claims)
        }

    def claim(self, made: PodClaim) -> Claim | None:
        """What a pod's claim is, or is made from, if it was read."""
        kind = "ResourceClaim" if made.claim else "ResourceClaimTemplate"
        name = made.claim or made.template
        return self._claims.get((kind, made.object.namespace, name.value)) if name else None

    def devices(self, pods: Pods, container: Container) -> SourceValue[int] | None:
        """How many accelerators a container of pods gets; None where that cannot be told.

        By the claims that it uses, or where none of them gives any, of a device plugin.
        """
        claims = self.accelerator_claims(pods, container)
        used = [(self.used_claim(pods, use), use.request) for use in claims]
        counts = [claim.count(request) if claim else None for claim, request in used]
        unread = container.plugin_devices is not None and not any(counts)
        return container.plugin_devices if not counts or unread else total(counts)

    def asks_for_one_kind(self, pods: Pods, container: Container) -> bool:
        """Whether the devices that a container of pods gets are those of one request."""
        claims = [self.used_claim(pods, use) for use in container.claims]
        return all(claim is not None and len(claim.requests) == 1 for claim in claims)

    def is_channel(self, made: PodClaim) -> bool:
        """Whether a pod's claim is of a ComputeDomain: a channel between nodes, and no device.

        The domain's controller makes the template.
        """
        name = made.template
        return name is not None and (made.object.namespace, name.value) in self._channels

    @cached_property
    def _channels(self) -> frozenset[tuple[str, str | None]]:
        at = ("spec", "channel", "resourceClaimTemplate", "name")
        domains = self.of_kind("ComputeDomain")
        return frozenset((each.namespace, each.at(*at).text) for each in domains)

    def used_claim(self, pods: Pods, use: ClaimUse) -> Claim | None:
        """What a container of pods uses, if it was read."""
        made = next((each for each in pods.claims if each.name.value == use.name.value), None)
        return self.claim(made) if made else None

    def accelerator_claims(self, pods: Pods, container: Container) -> list[ClaimUse]:
        """The claims that a container uses, but for those that give no accelerator for sure.

        Such as NVIDIA's of an IMEX channel, whose template a ComputeDomain's controller makes.
        """
        made = {each.name.value: each for each in pods.claims}
        found = []
        for use in container.claims:
            claim = made.get(use.name.value)
            read = self.used_claim(pods, use)
            channel = claim is not None and self.is_channel(claim)
            if not channel and (read is None or read.may_give_accelerators(use.request)):
                found.append(use)
        return found

    def gets_accelerator(self, pods: Pods, container: Container) -> bool:
        """Whether a container may get an accelerator, by a claim or of a device plugin."""
        return bool(self.accelerator_claims(pods, container)) or container.may_have_accelerator

    @cached_property
    def _autoscalers(self) -> dict[tuple[str, str, str], Autoscaler]:
        return {
            (each.target.kind, each.target.namespace, each.target.name.value): each
            for each in reversed(self.autoscalers)
        }

    def autoscaler(self, workload: Workload) -> Autoscaler | None:
        """What scales a workload, if that was read."""
        return self._autoscalers.get((workload.kind, workload.namespace, workload.name))

    def access(self, namespace: str, account: str) -> Access:
        """What a ServiceAccount may do in its namespace."""
        return self._accesses.of(namespace, account)

    @cached_property
    def _accesses(self) -> Accesses:
        return Accesses(self.roles, self.bindings)

    @cached_property
    def duplicates(self) -> list[tuple[KubeObject, KubeObject]]:
        """Objects of one group, kind, namespace and name: the first of them, and each other one.

        A file for each of two environments may hold the same object; that does no harm.
        """
        found: dict[tuple[str, str, str, str], list[KubeObject]] = defaultdict(list)
        for each in self.objects:
            if each.name and each.kind:
                found[each.group, each.kind, each.namespace, each.name].append(each)
        return [
            (first, other)
            for first, *others in found.values()
            for other in others
            if other.root.value != first.root.value or other.document.file == first.document.file
        ]

    @cached_property
    def alternative_files(self) -> frozenset[frozenset[str | None]]:
        """Pairs of files that differ about one object: nobody applies both as they are."""
        pairs = (
            frozenset((first.document.file, other.document.file))
            for first, other in self.duplicates
        )
        return frozenset(pair for pair in pairs if len(pair) > 1)

    @cached_property
    def alternatives(self) -> frozenset[KubeObject]:
        """The objects that some file holds otherwise."""
        pairs = (each for each in self.duplicates if each[0].document.file != each[1].document.file)
        return frozenset(found for pair in pairs for found in pair)

    @cached_property
    def chart_releases(self) -> tuple[ChartRelease, ...]:
        """The Helm charts that tools in the cluster install."""
        return tuple(chart_releases(self.objects))

    def charts(self, *names: str) -> list[ChartRelease]:
        """Those of some charts."""
        return [release for release in self.chart_releases if release.chart.value in names]

    def running(self, image: str) -> Iterator[tuple[Pods, Container]]:
        """The pods and containers whose image's name, without its tag, ends so."""
        for pods in self.pods:
            for container in pods.staying:
                name = container.image.value.partition("@")[0]
                if f"/{name.removesuffix(f':{container.image_tag}')}".endswith(f"/{image}"):
                    yield pods, container

    @cached_property
    def serving(self) -> tuple[Pods, ...]:
        """The pods that run an engine."""
        return tuple(pods for pods in self.pods if pods.engine is not None)

    @cached_property
    def _pods_of(self) -> dict[Workload, list[Pods]]:
        found: dict[Workload, list[Pods]] = defaultdict(list)
        for pods in self.pods:
            found[pods.workload].append(pods)
        return found

    def pods_of(self, workload: Workload) -> Sequence[Pods]:
        """The pods that a workload makes, one entry for each template."""
        return self._pods_of.get(workload, ())

    @cached_property
    def served_models(self) -> tuple[ServedModel, ...]:
        """What serves one model as one: by pools, and of the other engines by Services."""
        return tuple(served_models(self))

    @cached_property
    def inference_pools(self) -> tuple[Pool, ...]:
        """The pools that are InferencePools, which gateways know."""
        return tuple(pool for pool in self.pools if pool.is_resource)

    @cached_property
    def disaggregated(self) -> tuple[Pool, ...]:
        """The pools in which prefill and decode are meant to be apart."""
        found = (pool for pool in self.pools if pool.disaggregates is not None)
        return tuple(pool for pool in found if not pool.has_other_role_filters)

    @cached_property
    def _relabeled(self) -> dict[str, list[Pods]]:
        """Pods that a controller may give labels to, by namespace."""
        found: dict[str, list[Pods]] = defaultdict(list)
        for pods in self.pods:
            if pods.may_gain("labels"):
                found[pods.object.namespace].append(pods)
        return found

    def may_select(self, owner: KubeObject, selector: Selector) -> bool:
        """Whether an object's selector may match pods by labels that a controller adds to them."""
        near = self._relabeled.get(owner.namespace, ())
        return any(pods.may_be_selected(owner, selector) for pods in near)

    @cached_property
    def controlled_kinds(self) -> tuple[ControlledKind, ...]:
        """The kinds that controllers of other projects make pods from, known or not."""
        read: dict[KubeObject, list[Pods]] = {
            each: [] for each in self.objects if kind_of(each.group, each.kind) is not None
        }
        for pods in self.pods:
            if pods.workload.is_controlled:
                read.setdefault(pods.object, []).append(pods)
        kinds: dict[tuple[str, str], list[KubeObject]] = defaultdict(list)
        for each in read:
            kinds[each.group, each.kind].append(each)
        return tuple(
            ControlledKind(
                group,
                name,
                tuple(objects),
                sum(len(read[each]) for each in objects),
                sum(pods.engine is not None for each in objects for pods in read[each]),
                kind_of(group, name),
                frozenset(add for each in objects for add in _added(each, read[each])),
            )
            for (group, name), objects in kinds.items()
        )

    @cached_property
    def schema_mismatches(self) -> list[SchemaMismatch]:
        """What the schemas of their kinds say against the objects."""
        return list(schema_mismatches(self.objects, self.api))

    @cached_property
    def unread(self) -> list[Unread]:
        """What could not be read, so that the rules about it say nothing."""
        found = [
            Unread(each.objects[0].here.of(each.name), each.note, in_part=True)
            for each in self.controlled_kinds
            if not each.is_understood
        ]
        for pods in self.serving:
            assert pods.engine is not None
            found += [Unread(flag, "only the pod knows the value") for flag in pods.engine.unread]
            if pods.engine.server is None:
                what = pods.engine.container.here
                found.append(Unread(what, "it is no engine that is known, so its port alone is"))
        for pool in self.pools:
            found += [
                Unread(pods.here, f"no engine that is known runs in it, but {pool} has it")
                for pods in pool.members
                if pods.engine is None
                and pods.picker_container is None
                and pods.part != "follower"
                and pods not in pool.strays
            ]
        return found


def read_topology(
    documents: Iterable[Document], *, complete: bool = False, api: ClusterApi | None = None
) -> Topology:
    """The topology of what was read; never fails, whatever the documents hold.

    Args:
        documents: Kubernetes objects of any origin; others are passed over.
        complete: Whether they are all there is.
        api: The API of the cluster that they are for; of any release by default.
    """
    objects = tuple(kube_objects(documents))
    of: dict[str, list[KubeObject]] = defaultdict(list)
    for found in objects:
        of[found.kind].append(found)
    composed = composed_services(objects)
    also = tuple(found for each in composed.values() for found in each.made)
    for found in also:
        of[found.kind].append(found)
    templates = {found: each.templates for found, each in composed.items()}
    made = list(workloads(objects, templates))
    pods = tuple(each for _, templates in made for each in templates)
    by_label = PodsByLabel(pods)
    services = tuple(
        Service(found, by_label.selected(found.namespace, service_selector(found).value))
        for found in of["Service"]
    )
    # Of several of one name, as in a folder of alternatives, the one in a picker's file is its own.
    config_maps: dict[tuple[str, str | None], dict[str, KubeObject]] = defaultdict(dict)
    for found in of["ConfigMap"]:
        for file in (None, found.here.place.file):
            config_maps[found.namespace, file][found.name] = found

    def configs(each: Pods) -> Mapping[str, KubeObject]:
        home, file = each.object.namespace, each.object.here.place.file
        return ChainMap(config_maps[home, file], config_maps[home, None])

    pickers = tuple(
        Picker(each.picker_container, pods=each, config_maps=configs(each))
        for each in pods
        if each.picker_container is not None
    )
    claims = tuple(Claim(found) for kind in CLAIM_KINDS for found in of[kind])
    autoscalers = tuple(Autoscaler(found) for kind in AUTOSCALER_KINDS for found in of[kind])
    found_pools = [found for found in of["InferencePool"] if found.group in _POOL_GROUPS]
    available = _Pickers(pickers, found_pools)
    by_name = {(each.object.namespace, each.object.name): each for each in reversed(services)}
    return Topology(
        objects=objects,
        workloads=tuple(workload for workload, _ in made),
        pods=pods,
        pickers=pickers,
        envoys=tuple(found for each in pods for found in envoys_of(each, configs(each))),
        pools=(
            *(_resource_pool(found, by_label, available, by_name) for found in found_pools),
            *(each for picker in pickers for each in _selected_pool(picker, by_label)),
        ),
        services=services,
        routes=tuple(Route(found) for found in of["HTTPRoute"]),
        gateways=tuple(Gateway(found) for found in of["Gateway"] if found.group == GATEWAY_GROUP),
        grants=tuple(ReferenceGrant(found) for found in of["ReferenceGrant"]),
        claims=claims,
        autoscalers=autoscalers,
        budgets=tuple(_budget(found, by_label, autoscalers) for found in of["PodDisruptionBudget"]),
        roles=tuple(AccessRole(found) for kind in ROLE_KINDS for found in of[kind]),
        bindings=tuple(AccessBinding(found) for kind in BINDING_KINDS for found in of[kind]),
        device_selectors=(
            *(each for claim in claims for found in claim.choices for each in found.selectors),
            *(each for found in of["DeviceClass"] for each in device_class_selectors(found)),
        ),
        made=also,
        complete=complete,
        api=api or ANY_RELEASE,
    )


def _added(found: KubeObject, pods: list[Pods]) -> frozenset[Addition]:
    """What a controller adds to the pods of an object."""
    facts = kind_of(found.group, found.kind)
    if not pods and facts is not None:
        return facts.adds
    return frozenset(add for each in pods for add in each.workload.adds)


def _budget(found: KubeObject, pods: PodsByLabel, autoscalers: tuple[Autoscaler, ...]) -> Budget:
    selector = label_selector(found, found.at("spec", "selector")).value
    selected = pods.selected(found.namespace, selector)
    count = 0
    for each in selected:
        scaler = next((one for one in autoscalers if one.scales(each.workload)), None)
        copies = max(1, scaler.least.value) if scaler else max(0, each.workload.copies.value)
        count += copies * each.per_copy
    return Budget(found, selected, count)


class _Pickers:
    """The pickers, by what tells whose they are."""

    def __init__(self, pickers: Sequence[Picker], pools: Iterable[KubeObject]) -> None:
        taken = {(found.namespace, found.name) for found in pools}
        self.by_pods = {each.pods: each for each in reversed(pickers)}
        self.own: dict[tuple[str, str], Picker] = {}
        self.free_of_name: dict[str, Picker] = {}
        self.free_in: dict[str, list[Picker]] = defaultdict(list)
        for each in pickers:
            namespace, pool = each.object.namespace, each.pool_name.value
            self.own.setdefault((namespace, pool), each)
            if (namespace, pool) not in taken and each.endpoint_selector is None:
                self.free_of_name.setdefault(pool, each)
                self.free_in[namespace].append(each)


def _resource_pool(
    found: KubeObject,
    pods: PodsByLabel,
    pickers: _Pickers,
    services: Mapping[tuple[str, str], Service],
) -> Pool:
    """A pool, with its picker: behind its Service, or that picks from it, or the only free one."""
    pool = _pool(found, pool_endpoints(found), pods)
    name = pool.picker_name
    service = None if name is None else services.get((found.namespace, name.value))
    behind = () if service is None else service.backends
    beside = pickers.free_in.get(found.namespace, [])
    candidates = (
        *(pickers.by_pods[each] for each in behind if each in pickers.by_pods),
        pickers.own.get((found.namespace, found.name)),
        pickers.free_of_name.get(found.name),
        *(beside if len(beside) == 1 else ()),
    )
    picker = next((each for each in candidates if each is not None), None)
    return replace(pool, picker=picker, service=service)


def _selected_pool(picker: Picker, pods: PodsByLabel) -> Iterator[Pool]:
    """What a picker's own flags select, if they select."""
    selector, namespace = picker.endpoint_selector, picker.pool_namespace
    if selector is not None:
        home = picker.object.namespace if namespace is None else namespace.value
        endpoints = Endpoints(home, selector, picker.endpoint_ports)
        yield replace(_pool(picker.object, endpoints, pods), picker=picker)


def _pool(found: KubeObject, endpoints: Endpoints, pods: PodsByLabel) -> Pool:
    """A pool with its members, whoever picks from them."""
    home, selector = endpoints.namespace, endpoints.selector.value
    members = pods.selected(home, selector)
    unsure = pods.may_select_others(home, selector, members)
    return Pool(found, endpoints, members, None, None, unsure)
