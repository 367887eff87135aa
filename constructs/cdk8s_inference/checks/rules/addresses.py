"""The address that an engine binds."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from itertools import chain

from cdk8s_inference.checks.rule import rule
from cdk8s_inference.findings import Violation
from cdk8s_inference.findings.example import breaks
from cdk8s_inference.servers.socket import LOOPBACK
from cdk8s_inference.topology import Pods, SourceValue, Topology


@rule(
    "T115",
    "error",
    "An engine does not listen on its pod's address",
    why="Nothing outside its pod can connect: probes fail, the pod never becomes Ready, and after "
    "startupProbe.failureThreshold the kubelet restarts it.",
    evidence="SGLang binds 127.0.0.1 without --host, and TensorRT-LLM localhost; read in their "
    "sources. The kubelet and gateways connect to the pod's own address.",
    fix="give the engine --host=0.0.0.0",
    example=breaks(
        "sglang", "Deployment/prefill", "spec.template.spec.containers[0].args[1]", "--log-requests"
    ),
)
def loopback(topology: Topology) -> Iterator[Violation]:
    for pods in topology.serving:
        engine = pods.engine
        if engine is None or engine.server is None or not engine.is_started_as_written:
            continue
        http = engine.server.http(engine.invocation)
        if http is None or http.address is None:
            continue
        given = engine.flag(engine.names.host)
        if given is not None and http.address[:1].isdigit() and not _is_ip(http.address):
            yield Violation(given, f"{http.address!r} is not an IP address")
        if http.address not in LOOPBACK:
            continue
        reason = _reached(topology, pods)
        if reason is not None:
            said = f"{engine.names.host} is" if given else f"without {engine.names.host} it is"
            yield Violation(
                given or engine.container.here,
                f"{engine.server.title} binds one address, and {said} {http.address}",
                reason,
            )


def _is_ip(address: str) -> bool:
    try:
        ipaddress.ip_address(address)
    except ValueError:
        return False
    return True


def _reached(topology: Topology, pods: Pods) -> SourceValue[object] | None:
    """What connects to the engine from outside its pod, as far as it was read."""
    assert pods.engine is not None
    for probe in pods.engine.container.probes:
        if not probe.at["host"].present:
            return pods.object.value_at(probe.at, None)
    if pods.sidecar is not None:
        return None
    pools = (pool.here for pool in topology.pools if pods in pool.members)
    services = (each.object.here for each in topology.services if pods in each.backends)
    return next(chain(pools, services), None)
