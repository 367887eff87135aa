"""The ModelDeployment document as types: ``modelplane.ai/v1alpha1``, in both of its shapes.

Fields, defaults, limits and patterns are those of Modelplane's API (v0.3.1, and pull request
#142 for :class:`EnginesUnderSpec`). What holds between fields is in
:mod:`cdk8s_inference.document.rules.fields`. In Python the fields have snake_case names; a
document has Kubernetes' camelCase.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from typing import Annotated, Any, Literal, get_args, get_origin

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator
from pydantic.alias_generators import to_camel

from cdk8s_inference.arguments import checked, made_in_python
from cdk8s_inference.kubernetes_types import (
    ConfigKey,
    DnsLabel,
    EnvName,
    Image,
    NonEmpty,
    ObjectName,
    PodField,
    ServiceName,
)
from cdk8s_inference.pods import GangPlacement, PodSettings, Rollout

ServingMode = Literal["Unified", "PrefillDecode"]
Phase = Literal["Prefill", "Decode"]
Stage = Literal["Encode", "Prefill", "Decode"]
"""A part of a request; a document has no phase ``Encode``, Python has."""

Role = Literal["Standalone", "Leader", "Worker"]


class Model(BaseModel):
    """Base of the document's types: strict, closed, immutable; null in a field is absence."""

    model_config = ConfigDict(
        extra="forbid",
        hide_input_in_errors=True,
        frozen=True,
        strict=True,
        alias_generator=to_camel,
        validate_by_name=True,
        validate_by_alias=True,
        serialize_by_alias=True,
    )

    def __init__(self, /, **data: Any) -> None:
        made_in_python(type(self), data, super().__init__)

    # Otherwise pydantic would come here for every object of a document too, whose findings name
    # its lines.
    __init__.__pydantic_base_init__ = True  # type: ignore[attr-defined]

    @model_validator(mode="before")
    @classmethod
    def _null_is_absent(cls, data: Any) -> Any:
        if not isinstance(data, Mapping):
            return data
        known = _keys(cls)
        return {key: value for key, value in data.items() if value is not None or key not in known}


@cache
def _keys(model: type[Model]) -> frozenset[str]:
    """The fields of a model, as a document names them."""
    return frozenset(field.alias or name for name, field in model.model_fields.items())


def fields_at(model: type[Model], path: Sequence[str | int]) -> list[str]:
    """The fields that a document may have at a path below a model; none in free-form data."""
    found = _model_at(model, path)
    return sorted(_keys(found)) if found else []


def choices_at(model: type[Model], path: Sequence[str | int]) -> list[str]:
    """The texts that a field at a path below a model may have; none where any may be."""
    *parents, name = [part for part in path if isinstance(part, str)]
    found = _model_at(model, parents)
    fields = found.model_fields.values() if found else ()
    return [text for field in fields if field.alias == name for text in _texts(field.annotation)]


def _model_at(model: type[Model], path: Sequence[str | int]) -> type[Model] | None:
    for part in path:
        if isinstance(part, int):
            continue
        fields = [field for field in model.model_fields.values() if field.alias == part]
        inner = [found for field in fields for found in _models_in(field.annotation)]
        if not inner:
            return None
        model = inner[0]
    return model


def _models_in(annotation: Any) -> Iterator[type[Model]]:
    if isinstance(annotation, type) and issubclass(annotation, Model):
        yield annotation
    for argument in get_args(annotation):
        yield from _models_in(argument)


def _texts(annotation: Any) -> Iterator[str]:
    for argument in get_args(annotation):
        if get_origin(annotation) is Literal:
            yield argument
        else:
            yield from _texts(argument)


class KeyRef(Model):
    """A key of a Secret or ConfigMap in the workloads' namespace."""

    name: ObjectName
    key: ConfigKey
    optional: bool | None = None


class FieldRef(Model):
    """A field of the pod, such as ``status.podIP``."""

    field_path: PodField
    api_version: Literal["v1"] | None = None


class EnvVarSource(Model):
    """Where an environment variable takes its value from: exactly one of these."""

    secret_key_ref: KeyRef | None = None
    config_map_key_ref: KeyRef | None = None
    field_ref: FieldRef | None = None


