"""The commands that are compared."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.deployments import NAMESPACE, name
from benchmarks.workload import Workload

_PROGRAMS = Path(__file__).parent / "programs"


@dataclass(frozen=True)
class Tools:
    """Programs and files that the sides need.

    Attributes:
        node: Node.js, the same for all.
        helm: Helm.
        kubeconform: kubeconform.
        typescript: The program in TypeScript, with its packages beside it.
        schemas: The schemas that kubeconform reads.
    """

    node: Path
    helm: Path
    kubeconform: Path
    typescript: Path
    schemas: Path


@dataclass(frozen=True)
class Side:
    """One of what is compared.

    Attributes:
        name: What the tables call it.
        command: The command, of a workload, the tools and an empty folder for output.
        most: The largest number of deployments for which it is run.
        rendered: Whether it writes a file for each chart into the folder, to be compared.
    """

    name: str
    command: Callable[[Workload, Tools, Path], Sequence[str | Path]]
    most: int = 100_000
    rendered: bool = False


def _python(program: str, *arguments: str | Path) -> list[str | Path]:
    return [sys.executable, _PROGRAMS / f"{program}.py", *arguments]


def _ours(*arguments: str | Path) -> list[str | Path]:
    return [Path(sys.executable).with_name("cdk8s-inference"), *arguments]


def _helm_releases(workload: Workload, tools: Tools, _: Path) -> Sequence[str | Path]:
    names = " ".join(name(index) for index in range(workload.count))
    helm, chart = shlex.quote(str(tools.helm)), shlex.quote(str(workload.chart))
    loop = f"for each in {names}; do {helm} template $each {chart} -n {NAMESPACE} || exit; done"
    return ["/bin/sh", "-c", loop]


EMPTY = Side("empty App, stock cdk8s", lambda _, __, out: _python("empty", out), most=1)
RAW = Side(
    "bare cdk8s, same objects",
    lambda work, _, out: _python("raw", work.objects, out),
    rendered=True,
)
COMPOSED = Side(
    "cdk8s-inference, Python app",
    lambda work, _, out: _python("composed", work.mode, str(work.count), out),
    rendered=True,
)
SYNTH = Side(
    "`cdk8s-inference synth`",
    lambda work, _, out: _ours("synth", work.documents, "--output", out),
    rendered=True,
)
UNCHANGED = Side(
    "`synth --cache`, nothing changed",
    lambda work, _, out: _ours("synth", work.documents, "--cache", work.cache, "--output", out),
    rendered=True,
)
TYPESCRIPT = Side(
    "cdk8s in TypeScript, same objects",
    lambda work, tools, out: [tools.node, tools.typescript, work.objects, out],
    rendered=True,
)
HELM = Side("Helm, a release each", _helm_releases)
HELM_FLEET = Side(
    "Helm, one release of all",
    lambda work, tools, _: [tools.helm, "template", "all", work.fleet, "-n", NAMESPACE],
)

START = Side("Python and PyYAML, start only", lambda _, __, ___: _python("start"), most=1)
PARSE = Side("YAML parse, rapidyaml", lambda work, _, __: _python("parse", work.manifests))
CHECK = Side("`cdk8s-inference check`", lambda work, _, __: _ours("check", work.manifests))
KUBECONFORM = Side(
    "kubeconform",
    lambda work, tools, _: [
        tools.kubeconform,
        "-strict",
        "-n",
        "2",
        "-schema-location",
        f"{tools.schemas}/{{{{.ResourceKind}}}}{{{{.KindSuffix}}}}.json",
        work.manifests,
    ],
)

COMPOSING = (RAW, EMPTY, COMPOSED, SYNTH, UNCHANGED, TYPESCRIPT, HELM, HELM_FLEET)
"""Compared with the first."""

CHECKING = (PARSE, START, CHECK, KUBECONFORM)
"""Compared with the first."""

GROWING = (RAW, COMPOSED, SYNTH, HELM, PARSE, CHECK)
"""Compared with themselves, with fewer deployments."""
