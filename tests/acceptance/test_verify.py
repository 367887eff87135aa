"""What ``verify`` says of deployments that run, of which it is known what they do."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from cdk8s import App, Chart

from cdk8s_inference import SmokeTest
from cdk8s_inference.releases import RouterRelease
from tests.acceptance.cluster import Object, condition, eventually
from tests.acceptance.confined import run_to_end
from tests.acceptance.counts import COUNTS
from tests.acceptance.host import Host
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

PROXY = "gateway-proxy"
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


def parent_of(objects: list[Object]) -> Object:
    """What the route names as its Gateway."""
    (route,) = (each for each in objects if each["kind"] == "HTTPRoute")
    (parent,) = route["spec"]["parentRefs"]
    return parent  # type: ignore[no-any-return]


def gateway(site: Site, objects: list[Object], address: str) -> None:
    """Makes the Gateway of the route, as its controller would report it."""
    parent = parent_of(objects)
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


def proxy(site: Site, objects: list[Object], host: Host) -> None:
    """The pod of the Gateway and its Service, as its controller would make them."""
    parent = parent_of(objects)
    labels = {"gateway.networking.k8s.io/gateway-name": parent["name"]}
    metadata = {"name": PROXY, "namespace": parent["namespace"], "labels": labels}
    container = {
        "name": "proxy",
        "image": "any",
        "ports": [{"name": "http", "containerPort": GATEWAY_PORT}],
    }
    ports = [{"port": GATEWAY_PORT, "targetPort": "http"}]
    made = [
        {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": metadata,
            "spec": {"containers": [container]},
        },
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": metadata,
            "spec": {"selector": labels, "ports": ports},
        },
    ]
    where = f"--namespace={parent['namespace']}"
    site.cluster.try_("delete", "pod", PROXY, where, "--ignore-not-found", "--force")
    account = lambda: [] if site.cluster.try_("get", "sa/default", where).code == 0 else ["account"]  # noqa: E731
    eventually(account, 60)
    site.cluster.apply(made)
    (pod,) = site.cluster.listed("pod", PROXY, where)
    site.run(pod, host)
    slices = ("endpointslices", where, f"--selector=kubernetes.io/service-name={PROXY}")

    def missing() -> list[str]:
        found = [each.get("endpoints") for each in site.cluster.listed(*slices)]
        return [] if any(found) else ["endpoints of the gateway"]

    eventually(missing, 60)


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
        proxy(site, objects, served.gateway)
        for via in ("api-server", "port-forward", "direct"):
            found = verified(served, site, name, f"--via={via}")
            assert found["verdict"] == "disaggregates", found
            if via == "port-forward":
                path = urlsplit(served.url).path.rstrip("/")
                assert (
                    found["address"]
                    == f"{parent_of(objects)['namespace']}/{PROXY}:{GATEWAY_PORT}{path}"
                )
            else:
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
    allowed = TIED if case.tied else {wanted}
    if release.version in case.loops:
        allowed = {*allowed, "does not answer"}
    assert found["verdict"] in allowed, json.dumps(found, indent=1)
    if case.shown and wanted != "disaggregates":
        assert found["findings"], json.dumps(found, indent=1)
    COUNTS["breaks verified"] += 1


SMOKE = "smoke"
NEEDED = {"gateways", "httproutes", "inferencepools", "pods"}
"""What a smoke test cannot do without; the rest of what it reads explains what fails."""


def smoke_test(site: Site, objects: Sequence[Object], name: str, address: str | None) -> Object:
    """Applies a smoke test where Pod Security is restricted: the pod of its Job."""
    (pool,) = (each for each in objects if each["kind"] == "InferencePool")
    chart = Chart(App(), SMOKE)
    SmokeTest(
        chart,
        SMOKE,
        name=SMOKE,
        namespace=name,
        deployment=pool["metadata"]["name"],
        address=address,
        timeout_seconds=20,
    )
    # The engines are there already, and not what this is about: it warns of them.
    site.cluster.try_("label", "namespace", name, "pod-security.kubernetes.io/enforce=restricted")
    site.cluster.apply(chart.to_json())
    where = ("pods", f"--namespace={name}", f"--selector=batch.kubernetes.io/job-name={SMOKE}")
    eventually(lambda: [] if site.cluster.listed(*where) else ["the pod of the Job"], 60)
    (pod,) = site.cluster.listed(*where)
    assert condition_of_job(site, name) is None
    return pod  # type: ignore[no-any-return]


def condition_of_job(site: Site, name: str) -> str | None:
    """Whether the Job is Complete or Failed."""
    (job,) = site.cluster.listed("job", SMOKE, f"--namespace={name}")
    return next((each for each in ("Complete", "Failed") if condition(job, each)), None)


def ended(site: Site, pod: Object, code: int) -> None:
    """Says that the one container of a pod ended, as its kubelet would."""
    state = {"terminated": {"exitCode": code, "reason": "Error" if code else "Completed"}}
    container = {"name": "verify", "image": "any", "imageID": "any", "ready": False, "state": state}
    status = {"restartCount": 0, **container}
    phase = "Failed" if code else "Succeeded"
    conditions = [{"type": each, "status": "False"} for each in ("Ready", "ContainersReady")]
    site.cluster.set_status(
        pod, {"phase": phase, "containerStatuses": [status], "conditions": conditions}
    )


@pytest.mark.parametrize("broken", [None, "decode without sidecar (engine on pool port 8000)"])
def test_a_smoke_test_in_the_cluster(
    broken: str | None, newest: RouterRelease, site: Site, tmp_path: Path
) -> None:
    """Its Job runs to its end where Pod Security is restricted, with its own rights."""
    name = namespace_of(f"smoke-{'broken' if broken else 'good'}", newest)
    case = BREAKS[broken or "baseline"]
    objects = case.apply(deployment(name, newest))
    programs = executables(newest, ENGINE_IMAGE)
    with serving(site, objects, name, programs, MODEL, case if broken else None) as served:
        pod = smoke_test(site, objects, name, served.url)
        done = run_to_end(site.cluster, pod, served.client, [PROGRAM], tmp_path)
        said = done.stdout + done.stderr
        ended(site, pod, done.returncode)
        wanted = "Failed" if broken else "Complete"
        eventually(lambda: [] if condition_of_job(site, name) == wanted else [wanted], 60)
        if broken:
            assert done.returncode == 1, said
            assert ": decode-only: " in said
            assert "error[" in said, "nothing explains it"
        else:
            assert done.returncode == 0, said
            assert ": disaggregates: " in said
    COUNTS["smoke tests run"] += 1


def test_a_smoke_test_may_read_what_it_needs(
    newest: RouterRelease, site: Site, tmp_path: Path
) -> None:
    """Without any rule of its Role it sees less, and it reads no Secret."""
    name = namespace_of("smoke-role", newest)
    # A gang and pods: each workload is read for one of both.
    objects = deployment(name, newest, decode=True)
    with serving(site, objects, name, executables(newest, ENGINE_IMAGE), MODEL) as served:
        # In the namespace of the deployment, where the Role lets its Gateway be read.
        (route,) = (each for each in objects if each["kind"] == "HTTPRoute")
        (parent,) = route["spec"]["parentRefs"]
        parent["namespace"] = name
        site.cluster.apply([route])
        gateway(site, objects, urlsplit(served.url).hostname or "")
        pod = smoke_test(site, objects, name, None)
        where = f"--namespace={name}"

        def said() -> str:
            done = run_to_end(site.cluster, pod, served.client, [PROGRAM], tmp_path)
            return f"{done.returncode}\n{done.stdout}{done.stderr}"

        whole = said()
        assert whole.startswith("0\n"), whole
        assert "picker sim" in whole
        (role,) = site.cluster.listed("role", SMOKE, where)
        for rule in role["rules"]:
            for resource in rule["resources"]:
                fewer = {
                    **rule,
                    "resources": [each for each in rule["resources"] if each != resource],
                }
                rules = [
                    each for each in (*role["rules"], fewer) if each != rule and each["resources"]
                ]
                site.cluster.kubectl(
                    "patch",
                    "role",
                    SMOKE,
                    where,
                    "--type=merge",
                    f"--patch={json.dumps({'rules': rules})}",
                )
                less = said()
                assert less.startswith("0\n") is (resource not in NEEDED), (resource, less)
        may = ("auth", "can-i", f"--as=system:serviceaccount:{name}:{SMOKE}", where)
        for verb, what in (
            *((verb, "secrets") for verb in ("get", "list", "watch")),
            *((verb, "pods") for verb in ("get", "watch", "create", "delete", "patch")),
            ("create", "pods/exec"),
        ):
            assert site.cluster.try_(*may, verb, what).out.strip() == "no", (verb, what)


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
