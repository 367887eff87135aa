"""What prefill and decode must agree on, so that the KV cache of one is of use to the other."""

from __future__ import annotations

from collections.abc import Iterator
from difflib import get_close_matches

from cdk8s_inference.checks.rule import rule
from cdk8s_inference.findings import Mend, Severity, Violation, near_name, shown
from cdk8s_inference.findings.evidence import ReadInSource, SeenRun
from cdk8s_inference.findings.example import Edit, breaks, manifests
from cdk8s_inference.servers import VLLM
from cdk8s_inference.servers.invocation import is_unread, whole_number
from cdk8s_inference.servers.kv_connector import KV_ROLES
from cdk8s_inference.servers.sglang import ADDRESS_VARIABLES
from cdk8s_inference.servers.vllm import SIDE_CHANNEL_HOST, SIDE_CHANNEL_PORT
from cdk8s_inference.source import has_placeholder
from cdk8s_inference.topology import Container, Engine, Picker, Pods, Pool, SourceValue, Topology
from cdk8s_inference.topology.envoy import is_loopback

_ENGINE = "spec.template.spec.containers[0]"
_SEEN = SeenRun("vLLM", ("v0.32.0",))
_SGLANG = SeenRun("SGLang", ("v0.5.23",))
_MORE_NETWORKS = "k8s.v1.cni.cncf.io/networks"
"""The annotation by which Multus gives pods more networks, with an address that may be set."""
_ALSO = "Also seen run with SGLang v0.5.23."
_HANDSHAKE = "vLLM's NIXL handshake compares a hash of version and configuration (vllm#29503)."


def _pairs(topology: Topology) -> Iterator[tuple[Pool, Engine, Engine]]:
    """Each prefill engine with each decode engine of its pool."""
    for pool in topology.disaggregated:
        for prefill in pool.prefill:
            for decode in pool.decode:
                if prefill.may_gain("flags") or decode.may_gain("flags"):
                    continue
                if prefill.engine is not None and decode.engine is not None:
                    yield pool, prefill.engine, decode.engine


def _disaggregated(topology: Topology) -> Iterator[tuple[Pods, Engine]]:
    for pool in topology.disaggregated:
        for pods in (*pool.prefill, *pool.decode):
            if pods.engine is not None and not pods.may_gain("flags"):
                yield pods, pods.engine


@rule(
    "T301",
    "error",
    "The NIXL side channel is not at the pod's address",
    why="vLLM announces localhost to decode: the handshake fails, and the request is answered 500. "
    "With kv_load_failure_policy recompute, decode computes the prefill again instead.",
    known=_SEEN,
    evidence="vllm-project/vllm#27083.",
    fix="set VLLM_NIXL_SIDE_CHANNEL_HOST from fieldRef status.podIP, on prefill and on decode",
    example=breaks("disaggregated", "Deployment/prefill", f"{_ENGINE}.env", []),
)
def side_channel(topology: Topology) -> Iterator[Violation]:
    for pods, engine in _disaggregated(topology):
        if not any(name.startswith("Nixl") for name in engine.connectors):
            continue
        if pods.may_gain("environment"):
            continue
        container = engine.container
        name = SIDE_CHANNEL_HOST
        if name in container.environment:
            yield from _other_address(pods, container, name)
        elif not any(name in word.value for word in container.words):
            yield Violation(container.here, f"{name} is not set; its default is localhost", None)


def _other_address(pods: Pods, container: Container, name: str) -> Iterator[Violation]:
    """Says that a variable, which should have the address of its pod, has another one."""
    variable, field = container.environment[name], container.field_of(name)
    text = variable.value
    if text is not None:
        may_be_known = pods.host_network.value or _MORE_NETWORKS in pods.annotations
        if "$(" not in text and (is_loopback(text) or not may_be_known):
            yield Violation(variable, f"{name} is {text!r}, the same for every pod")
    elif field is None:
        yield Violation(variable, f"{name} comes from no field of the pod")
    elif field.startswith("status.hostIP") and not pods.host_network.value:
        yield Violation(variable, f"{name} comes from {field}, which is the node's")
    # An annotation may have the address in another network.
    elif not field.startswith(("status.", "metadata.annotations[")):
        yield Violation(variable, f"{name} comes from {field}")


@rule(
    "T302",
    "error",
    "An engine has no KV transfer",
    why="Prefill runs, no KV cache is transferred, and decode computes the prompt again, with "
    "status 200.",
    known=_SEEN,
    evidence="vLLM without --kv-transfer-config has no connector; ai-dynamo/dynamo#11467.",
    fix="set the same --kv-transfer-config, with a connector, on prefill and decode",
    example=breaks("disaggregated", "Deployment/prefill", f"{_ENGINE}.args[3]", "--seed=0"),
)
def no_transfer(topology: Topology) -> Iterator[Violation]:
    for pool in topology.disaggregated:
        members = [
            (pods, pods.engine)
            for pods in (*pool.prefill, *pool.decode)
            if pods.engine and not pods.may_gain("flags")
        ]
        handing = next((engine for _, engine in members if _hands_over(engine)), None)
        for pods, engine in members:
            if _silent(engine) and handing is not None:
                yield Violation(
                    engine.container.here,
                    f"{pods.object} has no --kv-transfer-config, and another engine has",
                    handing.transfer_flag,
                )
            flag = engine.transfer_flag
            if flag is None or engine.kind != "vllm" or "$" in flag.value:
                continue
            if engine.transfer is None:
                said = f"{engine.names.kv_transfer} is no JSON object: {shown(flag.value)}"
                yield Violation(flag, said)
            elif not engine.transfer.connector.value:
                yield Violation(flag, f"{engine.names.kv_transfer} names no kv_connector")


