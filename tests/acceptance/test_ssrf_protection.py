"""Released sidecars with SSRF protection: which prefill targets they call.

Sidecars run from our manifests, without a picker: the test names the targets, as a client could.
"""

from __future__ import annotations

import json
import os
from contextlib import ExitStack
from pathlib import Path

import pytest

from cdk8s_inference.releases import ROUTER_NEWEST, ROUTER_RELEASES, RouterRelease
from tests.acceptance.cluster import Object, eventually, namespace
from tests.acceptance.counts import COUNTS
from tests.acceptance.kubelet import Executable, running, simulator
from tests.acceptance.serving import Site, pods, variables
from tests.acceptance.test_disaggregated import ENGINE_IMAGE, MODEL, deployment

HEADER = "x-prefiller-host-port"


@pytest.fixture(params=ROUTER_RELEASES, ids=lambda release: release.version)
def release(request: pytest.FixtureRequest) -> RouterRelease:
    """Each release whose sidecar is there."""
    found: RouterRelease = request.param
    if missing := [each for each in variables(found)[1:] if not os.environ.get(each)]:
        pytest.skip(f"the executables are not given: {', '.join(missing)}")
    return found


def test_a_sidecar_calls_the_pods_of_its_pool_alone(release: RouterRelease, site: Site) -> None:
    """Those before v0.10.0 read no pool of v1, and call none: it is not composed for them."""
    name = f"guarded-{release.version.replace('.', '-')}"
    objects = guarded(name, release)
    site.cluster.apply([namespace(name), *objects])
    sidecar, engine = (Path(os.environ[each]) for each in variables(release)[1:])
    programs = {
        release.sidecar.image: Executable(sidecar),
        ENGINE_IMAGE: simulator(engine),
    }
    with ExitStack() as stack:
        at = {}
        for pod in pods(site.cluster, objects, name):
            part = pod["metadata"]["labels"].get("llm-d.ai/role")
            if part is None:  # The picker.
                continue
            host = site.network.host(pod["metadata"]["name"])
            site.cluster.run(pod, "node-0", host.address)
            folder = site.folder / name / pod["metadata"]["name"]
            stack.enter_context(running(site.cluster, pod, host, programs, folder))
            at[part] = host.address
        client = site.network.host("client")

        def status(prefill: str | None = None) -> int:
            body = json.dumps({"model": MODEL, "prompt": "hello", "max_tokens": 5})
            headers = {HEADER: f"{prefill}:8000"} if prefill else {}
            url = f"http://{at['decode']}:8000/v1/completions"
            answered: int = client.ask(url, body, headers)["status"]
            return answered

        expected = 200 if release.sidecar.guards_v1_pools else 403
        # Its list of pods is empty until it has read them.
        eventually(
            lambda: [] if status(at["prefill"]) == expected else [str(status(at["prefill"]))],
            timeout=20,
        )
        assert status(client.address) == 403
        assert status() == 200
    COUNTS["sidecars that check their targets"] += 1


def guarded(name: str, release: RouterRelease) -> list[Object]:
    """What is composed for the newest release, with the sidecar of another."""
    objects = deployment(name, ROUTER_NEWEST)
    text = json.dumps(objects)
    newest, other = ROUTER_NEWEST.sidecar, release.sidecar
    text = text.replace(newest.image, other.image)
    text = text.replace(f"--{newest.engine_port_flag}=", f"--{other.engine_port_flag}=")
    found: list[Object] = json.loads(text)
    return found
