"""UnifiedRouting over engines made by hand."""

from __future__ import annotations

from typing import Any

import pytest
from cdk8s import ApiObject, Chart, JsonPatch

from cdk8s_inference import (
    App,
    DeviceRequest,
    Engine,
    EngineGroup,
    Gateway,
    Member,
    Platform,
    RouterRelease,
    UnifiedRouting,
)
from cdk8s_inference.platform import UnifiedMode
from cdk8s_inference.releases import ROUTER_RELEASES
from tests.kit.cluster import selected
from tests.kit.synth import of_kind, synthesized, the

Json = dict[str, Any]

GPU = DeviceRequest.of("gpu", "true")


def engines(chart: Chart, *, port: int = 8000, other: int = 8000) -> list[EngineGroup]:
    leader = Member.of("Leader", image="i", args=[f"--port={other}"], devices=[GPU])
    return [
        EngineGroup(
            chart,
            "small",
            engine=Engine.standalone("small", image="i", args=[f"--port={port}"], devices=[GPU]),
        ),
        EngineGroup(
            chart,
            "large",
            engine=Engine(name="large", members=[leader, Member.of("Worker", image="i")]),
        ),
    ]


def routed(mode: UnifiedMode = "service", **fields: Any) -> tuple[UnifiedRouting, list[Json]]:
    chart = Chart(App(), "chart", namespace="ml-team")
    routing = UnifiedRouting(
        chart,
        "route",
        engines=engines(chart, port=9000, other=9000),
        name="chat",
        namespace="ml-team",
        platform=Platform(unified_mode=mode, gateway=Gateway("edge", "public")),
        **fields,
    )
    return routing, synthesized(chart)


def test_a_service_in_front_of_everything_that_serves() -> None:
    _, objects = routed()
    service = the(objects, "Service")
    assert service["spec"]["ports"] == [{"name": "http", "port": 80, "targetPort": 9000}]
    assert selected(objects, "Service", "chat") == ["large/leader", "small/pod"]
    (rule,) = the(objects, "HTTPRoute")["spec"]["rules"]
    assert rule["backendRefs"] == [{"kind": "Service", "name": "chat", "port": 80}]
    assert not of_kind(objects, "InferencePool")


def test_a_pool_and_a_picker_on_request() -> None:
    routing, objects = routed("picker")
    pool = the(objects, "InferencePool")
    assert pool["spec"]["targetPorts"] == [{"number": 9000}]
    assert selected(objects, "InferencePool", "chat") == ["large/leader", "small/pod"]
    (rule,) = the(objects, "HTTPRoute")["spec"]["rules"]
    assert rule["backendRefs"] == [
        {"group": "inference.networking.k8s.io", "kind": "InferencePool", "name": "chat"}
    ]
    assert routing.picker is not None
    ref = pool["spec"]["endpointPickerRef"]
    assert (ref["name"], ref["port"]["number"]) == (routing.picker.name, routing.picker.port)
    assert "decode-filter" not in the(objects, "ConfigMap")["data"]["config.yaml"]


@pytest.mark.parametrize("mode", ["service", "picker"])
def test_the_route(mode: UnifiedMode) -> None:
    routing, objects = routed(mode)
    spec = the(objects, "HTTPRoute", "chat")["spec"]
    assert routing.path == "/ml-team/chat/"
    assert spec["parentRefs"] == [
        {
            "group": "gateway.networking.k8s.io",
            "kind": "Gateway",
            "namespace": "edge",
            "name": "public",
        }
    ]
    (rule,) = spec["rules"]
    assert rule["matches"] == [{"path": {"type": "PathPrefix", "value": routing.path}}]
    assert rule["filters"] == [
        {
            "type": "URLRewrite",
            "urlRewrite": {"path": {"type": "ReplacePrefixMatch", "replacePrefixMatch": "/"}},
        }
    ]
    # The default of 15 seconds cuts streams.
    assert rule["timeouts"] == {"request": "0s"}