@rule(
    "T317",
    "warning",
    "No engine of the pool has a KV transfer",
    why="Unless a configuration file sets one, decode computes every prompt again, with status "
    "200.",
    known=_SEEN,
    evidence="vLLM without --kv-transfer-config has no connector; ai-dynamo/dynamo#11467.",
    fix="set the same --kv-transfer-config, with a connector, on prefill and decode",
    example=manifests(
        "disaggregated",
        Edit("Deployment/prefill", f"{_ENGINE}.args[3]", "--seed=0"),
        Edit("Deployment/decode", f"{_ENGINE}.args[3]", "--seed=0"),
    ),
)
def no_transfer_at_all(topology: Topology) -> Iterator[Violation]:
    for pool in topology.disaggregated:
        members = (*pool.prefill, *pool.decode)
        if any(pods.may_gain("flags") for pods in members):
            continue
        engines = [pods.engine for pods in members if pods.engine]
        if engines and all(_silent(engine) for engine in engines):
            here = engines[0].container.here
            yield Violation(
                here, "no engine of the pool has --kv-transfer-config", pool.disaggregates
            )


def _hands_over(engine: Engine) -> bool:
    return engine.kind == "vllm" and engine.transfer_flag is not None


def _silent(engine: Engine) -> bool:
    """Whether an engine's flags say nothing of a transfer; a file may say it, a simulator not."""
    vllm = engine.kind == "vllm" and not engine.is_simulator
    return vllm and engine.transfer_flag is None and not engine.reads_file


@rule(
    "T303",
    "error",
    "Prefill and decode use different KV connectors",
    why="The handshake fails at the first request, or no KV cache is transferred.",
    known=_SEEN,
    evidence=f"{_HANDSHAKE} {_ALSO} ai-dynamo/dynamo#10027.",
    fix="use the same connector on both sides",
    example=breaks(
        "sglang",
        "Deployment/prefill",
        f"{_ENGINE}.args[4]",
        "--disaggregation-transfer-backend=mooncake",
    ),
)
def transports(topology: Topology) -> Iterator[Violation]:
    for _, prefill, decode in _pairs(topology):
        if None in (prefill.kind, decode.kind):
            continue
        if prefill.kind != decode.kind:
            yield Violation(
                prefill.container.here,
                f"prefill runs {prefill.kind}, decode {decode.kind}",
                decode.container.here,
            )
        elif not _pair_up(prefill, decode):
            yield Violation(
                prefill.transfer_flag or prefill.container.here,
                f"prefill hands over by {', '.join(sorted(prefill.connectors))}, decode takes "
                f"{', '.join(sorted(decode.connectors))}",
                decode.transfer_flag or decode.container.here,
            )


def _pair_up(prefill: Engine, decode: Engine) -> bool:
    """Whether both sides may use one transport, or one of them names none."""
    one, other = prefill.connectors, decode.connectors
    if not one or not other or one == other or prefill.server is None:
        return True
    known = [[prefill.server.connector(name) for name in names] for names in (one, other)]
    if len(one) > 1 or len(other) > 1:
        return False
    (here,), (there,) = known
    return here is not None and there is not None and here.pairs(there)


@rule(
    "T304",
    "error",
    "Prefill and decode load different models",
    why="A KV cache is only valid for the model that computed it. vLLM's handshake fails; SGLang "
    "compares no models, and answers 200 with wrong text.",
    known=_SEEN,
    evidence=f"{_HANDSHAKE} {_ALSO}",
    fix="load the same model on both sides",
    example=manifests(
        "disaggregated",
        Edit("Deployment/prefill", f"{_ENGINE}.args[0]", "--model=Qwen/Qwen3-14B"),
        Edit("Deployment/prefill", f"{_ENGINE}.args[4]", "--served-model-name=qwen"),
        Edit("Deployment/decode", f"{_ENGINE}.args[4]", "--served-model-name=qwen"),
    ),
)
def models(topology: Topology) -> Iterator[Violation]:
    for _, prefill, decode in _pairs(topology):
        one, other = prefill.model, decode.model
        if one is not None and other is not None and one.value != other.value:
            yield Violation(one, f"prefill loads {one.value!r}, decode {other.value!r}", other)


