"""Commands and arguments: what no shell takes apart, and what a parser then refuses."""

from __future__ import annotations

import re
from collections.abc import Iterator

from cdk8s_inference.checks.rule import rule
from cdk8s_inference.findings import Mend, Violation, shown
from cdk8s_inference.findings.example import breaks
from cdk8s_inference.topology import Container, SourceValue, Topology

_ENGINE = "spec.template.spec.containers[0]"
_DECODE = "Deployment/decode"

_FLAG_AND_VALUE = re.compile(r"(?P<flag>--?[A-Za-z][-\w.]*)\s+(?P<value>\S.*)", re.DOTALL)
_QUOTED = re.compile(r"""(?:(?P<flag>--?[A-Za-z][-\w.]*)=)?(?P<quote>['"]).*(?P=quote)""")
_TYPOGRAPHIC = re.compile("[\u2018\u2019\u201c\u201d\u2013\u2014]")
"""What word processors make of quotes and of two dashes."""


@rule(
    "T642",
    "error",
    "One argument holds a flag and its value",
    why="No shell splits an argument at its blanks: the server looks for a flag of that whole "
    "name, reports an unrecognized argument, and exits.",
    evidence="Kubernetes passes each item of args as one argument; seen run with vLLM.",
    fix="join them by =, or write two items",
    example=breaks("disaggregated", _DECODE, f"{_ENGINE}.args[4]", "--max-model-len 4096"),
)
def flag_and_value(topology: Topology) -> Iterator[Violation]:
    for container in _parsed(topology):
        for item in _items(container):
            match = _FLAG_AND_VALUE.fullmatch(item.value)
            if match is not None:
                flag, value = match["flag"], match["value"]
                yield Violation(
                    item,
                    f"{shown(item.value)} is one argument",
                    fix=f"write {flag}={value}" if len(value) < 60 else f"write {flag}=VALUE",
                    mend=Mend(item.value, f"{flag}={value}"),
                )


@rule(
    "T643",
    "error",
    "Quotes are part of an argument",
    why="No shell removes them: the server gets a model, a path or a number with quotes in it, "
    "does not find or read it, and exits.",
    evidence="Kubernetes passes each item of args as one argument; seen run with vLLM.",
    fix="remove the quotes",
    example=breaks("disaggregated", _DECODE, f"{_ENGINE}.args[4]", '--download-dir="/models"'),
)
def quoted(topology: Topology) -> Iterator[Violation]:
    for container in _parsed(topology):
        for item in _items(container):
            match = _QUOTED.fullmatch(item.value)
            if match is not None and (match["flag"] or match["quote"] == "'"):
                quote = match["quote"]
                bare = item.value.replace(quote, "", 1).removesuffix(quote)
                said = f"{shown(item.value)} holds the quotes themselves"
                yield Violation(item, said, mend=Mend(item.value, bare))


@rule(
    "T644",
    "error",
    "The command is one word with a blank in it",
    why="The container runtime looks for a program of that whole name: no such file or directory.",
    evidence="Kubernetes: command[0] is executed, and no shell splits it.",
    fix="write each word as an item of its own",
    example=breaks("disaggregated", "Deployment/qwen-epp", f"{_ENGINE}.command", ["/epp --v=2"]),
)
def command_with_blank(topology: Topology) -> Iterator[Violation]:
    for pods in topology.pods:
        for container in pods.containers:
            first = container.at.at("command", 0)
            words = (first.text or "").split()
            if len(words) > 1 and "$" not in words[0] and "{{" not in words[0]:
                listed = ", ".join(f'"{word}"' for word in words[:4])
                yield Violation(
                    pods.object.value_at(first, first.text),
                    f"no program is called {shown(first.text)}",
                    fix=f"write [{listed}{', ...' if len(words) > 4 else ''}]",
                )


@rule(
    "T645",
    "error",
    "An argument has typographic quotes or dashes",
    why="They are letters to every parser: the flag is not recognized, or its JSON cannot be read, "
    "and the server exits.",
    evidence="JSON and command lines know the characters ' and \" and - alone.",
    fix="type ', \" and - in place of them",
    example=breaks(
        "disaggregated", _DECODE, f"{_ENGINE}.args[4]", "\u2013\u2013max-model-len=4096"
    ),
)
def typographic(topology: Topology) -> Iterator[Violation]:
    for container in _parsed(topology):
        for item in _items(container):
            start = item.value.partition("=")[2] if item.value[:1] == "-" else item.value
            found = _TYPOGRAPHIC.search(item.value)
            if found and (_TYPOGRAPHIC.match(start) or start[:1] in "{["):
                yield Violation(
                    item, f"{shown(item.value)} has the character U+{ord(found[0]):04X} {found[0]}"
                )


def _parsed(topology: Topology) -> Iterator[Container]:
    """The containers of which it is known how they parse arguments."""
    for pods in topology.pods:
        if pods.engine is not None and pods.engine.kind is not None:
            yield pods.engine.container
        if pods.sidecar is not None:
            yield pods.sidecar.container
        if pods.picker_container is not None:
            yield pods.picker_container


def _items(container: Container) -> Iterator[SourceValue[str]]:
    """The arguments that no shell reads, as written."""
    command = container.at["command"].strings
    if any(word.rpartition("/")[2] in ("sh", "bash", "dash", "ash", "zsh") for word in command):
        return
    for item in container.at["args"].items():
        text = container.object.text(item)
        if text is not None and "{{" not in text.value:
            yield text
