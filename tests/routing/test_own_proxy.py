"""The picker without a gateway: its own Envoy asks it, and a Service leads there."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from cdk8s import Chart

from cdk8s_inference import App, DisaggRouting, Gateway, Platform, RouterRelease
from cdk8s_inference.gateways import STANDALONE
from cdk8s_inference.releases import ROUTER_RELEASES
from cdk8s_inference.routing import own_proxy
from cdk8s_inference.routing.own_proxy import PROXY_PORT, Endpoints, bootstrap
from tests.document.builders import Json, prefill_decode, unified
from tests.document.rules.test_gateways import disagg
from tests.kit.cluster import matches, pods, selected
from tests.kit.synth import composed, of_kind, the

ALONE = Platform(gateway=Gateway(provider=STANDALONE))


def pod(objects: list[Json]) -> Json:
    found: Json = the(objects, "Deployment", "qwen-0-epp")["spec"]["template"]
    return found


def flags(objects: list[Json]) -> dict[str, str]:
    picker = pod(objects)["spec"]["containers"][0]
    return dict(argument.removeprefix("--").split("=", 1) for argument in picker["args"])


def envoy(objects: list[Json]) -> Json:
    (found,) = pod(objects)["spec"]["initContainers"]
    assert found["name"] == "envoy"
    return dict(found)


def config(objects: list[Json]) -> Any:
    return yaml.safe_load(the(objects, "ConfigMap")["data"]["envoy.yaml"])


@pytest.fixture(scope="module")
def objects() -> list[Json]:
    return composed(prefill_decode(), ALONE)


def test_there_is_no_gateway_and_no_pool(objects: list[Json]) -> None:
    assert not of_kind(objects, "HTTPRoute")
    assert not of_kind(objects, "InferencePool")
    assert "pool-name" not in flags(objects)


def test_the_service_leads_to_envoy(objects: list[Json]) -> None:
    service = the(objects, "Service", "qwen-0")
    assert service["spec"]["ports"] == [{"name": "http", "port": 80, "targetPort": PROXY_PORT}]
    assert selected(objects, "Service", "qwen-0") == ["qwen-0-epp/pod"]
    (models, stats) = config(objects)["static_resources"]["listeners"]
    listening = {port["containerPort"] for port in envoy(objects)["ports"]}
    assert {_port(models), _port(stats)} == listening
    assert _port(models) == PROXY_PORT
    assert envoy(objects)["readinessProbe"]["httpGet"]["port"] == _port(stats)


def _port(listener: Json) -> int:
    port: int = listener["address"]["socket_address"]["port_value"]
    return port


@pytest.mark.parametrize("release", ROUTER_RELEASES, ids=lambda each: each.version)
def test_the_picker_picks_from_the_pods_that_serve(release: RouterRelease) -> None:
    objects = composed(
        prefill_decode(), Platform(gateway=Gateway(provider=STANDALONE), router=release)
    )
    key, value = flags(objects)["endpoint-selector"].split("=")
    chosen = [each for each in pods(objects) if matches({key: value}, each.labels)]
    assert {each.workload for each in chosen} == {"qwen-0-prefill", "qwen-0-decode"}
    assert flags(objects)["endpoint-target-ports"] == "8000"
    assert flags(objects)["pool-namespace"] == "ml-team"
    (variable,) = pod(objects)["spec"]["containers"][0]["env"]
    assert variable["name"] == "POD_NAME"


def test_the_two_speak_plaintext_within_the_pod(objects: list[Json]) -> None:
    assert flags(objects)["secure-serving"] == "false"
    clusters = {entry["name"]: entry for entry in config(objects)["static_resources"]["clusters"]}
    ((endpoint,),) = (
        group["lb_endpoints"] for group in clusters["picker"]["load_assignment"]["endpoints"]
    )
    address = endpoint["endpoint"]["address"]["socket_address"]
    assert address == {"address": "127.0.0.1", "port_value": int(flags(objects)["grpc-port"])}
    assert "transport_socket" not in clusters["picker"]


def test_requests_go_where_the_picker_says_and_no_client() -> None:
    found = yaml.safe_load(bootstrap(9002))
    (picked,) = (
        entry for entry in found["static_resources"]["clusters"] if entry["type"] == "ORIGINAL_DST"
    )
    header = picked["original_dst_lb_config"]["http_header_name"]
    manager = _manager(found["static_resources"]["listeners"][0])
    (mutation,) = manager["early_header_mutation_extensions"]
    removed = [entry["remove"] for entry in mutation["typed_config"]["mutations"]]
    assert header == "x-gateway-destination-endpoint"
    assert {header, "x-prefiller-host-port"} <= set(removed)
    (host,) = manager["route_config"]["virtual_hosts"]
    assert [route["route"]["cluster"] for route in host["routes"]] == [picked["name"]]


def _manager(listener: Json) -> Json:
    ((network_filter,),) = (chain["filters"] for chain in listener["filter_chains"])
    found: Json = network_filter["typed_config"]
    return found


def test_streams_have_no_time_limit_and_the_picker_time_to_queue() -> None:
    manager = _manager(yaml.safe_load(bootstrap(9002))["static_resources"]["listeners"][0])
    (route,) = manager["route_config"]["virtual_hosts"][0]["routes"]
    assert (route["route"]["timeout"], manager["stream_idle_timeout"]) == ("0s", "0s")
    ask, _ = manager["http_filters"]
    assert ask["typed_config"]["failure_mode_allow"] is False
    assert ask["typed_config"]["message_timeout"] == "300s"


def test_the_admin_port_is_for_the_pod_and_two_paths_of_it_for_others() -> None:
    found = yaml.safe_load(bootstrap(9002))
    assert found["admin"]["address"]["socket_address"]["address"] == "127.0.0.1"
    (host,) = _manager(found["static_resources"]["listeners"][1])["route_config"]["virtual_hosts"]
    paths = [route["match"] for route in host["routes"]]
    assert paths == [{"path": "/ready"}, {"path": "/stats/prometheus"}]


def test_a_change_of_either_configuration_rolls_the_pod(monkeypatch: pytest.MonkeyPatch) -> None:
    def digest() -> Any:
        return pod(composed(prefill_decode(), ALONE))["metadata"]["annotations"]

    before = digest()
    assert before == digest()
    monkeypatch.setattr(own_proxy, "_UNLIMITED", 10)
    assert digest() != before


def test_it_may_watch_pods_and_nothing_else(objects: list[Json]) -> None:
    (rule,) = the(objects, "Role", "qwen-0-epp")["rules"]
    assert (rule["apiGroups"], rule["resources"]) == ([""], ["pods"])


def test_envoy_stops_after_the_picker_and_gets_what_it_asks_for(objects: list[Json]) -> None:
    found = envoy(objects)
    assert found["restartPolicy"] == "Always"
    assert found["resources"] == {
        "requests": {"cpu": "1", "memory": "512Mi"},
        "limits": {"memory": "2Gi"},
    }
    mounts = {entry["mountPath"] for entry in found["volumeMounts"]}
    path = found["args"][found["args"].index("--config-path") + 1]
    assert path.rpartition("/")[0] in mounts
    # Envoy takes no `=` between a flag and its value (seen run).
    assert not any("=" in argument for argument in found["args"])


def test_a_unified_deployment_has_one_on_request_and_else_its_service() -> None:
    picked = composed(
        unified(), Platform(gateway=Gateway(provider=STANDALONE), unified_mode="picker")
    )
    assert selected(picked, "Service", "qwen-0") == ["qwen-0-epp/pod"]
    assert {entry["kind"] for entry in composed(unified(), ALONE)} >= {"Service", "Deployment"}
    assert not of_kind(composed(unified(), ALONE), "ConfigMap")


def test_the_construct_says_where_it_serves() -> None:
    routing: DisaggRouting = disagg(Chart(App(), "chart"), ALONE)
    assert (routing.path, routing.route, routing.pool.kind) == ("/", None, "Service")


def test_a_selector_of_several_labels() -> None:
    assert Endpoints({"a": "b", "c": "d"}, [80]).selector == "a=b,c=d"