@rule(
    "T318",
    "warning",
    "Only one of prefill and decode names its model",
    why="The other loads the engine's default, unless a file or its image says otherwise.",
    known=ReadInSource("vLLM"),
    evidence="vLLM loads a small model of its own choice where none is named.",
    fix="set the same model on both sides",
    example=manifests(
        "disaggregated",
        Edit("Deployment/prefill", f"{_ENGINE}.image", "ghcr.io/acme/vllm:v0.32.0"),
        Edit("Deployment/decode", f"{_ENGINE}.image", "ghcr.io/acme/vllm:v0.32.0"),
        Edit("Deployment/prefill", f"{_ENGINE}.args[0]", "--seed=0"),
    ),
    after=("T646",),
)
def one_model(topology: Topology) -> Iterator[Violation]:
    for _, prefill, decode in _pairs(topology):
        if None in (prefill.kind, decode.kind) or prefill.reads_file or decode.reads_file:
            continue
        for silent, other in ((prefill, decode), (decode, prefill)):
            if silent.model is None and other.model is not None:
                yield Violation(
                    silent.container.here,
                    f"no model is named, and the other engine loads {other.model.value!r}",
                    other.model,
                )


@rule(
    "T305",
    "error",
    "Prefill and decode run different engine images",
    why="The handshake fails at the first request.",
    known=_SEEN,
    evidence=f"{_HANDSHAKE} llm-d/llm-d#355. With enforce_handshake_compat false on decode it is "
    "a note: v0.31.0 to v0.32.0 worked.",
    fix="use the same image on both sides, and roll both out together",
    after=("T106",),
    example=breaks(
        "disaggregated", "Deployment/prefill", f"{_ENGINE}.image", "vllm/vllm-openai:v0.22.0"
    ),
)
def versions(topology: Topology) -> Iterator[Violation]:
    for _, prefill, decode in _pairs(topology):
        one, other = prefill.container, decode.container
        known = prefill.kind is not None and prefill.kind == decode.kind
        if known and not _are_alike(prefill, decode):
            # Images of one project may have one vLLM: llm-d-cuda and llm-d-aws of one release.
            same_tag = one.image_tag and one.image_tag == other.image_tag
            yield Violation(
                one.image,
                f"prefill runs {one.image.value!r}, decode {other.image.value!r}",
                other.image,
                severity="note" if not _compares(decode) else "warning" if same_tag else None,
            )


def _are_alike(prefill: Engine, decode: Engine) -> bool:
    """Whether images are the same, of one registry or two, or builds of the same release."""
    one, other = prefill.container, decode.container
    release = prefill.invocation.release
    if one.image.value == other.image.value or release is not None:
        return release == decode.invocation.release
    named = (one.image_name, one.image_tag)
    return bool(one.image_tag) and named == (other.image_name, other.image_tag)


def _compares(decode: Engine) -> bool:
    """Whether decode compares versions with prefill, as it does unless told otherwise."""
    parts = decode.transfer.parts if decode.transfer else ()
    return not any(part.extra.get("enforce_handshake_compat") is False for part in parts)


@rule(
    "T306",
    "error",
    "Prefill and decode differ in a flag that the handshake compares",
    why="Requests fail at the first handshake. A speculative decoder on one side only corrupts "
    "memory. SGLang's decode ends at the first request where --kv-cache-dtype differs; where "
    "--dtype does, it answers 200 with wrong text.",
    known=_SEEN,
    evidence=f"{_HANDSHAKE} vllm#49230. {_ALSO}",
    fix="set the same flag on both sides",
    after=("T106",),
    example=breaks(
        "disaggregated", "Deployment/decode", f"{_ENGINE}.args[4]", "--kv-cache-dtype=fp8"
    ),
)
def compared(topology: Topology) -> Iterator[Violation]:
    for _, prefill, decode in _pairs(topology):
        server = prefill.server or VLLM
        for flag in server.handshake_flags:
            one, other = prefill.flag(flag), decode.flag(flag)
            if flag == _SPECULATION and _draft_without_layers(prefill, decode):
                continue
            values = {
                each.value if each and each.value != "auto" else None for each in (one, other)
            }
            if len(values) > 1:
                said = f"{flag} is {_said(one)} on prefill, {_said(other)} on decode"
                yield Violation(
                    one or prefill.container.here,
                    said,
                    other or decode.container.here,
                    # Without the flag it is that of the model's files, or of the device, which
                    # may be the same.
                    severity="warning" if flag in _CHOSEN and None in values else None,
                )
        for name in server.handshake_variables:
            here, there = (each.container.environment.get(name) for each in (prefill, decode))
            if (here and here.value) != (there and there.value):
                said = f"{name} is {_said(here)} on prefill, {_said(there)} on decode"
                yield Violation(
                    here or prefill.container.here,
                    said,
                    there or decode.container.here,
                    severity=None if here and there else "warning",
                )


_CHOSEN = ("--dtype", "--attention-backend")
_SPECULATION, _REVISION = "--speculative-config", "--revision"


def _draft_without_layers(prefill: Engine, decode: Engine) -> bool:
    """Whether the drafters have no layers, so that both sides may differ."""
    drafters = (each.invocation.json(_SPECULATION) for each in (prefill, decode))
    given = [each for each in (prefill, decode) if each.flag(_SPECULATION) is not None]
    methods = [drafter.get("method") for drafter in drafters if drafter is not None]
    return len(methods) == len(given) and all(method == "ngram" for method in methods)


