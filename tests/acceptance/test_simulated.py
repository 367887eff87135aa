"""The twins of what main.py composes: scheduled on a laptop's node, and disaggregating."""

from __future__ import annotations

import json
import os
import runpy
from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path

import pytest

from cdk8s_inference import (
    App,
    DeviceRequest,
    Engine,
    Member,
    ModelDeployment,
    Platform,
    Simulation,
)
from cdk8s_inference.checks import check
from cdk8s_inference.document.model_deployment import Phase
from cdk8s_inference.findings import errors
from cdk8s_inference.releases import RouterRelease
from cdk8s_inference.source import Document
from tests.acceptance.cluster import Cluster, Object, eventually
from tests.acceptance.conftest import Namespaces
from tests.acceptance.control_plane import api_server, controllers
from tests.acceptance.counts import COUNTS
from tests.acceptance.kubelet import Executable
from tests.acceptance.nodes import node
from tests.acceptance.serving import SIMULATOR, Site, executables, serving
from tests.acceptance.sources import ROOT
from tests.acceptance.workloads import unsettled, workloads

LAPTOP = {"cpu": "2", "memory": "4Gi", "pods": "110"}
TAKEN = {"cpu": "950m", "memory": "290Mi"}
"""What the pods of kind's own control plane request."""

MEMORY = 'device.capacity["gpu.nvidia.com"].memory.compareTo(quantity("70Gi")) >= 0'
MODEL = "Qwen/Qwen3-8B"
VLLM = ("vllm/vllm-openai:v0.23.0", ["vllm", "serve", MODEL])
SGLANG = ("lmsysorg/sglang:v0.5.9", ["python3", "-m", "sglang.launch_server", "--model", MODEL])
NIXL = '{"kv_connector":"NixlConnector","kv_role":"kv_both"}'


@pytest.fixture(scope="module")
def twins(tmp_path_factory: pytest.TempPathFactory) -> list[list[Object]]:
    """The objects of the twin of each deployment of main.py."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CDK8S_OUTDIR", str(tmp_path_factory.mktemp("dist")))
        app = runpy.run_path(str(ROOT / "main.py"))["app"]
    found = [chart for chart in app.node.children if isinstance(chart, ModelDeployment)]
    return [chart.simulated(App(), chart.node.id).to_json() for chart in found]


@pytest.fixture(scope="module")
def laptop(
    own_control_plane: None,
    seed: Path,
    make_namespaces: Namespaces,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Cluster]:
    """A cluster with one node of two cores, half of which its control plane takes."""
    with api_server(tmp_path_factory.mktemp("laptop"), seed) as made, controllers(made):
        make_namespaces(made, ["ml-team"])
        made.create([node("kind", {}, room=LAPTOP)])
        container = {"name": "it", "image": "control-plane", "resources": {"requests": TAKEN}}
        metadata = {"name": "control-plane", "namespace": "ml-team"}
        spec = {"containers": [container]}
        made.apply([{"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}])
        yield made


def test_all_of_them_fit_a_laptop(laptop: Cluster, twins: list[list[Object]]) -> None:
    objects = list(chain.from_iterable(twins))
    assert not errors(check([Document(item) for item in objects]))
    laptop.apply(objects)
    wanted = workloads(objects)
    assert not any(workload.claims for workload in wanted)
    eventually(lambda: unsettled(laptop, wanted), timeout=120, every=1)
    COUNTS["pods of twins Ready"] += sum(workload.images.total() for workload in wanted)


def test_main_py_disaggregates(
    newest: RouterRelease, site: Site, twins: list[list[Object]]
) -> None:
    (objects,) = (each for each in twins if any(o["kind"] == "InferencePool" for o in each))
    # As its engines, the twin calls the model by the path of the cache.
    assert_disaggregates(site, objects, "ml-team", newest, "/mnt/models")


@pytest.mark.parametrize("gang", [False, True], ids=["pods", "gangs"])
def test_a_twin_disaggregates(gang: bool, release: RouterRelease, site: Site) -> None:
    name = f"twin-{'gangs' if gang else 'pods'}-{release.version.replace('.', '-')}"
    transfer = f"--kv-transfer-config={NIXL}"
    engines = [
        engine("Prefill", VLLM, [transfer, "--port=8000"], gang=gang),
        engine("Decode", VLLM, [transfer, "--port=8001"], gang=gang),
    ]
    assert_disaggregates(site, twin(engines, name, release), name, release, MODEL)


def test_the_twin_of_sglang_serves_on_both(newest: RouterRelease, site: Site) -> None:
    """The sidecar asks both at once, and the simulator hands nothing over."""
    flags = ["--host=0.0.0.0", "--disaggregation-mode"]
    engines = [
        engine("Prefill", SGLANG, [*flags, "prefill", "--port=8000"]),
        engine("Decode", SGLANG, [*flags, "decode", "--port=8001"]),
    ]
    objects = twin(engines, "twin-sglang", newest)
    expected = "P+D(no kv handover)"
    assert_disaggregates(site, objects, "twin-sglang", newest, MODEL, (expected, expected))


def twin(engines: Sequence[Engine], name: str, release: RouterRelease) -> list[Object]:
    platform = Platform(router=release, simulate=Simulation())
    chart = ModelDeployment(
        App(),
        "twin",
        name="twin",
        namespace=name,
        serving_mode="PrefillDecode",
        engines=engines,
        platform=platform,
    )
    objects: list[Object] = chart.to_json()
    assert not errors(check([Document(item) for item in objects]))
    return objects


def engine(
    phase: Phase, image: tuple[str, list[str]], args: Sequence[str], *, gang: bool = False
) -> Engine:
    name, command = image
    members = [
        Member.of(
            role,
            image=name,
            command=command,
            args=args,
            devices=[DeviceRequest.of("gpu", MEMORY)],
            nodes=1 if role == "Worker" else None,
        )
        for role in (("Leader", "Worker") if gang else ("Standalone",))
    ]
    return Engine(name=phase.lower(), phase=phase, members=members)


def assert_disaggregates(
    site: Site,
    objects: Sequence[Object],
    name: str,
    release: RouterRelease,
    model: str,
    expected: tuple[str, str] = ("P/D", "D-only"),
) -> None:
    programs = executables(release)
    # With every flag that it is given: it ends on one that it does not know.
    path = Path(os.environ[SIMULATOR])
    programs[release.simulator] = Executable(path, serves=True)
    with serving(site, objects, name, programs, model) as served:
        for words, outcome in zip((500, 1), expected, strict=True):
            asked = served.ask(words)
            assert (asked.served_by, asked.answer["status"]) == (outcome, 200), asked
            assert json.loads(asked.answer["body"])["model"] == model
    COUNTS["twins that disaggregate"] += 1
