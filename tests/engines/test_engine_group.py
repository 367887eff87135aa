"""EngineGroup by itself, and what its owners may add to it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from cdk8s import Chart, JsonPatch

from cdk8s_inference import (
    App,
    DeviceRequest,
    Engine,
    EngineGroup,
    EnvVar,
    InvalidInput,
    Member,
    Platform,
    PodAddition,
)
from cdk8s_inference.engines.engine_group import add_together
from tests.kit.cluster import matches, pods
from tests.kit.synth import of_kind, serving_template, synthesized, the, workloads

Json = dict[str, Any]

GPU = DeviceRequest.of("gpu", 'device.driver == "gpu.nvidia.com"')


def standalone(**fields: Any) -> Engine:
    return Engine.standalone("qwen", image="vllm", devices=[GPU], **fields)


def gang(**fields: Any) -> Engine:
    return Engine(
        name="kimi",
        members=[
            Member.of("Worker", image="vllm", command=["follow"], devices=[GPU], nodes=2),
            Member.of("Leader", image="vllm", command=["lead"]),
        ],
        **fields,
    )


def chart() -> Chart:
    return Chart(App(), "chart", namespace="ml-team")


def group(engine: Engine | None = None, **fields: Any) -> EngineGroup:
    return EngineGroup(chart(), "engine", engine=engine or standalone(), **fields)


def emitted(made: EngineGroup) -> list[Json]:
    return synthesized(Chart.of(made))


def serving(made: EngineGroup) -> Json:
    (workload,) = workloads(emitted(made))
    return serving_template(workload)


def test_alone_it_is_a_workload_and_its_claims() -> None:
    objects = emitted(group(standalone(copies=3)))
    assert [entry["kind"] for entry in objects] == [
        "ResourceClaimTemplate",
        "Deployment",
        "PodDisruptionBudget",
    ]
    deployment = the(objects, "Deployment")
    assert deployment["metadata"]["name"] == "qwen"
    assert deployment["metadata"]["namespace"] == "ml-team"
    assert deployment["spec"]["replicas"] == 3
    pod = serving_template(deployment)["spec"]
    claims = the(objects, "ResourceClaimTemplate")["metadata"]["name"]
    assert pod["resourceClaims"] == [{"name": "devices", "resourceClaimTemplateName": claims}]
    assert pod["containers"][0]["resources"]["claims"] == [{"name": "devices"}]


def test_alone_it_can_be_routed_to_by_hand() -> None:
    for engine, expected in ((standalone(), ["qwen/pod"]), (gang(copies=2), ["kimi/leader"] * 2)):
        made = group(engine)
        objects = emitted(made)
        assert [
            pod.name for pod in pods(objects) if matches(made.serving_selector, pod.labels)
        ] == expected
        assert serving(made)["spec"]["containers"][0]["ports"] == [
            {"name": "http", "containerPort": made.port}
        ]


def test_a_rollout_may_take_as_long_as_a_start() -> None:
    """The default of ten minutes would call a rollout failed while its weights load."""
    spec = the(emitted(group()), "Deployment")["spec"]
    probe = spec["template"]["spec"]["containers"][0]["startupProbe"]
    assert spec["progressDeadlineSeconds"] > probe["failureThreshold"] * probe["periodSeconds"]


def test_a_gang_is_a_leader_and_its_followers_whatever_their_order() -> None:
    objects = emitted(group(gang(copies=2)))
    spec = the(objects, "LeaderWorkerSet")["spec"]
    template = spec["leaderWorkerTemplate"]
    commands = {
        part: template[part]["spec"]["containers"][0]["command"]
        for part in ("leaderTemplate", "workerTemplate")
    }
    assert commands == {"leaderTemplate": ["lead"], "workerTemplate": ["follow"]}
    assert (spec["replicas"], template["size"]) == (2, 3)
    assert template["restartPolicy"] == "RecreateGroupOnPodRestart"
    assert spec["startupPolicy"] == "LeaderCreated"
    # The leader claims nothing, so it names no template either.
    (claims,) = of_kind(objects, "ResourceClaimTemplate")
    assert claims["metadata"]["name"] == "kimi-worker"
    assert "resourceClaims" not in template["leaderTemplate"]["spec"]
    assert template["workerTemplate"]["spec"]["resourceClaims"] == [
        {"name": "devices", "resourceClaimTemplateName": "kimi-worker"}
    ]


def test_a_gang_says_what_a_webhook_would_default() -> None:
    """Stored before the webhook of LeaderWorkerSet runs, what it would add is never added."""
    spec = the(emitted(group(gang())), "LeaderWorkerSet")["spec"]
    assert spec["rolloutStrategy"] == {
        "type": "RollingUpdate",
        "rollingUpdateConfiguration": {"partition": 0, "maxUnavailable": 1, "maxSurge": 0},
    }
    assert spec["networkConfig"] == {"subdomainPolicy": "Shared"}


def test_a_gang_without_worker_settings_has_one_follower() -> None:
    engine = Engine(
        name="kimi",
        members=[
            Member.of("Leader", image="vllm", devices=[GPU]),
            Member.of("Worker", image="vllm"),
        ],
    )
    template = the(emitted(group(engine)), "LeaderWorkerSet")["spec"]["leaderWorkerTemplate"]
    assert template["size"] == 2


def test_a_namespace_of_its_own() -> None:
    for entry in emitted(group(namespace="other")):
        assert entry["metadata"]["namespace"] == "other"


def test_names_and_labels_that_it_is_given() -> None:
    made = group(
        gang(), name="a-0-kimi", instance="a-0", part_of="a", object_labels={"team": "blue"}
    )
    for entry in emitted(made):
        found = entry["metadata"]["labels"]
        assert found["team"] == "blue"
        assert found["app.kubernetes.io/instance"] == "a-0"
        assert found["app.kubernetes.io/part-of"] == "a"
        assert entry["metadata"]["name"].startswith("a-0-kimi")
    assert "team" not in serving(made)["metadata"]["labels"]


@pytest.mark.parametrize(
    ("engine", "fields", "says"),
    [
        (standalone(), {"name": "70b"}, "starting with a letter"),
        (Engine.standalone("70b", image="i", devices=[GPU]), {}, "starting with a letter"),
        (standalone(), {"namespace": "ml_team"}, "namespace 'ml_team' must be"),
        (gang(), {"name": "a" * 50}, "has 50 characters, at most 49 fit"),
    ],
)
def test_what_it_refuses_leaves_nothing(engine: Engine, fields: Json, says: str) -> None:
    where = chart()
    with pytest.raises(ValueError, match=says):
        EngineGroup(where, "engine", engine=engine, **fields)
    assert where.node.children == []
    EngineGroup(where, "engine", engine=standalone())


def test_an_engine_that_breaks_a_rule_says_all_that_it_breaks() -> None:
    engine = Engine(
        name="a",
        members=[
            Member.of("Standalone", image="i", nodes=2, labels={"cdk8s-inference/engine": "x"})
        ],
    )
    with pytest.raises(InvalidInput) as raised:
        group(engine)
    assert {finding.code for finding in raised.value.findings} == {"D107", "D111"}


def test_additions_go_to_the_serving_pods_alone() -> None:
    for engine in (standalone(), gang()):
        plain, made = group(engine), group(engine)
        made.add_label("a.io/b", "1")
        made.add_label("c", "2")
        made.add_annotation("note", "x")
        made.add_annotation("other", "y")
        made.add_env(EnvVar(name="A", value="1"), EnvVar.from_secret("B", "s", "k"))
        made.add_env(EnvVar.from_field("IP", "status.podIP"))
        made.add_sidecar({"name": "proxy", "image": "p"})
        made.add_sidecar({"name": "log", "image": "l"})
        made.add_container({"name": "exporter", "image": "e"})
        made.add_volume({"name": "scratch", "emptyDir": {}})

        before, after = workloads(emitted(plain))[0], workloads(emitted(made))[0]
        found = serving_template(after)
        assert found["metadata"]["labels"].items() >= {("a.io/b", "1"), ("c", "2")}
        assert found["metadata"]["annotations"] == {"note": "x", "other": "y"}
        container = found["spec"]["containers"][0]
        assert container["env"][-3:] == [
            {"name": "A", "value": "1"},
            {"name": "B", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}},
            {"name": "IP", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}},
        ]
        assert found["spec"]["initContainers"] == [
            {"name": "proxy", "image": "p", "restartPolicy": "Always"},
            {"name": "log", "image": "l", "restartPolicy": "Always"},
        ]
        assert [entry["name"] for entry in found["spec"]["containers"]] == ["engine", "exporter"]
        assert found["spec"]["volumes"][-1] == {"name": "scratch", "emptyDir": {}}

        # Taking the additions away again gives the engine as it was, followers included.
        for key in ("a.io/b", "c"):
            del found["metadata"]["labels"][key]
        del found["metadata"]["annotations"], found["spec"]["initContainers"]
        del found["spec"]["containers"][1:], found["spec"]["volumes"][-1], container["env"][-3:]
        if not container["env"]:
            del container["env"]
        assert after == before


def test_an_addition_that_is_there_already_changes_nothing() -> None:
    made = group(Engine(name="a", members=[Member.of("Standalone", image="i", devices=[GPU])]))
    made.add_label("a", "1")
    before = emitted(made)
    made.add_label("a", "1")
    made.add_to_serving_pods(PodAddition())
    assert emitted(made) == before


CLASHES: dict[str, tuple[Callable[[EngineGroup], None], str]] = {
    "label": (
        lambda made: made.add_label("app.kubernetes.io/component", "x"),
        "label app.kubernetes.io/component is 'engine' already, cannot add 'x'",
    ),
    "annotation": (
        lambda made: made.add_annotation("note", "new"),
        "annotation note is 'old' already, cannot add 'new'",
    ),
    "variable": (lambda made: made.add_env(EnvVar(name="A", value="2")), "env cannot take 'A'"),
    "variables": (
        lambda made: made.add_env(EnvVar(name="B"), EnvVar(name="B")),
        "env cannot take 'B'",
    ),
    "volume": (
        lambda made: made.add_volume({"name": "shm", "emptyDir": {}}),
        "volumes cannot take 'shm', the pod has ['home', 'shm'] already",
    ),
    "container": (
        lambda made: made.add_container({"name": "engine", "image": "i"}),
        "containers cannot take 'engine'",
    ),
    "sidecar": (
        lambda made: made.add_sidecar({"name": "engine", "image": "i"}),
        "initContainers cannot take 'engine', the pod has ['engine', 'log'] already",
    ),
    "container and sidecar": (
        lambda made: made.add_to_serving_pods(
            PodAddition(
                sidecars=[{"name": "x", "image": "i"}], containers=[{"name": "x", "image": "i"}]
            )
        ),
        "containers cannot take 'x'",
    ),
}


@pytest.mark.parametrize(("add", "says"), CLASHES.values(), ids=CLASHES)
def test_a_clash_is_refused_and_adds_nothing(add: Callable[[EngineGroup], None], says: str) -> None:
    made = group(standalone(env=[EnvVar(name="A", value="1")]))
    made.add_annotation("note", "old")
    made.add_sidecar({"name": "log", "image": "l"})
    before = emitted(made)
    with pytest.raises(ValueError, match=r"^engine qwen: ") as raised:
        add(made)
    assert says in str(raised.value)
    assert emitted(made) == before


def test_several_engines_are_added_to_together_or_not_at_all() -> None:
    where = chart()
    one = EngineGroup(where, "one", engine=standalone(), name="one")
    other = EngineGroup(where, "other", engine=standalone(), name="other")
    other.add_label("a", "1")
    before = synthesized(where)
    with pytest.raises(ValueError, match="label a is '1' already, cannot add '2'"):
        add_together(
            [(one, PodAddition(labels={"a": "2"})), (other, PodAddition(labels={"a": "2"}))]
        )
    assert synthesized(where) == before


@pytest.mark.parametrize("engine", [standalone(), gang()], ids=["deployment", "gang"])
def test_a_patch_of_the_workload_arrives_and_comes_last(engine: Engine) -> None:
    made = group(engine)
    template = (
        "/spec/template" if not engine.is_gang else "/spec/leaderWorkerTemplate/leaderTemplate"
    )
    made.workload.add_json_patch(
        JsonPatch.add(f"{template}/spec/terminationGracePeriodSeconds", 90),
        JsonPatch.replace(f"{template}/spec/containers/0/image", "registry.example.com/vllm"),
        JsonPatch.remove(f"{template}/spec/tolerations"),
    )
    made.add_env(EnvVar(name="A", value="1"))
    pod = serving(made)["spec"]
    assert pod["terminationGracePeriodSeconds"] == 90
    assert pod["containers"][0]["image"] == "registry.example.com/vllm"
    assert pod["containers"][0]["env"][-1] == {"name": "A", "value": "1"}
    assert "tolerations" not in pod


def test_metadata_of_the_workload_can_be_added_to() -> None:
    made = group()
    made.workload.metadata.add_annotation("argocd.argoproj.io/sync-wave", "1")
    annotations = the(emitted(made), "Deployment")["metadata"]["annotations"]
    assert annotations == {"argocd.argoproj.io/sync-wave": "1"}


def test_a_default_variable_gives_way_to_one_that_is_there() -> None:
    made = group(standalone(env=[EnvVar(name="A", value="mine")]))
    defaults = [EnvVar(name="A", value="default"), EnvVar(name="B", value="default")]
    made.add_to_serving_pods(PodAddition(default_env=defaults))
    assert serving(made)["spec"]["containers"][0]["env"][-2:] == [
        {"name": "A", "value": "mine"},
        {"name": "B", "value": "default"},
    ]


def test_the_platform_pins_and_allocates() -> None:
    engine = Engine.standalone(
        "a", image="i", devices=[GPU, DeviceRequest.of("nic", "true", "false", count=2)]
    )
    platform = Platform(
        node_pool="h100",
        device_classes={"nic": "rdma.example.com"},
        default_device_class="gpu.example.com",
    )
    objects = emitted(group(engine, platform=platform))
    pod = the(objects, "Deployment")["spec"]["template"]["spec"]
    assert pod["nodeSelector"] == {"modelplane.ai/pool": "h100"}
    requests = the(objects, "ResourceClaimTemplate")["spec"]["spec"]["devices"]["requests"]
    assert requests == [
        {
            "name": "gpu",
            "exactly": {
                "deviceClassName": "gpu.example.com",
                "count": 1,
                "selectors": [{"cel": {"expression": 'device.driver == "gpu.nvidia.com"'}}],
            },
        },
        {
            "name": "nic",
            "exactly": {
                "deviceClassName": "rdma.example.com",
                "count": 2,
                "selectors": [{"cel": {"expression": "true"}}, {"cel": {"expression": "false"}}],
            },
        },
    ]
