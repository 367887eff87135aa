"""DisaggRouting: who serves, who is asked first, and what it adds to finished engines."""

from __future__ import annotations

import copy
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
    Gateway,
    Member,
    Platform,
    UnifiedRouting,
)
from cdk8s_inference.document.model_deployment import Phase
from tests.document.builders import document, gang, member, prefill_decode, standalone
from tests.kit.cluster import selected
from tests.kit.synth import composed, of_kind, serving_template, synthesized, the, workloads

Json = dict[str, Any]

GPU = DeviceRequest.of("gpu", "true")
HOST = {
    "name": "VLLM_NIXL_SIDE_CHANNEL_HOST",
    "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}},
}
PORT = {"name": "VLLM_NIXL_SIDE_CHANNEL_PORT", "value": "5557"}


def pair(prefill: Json, decode: Json) -> Json:
    """A PrefillDecode document of two engines."""
    return document(
        {**prefill, "phase": "Prefill"},
        {**decode, "phase": "Decode"},
        serving={"mode": "PrefillDecode"},
    )


PAIRS = {
    "standalone": prefill_decode(),
    "gang decode": pair(standalone("prefill", copies=2), gang("decode", "--port=8001")),
    "gangs": pair(gang("prefill", copies=2), gang("decode", copies=3)),
}


def engine_of(objects: list[Json], name: str) -> Json:
    (found,) = (
        entry for entry in workloads(objects) if entry["metadata"]["name"] == f"qwen-0-{name}"
    )
    return found


def pod_of(objects: list[Json], name: str) -> Json:
    found: Json = serving_template(engine_of(objects, name))["spec"]
    return found


def test_the_pool_selects_the_serving_pods_of_both_engines() -> None:
    found = {name: composed(each) for name, each in PAIRS.items()}
    serving = {
        name: selected(objects, "InferencePool", "qwen-0") for name, objects in found.items()
    }
    assert serving == {
        "standalone": ["qwen-0-decode/pod", "qwen-0-prefill/pod"],
        "gang decode": ["qwen-0-decode/leader", "qwen-0-prefill/pod"],
        "gangs": ["qwen-0-decode/leader", "qwen-0-prefill/leader"],
    }


def test_the_route_leads_to_the_pool_and_the_pool_to_the_picker() -> None:
    objects = composed(prefill_decode())
    route, pool = the(objects, "HTTPRoute"), the(objects, "InferencePool")
    (rule,) = route["spec"]["rules"]
    assert rule["backendRefs"] == [
        {
            "group": pool["apiVersion"].split("/")[0],
            "kind": "InferencePool",
            "name": pool["metadata"]["name"],
        }
    ]
    ref = pool["spec"]["endpointPickerRef"]
    service = the(objects, "Service", ref["name"])
    assert ref["port"]["number"] in [port["port"] for port in service["spec"]["ports"]]
    assert selected(objects, "Service", ref["name"]) == ["qwen-0-epp/pod"]
    assert {entry["metadata"]["namespace"] for entry in objects} == {"ml-team"}


@pytest.mark.parametrize(
    ("args", "command", "port"),
    [
        (["--port=9001"], None, 9001),
        (["-v", "--port", "9001"], None, 9001),
        (["--port=9001", "--port=9002"], None, 9002),
        ([], None, 8001),
        (None, ["sh", "-c", "exec vllm serve m --port 9001 --host ::"], 9001),
        (["exec vllm serve m \\\n  --port=9001"], ["/bin/bash", "-ec"], 9001),
        (["--port=9001"], ["sh", "-c", "vllm serve --port=9002"], 9002),
        (["--ports=9001", "--port=1"], None, 1),
        (["--port=65535"], None, 65535),
    ],
)
@pytest.mark.parametrize("spread", [False, True], ids=["standalone", "gang"])
def test_the_sidecar_takes_8000_and_forwards_to_the_engine(
    args: list[str] | None, command: list[str] | None, port: int, spread: bool
) -> None:
    said: Json = {"command": command} if command else {}
    decode = gang("decode") if spread else standalone("decode")
    role = "Leader" if spread else None
    decode["members"][0] = member(*(args or ()), role=role, **said)
    objects = composed(pair(standalone("prefill"), decode))
    pod = pod_of(objects, "decode")
    (sidecar,) = pod["initContainers"]
    assert "--port=8000" in sidecar["args"]
    assert f"--model-server-port={port}" in sidecar["args"]
    assert sidecar["ports"] == [{"name": "sidecar", "containerPort": 8000}]
    engine = pod["containers"][0]
    assert engine["ports"] == [{"name": "http", "containerPort": port}]
    assert engine["readinessProbe"]["httpGet"]["port"] == port
    assert the(objects, "InferencePool")["spec"]["targetPorts"] == [{"number": 8000}]
    assert pod_of(objects, "prefill")["containers"][0]["ports"][0]["containerPort"] == 8000


