"""KV transfer between prefill and decode engines."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from cdk8s_inference.document.examples import (
    ARG,
    DECODE_ARGS,
    DISAGGREGATED_SGLANG,
    NIXL,
    PREFILL_ARGS,
    PYTHON_SGLANG,
    TENSORRT_IMAGE,
    VLLM_IMAGE,
    disaggregated,
    with_argument,
)
from cdk8s_inference.document.kv_transfer import (
    DEFAULT_CONNECTOR,
    EngineTransfer,
    KvTransfer,
    KvTransferSubject,
)
from cdk8s_inference.document.model_deployment import Stage
from cdk8s_inference.findings import Finding, Mend, errors, near_name, shown
from cdk8s_inference.findings.evidence import SEEN
from cdk8s_inference.findings.example import edited, python
from cdk8s_inference.findings.rule import RuleSet, Violation
from cdk8s_inference.platform.sidecar_options import SidecarOptions
from cdk8s_inference.releases import ROUTER_RELEASES, RouterRelease
from cdk8s_inference.servers import SGLANG
from cdk8s_inference.source import Cursor

_MODE = SGLANG.names.kv_transfer
KV_TRANSFER_RULES: RuleSet[KvTransferSubject] = RuleSet()

_AGAIN = (
    "Prefill runs, its KV cache is not transferred, and decode computes each prompt again, with "
    "status 200."
)
_NO_DEFAULT = "vLLM without --kv-transfer-config has no connector; ai-dynamo/dynamo#11467."


def kv_transfer(
    stages: Mapping[Stage, Sequence[Cursor]], release: RouterRelease, options: SidecarOptions
) -> tuple[KvTransfer | None, list[Finding]]:
    """How the engines transfer KV caches, None where they cannot, and all findings about it.

    Args:
        stages: The engines by phase, as a document writes them.
        release: The router release whose sidecar runs.
        options: What the user chose.
    """
    subject = KvTransferSubject(stages, release, options)
    findings = list(KV_TRANSFER_RULES.findings(subject))
    if subject.connector is None or errors(findings):
        return None, findings
    port = next(iter(subject.bootstrap_ports), None)
    return KvTransfer(subject.connector, port, subject.encoder_connector), findings


@KV_TRANSFER_RULES.rule(
    "W101",
    "warning",
    "No engine sets --kv-transfer-config",
    why=f"{_AGAIN} An engine's configuration file may set it: those files are not read.",
    evidence=_NO_DEFAULT,
    fix="set --kv-transfer-config on both engines, or set SidecarOptions.connector",
    example=disaggregated((PREFILL_ARGS, "--port=8000"), (DECODE_ARGS, "--port=8001")),
)
def no_transfer(subject: KvTransferSubject) -> Iterator[Violation]:
    transfers = subject.transfers
    if subject.chosen is None and transfers and all(each.says_nothing for each in transfers):
        yield Violation(
            transfers[0].at,
            "no engine sets --kv-transfer-config: decode computes each prompt again; the sidecar "
            f"uses connector {DEFAULT_CONNECTOR}",
            fix="set --kv-transfer-config on both engines, for instance "
            '{"kv_connector":"NixlConnector","kv_role":"kv_both"}; if their configuration files '
            "set it, set SidecarOptions.connector",
        )


@KV_TRANSFER_RULES.rule(
    "W102",
    "warning",
    "One engine sets --kv-transfer-config, and another does not",
    why=_AGAIN,
    evidence=_NO_DEFAULT,
    fix="set the same --kv-transfer-config on both engines",
    example=disaggregated((DECODE_ARGS, f"--port=8001{ARG}--config=/etc/vllm/engine.yaml")),
)
def one_sided_transfer(subject: KvTransferSubject) -> Iterator[Violation]:
    for each in subject.transfers if subject.connected else ():
        if each.says_nothing:
            other = subject.connected[0][0]
            yield Violation(
                each.at,
                f"the engine sets no --kv-transfer-config, and {other.at.place.path} sets "
                f"{other.transport}: decode computes each prompt again",
                other.at,
            )


@KV_TRANSFER_RULES.rule(
    "W103",
    "error",
    "Engines of one pool use different KV transports",
    why="The handshake fails at the first request, or the KV cache is not transferred and decode "
    "computes each prompt again.",
    evidence="ai-dynamo/dynamo#10027.",
    fix="set the same connector on prefill and decode",
    example=disaggregated((DECODE_ARGS, DECODE_ARGS.replace("NixlConnector", "MooncakeConnector"))),
)
def different_transports(subject: KvTransferSubject) -> Iterator[Violation]:
    for each, connector in subject.connected if subject.chosen is None else ():
        other, first = subject.connected[0]
        if connector.name != first.name:
            yield Violation(
                each.at,
                f"the engine uses {each.transport}, which needs connector {connector.name!r}, and "
                f"{other.at.place.path} uses {other.transport}, which needs {first.name!r}",
                other.at,
            )


@KV_TRANSFER_RULES.rule(
    "W104",
    "error",
    "SidecarOptions.connector does not match the engines' KV transport",
    why=f"{_AGAIN} With mooncake and engines that use NIXL, long prompts are answered with 502.",
    evidence=f"{SEEN}; 502 with the latter two.",
    fix="leave SidecarOptions.connector out, or set it to the engines' connector",
    example=python(
        with_argument("platform", 'Platform(sidecar=SidecarOptions(connector="mooncake"))'),
        with_argument("platform", 'Platform(sidecar=SidecarOptions(connector="nixlv2"))'),
    ),
)
def other_connector_chosen(subject: KvTransferSubject) -> Iterator[Violation]:
    for each, connector in subject.connected if subject.chosen is not None else ():
        if connector.name != subject.chosen:
            yield Violation(
                each.at,
                f"SidecarOptions.connector is {subject.chosen!r}, and this engine uses "
                f"{each.transport}, which needs {connector.name!r}",
                fix=f"leave SidecarOptions.connector out, or set it to {connector.name!r}",
            )


@KV_TRANSFER_RULES.rule(
    "W105",
    None,
    "The router release has no connector for the engine's KV transport",
    why="With a connector that it does not have, the sidecar exits at start with code 0, and "
    "every request is answered with 503. With one of another transport the KV cache is not "
    "transferred, and decode computes each prompt again, with status 200.",
    evidence=f"{SEEN}.",
    fix="use a connector that the release has, or a release that has the connector",
    example=disaggregated(
        ("NixlConnector", "P2pNcclConnector"), ("NixlConnector", "P2pNcclConnector")
    ),
)
def connector_not_in_release(subject: KvTransferSubject) -> Iterator[Violation]:
    release = subject.release
    encoder = subject.encoder_connector
    if encoder is not None and not release.has_encoder_connector(encoder):
        yield _not_in_release(
            release,
            "encoder connector",
            encoder,
            [each.version for each in ROUTER_RELEASES if each.has_encoder_connector(encoder)],
            release.sidecar.encoder_connectors,
        )
    if subject.chosen is not None and subject.chosen_is_missing:
        chosen = subject.chosen
        yield _not_in_release(
            release,
            "connector",
            chosen,
            [each.version for each in ROUTER_RELEASES if each.has_connector(chosen)],
            [connector.name for connector in release.sidecar.connectors],
        )
        return
    for each in subject.transfers:
        named = each.connectors and each.runtime != "trtllm"
        if named and each.connector_in(release, subject.chosen) is None:
            yield _transport_not_in_release(each, release, subject.chosen)


def _not_in_release(
    release: RouterRelease, noun: str, name: str, versions: Sequence[str], known: Sequence[str]
) -> Violation:
    having = f"; {', '.join(versions)} has it" if versions else ""
    return Violation(
        None,
        f"the sidecar of router {release.version} lacks {noun} {name!r}{having}",
        fix=f"use one of {', '.join(known)}, or another release",
        severity="error",
    )


def _transport_not_in_release(
    transfer: EngineTransfer, release: RouterRelease, chosen: str | None
) -> Violation:
    later = [
        (other.version, connector.name)
        for other in ROUTER_RELEASES
        if (connector := transfer.connector_in(other, chosen))
    ]
    known = sorted(
        name
        for connector in release.sidecar.connectors
        if connector.engine == (transfer.runtime or connector.engine)
        for name in connector.engine_connectors
    )
    having = ""
    if later:
        versions = ", ".join(version for version, _ in later)
        having = f"; router {versions} has {later[0][1]!r} for it"
    names = transfer.connectors
    meant = near_name(names[0], known) if len(names) == 1 and not later else None
    return Violation(
        transfer.at,
        f"the engine uses {transfer.transport}, and the sidecar of router {release.version} has "
        f"no connector for it{having}",
        fix=f"use one that it has: {', '.join(known)}" + (", or that release" if later else ""),
        severity="error" if chosen is None or later else "warning",
        mend=Mend(names[0], meant) if meant else None,
    )


@KV_TRANSFER_RULES.rule(
    "W106",
    "error",
    "The sidecar has no connector for TensorRT-LLM",
    why="The KV cache is not transferred, and decode computes each prompt again.",
    evidence="The connectors of router v0.8.0, v0.9.0 and v0.10.0 support vLLM and SGLang only; "
    "read in its sources.",
    fix="serve the model in mode Unified, or use vLLM or SGLang for prefill and decode",
    example=disaggregated(
        *((VLLM_IMAGE, TENSORRT_IMAGE), (NIXL, "")),
        *((VLLM_IMAGE, TENSORRT_IMAGE), (NIXL, "")),
    ),
)
def tensorrt_llm(subject: KvTransferSubject) -> Iterator[Violation]:
    for each in subject.transfers:
        if each.runtime == "trtllm":
            yield Violation(
                each.at,
                f"the engine is TensorRT-LLM, and the sidecar of router {subject.release.version} "
                "has no connector for it: decode computes each prompt again",
            )


@KV_TRANSFER_RULES.rule(
    "W107",
    "error",
    "SGLang's --disaggregation-mode contradicts the engine's phase",
    why="The engine waits for the other side of a transfer that does not start, and requests fail.",
    evidence="Seen run with SGLang v0.5.23.",
    fix="set --disaggregation-mode to the engine's phase",
    example=disaggregated(
        ("--disaggregation-mode=decode", "--disaggregation-mode=prefill"),
        fixed=DISAGGREGATED_SGLANG,
    ),
)
def other_mode(subject: KvTransferSubject) -> Iterator[Violation]:
    for each in subject.transfers:
        if each.runtime == "sglang" and each.mode and each.mode[1] != each.phase:
            yield Violation(
                each.mode[0],
                f"{_MODE} is {shown(each.mode[1])}, and the engine's phase is {each.phase}",
                fix=f"set {_MODE}={each.phase}",
            )


@KV_TRANSFER_RULES.rule(
    "W108",
    "warning",
    "--kv-transfer-config cannot be read",
    why="The sidecar uses nixlv2, whatever the engine uses. vLLM exits at start if it cannot "
    "parse the JSON either.",
    evidence="vLLM parses the value as JSON.",
    fix="write it as JSON with kv_connector, or set SidecarOptions.connector",
    example=disaggregated(
        (DECODE_ARGS, f"--port=8001{ARG}--kv-transfer-config=${{KV_TRANSFER_CONFIG}}")
    ),
)
def unreadable_transfer(subject: KvTransferSubject) -> Iterator[Violation]:
    for each in subject.transfers:
        if each.unread and subject.chosen is None:
            yield Violation(each.at, "--kv-transfer-config has no kv_connector that can be read")


@KV_TRANSFER_RULES.rule(
    "W109",
    "warning",
    "SGLang has no --disaggregation-mode",
    why="The engine processes whole requests. On decode it computes each prompt again, with "
    "status 200; on prefill its KV cache is not transferred, and requests are answered 500.",
    evidence="SGLang's --disaggregation-mode is null by default. Seen run with SGLang v0.5.23.",
    fix="set --disaggregation-mode=prefill on prefill and --disaggregation-mode=decode on decode",
    example=disaggregated((f"{ARG}--disaggregation-mode=decode", ""), fixed=DISAGGREGATED_SGLANG),
)
def no_mode(subject: KvTransferSubject) -> Iterator[Violation]:
    for each in subject.transfers:
        if each.runtime == "sglang" and each.mode is None:
            yield Violation(
                each.container,
                f"the SGLang engine has no {_MODE}, and its phase is {each.phase}: "
                "its KV cache is not transferred",
                fix=f"set {_MODE}={each.phase}",
            )


@KV_TRANSFER_RULES.rule(
    "W111",
    "error",
    "Prefill engines have different bootstrap ports",
    why="The sidecar uses one port for all: the KV cache of prompts that are prefilled by an "
    "engine with another port is not transferred, and the requests fail.",
    evidence="Seen run with router v0.9.0 and v0.10.0: if nothing listens on the bootstrap port, "
    "the sidecar's mooncake connector answers with 502.",
    fix="set the same bootstrap port on all prefill engines",
    example=python(
        edited(PYTHON_SGLANG, ("bootstrap-port=8998", "bootstrap-port=9998")), PYTHON_SGLANG
    ),
)
def different_bootstrap_ports(subject: KvTransferSubject) -> Iterator[Violation]:
    if len(set(subject.bootstrap_ports)) > 1:
        ports = ", ".join(map(str, subject.bootstrap_ports))
        yield Violation(
            subject.transfers[0].container,
            f"the prefill engines have bootstrap ports {ports}, and the sidecar uses one port",
        )
