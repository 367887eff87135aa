"""Released pickers and sidecars, run from our manifests, prefill on one pod and decode on another.

Upstream ships picker, sidecar and simulator in its release images. Where environment variables
name such executables, this stage runs them; a release without is skipped.
"""

from __future__ import annotations

import json
import os
import random
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from cdk8s_inference import App, DeviceRequest, Engine, Member, ModelDeployment, Platform
from cdk8s_inference.names import join
from cdk8s_inference.releases import ROUTER_RELEASES, RouterRelease
from cdk8s_inference.spec.model_deployment import Phase
from tests.acceptance.breaks import BREAKS, Break, observed
from tests.acceptance.cluster import Cluster, Object, eventually, namespace
from tests.acceptance.control_plane import api_server, lws, manager
from tests.acceptance.counts import COUNTS
from tests.acceptance.envoy import Address, pool_proxy
from tests.acceptance.host import Host, Network, network
from tests.acceptance.kubelet import Running, running
from tests.acceptance.nodes import nodes
from tests.acceptance.workloads import workloads

SIMULATOR = "ACCEPTANCE_SIMULATOR"
ENGINE_IMAGE = "example.com/engine:1"
MODEL = "example"
MEMORY = 'device.capacity["gpu.nvidia.com"].memory.compareTo(quantity("70Gi")) >= 0'
MINUTE = 60.0
GATEWAY_PORT = 8080
_OF_SERVICE = "kubernetes.io/service-name"

SHAPES = {"pods": (False, False), "gang and pod": (True, False), "gangs": (True, True)}
"""Whether prefill and decode are gangs."""


@dataclass(frozen=True)
class Site:
    """Where deployments run: a cluster and the network that its pods are on."""

    cluster: Cluster
    network: Network
    folder: Path


@dataclass(frozen=True)
class Serving:
    """A deployment whose every pod runs, behind a gateway."""

    client: Host
    url: str
    engines: Sequence[Running]

    def ask(self, words: int) -> Outcome:
        """Sends a prompt of so many words that nobody has sent before."""
        before = {engine.record: len(_lines(engine)) for engine in self.engines}
        prompt = " ".join(str(random.randrange(10_000, 100_000)) for _ in range(words))
        body = {"model": MODEL, "prompt": prompt, "max_tokens": 5}
        answer = self.client.ask(f"{self.url}v1/completions", json.dumps(body))
        seen: dict[str, list[Any]] = {"prefill": [], "decode": []}
        for engine in self.engines:
            seen[_part(engine.pod)] += _lines(engine)[before[engine.record] :]
        return Outcome(answer, seen["prefill"], seen["decode"])


@dataclass(frozen=True)
class Outcome:
    """What came of a request.

    Attributes:
        answer: What the gateway answered.
        prefill: What prefill engines were asked, and answered.
        decode: What decode engines were asked, and answered.
    """

    answer: Mapping[str, Any]
    prefill: Sequence[Mapping[str, Any]]
    decode: Sequence[Mapping[str, Any]]

    @property
    def served_by(self) -> str:
        """``P/D``, ``D-only``, ``P-only``, ``P+D(no kv handover)`` or ``none``."""
        if self.handed_over:
            return "P/D"
        done = [entry for entry in (*self.prefill, *self.decode) if entry["response"]]
        if not done:
            return "none"
        if self.prefill and self.decode:
            return "P+D(no kv handover)"
        return "D-only" if self.decode else "P-only"

    @property
    def handed_over(self) -> bool:
        """Whether prefill was told to keep its cache for decode, and decode to fetch it."""
        if len(self.prefill) != 1 or len(self.decode) != 1:
            return False
        asked, given = (json.loads(self.prefill[0][side]) for side in ("request", "response"))
        fetched = json.loads(self.decode[0]["request"]).get("kv_transfer_params") or {}
        promised = given.get("kv_transfer_params") or {}
        ids = ("remote_engine_id", "remote_block_ids")
        return bool(
            (asked.get("kv_transfer_params") or {}).get("do_remote_decode")
            and asked["max_tokens"] == 1
            and fetched.get("do_remote_prefill")
            and all(promised.get(name) and promised[name] == fetched.get(name) for name in ids)
        )


