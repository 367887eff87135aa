"""Ports of nodes, interfaces, policies and domains: whether pods reach each other."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from cdk8s_inference.findings import Edit
from tests.checks.rendered import codes
from tests.kit import examples

_PREFILL, _DECODE = "Deployment/prefill", "Deployment/decode"
_POD = "spec.template.spec"
_ENGINE = f"{_POD}.containers[0]"


def _told(code: str, *edits: Edit, added: str = "") -> bool:
    objects = examples.base("disaggregated", *edits)
    return code in codes([*objects, *yaml.safe_load_all(added)])


@pytest.mark.parametrize(
    ("edits", "told"),
    [
        # The scheduler keeps pods apart that declare one port.
        ((Edit(_PREFILL, f"{_POD}.hostNetwork", True),), False),
        (
            (
                Edit(_PREFILL, f"{_POD}.hostNetwork", True),
                Edit(_PREFILL, f"{_ENGINE}.ports", []),
                Edit(_PREFILL, "spec.replicas", 1),
            ),
            False,
        ),
        # Both have NIXL's side channel on the port that is the default.
        (
            (
                Edit(_PREFILL, f"{_POD}.hostNetwork", True),
                Edit(_DECODE, f"{_POD}.hostNetwork", True),
                Edit(_DECODE, f"{_POD}.initContainers[0].ports", []),
            ),
            True,
        ),
    ],
)
def test_ports_of_a_node(edits: tuple[Edit, ...], told: bool) -> None:
    assert _told("T903", *edits) is told


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("NCCL_SOCKET_IFNAME", "eth", False),
        ("NCCL_SOCKET_IFNAME", "=eth0", False),
        ("NCCL_SOCKET_IFNAME", "^lo,docker0", False),
        ("NCCL_SOCKET_IFNAME", "bond0,eth0", False),
        ("NCCL_SOCKET_IFNAME", "=eth", True),
        ("NCCL_SOCKET_IFNAME", "ens", True),
        ("GLOO_SOCKET_IFNAME", "eth", True),
        ("GLOO_SOCKET_IFNAME", "$(INTERFACE)", False),
    ],
)
def test_interfaces(name: str, value: str, told: bool) -> None:
    variable = Edit(_DECODE, f"{_ENGINE}.env[1]", {"name": name, "value": value})
    assert _told("T664", variable) is told
    assert not _told("T664", variable, Edit(_DECODE, f"{_POD}.hostNetwork", True))
    networks = {"k8s.v1.cni.cncf.io/networks": "rdma"}
    assert not _told(
        "T664", variable, Edit(_DECODE, "spec.template.metadata.annotations", networks)
    )


_POLICY = """\
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {{name: engines, namespace: llm}}
spec:
  podSelector: {{matchLabels: {{app: prefill}}}}
  ingress: [{{from: [{{podSelector: {{}}}}], ports: {ports}}}]
"""


@pytest.mark.parametrize(
    ("ports", "told"),
    [
        ("[{port: 8000}, {port: 5600}]", False),
        ("[{port: http}, {port: 5000, endPort: 6000}]", False),
        ("[{port: 8000}]", True),
        ("[{port: 5600}]", True),
        ("[{port: 8000, protocol: UDP}, {port: 5600}]", True),
        ("[]", False),
    ],
)
def test_ports_of_a_policy(ports: str, told: bool) -> None:
    assert _told("T906", added=_POLICY.format(ports=ports)) is told


@pytest.mark.parametrize(
    ("policy", "probe", "told"),
    [("LeaderReady", True, True), ("LeaderCreated", True, False), ("LeaderReady", False, False)],
)
def test_leaders_that_wait(policy: str, probe: bool, told: bool) -> None:
    leader = "spec.leaderWorkerTemplate.leaderTemplate.spec.containers[0].readinessProbe"
    edits = [Edit("LeaderWorkerSet/kimi", "spec.startupPolicy", policy)]
    edits += [] if probe else [Edit("LeaderWorkerSet/kimi", leader, None)]
    assert ("T666" in codes(examples.base("gang", *edits))) is told


@pytest.mark.parametrize(("nodes", "told"), [(0, False), (4, False), (5, True)])
def test_nodes_of_a_domain(nodes: int, told: bool) -> None:
    objects: list[Any] = examples.broken("T665")
    for each in objects:
        if each["kind"] == "ComputeDomain":
            each["spec"]["numNodes"] = nodes
    assert ("T665" in codes(objects)) is told


_STRICT = """\
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {{name: strict, namespace: {home}}}
spec: {{mtls: {{mode: {mode}}}}}
---
apiVersion: v1
kind: Namespace
metadata: {{name: llm, labels: {labels}}}
"""


@pytest.mark.parametrize(
    ("home", "mode", "labels", "picker", "told"),
    [
        ("llm", "STRICT", "{istio-injection: enabled}", "false", True),
        ("istio-system", "STRICT", "{istio-injection: enabled}", "false", True),
        ("other", "STRICT", "{istio-injection: enabled}", "false", False),
        ("llm", "PERMISSIVE", "{istio-injection: enabled}", "false", False),
        ("llm", "STRICT", "{istio-injection: enabled}", "true", False),
        ("llm", "STRICT", "{}", "false", False),
    ],
)
def test_a_mesh(home: str, mode: str, labels: str, picker: str, told: bool) -> None:
    key = "spec.template.metadata.labels[sidecar.istio.io/inject]"
    added = _STRICT.format(home=home, mode=mode, labels=labels)
    assert _told("T667", Edit("Deployment/qwen-epp", key, picker), added=added) is told
