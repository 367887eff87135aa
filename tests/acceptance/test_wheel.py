"""The wheel: what is inside, and that it runs where nothing else is installed."""

from __future__ import annotations

import ast
import shutil
import subprocess
import sys
import venv
import zipfile
from collections.abc import Iterable, Iterator
from email.message import Message
from email.parser import Parser
from importlib.metadata import Distribution, distribution
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from cdk8s_inference import App, ModelDeployment
from tests.cli.console import save
from tests.document.builders import edited, gangs, prefill_decode

ROOT = Path(__file__).resolve().parents[2]
EXTRAS = ("cdk8s", "cel", "cluster")
HOME = ROOT / "constructs" / "cdk8s_inference"


def sources() -> Iterator[tuple[Path, str]]:
    """Every file of the package, and its name in the wheel."""
    for path in HOME.rglob("*"):
        if path.is_file() and "__pycache__" not in path.parts:
            yield path, f"cdk8s_inference/{path.relative_to(HOME).as_posix()}"


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of this checkout, built from a copy: setuptools writes beside the sources."""
    copy = tmp_path_factory.mktemp("wheel") / "source"
    passed_over = shutil.ignore_patterns(".*", "build", "__pycache__", "*.egg-info")
    shutil.copytree(ROOT, copy, ignore=passed_over)
    build = "from setuptools.build_meta import build_wheel; build_wheel('dist-of-wheel')"
    built = subprocess.run(
        [sys.executable, "-c", build], cwd=copy, capture_output=True, text=True, check=False
    )
    assert built.returncode == 0, built.stderr
    (path,) = (copy / "dist-of-wheel").glob("*.whl")
    return path


def metadata(wheel: Path) -> Message:
    with zipfile.ZipFile(wheel) as archive:
        (name,) = (name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
        return Parser().parsestr(archive.read(name).decode())


def requirements(wheel: Path) -> list[str]:
    return metadata(wheel).get_all("Requires-Dist", [])


def required(roots: Iterable[str], extra: str = "") -> dict[str, Distribution]:
    """The installed distributions that requirements need, and those that these need.

    Args:
        roots: The requirements.
        extra: The extra of them that is installed; default none.
    """
    found: dict[str, Distribution] = {}
    todo = [(Requirement(root), extra) for root in roots]
    while todo:
        requirement, of = todo.pop()
        name = canonicalize_name(requirement.name)
        if name in found or not _applies(requirement, of):
            continue
        found[name] = distribution(name)
        todo += [(Requirement(text), "") for text in found[name].requires or ()]
    return found


def _applies(requirement: Requirement, extra: str = "") -> bool:
    return requirement.marker is None or requirement.marker.evaluate({"extra": extra})


def imported() -> set[str]:
    """The modules of others that the package imports from, at its top or anywhere."""
    modules = set()
    for path, _ in sources():
        if path.suffix != ".py":
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                modules |= {alias.name.split(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                modules.add(node.module.split(".")[0])
    return modules - sys.stdlib_module_names - {"cdk8s_inference"}


def test_contents(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    (started,) = (name for name in names if ".data/" in name)
    assert started.endswith(".data/purelib/cdk8s_inference.pth")
    package = {name for name in names if ".dist-info/" not in name} - {started}
    assert package == {name for _, name in sources()}
    assert "cdk8s_inference/py.typed" in package
    others = {name.partition(".dist-info/")[2] for name in names if name not in {*package, started}}
    assert others == {
        "METADATA",
        "RECORD",
        "WHEEL",
        "entry_points.txt",
        "licenses/LICENSE",
        "top_level.txt",
    }


def test_metadata(wheel: Path) -> None:
    assert wheel.name.endswith("-py3-none-any.whl")
    said = metadata(wheel)
    assert (said["Name"], said["License-Expression"]) == ("cdk8s-inference", "Apache-2.0")
    assert said["Requires-Python"] == ">=3.10"
    homes = {
        file.parts[0].removesuffix(".py"): name
        for extra in EXTRAS
        for name, installed in required(requirements(wheel), extra).items()
        for file in installed.files or ()
    }
    needed = imported() - ({"tomli"} if sys.version_info >= (3, 11) else {"cel_expr_python"})
    assert needed <= homes.keys()
    declared = {
        canonicalize_name(requirement.name)
        for requirement in map(Requirement, requirements(wheel))
        if any(_applies(requirement, extra) for extra in EXTRAS)
    }
    assert declared <= {homes[module] for module in needed}


class Environment:
    """A virtual environment with the wheel and the distributions that it requires, and no others.

    These are linked from here: the network is not needed, and what is not declared is missed.
    """

    def __init__(self, folder: Path, wheel: Path, extra: str = "") -> None:
        self.folder = folder
        home = folder / "venv"
        venv.create(home, with_pip=True)
        self.programs = home / "bin"
        install = ("-m", "pip", "install", "--quiet", "--no-index", "--no-deps")
        self.call("python", *install, wheel)
        (self.site,) = home.glob("lib/python*/site-packages")
        for installed in required(requirements(wheel), extra).values():
            for name in {file.parts[0] for file in installed.files or ()} - {"..", "__pycache__"}:
                (self.site / name).symlink_to(str(installed.locate_file(name)))
        self.call("python", "-m", "pip", "check")

    def call(self, program: str, *arguments: str | Path) -> bytes:
        env = {"PATH": "/nowhere", "HOME": str(self.folder), "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
        command = (self.programs / program, *arguments)
        done = subprocess.run(command, env=env, cwd=self.folder, capture_output=True, check=False)
        assert done.returncode == 0, done.stderr.decode()
        return done.stdout


def test_the_command_line_runs_without_the_extra(wheel: Path, tmp_path: Path) -> None:
    light = Environment(tmp_path, wheel)
    assert not (light.site / "cdk8s").exists()
    file = save(tmp_path / "in.yaml", prefill_decode())
    light.call("cdk8s-inference", "check", file)
    light.call("cdk8s-inference", "synth", file, "--output", tmp_path / "out")
    light.call("cdk8s-inference", "check", tmp_path / "out")
    ours = [
        each for each in light.site.iterdir() if not each.name.startswith(("pip", "setuptools"))
    ]
    assert sum(map(size, ours)) <= 40 * 10**6


def size(path: Path) -> int:
    """Bytes of a file, or of all below a folder."""
    return sum(map(size, path.iterdir())) if path.is_dir() else path.stat().st_size


def test_it_composes_with_the_extra(wheel: Path, tmp_path: Path) -> None:
    whole = Environment(tmp_path, wheel, "cdk8s")
    place = whole.call("python", "-c", "import cdk8s_inference; print(cdk8s_inference.__file__)")
    assert Path(place.decode().strip()).is_relative_to(whole.site)
    whole.call("python", "-c", "import cdk8s; cdk8s.App()")

    documents = [prefill_decode(), edited(gangs(), "metadata.name", "kimi")]
    file = save(tmp_path / "in.yaml", *documents)
    written = whole.call("cdk8s-inference", "synth", file, "--stdout")
    expected = []
    for document in documents:
        app = App()
        ModelDeployment.from_document(app, "deployment", document)
        expected.append(app.synth_yaml())
    assert written.decode() == "---\n".join(expected)
