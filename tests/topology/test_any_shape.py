"""Whatever objects hold, each value of the topology can be read, and a check has an answer."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from functools import cached_property
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from cdk8s_inference.checks import check
from cdk8s_inference.source import Cursor, Document
from cdk8s_inference.topology import Topology, read_topology
from tests.document.builders import at, walk
from tests.document.test_differential import PROFILE
from tests.document.test_hostile import any_json, any_text
from tests.kit import examples

BESIDE = """\
apiVersion: gateway.networking.k8s.io/v1beta1
kind: ReferenceGrant
metadata: {name: it, namespace: llm}
spec:
  from: [{group: gateway.networking.k8s.io, kind: HTTPRoute, namespace: routes}]
  to: [{group: inference.networking.k8s.io, kind: InferencePool, name: qwen}]
---
apiVersion: resource.k8s.io/v1beta1
kind: ResourceClaim
metadata: {name: flat, namespace: llm}
spec: {devices: {requests: [{name: gpu, deviceClassName: gpu, count: 2, adminAccess: false}]}}
---
apiVersion: resource.k8s.io/v1
kind: ResourceClaim
metadata: {name: first, namespace: llm}
spec: {devices: {requests: [{name: gpu, firstAvailable: [{name: a, deviceClassName: gpu}]}]}}
---
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {name: decode, namespace: llm}
spec:
  minReplicas: 1
  maxReplicas: 8
  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: decode}
---
apiVersion: keda.sh/v1alpha1
kind: ScaledObject
metadata: {name: kimi, namespace: llm}
spec:
  minReplicaCount: 1
  maxReplicaCount: 8
  scaleTargetRef: {kind: LeaderWorkerSet, name: kimi}
---
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata: {name: it, namespace: llm}
spec:
  minAvailable: 50%
  selector:
    matchLabels: {model: qwen}
    matchExpressions: [{key: app, operator: In, values: [decode]}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: all}
rules: [{apiGroups: ["*"], resources: ["*"], verbs: ["*"]}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: all}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: all}
subjects: [{kind: Group, name: system:serviceaccounts}]
"""


CONTROLLED = """\
apiVersion: nvidia.com/v1alpha1
kind: DynamoGraphDeployment
metadata: {name: it, namespace: llm}
spec:
  services:
    decode:
      multinode: {nodeCount: 2}
      extraPodSpec:
        mainContainer: {image: "vllm/vllm-openai:v0.23.0", args: [--port=8000]}
---
apiVersion: workload.serving.volcano.sh/v1alpha1
kind: ModelServing
metadata: {name: it, namespace: llm}
spec:
  template:
    roles:
      - workerReplicas: 1
        entryTemplate: {spec: {containers: [{name: it, image: "vllm/vllm-openai:v0.23.0"}]}}
        workerTemplate: {spec: {containers: [{name: it, image: "vllm/vllm-openai:v0.23.0"}]}}
---
apiVersion: workload.serving.volcano.sh/v1alpha1
kind: ModelBooster
metadata: {name: it, namespace: llm}
spec:
  backend: {workers: [{image: "vllm/vllm-openai:v0.23.0", config: {block-size: 64}}]}
---
apiVersion: production-stack.vllm.ai/v1alpha1
kind: VLLMRuntime
metadata: {name: it, namespace: llm}
spec:
  image: {registry: docker.io, name: "vllm/vllm-openai:v0.23.0"}
  model: {modelURL: Qwen/Qwen3-32B, maxModelLen: 4096}
  vllmConfig: {tensorParallelSize: 2, extraArgs: [--block-size=64]}
---
apiVersion: apps.nvidia.com/v1alpha1
kind: NIMService
metadata: {name: it, namespace: llm}
spec:
  image: {repository: nvcr.io/nim/meta/llama-3.1-8b-instruct, tag: 1.3.3}
---
apiVersion: serving.kserve.io/v1alpha2
kind: LLMInferenceService
metadata: {name: it, namespace: llm}
spec:
  model: {uri: "hf://Qwen/Qwen3-32B", name: qwen}
  baseRefs: [{name: it}]
  parallelism: {tensor: 2}
  router: {scheduler: {config: {inline: {kind: EndpointPickerConfig}}, pool: {spec: {}}}}
  template: {containers: [{name: main, args: [--block-size=64], env: [{name: HOME}]}]}
  prefill: {template: {containers: [{name: main, volumeMounts: [{mountPath: /tmp}]}]}}
