"""Manifests before and after one change, for every kind of change."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

import yaml

from cdk8s_inference.findings import Edit
from cdk8s_inference.source import read
from cdk8s_inference.topology import Topology, read_topology
from tests.cli.console import run
from tests.document import builders
from tests.document.builders import NIXL, Json, edited
from tests.kit import examples

Objects = list[Any]
Pair = tuple[Objects, Objects]

_ENGINE = "spec.template.spec.containers[0]"
_GANG = "spec.leaderWorkerTemplate"
NEWER = "vllm/vllm-openai:v0.33.0"


def _edits(base: str, *edits: Edit) -> Callable[[], Pair]:
    return lambda: (examples.base(base), examples.base(base, *edits))


@cache
def _composed(*documents: str) -> Objects:
    result = run("synth", "-", "--stdout", input="---\n".join(documents))
    return examples.objects_of(result.stdout)


def composed(document: Json) -> Objects:
    """What a document is composed to."""
    return _composed(yaml.safe_dump(document))


def _unified() -> Json:
    return builders.document(builders.standalone("qwen", "--model=Qwen/Qwen3-8B", "--port=8000"))


def _disaggregated() -> Json:
    model = "--model=Qwen/Qwen3-8B"
    return builders.document(
        builders.standalone("prefill", model, "--port=8000", NIXL, phase="Prefill"),
        builders.standalone("decode", model, "--port=8001", NIXL, phase="Decode"),
        serving={"mode": "PrefillDecode"},
    )


def _chart_label() -> Pair:
    """A Helm release whose chart's version is in the labels of its pods, and a checksum."""
    pairs = []
    for version in ("1.0.0", "1.0.1"):
        objects = examples.base("disaggregated")
        for found in objects:
            found["metadata"]["labels"] = {"helm.sh/chart": f"qwen-{version}"}
        objects[0]["spec"]["template"]["metadata"]["labels"]["helm.sh/chart"] = f"qwen-{version}"
        pairs.append(objects)
    return pairs[0], pairs[1]


def _defaults() -> Pair:
    old, new = examples.base("disaggregated"), examples.base("disaggregated")
    template = new[0]["spec"]["template"]["spec"]
    template |= {"restartPolicy": "Always", "dnsPolicy": "ClusterFirst", "securityContext": {}}
    template["containers"][0]["terminationMessagePolicy"] = "File"
    template["containers"][0]["ports"][0]["protocol"] = "TCP"
    rolling = {"maxSurge": "25%", "maxUnavailable": "25%"}
    new[0]["spec"]["strategy"] = {"type": "RollingUpdate", "rollingUpdate": rolling}
    new[0]["status"] = {"readyReplicas": 2}
    new[0]["metadata"] |= {"uid": "1", "generation": 3}
    return old, new


def _hashed() -> Pair:
    """A ConfigMap that Kustomize names by its content."""
    pairs = []
    for name, tokens in (("qwen-epp-6ct58987ht", 512), ("qwen-epp-9kf2m4t5bb", 2048)):
        objects = examples.base("disaggregated")
        for found in objects:
            if found["kind"] == "ConfigMap":
                found["metadata"]["name"] = name
                text = found["data"]["picker.yaml"]
                found["data"]["picker.yaml"] = text.replace("512", str(tokens))
            if found["kind"] == "Deployment" and found["metadata"]["name"] == "qwen-epp":
                found["spec"]["template"]["spec"]["volumes"][0]["configMap"]["name"] = name
        pairs.append(objects)
    return pairs[0], pairs[1]


def _route() -> Pair:
    """A canary gets more, and a host goes."""

    def route(hosts: list[str], weights: tuple[int, int]) -> Edit:
        pool = {"group": "inference.networking.k8s.io", "kind": "InferencePool"}
        backends = [
            {**pool, "name": name, "weight": weight}
            for name, weight in zip(("qwen", "qwen-canary"), weights, strict=True)
        ]
        rules = [{"backendRefs": backends, "timeouts": {"request": "0s"}}]
        spec = {
            "hostnames": hosts,
            "parentRefs": [{"name": "inference", "namespace": "gateways"}],
            "rules": rules,
        }
        return Edit("HTTPRoute/qwen", "spec", spec)

    return (
        examples.base("disaggregated", route(["a.example.com", "b.example.com"], (90, 10))),
        examples.base("disaggregated", route(["a.example.com"], (50, 50))),
    )