class EnvVar(Model):
    """An environment variable: a literal value, or the source of one."""

    name: EnvName
    value: str | None = None
    value_from: EnvVarSource | None = None

    @classmethod
    @checked
    def from_field(cls, name: EnvName, field_path: PodField) -> EnvVar:
        """A variable with a field of the pod."""
        return cls(name=name, value_from=EnvVarSource(field_ref=FieldRef(field_path=field_path)))

    @classmethod
    @checked
    def from_secret(cls, name: EnvName, secret: ObjectName, key: ConfigKey) -> EnvVar:
        """A variable with a key of a Secret, such as ``HF_TOKEN`` for a gated model."""
        source = EnvVarSource(secret_key_ref=KeyRef(name=secret, key=key))
        return cls(name=name, value_from=source)


class Container(Model):
    """The engine's container. It is always named ``engine``; all it says is taken verbatim."""

    name: NonEmpty
    image: Image
    command: list[str] | None = None
    args: list[str] | None = None
    env: list[EnvVar] | None = None


class ImagePullSecret(Model):
    """A Secret with credentials of an image registry."""

    name: ObjectName


class PodSpec(Model):
    """The pod of a member: exactly one container."""

    containers: Annotated[list[Container], Field(min_length=1, max_length=1)]
    image_pull_secrets: list[ImagePullSecret] | None = None


class PodMetadata(Model):
    """Labels and annotations for a member's pods."""

    labels: dict[str, str] | None = None
    annotations: dict[str, str] | None = None


class PodTemplate(Model):
    """A member's pod template.

    ``spec`` is required, although the reference admits a template without it and then fails
    for ever.
    """

    metadata: PodMetadata | None = None
    spec: PodSpec


class WorkerSettings(Model):
    """How many nodes, and so pods, a Worker member has. 1 to 63."""

    nodes: Annotated[int, Field(ge=1, le=63)]


CelText = Annotated[str, StringConstraints(min_length=1, max_length=10240)]


class DeviceSelector(Model):
    """A DRA CEL expression that a device must satisfy."""

    cel: CelText


class DeviceRequest(Model):
    """Devices that each pod of a member claims from its node.

    Attributes:
        name: The DRA request's name, such as ``gpu``.
        count: Devices a pod. 1 to 64, default 1.
        selectors: What each device must satisfy, all of them.
    """

    name: DnsLabel
    count: Annotated[int, Field(ge=1, le=64)] = 1
    selectors: Annotated[list[DeviceSelector], Field(min_length=1, max_length=8)]

    @classmethod
    @checked
    def of(
        cls,
        name: DnsLabel,
        cel: CelText,
        *more: CelText,
        count: Annotated[int, Field(ge=1, le=64)] = 1,
    ) -> DeviceRequest:
        """A request for ``count`` devices that satisfy every CEL expression given."""
        selectors = [DeviceSelector(cel=text) for text in (cel, *more)]
        return cls(name=name, count=count, selectors=selectors)


class NodeSelector(Model):
    """The device requests of a member's pods."""

    devices: Annotated[list[DeviceRequest], Field(min_length=1, max_length=16)]


class Member(Model):
    """One kind of pod of an engine.

    Attributes:
        role: ``Standalone`` (default) is an engine by itself; a ``Leader`` serves and its
            ``Worker`` pods follow.
        node_selector: The devices it claims; none, and it claims nothing.
        worker: Valid on a Worker alone.
        template: Its pods.
    """

    role: Role = "Standalone"
    node_selector: NodeSelector | None = None
    worker: WorkerSettings | None = None
    template: PodTemplate

    @property
    def device_resources(self) -> Mapping[str, int]:
        """What each pod gets of device plugins: nothing that a document could say."""
        return {}

    @property
    def pod_settings(self) -> PodSettings | None:
        """What its pods get beside what a document can say."""
        return None

    @property
    def container(self) -> Container:
        """The engine container."""
        return self.template.spec.containers[0]


