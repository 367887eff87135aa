"""What ``verify`` says of deployments that run, of which it is known what they do."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from cdk8s import App, Chart

from cdk8s_inference import SmokeTest
from cdk8s_inference.releases import RouterRelease
from tests.acceptance.cluster import Object
from tests.acceptance.counts import COUNTS
from tests.acceptance.kubelet import pod_kubeconfig
from tests.acceptance.process import started
from tests.acceptance.serving import GATEWAY_PORT, Serving, Site, executables, serving
from tests.acceptance.test_disaggregated import ENGINE_IMAGE, MODEL, deployment, namespace_of
from tests.kit.breaks import BREAKS, observed

PROGRAM = Path(sys.executable).with_name("cdk8s-inference")

VERDICTS = {
    "P/D": "disaggregates",
    "D-only": "decode-only",
    "P-only": "decode-only",
    "P+D(no kv handover)": "unknown",
}
"""By who served a long prompt. The simulator does not count what is handed over."""

TIED = {"decode-only", "disaggregates", "unknown"}


def verified(served: Serving, site: Site, name: str, *arguments: str) -> dict[str, Any]:
    """What the program says of the one deployment of a namespace."""
    where = (f"--kubeconfig={site.cluster.kubeconfig}", f"--namespace={name}")
    done = served.client.run(PROGRAM, "verify", *where, "--json", *arguments)
    assert done.stdout, done.stderr
    found: dict[str, Any]
    (found,) = json.loads(done.stdout)
    assert done.returncode == (0 if found["verdict"] == "disaggregates" else 1), done.stderr
    assert "acceptance" not in found["address"]
    return found


def gateway(site: Site, objects: list[Object], address: str) -> None:
    """Makes the Gateway of the route, as its controller would report it."""
    (route,) = (each for each in objects if each["kind"] == "HTTPRoute")
    (parent,) = route["spec"]["parentRefs"]
    metadata = {"name": parent["name"], "namespace": parent["namespace"]}
    listener = {"name": "http", "protocol": "HTTP", "port": GATEWAY_PORT}
    made = {
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "Gateway",
        "metadata": metadata,
        "spec": {"gatewayClassName": "any", "listeners": [listener]},
    }
    site.cluster.apply(
        [{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": parent["namespace"]}}, made]
    )
    site.cluster.set_status(made, {"addresses": [{"type": "IPAddress", "value": address}]})


@pytest.mark.parametrize("shape", [(False, False), (True, True)], ids=["pods", "gangs"])
def test_a_good_one_disaggregates(
    shape: tuple[bool, bool], release: RouterRelease, site: Site
) -> None:
    prefill, decode = shape
    name = namespace_of(f"verify-{'gangs' if prefill else 'pods'}", release)
    objects = deployment(name, release, prefill=prefill, decode=decode)
    with serving(site, objects, name, executables(release, ENGINE_IMAGE), MODEL) as served:
        host = served.url.removeprefix("http://").partition(":")[0]
        gateway(site, objects, host)
        for via in ("api-server", "direct"):
            found = verified(served, site, name, f"--via={via}")
            assert found["verdict"] == "disaggregates", found
            assert found["address"] == served.url.rstrip("/")
            assert not found["findings"]
            kinds = {(each["part"], each["meaning"]) for each in found["counters"]}
            assert {("prefill", "requests"), ("decode", "requests")} <= kinds
        COUNTS["deployments verified"] += 1


@pytest.mark.parametrize("broken", [name for name in BREAKS if name != "baseline"])
def test_a_break_is_seen(broken: str, release: RouterRelease, site: Site) -> None:
    runs = [run for run in observed() if run.broken == broken]
    expected = [run for run in runs if run.release == release.version]
    if not expected:
        pytest.skip("no run of this release was recorded")
    case, name = BREAKS[broken], namespace_of(f"v-{broken}", release)
    objects = case.apply(deployment(name, release))
    programs = executables(release, ENGINE_IMAGE)
    with serving(site, objects, name, programs, MODEL, case) as served:
        found = verified(served, site, name, f"--address={served.url}", "--timeout=20")
    status, server = expected[0].long
    wanted = VERDICTS[server] if status == 200 else "does not answer"
    assert found["verdict"] in (TIED if case.tied else {wanted}), found
    if case.shown and wanted != "disaggregates":
        assert found["findings"], found
    COUNTS["breaks verified"] += 1


def test_a_smoke_test_may_do_what_it_does(
    release: RouterRelease, site: Site, tmp_path: Path
) -> None:
    """The API server takes its objects, and its account finds and asks the deployment."""
    name = namespace_of("smoke", release)
    objects = deployment(name, release)
    with serving(site, objects, name, executables(release, ENGINE_IMAGE), MODEL) as served:
        (pool,) = (each for each in objects if each["kind"] == "InferencePool")
        chart = Chart(App(), "smoke")
        SmokeTest(
            chart,
            "smoke",
            name="smoke",
            namespace=name,
            deployment=pool["metadata"]["name"],
            address=served.url,
        )
        composed = chart.to_json()
        site.cluster.apply(composed)
        (job,) = (each for each in composed if each["kind"] == "Job")
        account = {"metadata": {"namespace": name}, "spec": {"serviceAccountName": "smoke"}}
        config = pod_kubeconfig(site.cluster, account, tmp_path)
        arguments = job["spec"]["template"]["spec"]["containers"][0]["args"]
        done = served.client.run(PROGRAM, *arguments, f"--kubeconfig={config}", "--via=direct")
        assert done.returncode == 0, done.stdout + done.stderr
        assert ": disaggregates: " in done.stdout


def test_a_server_that_never_answers_is_given_up(
    release: RouterRelease, site: Site, tmp_path: Path
) -> None:
    name = namespace_of("verify-silent", release)
    objects = deployment(name, release)
    with serving(site, objects, name, executables(release, ENGINE_IMAGE), MODEL) as served:
        silent = site.network.host("silent")
        code = "import socket, time; s = socket.create_server(('', 8000)); time.sleep(600)"
        command = silent.command(sys.executable, "-c", code)
        with started("silent", command, tmp_path, ready=lambda: silent.listens(8000)):
            begun = time.monotonic()
            url = f"http://{silent.address}:8000"
            found = verified(served, site, name, f"--address={url}", "--timeout=3")
            assert time.monotonic() - begun < 15
    assert found["verdict"] == "does not answer"
    assert "no answer within 3 s" in found["reason"]


def test_the_objects_that_run_are_checked(release: RouterRelease, site: Site) -> None:
    name = namespace_of("check-cluster", release)
    objects = deployment(name, release)
    with serving(site, objects, name, executables(release, ENGINE_IMAGE), MODEL) as served:
        arguments = (f"--kubeconfig={site.cluster.kubeconfig}", f"--namespace={name}")
        done = served.client.run(PROGRAM, "check", "--cluster", *arguments)
        assert done.returncode == 0, done.stdout
        assert "2 engines (1 prefill, 1 decode), 1 pool, 1 picker, 1 route" in done.stdout
        print(done.stdout)