@rule(
    "T328",
    "warning",
    "Prefill and decode may load different weights",
    why="Decode continues from the KV cache of other weights: status 200, with text that differs "
    "or is wrong.",
    known=ReadInSource("vLLM v0.32.0 and SGLang v0.5.23"),
    evidence="Neither compares these flags at the hand-over. With other weights at the same path "
    "both were seen to answer with wrong text.",
    fix="set the same flag on both sides",
    after=("T106",),
    example=breaks("disaggregated", "Deployment/decode", f"{_ENGINE}.args[4]", "--revision=v2"),
)
def weights(topology: Topology) -> Iterator[Violation]:
    for _, prefill, decode in _pairs(topology):
        local = all(
            each.model is not None and each.model.value.startswith("/")
            for each in (prefill, decode)
        )
        for flag in (prefill.server or VLLM).model_flags:
            if flag == _REVISION and local:
                continue  # A local folder has no revisions.
            one, other = prefill.flag(flag), decode.flag(flag)
            default = "main" if flag == _REVISION else None
            if (one.value if one else default) != (other.value if other else default):
                yield Violation(
                    one or prefill.container.here,
                    f"{flag} is {_said(one)} on prefill, {_said(other)} on decode",
                    other or decode.container.here,
                )


def _said(value: object) -> str:
    return "not given" if value is None else shown(getattr(value, "value", value))


@rule(
    "T307",
    "error",
    "The KV blocks of prefill are larger than those of decode",
    why="NIXL cannot split a block: requests fail. SGLang's decode ends at the first request.",
    known=_SEEN,
    evidence="vllm-project/vllm#42895: a smaller block on prefill works for plain models alone. "
    f"{_ALSO}",
    fix="set the same --block-size, or --page-size of SGLang, on both sides",
    example=breaks("disaggregated", "Deployment/prefill", f"{_ENGINE}.args[4]", "--block-size=128"),
)
def larger_blocks(topology: Topology) -> Iterator[Violation]:
    for _, prefill, decode in _pairs(topology):
        one, other = prefill.block_size, decode.block_size
        if one is not None and other is not None and one.value > other.value:
            yield Violation(
                one, f"blocks of {one.value} tokens on prefill, {other.value} on decode", other
            )


@rule(
    "T308",
    "warning",
    "The KV blocks of prefill are smaller than those of decode",
    why="Hybrid models fail at the first request. Plain ones may answer 200 with wrong text. "
    "SGLang's decode ends at the first request: an error.",
    known=_SEEN,
    evidence=f"On CPUs: wrong text. Not run on GPUs. vllm-project/vllm#42895. {_ALSO}",
    fix="set the same --block-size, or --page-size of SGLang, on both sides",
    example=breaks("disaggregated", "Deployment/decode", f"{_ENGINE}.args[4]", "--block-size=128"),
)
def smaller_blocks(topology: Topology) -> Iterator[Violation]:
    for _, prefill, decode in _pairs(topology):
        one, other = prefill.block_size, decode.block_size
        if one is not None and other is not None and one.value < other.value:
            yield Violation(
                one,
                f"blocks of {one.value} tokens on prefill, {other.value} on decode",
                other,
                severity="error" if prefill.kind == "sglang" else None,
            )


@rule(
    "T309",
    "warning",
    "Tensor parallelism of prefill is larger than that of decode",
    why="Many models and releases of vLLM fail at the first request, often with an IndexError in "
    "decode.",
    known=ReadInSource("vLLM"),
    evidence="llm-d supports decode at least as wide as prefill; vllm#43523, #50765. With vLLM "
    "v0.32.0, 2 to 1 was seen to work with a plain model. Mooncake needs both the same: an error.",
    fix="give decode a --tensor-parallel-size at least as large as that of prefill",
    example=manifests(
        "disaggregated",
        Edit("Deployment/decode", f"{_ENGINE}.args[2]", "--tensor-parallel-size=1"),
        Edit("Deployment/decode", f"{_ENGINE}.args[4]", "--pipeline-parallel-size=2"),
    ),
)
def wider_prefill(topology: Topology) -> Iterator[Violation]:
    for _, prefill, decode in _pairs(topology):
        one, other = prefill.tensor_parallel, decode.tensor_parallel
        if one is None or other is None:
            continue
        equal = any("mooncake" in name.lower() for name in prefill.connectors)
        vllm = prefill.kind == "vllm"
        if (vllm and one.value > other.value) or (vllm and equal and one.value != other.value):
            yield Violation(
                one,
                f"prefill shards over {one.value} devices, decode over {other.value}",
                other,
                severity="error" if equal else None,
            )


@rule(
    "T310",
    "warning",
    "Decode recomputes KV caches whose transfer failed",
    why="With kv_load_failure_policy recompute, a broken network looks like a slow model, and "
    "the output may be wrong.",
    known=_SEEN,
    evidence="vllm-project/vllm#32200, #49250.",
    fix="set kv_load_failure_policy to fail, or remove it",
    example=breaks(
        "disaggregated",
        "Deployment/decode",
        f"{_ENGINE}.args[3]",
        '--kv-transfer-config={"kv_connector":"NixlConnector","kv_role":"kv_both",'
        '"kv_load_failure_policy":"recompute"}',
    ),
)
def recompute(topology: Topology) -> Iterator[Violation]:
    for _, engine in _disaggregated(topology):
        if engine.transfer is not None and engine.transfer.failure_policy == "recompute":
            yield Violation(engine.transfer.connector, "kv_load_failure_policy is 'recompute'")


