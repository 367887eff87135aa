"""What is installed, and what of it needs what."""

from __future__ import annotations

import ast
import sys
from pathlib import Path

import pytest

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib  # type: ignore[import-not-found, unused-ignore]

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "constructs" / "cdk8s_inference"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())


def test_every_package_is_installed() -> None:
    found = {
        ".".join(("cdk8s_inference", *path.parent.relative_to(PACKAGE).parts))
        for path in PACKAGE.rglob("__init__.py")
    }
    listed = set(PROJECT["tool"]["setuptools"]["packages"])
    assert found == listed


def test_every_data_file_is_installed() -> None:
    data = PROJECT["tool"]["setuptools"]["package-data"]
    for path in PACKAGE.rglob("*"):
        if not path.is_file() or path.suffix in (".py", ".pyc"):
            continue
        owner = next(each for each in path.parents if (each / "__init__.py").is_file())
        name = ".".join(("cdk8s_inference", *owner.relative_to(PACKAGE).parts))
        within = path.relative_to(owner)
        assert any(within.match(pattern) for pattern in data.get(name, ())), path


def imported(path: Path) -> set[str]:
    """The packages that a module imports when it is imported itself."""
    found: set[str] = set()
    todo: list[ast.AST] = [ast.parse(path.read_text())]
    while todo:
        node = todo.pop()
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            continue
        if isinstance(node, ast.If) and getattr(node.test, "id", "") == "TYPE_CHECKING":
            todo += node.orelse
            continue
        if isinstance(node, ast.Import):
            found |= {each.name.partition(".")[0] for each in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module.partition(".")[0])
        todo += ast.iter_child_nodes(node)
    return found


LIGHT = (
    "arguments",
    "cel",
    "checks",
    "cli",
    "cluster",
    "document",
    "findings",
    "gateways",
    "picker_config",
)
ALSO_LIGHT = ("platform", "releases", "schemas", "servers", "source", "topology", "verify")


@pytest.mark.parametrize("room", [*LIGHT, *ALSO_LIGHT])
def test_what_checks_needs_nothing_of_cdk8s(room: str) -> None:
    for path in (PACKAGE / room).rglob("*.py"):
        assert imported(path).isdisjoint({"cdk8s", "constructs", "jsii"}), path