---
apiVersion: serving.kserve.io/v1alpha2
kind: LLMInferenceServiceConfig
metadata: {name: it, namespace: llm}
spec: {replicas: 2, labels: {team: ml}, template: {containers: [{name: main}]}}
---
apiVersion: example.com/v1
kind: Serving
metadata: {name: it, namespace: llm}
spec:
  groups:
    - replicas: 2
      engine: {containers: [{name: it, image: "vllm/vllm-openai:v0.23.0"}]}
"""


def everything() -> list[Any]:
    return [
        *examples.base("disaggregated"),
        *examples.base("gang"),
        *yaml.safe_load_all(BESIDE),
        *yaml.safe_load_all(CONTROLLED),
    ]


def values(value: Any, seen: set[int]) -> Iterator[Any]:
    """A value and all that can be read of it."""
    if id(value) in seen or isinstance(value, (Cursor, Document)):
        return
    if isinstance(value, Mapping):
        for child in value.values():
            yield from values(child, seen)
    elif isinstance(value, (list, tuple, frozenset)):
        for child in value:
            yield from values(child, seen)
    elif is_dataclass(value):
        seen.add(id(value))
        yield value
        names = {each.name for each in fields(value)}
        cls: type = type(value)
        for owner in cls.__mro__:
            names |= {
                name
                for name, member in vars(owner).items()
                if isinstance(member, (cached_property, property))
            }
        for name in names:
            yield from values(getattr(value, name), seen)


def read(objects: list[Any]) -> set[str]:
    """Reads all of a topology, and gives the names of the types that were met."""
    topology = read_topology([Document(each) for each in objects])
    met = [*values(topology, set())]
    for each in met:
        assert str(each)
    for pods in topology.pods:
        for container in pods.containers:
            topology.devices(pods, container)
    met += [devices for claim in topology.claims for devices in claim.choices]
    return {type(each).__name__ for each in met}


def test_every_kind_of_value_is_met() -> None:
    assert {
        *("AccessBinding", "AccessRole", "Autoscaler", "Budget", "Claim", "ClaimUse", "Container"),
        *("DeviceRequest", "Devices", "Engine", "Gateway", "KubeObject", "Listener", "SourceValue"),
        *("Picker", "PodClaim", "Pods", "Pool", "Probe", "Reference", "ReferenceGrant"),
        *("Requirement", "Route", "RouteRule", "Selector", "Service", "Sidecar", "Workload"),
        *("ControlledKind", "ServedEngine", "ServedModel"),
    } <= read(everything())


@settings(PROFILE, max_examples=PROFILE.max_examples // 20)
@given(st.data())
def test_no_value_is_too_odd_anywhere(data: st.DataObject) -> None:
    objects = everything()
    for _ in range(data.draw(st.integers(1, 3))):
        target = data.draw(st.sampled_from(objects))
        path = data.draw(st.sampled_from([path for path, _ in walk(target) if path]))
        parent = at(target, path[:-1])
        if isinstance(parent, dict) and data.draw(st.booleans()):
            parent[data.draw(any_text)] = data.draw(any_json)
        else:
            parent[path[-1]] = data.draw(any_json)
    read(objects)
    check([Document(each) for each in objects])


@pytest.mark.parametrize("count", [0, -1, 10**9])
def test_no_number_is_too_odd(count: int) -> None:
    objects = everything()
    for target in objects:
        for path, value in [*walk(target)]:
            if isinstance(value, int) and not isinstance(value, bool):
                at(target, path[:-1])[path[-1]] = count
    read(objects)
    check([Document(each) for each in objects])


def test_of_two_objects_of_one_name_the_first_counts() -> None:
    def service(port: int) -> Any:
        return {"kind": "Service", "metadata": {"name": "it"}, "spec": {"ports": [{"port": port}]}}

    topology: Topology = read_topology([Document(service(1)), Document(service(2))])
    assert topology.find("Service", "default", "it") is topology.objects[0]
    found = topology.service("default", "it")
    assert found is not None
    assert list(found.ports) == [1]
    assert topology.find("Service", "elsewhere", "it") is None
