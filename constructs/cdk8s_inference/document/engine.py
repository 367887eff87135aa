"""Engines as Python says them: all that a document can, and what it has no field for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Literal

from pydantic import Field

from cdk8s_inference.arguments import checked
from cdk8s_inference.arguments.objects import Annotations, Labels
from cdk8s_inference.document import model_deployment as document
from cdk8s_inference.document.model_deployment import (
    Container,
    DeviceRequest,
    EnvVar,
    ImagePullSecret,
    NodeSelector,
    PodMetadata,
    PodSpec,
    PodTemplate,
    Role,
    Stage,
    WorkerSettings,
)
from cdk8s_inference.kubernetes_types import DnsLabel, Image, ObjectName, ResourceName
from cdk8s_inference.pods import GangPlacement, PodSettings, Rollout

MOST_RANKS = 8
"""An InferencePool has at most eight target ports."""

ServingPods = Literal["leader", "every"]

Count = Annotated[int, Field(ge=1)]


class Member(document.Member):
    """One kind of pod of an engine, with devices by DRA, by device plugins, or both.

    Attributes:
        resources: What each pod gets of its node's device plugins, such as
            ``{"nvidia.com/gpu": 8, "rdma/ib": 1}``; never a device that it also claims by DRA.
        pods: What its pods get beside that, over the engine's and the platform's.
    """

    resources: dict[ResourceName, Count] | None = None
    pods: PodSettings | None = None

    @classmethod
    @checked
    def of(
        cls,
        role: Role,
        *,
        image: Image,
        command: Sequence[str] | None = None,
        args: Sequence[str] | None = None,
        env: Sequence[EnvVar] | None = None,
        devices: Sequence[DeviceRequest] = (),
        resources: Mapping[ResourceName, Count] | None = None,
        nodes: Annotated[int, Field(ge=1, le=63)] | None = None,
        labels: Labels | None = None,
        annotations: Annotations | None = None,
        image_pull_secrets: Sequence[ObjectName] = (),
        pods: PodSettings | None = None,
    ) -> Member:
        """A member from what usually differs: its container, its devices, its metadata.

        Args:
            devices: What it claims by DRA.
            resources: What it gets of device plugins.
            nodes: Pods of a Worker; leave it out elsewhere.
            pods: What its pods get beside that.
        """
        metadata = PodMetadata(
            labels=dict(labels) if labels else None,
            annotations=dict(annotations) if annotations else None,
        )
        secrets = [ImagePullSecret(name=name) for name in image_pull_secrets]
        container = Container(
            name="engine",
            image=image,
            command=None if command is None else list(command),
            args=None if args is None else list(args),
            env=None if env is None else list(env),
        )
        return cls(
            role=role,
            node_selector=NodeSelector(devices=list(devices)) if devices else None,
            worker=None if nodes is None else WorkerSettings(nodes=nodes),
            template=PodTemplate(
                metadata=metadata if labels or annotations else None,
                spec=PodSpec(containers=[container], image_pull_secrets=secrets or None),
            ),
            resources=dict(resources) if resources else None,
            pods=pods,
        )

    @property
    def pod_settings(self) -> PodSettings | None:
        """What its pods get beside what a document can say."""
        return self.pods

    @property
    def device_resources(self) -> Mapping[str, int]:
        """What each pod gets of device plugins."""
        return self.resources or {}


class Engine(document.Engine):
    """One serving unit, in shapes that a document cannot say.

    Attributes:
        phase: Also ``Encode``, for engines that encode images, video and audio.
        ranks: Data-parallel ranks of a pod, each with a port of its own, contiguous from the
            engine's port on. 1 to 8, default 1.
        serving_pods: Which pods of a gang take requests: the ``leader`` (tensor and pipeline
            parallel, internal load balancing), or ``every`` one (hybrid and external load
            balancing). A follower that serves nothing must not be sent to, and one that serves
            is lost capacity if it is not.
        pods: What all its pods get, over the platform's; a member's go over them.
        rollout: How its pods are replaced, where it is not as on the platform.
        gang: Where the pods of a gang go, where it is not as on the platform.
    """

    # Wider than a document's: readers ask `stage`.
    phase: Stage | None = None  # type: ignore[assignment]
    # A list of a narrower type, which only a reader may take for the other.
    members: Annotated[list[Member], Field(min_length=1, max_length=2)]  # type: ignore[assignment]
    ranks: Annotated[int, Field(ge=1, le=MOST_RANKS)] = 1
    serving_pods: ServingPods = "leader"
    pods: PodSettings | None = None
    rollout: Rollout | None = None
    gang: GangPlacement | None = None

    @classmethod
    @checked
    def standalone(
        cls,
        name: DnsLabel,
        *,
        image: Image,
        devices: Sequence[DeviceRequest] = (),
        resources: Mapping[ResourceName, Count] | None = None,
        command: Sequence[str] | None = None,
        args: Sequence[str] | None = None,
        env: Sequence[EnvVar] | None = None,
        phase: Stage | None = None,
        copies: Annotated[int, Field(ge=1, le=64)] = 1,
        ranks: Annotated[int, Field(ge=1, le=MOST_RANKS)] = 1,
        pods: PodSettings | None = None,
        rollout: Rollout | None = None,
    ) -> Engine:
        """An engine of one pod a copy, the usual case; see :class:`Member` for the rest."""
        member = Member.of(
            "Standalone",
            image=image,
            command=command,
            args=args,
            env=env,
            devices=devices,
            resources=resources,
        )
        return cls(
            name=name,
            phase=phase,
            copies=copies,
            members=[member],
            ranks=ranks,
            pods=pods,
            rollout=rollout,
        )

    @property
    def gang_placement(self) -> GangPlacement | None:
        """Where the pods of the gang go, where it says so."""
        return self.gang

    @property
    def rollout_settings(self) -> Rollout | None:
        """How its pods are replaced, where it says so."""
        return self.rollout

    @property
    def pod_settings(self) -> PodSettings | None:
        """What its pods get beside what a document can say."""
        return self.pods

    @property
    def stage(self) -> Stage | None:
        """The part of a request that it does; None: all of it."""
        return self.phase

    @property
    def rank_count(self) -> int:
        """How many ports each serving pod listens on."""
        return self.ranks

    @property
    def every_pod_serves(self) -> bool:
        """Whether the followers of a gang take requests too."""
        return self.serving_pods == "every"