def _new_names(*names: str) -> Pair:
    """Engines of another name and image, which the same pool selects: blue and green."""
    new = examples.base("disaggregated")
    for found in new:
        name = found["metadata"]["name"]
        if name in (names or ("prefill", "decode")):
            found["metadata"]["name"] = f"{name}-green"
            template = found["spec"]["template"]
            for labels in (
                found["spec"]["selector"]["matchLabels"],
                template["metadata"]["labels"],
            ):
                labels["app"] = f"{name}-green"
            template["spec"]["containers"][0]["image"] = NEWER
    return examples.base("disaggregated"), new


def _without(kind: str, name: str) -> Callable[[], Pair]:
    def pair() -> Pair:
        old = examples.base("disaggregated")
        return old, [
            each for each in old if (each["kind"], each["metadata"]["name"]) != (kind, name)
        ]

    return pair


def _other_namespace() -> Pair:
    new = examples.base("disaggregated")
    for found in new:
        if found["metadata"].get("namespace") == "llm":
            found["metadata"]["namespace"] = "llm-2"
    return examples.base("disaggregated"), new


def _other_group() -> Pair:
    """A pool before it was v1."""
    old = examples.base("disaggregated")
    for found in old:
        if found["kind"] == "InferencePool":
            picker = {"name": "qwen-epp", "portNumber": 9002}
            found["apiVersion"] = "inference.networking.x-k8s.io/v1alpha2"
            labels = found["spec"]["selector"]["matchLabels"]
            found["spec"] = {"selector": labels, "targetPortNumber": 8000, "extensionRef": picker}
        if found["kind"] == "HTTPRoute":
            (rule,) = found["spec"]["rules"]
            rule["backendRefs"][0]["group"] = "inference.networking.x-k8s.io"
    return old, examples.base("disaggregated")


_IMAGE_OF_BOTH = [
    Edit("Deployment/prefill", f"{_ENGINE}.image", NEWER),
    Edit("Deployment/decode", f"{_ENGINE}.image", NEWER),
]
_PICKER = "ghcr.io/llm-d/llm-d-router-endpoint-picker"
_SIDECAR = "ghcr.io/llm-d/llm-d-router-disagg-sidecar"

