"""Kinds that controllers of other projects make pods from: their containers are read as engines."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from cdk8s_inference.checks import check
from cdk8s_inference.source import Cursor, Document, read
from cdk8s_inference.topology import ControlledKind, Topology, pod_templates, read_topology
from cdk8s_inference.topology.kinds import KINDS, kind_of
from tests.topology.test_topology import topology, value

VLLM = {
    "name": "it",
    "image": "vllm/vllm-openai:v0.23.0",
    "args": ["--model=Qwen/Qwen3-32B", "--tensor-parallel-size=2"],
}
POD = {"containers": [VLLM]}
TEMPLATE = {"metadata": {"labels": {"app": "it"}}, "spec": POD}


def made(version: str, kind: str, spec: Any, **others: Any) -> dict[str, Any]:
    return {
        "apiVersion": version,
        "kind": kind,
        "metadata": {"name": "it", "namespace": "llm"},
        "spec": spec,
        **others,
    }


RAY = {
    "headGroupSpec": {"template": TEMPLATE},
    "workerGroupSpecs": [{"groupName": "gpu", "replicas": 3, "template": TEMPLATE}],
}
ROLE = {"name": "decode", "replicas": 3, "template": TEMPLATE}

CASES: dict[str, tuple[dict[str, Any], list[tuple[str, int, int]]]] = {
    "a Pod": (made("v1", "Pod", POD), [("spec", 1, 1)]),
    "a Job": (made("batch/v1", "Job", {"template": TEMPLATE}), [("spec.template", 1, 1)]),
    "a CronJob": (
        made("batch/v1", "CronJob", {"jobTemplate": {"spec": {"template": TEMPLATE}}}),
        [("spec.jobTemplate.spec.template", 1, 1)],
    ),
    "a JobSet": (
        made(
            "jobset.x-k8s.io/v1alpha2",
            "JobSet",
            {"replicatedJobs": [{"replicas": 2, "template": {"spec": {"template": TEMPLATE}}}]},
        ),
        [("spec.replicatedJobs[0].template.spec.template", 2, 1)],
    ),
    "an Argo Rollout": (
        made("argoproj.io/v1alpha1", "Rollout", {"replicas": 3, "template": TEMPLATE}),
        [("spec.template", 3, 1)],
    ),
    "a CloneSet": (
        made("apps.kruise.io/v1alpha1", "CloneSet", {"replicas": 3, "template": TEMPLATE}),
        [("spec.template", 3, 1)],
    ),
    "an Advanced StatefulSet": (
        made("apps.kruise.io/v1beta1", "StatefulSet", {"replicas": 3, "template": TEMPLATE}),
        [("spec.template", 3, 1)],
    ),
    "a Knative Service": (
        made("serving.knative.dev/v1", "Service", {"template": TEMPLATE}),
        [("spec.template", 1, 1)],
    ),
    "a StormService": (
        made(
            "orchestration.aibrix.ai/v1alpha1",
            "StormService",
            {"replicas": 1, "template": {"spec": {"roles": [{**ROLE, "podGroupSize": 2}]}}},
        ),
        [("spec.template.spec.roles[0].template", 3, 2)],
    ),
    "a RoleBasedGroup of v1alpha1": (
        made("workloads.x-k8s.io/v1alpha1", "RoleBasedGroup", {"roles": [ROLE]}),
        [("spec.roles[0].template", 3, 1)],
    ),
    "a RoleBasedGroup of v1alpha2": (
        made(
            "workloads.x-k8s.io/v1alpha2",
            "RoleBasedGroup",
            {
                "roles": [
                    {"replicas": 1, "standalonePattern": {"template": TEMPLATE}},
                    {"replicas": 2, "leaderWorkerPattern": {"size": 4, "template": TEMPLATE}},
                ]
            },
        ),
        [
            ("spec.roles[0].standalonePattern.template", 1, 1),
            ("spec.roles[1].leaderWorkerPattern.template", 2, 4),
        ],
    ),
    "a RoleBasedGroupSet": (
        made(
            "workloads.x-k8s.io/v1alpha2",
            "RoleBasedGroupSet",
            {"groupTemplate": {"spec": {"roles": [ROLE]}}},
        ),
        [("spec.groupTemplate.spec.roles[0].template", 3, 1)],
    ),
    "a DynamoGraphDeployment of v1alpha1": (
        made(
            "nvidia.com/v1alpha1",
            "DynamoGraphDeployment",
            {
                "services": {
                    "decode": {
                        "replicas": 2,
                        "multinode": {"nodeCount": 2},
                        "extraPodSpec": {"mainContainer": VLLM, "containers": [{"name": "log"}]},
                    }
                }
            },
        ),
        [("spec.services.decode.extraPodSpec", 2, 2)],
    ),
    "a DynamoGraphDeployment of v1beta1": (
        made(
            "nvidia.com/v1beta1",
            "DynamoGraphDeployment",
            {"components": [{"name": "decode", "replicas": 2, "podTemplate": {"spec": POD}}]},
        ),
        [("spec.components[0].podTemplate", 2, 1)],
    ),
    "a PodCliqueSet": (
        made(
            "grove.io/v1alpha1",
            "PodCliqueSet",
            {
                "template": {
                    "cliques": [
                        {
                            "name": "decode",
                            "labels": {"app": "it"},
                            "spec": {"replicas": 2, "podSpec": POD},
                        }
                    ]
                }
            },
        ),
        [("spec.template.cliques[0].spec.podSpec", 2, 1)],
    ),
    "a ModelServing": (
        made(
            "workload.serving.volcano.sh/v1alpha1",
            "ModelServing",
            {
                "template": {
                    "roles": [
                        {
                            "name": "decode",
                            "replicas": 2,
                            "entryTemplate": TEMPLATE,
                            "workerReplicas": 3,
                            "workerTemplate": TEMPLATE,
                        }
                    ]
                }
            },
        ),
        [
            ("spec.template.roles[0].entryTemplate", 2, 4),
            ("spec.template.roles[0].workerTemplate", 2, 4),
        ],
    ),
    "an InferenceService of KServe": (
        made(
            "serving.kserve.io/v1beta1",
            "InferenceService",
            {"predictor": {"minReplicas": 2, **POD}},
        ),
        [("spec.predictor", 2, 1)],
    ),
    "a ServingRuntime": (
        made("serving.kserve.io/v1alpha1", "ServingRuntime", POD),
        [("spec", 1, 1)],
    ),
    "a RayService": (
        made("ray.io/v1", "RayService", {"rayClusterConfig": RAY}),
        [
            ("spec.rayClusterConfig.headGroupSpec.template", 1, 1),
            ("spec.rayClusterConfig.workerGroupSpecs[0].template", 3, 1),
        ],
    ),
    "a RayCluster": (
        made("ray.io/v1", "RayCluster", RAY),
        [("spec.headGroupSpec.template", 1, 1), ("spec.workerGroupSpecs[0].template", 3, 1)],
    ),
    "a Workspace of KAITO": (
        made("kaito.sh/v1beta1", "Workspace", None, inference={"template": TEMPLATE}),
        [("inference.template", 1, 1)],
    ),
    "a kind that is not known": (
        made("example.com/v1", "Serving", {"groups": [{"replicas": 2, "template": TEMPLATE}]}),
        [("spec.groups[0].template", 2, 1)],
    ),
    "a kind that is not known, with a pod's spec": (
        made("example.com/v1", "Serving", {"engine": POD}),
        [("spec.engine", 1, 1)],
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_its_containers_are_engines(name: str) -> None:
    written, expected = CASES[name]
    found = topology([written])
    templates = []
    for pods in found.pods:
        assert pods.engine is not None
        assert value(pods.engine.tensor_parallel) == 2
        assert value(pods.engine.model) == "Qwen/Qwen3-32B"
        place = pods.object.value_at(pods.at, None).place.path or "spec"
        templates.append((place, pods.workload.copies.value, pods.workload.size.value))
    assert templates == expected


def test_every_kind_that_is_known_is_found_by_group_and_name() -> None:
    names = [(kind.group, kind.name) for kind in KINDS]
    assert len(set(names)) == len(names)
    for group, name in names:
        assert kind_of(group, name) in KINDS
    for kind in KINDS:
        assert kind.source.endswith(".")
        assert not kind.templates or kind.makes


def test_labels_are_read_where_a_kind_writes_them() -> None:
    (pods,) = topology([CASES["a PodCliqueSet"][0]]).pods
    assert pods.labels == {"app": "it"}
    dynamo = CASES["a DynamoGraphDeployment of v1alpha1"][0]
    dynamo["spec"]["services"]["decode"]["extraPodMetadata"] = {"labels": {"app": "decode"}}
    (pods,) = topology([dynamo]).pods
    assert pods.labels == {"app": "decode"}


def test_a_main_container_is_read_at_its_own_line() -> None:
    text = """\
