"""Settings of engine pods: what they change, in which order, and what every reader sees of them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from cdk8s import Chart

from cdk8s_inference import (
    App,
    DeviceRequest,
    DisaggRouting,
    Engine,
    EngineGroup,
    EnvVar,
    InvalidInput,
    Member,
    ModelDeployment,
    Platform,
    PodAddition,
    PodSettings,
    SidecarOptions,
)
from cdk8s_inference.document.ports import Listening
from cdk8s_inference.engines.pod import pod_template
from tests.document.builders import NIXL
from tests.kit.synth import of_kind, synthesized, the

Json = dict[str, Any]

GPU = DeviceRequest.of("gpu", 'device.driver == "gpu.nvidia.com"')

EVERYTHING = PodSettings(
    requests={"cpu": 8, "memory": "64Gi", "ephemeral-storage": "20Gi"},
    limits={"memory": "128Gi", "amd.com/gpu": 2},
    volumes=[{"name": "weights", "hostPath": {"path": "/weights"}}],
    volume_mounts=[{"name": "weights", "mountPath": "/weights", "readOnly": True}],
    init_containers=[{"name": "fetch", "image": "fetcher", "args": ["model"]}],
    pod_security_context={"fsGroup": 1000},
    security_context={"runAsUser": 1000},
    service_account_name="models",
    node_selector={"disk": "nvme"},
    affinity={"podAntiAffinity": {}},
    tolerations=[{"key": "amd.com/gpu", "operator": "Exists"}],
    topology_spread_constraints=[
        {"maxSkew": 1, "topologyKey": "zone", "whenUnsatisfiable": "ScheduleAnyway"}
    ],
    priority_class_name="high",
    runtime_class_name="nvidia",
    scheduler_name="volcano",
    host_network=True,
    host_ipc=True,
    image_pull_policy="Always",
    image_pull_secrets=["registry"],
    lifecycle={"preStop": {"sleep": {"seconds": 5}}},
    termination_grace_period_seconds=600,
    pod={
        "metadata": {"annotations": {"a": "1"}},
        "spec": {"containers": [{"name": "engine", "stdin": True}], "hostname": "h"},
    },
)


def pod(
    member: Member, platform: Platform | None = None, engine: PodSettings | None = None
) -> Json:
    return pod_template(
        member,
        listening=Listening((8000,), 8000),
        workload="w",
        labels={"z": "ours"},
        cache_claim=None,
        grace_seconds=90,
        platform=platform or Platform(),
        engine_settings=engine,
    )


def member(pods: PodSettings | None = None, **fields: Any) -> Member:
    return Member.of("Standalone", image="vllm", pods=pods, **fields)


def engine(name: str = "qwen", pods: PodSettings | None = None, **fields: Any) -> Engine:
    return Engine.standalone(name, image="vllm", devices=[GPU], pods=pods, **fields)


def test_every_setting_is_in_the_pod_by_its_own_name() -> None:
    template = pod(member(EVERYTHING))
    spec = template["spec"]
    (container,) = spec["containers"]
    assert template["metadata"]["annotations"] == {"a": "1"}
    resources = container["resources"]
    assert resources["requests"]["cpu"] == "8"
    assert resources["requests"]["ephemeral-storage"] == "20Gi"
    assert resources["limits"] == {"memory": "128Gi", "amd.com/gpu": "2"}
    assert resources["requests"]["amd.com/gpu"] == "2"
    assert {"name": "weights", "hostPath": {"path": "/weights"}} in spec["volumes"]
    assert EVERYTHING.volume_mounts[0] in container["volumeMounts"]
    assert spec["initContainers"][0]["name"] == "fetch"
    assert spec["initContainers"][0]["securityContext"] == container["securityContext"]
    assert spec["securityContext"]["fsGroup"] == 1000
    assert container["securityContext"]["runAsUser"] == 1000
    for key, value in {
        "serviceAccountName": "models",
        "nodeSelector": {"disk": "nvme"},
        "affinity": {"podAntiAffinity": {}},
        "topologySpreadConstraints": EVERYTHING.topology_spread_constraints,
        "priorityClassName": "high",
        "runtimeClassName": "nvidia",
        "schedulerName": "volcano",
        "hostNetwork": True,
        "dnsPolicy": "ClusterFirstWithHostNet",
        "hostIPC": True,
        "imagePullSecrets": [{"name": "registry"}],
        "terminationGracePeriodSeconds": 600,
        "hostname": "h",
    }.items():
        assert spec[key] == value
    assert [each["key"] for each in spec["tolerations"]] == ["nvidia.com/gpu", "amd.com/gpu"]
    assert container["imagePullPolicy"] == "Always"
    assert container["lifecycle"] == EVERYTHING.lifecycle
    assert container["stdin"] is True


def test_a_deployment_with_every_setting_is_accepted() -> None:
    app = App()
    settings = replace(EVERYTHING, limits={"memory": "128Gi"})
    ModelDeployment(
        app, "d", name="d", namespace="ml", engines=[engine()], platform=Platform(pods=settings)
    )
    objects = synthesized(app)
    spec = the(objects, "Deployment")["spec"]["template"]["spec"]
    assert spec["priorityClassName"] == "high"


def test_the_member_goes_over_the_engine_and_the_engine_over_the_platform() -> None:
    def said(value: str) -> PodSettings:
        return PodSettings(
            priority_class_name=value,
            node_selector={value: "1", "all": value},
            tolerations=[{"key": value}],
            pod={"metadata": {"labels": {"team": value}}, "spec": {"hostname": value}},
        )

    template = pod(member(said("m")), Platform(pods=said("p")), said("e"))
    spec = template["spec"]
    assert spec["priorityClassName"] == spec["hostname"] == template["metadata"]["labels"]["team"]
    assert spec["hostname"] == "m"
    assert spec["nodeSelector"] == {"p": "1", "e": "1", "m": "1", "all": "m"}
    assert [each["key"] for each in spec["tolerations"][1:]] == ["p", "e", "m"]
    assert pod(member(), Platform(pods=said("p")), said("e"))["spec"]["hostname"] == "e"


def test_what_the_template_says_goes_over_all_settings() -> None:
    environment = [{"name": "A", "value": "theirs"}, {"name": "P", "value": "platform"}]
    settings = PodSettings(
        image_pull_secrets=["shared"],
        pod={
            "metadata": {"labels": {"team": "p"}, "annotations": {"note": "p"}},
            "spec": {"containers": [{"name": "engine", "env": environment}]},
        },
    )
    said = member(
        env=[EnvVar.from_field("A", "status.podIP")],
        labels={"team": "t"},
        annotations={"note": "t"},
        image_pull_secrets=["own"],
    )
    template = pod(said, Platform(pods=settings))
    assert template["metadata"] == {
        "labels": {"team": "t", "z": "ours"},
        "annotations": {"note": "t"},
    }
    assert template["spec"]["imagePullSecrets"] == [{"name": "shared"}, {"name": "own"}]
    env = template["spec"]["containers"][0]["env"]
    variables = {each["name"]: each for each in env}
    assert "value" not in variables["A"]
    assert variables["P"]["value"] == "platform"


def test_none_takes_away_what_is_below() -> None:
    below = Platform(pods=PodSettings(requests={"cpu": 4}, node_selector={"a": "1", "b": "2"}))
    spec = pod(member(PodSettings(requests={"cpu": None}, node_selector={"a": None})), below)[
        "spec"
    ]
    assert "cpu" not in spec["containers"][0].get("resources", {}).get("requests", {})
    assert spec["nodeSelector"] == {"b": "2"}
    hosted = Platform(pods=PodSettings(host_network=True))
    off = pod(member(PodSettings(host_network=False)), hosted)["spec"]
    assert not off.keys() & {"hostNetwork", "dnsPolicy"}


@pytest.mark.parametrize(
    ("fields", "path", "message"),
    [
        ({"requests": {"gpu": 1}}, "requests", "invalid format"),
        ({"requests": {"cpu": "4 cores"}}, "requests.cpu", "invalid format"),
        ({"requests": {"amd.com/gpu": 1}}, "", "without a limit"),
        ({"requests": {"amd.com/gpu": 1}, "limits": {"amd.com/gpu": 2}}, "", "no two amounts"),
        ({"pod": {"containers": []}}, "pod.containers", "no part of a pod template"),
        ({"pod": {"metadata": {"name": "a"}}}, "pod.metadata.name", "controller"),
        (
            {"pod": {"metadata": {"labels": {"cdk8s-inference/serves": "a"}}}},
            "pod.metadata.labels[cdk8s-inference/serves]",
            "selectors",
        ),
        (
            {"pod": {"spec": {"containers": [{"name": "engine", "args": []}]}}},
            "pod.spec.containers[0].args",
            "engine's own",
        ),
        ({"pod": {"spec": None}}, "pod.spec", "would take the engine away"),
        ({"pod": {"spec": {"$patch": "replace"}}}, "pod.spec", "would take the engine away"),
        ({"pod": {"spec": {"containers": None}}}, "pod.spec.containers", "take the engine away"),
        (
            {"pod": {"spec": {"containers": [{"name": "engine", "$patch": "delete"}]}}},
            "pod.spec.containers[0]",
            "would take the engine away",
        ),
    ],
)
def test_what_cannot_be_wanted_is_refused(fields: Json, path: str, message: str) -> None:
    with pytest.raises(InvalidInput) as raised:
        PodSettings(**fields)
    assert path in [finding.path for finding in raised.value.findings]
    assert message in str(raised.value)


def test_methods_know_what_settings_gave() -> None:
    overlay = {"spec": {"containers": [{"name": "engine", "env": [{"name": "A", "value": "1"}]}]}}
    settings = PodSettings(
        volumes=[{"name": "data", "emptyDir": {}}], service_account_name="models", pod=overlay
    )
    group = EngineGroup(Chart(App(), "c"), "g", engine=engine(pods=settings))
    assert group.service_account == "models"
    assert "A" in group.environment
    for taken in (
        PodAddition(env=[EnvVar(name="A", value="2")]),
        PodAddition(volumes=[{"name": "data", "emptyDir": {}}]),
        PodAddition(service_account="other"),
    ):
        with pytest.raises(ValueError, match="engine qwen"):
            group.add_to_serving_pods(taken)


def test_rules_know_what_settings_gave() -> None:
    app = App()
    settings = PodSettings(security_context={"privileged": True})
    deployment = ModelDeployment(
        app, "d", name="d", namespace="ml", engines=[engine(pods=settings)]
    )
    assert "T901" in {finding.code for finding in deployment.check()}


def test_a_sidecar_reads_its_pool_by_the_account_that_its_pods_have() -> None:
    """A pod has one account: the user's, which then gets the sidecar's permissions."""
    app = App()
    chart = Chart(app, "chart")
    platform = Platform(
        sidecar=SidecarOptions(ssrf_protection=True),
        pods=PodSettings(service_account_name="models"),
    )
    groups = {
        phase: EngineGroup(
            chart,
            phase,
            engine=engine(phase.lower(), phase=phase, args=[f"--port={port}", NIXL]),
            namespace="ml",
            platform=platform,
        )
        for phase, port in (("Prefill", 8000), ("Decode", 8001))
    }
    DisaggRouting(
        chart,
        "routing",
        prefill=groups["Prefill"],
        decode=groups["Decode"],
        name="qwen",
        namespace="ml",
        platform=platform,
    )
    objects = synthesized(chart)
    binding = the(objects, "RoleBinding", "qwen-sidecar")
    assert [subject["name"] for subject in binding["subjects"]] == ["models"]
    accounts = [each["metadata"]["name"] for each in of_kind(objects, "ServiceAccount")]
    assert "qwen-sidecar" not in accounts