def test_the_sidecar_outlives_the_engine_and_starts_before_it() -> None:
    """It cuts every stream within 30 ms of SIGTERM, so it must be the last to stop."""
    (sidecar,) = pod_of(composed(prefill_decode()), "decode")["initContainers"]
    assert sidecar["restartPolicy"] == "Always"


@pytest.mark.parametrize("name", PAIRS)
def test_the_sidecar_is_on_decode_alone(name: str) -> None:
    objects = composed(PAIRS[name])
    assert "initContainers" not in pod_of(objects, "prefill")
    assert [each["name"] for each in pod_of(objects, "decode")["initContainers"]] == ["pd-sidecar"]


def test_followers_of_a_gang_are_left_alone() -> None:
    disaggregated = composed(PAIRS["gangs"])
    for name, port in (("prefill", "--port=8000"), ("decode", "--port=8001")):
        alone = composed(document(gang(name, port)))
        followers, expected = (
            engine_of(objects, name)["spec"]["leaderWorkerTemplate"]["workerTemplate"]
            for objects in (disaggregated, alone)
        )
        # The phase is the user's word, not the routing's.
        assert followers["metadata"]["labels"].pop("app.kubernetes.io/component") == name
        assert expected["metadata"]["labels"].pop("app.kubernetes.io/component") == "engine"
        assert followers == expected


def without_routing(workload: Json) -> Json:
    """A workload without what `DisaggRouting` documents that it adds; each must be there."""
    found = copy.deepcopy(workload)
    template = serving_template(found)
    labels, pod = template["metadata"]["labels"], template["spec"]
    role = labels.pop("llm-d.ai/role")
    del labels["cdk8s-inference/serves"]
    engine = pod["containers"][0]
    assert engine["env"][-2:] == [HOST, PORT]
    engine["env"] = engine["env"][:-2]
    if not engine["env"]:
        del engine["env"]
    if role == "decode":
        (sidecar,) = pod.pop("initContainers")
        assert sidecar["name"] == "pd-sidecar"
        assert pod.pop("serviceAccountName").endswith("-sidecar")
        assert pod["volumes"].pop()["name"] == "sidecar-token"
    return found


def engines(*, spread: bool) -> dict[str, Engine]:
    env = [EnvVar(name="B", value="$(A)"), EnvVar(name="A", value="")]
    made = {}
    phases: list[Phase] = ["Prefill", "Decode"]
    for phase, port in zip(phases, (8000, 8001), strict=True):
        fields: Json = {
            "image": "vllm",
            "args": [f"--port={port}", "-z", "-a"],
            "env": env,
            "devices": [GPU],
            "labels": {"team": "a"},
            "annotations": {"note": "x"},
        }
        members = (
            [Member.of("Worker", **fields, nodes=2), Member.of("Leader", **fields)]
            if spread
            else [Member.of("Standalone", **fields)]
        )
        name = phase.lower()
        made[name] = Engine(name=name, phase=phase, copies=2, members=members)
    return made


