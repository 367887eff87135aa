"""Runs what manifests say: every pod as processes on a host of its own, and a gateway in front."""

from __future__ import annotations

import json
import os
import random
import sys
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, nullcontext, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from cdk8s_inference.releases import RouterRelease
from tests.acceptance import port_forward
from tests.acceptance.cluster import Cluster, Object, eventually, namespace
from tests.acceptance.envoy import Address, path_prefix, pool_proxy
from tests.acceptance.host import Host, Network
from tests.acceptance.kubelet import Executable, Running, running, simulator
from tests.acceptance.nodes import node
from tests.acceptance.process import free_port, started
from tests.acceptance.workloads import workloads
from tests.kit.breaks import Break

NODE = "node-0"
SIMULATOR = "ACCEPTANCE_SIMULATOR"
GATEWAY_PORT = 8080
_RENDERER_PORT = 8000
_OF_SERVICE = "kubernetes.io/service-name"
_MINUTE = 60.0
_LENIENCE = 5.0
_NOWHERE = 9
"""A port on which nothing listens."""


@dataclass(frozen=True)
class Site:
    """Where deployments run: a cluster and the network that its pods are on."""

    cluster: Cluster
    network: Network
    folder: Path

    @property
    def networks(self) -> Path:
        """The network namespace of each pod that runs, as a link ``<namespace>.<pod>``."""
        return self.folder / "networks"

    def run(self, pod: Object, host: Host, *, ready: bool = True) -> None:
        """Says that a pod runs on a host."""
        self.cluster.run(pod, NODE, host.address, ready=ready)
        metadata = pod["metadata"]
        self.networks.mkdir(exist_ok=True)
        link = self.networks / f"{metadata['namespace']}.{metadata['name']}"
        link.unlink(missing_ok=True)
        link.symlink_to(host.network)

    @contextmanager
    def kubelet(self) -> Iterator[Object]:
        """The node that pods run on, and what opens port-forwards to them."""
        host, port, folder = self.cluster.host, free_port(), self.cluster.folder
        where = (host.address, str(port), folder / "apiserver.crt", folder / "apiserver.key")
        command = host.command(sys.executable, port_forward.__file__, *where, self.networks)
        ready = partial(host.listens, port, host.address)
        made = node(NODE, {})
        status = {
            "addresses": [{"type": "InternalIP", "address": host.address}],
            "daemonEndpoints": {"kubeletEndpoint": {"Port": port}},
        }
        with started("kubelet", command, self.folder, ready=ready):
            yield {**made, "status": {**made["status"], **status}}


@dataclass(frozen=True)
class Serving:
    """A deployment whose every pod runs, behind a gateway."""

    client: Host
    url: str
    model: str
    engines: Sequence[Running]
    gateway: Host

    def ask(self, words: int) -> Outcome:
        """Sends a prompt of so many words that nobody has sent before."""
        before = {engine.record: len(_lines(engine)) for engine in self.engines}
        prompt = " ".join(str(random.randrange(10_000, 100_000)) for _ in range(words))
        body = {"model": self.model, "prompt": prompt, "max_tokens": 5}
        answer = self.client.ask(f"{self.url}v1/completions", json.dumps(body))
        seen: dict[str, list[Any]] = defaultdict(list)
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


def variables(release: RouterRelease) -> tuple[str, str, str]:
    """The environment variables that name a release's picker and sidecar, and the simulator."""
    version = release.version.upper().replace(".", "_")
    return f"ACCEPTANCE_PICKER_{version}", f"ACCEPTANCE_SIDECAR_{version}", SIMULATOR


def executables(release: RouterRelease, *engines: str) -> dict[str, Executable]:
    """What runs in place of a release's images, and of the images of engines."""
    picker, sidecar, engine = (Path(os.environ[each]) for each in variables(release))
    return {
        release.picker.image: Executable(picker),
        release.sidecar.image: Executable(sidecar),
        **dict.fromkeys(engines, simulator(engine)),
    }


@contextmanager
def renderer(site: Site, model: str, folder: Path) -> Iterator[str]:
    """What answers a picker that asks for tokens, as ``vllm launch render`` does: its URL.

    It has an address and no Service, since no server here finds Services by name.
    """
    host = site.network.host("renderer")
    command = host.command(os.environ[SIMULATOR], f"--model={model}", f"--port={_RENDERER_PORT}")
    ready = partial(host.listens, _RENDERER_PORT)
    with started("renderer", command, folder, ready=ready):
        yield f"http://{host.address}:{_RENDERER_PORT}"