PAIRS: Mapping[str, Callable[[], Pair]] = {
    "nothing": _edits("disaggregated"),
    "image": _edits("disaggregated", *_IMAGE_OF_BOTH),
    "image in place": lambda: (
        examples.base("disaggregated", *_in_place()),
        examples.base("disaggregated", *_in_place(), *_IMAGE_OF_BOTH),
    ),
    "image of one": _edits("disaggregated", _IMAGE_OF_BOTH[1]),
    "flag": _edits(
        "disaggregated", Edit("Deployment/decode", f"{_ENGINE}.args[4]", "--max-num-seqs=64")
    ),
    "port": _edits(
        "disaggregated",
        Edit("Deployment/decode", f"{_ENGINE}.args[1]", "--port=8200"),
        Edit("Deployment/decode", f"{_ENGINE}.ports[0].containerPort", 8200),
        Edit(
            "Deployment/decode",
            "spec.template.spec.initContainers[0].args[1]",
            "--model-server-port=8200",
        ),
    ),
    "pool port": _edits(
        "disaggregated",
        Edit("InferencePool/qwen", "spec.targetPorts[0].number", 8080),
        Edit("Deployment/prefill", f"{_ENGINE}.args[1]", "--port=8080"),
        Edit("Deployment/prefill", f"{_ENGINE}.ports[0].containerPort", 8080),
        Edit("Deployment/decode", "spec.template.spec.initContainers[0].args[0]", "--port=8080"),
        Edit(
            "Deployment/decode",
            "spec.template.spec.initContainers[0].ports[0].containerPort",
            8080,
        ),
    ),
    "copies": _edits(
        "disaggregated",
        Edit("Deployment/prefill", "spec.replicas", 4),
        Edit("Deployment/decode", "spec.replicas", 1),
    ),
    "recreate": _edits(
        "disaggregated",
        Edit("Deployment/prefill", "spec.strategy", {"type": "Recreate"}),
        _IMAGE_OF_BOTH[0],
    ),
    "router release": _edits(
        "disaggregated",
        Edit("Deployment/qwen-epp", f"{_ENGINE}.image", f"{_PICKER}:v0.9.0"),
        Edit(
            "Deployment/decode",
            "spec.template.spec.initContainers[0].image",
            f"{_SIDECAR}:v0.9.0",
        ),
    ),
    "picker configuration": _edits(
        "disaggregated",
        Edit(
            "ConfigMap/qwen-epp",
            "data[picker.yaml]",
            next(
                found["data"]["picker.yaml"]
                for found in examples.base("disaggregated")
                if found["kind"] == "ConfigMap"
            ).replace("512", "2048"),
        ),
    ),
    "picker configuration by hash": _hashed,
    "gang size": _edits("gang", Edit("LeaderWorkerSet/kimi", f"{_GANG}.size", 4)),
    "gang image": _edits(
        "gang",
        Edit("LeaderWorkerSet/kimi", f"{_GANG}.leaderTemplate.spec.containers[0].image", NEWER),
        Edit("LeaderWorkerSet/kimi", f"{_GANG}.workerTemplate.spec.containers[0].image", NEWER),
    ),
    "gang subgroups": _edits(
        "gang", Edit("LeaderWorkerSet/kimi", f"{_GANG}.subGroupPolicy", {"subGroupSize": 1})
    ),
    "claim": _edits(
        "disaggregated",
        Edit("ResourceClaimTemplate/two-gpus", "spec.spec.devices.requests[0].exactly.count", 4),
    ),
    "selector": _edits(
        "disaggregated",
        Edit("Deployment/prefill", "spec.selector.matchLabels.app", "prefill-2"),
        Edit("Deployment/prefill", "spec.template.metadata.labels.app", "prefill-2"),
    ),
    "pool selector": _edits(
        "disaggregated",
        Edit("InferencePool/qwen", "spec.selector.matchLabels.model", "qwen-2"),
        Edit("Deployment/prefill", "spec.template.metadata.labels.model", "qwen-2"),
        Edit("Deployment/decode", "spec.template.metadata.labels.model", "qwen-2"),
    ),
    "route": _route,
    "chart version": _chart_label,
    "defaults": _defaults,
    "secret": _edits(
        "disaggregated", Edit("Deployment/decode", f"{_ENGINE}.args[4]", "--api-key=correct-horse")
    ),
    "mode": lambda: (composed(_unified()), composed(_disaggregated())),
    "rename": lambda: (
        composed(_disaggregated()),
        composed(edited(_disaggregated(), "metadata.name", "qwen3")),
    ),
    "mode back": lambda: (composed(_disaggregated()), composed(_unified())),
    "new names in one pool": _new_names,
    "one new name in one pool": lambda: _new_names("decode"),
    "prefill removed": _without("Deployment", "prefill"),
    "pool removed": _without("InferencePool", "qwen"),
    "route removed": _without("HTTPRoute", "qwen"),
    "service selector": _edits("gang", Edit("Service/kimi-http", "spec.selector", {"app": "none"})),
    "listener": _edits("disaggregated", Edit("Gateway/inference", "spec.listeners[0].port", 8080)),
    "many more copies": _edits(
        "disaggregated",
        Edit("Deployment/decode", "spec.replicas", 5),
        Edit("Deployment/decode", f"{_ENGINE}.args[4]", "--max-num-seqs=64"),
    ),
    "many changes of a pod": _edits(
        "disaggregated",
        Edit("Deployment/decode", "spec.template.spec.serviceAccountName", "decode"),
        Edit("Deployment/decode", "spec.template.spec.priorityClassName", "high"),
        Edit("Deployment/decode", "spec.template.spec.initContainers[0].args[4]", "--v=4"),
        Edit("Deployment/decode", f"{_ENGINE}.args[4]", "--max-num-seqs=64"),
        Edit("Deployment/decode", f"{_ENGINE}.args[5]", "--seed=1"),
        _IMAGE_OF_BOTH[1],
    ),
    "pool of another API group": _other_group,
    "namespace": _other_namespace,
    "new": lambda: ([], examples.base("disaggregated")),
    "gone": lambda: (examples.base("disaggregated"), []),
}


def _in_place() -> list[Edit]:
    strategy = {"rollingUpdate": {"maxSurge": 0, "maxUnavailable": 1}}
    return [Edit(f"Deployment/{name}", "spec.strategy", strategy) for name in ("prefill", "decode")]


def topologies(name: str) -> tuple[Topology, Topology]:
    """A pair, read."""
    old, new = map(topology, PAIRS[name]())
    return old, new


def topology(objects: Objects) -> Topology:
    text = yaml.dump_all(objects, Dumper=yaml.CSafeDumper, sort_keys=False)
    documents, _ = read(text.encode(), "manifests.yaml", may_be_empty=True)
    return read_topology(documents)