apiVersion: nvidia.com/v1alpha1
kind: DynamoGraphDeployment
metadata: {name: it}
spec:
  services:
    decode:
      extraPodSpec:
        mainContainer:
          image: vllm/vllm-openai:v0.23.0
          args:
            - --port=8001
"""
    (pods,) = topology(text).pods
    assert pods.engine is not None
    port = pods.engine.port
    assert port is not None
    assert (port.value, port.place.line) == (8001, 11)
    assert port.place.path == "spec.services.decode.extraPodSpec.mainContainer.args[0]"


def test_the_flags_of_a_vllm_runtime_are_read_from_its_fields() -> None:
    spec = {
        "image": {"registry": "docker.io", "name": "lmcache/vllm-openai:v0.3"},
        "model": {"modelURL": "Qwen/Qwen3-32B", "maxModelLen": 4096},
        "vllmConfig": {"tensorParallelSize": 4, "port": 8001, "extraArgs": ["--block-size=64"]},
        "deploymentConfig": {"replicas": 2},
    }
    found = topology([made("production-stack.vllm.ai/v1alpha1", "VLLMRuntime", spec)])
    (pods,) = found.pods
    engine = pods.engine
    assert engine is not None
    assert engine.tensor_parallel is not None
    assert engine.tensor_parallel.place.path == "spec.vllmConfig.tensorParallelSize"
    read = (engine.tensor_parallel, engine.port, engine.block_size, engine.model)
    assert [value(each) for each in read] == [4, 8001, 64, "Qwen/Qwen3-32B"]
    assert engine.container.image.value == "docker.io/lmcache/vllm-openai:v0.3"
    assert pods.workload.copies.value == 2


def test_the_flags_of_a_model_booster_are_read_from_its_config() -> None:
    worker = {
        "type": "prefill",
        "image": "vllm/vllm-openai:v0.23.0",
        "config": {
            "tensor-parallel-size": 2,
            "enforce-eager": True,
            "kv-transfer-config": '{"kv_connector": "NixlConnector", "kv_role": "kv_producer"}',
        },
    }
    backend = {"workers": [worker]}
    found = topology(
        [made("workload.serving.volcano.sh/v1alpha1", "ModelBooster", {"backend": backend})]
    )
    (pods,) = found.pods
    assert pods.engine is not None
    assert pods.engine.transfer is not None
    assert pods.engine.transfer.connector.value == "NixlConnector"
    place = pods.engine.transfer.connector.place
    assert place.path == "spec.backend.workers[0].config[kv-transfer-config]"
    assert value(pods.engine.tensor_parallel) == 2


def test_an_image_is_read_by_repository_and_tag() -> None:
    spec = {"image": {"repository": "nvcr.io/nim/meta/llama-3.1-8b-instruct", "tag": "1.3.3"}}
    (pods,) = topology([made("apps.nvidia.com/v1alpha1", "NIMService", spec)]).pods
    (container,) = pods.containers
    assert container.image.value == "nvcr.io/nim/meta/llama-3.1-8b-instruct:1.3.3"
    assert pods.engine is None


def test_a_schema_and_an_object_within_an_object_are_no_pod_templates() -> None:
    schema = made("apiextensions.k8s.io/v1", "CustomResourceDefinition", {"template": TEMPLATE})
    deployment = made("apps/v1", "Deployment", {"template": TEMPLATE})
    wrapped = made(
        "kubernetes.crossplane.io/v1alpha2", "Object", {"forProvider": {"manifest": deployment}}
    )
    assert not topology([schema]).pods
    assert [pods.workload.kind for pods in topology([wrapped]).pods] == ["Deployment"]


def note(objects: list[Any]) -> list[str]:
    return [unread.message for unread in topology(objects).unread]


def test_a_kind_is_noted_once_with_what_was_read_of_it() -> None:
    written, _ = CASES["a StormService"]
    (said,) = note([written, {**written, "metadata": {"name": "other"}}])
    assert "StormService (orchestration.aibrix.ai): 2 objects with 2 pod templates, 2 eng" in said
    assert "RoleSet" in said
    assert "adds: environment, labels, how many pods make an engine" in said


def test_a_kind_that_is_not_known_is_noted_by_name() -> None:
    (said,) = note([CASES["a kind that is not known"][0]])
    assert "Serving (example.com): 1 object with 1 pod template, 1 engine" in said
    assert "its controller is not known" in said
    assert not note([made("example.com/v1", "Policy", {"priority": 3})])


def test_nothing_is_noted_of_kinds_whose_template_says_all() -> None:
    for name in ("a Pod", "an Argo Rollout", "a CloneSet", "a Job"):
        assert not note([CASES[name][0]]), name
    (kind,) = topology([CASES["an Argo Rollout"][0]]).controlled_kinds
    assert isinstance(kind, ControlledKind)
    assert (kind.name, kind.templates, kind.engines) == ("Rollout", 1, 1)


def test_a_kind_of_jobs_is_noted_where_it_runs_an_engine() -> None:
    jobs, _ = CASES["a JobSet"]
    (said,) = note([jobs])
    assert "JobSet" in said
    text = yaml.safe_dump(jobs).replace("vllm/vllm-openai:v0.23.0", "example.com/nccl:1")
    assert not note(list(yaml.safe_load_all(text.replace("--model", "--test"))))


def test_a_kind_without_a_template_is_noted_as_such() -> None:
    model = {"predictor": {"model": {"modelFormat": {"name": "vLLM"}}}}
    (said,) = note([made("serving.kserve.io/v1beta1", "InferenceService", model)])
    assert "1 object with no pod template that can be read; its controller makes" in said


def codes(objects: list[Any]) -> set[str]:
    return {each.code for each in check([Document(each) for each in objects])} - {"K010", "T001"}


def test_what_a_controller_may_add_is_not_missed() -> None:
    bare = {
        "containers": [
            {
                **VLLM,
                "volumeMounts": [{"name": "shm", "mountPath": "/dev/shm"}],
                "readinessProbe": {"httpGet": {"path": "/health", "port": "system"}},
            }
        ]
    }
    template = {"spec": bare}
    graph = {"components": [{"name": "decode", "podTemplate": template}]}
    beside = [
        made(
            "v1",
            "Service",
            {"selector": {"nvidia.com/dynamo-component": "decode"}, "ports": [{"port": 8000}]},
        ),
        made(
            "policy/v1",
            "PodDisruptionBudget",
            {"maxUnavailable": 1, "selector": {"matchLabels": {"nvidia.com/dynamo": "it"}}},
        ),
        made(
            "autoscaling/v2",
            "HorizontalPodAutoscaler",
            {"maxReplicas": 3, "scaleTargetRef": {"kind": "Deployment", "name": "it-decode"}},
        ),
    ]
    dynamo = made("nvidia.com/v1beta1", "DynamoGraphDeployment", graph)
    assert not codes([dynamo, *beside])
    deployment = made("apps/v1", "Deployment", {"template": template})
    assert {"T601", "T608", "T705", "T804"} <= codes([deployment, *beside])


def test_what_a_template_says_of_all_its_pods_is_judged() -> None:
    spec = {
        "template": {
            "spec": {"containers": [{**VLLM, "volumeMounts": [{"name": "shm", "mountPath": "/x"}]}]}
        }
    }
    assert "T608" in codes([made("argoproj.io/v1alpha1", "Rollout", spec)])


def test_a_selector_by_labels_that_a_controller_adds_may_match() -> None:
    serving = made("apps/v1", "Deployment", {"template": {"spec": POD}})
    pool = {
        "apiVersion": "inference.networking.k8s.io/v1",
        "kind": "InferencePool",
        "metadata": {"name": "it", "namespace": "llm"},
        "spec": {
            "selector": {"matchLabels": {"rbg.workloads.x-k8s.io/role": "decode"}},
            "targetPorts": [{"number": 8000}],
            "endpointPickerRef": {"name": "epp", "port": {"number": 9002}},
        },
    }
    assert "T105" in codes([serving, pool])
    assert "T105" not in codes([serving, pool, CASES["a RoleBasedGroup of v1alpha2"][0]])
    elsewhere = {**CASES["a RoleBasedGroup of v1alpha2"][0]}
    elsewhere["metadata"] = {"name": "it", "namespace": "other"}
    assert "T105" in codes([serving, pool, elsewhere])


def test_a_deeply_nested_object_is_read() -> None:
    nested: Any = {"template": TEMPLATE}
    for _ in range(5000):
        nested = {"in": nested}
    found = read_topology([Document(made("example.com/v1", "Serving", nested))])
    assert len(found.pods) == 1


def test_reading_is_linear(monkeypatch: pytest.MonkeyPatch) -> None:
    """The places that are visited grow with the object, however deep its templates are."""
    places: list[Cursor] = []
    seen = pod_templates._template_at

    def visited(place: Cursor) -> Cursor | None:
        places.append(place)
        return seen(place)

    monkeypatch.setattr(pod_templates, "_template_at", visited)
    counts = []
    for count in (10, 100, 1000):
        places.clear()
        groups = [{"replicas": 1, "engine": {"pod": TEMPLATE}} for _ in range(count)]
        read_topology([Document(made("example.com/v1", "Serving", {"groups": groups}))])
        counts.append(len(places))
    assert counts[2] - counts[1] == 10 * (counts[1] - counts[0])


def test_a_list_of_kinds_is_read_one_by_one() -> None:
    objects = [written for written, _ in CASES.values()]
    text = yaml.safe_dump({"kind": "List", "apiVersion": "v1", "items": objects})
    documents, problems = read(text.encode())
    assert not problems
    found: Topology = read_topology(documents)
    assert len(found.pods) == sum(len(expected) for _, expected in CASES.values())


def test_the_workers_of_dynamo_are_engines_and_its_frontend_is_none() -> None:
    def service(*args: str) -> Any:
        container: dict[str, Any] = {"image": "nvcr.io/nvidia/ai-dynamo/vllm-runtime:0.9.1"}
        if args:
            container |= {"command": ["python3", "-m", "dynamo.vllm"], "args": [*args]}
            container["livenessProbe"] = {"httpGet": {"path": "/live", "port": 9090}}
        return {"extraPodSpec": {"mainContainer": container}}

    services = {
        "Frontend": service(),
        "decode": service("--model=m", "--is-decode-worker"),
        "prefill": service("--model=m", "--is-prefill-worker"),
    }
    spec = {"services": services}
    graph = made("nvidia.com/v1alpha1", "DynamoGraphDeployment", spec)
    engines = [pods.engine for pods in topology([graph]).serving]
    assert [engine.server.name for engine in engines if engine and engine.server] == [
        "dynamo-vllm",
        "dynamo-vllm",
    ]
    assert not codes([graph])
    main = {"name": "main", **services["decode"]["extraPodSpec"]["mainContainer"]}
    worker = made("apps/v1", "Deployment", {"template": {"spec": {"containers": [main]}}})
    assert "T609" not in codes([worker])
