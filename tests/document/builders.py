"""Valid documents as plain data, and ways to break them."""

from __future__ import annotations

import copy
import re
from collections.abc import Iterator
from typing import Any

import yaml

from cdk8s_inference.document.deployment import Deployment
from cdk8s_inference.document.validation import check
from cdk8s_inference.findings import Finding, Path
from cdk8s_inference.platform import Platform
from cdk8s_inference.source import Document, read

Json = dict[str, Any]

ABSENT: Any = object()
"""As a value: the field is removed."""

NIXL = '--kv-transfer-config={"kv_connector":"NixlConnector","kv_role":"kv_both"}'

CEL = 'device.driver == "gpu.nvidia.com"'


def device(name: str = "gpu", **fields: Any) -> Json:
    return {"name": name, "selectors": [{"cel": CEL}], **fields}


def member(*args: str, role: str | None = None, claims: bool = True, **container: Any) -> Json:
    engine: Json = {"name": "engine", "image": "ghcr.io/acme/vllm:v0.23.0"}
    if args:
        engine["args"] = list(args)
    return {
        **({"role": role} if role else {}),
        **({"nodeSelector": {"devices": [device()]}} if claims else {}),
        "template": {"spec": {"containers": [{**engine, **container}]}},
    }


def standalone(name: str, *args: str, **fields: Any) -> Json:
    return {"name": name, "members": [member(*args)], **fields}


def gang(name: str, *args: str, nodes: int | None = 2, **fields: Any) -> Json:
    worker = member(role="Worker", command=["ray", "start"])
    if nodes is not None:
        worker["worker"] = {"nodes": nodes}
    leader = member(*args, role="Leader", claims=False)
    return {"name": name, "members": [leader, worker], **fields}


def document(*engines: Json, **replica: Any) -> Json:
    """A document in the current shape."""
    return {
        "apiVersion": "modelplane.ai/v1alpha1",
        "kind": "ModelDeployment",
        "metadata": {"name": "qwen", "namespace": "ml-team"},
        "spec": {"replicas": 1, "template": {"spec": {**replica, "engines": list(engines)}}},
    }


def unified() -> Json:
    return document(standalone("qwen", "--model=Qwen/Qwen3-8B"))


def two_engines() -> Json:
    return document(standalone("a", "--port=9000"), standalone("b", "--port=9000"))


def prefill_decode() -> Json:
    return document(
        standalone("prefill", "--port=8000", NIXL, phase="Prefill"),
        standalone("decode", "--port=8001", NIXL, phase="Decode"),
        serving={"mode": "PrefillDecode"},
    )


def gangs() -> Json:
    return document(gang("kimi"), modelCacheRef={"name": "kimi-k2"})


def everything() -> Json:
    """A document that says all that both shapes allow."""
    source = {"name": "hf", "key": "token", "optional": True}
    env = [
        {"name": "A", "value": "1"},
        {"name": "HF_TOKEN", "valueFrom": {"secretKeyRef": dict(source)}},
        {"name": "CONFIG", "valueFrom": {"configMapKeyRef": dict(source)}},
    ]
    leader = member("--port=8001", role="Leader", command=["vllm", "serve", "/mnt/models"], env=env)
    leader["nodeSelector"]["devices"] += [device("nic", count=2)]
    leader["template"]["metadata"] = {
        "labels": {"example.com/tier": "prod", "team": "a"},
        "annotations": {"example.com/note": "any text"},
    }
    leader["template"]["spec"]["imagePullSecrets"] = [{"name": "registry"}]
    worker = member(role="Worker", claims=False)
    worker["worker"] = {"nodes": 3}
    return document(
        standalone("prefill", "--port=8000", phase="Prefill", copies=2),
        {"name": "decode", "phase": "Decode", "copies": 1, "members": [leader, worker]},
        clusterSelector={"matchLabels": {"region": "eu"}},
        modelCacheRef={"name": "cache.v1"},
        serving={"mode": "PrefillDecode"},
    )


def everything_current() -> Json:
    """A document that says all that the current shape allows."""
    found = everything()
    template = found["spec"]["template"]
    template["metadata"] = {"labels": {"example.com/tier": "prod"}}
    template["spec"]["tolerations"] = [
        {"key": "gpu", "operator": "Equal", "value": "yes", "effect": "NoSchedule"},
        {"operator": "Exists", "effect": "NoExecute"},
    ]
    leader = template["spec"]["engines"][1]["members"][0]
    leader["template"]["spec"]["containers"][0]["env"].append(
        {"name": "IP", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP", "apiVersion": "v1"}}}
    )
    return found


def under_spec(found: Json) -> Json:
    """A document of the current shape in the one of pull request #142."""
    spec = {key: value for key, value in found["spec"].items() if key != "template"}
    return {**found, "spec": {**spec, **found["spec"]["template"]["spec"]}}


def parts(path: str) -> Path:
    """The keys of a path, as findings write it.

    >>> parts("spec.engines[0].labels[a.io/b]")
    ('spec', 'engines', 0, 'labels', 'a.io/b')
    """
    found = re.findall(r"\[([^\]]*)\]|([^.\[\]]+)", path)
    return tuple(int(key) if key.isdigit() else key or name for key, name in found)


def at(found: Any, path: Path) -> Any:
    for part in path:
        found = found[part]
    return found


def edited(found: Json, path: str, value: Any) -> Json:
    """A copy with another value at a path; objects on the way to it are made."""
    result = copy.deepcopy(found)
    *parents, last = parts(path)
    target: Any = result
    for part in parents:
        target = target.setdefault(part, {}) if isinstance(target, dict) else target[part]
    if isinstance(target, list) and isinstance(last, int):
        target[last : last + 1] = [] if value is ABSENT else [value]
    elif value is ABSENT:
        target.pop(last, None)
    else:
        target[last] = value
    return result


def walk(value: Any, path: Path = ()) -> Iterator[tuple[Path, Any]]:
    """Every value of plain data, with its path."""
    yield path, value
    if isinstance(value, dict):
        for key, child in value.items():
            yield from walk(child, (*path, key))
    elif isinstance(value, list):
        for index, child in enumerate(value):
            yield from walk(child, (*path, index))


def findings(found: Any, platform: Platform | None = None) -> list[Finding]:
    return check(Document(found), platform)[1]


def accepted(found: Any) -> Deployment:
    deployment, problems = check(Document(found))
    assert deployment is not None, problems
    return deployment


def read_one(text: str | bytes) -> Document:
    content = text.encode() if isinstance(text, str) else text
    documents, problems = read(content, "model.yaml")
    assert not problems, problems
    assert len(documents) == 1
    return documents[0]


def as_yaml(found: Json) -> str:
    return yaml.safe_dump(found, sort_keys=False)
