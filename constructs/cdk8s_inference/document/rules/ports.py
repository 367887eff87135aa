"""Ports that engines listen on."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from cdk8s_inference.document.examples import (
    CONTAINER,
    DECODE_CONTAINER,
    another_engine,
    prefill_decode,
    unified,
)
from cdk8s_inference.document.ports import (
    DECODE_PORT,
    PORT_FLAG,
    SERVING_PORT,
    default_port,
    parse_port,
)
from cdk8s_inference.document.subject import (
    DEPLOYMENT_RULES,
    DeploymentSubject,
    serving_container,
)
from cdk8s_inference.findings import Mend, shown, shown_list
from cdk8s_inference.findings.evidence import SEEN_RUN
from cdk8s_inference.findings.example import REMOVED
from cdk8s_inference.findings.rule import Violation
from cdk8s_inference.servers.command_line import uses
from cdk8s_inference.source import Cursor


@dataclass(frozen=True)
class _Port:
    """A ``--port`` of an engine.

    Attributes:
        at: The argument.
        value: What it says; None where it has no value.
        phase: The engine's phase, where phases have an effect.
    """

    at: Cursor
    value: str | None
    phase: str | None

    @property
    def number(self) -> int | None:
        return parse_port(self.value)

    def mend(self, number: int) -> Mend | None:
        """Another port in its place, where it has an argument of its own."""
        text = self.at.text
        if text is None or text not in (f"{PORT_FLAG}={self.value}", self.value):
            return None
        return Mend(text, text.replace(str(self.value), str(number)))


def _ports(container: Cursor, phase: str | None = None) -> list[_Port]:
    found = uses(container["command"].strings, container["args"].strings, PORT_FLAG)
    return [_Port(container.at(*use.place), use.value, phase) for use in found]


def _every_port(deployment: DeploymentSubject) -> Iterator[_Port]:
    for engine in deployment.engines:
        yield from _ports(serving_container(engine), deployment.phase(engine))


@DEPLOYMENT_RULES.rule(
    "D122",
    "error",
    "--port is not a port number",
    why="The engine exits at start and after every restart. For a decode engine, Modelplane "
    "fails to reconcile the document.",
    evidence="vLLM and SGLang parse an integer. A port is 1 to 65535.",
    fix="use a number from 1 to 65535",
    example=unified(f"{CONTAINER}.args[1]", "--port=http"),
)
def port_number(deployment: DeploymentSubject) -> Iterator[Violation]:
    for port in _every_port(deployment):
        if port.number is None:
            yield Violation(
                port.at,
                "--port has no value"
                if port.value is None
                else f"--port {shown(port.value)} is not a port number",
            )


@DEPLOYMENT_RULES.rule(
    "D123",
    "error",
    "The decode engine listens on the sidecar's port",
    why="The two containers share the pod's network. The second one does not start, or requests "
    "bypass the sidecar.",
    evidence=f"{SEEN_RUN} The sidecar listens on 8000, the pool's port.",
    fix=f"set --port={DECODE_PORT}",
    example=prefill_decode(f"{DECODE_CONTAINER}.args[1]", "--port=8000"),
)
def decode_on_the_sidecars_port(deployment: DeploymentSubject) -> Iterator[Violation]:
    for port in _every_port(deployment):
        if port.phase == "Decode" and port.number == SERVING_PORT:
            yield Violation(
                port.at,
                f"the decode engine listens on port {port.number}, and so does its sidecar",
                mend=port.mend(DECODE_PORT),
            )


@DEPLOYMENT_RULES.rule(
    "D124",
    "error",
    "The prefill engine does not listen on the port that decode calls",
    why="Long prompts are answered with 502. Router v0.8.0 hides the error: decode does all the "
    "work, with status 200.",
    evidence=f"{SEEN_RUN} The sidecar calls a prefill pod on the pool's port, 8000.",
    fix=f"set --port={SERVING_PORT} on the prefill engine",
    example=prefill_decode(f"{CONTAINER}.args[1]", "--port=8001"),
)
def prefill_port(deployment: DeploymentSubject) -> Iterator[Violation]:
    for port in _every_port(deployment):
        if (
            port.phase in ("Prefill", "Encode")
            and port.number is not None
            and port.number != SERVING_PORT
        ):
            yield Violation(
                port.at,
                f"the {port.phase.lower()} engine listens on port {port.number}, and decode calls "
                f"it on the pool's port {SERVING_PORT}",
                fix=f"set --port={SERVING_PORT}",
                mend=port.mend(SERVING_PORT),
            )


@DEPLOYMENT_RULES.rule(
    "D126",
    "error",
    "Engines behind one Service listen on different ports",
    why="The Service sends requests to one port: the pods of the other engines refuse them.",
    evidence="Kubernetes: targetPort is one number for all pods of a Service.",
    fix="set the same --port on all engines",
    example=unified("spec.template.spec.engines[1]", another_engine("small", port=9000)),
)
def one_port(deployment: DeploymentSubject) -> Iterator[Violation]:
    if deployment.disaggregated:
        return
    names: dict[int, str] = {}
    for engine in deployment.engines:
        found = _ports(serving_container(engine))
        number = found[0].number if found else SERVING_PORT
        if number is not None:
            names.setdefault(number, shown(engine["name"].value))
    if len(names) > 1:
        yield Violation(
            deployment.replica["engines"],
            "the engines behind one Service listen on different ports: "
            + shown_list(f"{name} on {number}" for number, name in names.items()),
        )


@DEPLOYMENT_RULES.rule(
    "D201",
    None,
    "The decode engine has no --port",
    why="Requests are forwarded to 8001. vLLM listens on 8000 by default, which is the sidecar's "
    "port, and does not start. It is an error where the engine's flags are all known.",
    evidence="Modelplane forwards to 8001 if the document sets no port; vLLM's default is 8000.",
    fix=f"set --port={DECODE_PORT} on the decode engine",
    example=prefill_decode(f"{DECODE_CONTAINER}.args[1]", REMOVED),
)
def decode_without_port(deployment: DeploymentSubject) -> Iterator[Violation]:
    for engine in deployment.engines:
        container = serving_container(engine)
        if deployment.phase(engine) != "Decode" or not container.present or _ports(container):
            continue
        ranks = engine["ranks"].value
        forwarded = default_port("Decode", ranks if isinstance(ranks, int) else 1)
        yield Violation(
            container,
            f"the decode engine has no --port: requests are forwarded to {forwarded}, and vLLM "
            f"listens on {SERVING_PORT} by default",
            fix=f"set --port={forwarded}",
            severity="warning",
        )


@DEPLOYMENT_RULES.rule(
    "D207",
    "warning",
    "--port is given several times",
    why="Engines use the last one, and Modelplane the first for probes, Services and sidecars: "
    "the pod does not become ready.",
    evidence="Modelplane reads the first --port of args; the parsers of vLLM and SGLang keep the "
    "last.",
    fix="keep one --port",
    example=unified(f"{CONTAINER}.args[3]", "--port=8080"),
)
def several_ports(deployment: DeploymentSubject) -> Iterator[Violation]:
    for engine in deployment.engines:
        found = _ports(serving_container(engine))
        if len({port.value for port in found}) > 1:
            yield Violation(
                found[-1].at,
                "--port is given several times: " + shown_list(shown(port.value) for port in found),
                found[0].at,
                fix="keep one --port; engines and this library use the last one",
            )
