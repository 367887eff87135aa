"""DisaggRouting: prefill on some engines, decode on others, behind one pool."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from constructs import Construct

from cdk8s_inference import labels, names
from cdk8s_inference.engines import EngineGroup
from cdk8s_inference.engines.engine_group import PodAddition, add_together
from cdk8s_inference.findings import Finding, InferenceWarning, InvalidInput, errors
from cdk8s_inference.platform import Platform
from cdk8s_inference.releases import RouterRelease
from cdk8s_inference.routing.picker_config import (
    DisaggregatedConfig,
    PickerConfig,
    Plugin,
    Profile,
    engine_block_size,
)
from cdk8s_inference.routing.pool import picked_pool
from cdk8s_inference.routing.route import http_route, route_path
from cdk8s_inference.routing.sidecar import TOKEN_VOLUME, sidecar
from cdk8s_inference.routing.sidecar_account import sidecar_account
from cdk8s_inference.spec.connector import Handover, handover
from cdk8s_inference.spec.document import engine_cursor
from cdk8s_inference.spec.flags import uses
from cdk8s_inference.spec.model_deployment import Engine, EnvVar, Stage
from cdk8s_inference.spec.ports import SERVING_PORT, rank_ports
from cdk8s_inference.spec.shapes import pool_shape

_NIXL = "nixlv2"
# vLLM's default is localhost: the handshake then fails, and decode silently computes the prefill
# again (vllm-project/vllm#27083).
_SIDE_CHANNEL_HOST = EnvVar.from_field("VLLM_NIXL_SIDE_CHANNEL_HOST", "status.podIP")
_SIDE_CHANNEL_PORT = EnvVar(name="VLLM_NIXL_SIDE_CHANNEL_PORT", value="5557")

EngineGroups = EngineGroup | Sequence[EngineGroup]


class DisaggRouting(Construct):
    """Endpoint picker, InferencePool and HTTPRoute over prefill and decode engines.

    It adds to the engines' serving pods the role that the picker filters by, the pool's label, and
    what their way to hand over needs: for vLLM's NIXL the side channel where the user set none,
    for an engine other than vLLM the label that tells whose metrics it has. To decode pods it
    adds the pd-sidecar.

    Attributes:
        path: The path prefix under which the gateway serves the engines.
        handover: How prefill hands over to decode.
        findings: What is worth knowing about the engines together.
        pool: The InferencePool.
        picker: The endpoint picker.
        route: The HTTPRoute.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        prefill: EngineGroups,
        decode: EngineGroups,
        encode: EngineGroups = (),
        name: str,
        namespace: str,
        config: PickerConfig | None = None,
        part_of: str | None = None,
        object_labels: Mapping[str, str] | None = None,
        platform: Platform | None = None,
        _checked: bool = False,
    ) -> None:
        """Routes to the engines.

        Args:
            prefill: One engine or several that listen on port 8000, where sidecars call them.
            decode: One or several that listen on another port than 8000, which sidecars take.
            encode: EngineGroups that encode images, video and audio, on port 8000; none by default.
            name: Name of the pool and the route.
            namespace: The engines' namespace; with the name it makes the route's path.
            config: What the picker is configured to do; by default it prefers pods that know
                the prefix, and prefills elsewhere what is long enough, or everything where the
                decode engine cannot prefill, as SGLang's.
            part_of: Value of ``app.kubernetes.io/part-of``.
            object_labels: Further labels of the objects.
            platform: The platform's choices: the gateway, the router release, how picker and
                sidecar are run.

        Raises:
            InvalidInput: The engines cannot work together, or with the picker's configuration;
                says all that is wrong.
            NotInReleaseError: The release lacks what is asked of it.
            ValueError: An engine listens on a port that cannot work, is of another phase, or
                cannot take what routing adds; a Service cannot carry ``name``, or no
                cluster has ``namespace``.
        """
        names.require(name, gang=False)
        names.require_namespace(namespace)
        platform = platform or Platform()
        stages: dict[Stage, list[EngineGroup]] = {
            "Encode": _listed(encode),
            "Prefill": _listed(prefill),
            "Decode": _listed(decode),
        }
        _require_fit(name, stages)
        agreed, known = _agreed(stages, platform, warn=not _checked)
        ranks = len(stages["Decode"][0].ports)
        if config is None:
            config = _default_config(stages, agreed)
        _require_config(config, stages, agreed, platform.router)
        super().__init__(scope, id)
        self.name = name
        self.namespace = namespace
        self.path = route_path(namespace, name)
        self.handover = agreed
        self.findings = known
        own_labels = labels.of_routing(name, part_of, object_labels)
        account = names.sidecar(name) if platform.sidecar.ssrf_protection else None
        add_together(
            [
                (group, _addition(group, stage, self, platform, account, bool(stages["Encode"])))
                for stage, groups in stages.items()
                for group in groups
            ]
        )
        if account is not None:
            sidecar_account(
                self, name=account, namespace=namespace, labels=own_labels, release=platform.router
            )
        self.pool, self.picker = picked_pool(
            self,
            name=name,
            namespace=namespace,
            ports=rank_ports(SERVING_PORT, ranks),
            config=config,
            part_of=part_of,
            object_labels=object_labels,
            platform=platform,
        )
        self.route = http_route(
            self,
            "route",
            name=name,
            namespace=namespace,
            labels=own_labels,
            gateway=platform.gateway,
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


def _agreed(
    stages: Mapping[Stage, Sequence[EngineGroup]], platform: Platform, *, warn: bool
) -> tuple[Handover, tuple[Finding, ...]]:
    """How the engines hand over; refuses those that cannot."""
    cursors = {
        stage: [engine_cursor(group.engine) for group in groups] for stage, groups in stages.items()
    }
    every = [cursor for each in cursors.values() for cursor in each]
    phases = [stage for stage, each in cursors.items() for _ in each]
    agreed, placed = handover(
        cursors["Prefill"], cursors["Decode"], platform.router, platform.sidecar.connector
    )
    findings = [finding for finding, _ in (*pool_shape(every, phases), *placed)]
    if agreed is None or errors(findings):
        raise InvalidInput(findings)
    for finding in findings:
        if warn and finding.severity == "warning":
            warnings.warn(str(finding), InferenceWarning, stacklevel=4)
    return agreed, tuple(findings)


def _default_config(
    stages: Mapping[Stage, Sequence[EngineGroup]], agreed: Handover
) -> DisaggregatedConfig:
    block = max(engine_block_size(group.engine).tokens for group in stages["Decode"])
    if agreed.connector.engine == "sglang":
        config = DisaggregatedConfig.always(block_tokens=block)
    else:
        config = DisaggregatedConfig.prefix_aware(block_tokens=block)
    if stages["Encode"]:
        # An encoder has no cache to be preferred for.
        config = replace(config, encode=Profile(((Plugin("queue-scorer"), 1),)))
    return config


def _require_config(
    config: PickerConfig,
    stages: Mapping[Stage, Sequence[EngineGroup]],
    agreed: Handover,
    release: RouterRelease,
) -> None:
    verdict = config.verdict(release)
    if not verdict.disaggregated:
        raise ValueError(
            "the picker's configuration is for pods that do whole requests: it would send users "
            "to prefill pods; give a DisaggregatedConfig"
        )
    if stages["Encode"] and isinstance(config, DisaggregatedConfig) and config.encode is None:
        raise ValueError(
            "there are encode engines, and the picker's configuration has no profile for them: "
            "they would never be asked; set DisaggregatedConfig.encode"
        )
    if agreed.connector.engine == "sglang" and verdict.starts and verdict.shortest_prompt != 0:
        raise InvalidInput(
            [
                Finding(
                    "W110",
                    "error",
                    "",
                    "an SGLang decode engine cannot prefill, and the picker would send it prompts "
                    "that no prefill engine has seen: each is answered with 400",
                    "use DisaggregatedConfig.always(), or AlwaysDisaggregate() as the decider",
                )
            ]
        )


def _addition(
    group: EngineGroup,
    stage: Stage,
    routing: DisaggRouting,
    platform: Platform,
    account: str | None,
    encoded: bool,
) -> PodAddition:
    release, connector = platform.router, routing.handover.connector
    roles = {release.role_label: stage.lower(), labels.SERVES: routing.name}
    if connector.engine != "vllm":
        # Without it the picker looks for vLLM's metrics, finds none, and ranks by chance.
        roles[release.picker.engine_label] = connector.engine
    side_channel = _side_channel(group.engine) if connector.name == _NIXL else ()
    common = PodAddition(labels=roles, default_env=side_channel)
    if stage != "Decode":
        return common
    encoder = platform.sidecar.encoder_connector or release.sidecar.encoder_connectors[0]
    native = platform.sidecar.native
    proxy: list[Mapping[str, Any]] = [
        sidecar(
            engine_port=group.port,
            release=release,
            handover=routing.handover,
            ranks=len(group.ports),
            encoder_connector=encoder if encoded else None,
            guarded_pool=f"{routing.namespace}/{routing.name}" if account else None,
            guarded_engine=_wants_key(group.engine),
            # Past the engine's drain, and within the pod's grace period.
            wait_seconds=None
            if native
            else group.drain_seconds + platform.shutdown.margin_seconds // 2,
        )
    ]
    return replace(
        common,
        sidecars=proxy if native else (),
        containers=() if native else proxy,
        volumes=[TOKEN_VOLUME] if account else (),
        service_account=account,
    )


def _wants_key(engine: Engine) -> bool:
    container = engine.serving_member.container
    names = {variable.name for variable in container.env or ()}
    return bool(uses(container.command, container.args, "--api-key", "--api_key")) or (
        "VLLM_API_KEY" in names
    )


def _side_channel(engine: Engine) -> Sequence[EnvVar]:
    container = engine.serving_member.container
    if uses(container.command, container.args, "--kv-events-config", "--kv_events_config"):
        # vLLM publishes its events on 5557 unless told otherwise, and its own default for the
        # side channel is another port.
        return [_SIDE_CHANNEL_HOST]
    return [_SIDE_CHANNEL_HOST, _SIDE_CHANNEL_PORT]
