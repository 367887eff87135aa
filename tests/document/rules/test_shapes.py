"""Serving shapes beyond a document's: several engines, ranks, gangs that serve, encoders."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from cdk8s import Chart

from cdk8s_inference import (
    App,
    DeviceRequest,
    DisaggregatedConfig,
    DisaggRouting,
    Engine,
    EngineGroup,
    InvalidInput,
    Member,
    ModelDeployment,
    Platform,
    PodSettings,
    RouterRelease,
    SidecarOptions,
    UnifiedConfig,
    UnifiedRouting,
)
from cdk8s_inference.releases import ROUTER_RELEASES
from tests.document.builders import NIXL, prefill_decode
from tests.kit.cluster import selected
from tests.kit.synth import composed as composed_document
from tests.kit.synth import of_kind, synthesized, the

Json = dict[str, Any]

GPU = DeviceRequest.of("gpu", 'device.driver == "gpu.nvidia.com"')
PICKER = Platform(unified_mode="picker")

each_release = pytest.mark.parametrize("release", ROUTER_RELEASES, ids=lambda each: each.version)


def prefill(name: str = "prefill", *args: str, **fields: Any) -> Engine:
    said = ["--port=8000", NIXL, *args]
    return Engine.standalone(
        name, phase="Prefill", image="vllm", devices=[GPU], args=said, **fields
    )


def decode(name: str = "decode", *args: str, port: int = 8001, **fields: Any) -> Engine:
    said = [f"--port={port}", NIXL, *args]
    return Engine.standalone(name, phase="Decode", image="vllm", devices=[GPU], args=said, **fields)


def encode(**fields: Any) -> Engine:
    return Engine.standalone("encode", phase="Encode", image="vllm", devices=[GPU], **fields)


def spread(name: str, *args: str, follower: tuple[str, ...] | None = None, **fields: Any) -> Engine:
    """A gang of three nodes, whose followers have the leader's arguments unless told."""
    return Engine(
        name=name,
        members=[
            Member.of("Leader", image="vllm", args=args, devices=[GPU]),
            Member.of(
                "Worker",
                image="vllm",
                args=args if follower is None else follower,
                devices=[GPU],
                nodes=2,
            ),
        ],
        **fields,
    )


def composed(
    *engines: Engine, platform: Platform | None = None, unified: bool = False
) -> list[Json]:
    deployment = ModelDeployment(
        App(),
        "qwen",
        name="qwen",
        namespace="ml-team",
        engines=engines,
        model_cache="weights",
        serving_mode="Unified" if unified else "PrefillDecode",
        platform=platform,
    )
    return synthesized(deployment)


def codes(*engines: Engine, platform: Platform | None = None, unified: bool = False) -> list[str]:
    with pytest.raises(InvalidInput) as raised:
        composed(*engines, platform=platform, unified=unified)
    return sorted(finding.code for finding in raised.value.findings)


def pod(objects: list[Json], name: str) -> Json:
    found: Json = the(objects, "Deployment", f"qwen-0-{name}")["spec"]["template"]["spec"]
    return found


def templates(objects: list[Json], name: str) -> dict[str, Json]:
    spec = the(objects, "LeaderWorkerSet", f"qwen-0-{name}")["spec"]["leaderWorkerTemplate"]
    return {part: spec[part] for part in ("leaderTemplate", "workerTemplate")}


def flags(container: Json) -> dict[str, str]:
    return dict(argument.removeprefix("--").split("=", 1) for argument in container["args"])


def pool_ports(objects: list[Json]) -> list[int]:
    return [port["number"] for port in the(objects, "InferencePool")["spec"]["targetPorts"]]


def ports(container: Json) -> list[int]:
    return [port["containerPort"] for port in container["ports"]]


# Several engines of a phase


def test_several_engines_of_each_phase_are_one_pool() -> None:
    objects = composed(
        prefill("p0", copies=3), prefill("p1"), decode("d0", copies=2), decode("d1", port=9000)
    )
    assert selected(objects, "InferencePool", "qwen-0") == [
        f"qwen-0-{name}/pod" for name in ("d0", "d1", "p0", "p1")
    ]
    forwarded = {
        name: flags(pod(objects, name)["initContainers"][0])["model-server-port"]
        for name in ("d0", "d1")
    }
    assert forwarded == {"d0": "8001", "d1": "9000"}
    assert "initContainers" not in pod(objects, "p1")


