"""From what is served to the parts and arrows of a graph."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from cdk8s_inference.checks import check_topology
from cdk8s_inference.findings import Edit
from cdk8s_inference.graph import FORMATS, Graph, Node, Section, graph_of
from cdk8s_inference.source import read
from cdk8s_inference.topology import read_topology
from tests.kit import examples

DIST = Path(__file__).parents[2] / "dist"


def graph(*objects: Any, checked: bool = True) -> Graph:
    documents, problems = read(yaml.safe_dump_all(objects, sort_keys=False).encode(), "it.yaml")
    assert not problems
    topology = read_topology(documents)
    return graph_of(topology, check_topology(topology) if checked else ())


def arrows(section: Section) -> set[tuple[str, str, str, str]]:
    names = section.by_id
    return {
        (names[each.source].name, each.kind, names[each.target].name, each.label)
        for each in section.edges
    }


def node(section: Section, kind: str, name: str = "") -> Node:
    (found,) = (each for each in section.nodes if each.kind == kind and name in (each.name, ""))
    return found


@pytest.fixture(scope="module")
def composed() -> dict[str, Section]:
    # Without the CRDs, which take the longest to read.
    files = [file for file in sorted(DIST.glob("*.yaml")) if "foundation" not in file.name]
    documents = [document for file in files for document in read(file.read_bytes())[0]]
    return {each.title: each for each in graph_of(read_topology(documents)).sections}


def test_prefill_and_decode(composed: dict[str, Section]) -> None:
    section = composed["llama-70b-0"]
    assert arrows(section) == {
        ("inference-gateway", "requests", "llama-70b-0", "HTTP :80"),
        ("llama-70b-0", "requests", "llama-70b-0", ""),
        ("llama-70b-0", "asks", "llama-70b-0-epp", "ext_proc gRPC :9002"),
        ("llama-70b-0", "requests", "pd-sidecar", ":8000"),
        ("pd-sidecar", "requests", "llama-70b-0-decode", ":8001"),
        ("pd-sidecar", "requests", "llama-70b-0-prefill", ":8000"),
        (
            "llama-70b-0-prefill",
            "transfer",
            "llama-70b-0-decode",
            "KV cache\nNixlConnector\nNIXL side channel :5557",
        ),
        ("llama-70b-0-prefill", "uses", "llama-70b-0-prefill-standalone", ""),
        ("llama-70b-0-decode", "uses", "llama-70b-0-decode-standalone", ""),
        ("llama-70b-0-prefill", "uses", "llama-70b", "/mnt/models"),
        ("llama-70b-0-decode", "uses", "llama-70b", "/mnt/models"),
    }
    prefill = node(section, "engine", "llama-70b-0-prefill")
    assert (prefill.role, prefill.heading) == ("prefill", "prefill engine")
    assert prefill.lines == ("vLLM v0.32.0", "/mnt/models", "2 copies", "2 devices a pod", "TP 2")
    decode, sidecar = node(section, "engine", "llama-70b-0-decode"), node(section, "sidecar")
    assert decode.pod == sidecar.pod != prefill.pod
    assert not node(section, "volume").is_read
    assert node(section, "claim", "llama-70b-0-decode-standalone").lines == ("2 x gpu.nvidia.com",)
    assert section.summary == ("/mnt/models", "2 prefill", "1 decode", "6 devices")


def test_replicas_that_share_a_route_are_one_deployment(composed: dict[str, Section]) -> None:
    section = composed["qwen3-8b"]
    assert ("qwen3-8b", "requests", "qwen3-8b-1", "50% :80") in arrows(section)
    assert len([each for each in section.nodes if each.kind == "gateway"]) == 1


def test_a_gang(composed: dict[str, Section]) -> None:
    section = composed["gpt-oss-120b-0"]
    leader, follower = "gpt-oss-120b-0-vllm leader", "gpt-oss-120b-0-vllm follower"
    assert (follower, "asks", leader, "torch rendezvous :29501") in arrows(section)
    assert "1 copy of 2 pods" in node(section, "engine", leader).lines


def test_ranks_have_a_port_each() -> None:
    ranks = ["--data-parallel-size=4", "--data-parallel-multi-port-external-lb"]
    given = "spec.template.spec.containers[0].args"
    objects = examples.base(
        "disaggregated",
        Edit(
            "Deployment/prefill",
            given,
            [
                "--model=Qwen/Qwen3-32B",
                "--port=8000",
                *ranks,
            ],
        ),
    )
    (section,) = graph(*objects, checked=False).sections
    assert ("pd-sidecar", "requests", "prefill", ":8000-8003") in arrows(section)


def test_findings_are_where_they_bite() -> None:
    (section,) = graph(*examples.broken("T109")).sections
    assert "T109" in {each.code for each in node(section, "sidecar").findings}
    assert "T109" not in {each.code for each in node(section, "engine", "decode").findings}
    assert node(section, "sidecar").worst == "error"


def test_what_bites_nothing_that_is_drawn_is_kept() -> None:
    beside = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "x"},
        "spec": {"prots": 1},
    }
    found = graph(*examples.base("disaggregated"), beside)
    assert "x" in " ".join(each.object or "" for each in found.findings)


def test_a_route_that_leads_nowhere_is_drawn() -> None:
    pool = {"group": "inference.networking.k8s.io", "kind": "InferencePool", "name": "gone"}
    route = {
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "HTTPRoute",
        "metadata": {"name": "lost"},
        "spec": {
            "parentRefs": [{"name": "edge"}],
            "rules": [{"backendRefs": [pool]}],
        },
    }
    (section,) = graph(route).sections
    assert {each.name: each.is_read for each in section.nodes} == {
        "lost": True,
        "edge": False,
        "gone": False,
    }


def test_a_pool_whose_picker_is_elsewhere() -> None:
    objects = [
        each for each in examples.base("disaggregated") if "epp" not in each["metadata"]["name"]
    ]
    (section,) = graph(*objects).sections
    assert not node(section, "picker").is_read


def test_some_deployments_alone(composed: dict[str, Section]) -> None:
    found = Graph(tuple(composed.values()))
    assert [each.title for each in found.of("qwen3-8b").sections] == ["qwen3-8b"]
    assert [each.title for each in found.of("ml-team/llama-70b-0").sections] == ["llama-70b-0"]
    assert found.of("ml-team/nothing").sections == ()


def test_no_secret_is_in_a_graph() -> None:
    secret = "correct-horse-battery"
    objects = examples.base(
        "disaggregated",
        Edit(
            "Deployment/prefill",
            "spec.template.spec.containers[0].env",
            [{"name": "HF_TOKEN", "value": secret}],
        ),
        Edit("Deployment/prefill", "spec.template.spec.containers[0].image", f"a/{secret}:v1"),
    )
    found = graph(*objects)
    assert not [each for each in FORMATS if secret in found.written(each)]
