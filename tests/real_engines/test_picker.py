"""A released picker and sidecar, run as composed in front of real engines."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from cdk8s_inference.releases import ROUTER_NEWEST
from tests.acceptance import crds, serving
from tests.acceptance.control_plane import api_server, manager
from tests.acceptance.kubelet import Executable, Running
from tests.acceptance.nodes import nodes
from tests.acceptance.serving import Serving
from tests.kit.shared import SHARED
from tests.real_engines.client import MODEL, TOKENS
from tests.real_engines.deployments import DISAGGREGATED
from tests.real_engines.engines import Site, pods
from tests.real_engines.environment import NEWEST
from tests.real_engines.outcome import FROM_PREFILL, TRIES, prompt

GROUPS = (
    "gateway.networking.k8s.io",
    "inference.networking.k8s.io",
    "inference.networking.x-k8s.io",
)
NAMESPACE = "ml-team"


@pytest.fixture(scope="module")
def served(site: Site) -> Iterator[Serving]:
    """The deployment of ``main.py``: two prefill pods, one decode pod, their picker, a gateway."""
    names = serving.variables(ROUTER_NEWEST)[:2]
    if missing := [name for name in names if name not in os.environ]:
        pytest.skip(f"the executables are not given: {', '.join(missing)}")
    if SHARED is None:
        pytest.skip("the CRDs are absent")
    picker, sidecar = (Executable(Path(os.environ[name])) for name in names)
    (decode,) = pods(DISAGGREGATED, "decode")
    programs = {
        ROUTER_NEWEST.picker.image: picker,
        ROUTER_NEWEST.sidecar.image: sidecar,
        decode["spec"]["containers"][0]["image"]: site.executable(NEWEST),
    }
    site.clear()
    folder = site.folder / "cluster"
    with ExitStack() as stack:
        host = site.network.host("cluster")
        cluster = stack.enter_context(api_server(folder, host=host))
        crds.install(cluster, folder, lambda group: group.endswith(GROUPS))
        stack.enter_context(manager(cluster))
        cluster.apply(nodes(1, {}, prefix="node", gpus=False))
        where = serving.Site(cluster, site.network, site.folder)
        yield stack.enter_context(serving.serving(where, DISAGGREGATED, NAMESPACE, programs, MODEL))


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("chat", [False, True], ids=["completion", "chat"])
def test_a_long_prompt_is_handed_over(
    chat: bool, stream: bool, site: Site, served: Serving
) -> None:
    prefill, *_, decode = sorted(map(_url, served.engines), key=lambda url: url.endswith(":8001"))
    # The handshake may take longer than its limit where the machine is busy.
    for _ in range(TRIES):
        text, before = prompt(300), site.client.counters(decode).get(FROM_PREFILL, 0)
        answer = site.client.ask(served.url.rstrip("/"), text, chat=chat, stream=stream)
        if not answer.error:
            break
    assert not answer.error, answer
    assert len(answer.text) >= TOKENS // 2
    assert site.client.counters(decode)[FROM_PREFILL] > before + 1000
    assert answer.text == site.client.ask(prefill, text, chat=chat).text


def _url(engine: Running) -> str:
    (container,) = engine.pod["spec"]["containers"]
    return f"http://{engine.host.address}:{container['ports'][0]['containerPort']}"
