"""What a platform team decides about every deployment: typed, with defaults that work."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Annotated, Any, Literal

from pydantic import Field

from cdk8s_inference.arguments import Constraint, Meant, Problem, checked
from cdk8s_inference.arguments.objects import MetadataKey
from cdk8s_inference.findings import InvalidInput, Path
from cdk8s_inference.gateways import ENVOY_AI_GATEWAY, GatewayProvider
from cdk8s_inference.kubernetes_types import (
    Digest,
    DnsLabel,
    HttpPath,
    Image,
    LabelValue,
    NonEmpty,
    ObjectName,
)
from cdk8s_inference.platform.picker_options import PickerOptions
from cdk8s_inference.platform.sidecar_options import SidecarOptions
from cdk8s_inference.platform.simulation import Simulation
from cdk8s_inference.pods import GangPlacement, PodSettings, Rollout
from cdk8s_inference.releases import ROUTER_NEWEST, RouterRelease
from cdk8s_inference.source import single

Positive = Annotated[int, Field(ge=1)]

UnifiedMode = Literal["service", "picker"]

Provider = Annotated[GatewayProvider, Meant("GATEWAY_PROVIDERS[{}], of cdk8s_inference.gateways")]

Router = Annotated[RouterRelease, Meant("router_release({})")]


def _stack(value: Any, path: Path) -> Iterator[Problem]:
    # Its type is in a room above.
    if value is not None and not hasattr(value, "node"):
        yield Problem(path, "must be a ServingStack or None", "give the ServingStack")


DEFAULT_DEVICE_CLASS = "gpu.nvidia.com"
"""The DeviceClass of NVIDIA's DRA driver."""


@checked
@dataclass(frozen=True)
class Gateway:
    """The Gateway that a deployment's HTTPRoutes attach to.

    Attributes:
        namespace: Its namespace; its listeners must allow routes from the workloads' one.
        name: Its name.
        section_name: The one listener to attach to; None for all that take HTTP.
        provider: What implements it. With :data:`~cdk8s_inference.gateways.STANDALONE` there is no
            Gateway, and the other fields mean nothing.
        stack: The :class:`ServingStack` that composes it; a deployment then comes after that.
    """

    namespace: DnsLabel = "modelplane-system"
    name: ObjectName = "inference-gateway"
    section_name: ObjectName | None = None
    provider: Provider = ENVOY_AI_GATEWAY
    stack: Annotated[Any, Constraint(_stack)] = field(default=None, compare=False, repr=False)

    def __post_init__(self) -> None:
        composed = getattr(self.stack, "gateway", None)
        if composed is not None and composed.provider != self.provider:
            raise ValueError(
                f"the stack's gateway is {composed.provider}, not {self.provider}; give the stack "
                "the provider, as ServingStack(gateway=Gateway(provider=...))"
            )


@checked
@dataclass(frozen=True)
class Probes:
    """How the kubelet asks an engine whether it has started, is ready, is alive.

    Attributes:
        path: HTTP path of the engine's own health endpoint, on the engine's own port.
        startup_seconds: How long an engine may take until it answers first. One hour, since
            large weights load that long (llm-d's guides allow 60 minutes); until then a
            liveness probe would kill it, again and again.
        period_seconds: Time between two probes.
        timeout_seconds: Time for one answer. Five seconds, since a busy SGLang server needs
            about one and flaps with Kubernetes' default of one.
        liveness_failures: Failures in a row before a restart, which costs a full load.
    """

    path: HttpPath = "/health"
    startup_seconds: Positive = 3600
    period_seconds: Positive = 10
    timeout_seconds: Positive = 5
    liveness_failures: Positive = 6


@checked
@dataclass(frozen=True)
class Shutdown:
    """How long pods that serve may take to stop.

    A pod's grace period is both together, counted from when it is asked to stop; what then still
    runs is killed.

    Attributes:
        drain_seconds: How long an engine may finish running requests, where its own
            ``--shutdown-timeout`` does not say. vLLM of a release that has that flag gets it, in
            pods of one node: without it running requests are cut at once.
        margin_seconds: For what comes after: the engine's end, and the sidecar's.
    """

    drain_seconds: Positive = 60
    margin_seconds: Annotated[int, Field(ge=4)] = 30