@pytest.mark.parametrize(
    ("engines", "expected"),
    [
        ([prefill("a"), prefill("b")], ["D103"]),
        ([decode("a"), decode("b")], ["D102"]),
        ([encode(), decode("b")], ["D102"]),
        ([prefill("a"), decode("b"), Engine.standalone("c", image="i", devices=[GPU])], ["D101"]),
        ([prefill("a"), decode("a")], ["D011"]),
    ],
)
def test_phases_that_are_missing_are_told(engines: list[Engine], expected: list[str]) -> None:
    assert codes(*engines) == expected


def test_a_document_keeps_its_limit() -> None:
    found = prefill_decode()
    engines = found["spec"]["template"]["spec"]["engines"]
    engines.append({**engines[0], "name": "more"})
    with pytest.raises(InvalidInput, match="D101"):
        composed_document(found)


@pytest.mark.parametrize(
    ("field", "value"), [("ranks", 2), ("servingPods", "every"), ("phase", "Encode")]
)
def test_a_document_cannot_say_what_only_python_can(field: str, value: Any) -> None:
    found = prefill_decode()
    found["spec"]["template"]["spec"]["engines"][0][field] = value
    with pytest.raises(InvalidInput, match="D008" if field == "phase" else "D004"):
        composed_document(found)


# Data-parallel ranks


@each_release
def test_eight_ranks_are_eight_ports(release: RouterRelease) -> None:
    platform = Platform(router=release)
    objects = composed(prefill(ranks=8), decode(port=8200, ranks=8), platform=platform)
    assert pool_ports(objects) == [*range(8000, 8008)]
    # Prefill pods are called directly, on the port that the picker chose.
    assert ports(pod(objects, "prefill")["containers"][0]) == [*range(8000, 8008)]
    found = pod(objects, "decode")
    (proxy,) = found["initContainers"]
    assert ports(proxy) == [*range(8000, 8008)]
    assert ports(found["containers"][0]) == [*range(8200, 8208)]
    said = flags(proxy)
    assert said["data-parallel-size"] == "8"
    assert said[release.sidecar.engine_port_flag] == "8200"
    assert proxy["env"] == [
        {"name": "POD_IP", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}}
    ]


def test_one_rank_is_said_by_nothing() -> None:
    (proxy,) = pod(composed(prefill(), decode()), "decode")["initContainers"]
    assert "data-parallel-size" not in flags(proxy)
    assert "env" not in proxy


def test_a_supervisor_is_asked_for_all_ranks() -> None:
    supervised = ("--data-parallel-supervisor-port=8208",)
    objects = composed(
        prefill("p", *supervised, ranks=8), decode("d", *supervised, port=8200, ranks=8)
    )
    for name in ("p", "d"):
        container = pod(objects, name)["containers"][0]
        for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
            assert container[probe]["httpGet"]["port"] == 8208


def test_a_supervisor_of_one_rank_is_not_asked() -> None:
    objects = composed(prefill(), decode("d", "--data-parallel-supervisor-port=8208"))
    assert pod(objects, "d")["containers"][0]["readinessProbe"]["httpGet"]["port"] == 8001


def test_a_decode_engine_of_several_ranks_listens_beyond_the_sidecars_ports() -> None:
    engine = Engine.standalone(
        "decode", phase="Decode", image="vllm", args=[NIXL], devices=[GPU], ranks=2
    )
    (proxy,) = pod(composed(prefill(ranks=2), engine), "decode")["initContainers"]
    assert flags(proxy)["model-server-port"] == "8200"


@pytest.mark.parametrize(
    ("engines", "expected"),
    [
        ([prefill(ranks=8), decode(ranks=8)], ["W202"]),
        ([prefill(ranks=2), decode(port=8001, ranks=2)], ["W202"]),
        ([prefill(ranks=2), decode(port=7999, ranks=2)], ["W202"]),
        ([prefill(), decode(port=9000, ranks=2)], ["W201"]),
        ([prefill(ranks=4), decode(port=9000)], ["W201"]),
        ([prefill(ranks=8), decode(port=65530, ranks=8)], ["W202"]),
        (
            [prefill("p", "--data-parallel-size-local=4", ranks=8), decode(port=8200, ranks=8)],
            ["W207"],
        ),
    ],
)
def test_ranks_that_cannot_be_reached_are_refused(
    engines: list[Engine], expected: list[str]
) -> None:
    assert codes(*engines) == expected


@pytest.mark.parametrize("ranks", [0, 9])
def test_a_pool_has_up_to_eight_ports(ranks: int) -> None:
    with pytest.raises(ValueError, match="ranks"):
        prefill(ranks=ranks)


