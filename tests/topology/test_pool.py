"""What shows that a pool disaggregates, and what does not."""

from __future__ import annotations

from typing import Any

import pytest

from cdk8s_inference.source import Document
from cdk8s_inference.topology import Pool, read_topology

_SIDECAR = "ghcr.io/llm-d/llm-d-router-disagg-sidecar:v0.10.0"
_PICKER = "ghcr.io/llm-d/llm-d-router-endpoint-picker:v0.10.0"


def _server(role: str | None, *args: str, image: str = "vllm/vllm-openai:v0.23.0") -> Any:
    name = role or "server"
    labels = {"app": name, "pool": "chat", **({"llm-d.ai/role": role} if role else {})}
    container = {"name": "server", "image": image, "args": ["--model=org/model", *args]}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "namespace": "llm"},
        "spec": {
            "selector": {"matchLabels": {"app": name}},
            "template": {"metadata": {"labels": labels}, "spec": {"containers": [container]}},
        },
    }


def _with_sidecar(server: Any) -> Any:
    server["spec"]["template"]["spec"]["initContainers"] = [
        {"name": "sidecar", "image": _SIDECAR, "restartPolicy": "Always", "args": ["--port=8000"]}
    ]
    return server


def _picker(config: str) -> Any:
    picker = _server(None, image=_PICKER)
    container = picker["spec"]["template"]["spec"]["containers"][0]
    container["args"] = ["--pool-name=chat", "--pool-namespace=llm", f"--config-text={config}"]
    picker["metadata"]["name"] = "picker"
    picker["spec"]["template"]["metadata"]["labels"] = {"app": "picker"}
    return picker


def _pool(*others: Any) -> Pool:
    pool = {
        "apiVersion": "inference.networking.k8s.io/v1",
        "kind": "InferencePool",
        "metadata": {"name": "chat", "namespace": "llm"},
        "spec": {
            "selector": {"matchLabels": {"pool": "chat"}},
            "targetPorts": [{"number": 8000}],
            "endpointPickerRef": {"name": "picker", "port": {"number": 9002}},
        },
    }
    return read_topology([Document(each) for each in (pool, *others)]).pools[0]


_BOTH = '--kv-transfer-config={"kv_connector":"NixlConnector","kv_role":"kv_both"}'
_PRODUCER = _BOTH.replace("kv_both", "kv_producer")
_SGLANG = "lmsysorg/sglang:v0.5.9"


@pytest.mark.parametrize(
    ("others", "evidence"),
    [
        ([_server("decode")], None),
        ([_server("decode", _BOTH)], None),
        ([_server("both"), _server("prefill-decode")], None),
        ([_server("decode"), _picker("plugins: [{type: single-profile-handler}]")], None),
        ([_server("decode"), _server("prefill")], "label 'prefill'"),
        ([_server(None, _PRODUCER)], "kv_role kv_producer"),
        (
            [_server(None, "--disaggregation-mode=decode", image=_SGLANG)],
            "--disaggregation-mode decode",
        ),
        ([_with_sidecar(_server("decode"))], "the pd-sidecar"),
        ([_with_sidecar(_server("decode")), _server("encode")], None),
        (
            [_server("decode"), _picker("plugins: [{type: prefill-filter}]")],
            "the picker's prefill-filter",
        ),
        (
            [
                _server("decode"),
                _picker(
                    "plugins: [{type: disagg-profile-handler, "
                    "parameters: {deciders: {prefill: always-disagg-pd-decider}}}]"
                ),
            ],
            "the picker's disagg-profile-handler",
        ),
        (
            [
                _with_sidecar(_server("decode")),
                _server("encode"),
                _picker(
                    "plugins: [{type: disagg-profile-handler, "
                    "parameters: {deciders: {encode: always-disagg-multimodal-decider}}}]"
                ),
            ],
            None,
        ),
    ],
)
def test_what_shows_that_a_pool_disaggregates(others: list[Any], evidence: str | None) -> None:
    found = _pool(*others).disaggregates
    assert (found and found.value) == evidence


def test_what_flags_of_a_picker_select_is_a_pool() -> None:
    picker = _picker("plugins: [{type: prefill-filter}]")
    container = picker["spec"]["template"]["spec"]["containers"][0]
    container["args"][0] = "--endpoint-selector=pool in (chat),llm-d.ai/role"
    container["args"].append("--endpoint-target-ports=8000,8001,8000")
    servers = [_server("prefill"), _server("decode"), _server(None)]
    topology = read_topology([Document(each) for each in (picker, *servers)])
    [pool] = topology.pools
    assert topology.inference_pools == ()
    assert str(pool) == "the endpoint selector of Deployment llm/picker"
    assert [pods.object.name for pods in pool.members] == ["prefill", "decode"]
    assert [port.value for port in pool.ports] == [8000, 8001]
    assert pool.picker is topology.pickers[0]
    assert topology.disaggregated == (pool,)