_MOONCAKE = '--kv-transfer-config={{"kv_connector":"MooncakeConnector","kv_role":"{role}"}}'


@rule(
    "T311",
    "warning",
    "The kv_role does not match the role of the pod",
    why="Connectors other than NIXL use kv_role to decide which side sends: no KV cache is "
    "transferred. With NIXL it is a note: there the request alone decides.",
    known=_SEEN,
    evidence="vLLM's connectors; NIXL ignores the role.",
    fix="set kv_role to kv_producer or kv_both on prefill, and kv_consumer or kv_both on decode",
    example=manifests(
        "disaggregated",
        Edit("Deployment/prefill", f"{_ENGINE}.args[3]", _MOONCAKE.format(role="kv_both")),
        Edit("Deployment/decode", f"{_ENGINE}.args[3]", _MOONCAKE.format(role="kv_producer")),
        Edit(
            "Deployment/decode",
            "spec.template.spec.initContainers[0].args[2]",
            "--kv-connector=mooncake",
        ),
    ),
)
def roles(topology: Topology) -> Iterator[Violation]:
    for pool in topology.disaggregated:
        for side, members in (("prefill", pool.prefill), ("decode", pool.decode)):
            for pods in members:
                engine = pods.engine
                transfer = engine.transfer if engine else None
                if engine is None or transfer is None or has_placeholder(transfer.role):
                    continue
                said = f"kv_role is {transfer.role!r} on {side}"
                if transfer.role == _WRONG_ROLE[side]:
                    severity: Severity = "note" if _ignores_role(engine) else "warning"
                    yield Violation(transfer.connector, said, pods.role, severity=severity)
                elif side == "decode" and (lone := _only_produces(engine)) is not None:
                    yield Violation(
                        transfer.connector,
                        f"{said}, where {lone} only hands over and fetches nothing",
                        pods.role,
                        severity="warning",
                        fix="write kv_consumer on decode",
                    )


_WRONG_ROLE = {"prefill": "kv_consumer", "decode": "kv_producer"}


def _ignores_role(engine: Engine) -> bool:
    """Whether every connector of an engine does what requests ask, whatever its role."""
    known = [engine.server.connector(name) if engine.server else None for name in engine.connectors]
    return all(each is not None and each.ignores_role for each in known)


def _only_produces(engine: Engine) -> str | None:
    """The connector of an engine whose role makes it a producer alone."""
    assert engine.transfer is not None
    for part in engine.transfer.parts:
        known = engine.server.connector(part.connector) if engine.server else None
        if known is not None and known.both_produces_only and not known.consumes(part.role):
            return known.name
    return None


@rule(
    "T319",
    "error",
    "The kv_role is missing or unknown",
    why="vLLM does not start.",
    known=_SEEN,
    evidence="KVTransferConfig takes kv_producer, kv_consumer and kv_both.",
    fix="write kv_role kv_producer, kv_consumer or kv_both",
    example=breaks(
        "disaggregated",
        "Deployment/decode",
        f"{_ENGINE}.args[3]",
        '--kv-transfer-config={"kv_connector":"NixlConnector","kv_role":"decode"}',
    ),
)
def no_role(topology: Topology) -> Iterator[Violation]:
    for pods in topology.serving:
        engine = pods.engine
        transfer = engine.transfer if engine else None
        if transfer is None or not transfer.connector.value or transfer.role in KV_ROLES:
            continue
        if has_placeholder(transfer.role):
            continue
        said = f"is {transfer.role!r}" if transfer.role else "is not given"
        meant = near_name(transfer.role or "", KV_ROLES)
        yield Violation(
            transfer.connector,
            f"kv_role {said}; it is one of {', '.join(KV_ROLES)}",
            fix=f"write kv_role {meant}" if meant else None,
            mend=Mend(transfer.role, meant) if transfer.role and meant else None,
        )


@rule(
    "T320",
    "error",
    "Engines share one engine_id",
    why="Decode tells prefill engines apart by engine_id. With one id on both sides requests are "
    "answered 500; with one id on two prefill engines, decode answers 200 with wrong text.",
    known=_SEEN,
    evidence="Without engine_id each engine makes an id of its own.",
    fix="remove engine_id",
    example=breaks(
        "disaggregated",
        "Deployment/prefill",
        f"{_ENGINE}.args[3]",
        '--kv-transfer-config={"kv_connector":"NixlConnector","kv_role":"kv_both",'
        '"engine_id":"prefill"}',
    ),
)
def fixed_engine_id(topology: Topology) -> Iterator[Violation]:
    for pool in topology.disaggregated:
        first: dict[str, tuple[Pods, SourceValue[str]]] = {}
        for pods in (*pool.prefill, *pool.decode):
            transfer = pods.engine.transfer if pods.engine else None
            written = transfer.written.get("engine_id") if transfer else None
            if transfer is None or not isinstance(written, str) or has_placeholder(written):
                continue
            at = transfer.connector
            copies = pods.workload.copies.value * pods.per_copy
            if written in first and first[written][0] is not pods:
                other, place = first[written]
                yield Violation(at, f"engine_id is {written!r} here and in {other.object}", place)
            elif copies > 1:
                yield Violation(
                    at,
                    f"engine_id is {written!r} in each of {copies} pods",
                    pods.workload.copies,
                )
            first.setdefault(written, (pods, at))