def test_ranks_of_a_unified_engine_are_ports_of_its_pool() -> None:
    engine = Engine.standalone("a", image="vllm", devices=[GPU], args=["--port=9000"], ranks=4)
    assert pool_ports(composed(engine, platform=PICKER, unified=True)) == [*range(9000, 9004)]
    assert codes(engine, unified=True) == ["W205"]
    chart = Chart(App(), "chart")
    group = EngineGroup(chart, "engine", engine=engine)
    with pytest.raises(ValueError, match="a Service leads to one port"):
        UnifiedRouting(chart, "route", engines=[group], name="to", namespace="n")


# Gangs


@pytest.mark.parametrize("serving_pods", ["leader", "every"])
def test_who_of_a_gang_serves(serving_pods: Any) -> None:
    objects = composed(
        spread("prefill", "--port=8000", NIXL, phase="Prefill", serving_pods=serving_pods),
        spread("decode", "--port=8001", NIXL, phase="Decode", serving_pods=serving_pods),
    )
    every = serving_pods == "every"
    parts = ("leader", "follower") if every else ("leader",)
    assert selected(objects, "InferencePool", "qwen-0") == sorted(
        f"qwen-0-{name}/{part}" for name in ("decode", "prefill") for part in parts
    )
    leader, worker = templates(objects, "decode").values()
    for template, serves in ((leader, True), (worker, every)):
        labels, spec = template["metadata"]["labels"], template["spec"]
        container = spec["containers"][0]
        assert ("llm-d.ai/role" in labels) == serves
        assert ("initContainers" in spec) == serves
        assert ("ports" in container) == serves
        assert ("readinessProbe" in container) == serves
        assert ("--model=/mnt/models" in container["args"]) == serves
        names = [variable["name"] for variable in container["env"]]
        assert ("VLLM_NIXL_SIDE_CHANNEL_HOST" in names) == serves


def test_a_gang_whose_every_pod_serves_is_routed_to_by_hand() -> None:
    engine = spread("kimi", serving_pods="every")
    group = EngineGroup(Chart(App(), "chart"), "engine", engine=engine)
    assert group.serving_selector == {"cdk8s-inference/engine": "kimi"}


def test_an_addition_to_every_pod_or_to_none() -> None:
    chart = Chart(App(), "chart")
    group = EngineGroup(chart, "engine", engine=spread("kimi", serving_pods="every"))
    before = synthesized(chart)
    with pytest.raises(ValueError, match="initContainers cannot take 'engine'"):
        group.add_sidecar({"name": "engine", "image": "i"})
    assert synthesized(chart) == before
    group.add_label("a", "1")
    (gang,) = of_kind(synthesized(chart), "LeaderWorkerSet")
    for part in ("leaderTemplate", "workerTemplate"):
        template = gang["spec"]["leaderWorkerTemplate"][part]
        assert template["metadata"]["labels"]["a"] == "1"


@pytest.mark.parametrize(
    ("engine", "expected"),
    [
        (spread("a", "--port=8000", follower=("--port=9000",), serving_pods="every"), ["W204"]),
        (spread("a", follower=("--headless",), serving_pods="every"), ["W204"]),
        (
            Engine(
                name="a",
                members=[Member.of("Standalone", image="i", devices=[GPU])],
                serving_pods="every",
            ),
            ["W203"],
        ),
    ],
)
def test_followers_that_cannot_serve_are_refused(engine: Engine, expected: list[str]) -> None:
    assert codes(engine, unified=True) == expected


def test_wide_expert_parallel_is_ranks_on_every_node() -> None:
    shared = ("--enable-expert-parallel", "--data-parallel-size=24", NIXL)
    objects = composed(
        spread("p", "--port=8000", *shared, phase="Prefill", ranks=8, serving_pods="every"),
        spread("d", "--port=8200", *shared, phase="Decode", ranks=8, serving_pods="every"),
    )
    assert pool_ports(objects) == [*range(8000, 8008)]
    for template in templates(objects, "d").values():
        (proxy,) = template["spec"]["initContainers"]
        assert flags(proxy)["data-parallel-size"] == "8"
    assert len(selected(objects, "InferencePool", "qwen-0")) == 4


# Encoders


