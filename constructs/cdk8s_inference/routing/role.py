"""What routing adds to the serving pods of an engine, by the part of a request that it does."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from cdk8s_inference import labels
from cdk8s_inference.document.kv_transfer import KvTransfer
from cdk8s_inference.document.model_deployment import Container, EnvVar, Stage
from cdk8s_inference.engines import EngineGroup
from cdk8s_inference.engines.engine_group import PodAddition
from cdk8s_inference.routing.replica_context import ReplicaContext
from cdk8s_inference.routing.sidecar import REQUESTS, TOKEN_VOLUME, sidecar
from cdk8s_inference.servers import VLLM, Invocation, flags_given
from cdk8s_inference.servers.vllm import API_KEY, SIDE_CHANNEL_HOST, SIDE_CHANNEL_PORT

_NIXL = "nixlv2"
# vLLM's default is localhost: the handshake then fails, and decode silently computes the prefill
# again (vllm-project/vllm#27083).
_SIDE_CHANNEL_HOST = EnvVar.from_field(SIDE_CHANNEL_HOST, "status.podIP")
_SIDE_CHANNEL_PORT = EnvVar(name=SIDE_CHANNEL_PORT, value="5557")


def role_addition(
    group: EngineGroup,
    stage: Stage,
    context: ReplicaContext,
    *,
    kv_transfer: KvTransfer,
    account: str | None,
    guarded_pool: str | None,
) -> PodAddition:
    """The labels and variables of a role, and for decode the sidecar.

    Args:
        group: The engine.
        stage: What it does.
        context: The replica, whose name the pool has.
        kv_transfer: How prefill transfers KV caches to decode.
        account: The ServiceAccount by which sidecars read the pool, unless the pods have one
            already; None where they need not.
        guarded_pool: Namespace and name of that pool.
    """
    platform, pool = context.platform, context.name
    release, connector = platform.router, kv_transfer.connector
    container = group.engine.serving_member.container
    server: dict[str, str] = {}
    if connector.engine != "vllm" and platform.simulate is None:
        # Without it the picker looks for vLLM's metrics, finds none, and ranks by chance.
        server[release.picker.engine_label] = connector.engine
    addition = PodAddition(
        labels={release.role_label: stage.lower(), labels.SERVES: pool},
        default_labels=server,
        default_env=_side_channel(container) if connector.name == _NIXL else (),
        near=_others(pool, platform.phases_within),
    )
    if stage != "Decode":
        return addition
    native = platform.sidecar.native
    # Past the engine's drain, and within the pod's grace period.
    wait_seconds = group.drain_seconds + platform.shutdown.margin_seconds // 2
    proxy: list[Mapping[str, Any]] = [
        sidecar(
            engine_port=group.port,
            release=release,
            kv_transfer=kv_transfer,
            ranks=len(group.ports),
            guarded_pool=guarded_pool,
            guarded_engine=_wants_key(group),
            image=platform.image(release.sidecar.image),
            requests=platform.requests(REQUESTS),
            wait_seconds=None if native else wait_seconds,
        )
    ]
    return replace(
        addition,
        sidecars=proxy if native else (),
        containers=() if native else proxy,
        volumes=[TOKEN_VOLUME] if account else (),
        service_account=None if group.service_account else account,
    )


def _others(pool: str, topology: str | None) -> Sequence[Mapping[str, Any]]:
    """The other pods of a pool, which KV caches come from and go to."""
    if topology is None:
        return ()
    selector = {"matchLabels": {labels.SERVES: pool}}
    return [
        {"weight": 100, "podAffinityTerm": {"labelSelector": selector, "topologyKey": topology}}
    ]


def _wants_key(group: EngineGroup) -> bool:
    container = group.engine.serving_member.container
    return _gives(container, VLLM.names.api_key) or API_KEY in group.environment


def _gives(container: Container, flag: str | None) -> bool:
    """Whether a flag is given, in any of its spellings."""
    given = Invocation(VLLM, None, flags_given(container.command, container.args))
    return flag is not None and given.use(flag) is not None


def _side_channel(container: Container) -> Sequence[EnvVar]:
    if _gives(container, VLLM.names.kv_events):
        # vLLM publishes its events on 5557 unless told otherwise, and its own default for the
        # side channel is another port.
        return [_SIDE_CHANNEL_HOST]
    return [_SIDE_CHANNEL_HOST, _SIDE_CHANNEL_PORT]
