from __future__ import annotations

from typing import Any

import pytest
import yaml

from cdk8s_inference.source import read
from cdk8s_inference.topology import Engine, Pods, Topology, read_topology
from tests.kit import examples


def topology(objects: list[Any] | str) -> Topology:
    text = objects if isinstance(objects, str) else yaml.safe_dump_all(objects, sort_keys=False)
    documents, problems = read(text.encode(), "it.yaml")
    assert not problems
    return read_topology(documents)


def pods(found: Topology, name: str) -> Pods:
    return next(each for each in found.pods if each.object.name == name)


def engine(**container: Any) -> Engine:
    """The engine of a pod with one container."""
    spec = {"containers": [{"name": "it", "image": "vllm/vllm-openai:v0.23.0", **container}]}
    made = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "it"},
        "spec": {"template": {"spec": spec}},
    }
    found = topology([made]).pods[0].engine
    assert found is not None
    return found


def value(found: Any) -> Any:
    return None if found is None else found.value


def test_a_disaggregated_deployment() -> None:
    found = topology(examples.base("disaggregated"))
    (pool,) = found.pools
    assert [each.object.name for each in pool.prefill] == ["prefill"]
    assert [each.object.name for each in pool.decode] == ["decode"]
    decode = pool.decode[0]
    assert decode.sidecar is not None
    assert decode.engine is not None
    assert decode.sidecar.ports == (8000,)
    assert value(decode.sidecar.engine_port) == 8001
    assert decode.engine.ports == (8001,)
    assert decode.engine.connectors == {"NixlConnector"}
    assert value(decode.engine.model) == "Qwen/Qwen3-32B"
    assert decode.workload.copies.value == 2
    assert pool.picker is not None
    assert pool.picker.release.version == "v0.10.0"
    assert value(pool.picker.config).startswith("apiVersion: llm-d.ai/v1alpha1")
    assert found.unread == []


def test_a_gang() -> None:
    found = topology(examples.base("gang"))
    leader, follower = found.pods
    assert (leader.part, follower.part) == ("leader", "follower")
    assert leader.workload.size.value == 2
    assert leader.engine is not None
    assert value(leader.engine.nodes) == 2
    assert value(leader.engine.tensor_parallel) == 8
    assert value(leader.engine.pipeline_parallel) == 2
    (service,) = found.services
    assert service.backends == (leader,)


def test_every_value_knows_its_line() -> None:
    text = yaml.safe_dump_all(examples.base("disaggregated"), sort_keys=False)
    found = topology(text)
    port = pods(found, "decode").sidecar
    assert port is not None
    place = port.port.place if port.port else None
    assert place is not None
    assert place.object == "Deployment llm/decode"
    assert place.path == "spec.template.spec.initContainers[0].args[0]"
    assert place.line is not None
    assert text.splitlines()[place.line - 1].strip() == "- --port=8000"


@pytest.mark.parametrize(
    ("written", "taken"),
    [
        ([None, None], ["default", "default"]),
        (["llm-d", None], ["llm-d", "llm-d"]),
        (["llm-d", None, "llm-d"], ["llm-d", "llm-d", "llm-d"]),
        (["llm-d", None, "other"], ["llm-d", "default", "other"]),
    ],
)
def test_an_object_without_a_namespace_goes_where_the_others_go(
    written: list[str | None], taken: list[str]
) -> None:
    made = [{"kind": "Service", "metadata": {"name": "it", "namespace": each}} for each in written]
    assert [each.namespace for each in topology(made).objects] == taken


def test_items_of_a_list_are_objects_of_their_own() -> None:
    items = examples.base("disaggregated")
    found = topology([{"apiVersion": "v1", "kind": "List", "items": items}])
    (pool,) = found.pools
    assert len(pool.members) == 2
    place = pods(found, "decode").role.place
    assert place.path == "spec.template.metadata.labels[llm-d.ai/role]"


@pytest.mark.parametrize(
    ("container", "port", "tensor", "block"),
    [
        ({}, 8000, 1, 16),
        ({"args": ["--port=1", "-tp=2", "--block_size=128"]}, 1, 2, 128),
        ({"args": ["--port", "1", "--tensor-parallel-size", "2", "--block-size", "32"]}, 1, 2, 32),
        ({"args": ["--port=1", "--port=2"]}, 2, 1, 16),
        ({"command": ["sh", "-c"], "args": ["exec vllm serve m --port 7 -tp 4"]}, 7, 4, 16),
        (
            {
                "command": ["sh", "-c", "vllm serve m --port $PORT"],
                "env": [{"name": "PORT", "value": "9"}],
            },
            9,
            1,
            16,
        ),
        ({"args": ["--port=$(PORT)"], "env": [{"name": "PORT", "value": "9"}]}, 9, 1, 16),
        ({"command": ["sh", "-c", "vllm serve m --port ${PORT:-8}"]}, 8, 1, 16),
        ({"command": ["sh", "-c", "vllm serve m --port $PORT"]}, None, 1, 16),
        ({"image": "lmsysorg/sglang:v1", "args": ["--tp-size=2", "--page-size=64"]}, 30000, 2, 64),
    ],
    ids=str,
)
def test_an_engines_flags(container: Any, port: int | None, tensor: int, block: int) -> None:
    found = engine(**container)
    assert value(found.port) == port
    assert value(found.tensor_parallel) == tensor
    assert value(found.block_size) == block
    assert [each.value for each in found.unread] == ([] if port else ["$PORT"])