@each_release
def test_encoders_are_asked_by_the_sidecar_and_picked_by_the_picker(
    release: RouterRelease,
) -> None:
    objects = composed(encode(), prefill(), decode(), platform=Platform(router=release))
    assert "qwen-0-encode/pod" in selected(objects, "InferencePool", "qwen-0")
    labels = the(objects, "Deployment", "qwen-0-encode")["spec"]["template"]["metadata"]["labels"]
    assert labels[release.role_label] == "encode"
    (proxy,) = pod(objects, "decode")["initContainers"]
    assert flags(proxy)["ec-connector"] == release.sidecar.encoder_connectors[0]
    (text,) = the(objects, "ConfigMap")["data"].values()
    config = yaml.safe_load(text)
    assert "encode" in [profile["name"] for profile in config["schedulingProfiles"]]
    assert {"encode-filter", "always-disagg-multimodal-decider"} <= {
        plugin["type"] for plugin in config["plugins"]
    }


@each_release
def test_an_encoder_connector_is_the_releases_or_refused(release: RouterRelease) -> None:
    platform = Platform(router=release, sidecar=SidecarOptions(encoder_connector="ec-nixl"))
    engines = (encode(), prefill(), decode())
    if release.has_encoder_connector("ec-nixl"):
        (proxy,) = pod(composed(*engines, platform=platform), "decode")["initContainers"]
        assert flags(proxy)["ec-connector"] == "ec-nixl"
    else:
        with pytest.raises(InvalidInput, match=r"W105.*lacks encoder connector 'ec-nixl'.*v0.9.0"):
            composed(*engines, platform=platform)


def test_without_encoders_none_is_asked() -> None:
    (proxy,) = pod(composed(prefill(), decode()), "decode")["initContainers"]
    assert "ec-connector" not in flags(proxy)


def test_encoders_that_the_picker_never_asks_are_refused() -> None:
    with pytest.raises(InvalidInput, match=r"W113.*no profile for them"):
        ModelDeployment(
            App(),
            "a",
            name="a",
            namespace="n",
            engines=[encode(), prefill(), decode()],
            serving_mode="PrefillDecode",
            picker_config=DisaggregatedConfig.prefix_aware(),
        )


def test_an_encoder_listens_where_the_sidecar_calls_it() -> None:
    assert codes(encode(args=["--port=9000"]), prefill(), decode()) == ["D124"]


# By hand


def test_routing_takes_one_engine_or_several_and_a_phase_is_not_needed() -> None:
    chart = Chart(App(), "chart", namespace="ml-team")
    groups = {
        name: EngineGroup(
            chart,
            name,
            engine=Engine.standalone(
                name, image="vllm", devices=[GPU], args=[f"--port={port}", NIXL]
            ),
        )
        for name, port in (("e", 8000), ("p0", 8000), ("p1", 8000), ("d", 8001))
    }
    DisaggRouting(
        chart,
        "route",
        encode=groups["e"],
        prefill=[groups["p0"], groups["p1"]],
        decode=groups["d"],
        name="to",
        namespace="ml-team",
    )
    assert selected(synthesized(chart), "InferencePool", "to") == [
        "d/pod",
        "e/pod",
        "p0/pod",
        "p1/pod",
    ]


@pytest.mark.parametrize("phase", ["prefill", "decode"])
def test_routing_needs_both_phases(phase: str) -> None:
    chart = Chart(App(), "chart", namespace="ml-team")
    groups: Json = {
        "prefill": [EngineGroup(chart, "p", engine=prefill())],
        "decode": [EngineGroup(chart, "d", engine=decode())],
    }
    groups[phase] = []
    with pytest.raises(ValueError, match=f"there is no {phase} engine"):
        DisaggRouting(chart, "route", **groups, name="to", namespace="ml-team")


@pytest.mark.parametrize(
    ("platform", "config", "says"),
    [
        (Platform(), UnifiedConfig.prefix_aware(), "a Service fronts the engines"),
        (PICKER, DisaggregatedConfig.prefix_aware(), "is for prefill and decode pods"),
    ],
)
def test_a_configuration_that_nothing_reads_is_refused(
    platform: Platform, config: Any, says: str
) -> None:
    with pytest.raises(ValueError, match=says):
        ModelDeployment(
            App(),
            "a",
            name="a",
            namespace="n",
            engines=[Engine.standalone("a", image="i", devices=[GPU])],
            picker_config=config,
            platform=platform,
        )


# Devices


def with_resources(resources: dict[str, int], *devices: DeviceRequest) -> Engine:
    return Engine.standalone("a", image="i", devices=devices, resources=resources)


def test_devices_of_device_plugins_are_limits_and_requests_alike() -> None:
    objects = composed(with_resources({"rdma/ib": 1, "nvidia.com/gpu": 8}), unified=True)
    assert of_kind(objects, "ResourceClaimTemplate") == []
    found = pod(objects, "a")
    whole = {"nvidia.com/gpu": "8", "rdma/ib": "1"}
    requests = {"cpu": "16", "memory": "64Gi", **whole}
    assert found["containers"][0]["resources"] == {"limits": whole, "requests": requests}
    assert "resourceClaims" not in found


