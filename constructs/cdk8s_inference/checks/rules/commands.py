"""Commands that start no program, or another one than is meant."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence

from cdk8s_inference.checks.rule import rule
from cdk8s_inference.findings import Violation, near_name, shown
from cdk8s_inference.findings.example import breaks
from cdk8s_inference.servers import VLLM
from cdk8s_inference.servers.command_line import SHELLS
from cdk8s_inference.servers.recognize import PYTHON, server_in
from cdk8s_inference.servers.registry import MODULES, SERVERS
from cdk8s_inference.source import has_placeholder
from cdk8s_inference.topology import Container, SourceValue, Topology

_OTHER_SHELLS = frozenset({*SHELLS, "csh", "fish", "ksh", "mksh", "rbash", "tcsh", "ssh", "rsh"})
_PROGRAMS = frozenset(
    {"python", "python3", *(program.name for server in SERVERS for program in server.programs)}
)
_STARTING = frozenset(VLLM.release_images) - {"vllm-tpu"}
"""Images whose entrypoint is vLLM."""


@rule(
    "T661",
    "error",
    "A command starts no program",
    why="The container ends with an error at every start: no such file, no module of that name, or "
    "a missing argument.",
    evidence="Kubernetes executes command[0], or where there is none the image's entrypoint with "
    "args. A shell takes a script after -c alone, Python a module after -m. SGLang's Dockerfile "
    "has no entrypoint.",
    fix="correct the command",
    example=breaks(
        "sglang", "Deployment/prefill", "spec.template.spec.containers[0].command", ["pyton3", "-m"]
    ),
)
def starts_nothing(topology: Topology) -> Iterator[Violation]:
    for pods in topology.pods:
        if pods.may_gain("flags"):
            continue
        for container in pods.containers:
            wrong = next(_wrong(container), None)
            if wrong is not None:
                yield Violation(*wrong)


def _wrong(container: Container) -> Iterator[tuple[SourceValue[str], str]]:
    command = [container.object.text(at) for at in container.at["command"].items()]
    args = [container.object.text(at) for at in container.at["args"].items()]
    if None in command or None in args:
        return
    words = [word for word in (*command, *args) if word is not None]
    if not words or has_placeholder(words[0].value):
        return
    yield from _no_program(container, words[0], has_command=bool(command))
    yield from _shell(words)
    yield from _python(words)


def _no_program(
    container: Container, first: SourceValue[str], *, has_command: bool
) -> Iterator[tuple[SourceValue[str], str]]:
    held = server_in(container.image.value)
    name = first.value.rpartition("/")[2]
    if first.value.startswith("-"):
        if has_command:
            yield first, f"{shown(first.value)} is no program"
        elif held and not held.images_start_it and container.image_name in held.release_images:
            yield (
                first,
                f"{container.image.value} starts no program of its own, and no command does",
            )
    elif has_command and name not in _PROGRAMS | SHELLS:
        envoy = ("envoy",) if container.image_name == "envoy" else ()
        meant = near_name(name, sorted(_PROGRAMS) if held is not None else envoy)
        if meant is not None:
            yield first, f"no program is called {name}; {meant} is one"


def _shell(words: Sequence[SourceValue[str]]) -> Iterator[tuple[SourceValue[str], str]]:
    """What is wrong where a shell is started, or something that is named almost as one."""
    name = words[0].value.rpartition("/")[2]
    options = [word.value for word in words[1:2]]
    if name not in _OTHER_SHELLS:
        meant = near_name(name, sorted(SHELLS), least=2)
        if meant and options == ["-c"] and any(" " in word.value for word in words[2:3]):
            yield words[0], f"no shell is called {name}; {meant} is one"
        return
    if name not in SHELLS or not options:
        return
    if options[0].startswith("-") and "c" in options[0] and len(words) == 2:
        yield words[1], f"no script follows {options[0]}"
    elif len(options[0].split()) > 1 and not options[0].startswith("-"):
        yield words[1], f"{name} takes {shown(options[0])} for the name of a file: -c is missing"


def _python(words: Sequence[SourceValue[str]]) -> Iterator[tuple[SourceValue[str], str]]:
    if PYTHON.fullmatch(words[0].value.rpartition("/")[2]) is None:
        return
    for before, word in itertools.pairwise(words):
        is_module = before.value == "-m"
        if word.value in MODULES and not is_module:
            yield word, f"{word.value} is a module, and {shown(before.value)} is not -m"
        elif is_module and before is words[1]:
            meant = near_name(word.value, sorted(MODULES))
            if word.value.startswith("-"):
                yield word, "no module follows -m"
            elif meant is not None and word.value not in MODULES:
                yield word, f"there is no module {word.value}, but {meant}"
    if words[-1].value == "-m" and len(words) == 2:
        yield words[-1], "no module follows -m"


@rule(
    "T669",
    "error",
    "Arguments repeat the program that the image starts",
    why="vLLM's image starts vllm serve with args: it takes the first word for the model, refuses "
    "the next ones, and the container ends at every start.",
    evidence="Seen run with vLLM v0.32.0; vllm-project/vllm#22072 with an older entrypoint.",
    fix="leave the words out, or write the whole command line as command",
    example=breaks(
        "disaggregated",
        "Deployment/prefill",
        "spec.template.spec.containers[0].args",
        [
            *("vllm", "serve", "Qwen/Qwen3-32B", "--port=8000", "--tensor-parallel-size=2"),
            '--kv-transfer-config={"kv_connector":"NixlConnector","kv_role":"kv_both"}',
        ],
    ),
)
def repeats_entrypoint(topology: Topology) -> Iterator[Violation]:
    for pods in topology.pods:
        if pods.may_gain("flags"):
            continue
        for container in pods.containers:
            if container.image_name not in _STARTING or container.at["command"].present:
                continue
            first = container.object.text(container.at.at("args", 0))
            if first is None or has_placeholder(first.value):
                continue
            name = first.value.rpartition("/")[2]
            if name == "serve" or name in _PROGRAMS | SHELLS:
                yield Violation(
                    first,
                    f"{container.image.value} starts vllm serve by itself, and is given "
                    f"{shown(first.value)} as the model",
                )
