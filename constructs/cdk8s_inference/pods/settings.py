"""PodSettings: what a platform, an engine or a member wants of engine pods."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

from pydantic import Field

from cdk8s_inference import labels
from cdk8s_inference.arguments import Constraint, Problem, checked
from cdk8s_inference.arguments.objects import (
    AffinityObject,
    ContainerObject,
    JsonObject,
    LifecycleObject,
    MetadataKey,
    PodSecurityContextObject,
    PullSecretObject,
    SecurityContextObject,
    TolerationObject,
    TopologySpreadConstraintObject,
    VolumeMountObject,
    VolumeObject,
    kubernetes_problems,
)
from cdk8s_inference.findings import Path
from cdk8s_inference.kubernetes_types import (
    ComputeResource,
    LabelValue,
    NonEmpty,
    ObjectName,
    Quantity,
    ResourceName,
)
from cdk8s_inference.pods.overlay import MERGE_KEYS, overlaid
from cdk8s_inference.source import Cursor

ENGINE_CONTAINER = "engine"
"""The name of every engine's container."""

SHARED_MEMORY = "shm"
"""The name of the volume at ``/dev/shm``."""

Amount = Quantity | Annotated[int, Field(ge=0)]

ImagePullPolicy = Literal["Always", "IfNotPresent", "Never"]

_SAID_ELSEWHERE = ("image", "command", "args")
"""Fields of the engine container that rules and routing read from the engine itself."""


def _overlay(value: Mapping[str, Any], path: Path) -> Iterator[Problem]:
    """What keeps an overlay from being laid over an engine's pod template."""
    for key in value:
        if key not in ("metadata", "spec"):
            yield Problem((*path, key), "is no part of a pod template", "use metadata and spec")
    yield from kubernetes_problems("PodTemplateSpec", value, path, partial=True)
    root = Cursor(value, path)
    yield from _unnamed(root)
    yield from _taken_away(root)
    for key, at in root["metadata"].fields():
        if key not in ("labels", "annotations"):
            fix = "give labels and annotations alone"
            yield Problem(at.path, "is set by the workload's controller", fix)
    for key, at in root.at("metadata", "labels").fields():
        if key.startswith(labels.PREFIX):
            yield Problem(at.path, "is what selectors use", "use another label")
    for container in root.at("spec", "containers").items():
        for key in _SAID_ELSEWHERE if container["name"].text == ENGINE_CONTAINER else ():
            if container[key].present:
                yield Problem(container[key].path, "is the engine's own", f"give the engine {key}=")


def _unnamed(root: Cursor) -> Iterator[Problem]:
    """Entries of which nobody can say what they are laid over."""
    for at in root.descendants():
        name = MERGE_KEYS.get(str(at.path[-1])) if at.path else None
        for entry in at.items() if name else ():
            if not entry[str(name)].present and not entry["$patch"].present:
                yield Problem(entry.path, f"has no {name}", f'add "{name}"')


def _taken_away(root: Cursor) -> Iterator[Problem]:
    """What the engine needs, and an overlay would remove or replace whole."""
    parents = ((), ("metadata",), ("metadata", "labels"), ("spec",))
    whole = [root.at(*keys) for keys in parents]
    for container in root.at("spec", "containers").items():
        if container["name"].text in (None, ENGINE_CONTAINER):
            whole.append(container)
    for at in whole:
        if at["$patch"].present:
            yield Problem(at.path, "would take the engine away", "name the fields to change")
    for *above, key in (*parents[1:], ("spec", "containers")):
        for name, at in root.at(*above).fields():
            if name == key and not at.present:
                yield Problem(at.path, "would take the engine away", "name the fields to change")


PodOverlay = Annotated[JsonObject, Constraint(_overlay)]
"""A part of a pod template, as Kubernetes writes it."""


def shared_memory(size: str) -> dict[str, str]:
    """The ``emptyDir`` at ``/dev/shm``."""
    return {"medium": "Memory", "sizeLimit": size}