def test_gpus_by_dra_and_a_network_card_by_a_plugin() -> None:
    objects = composed(with_resources({"rdma/ib": 1}, GPU), unified=True)
    assert pod(objects, "a")["containers"][0]["resources"] == {
        "claims": [{"name": "devices"}],
        "limits": {"rdma/ib": "1"},
        "requests": {"cpu": "2", "memory": "8Gi", "rdma/ib": "1"},
    }


@pytest.mark.parametrize(
    ("resources", "device", "platform"),
    [
        ({"nvidia.com/gpu": 8}, DeviceRequest.of("gpu", "true"), Platform()),
        ({"nvidia.com/gpu.shared": 1}, DeviceRequest.of("gpu", "true"), Platform()),
        (
            {"nvidia.com/gpu": 8},
            DeviceRequest.of("accelerator", 'device.driver == "gpu.nvidia.com"'),
            Platform(device_classes={"accelerator": "h100.example.com"}),
        ),
        (
            {"example.com/nic": 1},
            DeviceRequest.of("nic", "true"),
            Platform(device_classes={"nic": "nic.example.com"}),
        ),
    ],
)
def test_one_device_has_one_allocator(
    resources: dict[str, int], device: DeviceRequest, platform: Platform
) -> None:
    engine = with_resources(resources, device)
    assert codes(engine, platform=platform, unified=True) == ["W206"]
    with pytest.raises(InvalidInput, match="W206"):
        EngineGroup(Chart(App(), "chart"), "engine", engine=engine, platform=platform)


@pytest.mark.parametrize("name", ["cpu", "memory", "nvidia.com/", "/gpu", "nvidia.com/g pu", "A/b"])
def test_a_resource_is_one_of_a_device_plugin(name: str) -> None:
    with pytest.raises(ValueError, match="resources"):
        with_resources({name: 1})


def without_device(image: str, *args: str, **fields: Any) -> tuple[Json, list[str]]:
    """The pod of an engine without a device, and the warnings about it."""
    engine = Engine.standalone("a", image=image, args=args, **fields)
    app = App()
    deployment = ModelDeployment(app, "qwen", name="qwen", namespace="ml", engines=[engine])
    warned = [each.code for each in deployment.check() if each.severity == "warning"]
    return pod(synthesized(app), "a"), warned


@pytest.mark.parametrize(
    ("image", "args"),
    [
        ("vllm/vllm-openai-cpu:v0.23.0", []),
        ("ghcr.io/llm-d/llm-d-inference-sim:v0.10.2", ["--model=Qwen/Qwen3-8B"]),
    ],
)
def test_an_engine_on_the_cpu_needs_no_device(image: str, args: list[str]) -> None:
    assert_needs_no_device(*without_device(image, *args))


def test_nor_does_one_that_is_told_to_run_there() -> None:
    command = ["python3", "-m", "sglang.launch_server", "--device=cpu", "--model-path=a/b"]
    command += ["--host=0.0.0.0", "--port=8000"]
    assert_needs_no_device(*without_device("lmsysorg/sglang:v0.5.9", command=command))


def assert_needs_no_device(spec: Json, warned: list[str]) -> None:
    assert "T705" not in warned
    assert "tolerations" not in spec
    assert spec["containers"][0]["resources"] == {"requests": {"cpu": "500m", "memory": "1Gi"}}


def test_an_engine_that_may_have_forgotten_its_device_is_told() -> None:
    assert "T705" in without_device("vllm/vllm-openai:v0.23.0")[1]


def test_a_device_of_any_vendor_is_one() -> None:
    settings = PodSettings(limits={"habana.ai/gaudi": 8})
    spec, warned = without_device("vllm/vllm-openai:v0.23.0", pods=settings)
    assert "T705" not in warned
    assert {"nvidia.com/gpu", "habana.ai/gaudi"} == {each["key"] for each in spec["tolerations"]}
    assert spec["containers"][0]["resources"]["limits"] == {"habana.ai/gaudi": "8"}


def test_a_document_has_no_resources() -> None:
    found = prefill_decode()
    member = found["spec"]["template"]["spec"]["engines"][0]["members"][0]
    member["resources"] = {"nvidia.com/gpu": 8}
    with pytest.raises(InvalidInput, match="D004"):
        composed_document(found)
