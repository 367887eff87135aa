"""How prefill hands its KV cache to decode: what the engines' own flags say, and what that needs.

With one end missing or another, both engines run and look healthy, and decode computes each
prompt again. So the sidecar's connector is read from the flags that the engines have, and refused
where two of them, or the user's choice, disagree.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cdk8s_inference.document.model_deployment import Stage
from cdk8s_inference.document.ports import parse_port
from cdk8s_inference.document.rules.fields import Placed, serving_container
from cdk8s_inference.findings import Finding, Severity, field_path, shown
from cdk8s_inference.platform.sidecar_options import SidecarOptions
from cdk8s_inference.releases import ROUTER_RELEASES, NotInReleaseError, RouterRelease
from cdk8s_inference.releases.connector import Connector
from cdk8s_inference.servers.command_line import last_use
from cdk8s_inference.servers.recognize import (
    DISAGGREGATION_MODE,
    KV_CONNECTOR,
    KV_TRANSFER_CONFIG,
    TRANSFER_BACKEND,
    Runtime,
    runtime,
)
from cdk8s_inference.source import Cursor

DEFAULT_CONNECTOR = "nixlv2"

_BOOTSTRAP_FLAG = "--disaggregation-bootstrap-port"
_BOOTSTRAP_ENV = "VLLM_MOONCAKE_BOOTSTRAP_PORT"


@dataclass(frozen=True)
class Handover:
    """What carries a prompt's KV cache from prefill to decode.

    Attributes:
        connector: The sidecar's connector.
        bootstrap_port: Where prefill engines tell how to fetch it; None where the connector
            needs no such port.
        encoder_connector: How encode pods hand over; None where there are none.
    """

    connector: Connector
    bootstrap_port: int | None = None
    encoder_connector: str | None = None


@dataclass(frozen=True)
class _Transfer:
    """What the flags of one engine say.

    Attributes:
        runtime: The engine; None where nothing tells.
        names: Its own names of what it transfers with, outermost first.
        at: The flag, or the container where there is none.
        unread: Whether there is a flag whose value cannot be read here.
    """

    runtime: Runtime | None
    names: tuple[str, ...]
    at: Cursor
    unread: bool = False


def handover(
    stages: Mapping[Stage, Sequence[Cursor]], release: RouterRelease, options: SidecarOptions
) -> tuple[Handover | None, list[Placed]]:
    """What the engines need between them, None where that cannot be, and what is to know.

    Args:
        stages: The engines by what they do, as a document writes them.
        release: The router release whose sidecar runs.
        options: What the user chose.
    """
    prefill, decode = stages["Prefill"], stages["Decode"]
    chosen = options.connector
    findings: list[Placed] = []
    transfers = [_transfer(engine) for engine in (*prefill, *decode)]
    for phase, engines in (("prefill", prefill), ("decode", decode)):
        findings += [found for engine in engines for found in _mode(engine, phase)]
    findings += [_tensorrt(each) for each in transfers if each.runtime == "trtllm"]
    findings += [_unreadable(each) for each in transfers if each.unread and chosen is None]
    if any(finding.severity == "error" for finding, _ in findings):
        return None, findings
    if chosen is not None and not release.has_connector(chosen):
        connectors = [connector.name for connector in release.sidecar.connectors]
        missing = _lacking(lambda: release.sidecar_connector(chosen), connectors)
        return None, [*findings, missing]
    told = [
        (each, connector) for each in transfers if (connector := _connector(each, release, chosen))
    ]
    findings += [
        _no_connector(each, release, chosen)
        for each in transfers
        if each.names and not _connector(each, release, chosen)
    ]
    connector = next((connector for _, connector in told), None)
    findings += _disagreements(told, chosen)
    findings += _silent(transfers, told, named=chosen is not None)
    if any(finding.severity == "error" for finding, _ in findings):
        return None, findings
    taken = release.sidecar_connector(chosen or DEFAULT_CONNECTOR)
    if chosen is None and connector is not None:
        taken = connector
    port, problems = _bootstrap(prefill, taken)
    encoder = None
    if stages.get("Encode"):
        encoder = options.encoder_connector or release.sidecar.encoder_connectors[0]
        if not release.has_encoder_connector(encoder):
            problems.append(
                _lacking(
                    lambda: release.encoder_connector(encoder), release.sidecar.encoder_connectors
                )
            )
    return (None if problems else Handover(taken, port, encoder)), [*findings, *problems]


def engine_runtime(engine: Cursor) -> Runtime | None:
    """What the serving container of an engine runs."""
    container = serving_container(engine)
    return runtime(
        container["command"].strings, container["args"].strings, container["image"].text or ""
    )


def _flag(container: Cursor, *names: str) -> tuple[Cursor, str | None] | None:
    """Where a flag is given that the engine heeds, and its value."""
    said = last_use(container["command"].strings, container["args"].strings, *names)
    return (container.at(*said.place), said.value) if said else None


def _transfer(engine: Cursor) -> _Transfer:
    container = serving_container(engine)
    kind = engine_runtime(engine)
    if dotted := _flag(container, *KV_CONNECTOR):
        return _Transfer(kind, (dotted[1],) if dotted[1] else (), dotted[0])
    if config := _flag(container, *KV_TRANSFER_CONFIG):
        at, text = config
        try:
            names = tuple(_connector_names(json.loads(text or "")))
        except (ValueError, RecursionError):
            names = ()
        return _Transfer(kind, names, at, unread=not names)
    if backend := _flag(container, TRANSFER_BACKEND):
        return _Transfer(kind, (backend[1],) if backend[1] else (), backend[0])
    return _Transfer(kind, (), container)


def _connector_names(config: Any) -> Iterator[str]:
    """The connector of a ``--kv-transfer-config``; of a MultiConnector also those that it holds."""
    if not isinstance(config, Mapping):
        return
    if isinstance(name := config.get("kv_connector"), str):
        yield name
    extra = config.get("kv_connector_extra_config")
    inner = extra.get("connectors") if isinstance(extra, Mapping) else None
    for each in inner if isinstance(inner, list) else ():
        yield from _connector_names(each)


def _connector(transfer: _Transfer, release: RouterRelease, chosen: str | None) -> Connector | None:
    """The sidecar's connector for what an engine's flags say; of several the chosen one."""
    own = [each for each in release.sidecar.connectors if each.engine == transfer.runtime]
    fitting = [
        connector
        for name in transfer.names
        for connector in own
        if name in connector.engine_connectors
    ]
    if not transfer.names and transfer.runtime == "sglang":
        fitting = own
    return next((each for each in fitting if each.name == chosen), next(iter(fitting), None))


def _problem(severity: Severity, code: str, at: Cursor, message: str, fix: str) -> Placed:
    return Finding(code, severity, field_path(at.path), message, fix), at.path


def _silent(
    transfers: Sequence[_Transfer], told: Sequence[tuple[_Transfer, Connector]], *, named: bool
) -> Iterator[Placed]:
    """Engines whose flags say nothing of a transfer.

    Where none does, the user may have named what a configuration file says.
    """
    silent = [each for each in transfers if not each.names and each.runtime != "sglang"]
    silent = [each for each in silent if not each.unread]
    if not told:
        if silent and len(silent) == len(transfers) and not named:
            yield _problem(
                "warning",
                "W101",
                silent[0].at,
                "no engine's flags say how KV caches are handed over: decode would compute each "
                f"prompt again; the sidecar gets {DEFAULT_CONNECTOR}",
                "give both engines --kv-transfer-config, for instance "
                '{"kv_connector":"NixlConnector","kv_role":"kv_both"}; or say what their '
                "configuration files do by SidecarOptions.connector",
            )
        return
    for each in silent:
        yield _problem(
            "warning",
            "W102",
            each.at,
            f"the flags of this engine say nothing of handing KV caches over, while "
            f"{field_path(told[0][0].at.path)} says {_said(told[0][0])}: decode would compute "
            "each prompt again",
            "give both engines the same",
        )


def _said(transfer: _Transfer) -> str:
    return shown(transfer.names[0]) if transfer.names else "SGLang's disaggregation"


def _disagreements(
    told: Sequence[tuple[_Transfer, Connector]], chosen: str | None
) -> Iterator[Placed]:
    for transfer, connector in told:
        if chosen is not None and connector.name != chosen:
            yield _problem(
                "error",
                "W104",
                transfer.at,
                f"the connector chosen is {chosen!r}, but this engine hands over by "
                f"{_said(transfer)}, which needs {connector.name!r}",
                f"leave SidecarOptions.connector out, or choose {connector.name!r}",
            )
        elif chosen is None and connector.name != told[0][1].name:
            yield _problem(
                "error",
                "W103",
                transfer.at,
                f"this engine hands over by {_said(transfer)}, which needs connector "
                f"{connector.name!r}, but {field_path(told[0][0].at.path)} by "
                f"{_said(told[0][0])}, which needs {told[0][1].name!r}",
                "give prefill and decode the same",
            )


def _no_connector(transfer: _Transfer, release: RouterRelease, chosen: str | None) -> Placed:
    later = [
        (other.version, connector.name)
        for other in ROUTER_RELEASES
        if (connector := _connector(transfer, other, chosen))
    ]
    known = sorted(
        name
        for connector in release.sidecar.connectors
        if connector.engine == (transfer.runtime or connector.engine)
        for name in connector.engine_connectors
    )
    if later:
        has = f"; router {', '.join(version for version, _ in later)} has {later[0][1]!r} for it"
    else:
        has = ""
    return _problem(
        "error" if chosen is None or later else "warning",
        "W105",
        transfer.at,
        f"the engine hands over by {shown(transfer.names[0])}, for which the sidecar of router "
        f"{release.version} has no connector{has}",
        f"use one that it has: {', '.join(known)}" + (", or that release" if later else ""),
    )


def _lacking(question: Callable[[], object], known: Sequence[str]) -> Placed:
    """What a release says that is asked for what it lacks."""
    message = ""
    try:
        question()
    except NotInReleaseError as lacks:
        message = str(lacks)
    fix = f"choose one of {', '.join(known)}, or another release"
    return Finding("W105", "error", "", message, fix), ()


def _tensorrt(transfer: _Transfer) -> Placed:
    return _problem(
        "error",
        "W106",
        transfer.at,
        "the engine is TensorRT-LLM, and the sidecar has no connector that speaks its handover: "
        "decode would compute every prompt again",
        "serve it Unified, or take vLLM or SGLang for prefill and decode",
    )


def _unreadable(transfer: _Transfer) -> Placed:
    return _problem(
        "warning",
        "W108",
        transfer.at,
        "--kv-transfer-config names no kv_connector that can be read here",
        "write it as JSON with kv_connector, or say SidecarOptions.connector",
    )


def _mode(engine: Cursor, phase: str) -> Iterator[Placed]:
    if engine_runtime(engine) != "sglang":
        return
    container = serving_container(engine)
    mode = _flag(container, DISAGGREGATION_MODE)
    if mode is None:
        yield _problem(
            "warning",
            "W109",
            container,
            f"the SGLang engine has no {DISAGGREGATION_MODE}: it serves alone and hands nothing "
            "over",
            f"give it {DISAGGREGATION_MODE}={phase}",
        )
    elif mode[1] != phase:
        yield _problem(
            "error",
            "W107",
            mode[0],
            f"{DISAGGREGATION_MODE} is {shown(mode[1])}, but the engine's phase is {phase}",
            f"give it {DISAGGREGATION_MODE}={phase}",
        )


def _bootstrap(prefill: Sequence[Cursor], connector: Connector) -> tuple[int | None, list[Placed]]:
    """The bootstrap port of the prefill engines: one for all, since the sidecar knows one."""
    if connector.bootstrap_port is None:
        return None, []
    ports = [_bootstrap_port(engine) or connector.bootstrap_port for engine in prefill]
    if len(set(ports)) > 1:
        said = ", ".join(map(str, ports))
        message = f"the prefill engines have bootstrap ports {said}, and the sidecar asks one"
        return None, [
            _problem("error", "W111", serving_container(prefill[0]), message, "give all the same")
        ]
    return (ports[0] if ports else connector.bootstrap_port), []


def _bootstrap_port(engine: Cursor) -> int | None:
    container = serving_container(engine)
    if said := _flag(container, _BOOTSTRAP_FLAG):
        return parse_port(said[1])
    for variable in container["env"].items():
        if variable["name"].text == _BOOTSTRAP_ENV:
            return parse_port(variable["value"].text)
    return None
