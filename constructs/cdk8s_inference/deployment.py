"""ModelDeployment and ModelReplica: where engines and routing meet."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import date
from typing import TYPE_CHECKING, Annotated, Any, TypedDict

from pydantic import Field

from cdk8s_inference import names
from cdk8s_inference.app_state import AppState, ObjectOwners
from cdk8s_inference.arguments import checked
from cdk8s_inference.arguments.objects import JsonObject, Labels
from cdk8s_inference.construct_tree import App, Chart, Construct
from cdk8s_inference.document.deployment import Deployment
from cdk8s_inference.document.model_deployment import (
    Engine,
    ModelCacheRef,
    ModelDeploymentSpec,
    ReplicaMetadata,
    ReplicaSpec,
    ReplicaTemplate,
    Serving,
    ServingMode,
    Stage,
)
from cdk8s_inference.document.object_keys import ObjectKey, object_keys
from cdk8s_inference.document.validation import check, check_spec
from cdk8s_inference.engines import EngineGroup
from cdk8s_inference.engines.disruption_budget import phase_budgets
from cdk8s_inference.findings import Finding, InvalidInput, errors, shown, warn
from cdk8s_inference.kubernetes_types import LabelValue, NonEmpty, ObjectName
from cdk8s_inference.picker_config import PickerConfig
from cdk8s_inference.picker_config.engine_fit import incompatibilities
from cdk8s_inference.platform import Platform, Simulation
from cdk8s_inference.routing.disagg import DisaggRouting
from cdk8s_inference.routing.replica_context import ReplicaContext
from cdk8s_inference.routing.unified import UnifiedRouting
from cdk8s_inference.source import Document, single

if TYPE_CHECKING:
    from cdk8s_inference.checks import Waiver
    from cdk8s_inference.graph import Graph
    from cdk8s_inference.routing.deployment_routing import DeploymentRouting


class ModelReplica(Construct):
    """One complete serving instance: its engines, and the routing that its mode asks for.

    Engines are composed first, and complete; routing then adds to them.

    Attributes:
        serving_mode: ``Unified`` or ``PrefillDecode``.
        engines: The engines by name.
        phases: Each engine's phase, by the engine's name; empty when Unified.
        routing: What routes to them; its ``path`` is where the gateway serves the replica.
    """

    @checked
    def __init__(
        self,
        scope: Construct,
        id: NonEmpty,
        *,
        name: NonEmpty,
        namespace: NonEmpty,
        engines: Annotated[Sequence[Engine], Field(min_length=1)],
        serving_mode: ServingMode = "Unified",
        model_cache: ObjectName | None = None,
        part_of: LabelValue | None = None,
        object_labels: Labels | None = None,
        picker_config: PickerConfig | None = None,
        platform: Platform | None = None,
        warnings: bool = True,
        sidecar_pool: NonEmpty | None = None,
    ) -> None:
        """Composes the replica.

        Args:
            name: Name of its Service or pool and its route; the engines' names start with it.
            namespace: Where everything goes.
            engines: What to run, each under its own name; for PrefillDecode at least one of
                phase Prefill and one of phase Decode.
            serving_mode: How requests reach the engines.
            model_cache: Model cache that every engine mounts.
            part_of: Value of ``app.kubernetes.io/part-of``.
            object_labels: Further labels of every object.
            picker_config: What the endpoint picker is configured to do; None suits the engines.
            platform: The platform's choices.
            warnings: Whether to raise warnings about the engines and the gateway together.
            sidecar_pool: As for :class:`DisaggRouting`.

        Raises:
            ValueError: The engines do not fit the serving mode, or share a name.
        """
        _require_fit(name, engines, serving_mode)
        super().__init__(scope, id)
        AppState.add(self, scope)
        self.name = name
        self.serving_mode = serving_mode
        platform = (platform or Platform()).effective
        self.engines: Mapping[str, EngineGroup] = _Engines(
            {
                engine.name: EngineGroup(
                    self,
                    # The prefix keeps an engine named "routing" apart from the routing below.
                    f"engine-{engine.name}",
                    engine=engine,
                    name=names.workload(name, engine.name, gang=engine.is_gang),
                    namespace=namespace,
                    instance=name,
                    part_of=part_of,
                    model_cache=model_cache,
                    object_labels=object_labels,
                    platform=_budgeted_above(platform),
                )
                for engine in engines
            }
        )
        self.phases: dict[str, Stage] = {
            engine.name: engine.stage for engine in engines if engine.stage
        }
        if platform.disruption_budgets:
            phase_budgets(
                self,
                engines=[*self.engines.values()],
                name=name,
                namespace=namespace,
                part_of=part_of,
                object_labels=object_labels,
            )
        self.routing = self._route(
            ReplicaContext(
                name,
                namespace,
                platform,
                part_of,
                object_labels,
                picker_config,
                warnings,
            ),
            sidecar_pool,
        )

    def _route(
        self, context: ReplicaContext, sidecar_pool: str | None
    ) -> UnifiedRouting | DisaggRouting:
        if self.serving_mode == "Unified":
            return UnifiedRouting(
                self, "routing", engines=list(self.engines.values()), **context.arguments
            )
        groups = self.engines.values()
        return DisaggRouting(
            self,
            "routing",
            prefill=[group for group in groups if group.engine.stage == "Prefill"],
            decode=[group for group in groups if group.engine.stage == "Decode"],
            encode=[group for group in groups if group.engine.stage == "Encode"],
            sidecar_pool=sidecar_pool,
            **context.arguments,
        )


def _budgeted_above(platform: Platform) -> Platform:
    """The platform for the parts of what has PodDisruptionBudgets itself: two hold a pod fast."""
    return replace(platform, disruption_budgets=False) if platform.disruption_budgets else platform


class _Engines(dict[str, EngineGroup]):
    """Engines by name; says which there are."""

    def __missing__(self, name: object) -> EngineGroup:
        known = ", ".join(repr(each) for each in self)
        raise KeyError(f"there is no engine {shown(name)}; there are {known}")


class _Composed(TypedDict):
    """The arguments that a deployment was composed from, but for its platform."""

    name: str
    namespace: str
    engines: Sequence[Engine]
    serving_mode: ServingMode
    replicas: int
    model_cache: str | None
    labels: Mapping[str, str] | None
    picker_config: PickerConfig | None
    validated: Sequence[Finding]


class ModelDeployment(Chart):
    """A model deployment as a chart: ``replicas`` complete serving instances.

    Attributes:
        replicas: The serving instances, in order.
        routing: What routes to the deployment: over all replicas where there are several, else the
            routing of the one. Its ``path`` is where the gateway serves the deployment.
        findings: What is worth knowing about the input, though it can be composed. Warnings
            among them are also raised as :class:`InferenceWarning`.
    """

    @checked
    def __init__(
        self,
        scope: Construct,
        id: NonEmpty,
        *,
        name: NonEmpty,
        namespace: NonEmpty,
        engines: Annotated[Sequence[Engine], Field(min_length=1)],
        serving_mode: ServingMode = "Unified",
        replicas: Annotated[int, Field(ge=1, le=10)] = 1,
        model_cache: ObjectName | None = None,
        labels: Labels | None = None,
        picker_config: PickerConfig | None = None,
        platform: Platform | None = None,
        validated: Sequence[Finding] | None = None,
    ) -> None:
        """Composes a deployment from typed values; see also :meth:`from_file`.

        Args:
            name: The deployment's name: a DNS label that starts with a letter.
            namespace: Where its objects go.
            engines: 1 to 8 engines; for PrefillDecode at least one Prefill and one Decode.
            serving_mode: ``Unified`` (default) or ``PrefillDecode``.
            replicas: Complete serving instances, 1 (default) to 10. Each has a path of its own;
                with several, the path of the deployment's name spreads requests over them.
            model_cache: Name of the model cache that engines mount at /mnt/models.
            labels: Further labels of every object.
            picker_config: What the endpoint picker is configured to do; None suits the engines.
            platform: The platform's choices; the default suits a cluster with a gateway
                ``modelplane-system/inference-gateway`` and NVIDIA's DRA driver.
            validated: The findings of a validation that was done already, and whose warnings
                were raised; None (default) validates.

        Raises:
            InvalidInput: The deployment breaks a rule, or an argument is of another type; says all
                that is wrong.
            ValueError: Another deployment of the app composes an object of the same name.
        """
        whole = platform or Platform()
        platform = whole.effective
        if validated is None:
            spec = _spec(engines, serving_mode, replicas, model_cache, labels)
            validated = check_spec(name, namespace, spec, platform)
            if errors(validated):
                raise InvalidInput(validated)
            warn(validated)
        if picker_config is not None and (
            unfit := incompatibilities(picker_config, engines, serving_mode, platform)
        ):
            raise InvalidInput(unfit)
        keys = object_keys(name, replicas, engines, serving_mode, platform)
        claims = _claims(scope, id, namespace, keys)
        super().__init__(scope, id, namespace=namespace, disable_resource_name_hashes=True)
        state = AppState.of(scope)
        state.owners.update(claims)
        state.add_chart(self)
        self.findings = tuple(validated)
        self._composed: _Composed = {
            "name": name,
            "namespace": namespace,
            "engines": engines,
            "serving_mode": serving_mode,
            "replicas": replicas,
            "model_cache": model_cache,
            "labels": labels,
            "picker_config": picker_config,
            "validated": validated,
        }
        self._chosen = whole
        self._waivers: list[Waiver] = []
        stack = platform.gateway.stack
        if stack is not None and AppState.of(stack) is state:
            self.node.add_dependency(stack)
        within = _budgeted_above(platform)
        splits = replicas == 1 or platform.gateway.provider.splits(pooled=True)
        self.replicas = [
            ModelReplica(
                self,
                f"replica-{index}",
                name=names.replica(name, index),
                namespace=namespace,
                engines=engines,
                serving_mode=serving_mode,
                model_cache=model_cache,
                part_of=name,
                object_labels=labels,
                picker_config=picker_config,
                platform=within,
                warnings=False,
                sidecar_pool=None if splits else name,
            )
            for index in range(replicas)
        ]
        groups = [each for replica in self.replicas for each in replica.engines.values()]
        if platform.disruption_budgets:
            phase_budgets(
                self,
                engines=groups,
                name=name,
                namespace=namespace,
                part_of=name,
                object_labels=labels,
            )
        self.routing: UnifiedRouting | DisaggRouting | DeploymentRouting = self.replicas[0].routing
        if replicas > 1:
            from cdk8s_inference.routing.deployment_routing import DeploymentRouting

            self.routing = DeploymentRouting(
                self,
                "routing",
                replicas=[replica.routing for replica in self.replicas],
                engines=groups,
                name=name,
                namespace=namespace,
                object_labels=labels,
                platform=platform,
            )

    def to_json(self) -> list[Any]:
        """The objects as they are now. Only ``synth`` refuses errors: :meth:`check` tells them."""
        state = AppState.of(self)
        objects = state.to_json(self)
        if objects is None:
            with state.render():
                objects = super().to_json()
        return objects

    def check(self) -> list[Finding]:
        """What would fail, or work worse than it looks, once this is applied as it is now.

        Synthesis calls it after every patch, refuses errors, and raises warnings as
        :class:`InferenceWarning`.
        """
        from cdk8s_inference.checks import check as check_objects

        # Not by to_json, which validates, and so would ask for itself.
        return check_objects(AppState.of(self).documents(self), waivers=self._waivers)

    def graph(self) -> Graph:
        """What the deployment serves as it is now, as a graph that Mermaid, DOT, SVG or HTML show.

        What :meth:`check` finds is marked on the part that it is about.
        """
        from cdk8s_inference.checks import check_topology
        from cdk8s_inference.graph import graph_of
        from cdk8s_inference.topology import read_topology

        topology = read_topology(AppState.of(self).documents(self))
        return graph_of(topology, check_topology(topology, waivers=self._waivers))

    @checked
    def simulated(
        self, scope: Construct, id: NonEmpty, *, simulation: Simulation | None = None
    ) -> ModelDeployment:
        """Composes a twin of the deployment: simulators in place of engines, all else the same.

        It is composed from what the deployment was: what was added to engines afterwards, and JSON
        patches, are not in it.

        Args:
            scope: Another app than the deployment's, since both have the same names.
            simulation: How it is simulated; default as its platform says, else ``Simulation()``.

        Raises:
            InvalidInput: As for the deployment.
            ValueError: The app has a deployment of the name already.
        """
        chosen = simulation or self._chosen.simulate or Simulation()
        twin = ModelDeployment(
            scope, id, **self._composed, platform=replace(self._chosen, simulate=chosen)
        )
        twin._waivers += self._waivers
        return twin

    @checked
    def waive(self, code: NonEmpty, reason: NonEmpty, *, until: date | None = None) -> None:
        """Lets a rule not count for this deployment: its findings become notes.

        An annotation ``cdk8s-inference/waive-CODE`` of an object does the same for that object.

        Args:
            code: The rule's code, such as ``T503``.
            reason: Why, for whoever reads it later.
            until: The last day on which it holds; without one it holds for good.

        Raises:
            ValueError: The reason is empty.
        """
        from cdk8s_inference.checks import Waiver

        self._waivers.append(Waiver(code, reason, until))

    @classmethod
    @checked
    def from_file(
        cls,
        scope: Construct,
        id: str,
        path: NonEmpty | os.PathLike[str],
        *,
        namespace: NonEmpty | None = None,
        picker_config: PickerConfig | None = None,
        platform: Platform | None = None,
    ) -> ModelDeployment:
        """Composes the one ModelDeployment document of a YAML or JSON file.

        Args:
            path: The file.
            namespace: Where its objects go; default the document's, else ``default``.
            picker_config: As for typed values.
            platform: The platform's choices.

        Raises:
            InvalidInput: The file is no such document; says all that is wrong, with lines.
            OSError: The file cannot be read.
            ValueError: As for typed values.
        """
        return cls._from(scope, id, single(path), namespace, picker_config, platform)

    @classmethod
    @checked
    def from_document(
        cls,
        scope: Construct,
        id: str,
        document: JsonObject,
        *,
        namespace: NonEmpty | None = None,
        picker_config: PickerConfig | None = None,
        platform: Platform | None = None,
    ) -> ModelDeployment:
        """Composes a ModelDeployment document given as plain data.

        Args:
            document: The document, with its fields in camelCase.
            namespace: Where its objects go; default the document's, else ``default``.
            picker_config: As for typed values.
            platform: The platform's choices.

        Raises:
            InvalidInput: It is no such document; says all that is wrong.
            ValueError: As for typed values.
        """
        return cls._from(scope, id, Document(document), namespace, picker_config, platform)

    @classmethod
    def _from(
        cls,
        scope: Construct,
        id: str,
        document: Document,
        namespace: str | None,
        picker_config: PickerConfig | None,
        platform: Platform | None,
    ) -> ModelDeployment:
        deployment, findings = check(document, platform, namespace=namespace)
        if deployment is None:
            raise InvalidInput(findings)
        warn(findings)
        from cdk8s_inference.checks.waiver import waivers_of_document

        return cls.from_checked(
            scope,
            id,
            deployment,
            findings,
            platform,
            picker_config=picker_config,
            waivers=waivers_of_document(document),
        )

    @classmethod
    def from_checked(
        cls,
        scope: Construct,
        id: str,
        deployment: Deployment,
        findings: Sequence[Finding],
        platform: Platform | None = None,
        *,
        picker_config: PickerConfig | None = None,
        waivers: Iterable[Waiver] = (),
    ) -> ModelDeployment:
        """Composes a deployment that :func:`cdk8s_inference.document.validation.check` returned."""
        template = deployment.spec.template
        cache = template.spec.model_cache_ref
        composed = cls(
            scope,
            id,
            name=deployment.name,
            namespace=deployment.namespace,
            engines=template.spec.engines,
            serving_mode=template.spec.serving_mode,
            replicas=deployment.spec.replicas,
            model_cache=cache.name if cache else None,
            labels=template.metadata.labels if template.metadata else None,
            picker_config=picker_config,
            platform=platform,
            validated=findings,
        )
        composed._waivers += waivers
        return composed


def _claims(scope: Construct, id: str, namespace: str, keys: Iterable[ObjectKey]) -> ObjectOwners:
    """The names that a chart takes; refuses one that its app has in the namespace already.

    ``kubectl apply`` would let the last one win, without a word.
    """
    owners = AppState.of(scope).owners
    path = id if isinstance(scope, App) else f"{scope.node.path}/{id}".lstrip("/")
    claims: ObjectOwners = {}
    for kind, name in keys:
        key = (namespace, kind, name)
        if owner := owners.get(key):
            raise ValueError(
                f"{path}: {kind} {namespace}/{name} is composed by chart {owner} already; "
                "rename an engine or a deployment, or give each cluster its App"
            )
        claims[key] = path
    return claims


def _require_fit(replica: str, engines: Sequence[Engine], mode: ServingMode) -> None:
    engine_names = [engine.name for engine in engines]
    if len(set(engine_names)) != len(engine_names):
        raise ValueError(f"{replica}: each engine needs a name of its own, found {engine_names}")
    phases = {engine.name: engine.stage for engine in engines}
    missing = {"Prefill", "Decode"} - {*phases.values()}
    if mode == "PrefillDecode" and (missing or None in phases.values()):
        raise ValueError(
            f"{replica}: PrefillDecode needs a phase on each engine, Prefill on one at least and "
            f"Decode on one, found {phases}"
        )


def _spec(
    engines: Sequence[Engine],
    serving_mode: ServingMode,
    replicas: int,
    model_cache: str | None,
    labels: Mapping[str, str] | None,
) -> ModelDeploymentSpec:
    return ModelDeploymentSpec(
        replicas=replicas,
        template=ReplicaTemplate(
            metadata=ReplicaMetadata(labels=dict(labels)) if labels else None,
            spec=ReplicaSpec(
                engines=list(engines),
                serving=Serving(mode=serving_mode),
                model_cache_ref=ModelCacheRef(name=model_cache) if model_cache else None,
            ),
        ),
    )
