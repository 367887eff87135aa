"""A lone engine is reached from outside its pod if it listens on the pod's address."""

from __future__ import annotations

import pytest

from cdk8s_inference import App, DeviceRequest, Engine, Member, ModelDeployment
from cdk8s_inference.checks import check
from cdk8s_inference.findings import errors
from cdk8s_inference.source import Document
from tests.acceptance.cluster import Object, namespace
from tests.acceptance.counts import COUNTS
from tests.acceptance.kubelet import Executable, running
from tests.acceptance.serving import Site, pods

IMAGE = "vllm/vllm-openai:v0.23.0"
PORT = 8000
MEMORY = 'device.capacity["gpu.nvidia.com"].memory.compareTo(quantity("70Gi")) >= 0'


@pytest.mark.parametrize(
    ("flags", "reached"),
    [([], True), (["--host=0.0.0.0"], True), (["--host=127.0.0.1"], False)],
    ids=["by default", "every address", "loopback"],
)
def test_an_engine_is_reached_where_it_listens(
    flags: list[str],
    reached: bool,
    simulated: Executable,
    site: Site,
    request: pytest.FixtureRequest,
) -> None:
    name = f"lone-{request.node.callspec.id.replace(' ', '-')}"
    objects = lone_engine(name, flags)
    codes = {finding.code for finding in errors(check([Document(item) for item in objects]))}
    assert codes == (set() if reached else {"T115"})
    site.cluster.apply([namespace(name), *objects])
    (pod,) = pods(site.cluster, objects, name)
    host, client = site.network.host(name), site.network.host("client")
    with running(site.cluster, pod, host, {IMAGE: simulated}, site.folder / name):
        assert host.ask(f"http://127.0.0.1:{PORT}/v1/models")["status"] == 200
        assert client.listens(PORT, host.address) == reached
    COUNTS["addresses that engines listen on"] += 1


def lone_engine(name: str, flags: list[str]) -> list[Object]:
    """One engine behind a Service, without a picker and a sidecar."""
    member = Member.of(
        "Standalone",
        image=IMAGE,
        command=["vllm", "serve"],
        args=["--model=example", f"--port={PORT}", *flags],
        devices=[DeviceRequest.of("gpu", MEMORY)],
    )
    engines = [Engine(name="engine", members=[member])]
    objects: list[Object] = ModelDeployment(
        App(), "it", name="sim", namespace=name, engines=engines
    ).to_json()
    return objects
