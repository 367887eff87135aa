"""DisaggRouting: prefill on some engines, decode on others, behind one pool."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from cdk8s_inference import names
from cdk8s_inference.app_state import AppState
from cdk8s_inference.arguments import checked
from cdk8s_inference.arguments.objects import Labels
from cdk8s_inference.construct_tree import Construct
from cdk8s_inference.document.kv_transfer import KvTransfer
from cdk8s_inference.document.model_deployment import Stage
from cdk8s_inference.document.ports import SERVING_PORT, rank_ports
from cdk8s_inference.document.rules.kv_transfer import kv_transfer
from cdk8s_inference.document.subject import POOL_RULES, PoolSubject
from cdk8s_inference.document.validation import engine_cursor
from cdk8s_inference.engines import EngineGroup
from cdk8s_inference.engines.engine_group import add_together
from cdk8s_inference.findings import Finding, InvalidInput, errors, warn
from cdk8s_inference.kubernetes_types import LabelValue, NonEmpty
from cdk8s_inference.picker_config import (
    DisaggregatedConfig,
    PickerConfig,
    Plugin,
    Profile,
    engine_block_size,
)
from cdk8s_inference.picker_config.engine_fit import disaggregated_incompatibilities
from cdk8s_inference.platform import Platform
from cdk8s_inference.routing.gateway_route import gateway_route
from cdk8s_inference.routing.pool import picked_pool
from cdk8s_inference.routing.provider import require_provider
from cdk8s_inference.routing.replica_context import ReplicaContext
from cdk8s_inference.routing.role import role_addition
from cdk8s_inference.routing.route import route_path
from cdk8s_inference.routing.sidecar_account import sidecar_account
from cdk8s_inference.source import Cursor

EngineGroups = EngineGroup | Sequence[EngineGroup]


class DisaggRouting(Construct):
    """Endpoint picker, InferencePool and HTTPRoute over prefill and decode engines.

    It adds to the engines' serving pods the role that the picker filters by, the pool's label, and
    what their KV transfer needs: for vLLM's NIXL the side channel where the user set none,
    for an engine other than vLLM the label that tells whose metrics it has. To decode pods it
    adds the pd-sidecar.

    Attributes:
        path: The path prefix under which the gateway serves the engines.
        kv_transfer: How prefill transfers KV caches to decode.
        findings: What is worth knowing about the engines together.
        ports: Where the serving pods take requests.
        config: What the picker is configured to do.
        pool: The InferencePool; without a gateway the Service of the picker's own Envoy.
        picker: The endpoint picker.
        route: The HTTPRoute; None without a gateway.
    """

    @checked
    def __init__(
        self,
        scope: Construct,
        id: NonEmpty,
        *,
        prefill: EngineGroups,
        decode: EngineGroups,
        encode: EngineGroups = (),
        name: NonEmpty,
        namespace: NonEmpty,
        config: PickerConfig | None = None,
        part_of: LabelValue | None = None,
        object_labels: Labels | None = None,
        platform: Platform | None = None,
        warnings: bool = True,
        sidecar_pool: NonEmpty | None = None,
    ) -> None:
        """Routes to the engines.

        Args:
            prefill: One engine or several that listen on port 8000, where sidecars call them.
            decode: One or several that listen on another port than 8000, which sidecars take.
            encode: Engines that encode images, video and audio, on port 8000; none by default.
            name: Name of the pool and the route.
            namespace: The engines' namespace; with the name it makes the route's path.
            config: What the picker is configured to do; by default it prefers pods that know
                the prefix, and prefills elsewhere what is long enough, or everything where the
                decode engine cannot prefill, as SGLang's.
            part_of: Value of ``app.kubernetes.io/part-of``.
            object_labels: Further labels of the objects.
            platform: The platform's choices: the gateway, the router release, how picker and
                sidecar are run.
            warnings: Whether to raise warnings; errors are always raised.
            sidecar_pool: The InferencePool whose pods sidecars may call with SSRF protection;
                default the one of this name. A pool over several replicas needs its own name here.

        Raises:
            InvalidInput: The engines cannot work together, or with the picker's configuration, or
                behind the provider's gateway; says all that is wrong.
            NotInReleaseError: The release lacks what is asked of it.
            ValueError: An engine listens on a port that cannot work, is of another phase, or
                cannot take what routing adds; a Service cannot carry ``name``, or no
                cluster has ``namespace``.
        """
        platform = (platform or Platform()).effective
        context = ReplicaContext(
            name, namespace, platform, part_of, object_labels, config, warnings
        )
        context.require_names()
        require_provider(platform, disaggregated=True, warn=warnings)
        stages: dict[Stage, list[EngineGroup]] = {
            "Encode": _listed(encode),
            "Prefill": _listed(prefill),
            "Decode": _listed(decode),
        }
        _require_fit(name, stages)
        transfer, known = _transfer(stages, platform)
        if config is None:
            config = _default_config(stages, transfer)
        if found := disaggregated_incompatibilities(
            config, platform, decodes=transfer.connector.engine, encoders=bool(stages["Encode"])
        ):
            raise InvalidInput(found)
        super().__init__(scope, id)
        AppState.add(self, scope)
        self.name = name
        self.namespace = namespace
        self.path = route_path(namespace, name, platform.gateway)
        self.kv_transfer = transfer
        self.findings = known
        if warnings:
            warn(known)
        account = names.sidecar(name) if platform.guards_prefill else None
        add_together(
            [
                (
                    group,
                    role_addition(
                        group,
                        stage,
                        context,
                        kv_transfer=transfer,
                        guarded_pool=f"{namespace}/{sidecar_pool or name}" if account else None,
                        account=account,
                    ),
                )
                for stage, groups in stages.items()
                for group in groups
            ]
        )
        if account is not None:
            accounts = [group.service_account or account for group in stages["Decode"]]
            sidecar_account(self, context.metadata(account), platform.router, accounts)
        self.ports = rank_ports(SERVING_PORT, len(stages["Decode"][0].ports))
        self.config = config
        self.pool, self.picker = picked_pool(self, context, ports=self.ports, config=config)
        self.route = gateway_route(
            self,
            "route",
            context,
            backend="InferencePool",
        )


def _listed(engines: EngineGroups) -> list[EngineGroup]:
    return [engines] if isinstance(engines, EngineGroup) else list(engines)


def _require_fit(name: str, stages: Mapping[Stage, Sequence[EngineGroup]]) -> None:
    for stage, groups in stages.items():
        if not groups and stage != "Encode":
            raise ValueError(f"{name}: there is no {stage.lower()} engine; give at least one")
        for group in groups:
            if group.engine.stage not in (None, stage):
                raise ValueError(
                    f"{name}: engine {group.name} has phase {group.engine.stage}, but is "
                    f"given as {stage.lower()}"
                )
            if stage == "Decode" and group.port == SERVING_PORT:
                raise ValueError(
                    f"{name}: decode engine {group.name} listens on {group.port}, which its "
                    "sidecar takes; give it phase Decode, and --port=8001"
                )
            if stage != "Decode" and group.port != SERVING_PORT:
                raise ValueError(
                    f"{name}: {stage.lower()} engine {group.name} listens on {group.port}, but "
                    f"decode calls it on {SERVING_PORT}; give it --port={SERVING_PORT}"
                )


def _transfer(
    stages: Mapping[Stage, Sequence[EngineGroup]], platform: Platform
) -> tuple[KvTransfer, tuple[Finding, ...]]:
    """How the engines transfer KV caches; refuses those that cannot."""
    cursors: dict[Stage, list[Cursor]] = {
        stage: [engine_cursor(group.engine) for group in groups] for stage, groups in stages.items()
    }
    every = [cursor for each in cursors.values() for cursor in each]
    phases = [stage for stage, each in cursors.items() for _ in each]
    transfer, about_transfer = kv_transfer(cursors, platform.router, platform.sidecar)
    findings = [*POOL_RULES.findings(PoolSubject(every, phases)), *about_transfer]
    if transfer is None or errors(findings):
        raise InvalidInput(findings)
    return transfer, tuple(findings)


def _default_config(
    stages: Mapping[Stage, Sequence[EngineGroup]], transfer: KvTransfer
) -> DisaggregatedConfig:
    block = max(engine_block_size(group.engine).tokens for group in stages["Decode"])
    if transfer.connector.engine == "sglang":
        config = DisaggregatedConfig.always(block_tokens=block)
    else:
        config = DisaggregatedConfig.prefix_aware(block_tokens=block)
    if stages["Encode"]:
        # An encoder has no cache to be preferred for.
        config = replace(config, encode=Profile(((Plugin("queue-scorer"), 1),)))
    return config
