"""The twins of what main.py composes: scheduled on a laptop's node, and disaggregating."""

from __future__ import annotations

import json
import os
import runpy
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from itertools import chain
from pathlib import Path

import pytest
import yaml

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
from cdk8s_inference.routing import own_proxy
from cdk8s_inference.source import Document
from tests.acceptance import envoy
from tests.acceptance.cluster import Cluster, Object, eventually, namespace
from tests.acceptance.conftest import Namespaces
from tests.acceptance.control_plane import api_server, controllers
from tests.acceptance.counts import COUNTS
from tests.acceptance.host import Host
from tests.acceptance.kubelet import Executable, running
from tests.acceptance.nodes import node
from tests.acceptance.serving import SIMULATOR, Site, executables, pods, serving
from tests.acceptance.sources import ROOT
from tests.acceptance.workloads import unsettled, workloads
from tests.cli.console import synth

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


def test_the_page_about_twins_holds(newest: RouterRelease, site: Site) -> None:
    """Its document and requests, and what the programs then tell of themselves."""
    document = ROOT / "examples" / "qwen3-8b.yaml"
    options = ("--simulate", "--gateway-provider=standalone", "--namespace=page", "--stdout")
    objects: list[Object] = list(yaml.safe_load_all(synth(document, *options).stdout))
    programs = {**programs_of(newest), own_proxy.IMAGE: Executable(envoy.executable())}
    site.cluster.apply([namespace("page"), *objects])
    with ExitStack() as stack:
        addresses = {}
        for pod in sorted(pods(site.cluster, objects, "page"), key=_is_picker):
            host = site.network.host(pod["metadata"]["name"])
            site.cluster.run(pod, "node-0", host.address)
            folder = site.folder / "page" / pod["metadata"]["name"]
            stack.enter_context(running(site.cluster, pod, host, programs, folder))
            addresses[pod["metadata"]["labels"]["app.kubernetes.io/component"]] = host.address
        client = site.network.host("client")
        picker, prefill = addresses["endpoint-picker"], addresses["prefill"]
        for prompt in ("hello", " ".join(map(str, range(1, 501)))):
            # Without a pool a picker is Ready before it knows its pods.
            eventually(lambda: _refused(client, picker, prompt), timeout=30)  # noqa: B023
        counted = client.ask(f"http://{picker}:9090/metrics")["body"]
        asked = client.ask(f"http://{prefill}:8000/metrics")["body"]
    told = [*_lines(counted, "epp_disagg_decision"), *_lines(asked, "request_success")]
    shown = (ROOT / "docs" / "simulate.md").read_text()
    assert [line for line in told if line not in shown] == []
    COUNTS["twins that disaggregate"] += 1


def _refused(client: Host, picker: str, prompt: str) -> list[str]:
    body = json.dumps({"model": MODEL, "max_tokens": 5, "prompt": prompt})
    answer = client.ask(f"http://{picker}:8080/v1/completions", body)
    return [] if answer["status"] == 200 else [str(answer)]


def _is_picker(pod: Object) -> bool:
    return "epp" in pod["metadata"]["name"]


def _lines(metrics: str, word: str) -> list[str]:
    found = (line for line in metrics.splitlines() if word in line and line[:1] != "#")
    return [line for line in found if not line.endswith(" 0")]


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
    with serving(site, objects, name, programs_of(release), model) as served:
        for words, outcome in zip((500, 1), expected, strict=True):
            asked = served.ask(words)
            assert (asked.served_by, asked.answer["status"]) == (outcome, 200), asked
            assert json.loads(asked.answer["body"])["model"] == model
    COUNTS["twins that disaggregate"] += 1


def programs_of(release: RouterRelease) -> dict[str, Executable]:
    """What runs in place of the images of a twin."""
    # With every flag that it is given: it ends on one that it does not know.
    simulator = Executable(Path(os.environ[SIMULATOR]), serves=True)
    return {**executables(release), release.simulator: simulator}
