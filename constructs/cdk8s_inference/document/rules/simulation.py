"""What the server of a twin does otherwise than the engine that it stands in for."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from cdk8s_inference.document.examples import PYTHON_DISAGGREGATED, PYTHON_UNIFIED, with_argument
from cdk8s_inference.document.model_names import model_name, served_names
from cdk8s_inference.document.subject import ENGINE_RULES, EngineSubject, ranks, serving_container
from cdk8s_inference.findings.example import edited, python
from cdk8s_inference.findings.rule import Violation
from cdk8s_inference.servers import VLLM, Invocation, KvTransfer, invocation_of
from cdk8s_inference.servers.llm_d_inference_sim import NO_MODEL

_LACKS_NIXL = re.compile(r"(^|/)vllm-openai-cpu([:@]|$)")

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
            "no model can be read from its command, and the twin serves "
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
            yield Violation(container.at(*use.place), f"the twin {what}")
    vllm = subject.platform.simulate.vllm
    transfer = given.use(str(VLLM.names.kv_transfer))
    others = [name for name in _connectors(given) if name not in _PROVEN]
    if transfer is not None and others:
        message = f"the simulator hands KV caches over as NIXL does, and not as {others[0]}"
        if vllm is not None:
            message = f"{others[0]} was not seen run on the CPU"
        yield Violation(container.at(*transfer.place), message)
    if engine["phase"].text == "Encode" and vllm is None:
        yield Violation(engine["phase"], "the simulator encodes nothing")


def _connectors(given: Invocation) -> Sequence[str]:
    """The KV connectors that flags name."""
    return KvTransfer.of(given.json(str(VLLM.names.kv_transfer)) or {}).names


_TWIN = "Platform(simulate=Simulation(vllm=CpuVllm({})))"
_NAMED = edited(
    PYTHON_DISAGGREGATED,
    *((f'"--port={port}"', f'"--model=Qwen/Qwen3-32B", "--port={port}"') for port in (8000, 8200)),
)


@ENGINE_RULES.rule(
    "D145",
    "error",
    "An engine cannot be simulated with vLLM on the CPU",
    why="The twin's engine does not start, or takes no part in what picker and sidecar ask.",
    evidence="Read in docker/Dockerfile.cpu of vLLM, which installs no NIXL; engines with "
    "vLLM for the CPU and NIXL beside it were seen run.",
    fix="simulate it with llm-d-inference-sim: Simulation() without vllm",
    example=python(
        with_argument("platform", _TWIN.format(""), _NAMED),
        with_argument("platform", _TWIN.format('image="example.com/vllm-nixl:v0.32.0"'), _NAMED),
    ),
)
def not_for_vllm(subject: EngineSubject) -> Iterator[Violation]:
    vllm = subject.platform.simulate.vllm if subject.platform.simulate else None
    if vllm is None:
        return
    engine = subject.engine
    container = serving_container(engine)
    image = container["image"].text or ""
    given = invocation_of(container["command"].strings, container["args"].strings, image)
    phase = engine["phase"].text
    transfer = given.use(str(VLLM.names.kv_transfer))
    if phase == "Encode":
        yield Violation(engine["phase"], "the model of the twin encodes nothing")
    elif phase is not None and given.server not in (None, VLLM):
        yield Violation(
            container, f"its sidecar hands over as {given.server.title} does, and vLLM does not"
        )
    elif transfer and _PROVEN & {*_connectors(given)} and _LACKS_NIXL.search(vllm.image):
        yield Violation(
            container.at(*transfer.place),
            f"{vllm.image} has no NIXL, and vLLM does not start with {VLLM.names.kv_transfer}",
            fix="give CpuVllm an image that has it; docs/simulate.md says how to make one",
        )
    if (count := ranks(engine)) > 1:
        yield Violation(engine["ranks"], f"it listens on {count} ports, and vLLM on the CPU on one")