_REMOVED_CONNECTOR = """\
apiVersion: apps/v1
kind: Deployment
metadata: {name: small, namespace: llm}
spec:
  selector: {matchLabels: {app: small}}
  template:
    metadata: {labels: {app: small}}
    spec:
      containers:
        - name: vllm
          image: vllm/vllm-openai:v0.32.0
          args:
            - --model=Qwen/Qwen3-0.6B
            - --kv-transfer-config={"kv_connector":"SharedStorageConnector","kv_role":"kv_both"}
          readinessProbe: {httpGet: {path: /health, port: 8000}}
          resources: {limits: {nvidia.com/gpu: 1}}
"""


@rule(
    "T321",
    "error",
    "The KV connector is not in vLLM's release",
    why="vLLM does not start.",
    known=_SEEN,
    evidence="SharedStorageConnector became ExampleConnector in v0.13.0.",
    fix="name a connector of the release",
    example=manifests(
        "disaggregated",
        added=_REMOVED_CONNECTOR,
    ),
)
def no_connector(topology: Topology) -> Iterator[Violation]:
    for pods in topology.serving:
        engine = pods.engine
        if engine is None or engine.transfer is None or engine.server is None:
            continue
        for part in engine.transfer.parts:
            known = engine.server.connector(part.connector)
            release = engine.invocation.release
            if known is not None and release is not None and not known.in_release(release):
                yield Violation(
                    engine.transfer.connector,
                    f"vLLM {release} has no {part.connector}",
                    engine.container.image,
                )


@rule(
    "T325",
    "error",
    "A key of --kv-transfer-config is not in vLLM's release",
    why="vLLM does not start: it refuses a key that it does not know. v0.32.0 removed kv_rank, "
    "kv_parallel_size, kv_ip and kv_buffer_size.",
    known=_SEEN,
    evidence="The fields of KVTransferConfig, v0.10.2 to v0.33.0.",
    fix="remove the key, or move it into kv_connector_extra_config if it is the connector's own",
    example=breaks(
        "disaggregated",
        "Deployment/decode",
        f"{_ENGINE}.args[3]",
        '--kv-transfer-config={"kv_connector":"NixlConnector","kv_role":"kv_both",'
        '"kv_load_failure":"fail"}',
    ),
)
def no_such_key(topology: Topology) -> Iterator[Violation]:
    for pods in topology.serving:
        engine = pods.engine
        transfer = engine.transfer if engine and not engine.is_simulator else None
        flags = engine.invocation.flags if engine else None
        if engine is None or transfer is None or flags is None or not flags.exact:
            continue
        flag = flags.find(engine.names.kv_transfer or "")
        fields = set(flag.fields) if flag else set()
        for key in sorted({key for part in transfer.parts for key in part.written} - fields):
            if fields and not has_placeholder(key):
                near = next(iter(get_close_matches(key, fields, 1)), None)
                said = f"; {near} is like it" if near else ""
                yield Violation(
                    transfer.connector, f"vLLM {flags.release} has no {shown(key)}{said}"
                )


@rule(
    "T326",
    "error",
    f"{SIDE_CHANNEL_PORT} is no number",
    why="vLLM does not start. A Service named vllm-nixl-side-channel sets the variable to a URL.",
    known=_SEEN,
    evidence="vLLM reads the variable as a whole number.",
    fix=f"write a port number as {SIDE_CHANNEL_PORT}",
    example=breaks(
        "disaggregated",
        "Deployment/prefill",
        f"{_ENGINE}.env[1]",
        {"name": SIDE_CHANNEL_PORT, "value": "tcp://10.0.0.1:5600"},
    ),
)
def side_channel_number(topology: Topology) -> Iterator[Violation]:
    for pods in topology.serving:
        engine = pods.engine
        if engine is None or not any(name.startswith("Nixl") for name in engine.connectors):
            continue
        variable = engine.container.environment.get(SIDE_CHANNEL_PORT)
        text = variable.value if variable else None
        if variable is None or text is None or is_unread(text) or whole_number(text) is not None:
            continue
        yield Violation(variable, f"{SIDE_CHANNEL_PORT} is {shown(text)}")


@rule(
    "T312",
    "error",
    "--disaggregation-mode of SGLang does not match the role of the pod",
    why="Without the flag on decode, it computes each prompt again, with status 200. Without it on "
    "prefill there is no bootstrap server: requests are answered 500 after 15 seconds. A decode "
    "server refuses with 400 what is not handed over to it.",
    known=_SGLANG,
    evidence="An unknown mode: SGLang does not start.",
    fix="set --disaggregation-mode prefill on pods of role prefill, and decode on those of "
    "role decode",
    example=breaks(
        "sglang", "Deployment/decode", f"{_ENGINE}.args[3]", "--disaggregation-mode=prefill"
    ),
)
def sglang_mode(topology: Topology) -> Iterator[Violation]:
    for pool in topology.disaggregated:
        for side, members in (("prefill", pool.prefill), ("decode", pool.decode)):
            for pods in members:
                engine = pods.engine
                if engine is None or engine.kind != "sglang":
                    continue
                mode = engine.mode
                if mode is None or mode.value != side:
                    said = "is not given" if mode is None else f"is {mode.value!r}"
                    yield Violation(
                        mode or engine.container.here,
                        f"{engine.names.kv_transfer} {said}, and the role is {side}",
                        pods.role,
                    )


