"""A vLLM that renders prompts to tokens: an engine, or ``vllm launch render``."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

from cdk8s_inference.servers import VLLM
from cdk8s_inference.source import has_placeholder
from cdk8s_inference.topology.container import Container
from cdk8s_inference.topology.engine import Engine, engine_server
from cdk8s_inference.topology.kube_object import SourceValue, whole_number
from cdk8s_inference.topology.workload import Pods

_PROGRAM = "vllm launch"
_MODEL_FOLLOWS = ("serve", "render")


@dataclass(frozen=True)
class Renderer:
    """A vLLM, and how its requests are to be.

    Attributes:
        container: Its container.
        port: Where it listens; None where that is not known.
        serves_tls: Whether it takes TLS only; None where that is not known.
        models: The names by which requests call its model; None where others may be added.
    """

    container: Container
    port: SourceValue[int] | None
    serves_tls: bool | None
    models: frozenset[str] | None


def renderer(pods: Pods, container: Container) -> Renderer | None:
    """The renderer that a container of some pods runs; None for any other program."""
    launched = container.other_program == _PROGRAM
    if not launched and engine_server(container) is not VLLM:
        return None
    engine = Engine(container, VLLM, pods.may_gain("flags"))
    names = VLLM.names
    tls = engine.flag(names.certificate_key, names.certificate) is not None
    if engine.gains_flags or engine.reads_file or not (launched or engine.is_started_as_written):
        return Renderer(container, _port(engine, None), tls or None, None)
    return Renderer(container, _port(engine, VLLM.port), tls, _models(engine))


def _port(engine: Engine, default: int | None) -> SourceValue[int] | None:
    given = engine.flag(VLLM.names.port)
    if given is None:
        return None if default is None else engine.container.here.of(default)
    number = whole_number(given.value)
    return None if number is None else given.of(number)


def _models(engine: Engine) -> frozenset[str] | None:
    words = [word.value for word in engine.container.words]
    if any(word.startswith(("--lora", "--enable-lora")) for word in words):
        return None
    named = _served_names(words) or [
        word
        for before, word in itertools.pairwise(words)
        if before in _MODEL_FOLLOWS and not word.startswith("-")
    ]
    model = engine.flag(VLLM.names.model)
    found = frozenset(named or ([] if model is None else [model.value]))
    return None if not found or any(map(has_placeholder, found)) else found


def _served_names(words: Sequence[str]) -> list[str]:
    """The values of ``--served-model-name``, which takes several."""
    for position, word in enumerate(words):
        flag, joined, value = word.partition("=")
        if flag.replace("_", "-") == VLLM.names.served_model:
            if joined:
                return [value]
            following = words[position + 1 :]
            return list(itertools.takewhile(lambda each: not each.startswith("-"), following))
    return []