@contextmanager
def serving(
    site: Site,
    objects: Sequence[Object],
    name: str,
    programs: Mapping[str, Executable],
    model: str,
    broken: Break | None = None,
) -> Iterator[Serving]:
    """Applies a deployment, and runs all of its pods and a gateway in front.

    Args:
        site: Where.
        objects: The deployment, with one route to one pool.
        name: Its namespace, which is made.
        programs: What runs in place of its images.
        model: The model that is asked for.
        broken: What is broken in it; then nothing needs to start, or to be reached.
    """
    cluster, case = site.cluster, broken or Break()
    cluster.apply([namespace(name), *objects])
    (route,) = (item for item in objects if item["kind"] == "HTTPRoute")
    engines: list[Running] = []
    dying = ExitStack()
    with ExitStack() as stack, dying:
        # Engines first: a picker that starts among Ready pods knows them all at once.
        for pod in sorted(pods(cluster, objects, name), key=lambda pod: _part(pod) == "picker"):
            host, part = site.network.host(pod["metadata"]["name"]), _part(pod)
            site.run(pod, host, ready=part != case.not_ready)
            if part == case.down:
                continue
            folder = site.folder / name / pod["metadata"]["name"]
            life = dying if part == case.dies else stack
            ran = life.enter_context(
                running(cluster, pod, host, programs, folder, lenient=broken is not None)
            )
            if part != "picker":
                engines.append(ran)
        dying.close()
        gateway = site.network.host("gateway")
        service = _picker_service(objects, route)
        patient = broken is None
        found = _endpoints(cluster, service, name, patient=patient) if service else []
        at = found[0] if found else (gateway.address, _NOWHERE)
        folder = site.folder / name
        stack.enter_context(pool_proxy(route, at, GATEWAY_PORT, gateway, folder))
        prefix = path_prefix(route["spec"]["rules"][0])
        url = f"http://{gateway.address}:{GATEWAY_PORT}{prefix}"
        yield Serving(site.network.host("client"), url, model, engines, gateway)


def pods(cluster: Cluster, objects: Sequence[Object], name: str) -> list[Object]:
    """The pods of all workloads in a namespace, once they are there."""
    expected = sum(count for workload in workloads(objects) for count, _ in workload.pods)

    def found() -> list[Object]:
        items: list[Object] = cluster.get("pods", namespace=name)
        return items

    eventually(lambda: [] if len(found()) == expected else [f"{len(found())} pods"], _MINUTE)
    return found()


def _picker_service(objects: Sequence[Object], route: Object) -> tuple[str, int] | None:
    """Name and port of the Service of the pool's picker; None for a pool that names none."""
    (backend,) = route["spec"]["rules"][0]["backendRefs"]
    (pool,) = (
        item
        for item in objects
        if (item["kind"], item["metadata"]["name"]) == (backend["kind"], backend["name"])
    )
    picker = pool["spec"].get("endpointPickerRef")
    return None if picker is None else (picker["name"], picker["port"]["number"])


def _endpoints(
    cluster: Cluster, service: tuple[str, int], namespace: str, *, patient: bool
) -> list[Address]:
    """The Ready pods behind a Service's port, and the port there; waits for one."""
    name, port = service
    (found,) = cluster.listed("service", name, f"--namespace={namespace}")
    names = [each.get("name", "") for each in found["spec"]["ports"] if each["port"] == port]
    slices = ("endpointslices", f"--namespace={namespace}", f"--selector={_OF_SERVICE}={name}")

    def ready() -> list[Address]:
        return [
            (endpoint["addresses"][0], target["port"])
            for each in cluster.listed(*slices)
            for endpoint in each["endpoints"] or ()
            for target in each["ports"] or ()
            if endpoint["conditions"]["ready"] and target.get("name", "") in names
        ]

    with nullcontext() if patient else suppress(AssertionError):
        missing = [f"nothing is behind {name}:{port}"]
        eventually(lambda: [] if ready() else missing, _MINUTE if patient else _LENIENCE)
    return ready()


def _part(pod: Object) -> str:
    """``prefill``, ``decode`` or ``picker``, as its name says; or that, if it is another."""
    name = pod["metadata"]["name"]
    marks = (("epp", "picker"), ("prefill", "prefill"), ("decode", "decode"))
    return next((part for mark, part in marks if mark in name), name)


def _lines(engine: Running) -> list[Any]:
    return [json.loads(line) for line in engine.record.read_text().splitlines()]