@rule(
    "T327",
    "error",
    "An engine of SGLang has another address than its pod",
    why="SGLang listens at SGLANG_HOST_IP, or else at HOST_IP, for its part of a transfer. At an "
    "address that is not the pod's it does not start; at localhost the other engine does not find "
    "it, and requests are not answered.",
    known=_SGLANG,
    evidence="Without both variables SGLang finds the address itself. In other programs HOST_IP is "
    "the node's, from status.hostIP, as in vllm-project/vllm#3419.",
    fix="remove the variable, or set it from fieldRef status.podIP",
    example=breaks(
        "sglang",
        "Deployment/prefill",
        f"{_ENGINE}.env",
        [{"name": "HOST_IP", "valueFrom": {"fieldRef": {"fieldPath": "status.hostIP"}}}],
    ),
)
def sglang_address(topology: Topology) -> Iterator[Violation]:
    for pods, engine in _disaggregated(topology):
        if engine.kind != "sglang" or pods.may_gain("environment"):
            continue
        variables = engine.container.environment
        given = [name for name in ADDRESS_VARIABLES if name in variables]
        if effective := [name for name in given if variables[name].value != ""]:
            yield from _other_address(pods, engine.container, effective[0])


@rule(
    "T313",
    "error",
    "The picker may ask an SGLang decode server to prefill",
    why="A decode server of SGLang cannot prefill: requests that the picker does not "
    "disaggregate are answered 400.",
    known=_SGLANG,
    evidence="llm-d's guide: only always-disagg-pd-decider goes with SGLang.",
    fix="use always-disagg-pd-decider",
    example=manifests(
        "sglang",
        Edit(
            "Deployment/qwen-epp",
            f"{_ENGINE}.args[2]",
            """--config-text=
apiVersion: llm-d.ai/v1alpha1
kind: EndpointPickerConfig
plugins:
  - type: prefill-filter
  - type: decode-filter
  - type: queue-scorer
  - type: max-score-picker
  - type: prefix-based-pd-decider
    parameters: {nonCachedTokens: 512}
  - type: disagg-profile-handler
    parameters:
      deciders: {prefill: prefix-based-pd-decider}
schedulingProfiles:
  - name: prefill
    plugins:
      - pluginRef: prefill-filter
      - pluginRef: queue-scorer
      - pluginRef: max-score-picker
  - name: decode
    plugins:
      - pluginRef: decode-filter
      - pluginRef: queue-scorer
      - pluginRef: max-score-picker
""",
        ),
    ),
)
def sglang_decider(topology: Topology) -> Iterator[Violation]:
    for pool in topology.disaggregated:
        config = pool.picker.config if pool.picker else None
        for pods in pool.decode:
            engine = pods.engine
            sglang = engine is not None and engine.kind == "sglang"
            if sglang and config is not None and "prefix-based-pd-decider" in config.value:
                yield Violation(
                    config,
                    "prefix-based-pd-decider leaves short prompts to decode, which is SGLang",
                    pods.here,
                )
                break


@rule(
    "T314",
    "error",
    "Members of a pool serve the model under different names",
    why="The picker does not compare model names: a share of the requests is answered 404. SGLang "
    "answers requests for any model, so that it is a note there.",
    known=_SEEN,
    evidence="vLLM refuses a request for a model that it does not serve. SGLang v0.5.23 was seen "
    "to hand over under two names.",
    fix="set the same --served-model-name on all members, or use separate pools",
    example=breaks(
        "disaggregated", "Deployment/prefill", f"{_ENGINE}.args[4]", "--served-model-name=qwen"
    ),
)
def served_names(topology: Topology) -> Iterator[Violation]:
    for pool in topology.pools:
        engines = [pods.engine for pods in pool.running if pods.engine]
        named = [each for each in engines if each.flag(each.names.served_model)]
        unnamed = [each for each in engines if not each.flag(each.names.served_model)]
        names = [each.served_name for each in (*named, *unnamed) if each.served_name is not None]
        if not named:
            continue
        refuse = any(each.kind != "sglang" for each in engines)
        for name in names[1:]:
            if not set(name.value.split()) & set(names[0].value.split()):
                yield Violation(
                    name,
                    f"served as {name.value!r} here, as {names[0].value!r} elsewhere",
                    names[0],
                    severity=None if refuse else "note",
                )


