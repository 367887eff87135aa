"""EndpointPicker by itself: what it may do, how it is run, when it is restarted."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
import yaml
from cdk8s import Chart, JsonPatch

from cdk8s_inference import (
    App,
    DisaggregatedConfig,
    EndpointPicker,
    PickerConfig,
    PickerOptions,
    Platform,
    Plugin,
    Profile,
    UnifiedConfig,
)
from cdk8s_inference.releases import ROUTER_NEWEST
from tests.document.builders import prefill_decode
from tests.kit.cluster import pods, selected
from tests.kit.observed import refused_flags
from tests.kit.synth import composed, synthesized, the

Json = dict[str, Any]

CONFIG = UnifiedConfig(profile=Profile())


def picker(config: PickerConfig = CONFIG, **fields: Any) -> tuple[EndpointPicker, Chart]:
    chart = Chart(App(), "chart")
    props = {"name": "a-epp", "namespace": "ml-team", "pool": "a", **fields}
    return EndpointPicker(chart, "picker", config=config, **props), chart


def emitted(config: PickerConfig = CONFIG, **fields: Any) -> list[Json]:
    return synthesized(picker(config, **fields)[1])


def pod(objects: list[Json]) -> Json:
    found: Json = the(objects, "Deployment")["spec"]["template"]["spec"]
    return found


def container(objects: list[Json]) -> Json:
    (found,) = pod(objects)["containers"]
    assert isinstance(found, dict)
    return found


def flags(objects: list[Json]) -> dict[str, str]:
    pairs = (argument.removeprefix("--").partition("=") for argument in container(objects)["args"])
    return {name: value for name, _, value in pairs}


def test_it_is_six_objects_of_one_name_in_one_namespace() -> None:
    objects = emitted(part_of="a", instance="a-0", object_labels={"team": "blue"})
    assert [entry["kind"] for entry in objects] == [
        "ServiceAccount",
        "Role",
        "RoleBinding",
        "ConfigMap",
        "Deployment",
        "Service",
    ]
    for entry in objects:
        assert entry["metadata"]["name"] == "a-epp"
        assert entry["metadata"]["namespace"] == "ml-team"
        found = entry["metadata"]["labels"]
        assert found["team"] == "blue"
        assert found["app.kubernetes.io/instance"] == "a-0"
        assert found["app.kubernetes.io/part-of"] == "a"
    assert selected(objects, "Service", "a-epp") == ["a-epp/pod"]
    assert selected(objects, "Deployment", "a-epp") == ["a-epp/pod"]


def test_it_may_list_and_watch_what_it_reads_and_nothing_else() -> None:
    """Both groups of objectives: a picker that may not watch an installed kind answers 503."""
    objects = emitted()
    granted = {
        (group, kind, verb)
        for rule in the(objects, "Role")["rules"]
        for group in rule["apiGroups"]
        for kind in rule["resources"]
        for verb in rule["verbs"]
    }
    kinds = {
        ("", "pods"),
        ("inference.networking.k8s.io", "inferencepools"),
        ("inference.networking.x-k8s.io", "inferenceobjectives"),
        ("inference.networking.x-k8s.io", "inferencemodelrewrites"),
        ("llm-d.ai", "inferenceobjectives"),
        ("llm-d.ai", "inferencemodelrewrites"),
    }
    assert granted == {(*kind, verb) for kind in kinds for verb in ("list", "watch")}
    assert {key for rule in the(objects, "Role")["rules"] for key in rule} == {
        "apiGroups",
        "resources",
        "verbs",
    }


def test_its_permissions_reach_its_pods() -> None:
    objects = emitted()
    binding = the(objects, "RoleBinding")
    assert binding["roleRef"] == {
        "apiGroup": "rbac.authorization.k8s.io",
        "kind": "Role",
        "name": "a-epp",
    }
    (subject,) = binding["subjects"]
    assert (subject["kind"], subject["name"], subject["namespace"]) == (
        "ServiceAccount",
        "a-epp",
        "ml-team",
    )
    assert pod(objects)["serviceAccountName"] == "a-epp"
    assert pod(objects)["automountServiceAccountToken"] is True


def test_it_reads_the_configuration_that_is_mounted() -> None:
    objects = emitted()
    data = the(objects, "ConfigMap")["data"]
    (mount,), (volume,) = container(objects)["volumeMounts"], pod(objects)["volumes"]
    assert volume == {"name": mount["name"], "configMap": {"name": "a-epp"}}
    folder, _, file = flags(objects)["config-file"].rpartition("/")
    assert (mount["mountPath"], mount["readOnly"]) == (folder, True)
    assert yaml.safe_load(data[file])["schedulingProfiles"][0]["name"] == "default"


def test_its_arguments() -> None:
    found = flags(emitted())
    assert found == {
        "pool-name": "a",
        "pool-namespace": "ml-team",
        "config-file": "/config/config.yaml",
        "grpc-port": "9002",
        "grpc-health-port": "9003",
        "metrics-port": "9090",
        # Envoy AI Gateway speaks TLS to it, always.
        "secure-serving": "true",
        "drain-timeout": "30s",
        # With authentication it would need a ClusterRole.
        "metrics-endpoint-auth": "false",
        "enable-pprof": "false",
        "tracing": "false",
    }


def test_the_release_knows_every_flag_of_picker_and_sidecar() -> None:
    objects = composed(prefill_decode())
    for program, name, containers in (
        ("epp", "qwen-0-epp", "containers"),
        ("pd-sidecar", "qwen-0-decode", "initContainers"),
    ):
        template = the(objects, "Deployment", name)["spec"]["template"]["spec"]
        (args,) = (each["args"] for each in template[containers])
        assert args
        assert refused_flags(program, ROUTER_NEWEST.version, args) == set()


def test_ports_are_what_is_listened_on() -> None:
    objects = emitted()
    ports = {port["name"]: port["containerPort"] for port in container(objects)["ports"]}
    assert ports == {"grpc": 9002, "grpc-health": 9003, "metrics": 9090}
    service = {port["name"]: port for port in the(objects, "Service")["spec"]["ports"]}
    assert service.keys() == {"grpc", "metrics"}
    for name, port in service.items():
        assert port["port"] == port["targetPort"] == ports[name]


def test_probes_ask_services_that_it_answers_with_and_without_leader_election() -> None:
    found = container(emitted())
    for probe, service in (
        ("startupProbe", "readiness"),
        ("readinessProbe", "readiness"),
        ("livenessProbe", "liveness"),
    ):
        assert found[probe]["grpc"] == {"port": 9003, "service": service}
    # It gives up by itself after two minutes without its caches.
    startup = found["startupProbe"]
    assert startup["periodSeconds"] * startup["failureThreshold"] > 120


def test_a_rollout_never_leaves_the_pool_without_a_picker() -> None:
    spec = the(emitted(), "Deployment")["spec"]
    assert spec["strategy"] == {
        "type": "RollingUpdate",
        "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0},
    }
    # Its health turns SERVING up to 1.7 seconds before it listens.
    assert spec["minReadySeconds"] >= 2


def test_it_has_time_to_drain() -> None:
    objects = emitted()
    drain = int(flags(objects)["drain-timeout"].removesuffix("s"))
    assert pod(objects)["terminationGracePeriodSeconds"] > drain


def test_it_may_do_little_in_its_container() -> None:
    objects = emitted()
    found = container(objects)["securityContext"]
    assert found["runAsNonRoot"] is True
    assert found["readOnlyRootFilesystem"] is True
    assert found["allowPrivilegeEscalation"] is False
    assert found["capabilities"] == {"drop": ["ALL"]}
    assert pod(objects)["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert "cpu" not in container(objects)["resources"]["limits"]


def template(config: PickerConfig = CONFIG, **fields: Any) -> Json:
    found: Json = the(emitted(config, **fields), "Deployment")["spec"]["template"]
    return found


def test_it_is_restarted_when_its_configuration_changes() -> None:
    changed = UnifiedConfig(profile=Profile(picker=Plugin("random-picker")))
    before, same, after = template(), template(), template(changed)
    assert before == same
    assert before["metadata"].pop("annotations") != after["metadata"].pop("annotations")
    assert before == after


def test_it_is_not_restarted_by_labels_of_objects_nor_by_a_move_in_the_tree() -> None:
    chart = Chart(App(), "another")
    moved = EndpointPicker(
        Chart(chart, "inner"), "p", name="a-epp", namespace="ml-team", pool="a", config=CONFIG
    )
    assert the(synthesized(Chart.of(moved)), "Deployment")["spec"]["template"] == template()
    assert template(object_labels={"team": "blue"}) == template()


def test_image_and_api_version_are_the_releases() -> None:
    config_format = dataclasses.replace(
        ROUTER_NEWEST.picker.config, api_versions=("example.com/v9",)
    )
    program = dataclasses.replace(
        ROUTER_NEWEST.picker, image="example.com/picker:1", config=config_format
    )
    release = dataclasses.replace(ROUTER_NEWEST, picker=program)
    objects = emitted(platform=Platform(router=release))
    assert container(objects)["image"] == "example.com/picker:1"
    assert "apiVersion: example.com/v9\n" in the(objects, "ConfigMap")["data"]["config.yaml"]


def test_what_users_add_arrives() -> None:
    made, chart = picker()
    made.deployment.metadata.add_annotation("note", "x")
    made.service.metadata.add_label("scrape", "yes")
    made.deployment.add_json_patch(
        JsonPatch.replace("/spec/replicas", 0),
        JsonPatch.add("/spec/template/metadata/labels/sidecar.istio.io~1inject", "false"),
    )
    made.service.add_json_patch(JsonPatch.replace("/spec/ports/0/targetPort", 9012))
    objects = synthesized(chart)
    (found,) = pods(objects)
    assert found.labels["sidecar.istio.io/inject"] == "false"
    assert the(objects, "Deployment")["metadata"]["annotations"] == {"note": "x"}
    assert the(objects, "Service")["metadata"]["labels"]["scrape"] == "yes"
    assert the(objects, "Service")["spec"]["ports"][0]["targetPort"] == 9012
    assert the(objects, "Deployment")["spec"]["replicas"] == 0


@pytest.mark.parametrize(("cores", "quantity"), [(2, "2"), (0.5, "500m"), (0.0001, "1m")])
def test_cores_are_a_quantity(cores: float, quantity: str) -> None:
    platform = Platform(picker=PickerOptions(cpu=cores))
    assert container(emitted(platform=platform))["resources"]["requests"]["cpu"] == quantity


def test_it_takes_a_configuration_of_the_library() -> None:
    for config in (DisaggregatedConfig.prefix_aware(), UnifiedConfig.prefix_aware()):
        assert emitted(config)


def test_a_namespace_that_no_cluster_has_is_refused() -> None:
    with pytest.raises(ValueError, match="namespace 'ml_team' must be"):
        picker(namespace="ml_team")


@pytest.mark.parametrize("name", ["70b-epp", "a" * 64, "Epp"])
def test_a_name_that_no_service_carries_leaves_nothing(name: str) -> None:
    chart = Chart(App(), "chart")
    with pytest.raises(ValueError, match=f"name '{name}'"):
        EndpointPicker(chart, "picker", name=name, namespace="n", pool="a", config=CONFIG)
    assert chart.node.children == []
