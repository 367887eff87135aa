"""Which objects a deployment composes: their kinds and names, without composing them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from cdk8s_inference import labels, names
from cdk8s_inference.document.disruption import budget_name, phases_of_several
from cdk8s_inference.document.model_deployment import Engine, ServingMode
from cdk8s_inference.gateways.policies import Backend, policies
from cdk8s_inference.platform import Platform

ObjectKey = tuple[str, str]
"""Kind and name, within the deployment's namespace."""

_PICKER_KINDS = (
    "ServiceAccount",
    "Role",
    "RoleBinding",
    "ConfigMap",
    "Deployment",
    "Service",
)


def object_keys(
    deployment: str,
    replicas: int,
    engines: Sequence[Engine],
    mode: ServingMode,
    platform: Platform,
) -> Iterator[ObjectKey]:
    """What a deployment takes in its namespace: its objects, and what these reserve."""
    return reserved(deployment_objects(deployment, replicas, engines, mode, platform))


def deployment_objects(
    deployment: str,
    replicas: int,
    engines: Sequence[Engine],
    mode: ServingMode,
    platform: Platform,
) -> Iterator[ObjectKey]:
    """The objects of a deployment in its namespace."""
    for index in range(replicas):
        yield from replica_objects(names.replica(deployment, index), engines, mode, platform)
    if platform.disruption_budgets:
        for stage in phases_of_several([*engines] * replicas):
            yield "PodDisruptionBudget", budget_name(deployment, stage)
    if replicas > 1:
        yield from _objects_over_replicas(deployment, mode, platform)


def replica_objects(
    replica: str, engines: Sequence[Engine], mode: ServingMode, platform: Platform
) -> Iterator[ObjectKey]:
    """The objects of one replica of a deployment in its namespace."""
    for engine in engines:
        workload = names.workload(replica, engine.name, gang=engine.is_gang)
        yield ("LeaderWorkerSet" if engine.is_gang else "Deployment", workload)
        for member in engine.members:
            if member.node_selector is not None and platform.simulate is None:
                yield "ResourceClaimTemplate", names.claim_template(workload, member.role)
    yield from _backend_objects(replica, mode, platform)
    yield from _route_objects(replica, _backend(mode, platform), platform)
    if mode == "PrefillDecode" and platform.guards_prefill:
        for kind in ("ServiceAccount", "Role", "RoleBinding"):
            yield kind, names.sidecar(replica)


def _objects_over_replicas(
    deployment: str, mode: ServingMode, platform: Platform
) -> Iterator[ObjectKey]:
    if platform.gateway.provider.splits(pooled=_pooled(mode, platform)):
        yield from _route_objects(deployment, None, platform)
    else:
        yield from _backend_objects(deployment, mode, platform)
        yield from _route_objects(deployment, _backend(mode, platform), platform)


def _pooled(mode: ServingMode, platform: Platform) -> bool:
    return mode == "PrefillDecode" or platform.unified_mode == "picker"


def _backend(mode: ServingMode, platform: Platform) -> Backend:
    pooled = _pooled(mode, platform) and platform.gateway.provider.gateway_api
    return "InferencePool" if pooled else "Service"


def _backend_objects(name: str, mode: ServingMode, platform: Platform) -> Iterator[ObjectKey]:
    yield _backend(mode, platform), name
    if _pooled(mode, platform):
        for kind in _PICKER_KINDS:
            yield kind, names.picker(name)
        if platform.picker.keep_from_eviction:
            yield "PodDisruptionBudget", names.picker(name)


def _route_objects(name: str, backend: Backend | None, platform: Platform) -> Iterator[ObjectKey]:
    provider = platform.gateway.provider
    if provider.gateway_api:
        yield "HTTPRoute", name
    for policy in policies(provider, name=name, backend=backend, health_path=platform.probes.path):
        yield policy.kind, policy.name


def reserved(keys: Iterable[ObjectKey]) -> Iterator[ObjectKey]:
    """The keys, and what else in the namespace is taken by composing these objects.

    That is the headless Service that a LeaderWorkerSet makes under its own name: its controller
    takes any Service of that name for its own without looking at the selector, and the gang's
    leader address then resolves to nothing. And it is the label by which a workload's pods are
    selected, which a Deployment and a LeaderWorkerSet of one name would share.
    """
    for kind, name in keys:
        yield kind, name
        if kind == "LeaderWorkerSet":
            yield "Service", name
        if kind in ("Deployment", "LeaderWorkerSet"):
            yield f"label {labels.ENGINE}", name