@rule(
    "T315",
    "error",
    "A headless server is selected for requests",
    why="With --headless there is no HTTP server, and requests to the pod fail.",
    known=ReadInSource("vLLM"),
    evidence="vLLM: --data-parallel-hybrid-lb and --headless exclude each other.",
    fix="remove --headless, or remove the pod from the pool",
    example=breaks(
        "gang",
        "LeaderWorkerSet/kimi",
        "spec.leaderWorkerTemplate.leaderTemplate.spec.containers[0].args[0]",
        "exec vllm serve moonshotai/Kimi-K2 --headless --tensor-parallel-size 8 "
        "--pipeline-parallel-size 2 --nnodes 2 --master-addr $(LWS_LEADER_ADDRESS)",
    ),
)
def headless(topology: Topology) -> Iterator[Violation]:
    members = {pods for pool in topology.pools for pods in pool.members}
    members |= {pods for service in topology.services for pods in service.backends}
    for pods in topology.serving:
        if pods.engine is None or pods not in members or pods.part not in ("pod", "leader"):
            continue
        name = pods.engine.names.headless
        if (flag := pods.engine.flag(name)) is not None:
            yield Violation(flag, f"{pods.object} is selected, and runs {name}")


@rule(
    "T316",
    "warning",
    "Engines publish no KV events for precise prefix routing",
    why="The picker's index stays empty, and it routes by load only.",
    known=ReadInSource("llm-d's picker"),
    evidence="llm-d/llm-d#2203: block size and PYTHONHASHSEED must be the same everywhere.",
    fix="set --kv-events-config and the same PYTHONHASHSEED on every engine",
    example=breaks(
        "disaggregated",
        "ConfigMap/qwen-epp",
        "data[picker.yaml]",
        """\
apiVersion: llm-d.ai/v1alpha1
kind: EndpointPickerConfig
plugins:
  - type: prefill-filter
  - type: decode-filter
  - type: token-producer
    parameters: {modelName: qwen, vllm: {url: "http://tokens:8000"}}
  - type: endpoint-notification-source
  - type: precise-prefix-cache-producer
    parameters:
      tokenProcessorConfig: {blockSize: 64}
      kvEventsConfig: {engineType: vllm}
  - type: prefix-cache-scorer
    parameters: {prefixMatchInfoProducerName: precise-prefix-cache-producer}
  - type: max-score-picker
  - type: always-disagg-pd-decider
  - type: disagg-profile-handler
    parameters:
      deciders: {prefill: always-disagg-pd-decider}
dataLayer:
  sources:
    - pluginRef: endpoint-notification-source
      extractors: [{pluginRef: precise-prefix-cache-producer}]
schedulingProfiles:
  - name: prefill
    plugins:
      - pluginRef: prefill-filter
      - pluginRef: prefix-cache-scorer
      - pluginRef: max-score-picker
  - name: decode
    plugins:
      - pluginRef: decode-filter
      - pluginRef: prefix-cache-scorer
      - pluginRef: max-score-picker
""",
    ),
)
def precise_prefix(topology: Topology) -> Iterator[Violation]:
    for pool in topology.pools:
        picker = pool.picker
        config = picker.config if picker else None
        if picker is None or config is None or "precise-prefix-cache" not in config.value:
            continue
        for pods in pool.running:
            assert pods.engine is not None
            if pods.may_gain("flags"):
                continue
            container, block = pods.engine.container, pods.engine.block_size
            if pods.engine.flag(pods.engine.names.kv_events) is None:
                yield Violation(
                    container.here,
                    f"publishes no KV events: {pods.engine.names.kv_events}",
                    config,
                )
                break
            if block is not None and any(size != block.value for size in _indexed_blocks(picker)):
                yield Violation(block, f"blocks of {block.value} tokens, not the picker's", config)
                break


def _indexed_blocks(picker: Picker) -> Iterator[int]:
    """The block sizes by which a picker's configuration has prompts indexed."""
    for plugin in picker.configuration["plugins"].items():
        size = plugin.at("parameters", "tokenProcessorConfig", "blockSize").value
        if isinstance(size, int):
            yield size


@rule(
    "T323",
    "warning",
    "Members of a pool ask for an API key, and others do not",
    why="A request without the key is answered 401 by some pods: prefill fails, or a share of the "
    "requests. The readiness probe of /v1/models through a sidecar fails as well.",
    known=ReadInSource("vLLM"),
    evidence="vLLM's --api-key and VLLM_API_KEY guard every path below /v1.",
    fix="give all engines of the pool the same key, or none",
    example=manifests(
        "disaggregated",
        Edit("Deployment/decode", f"{_ENGINE}.args[4]", "--api-key=$(KEY)"),
        Edit(
            "Deployment/decode",
            f"{_ENGINE}.env[1]",
            {
                "name": "KEY",
                "valueFrom": {"secretKeyRef": {"name": "qwen", "key": "api", "optional": True}},
            },
        ),
    ),
)
def api_keys(topology: Topology) -> Iterator[Violation]:
    for pool in topology.pools:
        keys: list[tuple[Pods, SourceValue[object] | None]] = []
        for pods in pool.running:
            engine = pods.engine
            assert engine is not None
            container = engine.container
            if pods.may_gain("flags", "environment") or container.at["envFrom"].present:
                continue
            flag = engine.flag(engine.names.api_key) if engine.names.api_key else None
            keys.append((pods, flag or container.environment.get("VLLM_API_KEY")))
        asking = [(pods, key) for pods, key in keys if key is not None]
        silent = [pods for pods, key in keys if key is None]
        if asking and silent:
            yield Violation(
                asking[0][1],
                f"{asking[0][0].object} asks for a key, and {silent[0].object} does not",
                silent[0].engine.container.here if silent[0].engine else None,
            )