@pytest.mark.parametrize(
    ("args", "connectors"),
    [
        (['--kv-transfer-config={"kv_connector":"A"}'], {"A"}),
        (["--kv_transfer_config", '{"kv_connector":"A"}'], {"A"}),
        (["--kv-transfer-config.kv_connector=A", "--kv-transfer-config.kv_role=kv_both"], {"A"}),
        (
            [
                '--kv-transfer-config={"kv_connector":"MultiConnector","kv_connector_extra_config":'
                '{"connectors":[{"kv_connector":"A"},{"kv_connector":"B"}]}}'
            ],
            {"MultiConnector", "A", "B"},
        ),
        (["--kv-transfer-config={"], set()),
        (["--kv-transfer-config=[]"], set()),
        ([], set()),
    ],
)
def test_an_engines_transport(args: list[str], connectors: set[str]) -> None:
    assert engine(args=args).connectors == connectors


def test_flags_of_a_variable_that_a_shell_evaluates() -> None:
    extra = """--kv_transfer_config '{"kv_connector": "NixlConnector"}' --block-size $SIZE"""
    found = engine(
        command=["bash", "-c", 'eval "exec vllm serve /mnt/models --port 8001 ${EXTRA} $@"', "--"],
        args=["--tensor-parallel-size=2"],
        env=[{"name": "EXTRA", "value": extra}, {"name": "SIZE", "value": "64"}],
    )
    assert (value(found.port), value(found.model)) == (8001, "/mnt/models")
    assert (value(found.tensor_parallel), value(found.block_size)) == (2, 64)
    assert found.connectors == {"NixlConnector"}


def test_a_variable_that_names_itself() -> None:
    found = engine(
        command=["bash", "-c", 'eval "$X --port=8001"'],
        env=[{"name": "X", "value": "eval $X"}],
    )
    assert value(found.port) == 8001


def test_ranks_have_a_port_each() -> None:
    flags = ["--port=8200", "--data-parallel-size=8", "--data-parallel-multi-port-external-lb"]
    assert engine(args=flags).ports == tuple(range(8200, 8208))
    assert engine(args=flags[:2]).ports == (8200,)
    assert len(engine(args=["--data-parallel-size=999999999", flags[2]]).ports) < 65536


def test_a_disaggregated_set_is_a_gang_for_each_role() -> None:
    def role(name: str) -> Any:
        template = {
            "metadata": {"labels": {"llm-d.ai/role": name}},
            "spec": {"containers": [{"name": "it", "image": "vllm/vllm-openai:v0.23.0"}]},
        }
        spec = {"replicas": 2, "leaderWorkerTemplate": {"size": 4, "workerTemplate": template}}
        return {"name": name, "spec": spec}

    found = topology(
        [
            {
                "apiVersion": "disaggregatedset.x-k8s.io/v1",
                "kind": "DisaggregatedSet",
                "metadata": {"name": "it"},
                "spec": {"roles": [role("prefill"), role("decode")]},
            }
        ]
    )
    assert [each.role.value for each in found.pods] == ["prefill", "decode"]
    assert {each.workload.size.value for each in found.pods} == {4}


@pytest.mark.parametrize(
    ("image", "release", "known"),
    [
        ("ghcr.io/llm-d/llm-d-router-endpoint-picker:v0.10.0", "router v0.10.0", True),
        (
            "mirror.example.com:5000/x/llm-d-inference-scheduler:v0.8.0@sha256:ab",
            "router v0.8.0",
            True,
        ),
        ("registry.k8s.io/gateway-api-inference-extension/epp:v1.2.1", "GAIE v1.2.1", True),
        ("ghcr.io/llm-d/llm-d-router-endpoint-picker:v0.11.0", "router v0.10.0", False),
        ("ghcr.io/llm-d/llm-d-router-endpoint-picker:main", "router v0.10.0", False),
        ("ghcr.io/llm-d/llm-d-router-endpoint-picker@sha256:ab", "router v0.10.0", False),
        ("quay.io/modh/odh-llm-d-inference-scheduler-rhel9:v0.9", "router v0.9.0", False),
    ],
)
def test_a_pickers_release(image: str, release: str, known: bool) -> None:
    objects = examples.base("disaggregated")
    picker = next(
        each
        for each in objects
        if (each["kind"], each["metadata"]["name"]) == ("Deployment", "qwen-epp")
    )
    picker["spec"]["template"]["spec"]["containers"][0]["image"] = image
    (found,) = topology(objects).pickers
    assert (found.release.title, found.match.assumed is None) == (release, known)
    assert found.assumed_severity == (None if known else "note")


def test_an_engine_that_is_not_known_is_read_by_its_port() -> None:
    (pods,) = topology(
        """\
kind: Deployment
metadata: {name: decode}
spec:
  template:
    metadata: {labels: {llm-d.ai/role: decode}}
    spec:
      containers:
        - {name: log, image: example.com/log:1}
        - name: serve
          image: example.com/serve:1
          args: [--port=9000]
          ports: [{containerPort: 1}]
"""
    ).pods
    unknown = pods.engine
    assert unknown is not None
    assert (unknown.kind, unknown.container.name, unknown.ports) == (None, "serve", (9000,))
    assert unknown.block_size is None


def test_roles_by_labels_of_the_pickers_own_choice_are_not_read() -> None:
    objects = examples.base("disaggregated")
    assert topology(objects).disaggregated
    text = yaml.safe_dump_all(objects, sort_keys=False)
    for role in ("prefill", "decode"):
        text = text.replace(f"type: {role}-filter", f"type: label-selector-filter, name: {role}")
        text = text.replace(
            f"type: label-selector-filter, name: {role}",
            f"type: label-selector-filter\n        name: {role}-filter",
        )
    found = topology(text)
    assert found.pools[0].has_other_role_filters
    assert not found.disaggregated
