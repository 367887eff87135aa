"""EngineGroup: one engine as a workload that runs and serves by itself."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from cdk8s_inference import labels, names
from cdk8s_inference.app_state import AppState
from cdk8s_inference.arguments import checked
from cdk8s_inference.arguments.objects import (
    Annotations,
    ContainerObject,
    Labels,
    MetadataKey,
    VolumeObject,
    WeightedPodAffinityTermObject,
)
from cdk8s_inference.construct_tree import ApiObject, ApiObjectMetadata, Construct
from cdk8s_inference.document.disruption import component
from cdk8s_inference.document.drain import drain_seconds
from cdk8s_inference.document.model_deployment import Engine, EnvVar, Member
from cdk8s_inference.document.ports import listening
from cdk8s_inference.document.validation import check_engine
from cdk8s_inference.engines.disruption_budget import disruption_budget
from cdk8s_inference.engines.pod import CACHE_MOUNT_PATH, claim_template, pod_template
from cdk8s_inference.engines.simulation import simulated
from cdk8s_inference.findings import InvalidInput, errors
from cdk8s_inference.kubernetes_types import LabelValue, NonEmpty, ObjectName
from cdk8s_inference.manifest import add, manifest, move_last, pointer
from cdk8s_inference.platform import Platform
from cdk8s_inference.pods import GangPlacement, Rollout, overlaid
from cdk8s_inference.pods.order import container_in_order, fields_after

_PROGRESS_MARGIN_SECONDS = 600

_PREFERRED = "preferredDuringSchedulingIgnoredDuringExecution"

_Keys = tuple[str | int, ...]


@dataclass(frozen=True)
class _Template:
    """A pod template of serving pods: where it stands in the workload, and what is in it."""

    at: _Keys
    content: dict[str, Any]


@dataclass(frozen=True)
class _Change:
    """A value that goes to a path below a pod template."""

    template: _Template
    path: _Keys
    value: Any


@checked
@dataclass(frozen=True)
class PodAddition:
    """What a routing construct, or a user, adds to an engine's serving pods.

    Attributes:
        labels: Pod labels.
        annotations: Pod annotations.
        env: Variables of the engine container, after those that are there.
        sidecars: Native sidecars: they start before the engine and stop after it.
        containers: Containers beside the engine.
        volumes: Pod volumes.
        default_env: Variables of the engine container, each where it has none of that name.
        default_labels: Pod labels, each where the pods have none of that key.
        service_account: The pods' ServiceAccount, whose token no container gets by itself.
        near: Other pods that they prefer to be near: weighted terms of pod affinity.
    """

    labels: Labels = field(default_factory=dict)
    annotations: Annotations = field(default_factory=dict)
    env: Sequence[EnvVar] = ()
    sidecars: Sequence[ContainerObject] = ()
    containers: Sequence[ContainerObject] = ()
    volumes: Sequence[VolumeObject] = ()
    default_env: Sequence[EnvVar] = ()
    default_labels: Labels = field(default_factory=dict)
    service_account: ObjectName | None = None
    near: Sequence[WeightedPodAffinityTermObject] = ()


class EngineGroup(Construct):
    """One engine: a Deployment, or for a gang a LeaderWorkerSet, with its device claims.

    Complete without any routing: ``serving_selector`` matches the pods that take requests on
    ``port``. A routing construct adds to the serving pods by the same methods that users have;
    nothing here takes away what another has added.

    Attributes:
        engine: What it runs.
        name: The workload's name.
        port: Where its serving pods listen, the first of ``ports``.
        ports: One for each data-parallel rank of a pod, contiguous.
        drain_seconds: How long its serving pods may finish running requests when they stop.
        workload: The Deployment or LeaderWorkerSet. JSON patches that you add to it come last:
            a list or map that a patch makes is not known to the methods here, so call those
            first.
    """

    @checked
    def __init__(
        self,
        scope: Construct,
        id: NonEmpty,
        *,
        engine: Engine,
        name: NonEmpty | None = None,
        namespace: NonEmpty | None = None,
        instance: LabelValue | None = None,
        part_of: LabelValue | None = None,
        model_cache: ObjectName | None = None,
        object_labels: Labels | None = None,
        platform: Platform | None = None,
    ) -> None:
        """Composes the engine.

        Args:
            engine: What to run.
            name: Name of the workload; default the engine's own. At most 63 characters, 49 for
                a gang.
            namespace: Where it goes; default the chart's.
            instance: Value of ``app.kubernetes.io/instance``; default ``name``.
            part_of: Value of ``app.kubernetes.io/part-of``.
            model_cache: Model cache to mount at /mnt/models in every pod.
            object_labels: Further labels of the workload and its claim templates.
            platform: The platform's choices.

        Raises:
            InvalidInput: The engine breaks a rule of its type.
            ValueError: The workload cannot carry ``name``, or no cluster has ``namespace``.
        """
        platform = (platform or Platform()).effective
        if findings := errors(check_engine(engine, platform)):
            raise InvalidInput(findings)
        names.require(name or engine.name, gang=engine.is_gang)
        if namespace is not None:
            names.require_namespace(namespace)
        super().__init__(scope, id)
        AppState.add(self, scope)
        self.engine = engine
        self.name = name or engine.name
        self._runs = simulated(engine, platform, CACHE_MOUNT_PATH if model_cache else None)
        self._listening = listening(self._runs)
        self.ports = self._listening.ports
        self.port = self.ports[0]
        self.drain_seconds = drain_seconds(engine, platform.shutdown.drain_seconds)
        self._namespace = namespace
        self._platform = platform
        self._gang = (self._runs.gang_placement or GangPlacement()).over(platform.gang)
        self._rollout = (engine.rollout_settings or Rollout()).over(platform.rollout)
        self._pod_labels = labels.merged(
            labels.recommended(
                name="model-server",
                instance=instance or self.name,
                component=component(engine.stage),
                part_of=part_of,
            ),
            {labels.ENGINE: self.name},
        )
        self._object_labels = labels.merged(self._pod_labels, object_labels or {})
        cached = model_cache if platform.simulate is None else None
        self._cache_claim = platform.cache_claim(cached) if cached else None

        for member in self._runs.members:
            self._compose_claims(member)
        self._serving: list[_Template]
        self.workload = self._compose_gang() if engine.is_gang else self._compose_deployment()
        if engine.copies > 1 and platform.disruption_budgets:
            disruption_budget(
                self, "disruption-budget", engines=[self], metadata=self._metadata(self.name)
            )

    @property
    def serving_selector(self) -> dict[str, str]:
        """Labels that match exactly the pods that serve: no follower of a gang that does not."""
        selector = {labels.ENGINE: self.name}
        if self.engine.is_gang and not self.engine.every_pod_serves:
            selector["leaderworkerset.sigs.k8s.io/worker-index"] = "0"
        return selector

    @property
    def service_account(self) -> str | None:
        """The ServiceAccount of its serving pods; None for their namespace's default."""
        account: str | None = self._serving[0].content["spec"].get("serviceAccountName")
        return account

    @property
    def environment(self) -> frozenset[str]:
        """The names of the variables of its serving pods' engine container."""
        container = self._serving[0].content["spec"]["containers"][0]
        return frozenset(variable["name"] for variable in container.get("env", ()))

    @checked
    def add_label(self, key: MetadataKey, value: LabelValue) -> None:
        """Adds a label to the serving pods."""
        self.add_to_serving_pods(PodAddition(labels={key: value}))

    @checked
    def add_annotation(self, key: MetadataKey, value: str) -> None:
        """Adds an annotation to the serving pods."""
        self.add_to_serving_pods(PodAddition(annotations={key: value}))

    @checked
    def add_env(self, *variables: EnvVar) -> None:
        """Adds environment variables to the engine container of the serving pods."""
        self.add_to_serving_pods(PodAddition(env=variables))

    @checked
    def add_sidecar(self, container: ContainerObject) -> None:
        """Adds a native sidecar to the serving pods: up before the engine, down after it."""
        self.add_to_serving_pods(PodAddition(sidecars=[container]))

    @checked
    def add_container(self, container: ContainerObject) -> None:
        """Adds a container beside the engine in the serving pods."""
        self.add_to_serving_pods(PodAddition(containers=[container]))

    @checked
    def add_volume(self, volume: VolumeObject) -> None:
        """Adds a volume to the serving pods; the containers that you add may mount it."""
        self.add_to_serving_pods(PodAddition(volumes=[volume]))

    @checked
    def add_to_serving_pods(self, addition: PodAddition) -> None:
        """Adds several things to the serving pods at once.

        Raises:
            ValueError: Something of that name is there already, with another value. Nothing is
                added then.
        """
        add_together([(self, addition)])

    def _apply(self, changes: Sequence[_Change]) -> None:
        add(
            self.workload,
            [(pointer(*change.template.at, *change.path), change.value) for change in changes],
        )
        for change in changes:
            _set(change)
        move_last(self.workload, [path for change in changes for path in _after(change)])

    def _changes(self, addition: PodAddition) -> list[_Change]:
        return [
            _Change(template, path, value)
            for template in self._serving
            for path, value in self._template_changes(template.content, addition)
        ]

    def _template_changes(
        self, template: Mapping[str, Any], addition: PodAddition
    ) -> list[tuple[_Keys, Any]]:
        changes: list[tuple[_Keys, Any]] = []
        metadata, spec = template["metadata"], template["spec"]
        given = metadata.get("labels", {})
        defaults = {key: each for key, each in addition.default_labels.items() if key not in given}
        wanted = {**addition.labels, **defaults}
        for key, entries in (("labels", wanted), ("annotations", addition.annotations)):
            present = metadata.get(key, {})
            for name, value in entries.items():
                if present.get(name, value) != value:
                    raise ValueError(
                        f"engine {self.name}: {key[:-1]} {name} is {present[name]!r} already, "
                        f"cannot add {value!r}"
                    )
            new = {name: value for name, value in entries.items() if name not in present}
            if new and key not in metadata:
                changes.append((("metadata", key), new))
            else:
                changes += [(("metadata", key, name), value) for name, value in new.items()]
        account = addition.service_account
        if account is not None and spec.get("serviceAccountName", account) != account:
            raise ValueError(
                f"engine {self.name}: serviceAccountName is {spec['serviceAccountName']!r} "
                f"already, cannot add {account!r}"
            )
        if account is not None and "serviceAccountName" not in spec:
            changes.append((("spec", "serviceAccountName"), account))
        if addition.near:
            affinity = spec.get("affinity", {})
            terms = [*affinity.get("podAffinity", {}).get(_PREFERRED, ()), *addition.near]
            wanted = overlaid(affinity, {"podAffinity": {_PREFERRED: terms}})
            changes.append((("spec", "affinity"), wanted))
        return [*changes, *self._list_changes(spec, addition)]

    def _list_changes(
        self, spec: Mapping[str, Any], addition: PodAddition
    ) -> Iterator[tuple[_Keys, Any]]:
        env = spec["containers"][0].get("env")
        has = {variable["name"] for variable in env or ()}
        variables = [
            *addition.env,
            *(each for each in addition.default_env if each.name not in has),
        ]
        lists: list[tuple[_Keys, Any, list[dict[str, Any]]]] = [
            (
                ("spec", "containers", 0, "env"),
                env,
                [entry.model_dump(exclude_none=True, by_alias=True) for entry in variables],
            ),
            (
                ("spec", "initContainers"),
                spec.get("initContainers"),
                [
                    container_in_order({**entry, "restartPolicy": "Always"})
                    for entry in addition.sidecars
                ],
            ),
            (("spec", "containers"), spec["containers"], [dict(e) for e in addition.containers]),
            (("spec", "volumes"), spec.get("volumes"), [dict(entry) for entry in addition.volumes]),
        ]
        # A container must not share its name with an init container either.
        containers = {entry["name"] for entry in spec.get("initContainers", ())}
        containers |= {entry["name"] for entry in spec["containers"]}
        for path, present, new_entries in lists:
            own_names = {entry["name"] for entry in present or ()}
            taken = own_names if path[-1] in ("env", "volumes") else containers
            for entry in new_entries:
                if entry["name"] in taken:
                    raise ValueError(
                        f"engine {self.name}: {path[-1]} cannot take {entry['name']!r}, "
                        f"the pod has {sorted(taken)} already"
                    )
                taken.add(entry["name"])
            if new_entries and present is None:
                yield path, new_entries
            else:
                for entry in new_entries:
                    yield (*path, "-"), entry

    def _pod(self, member: Member) -> dict[str, Any]:
        serves = member is self._runs.serving_member or self.engine.every_pod_serves
        return pod_template(
            member,
            listening=self._listening if serves else None,
            workload=self.name,
            labels=self._pod_labels,
            cache_claim=self._cache_claim,
            grace_seconds=self.drain_seconds + self._platform.shutdown.margin_seconds,
            platform=self._platform,
            engine=self._runs,
        )

    def _metadata(
        self, name: str, annotations: Mapping[str, str] | None = None
    ) -> ApiObjectMetadata:
        return ApiObjectMetadata(
            name=name,
            namespace=self._namespace,
            labels=self._object_labels,
            annotations=annotations or None,
        )

    def _compose_claims(self, member: Member) -> None:
        claims = claim_template(member, workload=self.name, platform=self._platform)
        if claims is None:
            return
        name, spec = claims
        manifest(
            self,
            f"{member.role.lower()}-claims",
            api_version="resource.k8s.io/v1",
            kind="ResourceClaimTemplate",
            metadata=self._metadata(name),
            body={"spec": spec},
        )

    def _compose_deployment(self) -> ApiObject:
        startup = self._platform.probes.startup_seconds
        template = self._pod(self._runs.serving_member)
        self._serving = [_Template(("spec", "template"), template)]
        spec = {
            "replicas": self.engine.copies,
            "selector": {"matchLabels": {labels.ENGINE: self.name}},
            **self._rollout.deployment(),
            # Longer than the startup probe allows, or a rollout counts as failed while it loads.
            "progressDeadlineSeconds": startup + _PROGRESS_MARGIN_SECONDS,
            "template": template,
        }
        return manifest(
            self,
            "workload",
            api_version="apps/v1",
            kind="Deployment",
            metadata=self._metadata(self.name),
            body={"spec": spec},
        )

    def _compose_gang(self) -> ApiObject:
        worker = self._runs.worker_member
        assert worker is not None
        followers = worker.worker.nodes if worker.worker else 1
        within = ("spec", "leaderWorkerTemplate")
        leading, following = self._pod(self._runs.serving_member), self._pod(worker)
        self._serving = [_Template((*within, "leaderTemplate"), leading)]
        if self.engine.every_pod_serves:
            self._serving.append(_Template((*within, "workerTemplate"), following))
        subgroups = self._gang.subgroups
        spec = {
            "replicas": self.engine.copies,
            "leaderWorkerTemplate": {
                "size": 1 + followers,
                # A gang that lost a rank cannot go on: its collectives hang.
                "restartPolicy": "RecreateGroupOnPodRestart",
                "leaderTemplate": leading,
                "workerTemplate": following,
                **({"subGroupPolicy": subgroups} if subgroups else {}),
            },
            # Followers dial the leader, so it must not wait for them, nor they for its health.
            "startupPolicy": self._gang.startup_policy or "LeaderCreated",
            "rolloutStrategy": self._rollout.gang(),
            # The default of a webhook alone, as the rolloutStrategy's.
            "networkConfig": {"subdomainPolicy": "Shared"},
        }
        return manifest(
            self,
            "workload",
            api_version="leaderworkerset.x-k8s.io/v1",
            kind="LeaderWorkerSet",
            metadata=self._metadata(self.name, self._gang.annotations),
            body={"spec": spec},
        )


def add_together(additions: Sequence[tuple[EngineGroup, PodAddition]]) -> None:
    """Adds to the serving pods of several engines, or to none where one cannot take it.

    Raises:
        ValueError: As :meth:`EngineGroup.add_to_serving_pods` does.
    """
    planned = [(engine, engine._changes(addition)) for engine, addition in additions]
    for engine, changes in planned:
        engine._apply(changes)


def _after(change: _Change) -> list[str]:
    """The fields that are to come after one that is new in a pod."""
    parent, *rest = change.path
    if parent != "spec" or len(rest) != 1:
        return []
    spec = change.template.content["spec"]
    later = [key for key in fields_after(str(rest[0])) if key in spec]
    return [pointer(*change.template.at, "spec", key) for key in later]


def _set(change: _Change) -> None:
    """Keeps our own picture of the pods in step with the object."""
    parent: Any = change.template.content
    for key in change.path[:-1]:
        parent = parent[key]
    if change.path[-1] == "-":
        parent.append(change.value)
    else:
        parent[change.path[-1]] = change.value
