"""Which server a container runs, told by the program that it starts, its flags, or its image.

An image alone says what runs only where no program is named: in an engine's image people also run
benchmarks, ``sleep infinity``, or Ray.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from cdk8s_inference.servers import dynamo
from cdk8s_inference.servers.command_line import PASSED_ON, SHELLS, Given, Word, commands, flags_of
from cdk8s_inference.servers.command_line import given as flags_given
from cdk8s_inference.servers.invocation import Invocation
from cdk8s_inference.servers.registry import MODULES, SERVERS
from cdk8s_inference.servers.server import Program, Server

_OTHER_PACKAGES = frozenset({dynamo.PACKAGE, "sglang_router"})
"""Python packages of which programs run in an engine's image, with its flags, and serve otherwise.

SGLang's router and Dynamo's frontend are no engines.
"""

_OTHER_PROGRAMS = frozenset(
    {
        *("sleep", "tail", "cat", "curl", "wget", "echo", "ls", "true", "false", "ray", "git"),
        *(
            "pip",
            "pip3",
            "hf",
            "huggingface-cli",
            "modelscope",
            "aws",
            "gsutil",
            "gcloud",
            "rclone",
        ),
        *(
            "nvidia-smi",
            "rocm-smi",
            "nginx",
            "envoy",
            "redis-server",
            "etcd",
            "jupyter",
            "guidellm",
        ),
        *("aiperf", "genai-perf", "lm_eval", "trtllm-bench", "trtllm-build", "tritonserver"),
        *("python", "python3", "mooncake_client", "mooncake_http_metadata_server"),
    }
)
"""Programs that are known to be none, for a container without a command: its arguments may go to
an entrypoint that runs them."""

_STARTERS = frozenset({"exec", "eval", "env", "nohup", "time"})
_ASSIGNMENT = re.compile(r"[A-Za-z_]\w*=")
PYTHON = re.compile(r"(python|pypy)[\d.]*")
"""File names of Python."""


@dataclass(frozen=True)
class Recognized:
    """What runs in a container.

    Attributes:
        server: Which server.
        by: What tells: the program, a flag that only it has, or the image.
        given: The flags that it is given. What a script gives to other programs is not among them.
    """

    server: Server
    by: Literal["program", "flag", "image"]
    given: tuple[Given, ...]


def recognize(
    command: Sequence[str],
    args: Sequence[str],
    image: str,
    expand: Callable[[str], str] = str,
) -> Recognized | None:
    """The server that a container runs; None where it runs something else, or nothing says so.

    Args:
        command: The container's command.
        args: Its arguments.
        image: Its image, with or without registry and tag.
        expand: Fills variables in where a shell's ``eval`` takes words from their values.

    >>> recognize(["python3", "-m", "sglang.launch_server"], ["--port=8000"], "llm:1").server.title
    'SGLang'
    >>> recognize(["vllm", "bench", "serve"], [], "vllm/vllm-openai:v0.32.0") is None
    True
    """
    runs = commands(command, args, expand)
    texts = [[word.text for word in run] for run in runs]
    if any(_runs_module(words, _OTHER_PACKAGES) for words in texts):
        return None
    found = [
        (match, run[position + 1 :])
        for run, words in zip(runs, texts, strict=True)
        for position, match in _programs(words)
    ]
    for server, following in found:
        if server is not None:
            return Recognized(server, "program", tuple(flags_of(_with_passed(following, runs))))
    if found:
        return None
    given = tuple(flag for run in runs for flag in flags_of(run))
    names = {flag.name.partition(".")[0].replace("_", "-") for flag in given}
    for server in SERVERS:
        if not names.isdisjoint(server.telling_flags):
            return Recognized(server, "flag", given)
    if _names_a_program(command, args) and not any(map(_is_unread_program, texts)):
        return None
    held = server_in(image)
    return None if held is None else Recognized(held, "image", given)


def server_in(image: str) -> Server | None:
    """The server that an image holds, by its name.

    >>> server_in("vllm/vllm-openai:v0.32.0").title
    'vLLM'
    """
    name = re.split("[:@]", image.rpartition("/")[2])[0]
    if name in _OTHER_PROGRAMS or "mock" in re.split("[-_]", name):
        return None  # Such as guidellm, in a registry path of vllm-project, or a vllm-mock.
    if dynamo.IMAGES in image:
        return None  # Frontend, planner or worker: its controller or a command says which.
    held = (s for s in _SPECIFIC_FIRST if any(part in image.lower() for part in s.images))
    return next(held, None)


def other_program(command: Sequence[str], args: Sequence[str]) -> str | None:
    """A program of a server that serves no model, such as ``vllm launch``; None for any other.

    >>> other_program(["vllm", "launch", "render"], ["Qwen/Qwen3-8B"])
    'vllm launch'
    >>> other_program(["vllm"], ["serve", "Qwen/Qwen3-8B"]) is None
    True
    """
    for run in commands(command, args):
        words = [word.text for word in run]
        for position, server in _programs(words):
            named = (word for word in words[position + 1 :] if not word.startswith("-"))
            if server is None and (first := next(named, None)) is not None:
                return f"{words[position].rpartition('/')[2]} {first}"
    return None


def _with_passed(run: Sequence[Word], runs: Sequence[Sequence[Word]]) -> list[Word]:
    """A command, with the arguments of its script where it takes these."""
    if len(runs) > 1 and any(PASSED_ON.search(word.text) for word in run):
        return [*run, *runs[-1]]
    return list(run)


def engine_of(command: Sequence[str], args: Sequence[str], image: str) -> Server | None:
    """The engine that a container runs; None for another server too. See :func:`recognize`."""
    found = recognize(command, args, image)
    return found.server if found is not None and found.server.is_engine else None


_SPECIFIC_FIRST = tuple(
    sorted(SERVERS, key=lambda server: -max((len(part) for part in server.images), default=0))
)
"""The name of a simulator's or a cache's image may hold the name of an engine."""


def _programs(words: Sequence[str]) -> Iterator[tuple[int, Server | None]]:
    """The servers that one command starts, and where; None for a program that does not serve."""
    before = ""
    for position, word in enumerate(words):
        name = word.rpartition("/")[2]
        # After a flag is its value: a model may well be named for an engine.
        is_value = before.startswith("-") and before != "--"
        for server in SERVERS:
            for program in server.programs:
                if name == program.name:
                    following = words[position + 1 :]
                    if not is_value or _is_followed(program, following):
                        yield position, _serving(server, program, following)
        if before == "-m":
            for server in SERVERS:
                for module in server.modules:
                    if word == module.name:
                        yield position, _serving(server, module, words[position + 1 :])
        before = word


def _is_followed(program: Program, following: Sequence[str]) -> bool:
    return bool(following) and following[0] in program.subcommands


def _serving(server: Server, program: Program, following: Sequence[str]) -> Server | None:
    if not program.subcommands:
        return server
    # Without a word of its own, it may be named by a variable.
    named = next((word for word in following if not word.startswith("-")), None)
    known = named is None or named in program.subcommands or "$" in named
    return server if known else None


def _names_a_program(command: Sequence[str], args: Sequence[str]) -> bool:
    """Whether something else is run than the image's own program.

    Arguments alone go to the image's program, unless they are a shell's, or another program's.
    """
    if command:
        return True
    first = args[0].rpartition("/")[2] if args else ""
    return first in SHELLS or first in _OTHER_PROGRAMS or PYTHON.fullmatch(first) is not None


def _is_unread_program(words: Sequence[str]) -> bool:
    """Whether a command starts what only a variable names, as ``exec $SERVER`` does."""
    started = (word for word in words if word not in _STARTERS and not _ASSIGNMENT.match(word))
    return "$" in next(started, "")


def _runs_module(words: Sequence[str], packages: Iterable[str]) -> bool:
    pairs = itertools.pairwise(words)
    return any(
        option == "-m" and name.partition(".")[0] in packages and name not in MODULES
        for option, name in pairs
    )


def invocation_of(
    command: Sequence[str],
    args: Sequence[str],
    image: str,
    env: Mapping[str, str | None] | None = None,
) -> Invocation:
    """How a container starts the engine that it runs; of another program all its flags."""
    found = recognize(command, args, image)
    if found is None or not found.server.is_engine:
        return Invocation(None, None, flags_given(command, args), env or {})
    server = found.server
    return Invocation(server, server.release_of(image), found.given, env or {})
