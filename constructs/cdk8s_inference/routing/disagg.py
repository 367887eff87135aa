"""DisaggRouting: prefill on one engine, decode on another, behind one pool."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from constructs import Construct

from cdk8s_inference import labels, names
from cdk8s_inference.engines import EngineGroup
from cdk8s_inference.engines.engine_group import PodAddition, add_together
from cdk8s_inference.platform import Platform
from cdk8s_inference.routing.gateway_route import gateway_route
from cdk8s_inference.routing.picker_config import DisaggregatedConfig, engine_block_size
from cdk8s_inference.routing.pool import picked_pool
from cdk8s_inference.routing.provider import require_provider
from cdk8s_inference.routing.route import route_path
from cdk8s_inference.routing.sidecar import sidecar
from cdk8s_inference.spec.model_deployment import EnvVar
from cdk8s_inference.spec.ports import SERVING_PORT
from cdk8s_inference.spec.rules import ROLE_LABEL

_SIDE_CHANNEL = (
    # vLLM's default is localhost: the handshake then fails, and decode silently computes the
    # prefill again (vllm-project/vllm#27083).
    EnvVar.from_field("VLLM_NIXL_SIDE_CHANNEL_HOST", "status.podIP"),
    EnvVar(name="VLLM_NIXL_SIDE_CHANNEL_PORT", value="5557"),
)


class DisaggRouting(Construct):
    """Endpoint picker, InferencePool and HTTPRoute over a prefill and a decode engine.

    It adds to both engines' serving pods the role that the picker filters by, the pool's label
    and the NIXL side channel where the user set none; to decode pods also the pd-sidecar.

    Attributes:
        path: The path prefix under which the gateway serves the engines.
        pool: The InferencePool; without a gateway the Service of the picker's own Envoy.
        picker: The endpoint picker.
        route: The HTTPRoute; None without a gateway.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        prefill: EngineGroup,
        decode: EngineGroup,
        name: str,
        namespace: str,
        part_of: str | None = None,
        object_labels: Mapping[str, str] | None = None,
        platform: Platform | None = None,
        _checked: bool = False,
    ) -> None:
        """Routes to the two engines.

        Args:
            prefill: Listens on port 8000, where the sidecar calls it.
            decode: Listens on another port than 8000, which its sidecar takes.
            name: Name of the pool and the route.
            namespace: The engines' namespace; with the name it makes the route's path.
            part_of: Value of ``app.kubernetes.io/part-of``.
            object_labels: Further labels of the objects.
            platform: The platform's choices: the gateway, the router release.

        Raises:
            InvalidInput: The gateway's provider cannot serve prefill apart from decode.
            ValueError: An engine listens on a port that cannot work, is of the other phase, or
                cannot take what routing adds; a Service cannot carry ``name``, or no
                cluster has ``namespace``.
        """
        names.require(name, gang=False)
        names.require_namespace(namespace)
        platform = platform or Platform()
        require_provider(platform, disaggregated=True, warn=not _checked)
        for engine, phase in ((prefill, "Prefill"), (decode, "Decode")):
            if engine.engine.phase not in (None, phase):
                raise ValueError(
                    f"{name}: engine {engine.name} has phase {engine.engine.phase}, but is "
                    f"given as {phase.lower()}"
                )
        if prefill.port != SERVING_PORT:
            raise ValueError(
                f"{name}: prefill engine {prefill.name} listens on {prefill.port}, but decode "
                f"calls it on {SERVING_PORT}; give it --port={SERVING_PORT}"
            )
        if decode.port == SERVING_PORT:
            raise ValueError(
                f"{name}: decode engine {decode.name} listens on {decode.port}, which its "
                "sidecar takes; give it phase Decode, and --port=8001"
            )
        super().__init__(scope, id)
        proxy = sidecar(engine_port=decode.port, release=platform.router)
        add_together(
            [
                (prefill, _addition(prefill, role="prefill", pool=name)),
                (decode, _addition(decode, role="decode", pool=name, sidecars=[proxy])),
            ]
        )
        self.name = name
        self.namespace = namespace
        self.path = route_path(namespace, name, platform.gateway)
        self.pool, self.picker = picked_pool(
            self,
            name=name,
            namespace=namespace,
            port=SERVING_PORT,
            config=DisaggregatedConfig.prefix_aware(
                block_tokens=engine_block_size(decode.engine).tokens
            ),
            part_of=part_of,
            object_labels=object_labels,
            platform=platform,
        )
        self.route = gateway_route(
            self,
            "route",
            name=name,
            namespace=namespace,
            labels=labels.of_routing(name, part_of, object_labels),
            platform=platform,
            backend="InferencePool",
        )


def _addition(
    engine: EngineGroup, *, role: str, pool: str, sidecars: Sequence[Mapping[str, Any]] = ()
) -> PodAddition:
    present = engine.serving_environment
    return PodAddition(
        labels={ROLE_LABEL: role, labels.SERVES: pool},
        env=[variable for variable in _SIDE_CHANNEL if variable.name not in present],
        sidecars=sidecars,
    )
