"""The pod of a member, as data."""

from __future__ import annotations

from typing import Any

import pytest

from cdk8s_inference import DeviceRequest, EnvVar, Member, Platform, PodSettings, Probes
from cdk8s_inference.document.model_deployment import Role
from cdk8s_inference.document.ports import Listening
from cdk8s_inference.engines.pod import claim_template, pod_template

Json = dict[str, Any]

GPU = DeviceRequest.of("gpu", "true")
CACHE_MOUNT = {"name": "model-cache", "mountPath": "/mnt/models"}
RANK = [
    {"name": "MODELPLANE_LEADER_ADDRESS", "value": "$(LWS_LEADER_ADDRESS)"},
    {"name": "MODELPLANE_RANK", "value": "$(LWS_WORKER_INDEX)"},
]


HOME = [
    {"name": "HOME", "value": "/home/engine"},
    {"name": "TORCHINDUCTOR_CACHE_DIR", "value": "/home/engine/.cache/torchinductor"},
]


def pod(
    role: Role = "Standalone",
    *,
    port: int = 8000,
    image: str = "vllm",
    cache_claim: str | None = None,
    platform: Platform | None = None,
    **container: Any,
) -> Json:
    return pod_template(
        Member.of(role, image=image, **container),
        listening=None if role == "Worker" else Listening((port,), port),
        workload="w",
        labels={"z": "ours"},
        cache_claim=cache_claim,
        grace_seconds=90,
        platform=platform or Platform(),
    )


def engine(*args: Any, **fields: Any) -> Json:
    found: Json = pod(*args, **fields)["spec"]["containers"][0]
    return found


def test_what_the_user_said_is_there_as_it_was_said() -> None:
    env = [EnvVar(name="B", value=""), EnvVar(name="A", value="$(B)"), EnvVar(name="C")]
    container = engine(command=["b", "", "a"], args=["--z", "-a", "--z", ""], env=env)
    assert container["command"] == ["b", "", "a"]
    assert container["args"] == ["--z", "-a", "--z", ""]
    assert container["env"][len(HOME) :] == [
        {"name": "B", "value": ""},
        {"name": "A", "value": "$(B)"},
        {"name": "C"},
    ]
    assert (container["name"], container["image"]) == ("engine", "vllm")


def test_what_the_user_left_out_is_not_there() -> None:
    assert not engine().keys() & {"command", "args"}
    assert not pod()["spec"].keys() & {"resourceClaims", "imagePullSecrets", "nodeSelector"}
    assert "annotations" not in pod()["metadata"]


def test_an_empty_command_stays_empty() -> None:
    """To Kubernetes, and to the reference, it is none: the image's own runs, with our model."""
    container = engine(command=[], cache_claim="weights")
    assert (container["command"], container["args"]) == ([], ["--model=/mnt/models"])


@pytest.mark.parametrize(
    ("role", "fields", "args"),
    [
        ("Standalone", {}, ["--model=/mnt/models"]),
        ("Leader", {"args": ["-v"]}, ["-v", "--model=/mnt/models"]),
        ("Worker", {}, None),
        ("Standalone", {"args": ["--model=x"]}, ["--model=x"]),
        ("Standalone", {"args": ["--model", "x"]}, ["--model", "x"]),
        ("Standalone", {"args": ["--model-path=x"]}, ["--model-path=x"]),
        ("Standalone", {"args": ["--model-impl=x"]}, ["--model-impl=x", "--model=/mnt/models"]),
        ("Standalone", {"command": ["vllm"]}, None),
    ],
)
def test_a_cache_is_the_model_where_nothing_else_is(
    role: Role, fields: Json, args: list[str] | None
) -> None:
    assert engine(role, cache_claim="weights", **fields).get("args") == args