@checked
@dataclass(frozen=True)
class PodSettings:
    """What is wanted of engine pods, in Kubernetes' own words.

    ``Platform``, ``Engine`` and ``Member`` each take some as ``pods``. They are laid over one
    another in this order: what is composed by default, the platform's, the engine's, the member's;
    what the member's own template says (labels, annotations, image pull secrets, variables) comes
    last. Of a single value the last one holds. Mappings are merged by key, where ``None`` takes
    away what is below; named lists by name; tolerations are added to those below.

    A JSON patch can do the same to an object that is composed, but neither the methods of
    :class:`EngineGroup` nor routing know of it.

    Attributes:
        requests: What each engine container requests: ``cpu``, ``memory``, ``ephemeral-storage``.
            By default 2 cores and 8Gi for each device, half a core and 1Gi without one.
        limits: At most so much of it, and the extended resources of any vendor that it gets, such
            as ``{"amd.com/gpu": 8}``. No limit by default: CPU is throttled at it, and a process is
            killed at that of memory.
        shm_size: At most so much of ``/dev/shm``, in memory. By default 8Gi for each device, 1Gi
            without one.
        rdma: Network devices for RDMA, by the resource of their device plugin, such as
            ``{"rdma/ib": 1}``. The engine container gets the capability IPC_LOCK, by which root
            may lock the memory that they read; of the Pod Security Standards ``privileged`` alone
            allows it. Where the nodes' runtime does not limit locked memory, give the resource in
            ``limits`` instead.
        volumes: Volumes of the pod.
        volume_mounts: Where the engine container has them.
        init_containers: Containers that end before the engine starts, such as one that downloads
            weights. One without a security context gets the engine container's.
        pod_security_context: Security context of the pod.
        security_context: Security context of the engine container.
        service_account_name: The pods' ServiceAccount. No token of it is mounted.
        node_selector: Labels of the nodes that may run the pods.
        affinity: Affinity to nodes and pods.
        tolerations: Taints that the pods tolerate, beside that of nodes with GPUs.
        spread: Over what the copies of an engine of one pod are spread, as far as devices allow:
            nodes by default; zones as well, which KV caches then go between.
        topology_spread_constraints: How pods are spread instead of over nodes.
        priority_class_name: PriorityClass: who waits, and who is preempted.
        runtime_class_name: RuntimeClass, such as ``nvidia``.
        scheduler_name: Another scheduler than the cluster's own.
        host_network: Uses the node's network. DNS of the cluster still works.
        host_ipc: Uses the node's IPC namespace.
        image_pull_policy: When the engine's image is pulled.
        image_pull_secrets: Secrets with credentials of registries: their names, or
            ``{"name": ...}`` each.
        lifecycle: Hooks after the engine container's start and before its stop.
        termination_grace_period_seconds: How long the pod may take to stop. By default as long as
            the engine may drain, and the platform's margin.
        pod: Anything else of a pod template, as Kubernetes writes it: ``{"spec": {"containers":
            [{"name": "engine", "stdin": True}]}}``. It is merged strategically, as by ``kubectl
            patch``: containers, variables, volumes and the like by name, ``None`` removes a field.
            The engine's image, command and args are the engine's own.
    """

    requests: Mapping[ComputeResource, Amount | None] = field(default_factory=dict)
    limits: Mapping[ComputeResource, Amount | None] = field(default_factory=dict)
    shm_size: Quantity | None = None
    rdma: Mapping[ResourceName, Annotated[int, Field(ge=1)]] = field(default_factory=dict)
    volumes: Sequence[VolumeObject] = ()
    volume_mounts: Sequence[VolumeMountObject] = ()
    init_containers: Sequence[ContainerObject] = ()
    pod_security_context: PodSecurityContextObject = field(default_factory=dict)
    security_context: SecurityContextObject = field(default_factory=dict)
    service_account_name: ObjectName | None = None
    node_selector: Mapping[MetadataKey, LabelValue | None] = field(default_factory=dict)
    affinity: AffinityObject = field(default_factory=dict)
    tolerations: Sequence[TolerationObject] = ()
    spread: Sequence[Literal["node", "zone"]] | None = None
    topology_spread_constraints: Sequence[TopologySpreadConstraintObject] = ()
    priority_class_name: ObjectName | None = None
    runtime_class_name: ObjectName | None = None
    scheduler_name: NonEmpty | None = None
    host_network: bool | None = None
    host_ipc: bool | None = None
    image_pull_policy: ImagePullPolicy | None = None
    image_pull_secrets: Sequence[ObjectName | PullSecretObject] = ()
    lifecycle: LifecycleObject = field(default_factory=dict)
    termination_grace_period_seconds: Annotated[int, Field(ge=1)] | None = None
    pod: PodOverlay = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name, amount in self.requests.items():
            if "/" in name and amount is not None and self.limits.get(name, amount) != amount:
                raise ValueError(
                    f"requests {amount} of {name}, limits {self.limits[name]}: Kubernetes takes no "
                    "two amounts of an extended resource; give limits alone"
                )
            if "/" in name and amount is not None and name not in self.limits:
                raise ValueError(
                    f"requests {name} without a limit, which Kubernetes refuses for an extended "
                    "resource; give it in limits"
                )

    @classmethod
    @checked
    def hardened(cls, *, user: Annotated[int, Field(ge=1)] | None = 10001) -> PodSettings:
        """What the Pod Security Standard ``restricted`` asks for, and a read-only root file system.

        Engines run as a user that their image need not have: their home and ``/tmp`` are volumes.

        Args:
            user: The user and group. The default is none that a node has: those are below 10000.
                None leaves both to the cluster, as OpenShift's restricted security context
                constraint wants it. The image must then name a user other than root by its number.
        """
        identity: dict[str, Any] = {}
        if user is not None:
            identity = {
                "runAsUser": user,
                "runAsGroup": user,
                # What is on a volume is made readable once, not at each start.
                "fsGroup": user,
                "fsGroupChangePolicy": "OnRootMismatch",
            }
        return cls(
            pod_security_context={
                "runAsNonRoot": True,
                **identity,
                "seccompProfile": {"type": "RuntimeDefault"},
            },
            security_context={
                "allowPrivilegeEscalation": False,
                "capabilities": {"drop": ["ALL"]},
                "readOnlyRootFilesystem": True,
            },
            volumes=[{"name": "tmp", "emptyDir": {}}],
            volume_mounts=[{"name": "tmp", "mountPath": "/tmp"}],
        )

    @property
    def extended(self) -> dict[str, str]:
        """The resources of device plugins that each pod gets."""
        given = {**self.limits, **self.rdma}
        return {name: str(amount) for name, amount in given.items() if "/" in name and amount}

    def over(self, template: Mapping[str, Any]) -> dict[str, Any]:
        """The overlay that lays these settings over an engine's pod template.

        All but :attr:`pod`, which is an overlay itself.

        Args:
            template: What is below: tolerations are added to those that it has.
        """
        spec: dict[str, Any] = {}
        container: dict[str, Any] = {"name": ENGINE_CONTAINER}
        if resources := self._resources():
            container["resources"] = resources
        security = self.security_context
        if self.rdma:
            security = overlaid({"capabilities": {"add": ["IPC_LOCK"]}}, security)
        for key, fields in (("securityContext", security), ("lifecycle", self.lifecycle)):
            if fields:
                container[key] = fields
        if self.volume_mounts:
            container["volumeMounts"] = self.volume_mounts
        if self.image_pull_policy is not None:
            container["imagePullPolicy"] = self.image_pull_policy
        for key, value in (
            ("serviceAccountName", self.service_account_name),
            ("priorityClassName", self.priority_class_name),
            ("runtimeClassName", self.runtime_class_name),
            ("schedulerName", self.scheduler_name),
            ("terminationGracePeriodSeconds", self.termination_grace_period_seconds),
            # Kubernetes' own default is false, and is not written.
            ("hostNetwork", self.host_network or None),
            # Names of the cluster are resolved on the host's network by this policy alone.
            ("dnsPolicy", "ClusterFirstWithHostNet" if self.host_network else None),
            ("hostIPC", self.host_ipc or None),
        ):
            if value is not None:
                spec[key] = value
        if self.host_network is False:
            spec |= {"hostNetwork": None, "dnsPolicy": None}
        if self.host_ipc is False:
            spec["hostIPC"] = None
        for key, settings in (
            ("nodeSelector", self.node_selector),
            ("affinity", self.affinity),
            ("securityContext", self.pod_security_context),
            ("volumes", self.volumes),
            ("initContainers", self.init_containers),
            ("topologySpreadConstraints", self.topology_spread_constraints),
            ("imagePullSecrets", self._pull_secrets()),
        ):
            if settings:
                spec[key] = settings
        if self.shm_size is not None:
            shm = {"name": SHARED_MEMORY, "emptyDir": shared_memory(self.shm_size)}
            spec["volumes"] = [shm, *spec.get("volumes", ())]
        if self.tolerations:
            below = template["spec"].get("tolerations", [])
            spec["tolerations"] = [
                *below,
                *(each for each in self.tolerations if each not in below),
            ]
        if len(container) > 1:
            spec["containers"] = [container]
        return {"spec": spec} if spec else {}

    def _pull_secrets(self) -> list[Mapping[str, Any]]:
        given = self.image_pull_secrets
        return [{"name": each} if isinstance(each, str) else each for each in given]

    def _resources(self) -> dict[str, Any]:
        amounts = {
            key: {name: None if each is None else str(each) for name, each in values.items()}
            for key, values in (("requests", self.requests), ("limits", self.limits))
            if values
        }
        devices = {name: amount for name, amount in self.limits.items() if "/" in name}
        for name, amount in {**devices, **self.rdma}.items():
            # Kubernetes takes no request of a device plugin's resource other than the limit.
            for key in ("limits", "requests"):
                given = None if amount is None else str(amount)
                amounts.setdefault(key, {})[name] = given
        return amounts