@pytest.fixture(scope="module")
def site(
    own_control_plane: None, seed: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("site")
    with ExitStack() as stack:
        net = stack.enter_context(network(folder))
        cluster = stack.enter_context(api_server(folder, seed, net.host("cluster")))
        stack.enter_context(manager(cluster))
        stack.enter_context(lws(cluster))
        cluster.apply(nodes(1, {}, prefix="node", gpus=False))
        yield Site(cluster, net, folder)


@pytest.fixture(params=ROUTER_RELEASES, ids=lambda release: release.version)
def release(request: pytest.FixtureRequest) -> RouterRelease:
    """Each release whose executables are there."""
    found: RouterRelease = request.param
    if missing := [name for name in variables(found) if not os.environ.get(name)]:
        pytest.skip(f"the executables are not given: {', '.join(missing)}")
    return found


def variables(release: RouterRelease) -> tuple[str, str, str]:
    """The environment variables that name a release's picker and sidecar, and the simulator."""
    version = release.version.upper().replace(".", "_")
    return f"ACCEPTANCE_PICKER_{version}", f"ACCEPTANCE_SIDECAR_{version}", SIMULATOR


@pytest.mark.parametrize("shape", SHAPES)
def test_a_long_prompt_is_prefilled_elsewhere_and_a_short_one_is_not(
    shape: str, release: RouterRelease, site: Site
) -> None:
    prefill, decode = SHAPES[shape]
    name = namespace_of(shape, release)
    objects = deployment(name, release, prefill=prefill, decode=decode)
    with serving(site, objects, release, name) as served:
        long = served.ask(500)
        assert long.served_by == "P/D", long
        assert long.answer["status"] == 200
        assert long.answer["whole"]
        given, received = long.decode[0]["response"], long.answer["body"]
        assert json.loads(received)["choices"] == json.loads(given)["choices"]
        short = served.ask(1)
        assert short.served_by == "D-only", short
        assert short.answer["status"] == 200
        COUNTS["deployments disaggregated"] += 1


def test_every_break_that_was_recorded_is_tried() -> None:
    recorded = {run.broken for run in observed()}
    if not recorded:
        pytest.skip("no run is recorded here")
    assert recorded == BREAKS.keys()


@pytest.mark.parametrize("broken", BREAKS)
def test_a_break_has_the_outcome_that_was_seen(
    broken: str, release: RouterRelease, site: Site
) -> None:
    """So a new release shows at once what it does otherwise."""
    runs = [run for run in observed() if run.broken == broken]
    expected = [run for run in runs if run.release == release.version]
    if not expected:
        pytest.skip("no run of this release was recorded")
    case = BREAKS[broken]
    name = namespace_of(broken, release)
    objects = case.apply(deployment(name, release))
    with serving(site, objects, release, name, case) as served:
        for words, prompt in ((1, "short"), (500, "long")):
            outcome = served.ask(words)
            status, server = getattr(expected[0], prompt)
            chosen = {getattr(run, prompt)[1] for run in runs} | {"D-only", "P-only"}
            assert outcome.answer["status"] == status, (prompt, outcome)
            assert outcome.served_by in (chosen if case.tied else {server}), (prompt, outcome)
    COUNTS["breaks with the outcome that was seen"] += 1


def namespace_of(case: str, release: RouterRelease) -> str:
    """A namespace for a case, of which there is one for each release."""
    return re.sub(r"[^a-z0-9]+", "-", join(release.version, case.lower())).strip("-")


def deployment(
    name: str, release: RouterRelease, *, prefill: bool = False, decode: bool = False
) -> list[Object]:
    """A deployment as we render it, with arguments that the simulator knows."""
    chart = ModelDeployment(
        App(),
        "it",
        name="sim",
        namespace=name,
        serving_mode="PrefillDecode",
        engines=[engine("Prefill", 8000, gang=prefill), engine("Decode", 8001, gang=decode)],
        platform=Platform(router=release),
    )
    objects: list[Object] = chart.to_json()
    return objects


def engine(phase: Phase, port: int, *, gang: bool) -> Engine:
    members = [
        Member.of(
            role,
            image=ENGINE_IMAGE,
            command=["serve"],
            args=[f"--model={MODEL}", f"--port={port}"],
            devices=[DeviceRequest.of("gpu", MEMORY)],
            nodes=1 if role == "Worker" else None,
        )
        for role in (("Leader", "Worker") if gang else ("Standalone",))
    ]
    return Engine(name=phase.lower(), phase=phase, members=members)


@contextmanager
def serving(
    site: Site,
    objects: Sequence[Object],
    release: RouterRelease,
    name: str,
    broken: Break | None = None,
) -> Iterator[Serving]:
    """Applies a deployment, and runs all of its pods and a gateway in front."""
    cluster, case = site.cluster, broken or Break()
    cluster.apply([namespace(name), *objects])
    picker, sidecar, simulator = (Path(os.environ[each]) for each in variables(release))
    executables = {
        release.picker.image: picker,
        release.sidecar.image: sidecar,
        ENGINE_IMAGE: simulator,
    }
    (route,) = (item for item in objects if item["kind"] == "HTTPRoute")
    engines: list[Running] = []
    dying = ExitStack()
    with ExitStack() as stack, dying:
        # Engines first: a picker that starts among Ready pods knows them all at once.
        for pod in sorted(_pods(cluster, objects, name), key=lambda pod: _part(pod) == "picker"):
            host, part = site.network.host(pod["metadata"]["name"]), _part(pod)
            cluster.run(pod, "node-0", host.address, ready=part != case.not_ready)
            if part == case.down:
                continue
            folder = site.folder / name / pod["metadata"]["name"]
            life = dying if part == case.dies else stack
            ran = life.enter_context(
                running(cluster, pod, host, executables, folder, lenient=broken is not None)
            )
            if part != "picker":
                engines.append(ran)
        dying.close()
        gateway = site.network.host("gateway")
        folder = site.folder / name
        at = _endpoint(cluster, _picker_service(objects, route), name)
        stack.enter_context(pool_proxy(route, at, GATEWAY_PORT, gateway, folder))
        prefix = route["spec"]["rules"][0]["matches"][0]["path"]["value"]
        url = f"http://{gateway.address}:{GATEWAY_PORT}{prefix}"
        yield Serving(site.network.host("client"), url, engines)


def _pods(cluster: Cluster, objects: Sequence[Object], name: str) -> list[Object]:
    expected = sum(count for workload in workloads(objects) for count, _ in workload.pods)

    def pods() -> list[Object]:
        found: list[Object] = cluster.get("pods", namespace=name)
        return found

    eventually(lambda: [] if len(pods()) == expected else [f"{len(pods())} pods"], MINUTE)
    return pods()


def _picker_service(objects: Sequence[Object], route: Object) -> tuple[str, int]:
    """Name and port of the Service to which the route leads: by its pool, and the pool's picker."""
    (backend,) = route["spec"]["rules"][0]["backendRefs"]
    (pool,) = (
        item
        for item in objects
        if (item["kind"], item["metadata"]["name"]) == (backend["kind"], backend["name"])
    )
    picker = pool["spec"]["endpointPickerRef"]
    return picker["name"], picker["port"]["number"]


def _endpoint(cluster: Cluster, service: tuple[str, int], namespace: str) -> Address:
    """A Ready pod behind a Service's port, and the port there."""
    name, port = service
    (found,) = cluster.listed("service", name, f"--namespace={namespace}")
    (entry,) = (each for each in found["spec"]["ports"] if each["port"] == port)
    slices = ("endpointslices", f"--namespace={namespace}", f"--selector={_OF_SERVICE}={name}")

    def ready() -> list[Address]:
        return [
            (endpoint["addresses"][0], target["port"])
            for each in cluster.listed(*slices)
            for endpoint in each["endpoints"] or ()
            for target in each["ports"] or ()
            if endpoint["conditions"]["ready"] and target["name"] == entry["name"]
        ]

    eventually(lambda: [] if ready() else [f"nothing is behind {name}:{port}"], MINUTE)
    return ready()[0]


def _part(pod: Object) -> str:
    """``prefill``, ``picker`` or ``decode``."""
    component: str = pod["metadata"]["labels"]["app.kubernetes.io/component"]
    return "picker" if component == "endpoint-picker" else component


def _lines(engine: Running) -> list[Any]:
    return [json.loads(line) for line in engine.record.read_text().splitlines()]