@pytest.mark.parametrize(
    ("role", "release", "fields", "told"),
    [
        ("Standalone", "0.32.0", {"args": ["--model=m"]}, True),
        # They would replace those of the image.
        ("Standalone", "0.32.0", {}, False),
        ("Standalone", "0.32.0", {"command": ["vllm", "serve"]}, True),
        ("Standalone", "0.32.0", {"command": ["sh", "-c", "vllm serve m"]}, False),
        ("Standalone", "0.32.0", {"command": ["my-server"]}, False),
        ("Standalone", "0.32.0", {"args": ["--config=vllm.yaml"]}, False),
        ("Standalone", "0.17.0", {"args": ["--model=m"]}, False),
        ("Leader", "0.32.0", {"args": ["--model=m"]}, False),
        ("Worker", "0.32.0", {"args": ["--model=m"]}, False),
    ],
)
def test_an_engine_is_told_to_finish_what_runs(
    role: Role, release: str, fields: Json, told: bool
) -> None:
    args = engine(role, image=f"vllm/vllm-openai:v{release}", **fields).get("args", [])
    assert ("--shutdown-timeout=60" in args) == told


def test_what_an_engine_is_told_about_its_end_stays() -> None:
    given = ["--model=m", "--shutdown-timeout", "5"]
    assert engine(image="vllm/vllm-openai:v0.32.0", args=given)["args"] == given


@pytest.mark.parametrize("role", ["Standalone", "Leader", "Worker"])
def test_a_cache_is_mounted_in_every_pod(role: Role) -> None:
    found = pod(role, cache_claim="weights")["spec"]
    assert CACHE_MOUNT in found["containers"][0]["volumeMounts"]
    claim = {"claimName": "weights"}
    assert {"name": "model-cache", "persistentVolumeClaim": claim} in found["volumes"]
    assert CACHE_MOUNT not in engine(role)["volumeMounts"]


@pytest.mark.parametrize("role", ["Standalone", "Leader", "Worker"])
def test_shared_memory_is_memory_in_every_pod(role: Role) -> None:
    found = pod(role)["spec"]
    shm = {"medium": "Memory", "sizeLimit": "1Gi"}
    assert found["volumes"][0] == {"name": "shm", "emptyDir": shm}
    assert found["containers"][0]["volumeMounts"][0] == {"name": "shm", "mountPath": "/dev/shm"}
    chosen = pod(role, platform=Platform(pods=PodSettings(shm_size="32Gi")))["spec"]
    assert chosen["volumes"][0]["emptyDir"] == {"medium": "Memory", "sizeLimit": "32Gi"}


@pytest.mark.parametrize("role", ["Standalone", "Leader", "Worker"])
def test_a_home_is_there_for_any_user(role: Role) -> None:
    """OpenShift runs containers as a user without one, and servers write their caches there."""
    found = pod(role)["spec"]
    mount = {"name": "home", "mountPath": "/home/engine"}
    assert {"name": "home", "emptyDir": {}} in found["volumes"]
    assert mount in found["containers"][0]["volumeMounts"]
    assert [each for each in found["containers"][0]["env"] if each in HOME] == HOME
    own = engine(role, env=[EnvVar(name="HOME", value="/root")])["env"]
    assert [each["value"] for each in own if each["name"] == "HOME"] == ["/root"]


NIC = DeviceRequest.of("nic", "true")


@pytest.mark.parametrize(
    ("fields", "cpu", "memory"),
    [
        ({}, "500m", "1Gi"),
        ({"devices": [GPU]}, "2", "8Gi"),
        ({"devices": [DeviceRequest.of("gpu", "true", count=8), NIC]}, "16", "64Gi"),
        ({"resources": {"amd.com/gpu": 4, "rdma/ib": 1}}, "8", "32Gi"),
        ({"pods": PodSettings(limits={"habana.ai/gaudi": 2})}, "4", "16Gi"),
    ],
)
def test_requests_and_shared_memory_grow_with_the_devices(
    fields: Json, cpu: str, memory: str
) -> None:
    platform = Platform(device_classes={"nic": "rdma.example.com"})
    found = pod(platform=platform, **fields)["spec"]
    requests = found["containers"][0]["resources"]["requests"]
    assert (requests["cpu"], requests["memory"]) == (cpu, memory)
    assert found["volumes"][0]["emptyDir"]["sizeLimit"] == memory


def test_a_limit_is_requested_unless_told_otherwise() -> None:
    """A default above the limit would be refused."""
    limited = engine(pods=PodSettings(limits={"memory": "512Mi"}))["resources"]
    assert limited == {"requests": {"cpu": "500m"}, "limits": {"memory": "512Mi"}}


