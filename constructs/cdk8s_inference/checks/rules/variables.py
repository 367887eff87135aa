"""Variables that a command, arguments or other variables refer to."""

from __future__ import annotations

import re
from collections.abc import Iterator

from cdk8s_inference.checks.rule import rule
from cdk8s_inference.findings import Violation
from cdk8s_inference.findings.example import breaks
from cdk8s_inference.servers.command_line import SHELLS
from cdk8s_inference.source import Cursor
from cdk8s_inference.topology import Container, Pods, Topology

_REFERENCE = re.compile(r"(?<!\$)(?:\$\$)*\$\(([A-Za-z_][A-Za-z0-9_.-]*)\)")
_SERVICE_LINK = re.compile(r"[A-Z0-9_]+_(SERVICE_(HOST|PORT(_\w+)?)|PORT(_\w+)?)")


@rule(
    "T660",
    "warning",
    "A variable in command, args or env is set by nobody",
    why="Kubernetes leaves $(NAME) as it stands where the container has no such variable: the "
    "program gets these very characters, and a shell tries to run a program of that name.",
    evidence="Kubernetes: variables that command and args refer to are those of the container's "
    "env and envFrom, and of service links; LeaderWorkerSet adds those with LWS_. What the image "
    "sets does not count. A variable of env may refer to those before it.",
    fix="add the variable to the container's env, or correct its name",
    example=breaks(
        "disaggregated",
        "Deployment/decode",
        "spec.template.spec.containers[0].args[4]",
        "--seed=$(SEED)",
    ),
)
def set_by_nobody(topology: Topology) -> Iterator[Violation]:
    for pods in topology.pods:
        if pods.may_gain("environment"):
            continue
        for container in pods.containers:
            if not container.at["envFrom"].present:
                yield from _unset(pods, container)


def _unset(pods: Pods, container: Container) -> Iterator[Violation]:
    known: set[str] = set()
    for item in container.at["env"].items():
        yield from _references(pods, item["value"], known, "before it")
        known.add(item["name"].text or "")
    words = [*container.at["command"].items(), *container.at["args"].items()]
    by_shell = any((at.text or "").rpartition("/")[2] in SHELLS for at in words)
    for at in words:
        yield from _references(pods, at, known, "of the container", by_shell=by_shell)


def _references(
    pods: Pods, at: Cursor, known: set[str], which: str, *, by_shell: bool = False
) -> Iterator[Violation]:
    names = dict.fromkeys(_REFERENCE.findall(at.text or ""))
    for name in names:
        # In a shell's script $(hostname) runs a program, whose name is hardly in capitals.
        if name in known or _is_given(pods, name) or (by_shell and name != name.upper()):
            continue
        yield Violation(
            pods.object.value_at(at, None), f"$({name}) is named, and no variable {which} is {name}"
        )


def _is_given(pods: Pods, name: str) -> bool:
    """Whether something else than the template gives a variable to the pods."""
    gang = pods.workload.kind in ("LeaderWorkerSet", "DisaggregatedSet")
    return (
        (gang and name.startswith("LWS_"))
        or name == "JOB_COMPLETION_INDEX"
        or name.startswith("TPU_")  # LeaderWorkerSet's and GKE's webhooks.
        or _SERVICE_LINK.fullmatch(name) is not None
    )
