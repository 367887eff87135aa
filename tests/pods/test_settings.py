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
    labels,
)
from cdk8s_inference.document.ports import Listening
from cdk8s_inference.engines.pod import pod_template
from tests.document.builders import NIXL
from tests.kit.synth import of_kind, synthesized, the

Json = dict[str, Any]

GPU = DeviceRequest.of("gpu", 'device.driver == "gpu.nvidia.com"')

_SPREAD = {"maxSkew": 1, "topologyKey": "zone"}

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
        labels={"z": "ours", labels.ENGINE: "w"},
        cache_claim=None,
        grace_seconds=90,
        platform=platform or Platform(),
        engine=Engine(name="e", members=[member], pods=engine),
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
    assert EVERYTHING.tolerations[0] in spec["tolerations"]
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
    assert [each["key"] for each in spec["tolerations"]] == ["p", "e", "m"]
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
        "labels": {"team": "t", "z": "ours", labels.ENGINE: "w"},
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
        ({"tolerations": [{"efect": "NoSchedule"}]}, "tolerations[0].efect", "no field efect"),
        ({"volumes": [{"name": "a", "emptyDirs": {}}]}, "volumes[0].emptyDirs", "no field"),
        (
            {"init_containers": [{"name": "a", "image": "i", "tty": "yes"}]},
            "init_containers[0].tty",
            "must be true or false",
        ),
        ({"pod": {"spec": {"hostnam": "a"}}}, "pod.spec.hostnam", "no field hostnam"),
        (
            {"pod": {"spec": {"containers": [{"name": "engine", "stdin": 1}]}}},
            "pod.spec.containers[0].stdin",
            "must be",
        ),
        (
            {"pod": {"spec": {"containers": [{"name": "engine", "env": [{"value": "a"}]}]}}},
            "pod.spec.containers[0].env[0]",
            "has no name",
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


def test_methods_add_what_settings_took_away() -> None:
    settings = PodSettings(pod={"spec": {"volumes": None, "tolerations": None}})
    group = EngineGroup(Chart(App(), "c"), "g", engine=engine(pods=settings))
    group.add_volume({"name": "data", "emptyDir": {}})
    spec = group.workload.to_json()["spec"]["template"]["spec"]
    assert spec["volumes"] == [{"name": "data", "emptyDir": {}}]


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


def test_hardened_is_laid_over_the_defaults() -> None:
    spec = pod(member(), Platform(pods=PodSettings.hardened()))["spec"]
    (container,) = spec["containers"]
    assert spec["securityContext"]["runAsNonRoot"] is True
    assert spec["securityContext"]["runAsUser"] == spec["securityContext"]["fsGroup"] == 10001
    assert container["securityContext"]["readOnlyRootFilesystem"] is True
    assert "/tmp" in {mount["mountPath"] for mount in container["volumeMounts"]}
    openshift = pod(member(), Platform(pods=PodSettings.hardened(user=None)))["spec"]
    assert not openshift["securityContext"].keys() & {"runAsUser", "fsGroup"}


@pytest.mark.parametrize(
    ("settings", "copies", "keys"),
    [
        (None, 1, ["kubernetes.io/hostname"]),
        (None, 2, ["kubernetes.io/hostname"]),
        (PodSettings(spread=()), 2, []),
        (
            PodSettings(spread=["node", "zone"]),
            2,
            ["kubernetes.io/hostname", "topology.kubernetes.io/zone"],
        ),
    ],
)
def test_copies_are_spread(settings: PodSettings | None, copies: int, keys: list[str]) -> None:
    group = EngineGroup(Chart(App(), "c"), "g", engine=engine(pods=settings, copies=copies))
    workload = group.workload.to_json()
    constraints = workload["spec"]["template"]["spec"].get("topologySpreadConstraints", [])
    assert [each["topologyKey"] for each in constraints] == keys
    for each in constraints:
        assert each["labelSelector"]["matchLabels"] == group.serving_selector


@pytest.mark.parametrize(
    ("settings", "written"),
    [
        ({"tolerations": [{"operator": "Exist"}]}, "Exists"),
        ({"topology_spread_constraints": [_SPREAD | {"whenUnsatisfiable": "scheduleanyway"}]}, "S"),
        ({"pod": {"spec": {"dnsPolicy": "clusterfirst"}}}, "ClusterFirst"),
    ],
)
def test_values_that_the_schema_does_not_list(settings: Json, written: str) -> None:
    with pytest.raises(InvalidInput) as raised:
        PodSettings(**settings)
    assert raised.value.findings[0].fix.startswith(f"write {written}")


def test_scaling_changes_no_pod() -> None:
    templates = [
        EngineGroup(Chart(App(), "c"), "g", engine=engine(copies=copies)).workload.to_json()[
            "spec"
        ]["template"]
        for copies in (1, 2)
    ]
    assert templates[0] == templates[1]


@pytest.mark.parametrize("copies", [1, 2])
@pytest.mark.parametrize("wanted", [True, False])
def test_one_copy_at_a_time_is_evicted_where_there_are_several(copies: int, wanted: bool) -> None:
    chart = Chart(App(), "c")
    platform = Platform(disruption_budgets=wanted)
    EngineGroup(chart, "g", engine=engine(copies=copies), namespace="ml", platform=platform)
    budgets = of_kind(synthesized(chart), "PodDisruptionBudget")
    assert [each["spec"]["maxUnavailable"] for each in budgets] == [1] * (copies > 1 and wanted)


def test_phases_prefer_to_be_near() -> None:
    app = App()
    near: Json = {"nodeAffinity": {}, "podAffinity": {}}
    ModelDeployment(
        app,
        "d",
        name="d",
        namespace="ml",
        serving_mode="PrefillDecode",
        engines=[
            engine("prefill", phase="Prefill", args=["--port=8000", NIXL]),
            engine(
                "decode",
                PodSettings(affinity=near),
                phase="Decode",
                args=["--port=8001", NIXL],
            ),
        ],
        platform=Platform(phases_within="rack"),
    )
    objects = synthesized(app)
    for name in ("d-0-prefill", "d-0-decode"):
        spec = the(objects, "Deployment", name)["spec"]["template"]["spec"]
        ((_, [term]),) = spec["affinity"]["podAffinity"].items()
        assert term["podAffinityTerm"]["topologyKey"] == "rack"
        assert term["podAffinityTerm"]["labelSelector"]["matchLabels"] == {
            "cdk8s-inference/serves": "d-0"
        }


def test_the_long_fields_of_a_pod_are_its_last() -> None:
    """Also where routing adds what was not there."""
    app = App()
    ModelDeployment(
        app,
        "d",
        name="d",
        namespace="ml",
        serving_mode="PrefillDecode",
        engines=[
            engine("prefill", phase="Prefill", args=["--port=8000", NIXL]),
            engine("decode", phase="Decode", args=["--port=8001", NIXL]),
        ],
        platform=Platform(phases_within="rack", sidecar=SidecarOptions(ssrf_protection=True)),
    )
    spec = the(synthesized(app), "Deployment", "d-0-decode")["spec"]["template"]["spec"]
    assert [*spec] == [
        "tolerations",
        "topologySpreadConstraints",
        "affinity",
        "securityContext",
        "terminationGracePeriodSeconds",
        "enableServiceLinks",
        "automountServiceAccountToken",
        "serviceAccountName",
        "initContainers",
        "containers",
        "resourceClaims",
        "volumes",
    ]


def test_what_methods_add_is_checked_against_the_schema() -> None:
    group = EngineGroup(Chart(App(), "c"), "g", engine=engine())
    with pytest.raises(InvalidInput, match="Container has no field imagePulPolicy"):
        group.add_sidecar({"name": "a", "image": "i", "imagePulPolicy": "Always"})
    with pytest.raises(InvalidInput, match="no field"):
        group.add_volume({"name": "a", "emptyDirs": {}})
