"""ModelDeployment and ModelReplica: where engines and routing meet."""

from __future__ import annotations

import os
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from cdk8s import Chart
from constructs import Construct, IConstruct

from cdk8s_inference import names
from cdk8s_inference.engines import EngineGroup
from cdk8s_inference.findings import Finding, InferenceWarning, InvalidInput, errors
from cdk8s_inference.objects import replica_objects, reserved
from cdk8s_inference.platform import Platform
from cdk8s_inference.routing.unified import UnifiedRouting
from cdk8s_inference.spec.document import Deployment, check, check_spec
from cdk8s_inference.spec.model_deployment import (
    Engine,
    ModelCacheRef,
    ModelDeploymentSpec,
    Phase,
    ReplicaMetadata,
    ReplicaSpec,
    ReplicaTemplate,
    Serving,
    ServingMode,
)
from cdk8s_inference.spec.source import Document, single

if TYPE_CHECKING:
    from cdk8s_inference.routing.disagg import DisaggRouting


class ModelReplica(Construct):
    """One complete serving instance: its engines, and the routing that its mode asks for.

    Engines are composed first, and complete; routing then adds to them.

    Attributes:
        serving_mode: ``Unified`` or ``PrefillDecode``.
        engines: The engines by name.
        phases: Each engine's phase, by the engine's name; empty when Unified.
        routing: What routes to them; its ``path`` is where the gateway serves the replica.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        name: str,
        namespace: str,
        engines: Sequence[Engine],
        serving_mode: ServingMode = "Unified",
        model_cache: str | None = None,
        part_of: str | None = None,
        object_labels: Mapping[str, str] | None = None,
        platform: Platform | None = None,
    ) -> None:
        """Composes the replica.

        Args:
            name: Name of its Service or pool and its route; the engines' names start with it.
            namespace: Where everything goes.
            engines: What to run; for PrefillDecode one engine of each phase.
            serving_mode: How requests reach the engines.
            model_cache: Model cache that every engine mounts.
            part_of: Value of ``app.kubernetes.io/part-of``.
            object_labels: Further labels of every object.
            platform: The platform's choices.
        """
        super().__init__(scope, id)
        self.name = name
        self.serving_mode = serving_mode
        self.engines = {
            engine.name: EngineGroup(
                self,
                engine.name,
                engine=engine,
                name=names.workload(name, engine.name, gang=engine.is_gang),
                instance=name,
                part_of=part_of,
                model_cache=model_cache,
                object_labels=object_labels,
                platform=platform,
            )
            for engine in engines
        }
        self.phases: dict[str, Phase] = {
            engine.name: engine.phase for engine in engines if engine.phase
        }
        self.routing = self._route(
            namespace=namespace, part_of=part_of, object_labels=object_labels, platform=platform
        )

    def _route(
        self,
        *,
        namespace: str,
        part_of: str | None,
        object_labels: Mapping[str, str] | None,
        platform: Platform | None,
    ) -> UnifiedRouting | DisaggRouting:
        if self.serving_mode == "Unified":
            return UnifiedRouting(
                self,
                "routing",
                engines=list(self.engines.values()),
                name=self.name,
                namespace=namespace,
                part_of=part_of,
                object_labels=object_labels,
                platform=platform,
            )
        # cdk8s-plus, which only the picker needs, takes a quarter of a second to import.
        from cdk8s_inference.routing.disagg import DisaggRouting

        by_phase = {group.engine.phase: group for group in self.engines.values()}
        if set(by_phase) != {"Prefill", "Decode"} or len(self.engines) != 2:
            raise ValueError(
                f"{self.name}: PrefillDecode needs one engine of each phase, found {self.phases}"
            )
        return DisaggRouting(
            self,
            "routing",
            prefill=by_phase["Prefill"],
            decode=by_phase["Decode"],
            name=self.name,
            namespace=namespace,
            part_of=part_of,
            object_labels=object_labels,
            platform=platform,
        )


class ModelDeployment(Chart):
    """A model deployment as a chart: ``replicas`` complete serving instances.

    Attributes:
        replicas: The serving instances, in order.
        findings: What is worth knowing about the input, though it can be composed. Warnings
            among them are also raised as :class:`InferenceWarning`.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        name: str,
        namespace: str,
        engines: Sequence[Engine],
        serving_mode: ServingMode = "Unified",
        replicas: int = 1,
        model_cache: str | None = None,
        labels: Mapping[str, str] | None = None,
        platform: Platform | None = None,
        _checked: Sequence[Finding] | None = None,
    ) -> None:
        """Composes a deployment from typed values; see also :meth:`from_file`.

        Args:
            name: The deployment's name: a DNS label that starts with a letter.
            namespace: Where its objects go.
            engines: 1 to 8 engines; for PrefillDecode one Prefill and one Decode.
            serving_mode: ``Unified`` (default) or ``PrefillDecode``.
            replicas: Complete serving instances, 1 (default) to 10.
            model_cache: Name of the model cache that engines mount at /mnt/models.
            labels: Further labels of every object.
            platform: The platform's choices; the default suits a cluster with a gateway
                ``modelplane-system/inference-gateway`` and NVIDIA's DRA driver.

        Raises:
            InvalidInput: The deployment breaks a rule; says all that it breaks.
            pydantic.ValidationError: A value is of another type, or out of its limits.
        """
        platform = platform or Platform()
        if _checked is None:
            spec = _spec(engines, serving_mode, replicas, model_cache, labels)
            _checked = check_spec(name, namespace, spec, platform)
            if errors(_checked):
                raise InvalidInput(_checked)
            _warn(_checked)
        self.findings = tuple(_checked)
        super().__init__(scope, id, namespace=namespace, disable_resource_name_hashes=True)
        replica_names = [names.replica(name, index) for index in range(replicas)]
        self._claim_names(scope, namespace, replica_names, engines, serving_mode, platform)
        stack = platform.gateway.stack
        if stack is not None and stack.node.root is self.node.root:
            self.node.add_dependency(stack)
        self.replicas = [
            ModelReplica(
                self,
                f"replica-{index}",
                name=replica_name,
                namespace=namespace,
                engines=engines,
                serving_mode=serving_mode,
                model_cache=model_cache,
                part_of=name,
                object_labels=labels,
                platform=platform,
            )
            for index, replica_name in enumerate(replica_names)
        ]

    @classmethod
    def from_file(
        cls,
        scope: Construct,
        id: str,
        path: str | os.PathLike[str],
        *,
        namespace: str | None = None,
        platform: Platform | None = None,
    ) -> ModelDeployment:
        """Composes the one ModelDeployment document of a YAML or JSON file.

        Args:
            path: The file.
            namespace: Where its objects go; default the document's, else ``default``.
            platform: The platform's choices.

        Raises:
            InvalidInput: The file is no such document; says all that is wrong, with lines.
            OSError: The file cannot be read.
        """
        document = single(Path(path).read_bytes(), os.fspath(path))
        return cls._from(scope, id, document, namespace, platform)

    @classmethod
    def from_document(
        cls,
        scope: Construct,
        id: str,
        document: Mapping[str, Any],
        *,
        namespace: str | None = None,
        platform: Platform | None = None,
    ) -> ModelDeployment:
        """Composes a ModelDeployment document given as plain data.

        Args:
            document: The document, with its fields in camelCase.
            namespace: Where its objects go; default the document's, else ``default``.
            platform: The platform's choices.

        Raises:
            InvalidInput: It is no such document; says all that is wrong.
        """
        return cls._from(scope, id, Document(document), namespace, platform)

    @classmethod
    def _from(
        cls,
        scope: Construct,
        id: str,
        document: Document,
        namespace: str | None,
        platform: Platform | None,
    ) -> ModelDeployment:
        deployment, findings = check(document, platform, namespace=namespace)
        if deployment is None:
            raise InvalidInput(findings)
        _warn(findings)
        return cls.from_checked(scope, id, deployment, findings, platform)

    @classmethod
    def from_checked(
        cls,
        scope: Construct,
        id: str,
        deployment: Deployment,
        findings: Sequence[Finding],
        platform: Platform | None = None,
    ) -> ModelDeployment:
        """Composes a deployment that :func:`cdk8s_inference.spec.document.check` returned."""
        template = deployment.spec.template
        cache = template.spec.model_cache_ref
        return cls(
            scope,
            id,
            name=deployment.name,
            namespace=deployment.namespace,
            engines=template.spec.engines,
            serving_mode=template.spec.serving_mode,
            replicas=deployment.spec.replicas,
            model_cache=cache.name if cache else None,
            labels=template.metadata.labels if template.metadata else None,
            platform=platform,
            _checked=findings,
        )

    def _claim_names(
        self,
        scope: Construct,
        namespace: str,
        replica_names: Sequence[str],
        engines: Sequence[Engine],
        mode: ServingMode,
        platform: Platform,
    ) -> None:
        """Refuses an object name that another of this app's deployments has in the namespace.

        ``kubectl apply`` would let the last one win, without a word.
        """
        taken = _names_of_app.setdefault(scope.node.root, {})
        for replica in replica_names:
            keys = list(replica_objects(replica, engines, mode, platform.unified_mode))
            for kind, name in reserved(keys):
                owner = taken.setdefault((namespace, kind, name), self.node.path)
                if owner != self.node.path:
                    raise ValueError(
                        f"{self.node.path}: {kind} {namespace}/{name} is composed by chart "
                        f"{owner} already; rename one deployment, or give each cluster its App"
                    )


_names_of_app: WeakKeyDictionary[IConstruct, dict[tuple[str, str, str], str]] = WeakKeyDictionary()


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


def _warn(findings: Sequence[Finding]) -> None:
    for finding in findings:
        if finding.severity == "warning":
            warnings.warn(str(finding), InferenceWarning, stacklevel=3)
