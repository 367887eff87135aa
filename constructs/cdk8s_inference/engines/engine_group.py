"""EngineGroup: one engine as a workload that runs and serves by itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from cdk8s import ApiObject, ApiObjectMetadata
from constructs import Construct

from cdk8s_inference import labels, names
from cdk8s_inference.engines.pod import claim_template, pod_template
from cdk8s_inference.findings import InvalidInput, errors
from cdk8s_inference.manifest import add, manifest, pointer
from cdk8s_inference.platform import Platform
from cdk8s_inference.spec.document import check_engine
from cdk8s_inference.spec.model_deployment import Engine, EnvVar, Member
from cdk8s_inference.spec.ports import engine_port

_PROGRESS_MARGIN_SECONDS = 600

_Change = tuple[tuple[str | int, ...], Any]
"""A path below the pod template, and the value that goes there."""


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
    """

    labels: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)
    env: Sequence[EnvVar] = ()
    sidecars: Sequence[Mapping[str, Any]] = ()
    containers: Sequence[Mapping[str, Any]] = ()
    volumes: Sequence[Mapping[str, Any]] = ()


class EngineGroup(Construct):
    """One engine: a Deployment, or for a gang a LeaderWorkerSet, with its device claims.

    Complete without any routing: ``serving_selector`` matches the pods that take requests on
    ``port``. A routing construct adds to the serving pods by the same methods that users have;
    nothing here takes away what another has added.

    Attributes:
        engine: What it runs.
        name: The workload's name.
        port: Where its serving pods listen.
        workload: The Deployment or LeaderWorkerSet. JSON patches that you add to it come last:
            a list or map that a patch makes is not known to the methods here, so call those
            first.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        engine: Engine,
        name: str | None = None,
        namespace: str | None = None,
        instance: str | None = None,
        part_of: str | None = None,
        model_cache: str | None = None,
        object_labels: Mapping[str, str] | None = None,
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
        if findings := errors(check_engine(engine)):
            raise InvalidInput(findings)
        names.require(name or engine.name, gang=engine.is_gang)
        if namespace is not None:
            names.require_namespace(namespace)
        super().__init__(scope, id)
        self.engine = engine
        self.name = name or engine.name
        self.port = engine_port(engine)
        self._namespace = namespace
        self._platform = platform or Platform()
        self._pod_labels = labels.merged(
            labels.recommended(
                name="model-server",
                instance=instance or self.name,
                component=engine.phase.lower() if engine.phase else "engine",
                part_of=part_of,
            ),
            {labels.ENGINE: self.name},
        )
        self._object_labels = labels.merged(self._pod_labels, object_labels or {})
        self._cache_claim = self._platform.cache_claim(model_cache) if model_cache else None

        for member in engine.members:
            self._compose_claims(member)
        self._serving = self._pod(engine.serving_member)
        self.workload = self._compose_gang() if engine.is_gang else self._compose_deployment()

    @property
    def serving_selector(self) -> dict[str, str]:
        """Labels that match exactly the engine's serving pods, never a gang's followers."""
        selector = {labels.ENGINE: self.name}
        if self.engine.is_gang:
            selector["leaderworkerset.sigs.k8s.io/worker-index"] = "0"
        return selector

    @property
    def serving_environment(self) -> frozenset[str]:
        """Names of the environment variables that the engine container has."""
        container = self._serving["spec"]["containers"][0]
        return frozenset(variable["name"] for variable in container.get("env", ()))

    def add_label(self, key: str, value: str) -> None:
        """Adds a label to the serving pods."""
        self.add_to_serving_pods(PodAddition(labels={key: value}))

    def add_annotation(self, key: str, value: str) -> None:
        """Adds an annotation to the serving pods."""
        self.add_to_serving_pods(PodAddition(annotations={key: value}))

    def add_env(self, *variables: EnvVar) -> None:
        """Adds environment variables to the engine container of the serving pods."""
        self.add_to_serving_pods(PodAddition(env=variables))

    def add_sidecar(self, container: Mapping[str, Any]) -> None:
        """Adds a native sidecar to the serving pods: up before the engine, down after it."""
        self.add_to_serving_pods(PodAddition(sidecars=[container]))

    def add_container(self, container: Mapping[str, Any]) -> None:
        """Adds a container beside the engine in the serving pods."""
        self.add_to_serving_pods(PodAddition(containers=[container]))

    def add_volume(self, volume: Mapping[str, Any]) -> None:
        """Adds a volume to the serving pods; the containers that you add may mount it."""
        self.add_to_serving_pods(PodAddition(volumes=[volume]))

    def add_to_serving_pods(self, addition: PodAddition) -> None:
        """Adds several things to the serving pods at once.

        Raises:
            ValueError: Something of that name is there already, with another value. Nothing is
                added then.
        """
        add_together([(self, addition)])

    def _apply(self, changes: Sequence[_Change]) -> None:
        template = (
            ("spec", "leaderWorkerTemplate", "leaderTemplate")
            if self.engine.is_gang
            else ("spec", "template")
        )
        add(self.workload, [(pointer(*template, *path), value) for path, value in changes])
        for path, value in changes:
            _set(self._serving, path, value)

    def _changes(self, addition: PodAddition) -> list[_Change]:
        changes: list[_Change] = []
        metadata, spec = self._serving["metadata"], self._serving["spec"]
        for key, entries in (("labels", addition.labels), ("annotations", addition.annotations)):
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
        lists: list[tuple[tuple[str | int, ...], Any, list[dict[str, Any]]]] = [
            (
                ("spec", "containers", 0, "env"),
                spec["containers"][0].get("env"),
                [entry.model_dump(exclude_none=True, by_alias=True) for entry in addition.env],
            ),
            (
                ("spec", "initContainers"),
                spec.get("initContainers"),
                [{**entry, "restartPolicy": "Always"} for entry in addition.sidecars],
            ),
            (("spec", "containers"), spec["containers"], [dict(e) for e in addition.containers]),
            (("spec", "volumes"), spec["volumes"], [dict(entry) for entry in addition.volumes]),
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
                changes.append((path, new_entries))
            else:
                changes += [((*path, "-"), entry) for entry in new_entries]
        return changes

    def _pod(self, member: Member) -> dict[str, Any]:
        return pod_template(
            member,
            port=self.port,
            workload=self.name,
            labels=self._pod_labels,
            cache_claim=self._cache_claim,
            platform=self._platform,
        )

    def _metadata(self, name: str) -> ApiObjectMetadata:
        return ApiObjectMetadata(name=name, namespace=self._namespace, labels=self._object_labels)

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
        spec = {
            "replicas": self.engine.copies,
            "selector": {"matchLabels": {labels.ENGINE: self.name}},
            # Longer than the startup probe allows, or a rollout counts as failed while it loads.
            "progressDeadlineSeconds": startup + _PROGRESS_MARGIN_SECONDS,
            "template": self._serving,
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
        worker = self.engine.worker_member
        assert worker is not None
        followers = worker.worker.nodes if worker.worker else 1
        spec = {
            "replicas": self.engine.copies,
            "leaderWorkerTemplate": {
                "size": 1 + followers,
                # A gang that lost a rank cannot go on: its collectives hang.
                "restartPolicy": "RecreateGroupOnPodRestart",
                "leaderTemplate": self._serving,
                "workerTemplate": self._pod(worker),
            },
            # Followers dial the leader, so it must not wait for them, nor they for its health.
            "startupPolicy": "LeaderCreated",
        }
        return manifest(
            self,
            "workload",
            api_version="leaderworkerset.x-k8s.io/v1",
            kind="LeaderWorkerSet",
            metadata=self._metadata(self.name),
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


def _set(template: dict[str, Any], path: tuple[str | int, ...], value: Any) -> None:
    """Keeps our own picture of the pods in step with the object."""
    parent: Any = template
    for key in path[:-1]:
        parent = parent[key]
    if path[-1] == "-":
        parent.append(value)
    else:
        parent[path[-1]] = value
