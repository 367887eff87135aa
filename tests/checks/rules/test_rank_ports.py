"""Ports that vLLM raises by the rank of a pod's first rank, which others dial as written."""

from __future__ import annotations

import json
from typing import Any

import pytest

from cdk8s_inference.checks.document import check_document
from cdk8s_inference.source import Document

OFFLOADING = {
    "kv_connector": "OffloadingConnector",
    "kv_role": "kv_both",
    "kv_connector_extra_config": {
        "spec_name": "TieringOffloadingSpec",
        "secondary_tiers": [{"type": "p2p", "host": "0.0.0.0", "port": 7777}],
    },
}
NIXL = {"kv_connector": "NixlConnector", "kv_role": "kv_both"}
BOTH = {
    "kv_connector": "MultiConnector",
    "kv_role": "kv_both",
    "kv_connector_extra_config": {"connectors": [NIXL, OFFLOADING]},
}
EVENTS = "--kv-events-config=" + json.dumps({"enable_kv_cache_events": True, "publisher": "zmq"})


def engine(phase: str, *flags: str) -> dict[str, Any]:
    args = [
        "--model=deepseek-ai/DeepSeek-R1",
        f"--port={8000 + (phase == 'Decode')}",
        "--data-parallel-size=2",
        "--data-parallel-size-local=1",
        "--data-parallel-address=$(LWS_LEADER_ADDRESS)",
        "--data-parallel-hybrid-lb",
        *flags,
    ]
    container = {"name": "engine", "image": "vllm/vllm-openai:v0.30.0", "args": args}
    device = {"name": "gpu", "selectors": [{"cel": 'device.driver == "gpu.nvidia.com"'}]}
    member = {
        "nodeSelector": {"devices": [device]},
        "template": {"spec": {"containers": [container]}},
    }
    members = [{"role": "Leader", **member}, {"role": "Worker", **member}]
    return {"name": phase.lower(), "phase": phase, "members": members}


def told(transfer: Any, *flags: str) -> set[str]:
    """The severities of T322 for a gang that hands over to another one."""
    given = f"--kv-transfer-config={json.dumps(transfer)}"
    engines = [engine(phase, given, *flags) for phase in ("Prefill", "Decode")]
    spec = {"serving": {"mode": "PrefillDecode"}, "modelCacheRef": {"name": "it"}}
    found = {
        "apiVersion": "modelplane.ai/v1alpha1",
        "kind": "ModelDeployment",
        "metadata": {"name": "it", "namespace": "ml"},
        "spec": {"replicas": 1, "template": {"spec": {**spec, "engines": engines}}},
    }
    findings = check_document(Document(found))[1]
    return {each.severity for each in findings if each.code == "T322"}


START = "--data-parallel-start-rank=$(LWS_WORKER_INDEX)"


@pytest.mark.parametrize(
    ("transfer", "flags", "severities"),
    [
        (OFFLOADING, (START,), {"error"}),
        (OFFLOADING, ("--data-parallel-start-rank=0",), set()),
        # NIXL hands over, and tells its port by itself: the tier shares caches at most.
        (BOTH, (START,), {"warning"}),
        (NIXL, (START,), set()),
        (NIXL, (START, EVENTS), {"warning"}),
    ],
)
def test_the_ports_of_pods_that_start_at_another_rank(
    transfer: Any, flags: tuple[str, ...], severities: set[str]
) -> None:
    assert told(transfer, *flags) == severities
