"""What serves one model as one, in manifests of any origin."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from cdk8s_inference.source import read
from cdk8s_inference.topology import ServedModel, Topology, read_topology
from tests.kit import examples

DIST = Path(__file__).parents[2] / "dist"


def topology(*objects: Any) -> Topology:
    documents, problems = read(yaml.safe_dump_all(objects).encode(), "it.yaml")
    assert not problems
    return read_topology(documents)


def engines(model: ServedModel) -> list[tuple[str | None, str, int | None, int, int | None]]:
    return [
        (each.role, each.name, each.copies, each.gang_size, each.devices) for each in model.engines
    ]


def composed() -> dict[str, ServedModel]:
    # Without the CRDs, which take the longest to read.
    files = [file for file in sorted(DIST.glob("*.yaml")) if "foundation" not in file.name]
    documents = [document for file in files for document in read(file.read_bytes())[0]]
    return {each.name: each for each in read_topology(documents).served_models}


def test_what_is_composed() -> None:
    found = composed()
    assert set(found) == {"llama-70b-0", "qwen3-8b-0", "qwen3-8b-1", "gpt-oss-120b-0"}
    llama = found["llama-70b-0"]
    assert engines(llama) == [
        ("prefill", "llama-70b-0-prefill", 2, 1, 4),
        ("decode", "llama-70b-0-decode", 1, 1, 2),
    ]
    assert [each.sidecar is not None for each in llama.engines] == [False, True]
    assert (str(llama), llama.namespace, llama.devices) == (
        "InferencePool ml-team/llama-70b-0",
        "ml-team",
        6,
    )
    assert llama.picker is not None
    assert llama.picker.object.name == "llama-70b-0-epp"
    assert [each.object.name for each in llama.routes] == ["llama-70b-0"]
    assert llama.rules(llama.routes[0])[0].paths == ("/ml-team/llama-70b-0/",)
    assert [each.object.name for each in llama.gateways] == ["inference-gateway"]
    assert llama.disaggregates
    gang = found["gpt-oss-120b-0"]
    assert engines(gang) == [("both", "gpt-oss-120b-0-vllm", 1, 2, 16)]
    assert [pods.part for pods in gang.engines[0].pods] == ["leader", "follower"]
    assert [each.object.name for each in gang.claims] == [
        "gpt-oss-120b-0-vllm-leader",
        "gpt-oss-120b-0-vllm-worker",
    ]
    assert [each.object.name for each in found["qwen3-8b-1"].routes] == ["qwen3-8b-1", "qwen3-8b"]
    assert found["qwen3-8b-1"].models == ("Qwen/Qwen3-8B",)
    assert not found["qwen3-8b-1"].disaggregates


def vllm(name: str, *args: str, **more: Any) -> dict[str, Any]:
    container = {"name": "vllm", "image": "vllm/vllm-openai:v0.23.0", "args": list(args)}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name},
        "spec": {
            "replicas": 2,
            "template": {
                "metadata": {"labels": {"app": name, "model": "qwen"}},
                "spec": {"containers": [{**container, **more}]},
            },
        },
    }


def service(name: str, **selector: str) -> dict[str, Any]:
    spec = {"selector": selector, "ports": [{"port": 80}]}
    return {"apiVersion": "v1", "kind": "Service", "metadata": {"name": name}, "spec": spec}


def route(backend: str) -> dict[str, Any]:
    return {
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "HTTPRoute",
        "metadata": {"name": "qwen"},
        "spec": {
            "hostnames": ["qwen.example.com"],
            "parentRefs": [{"name": "edge"}],
            "rules": [{"backendRefs": [{"name": backend}]}],
        },
    }


def test_services_that_share_engines_are_one_model() -> None:
    (model,) = topology(
        vllm("a"), vllm("b"), service("a", app="a"), service("qwen", model="qwen"), route("qwen")
    ).served_models
    assert str(model) == "Service default/qwen"
    assert [each.name for each in model.engines] == ["a", "b"]
    assert model.hosts == ("qwen.example.com",)
    assert [str(each) for each in model.parents] == ["Gateway default/edge"]
    assert model.gateways == ()
    assert (model.pool, model.picker) == (None, None)


def test_each_lone_workload_is_one() -> None:
    found = topology(vllm("a", "--model=Qwen/Qwen3-8B", "--served-model-name=qwen"), vllm("b"))
    assert [str(each) for each in found.served_models] == [
        "Deployment default/a",
        "Deployment default/b",
    ]
    assert found.served_models[0].models == ("Qwen/Qwen3-8B",)
    assert found.served_models[0].served_names == ("qwen",)


def test_devices_that_cannot_be_told() -> None:
    asked = {"resources": {"claims": [{"name": "gpu"}]}}
    counts = [each.devices for each in topology(vllm("a"), vllm("b", **asked)).served_models]
    assert counts == [0, None]


def test_an_autoscaler_says_how_many_copies() -> None:
    scaler = {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": {"name": "a"},
        "spec": {
            "minReplicas": 3,
            "maxReplicas": 8,
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "a"},
        },
    }
    (model,) = topology(vllm("a"), scaler).served_models
    assert model.engines[0].copies == 3


def test_roles_without_a_pool() -> None:
    producer = '--kv-transfer-config={"kv_connector":"NixlConnector","kv_role":"kv_producer"}'
    consumer = producer.replace("producer", "consumer")
    found = topology(vllm("p", producer), vllm("d", consumer), vllm("b"))
    assert [model.engines[0].role for model in found.served_models] == ["prefill", "decode", "both"]


def test_the_roles_of_one_object_are_one_model() -> None:
    def role(name: str) -> dict[str, Any]:
        template = vllm(name)["spec"]["template"]
        spec = {"replicas": 1, "leaderWorkerTemplate": {"size": 2, "workerTemplate": template}}
        return {"name": name, "spec": spec}

    made = {
        "apiVersion": "disaggregatedset.x-k8s.io/v1alpha1",
        "kind": "DisaggregatedSet",
        "metadata": {"name": "qwen"},
        "spec": {"roles": [role("prefill"), role("decode")]},
    }
    (model,) = topology(made).served_models
    assert [each.name for each in model.engines] == ["qwen/prefill", "qwen/decode"]


def test_a_pool_of_a_picker_without_pods() -> None:
    objects = [each for each in examples.base("disaggregated") if each["kind"] != "Deployment"]
    (model,) = topology(*objects).served_models
    assert model.engines == ()
    assert model.devices == 0