@pytest.mark.parametrize("mode", ["service", "picker"])
def test_what_users_patch_arrives(mode: UnifiedMode) -> None:
    routing, _ = routed(mode)
    assert routing.route is not None
    routing.route.add_json_patch(JsonPatch.add("/spec/hostnames", ["models.example.com"]))
    routing.backend.metadata.add_annotation("note", "x")
    objects = synthesized(Chart.of(routing))
    assert the(objects, "HTTPRoute")["spec"]["hostnames"] == ["models.example.com"]
    kind = "Service" if mode == "service" else "InferencePool"
    assert the(objects, kind, "chat")["metadata"]["annotations"] == {"note": "x"}
    assert isinstance(routing.backend, ApiObject)


def test_labels_of_its_objects() -> None:
    _, objects = routed("picker", part_of="app", object_labels={"team": "blue"})
    found = [entry for entry in objects if entry["metadata"]["name"].startswith("chat")]
    assert len(found) == 8
    for entry in found:
        labels = entry["metadata"]["labels"]
        assert (labels["team"], labels["app.kubernetes.io/part-of"]) == ("blue", "app")
        assert labels["app.kubernetes.io/instance"] == "chat"


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"other": 9000}, "must listen on one port, found {'small': 8000, 'large': 9000}"),
        ({"count": 0}, "UnifiedRouting() engines: is empty"),
        ({"name": "70b"}, "name '70b' must be lower case letters"),
        ({"namespace": "n" * 64}, "must be up to 63 lower case letters"),
    ],
)
def test_what_it_refuses_leaves_the_engines_alone(fields: Json, says: str) -> None:
    chart = Chart(App(), "chart")
    named = {key: fields[key] for key in ("name", "namespace") if key in fields}
    groups = engines(chart, other=fields.get("other", 8000))[: fields.get("count")]
    before = synthesized(chart)
    with pytest.raises(ValueError, match=r"chat|70b|nnn|is empty") as raised:
        UnifiedRouting(
            chart, "route", engines=groups, **{"name": "chat", "namespace": "n", **named}
        )
    assert says in str(raised.value)
    assert synthesized(chart) == before
    assert len(chart.node.children) == 2


def test_an_engine_that_is_routed_to_already_leaves_the_others_alone() -> None:
    chart = Chart(App(), "chart")
    small, large = engines(chart)
    UnifiedRouting(chart, "one", engines=[large], name="one", namespace="n")
    before = synthesized(chart)
    with pytest.raises(ValueError, match="serves is 'one' already, cannot add 'two'"):
        UnifiedRouting(chart, "two", engines=[small, large], name="two", namespace="n")
    assert synthesized(chart) == before


@pytest.mark.parametrize("release", ROUTER_RELEASES, ids=lambda each: each.version)
@pytest.mark.parametrize(
    ("command", "kind"),
    [
        (["python3", "-m", "sglang.launch_server"], "sglang"),
        (["trtllm-serve", "m"], "trtllm-serve"),
        (["vllm", "serve", "m"], None),
        (["serve"], None),
    ],
)
def test_a_picker_is_told_whose_metrics_an_engine_has(
    command: list[str], kind: str | None, release: RouterRelease
) -> None:
    """It takes a pod without the label for vLLM's: others would all look alike, or full."""
    for mode in ("service", "picker"):
        chart = Chart(App(), "chart", namespace="ml-team")
        engine = Engine.standalone("a", image="i", command=command, devices=[GPU])
        platform = Platform(
            router=release, unified_mode="service" if mode == "service" else "picker"
        )
        group = EngineGroup(chart, "engine", engine=engine)
        UnifiedRouting(
            chart, "route", engines=[group], name="to", namespace="ml-team", platform=platform
        )
        template = the(synthesized(chart), "Deployment", "a")["spec"]["template"]
        found = template["metadata"]["labels"].get(release.picker.engine_label)
        assert found == (kind if mode == "picker" else None)
        assert kind is None or kind in release.picker.engines
