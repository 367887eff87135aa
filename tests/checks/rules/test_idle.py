"""What is there and gets no work, or no answer: ranks, devices, encoders, members of a gang."""

from __future__ import annotations

from typing import Any

import pytest

from cdk8s_inference.findings import REMOVED, Edit
from cdk8s_inference.releases import ROUTER_NEWEST
from tests.checks.rendered import Json, codes, container, rendered, the, with_flag
from tests.kit import examples

_DECODE = "Deployment/decode"
_ENGINE = "spec.template.spec.containers[0]"


def _ranks() -> list[Json]:
    return rendered("data-parallel-eight-ports", ROUTER_NEWEST)


def test_a_pool_without_a_port_of_a_rank() -> None:
    objects = _ranks()
    del the(objects, "InferencePool", "gpt-oss-0")["spec"]["targetPorts"][0]
    assert "T120" in codes(objects)
    assert "T120" not in codes(_ranks())


def test_a_sidecar_of_more_ranks_than_its_engine() -> None:
    objects = _ranks()
    with_flag(
        container(the(objects, "Deployment", "gpt-oss-0-decode"), "pd-sidecar"),
        "data-parallel-size",
        "16",
    )
    assert "T201" in codes(objects)


@pytest.mark.parametrize(
    ("flag", "idle"),
    [
        ("--tensor-parallel-size=1", True),
        ("--tensor-parallel-size=2", False),
        ("--tensor-parallel-size=1 --data-parallel-size=2", False),
        ("--distributed-executor-backend=ray", False),
    ],
)
def test_idle_devices(flag: str, idle: bool) -> None:
    edits = [
        Edit(_DECODE, f"{_ENGINE}.args[{index}]", each)
        for index, each in zip((2, 4), flag.split(), strict=False)
    ]
    assert ("T662" in codes(examples.base("disaggregated", *edits))) is idle


def test_servers_that_a_script_starts() -> None:
    script = "for port in 8001 8002; do vllm serve Qwen/Qwen3-32B --port=$port & done; wait"
    edits = (
        Edit(_DECODE, f"{_ENGINE}.command", ["sh", "-c"]),
        Edit(_DECODE, f"{_ENGINE}.args", [script]),
    )
    assert "T662" not in codes(examples.base("disaggregated", *edits))


def test_a_leader_that_is_in_no_pool() -> None:
    objects = rendered("multi-node-every-pod-serves", ROUTER_NEWEST)
    gang = the(objects, "LeaderWorkerSet", "gpt-oss-0-prefill")
    del gang["spec"]["leaderWorkerTemplate"]["leaderTemplate"]["metadata"]
    assert "T114" in codes(objects)


def test_encoders_that_nobody_asks() -> None:
    objects = rendered("encode-prefill-decode", ROUTER_NEWEST)
    config = the(objects, "ConfigMap", "gpt-oss-0-epp")["data"]
    config["config.yaml"] = config["config.yaml"].replace("- name: encode\n", "- name: encoder\n")
    assert "T445" in codes(objects)
    objects = rendered("encode-prefill-decode", ROUTER_NEWEST)
    decode = the(objects, "Deployment", "gpt-oss-0-decode")
    with_flag(container(decode, "pd-sidecar"), "ec-connector", None)
    assert "T220" in codes(objects)


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (lambda sources: sources[0]["serviceAccountToken"].update(path="tokens"), "T216"),
        (lambda sources: sources.pop(1), "T216"),
        (lambda sources: sources[1]["configMap"].pop("items"), None),
        (lambda sources: sources.pop(2), None),
    ],
)
def test_a_sidecars_token(change: Any, code: str | None) -> None:
    objects = rendered("production", ROUTER_NEWEST)
    spec = the(objects, "Deployment", "gpt-oss-0-decode")["spec"]["template"]["spec"]
    [volume] = [each for each in spec["volumes"] if each["name"] == "sidecar-token"]
    change(volume["projected"]["sources"])
    assert codes(objects) - codes(rendered("production", ROUTER_NEWEST)) == (
        {code} if code else set()
    )


def test_a_sidecar_without_its_account() -> None:
    objects = rendered("production", ROUTER_NEWEST)
    the(objects, "ServiceAccount", "gpt-oss-0-sidecar")["metadata"]["name"] = "other"
    assert "T419" in codes(objects)


def _of_gke(kind: str, field: str, value: object) -> set[str]:
    objects = rendered("gke", ROUTER_NEWEST)
    policy = the(objects, kind, "gpt-oss-0")["spec"]
    owner = policy["targetRef"] if field in policy["targetRef"] else policy["default"]
    for key in ("config", "httpHealthCheck"):
        owner = owner.get(key, owner) if field not in owner else owner
    if value is REMOVED:
        del owner[field]
    else:
        owner[field] = value
    return codes(objects)


@pytest.mark.parametrize(
    ("kind", "field", "value", "code"),
    [
        ("HealthCheckPolicy", "name", "gpt-oss", "T553"),
        ("HealthCheckPolicy", "group", "inference.networking.x-k8s.io", "T553"),
        ("HealthCheckPolicy", "requestPath", REMOVED, "T555"),
        ("HealthCheckPolicy", "type", REMOVED, "T555"),
        ("HealthCheckPolicy", "type", "HTTPx", "K004"),
        ("GCPBackendPolicy", "kind", "Pool", "T553"),
    ],
)
def test_policies_of_gke(kind: str, field: str, value: object, code: str) -> None:
    assert code in _of_gke(kind, field, value)
