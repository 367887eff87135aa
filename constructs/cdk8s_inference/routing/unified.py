"""UnifiedRouting: one way in to engines that each prefill and decode."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from cdk8s_inference import labels
from cdk8s_inference.app_state import AppState
from cdk8s_inference.arguments import checked
from cdk8s_inference.arguments.objects import Labels
from cdk8s_inference.construct_tree import ApiObject, Construct
from cdk8s_inference.document.kv_transfer import engine_server
from cdk8s_inference.document.validation import engine_cursor
from cdk8s_inference.engines import EngineGroup
from cdk8s_inference.engines.engine_group import PodAddition, add_together
from cdk8s_inference.findings import InvalidInput
from cdk8s_inference.kubernetes_types import LabelValue, NonEmpty
from cdk8s_inference.picker_config import PickerConfig, UnifiedConfig, engine_block_size
from cdk8s_inference.picker_config.engine_fit import unified_incompatibilities
from cdk8s_inference.platform import Platform
from cdk8s_inference.routing.gateway_route import gateway_route
from cdk8s_inference.routing.provider import require_provider
from cdk8s_inference.routing.replica_context import ReplicaContext
from cdk8s_inference.routing.route import route_path
from cdk8s_inference.routing.service import http_service
from cdk8s_inference.servers import VLLM

if TYPE_CHECKING:
    from cdk8s_inference.routing.endpoint_picker import EndpointPicker


class UnifiedRouting(Construct):
    """A Service, or on request an InferencePool with a picker, and the HTTPRoute to it.

    It adds one label to the engines' serving pods, and where a picker reads the metrics of an
    engine other than vLLM the label that says so. Nothing else is added to the engines.

    Attributes:
        path: The path prefix under which the gateway serves the engines.
        backend: The Service or the InferencePool.
        ports: Where the serving pods listen.
        config: What the picker of a pool is configured to do; None in front of a Service.
        picker: The endpoint picker of a pool; None in front of a Service.
        route: The HTTPRoute; None without a gateway.
    """

    @checked
    def __init__(
        self,
        scope: Construct,
        id: NonEmpty,
        *,
        engines: Annotated[Sequence[EngineGroup], Field(min_length=1)],
        name: NonEmpty,
        namespace: NonEmpty,
        config: PickerConfig | None = None,
        part_of: LabelValue | None = None,
        object_labels: Labels | None = None,
        platform: Platform | None = None,
        warnings: bool = True,
    ) -> None:
        """Routes to the engines.

        Args:
            engines: The engines; all listen on the same port.
            name: Name of the Service or pool, and of the route.
            namespace: The engines' namespace; with the name it makes the route's path.
            config: What a picker is configured to do; by default it prefers pods that know the
                prefix. Refused where a Service fronts the engines.
            part_of: Value of ``app.kubernetes.io/part-of``.
            object_labels: Further labels of the objects.
            platform: The platform's choices: the gateway, and what fronts the engines.
            warnings: Whether to raise warnings; errors are always raised.

        Raises:
            InvalidInput: The picker's configuration is none for these engines, or the provider's
                gateway asks no picker.
            ValueError: There is no engine, their ports differ, they are routed to under another
                name already, a Service cannot carry ``name``, or no cluster has ``namespace``.
        """
        platform = (platform or Platform()).effective
        context = ReplicaContext(
            name, namespace, platform, part_of, object_labels, config, warnings
        )
        context.require_names()
        if platform.unified_mode == "picker":
            require_provider(platform, disaggregated=False, warn=warnings)
        listening = {engine.name: engine.ports for engine in engines}
        if len(set(listening.values())) != 1:
            found = {
                engine: ports[0] if len(ports) == 1 else ports
                for engine, ports in listening.items()
            }
            raise ValueError(f"{name}: the engines must listen on one port, found {found}")
        ports = engines[0].ports
        if platform.unified_mode == "service" and len(ports) > 1:
            raise ValueError(
                f"{name}: a Service leads to one port, and the engines listen on {ports}; set "
                'Platform(unified_mode="picker")'
            )
        if config and (problems := unified_incompatibilities(config, platform)):
            raise InvalidInput(problems)
        super().__init__(scope, id)
        AppState.add(self, scope)
        add_together(
            [
                (
                    engine,
                    PodAddition(
                        labels={labels.SERVES: name},
                        default_labels=_engine_label(engine, platform),
                    ),
                )
                for engine in engines
            ]
        )
        self.name = name
        self.namespace = namespace
        self.path = route_path(namespace, name, platform.gateway)
        self.ports = ports
        self.config: PickerConfig | None = None
        self.backend: ApiObject
        self.picker: EndpointPicker | None = None
        if platform.unified_mode == "service":
            self.backend = http_service(self, context, {labels.SERVES: name}, ports[0])
        else:
            # A Service needs none of this.
            from cdk8s_inference.routing.pool import picked_pool

            blocks = [engine_block_size(engine.engine).tokens for engine in engines]
            self.config = config or UnifiedConfig.prefix_aware(block_tokens=max(blocks))
            self.backend, self.picker = picked_pool(self, context, ports=ports, config=self.config)
        self.route = gateway_route(
            self,
            "route",
            context,
            backend="Service" if platform.unified_mode == "service" else "InferencePool",
        )


def _engine_label(engine: EngineGroup, platform: Platform) -> dict[str, str]:
    """Tells a picker whose metrics an engine has: it takes a pod without the label for vLLM's."""
    server = engine_server(engine_cursor(engine.engine))
    name = server.engine_label if server else None
    simulated = platform.simulate is not None  # With the metrics of vLLM, whatever it is in for.
    if platform.unified_mode == "service" or simulated or name in (None, VLLM.engine_label):
        return {}
    return {platform.router.picker.engine_label: str(name)}