@pytest.mark.parametrize("spread", [False, True], ids=["standalone", "gang"])
def test_engines_differ_by_what_routing_added_and_nothing_else(spread: bool) -> None:
    """The same engines alone, behind a Service, behind a pool, and disaggregated."""
    app = App()
    charts = {
        name: Chart(app, name, namespace="ml-team")
        for name in ("alone", "service", "picker", "disaggregated")
    }
    groups = {
        case: {
            name: EngineGroup(chart, name, engine=engine, model_cache="weights")
            for name, engine in engines(spread=spread).items()
        }
        for case, chart in charts.items()
    }
    for mode in ("service", "picker"):
        for name, group in groups[mode].items():
            UnifiedRouting(
                charts[mode],
                f"route-{name}",
                engines=[group],
                name=f"to-{name}",
                namespace="ml-team",
                platform=Platform(unified_mode="service" if mode == "service" else "picker"),
            )
    DisaggRouting(
        charts["disaggregated"],
        "route",
        prefill=groups["disaggregated"]["prefill"],
        decode=groups["disaggregated"]["decode"],
        name="to",
        namespace="ml-team",
    )
    made = {case: synthesized(chart) for case, chart in charts.items()}

    for case, objects in made.items():
        claims = of_kind(objects, "ResourceClaimTemplate")
        assert claims == of_kind(made["alone"], "ResourceClaimTemplate")
        assert len(claims) == (4 if spread else 2)
        for name in ("prefill", "decode"):
            kind = "LeaderWorkerSet" if spread else "Deployment"
            alone, found = the(made["alone"], kind, name), the(objects, kind, name)
            if case in ("service", "picker"):
                added = serving_template(found)["metadata"]["labels"]
                assert added.pop("cdk8s-inference/serves") == f"to-{name}"
            elif case == "disaggregated":
                assert found != alone
                found = without_routing(found)
            assert found == alone


@pytest.mark.parametrize("name", ["prefill", "decode"])
@pytest.mark.parametrize("spread", [False, True], ids=["standalone", "gang"])
def test_a_document_disaggregated_differs_by_phase_and_routing(name: str, spread: bool) -> None:
    build = gang if spread else standalone
    ports = {"prefill": "--port=8000", "decode": "--port=8001"}
    disaggregated = composed(
        pair(build("prefill", ports["prefill"]), build("decode", ports["decode"]))
    )
    unified = composed(document(build(name, ports[name])))
    found, expected = engine_of(disaggregated, name), engine_of(unified, name)
    found = without_routing(found)
    del serving_template(expected)["metadata"]["labels"]["cdk8s-inference/serves"]
    assert relabelled(found, name) == expected


def relabelled(workload: Json, phase: str) -> Json:
    """A workload whose component is that of an engine without a phase."""
    key = "app.kubernetes.io/component"

    def visit(value: Any) -> Any:
        if isinstance(value, dict):
            return {
                name: "engine" if (name, item) == (key, phase) else visit(item)
                for name, item in value.items()
            }
        return [visit(item) for item in value] if isinstance(value, list) else value

    found: Json = visit(workload)
    return found


@pytest.mark.parametrize("name", ["prefill", "decode"])
@pytest.mark.parametrize("spread", [False, True], ids=["standalone", "gang"])
def test_a_side_channel_that_the_user_set_is_the_users(name: str, spread: bool) -> None:
    build = gang if spread else standalone
    both = {each: build(each) for each in ("prefill", "decode")}
    mine = {"name": HOST["name"], "value": "10.0.0.1"}
    container = both[name]["members"][0]["template"]["spec"]["containers"][0]
    container["env"] = [{"name": "A", "value": "1"}, mine]
    objects = composed(pair(both["prefill"], both["decode"]))
    other = "decode" if name == "prefill" else "prefill"
    found = pod_of(objects, name)["containers"][0]["env"]
    assert found[-3:] == [{"name": "A", "value": "1"}, mine, PORT]
    assert [entry["name"] for entry in found].count(HOST["name"]) == 1
    assert pod_of(objects, other)["containers"][0]["env"][-2:] == [HOST, PORT]


def test_a_role_that_the_user_wrote_is_kept() -> None:
    found = prefill_decode()
    (each,) = found["spec"]["template"]["spec"]["engines"][0]["members"]
    each["template"]["metadata"] = {"labels": {"llm-d.ai/role": "prefill"}}
    labels = serving_template(engine_of(composed(found), "prefill"))["metadata"]["labels"]
    assert labels["llm-d.ai/role"] == "prefill"