def test_a_container_may_do_no_more_than_it_needs() -> None:
    found = pod()["spec"]
    assert found["securityContext"] == {"seccompProfile": {"type": "RuntimeDefault"}}
    least = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}
    assert found["containers"][0]["securityContext"] == least


def test_rdma_is_one_choice() -> None:
    container = engine(pods=PodSettings(rdma={"rdma/ib": 2}))
    assert container["resources"]["limits"] == {"rdma/ib": "2"}
    assert container["resources"]["requests"]["rdma/ib"] == "2"
    assert container["securityContext"]["capabilities"] == {"add": ["IPC_LOCK"], "drop": ["ALL"]}


@pytest.mark.parametrize("role", ["Standalone", "Leader", "Worker"])
def test_every_pod_may_run_on_gpu_nodes_and_knows_nothing_of_the_cluster(role: Role) -> None:
    found = pod(role, devices=[GPU])["spec"]
    assert found["tolerations"] == [
        {"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"}
    ]
    assert found["automountServiceAccountToken"] is False
    # Variables such as VLLM_PORT of a Service named vllm would break the engine.
    assert found["enableServiceLinks"] is False


@pytest.mark.parametrize("role", ["Leader", "Worker"])
def test_a_gang_is_told_its_leader_and_its_rank_first(role: Role) -> None:
    assert engine(role)["env"] == [*RANK, *HOME]
    env = [EnvVar(name="A", value="$(MODELPLANE_RANK)")]
    assert engine(role, env=env)["env"] == [
        *RANK,
        *HOME,
        {"name": "A", "value": "$(MODELPLANE_RANK)"},
    ]


@pytest.mark.parametrize("role", ["Leader", "Worker"])
def test_a_rank_that_the_user_set_is_the_users(role: Role) -> None:
    env = [EnvVar(name="A"), EnvVar(name="MODELPLANE_RANK", value="7")]
    assert engine(role, env=env)["env"] == [
        RANK[0],
        *HOME,
        {"name": "A"},
        {"name": "MODELPLANE_RANK", "value": "7"},
    ]


def test_probes_ask_the_engine_itself_and_give_it_an_hour_to_load() -> None:
    container = engine(port=8001)
    for name in ("startupProbe", "readinessProbe", "livenessProbe"):
        assert container[name]["httpGet"] == {"path": "/health", "port": 8001}
        assert container[name]["timeoutSeconds"] == 5
    startup = container["startupProbe"]
    assert startup["periodSeconds"] * startup["failureThreshold"] == 3600
    assert container["livenessProbe"]["failureThreshold"] == 6
    assert container["ports"] == [{"name": "http", "containerPort": 8001}]


def test_a_startup_that_is_no_multiple_of_the_period_is_not_cut_short() -> None:
    probes = Probes(path="/ready", startup_seconds=61, period_seconds=30, timeout_seconds=1)
    startup = engine(platform=Platform(probes=probes))["startupProbe"]
    assert startup == {
        "httpGet": {"path": "/ready", "port": 8000},
        "periodSeconds": 30,
        "timeoutSeconds": 1,
        "failureThreshold": 3,
    }


def test_a_follower_listens_nowhere() -> None:
    found = engine("Worker")
    assert not found.keys() & {"ports", "startupProbe", "readinessProbe", "livenessProbe"}


def test_labels_that_the_user_gave_stay() -> None:
    found = pod(labels={"a": "1", "z": "theirs"}, annotations={"b": "2", "a": ""})["metadata"]
    assert found == {"labels": {"a": "1", "z": "theirs"}, "annotations": {"b": "2", "a": ""}}


def test_secrets_of_the_registry_are_named() -> None:
    found = pod(image_pull_secrets=["b", "a"])["spec"]
    assert found["imagePullSecrets"] == [{"name": "b"}, {"name": "a"}]


@pytest.mark.parametrize("role", ["Standalone", "Leader", "Worker"])
def test_a_member_with_devices_names_the_template_of_its_claims(role: Role) -> None:
    member = Member.of(role, image="i", devices=[GPU])
    claims = claim_template(member, workload="w", platform=Platform())
    assert claims is not None
    named = pod(role, devices=[GPU])["spec"]["resourceClaims"][0]["resourceClaimTemplateName"]
    assert named == claims[0]
    bare = Member.of(role, image="i")
    assert claim_template(bare, workload="w", platform=Platform()) is None