@checked
@dataclass(frozen=True)
class Platform:
    """A platform's choices. Every construct of this library takes one.

    A value that no cluster could take raises an :class:`InvalidInput` here.

    Attributes:
        gateway: Where routes attach.
        node_pool: Pins every engine pod to nodes labelled ``modelplane.ai/pool`` with this
            value; None leaves the choice to the scheduler.
        device_classes: DRA DeviceClass by name of the device request.
        default_device_class: DeviceClass of every other request.
        unified_mode: What fronts a Unified deployment: a Service, or an InferencePool with an
            endpoint picker.
        cache_claims: PersistentVolumeClaim by name of the model cache; a cache that is not
            listed is mounted from the claim of its own name.
        probes: The engines' probes.
        router: The llm-d router release whose picker and sidecar run.
        picker: How the endpoint picker is run.
        sidecar: How the pd-sidecar of decode pods is run.
        shutdown: How long pods that serve may take to stop.
        pods: What every engine pod gets, unless an engine or its member wants otherwise.
        rollout: How engine pods are replaced, unless an engine wants otherwise.
        gang: Where the pods of gangs go, unless an engine wants otherwise.
        disruption_budgets: Adds a PodDisruptionBudget over the engines of each phase of a
            deployment, where these have several copies over all replicas: one pod of the phase is
            evicted at a time, such as by a drain of its node.
        image_digests: Digest of an image, by the image as it is written without one, such as
            ``vllm/vllm-openai:v0.32.0``. Every container that has the image gets the digest too,
            and runs exactly that; an image that is not listed stays as it is written.
        phases_within: Label of nodes, such as ``topology.kubernetes.io/zone``: the prefill and
            decode pods of a replica prefer to share a value of it, since KV caches go between them.
        simulate: Composes a twin, in which llm-d-inference-sim, or vLLM on the CPU, runs in place
            of engines. Settings that name what production nodes have are then left out:
            ``node_pool``, ``pods``, topologies of ``gang``, ``cache_claims``, and what engines and
            members say of their own.
    """

    gateway: Gateway = Gateway()
    node_pool: LabelValue | None = None
    device_classes: Mapping[DnsLabel, ObjectName] = field(default_factory=dict)
    default_device_class: ObjectName = DEFAULT_DEVICE_CLASS
    unified_mode: UnifiedMode = "service"
    cache_claims: Mapping[ObjectName, ObjectName] = field(default_factory=dict)
    probes: Probes = Probes()
    router: Router = ROUTER_NEWEST
    picker: PickerOptions = PickerOptions()
    sidecar: SidecarOptions = SidecarOptions()
    shutdown: Shutdown = Shutdown()
    pods: PodSettings = PodSettings()
    rollout: Rollout = Rollout()
    gang: GangPlacement = GangPlacement()
    disruption_budgets: bool = True
    image_digests: Mapping[Image, Digest] = field(default_factory=dict)
    phases_within: MetadataKey | None = None
    simulate: Simulation | None = None

    @classmethod
    @checked
    def from_file(cls, path: NonEmpty | os.PathLike[str]) -> Platform:
        """The platform that a YAML or JSON file describes.

        Its fields are those of this class in camelCase; ``docs/platform.schema.json`` is its
        schema. A gateway's provider and the router's release are written by name.

        Raises:
            InvalidInput: The file is no such description; says all that is wrong, with lines.
            OSError: The file cannot be read.
        """
        from cdk8s_inference.platform.document import read_platform

        platform, findings = read_platform(single(path))
        if platform is None:
            raise InvalidInput(findings)
        return platform

    @property
    def effective(self) -> Platform:
        """The platform that is composed for: in a simulation, one that names no production node."""
        if self.simulate is None:
            return self
        return replace(
            self,
            node_pool=None,
            pods=PodSettings(requests=self.simulate.engine_requests),
            gang=GangPlacement(startup_policy=self.gang.startup_policy),
            # What an engine answers on besides, the simulator does not.
            probes=replace(self.probes, path="/health"),
        )

    @property
    def guards_prefill(self) -> bool:
        """Whether pd-sidecars call pods of their InferencePool alone."""
        asked = self.sidecar.ssrf_protection
        works = self.gateway.provider.gateway_api and self.router.sidecar.guards_v1_pools
        return works if asked is None else asked

    def requests(self, usual: Mapping[str, str]) -> dict[str, str]:
        """What a container of the router requests."""
        return dict(self.simulate.requests if self.simulate else usual)

    def device_class(self, request: str) -> str:
        """The DeviceClass that a device request is allocated from."""
        return self.device_classes.get(request, self.default_device_class)

    def image(self, image: str) -> str:
        """An image by its digest, where that is known."""
        digest = self.image_digests.get(image)
        return f"{image}@{digest}" if digest else image

    def cache_claim(self, cache: str) -> str:
        """The PersistentVolumeClaim that holds a model cache."""
        return self.cache_claims.get(cache, cache)