class Engine(Model):
    """One serving unit: a Standalone pod, or a gang of a Leader and its Workers.

    Attributes:
        name: Part of the workload's name.
        copies: Identical copies in each replica. 1 to 64, default 1.
        phase: Set exactly when the deployment serves PrefillDecode.
        members: One Standalone member, or a Leader and a Worker.
    """

    name: DnsLabel
    copies: Annotated[int, Field(ge=1, le=64)] = 1
    phase: Phase | None = None
    members: Annotated[list[Member], Field(min_length=1, max_length=2)]

    @property
    def stage(self) -> Stage | None:
        """The part of a request that it does; None: all of it."""
        return self.phase

    @property
    def rank_count(self) -> int:
        """How many ports each serving pod listens on: one, as far as a document can say."""
        return 1

    @property
    def every_pod_serves(self) -> bool:
        """Whether the followers of a gang take requests too: not as a document has it."""
        return False

    @property
    def pod_settings(self) -> PodSettings | None:
        """What its pods get beside what a document can say."""
        return None

    @property
    def rollout_settings(self) -> Rollout | None:
        """How its pods are replaced, where it says so."""
        return None

    @property
    def gang_placement(self) -> GangPlacement | None:
        """Where the pods of the gang go, where it says so."""
        return None

    @property
    def is_gang(self) -> bool:
        """Whether a copy of the engine is several pods that start, serve and fail as one."""
        return self.serving_member.role == "Leader"

    @property
    def serving_member(self) -> Member:
        """The member whose pods take requests: the Standalone one, or the Leader."""
        return next(member for member in self.members if member.role != "Worker")

    @property
    def worker_member(self) -> Member | None:
        """The member whose pods follow a Leader."""
        return next((member for member in self.members if member.role == "Worker"), None)


class Serving(Model):
    """How requests reach the engines."""

    mode: ServingMode = "Unified"


class ModelCacheRef(Model):
    """A model cache: here, a PersistentVolumeClaim in the workloads' namespace."""

    name: ObjectName


class ClusterSelector(Model):
    """Labels of the clusters that Modelplane may choose. It means nothing on one cluster."""

    match_labels: dict[str, str] | None = None


class ClusterToleration(Model):
    """A taint of a cluster, not of a node, that Modelplane may place replicas on."""

    key: str | None = None
    operator: Literal["Exists", "Equal"] = "Equal"
    value: str | None = None
    effect: Literal["NoSchedule", "NoExecute"] | None = None


Engines = Annotated[list[Engine], Field(min_length=1, max_length=8)]
Replicas = Annotated[int, Field(ge=1, le=10)]


class ReplicaSpec(Model):
    """One complete serving instance."""

    cluster_selector: ClusterSelector | None = None
    model_cache_ref: ModelCacheRef | None = None
    serving: Serving | None = None
    tolerations: list[ClusterToleration] | None = None
    engines: Engines

    @property
    def serving_mode(self) -> ServingMode:
        """``Unified`` where the document does not say."""
        return self.serving.mode if self.serving else "Unified"


class ReplicaMetadata(Model):
    """Labels for everything that a replica composes."""

    labels: dict[str, str] | None = None


class ReplicaTemplate(Model):
    """What each replica is."""

    metadata: ReplicaMetadata | None = None
    spec: ReplicaSpec


class ModelDeploymentSpec(Model):
    """The current shape of ``spec``: a replica count and a template."""

    replicas: Replicas
    template: ReplicaTemplate


class EnginesUnderSpec(Model):
    """The shape of ``spec`` in pull request #142: engines stand directly under it."""

    replicas: Replicas
    cluster_selector: ClusterSelector | None = None
    model_cache_ref: ModelCacheRef | None = None
    serving: Serving | None = None
    engines: Engines

    def as_current(self) -> ModelDeploymentSpec:
        """The same deployment in the current shape."""
        spec = ReplicaSpec(
            cluster_selector=self.cluster_selector,
            model_cache_ref=self.model_cache_ref,
            serving=self.serving,
            engines=self.engines,
        )
        return ModelDeploymentSpec(replicas=self.replicas, template=ReplicaTemplate(spec=spec))


class ObjectMeta(Model):
    """The document's own metadata. What a server writes there is accepted and not used."""

    name: ServiceName
    namespace: DnsLabel | None = None
    labels: dict[str, str] | None = None
    annotations: dict[str, str] | None = None
    generate_name: Any = None
    uid: Any = None
    resource_version: Any = None
    generation: Any = None
    creation_timestamp: Any = None
    deletion_timestamp: Any = None
    deletion_grace_period_seconds: Any = None
    owner_references: Any = None
    finalizers: Any = None
    managed_fields: Any = None
    self_link: Any = None


API_VERSION = "modelplane.ai/v1alpha1"
KIND = "ModelDeployment"


class _Document(Model):
    api_version: Literal["modelplane.ai/v1alpha1"]
    kind: Literal["ModelDeployment"]
    metadata: ObjectMeta
    status: Any = None


class ModelDeploymentDocument(_Document):
    """A whole document in the current shape."""

    spec: ModelDeploymentSpec


class EnginesUnderSpecDocument(_Document):
    """A whole document in the shape of pull request #142."""

    spec: EnginesUnderSpec