def hand_made(*, prefill: Json | None = None, decode: Json | None = None) -> tuple[Chart, Json]:
    """Two engines by hand, with no phase, and what a routing over them takes."""
    chart = Chart(App(), "chart", namespace="ml-team")
    groups = {
        name: EngineGroup(
            chart,
            name,
            engine=Engine.standalone(
                name, image="i", devices=[GPU], **{"args": [f"--port={port}"], **(fields or {})}
            ),
        )
        for name, port, fields in (("prefill", 8000, prefill), ("decode", 8001, decode))
    }
    return chart, {**groups, "name": "to", "namespace": "ml-team"}


def test_over_engines_made_by_hand() -> None:
    chart, props = hand_made()
    platform = Platform(gateway=Gateway("edge", "public"))
    routing = DisaggRouting(
        chart, "route", **props, part_of="app", object_labels={"team": "a"}, platform=platform
    )
    assert routing.path == "/ml-team/to/"
    objects = synthesized(chart)
    assert selected(objects, "InferencePool", "to") == ["decode/pod", "prefill/pod"]
    route = the(objects, "HTTPRoute")
    assert route["spec"]["parentRefs"] == [
        {
            "group": "gateway.networking.k8s.io",
            "kind": "Gateway",
            "namespace": "edge",
            "name": "public",
        }
    ]
    assert routing.route is not None
    assert [routing.pool.name, routing.picker.name, routing.route.name] == ["to", "to-epp", "to"]
    routed = [entry for entry in objects if entry["metadata"]["name"].startswith("to")]
    assert len(routed) == 11
    for entry in routed:
        found = entry["metadata"]["labels"]
        assert (found["team"], found["app.kubernetes.io/part-of"]) == ("a", "app")


REFUSED: dict[str, tuple[Json, str]] = {
    "prefill port": (
        {"prefill": {"args": ["--port=9000"]}},
        "prefill engine prefill listens on 9000, but decode calls it on 8000",
    ),
    "decode port": (
        {"decode": {"args": ["--port=8000"]}},
        "decode engine decode listens on 8000, which its sidecar takes",
    ),
    "decode without a port": ({"decode": {"args": []}}, "give it phase Decode, and --port=8001"),
    "phases swapped": (
        {"prefill": {"phase": "Decode", "args": ["--port=8000"]}},
        "engine prefill has phase Decode, but is given as prefill",
    ),
}


@pytest.mark.parametrize("field", ["name", "namespace"])
def test_names_that_no_cluster_has_are_refused(field: str) -> None:
    chart, props = hand_made()
    with pytest.raises(ValueError, match=f"^{field} 'A' must be"):
        DisaggRouting(chart, "route", **{**props, field: "A"})
    assert len(chart.node.children) == 2


@pytest.mark.parametrize(("fields", "says"), REFUSED.values(), ids=REFUSED)
def test_engines_that_cannot_work_are_refused(fields: Json, says: str) -> None:
    chart, props = hand_made(**fields)
    before = synthesized(chart)
    with pytest.raises(ValueError, match=r"^to: ") as raised:
        DisaggRouting(chart, "route", **props)
    assert says in str(raised.value)
    assert synthesized(chart) == before
    assert len(chart.node.children) == 2


def test_a_decode_engine_that_cannot_take_the_sidecar_leaves_prefill_alone() -> None:
    chart, props = hand_made()
    props["decode"].add_sidecar({"name": "pd-sidecar", "image": "mine"})
    before = synthesized(chart)
    with pytest.raises(ValueError, match="initContainers cannot take 'pd-sidecar'"):
        DisaggRouting(chart, "route", **props)
    assert synthesized(chart) == before


def test_an_engine_serves_one_pool() -> None:
    chart, props = hand_made()
    DisaggRouting(chart, "route", **props)
    before = synthesized(chart)
    with pytest.raises(ValueError, match="serves is 'to' already, cannot add 'other'"):
        DisaggRouting(chart, "other", **{**props, "name": "other"})
    assert synthesized(chart) == before
