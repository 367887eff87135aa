"""What a user may import, and what importing it costs."""

from __future__ import annotations

import doctest
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

import cdk8s_inference
from cdk8s_inference import (
    App,
    DeviceRequest,
    EndpointPicker,
    Engine,
    EngineGroup,
    EnvVar,
    Gateway,
    Member,
    ModelDeployment,
    Platform,
    PodAddition,
    Probes,
    UnifiedRouting,
)
from tests.kit.synth import synthesized


def run(code: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stderr == ""
    return done.stdout


def test_importing_starts_nothing() -> None:
    loaded = run(
        "import sys, cdk8s_inference\nprint(*sorted({name.split('.')[0] for name in sys.modules}))"
    ).split()
    assert not {"jsii", "cdk8s", "cdk8s_plus_28", "constructs", "pydantic", "yaml"} & set(loaded)


def test_values_and_errors_do_not_start_node() -> None:
    loaded = run(
        "import sys\n"
        "from cdk8s_inference import DeviceRequest, Engine, Finding, InvalidInput, Platform\n"
        "print(*sys.modules)"
    ).split()
    assert "jsii" not in loaded
    assert "pydantic" in loaded


@pytest.mark.parametrize("name", cdk8s_inference.__all__)
def test_every_name_is_there_with_a_docstring_of_its_own(name: str) -> None:
    value = getattr(cdk8s_inference, name)
    assert value.__name__ == name
    assert value.__doc__ or value.__module__ == "cdk8s"


def test_names_are_listed_once_and_in_order() -> None:
    names = cdk8s_inference.__all__
    assert names == sorted(set(names))
    assert set(names) == set(cdk8s_inference._MODULES)


def test_dir_lists_the_public_names_and_no_others() -> None:
    listed = {name for name in dir(cdk8s_inference) if not name.startswith("_")}
    assert listed == set(cdk8s_inference.__all__)


def test_star_brings_the_public_names() -> None:
    found = run(
        "before = set(dir())\n"
        "from cdk8s_inference import *\n"
        "print(*sorted(set(dir()) - before - {'before'}))"
    ).split()
    assert found == cdk8s_inference.__all__


def test_another_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match=r"'cdk8s_inference' has no attribute 'Lazy'"):
        cdk8s_inference.Lazy  # noqa: B018
    with pytest.raises(ImportError):
        exec("from cdk8s_inference import nothing")


def test_examples_in_docstrings_hold() -> None:
    from cdk8s_inference.findings import finding
    from cdk8s_inference.picker_config import block_size as block
    from cdk8s_inference.releases import release
    from cdk8s_inference.servers import command_line
    from cdk8s_inference.source import placeholder

    for module in (finding, command_line, placeholder, release, import_module(block.__module__)):
        result = doctest.testmod(module)
        assert result.attempted > 0
        assert result.failed == 0


def test_as_a_user_writes_it() -> None:
    """mypy checks this as well: the names are typed although they are loaded late."""
    app = App()
    gpu = DeviceRequest.of("gpu", 'device.driver == "gpu.nvidia.com"', count=8)
    decode = Engine(
        name="decode",
        phase="Decode",
        members=[
            Member.of("Leader", image="vllm", args=["--port=8001"], devices=[gpu]),
            Member.of("Worker", image="vllm", devices=[gpu], nodes=1),
        ],
    )
    deployment = ModelDeployment(
        app,
        "llama",
        name="llama",
        namespace="ml-team",
        serving_mode="PrefillDecode",
        model_cache="llama",
        labels={"team": "chat"},
        engines=[
            Engine.standalone(
                "prefill", phase="Prefill", image="vllm", args=["--port=8000"], devices=[gpu]
            ),
            decode,
        ],
        platform=Platform(
            gateway=Gateway("edge", "public"), node_pool="h100", probes=Probes(startup_seconds=600)
        ),
    )
    (replica,) = deployment.replicas
    group: EngineGroup = replica.engines["decode"]
    group.add_env(EnvVar.from_secret("HF_TOKEN", "hf", "token"))
    group.add_to_serving_pods(PodAddition(annotations={"note": "x"}))
    assert replica.phases == {"prefill": "Prefill", "decode": "Decode"}
    assert not isinstance(replica.routing, UnifiedRouting)
    picker: EndpointPicker = replica.routing.picker
    assert picker.port == 9002
    assert len(synthesized(app)) == 16


def wrongly_typed() -> None:
    """Never run: mypy fails where one of these is not an error any more."""
    Platform(unified_mode="pool")  # type: ignore[arg-type]
    Platform(pool="h100")  # type: ignore[call-arg]
    Engine.standalone("a", image="i", devices=[], phase="Both")  # type: ignore[arg-type]
    ModelDeployment(App(), "a", name="a", namespace="b", engines="c")  # type: ignore[arg-type]
    EngineGroup(App(), "a", engine=Engine)  # type: ignore[arg-type]


def test_pytest_takes_no_export_for_tests(tmp_path: Path) -> None:
    (tmp_path / "test_app.py").write_text(
        "from cdk8s_inference import Testing\n\n\n"
        "def test_empty() -> None:\n    assert Testing.synth(Testing.chart()) == []\n"
    )
    # In a process of its own: a pytest within this one would share its plugins.
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-W", "error"]
    done = subprocess.run(
        [*command, str(tmp_path)], capture_output=True, text=True, check=False, cwd=tmp_path
    )
    assert "1 passed" in done.stdout, done.stdout
