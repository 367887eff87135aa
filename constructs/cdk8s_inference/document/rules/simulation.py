"""What llm-d-inference-sim does otherwise than the engine that it stands in for."""

from __future__ import annotations

from collections.abc import Iterator

from cdk8s_inference.document.examples import PYTHON_UNIFIED, with_argument
from cdk8s_inference.document.model_names import model_name, served_names
from cdk8s_inference.document.subject import ENGINE_RULES, EngineSubject, serving_container
from cdk8s_inference.findings.example import edited, python
from cdk8s_inference.findings.rule import Violation
from cdk8s_inference.servers import VLLM, KvTransfer, invocation_of
from cdk8s_inference.servers.llm_d_inference_sim import NO_MODEL

_PROVEN = frozenset({"NixlConnector", "NixlPullConnector"})

_SCRIPT = (
    'args=["--model=Qwen/Qwen3-32B", "--port=8000"],',
    'command=["sh", "-c", "exec vllm serve $MODEL --port=8000"],',
)
_FIXED = with_argument("platform", "Platform(simulate=Simulation())", PYTHON_UNIFIED)


@ENGINE_RULES.rule(
    "D143",
    "warning",
    "A simulated engine does otherwise than the engine",
    why="What the twin shows of that part does not hold for the engine.",
    evidence="Read in llm-d-inference-sim v0.10.2, which publishes events of its cache to one "
    "address, and ignores the configuration of encoders; hand-over was seen run with NIXL.",
    fix="do not rely on the twin for it",
    example=python(edited(_FIXED, _SCRIPT), _FIXED),
)
def not_simulated(subject: EngineSubject) -> Iterator[Violation]:
    if subject.platform.simulate is None:
        return
    engine = subject.engine
    container = serving_container(engine)
    command, args = container["command"].strings, container["args"].strings
    given = invocation_of(command, args, container["image"].text or "")
    names = (given.server or VLLM).names
    if (command or args) and not (
        model_name(given, command, args) or served_names(given, command, args)
    ):
        yield Violation(
            container,
            "no model can be read from its command, and the simulator serves "
            f"{NO_MODEL!r}, or /mnt/models with a model cache",
            fix="give --model or --served-model-name as a word of command or args",
        )
    for flag, what in (
        (names.kv_events, "publishes no events of its KV cache to the picker"),
        (names.api_key, "takes requests without an API key"),
        (names.certificate, "serves plain HTTP"),
    ):
        use = given.use(flag) if flag else None
        if use is not None:
            yield Violation(container.at(*use.place), f"the simulator {what}")
    if transfer := given.use(str(VLLM.names.kv_transfer)):
        told = KvTransfer.of(given.json(str(VLLM.names.kv_transfer)) or {})
        if others := [name for name in told.names if name not in _PROVEN]:
            yield Violation(
                container.at(*transfer.place),
                f"the simulator hands KV caches over as NIXL does, and not as {others[0]}",
            )
    if engine["phase"].text == "Encode":
        yield Violation(engine["phase"], "the simulator encodes nothing")
