"""The twin of an engine: what it is given, and what of the engine is left out."""

from __future__ import annotations

from typing import Any

import pytest

from cdk8s_inference import (
    App,
    CpuVllm,
    DeviceRequest,
    Engine,
    EngineGroup,
    EnvVar,
    GangPlacement,
    InvalidInput,
    Member,
    ModelDeployment,
    Platform,
    PodSettings,
    Simulation,
    router_release,
)
from cdk8s_inference.construct_tree import Chart
from cdk8s_inference.document.validation import check_engine
from cdk8s_inference.engines.simulation import simulated
from cdk8s_inference.releases import ROUTER_RELEASES, RouterRelease
from tests.kit.synth import Json, of_kind, serving_template, synthesized, the, workloads

GPU = DeviceRequest.of("gpu", 'device.driver == "gpu.nvidia.com"')
NIXL = '--kv-transfer-config={"kv_connector":"NixlConnector","kv_role":"kv_both"}'
TWIN = Platform(simulate=Simulation())


def arguments(
    *args: str, platform: Platform = TWIN, cached: bool = False, **said: Any
) -> list[str]:
    """The simulator's arguments of an engine."""
    engine = Engine.standalone("a", image="vllm/vllm-openai:v0.23.0", args=args, **said)
    twin = simulated(engine, platform, "/mnt/models" if cached else None)
    return twin.serving_member.container.args or []


def test_an_engine_is_itself_without_a_simulation() -> None:
    engine = Engine.standalone("a", image="vllm/vllm-openai:v0.23.0")
    assert simulated(engine, Platform(), None) is engine


def test_flags_that_the_simulator_understands_are_passed_on() -> None:
    assert arguments(
        "--model=Qwen/Qwen3-8B",
        "--served-model-name",
        "qwen",
        "chat",
        "--max-model-len=32768",
        "--max-num-seqs=64",
        "--block-size=64",
        "--tensor-parallel-size=2",
        NIXL,
    ) == [
        "--model=Qwen/Qwen3-8B",
        "--port=8000",
        "--max-model-len=32768",
        "--max-num-seqs=64",
        "--block-size=64",
        "--force-dummy-tokenizer",
        "--served-model-name",
        "qwen",
        "chat",
    ]


@pytest.mark.parametrize(
    ("args", "cached", "model"),
    [
        (["--model=Qwen/Qwen3-8B"], True, "Qwen/Qwen3-8B"),
        ([], True, "/mnt/models"),
        (["serve", "Qwen/Qwen3-8B"], False, "Qwen/Qwen3-8B"),
        (["--model=$(MODEL)"], False, "simulated"),
    ],
)
def test_the_model_is_called_as_the_engine_calls_it(
    args: list[str], cached: bool, model: str
) -> None:
    assert arguments(*args, cached=cached)[0] == f"--model={model}"


def test_what_it_would_end_on_is_left_out() -> None:
    assert arguments("--model=a", "--block-size=256", "--max-model-len=auto") == [
        "--model=a",
        "--port=8000",
        "--max-model-len=131072",
        "--max-num-seqs=256",
        "--force-dummy-tokenizer",
    ]


def test_each_rank_has_its_port() -> None:
    found = arguments("--model=a", ranks=2, phase="Decode")
    assert found[1:3] == ["--port=8200", "--data-parallel-size=2"]


def test_times_are_given() -> None:
    slow = Platform(simulate=Simulation(first_token_milliseconds=200, token_milliseconds=20))
    given = arguments("--model=a", platform=slow)
    assert {"--time-to-first-token=200ms", "--inter-token-latency=20ms"} <= {*given}


def test_an_older_simulator_is_given_no_real_model() -> None:
    """It asks Hugging Face, and then wants a tokenizer; it has no flag against that."""
    old = Platform(router=router_release("v0.8.0"), simulate=Simulation())
    found = arguments("--model=Qwen/Qwen3-8B", platform=old)
    assert (found[0], found[-2:]) == (
        "--model=simulated",
        ["--served-model-name", "Qwen/Qwen3-8B"],
    )


@pytest.mark.parametrize("release", ROUTER_RELEASES, ids=lambda each: each.version)
def test_every_release_has_its_simulator(release: Any) -> None:
    twin = simulated(
        Engine.standalone("a", image="a/b:1"), Platform(router=release, simulate=Simulation()), None
    )
    container = twin.serving_member.container
    assert container.image == release.simulator
    assert container.image.startswith("ghcr.io/llm-d/llm-d-inference-sim:v")


def production() -> Platform:
    return Platform(
        node_pool="h100",
        pods=PodSettings(
            runtime_class_name="nvidia",
            priority_class_name="models",
            volumes=[{"name": "home", "persistentVolumeClaim": {"claimName": "caches"}}],
        ),
        gang=GangPlacement(exclusive_topology="rack"),
    )


def engines(*, gang: bool = False) -> list[Engine]:
    def one(phase: Any, port: int) -> Engine:
        members = [
            Member.of(
                role,
                image="vllm/vllm-openai:v0.23.0",
                args=["--model=Qwen/Qwen3-8B", f"--port={port}", NIXL],
                env=[EnvVar.from_secret("HF_TOKEN", "hf", "token")],
                devices=[GPU],
                labels={"team": "a"},
                nodes=1 if role == "Worker" else None,
            )
            for role in (("Leader", "Worker") if gang else ("Standalone",))
        ]
        return Engine(name=phase.lower(), phase=phase, copies=2, members=members)

    return [one("Prefill", 8000), one("Decode", 8001)]


def disaggregated(
    platform: Platform, *, gang: bool, model_cache: str | None = None
) -> ModelDeployment:
    return ModelDeployment(
        App(),
        "qwen",
        name="qwen",
        namespace="ml-team",
        serving_mode="PrefillDecode",
        model_cache=model_cache,
        engines=engines(gang=gang),
        platform=platform,
    )


@pytest.fixture(scope="module", params=[False, True], ids=["pods", "gangs"])
def both(request: pytest.FixtureRequest) -> tuple[list[Json], list[Json]]:
    """The objects of a deployment, and of its twin."""
    chart = disaggregated(production(), gang=request.param, model_cache="weights")
    return synthesized(chart), synthesized(chart.simulated(App(), "qwen"))


@pytest.mark.parametrize("gang", [False, True], ids=["pods", "gangs"])
@pytest.mark.parametrize("release", ROUTER_RELEASES, ids=lambda each: each.version)
def test_the_twin_of_a_release_runs_its_programs(release: RouterRelease, gang: bool) -> None:
    chart = disaggregated(Platform(router=release, simulate=Simulation()), gang=gang)
    objects = synthesized(chart)
    assert not [str(each) for each in chart.check() if each.severity != "note"]
    made = [*workloads(objects), the(objects, "Deployment", "qwen-0-epp")]
    pods = [serving_template(each)["spec"] for each in made]
    images = {
        container["image"]
        for pod in pods
        for container in (*pod.get("initContainers", ()), *pod["containers"])
    }
    assert images == {release.picker.image, release.sidecar.image, release.simulator}


def test_the_topology_is_the_same(both: tuple[list[Json], list[Json]]) -> None:
    original, twin = both

    assert apart_from_pods(twin) == [
        each for each in apart_from_pods(original) if each["kind"] != "ResourceClaimTemplate"
    ]
    for before, after in zip(workloads(original), workloads(twin), strict=True):
        assert after["metadata"]["labels"] == before["metadata"]["labels"]
        assert [labels_and_ports(each) for each in templates(after)] == [
            labels_and_ports(each) for each in templates(before)
        ]


def apart_from_pods(objects: list[Json]) -> list[Json]:
    return [each for each in objects if each["kind"] not in ("Deployment", "LeaderWorkerSet")]


def templates(workload: Json) -> list[Json]:
    spec = workload["spec"]
    gang = spec.get("leaderWorkerTemplate")
    return [gang["leaderTemplate"], gang["workerTemplate"]] if gang else [spec["template"]]


def labels_and_ports(template: Json) -> Any:
    spec = template["spec"]
    sidecars = [
        {key: value for key, value in each.items() if key != "resources"}
        for each in spec.get("initContainers", ())
    ]
    return template["metadata"], sidecars, [each.get("ports") for each in spec["containers"]]


def test_it_needs_nothing_of_production(both: tuple[list[Json], list[Json]]) -> None:
    _, twin = both
    assert not of_kind(twin, "ResourceClaimTemplate")
    for workload in workloads(twin):
        assert "annotations" not in workload["metadata"], "it has a topology of its own"
        for template in templates(workload):
            spec = template["spec"]
            assert not {"nodeSelector", "runtimeClassName", "priorityClassName"} & spec.keys()
            assert "resourceClaims" not in spec
            # But for the sidecar's token.
            assert all(volume.keys() & {"emptyDir", "projected"} for volume in spec["volumes"])
            container = spec["containers"][0]
            assert container["resources"] == {"requests": {"cpu": "20m", "memory": "64Mi"}}
            assert "HF_TOKEN" not in {variable["name"] for variable in container["env"]}


def test_the_picker_requests_little_and_is_the_same(both: tuple[list[Json], list[Json]]) -> None:
    original, twin = (pod_of(the(each, "Deployment", "qwen-0-epp")) for each in both)
    assert twin["containers"][0]["resources"] == {
        "requests": {"cpu": "20m", "memory": "64Mi"},
        "limits": {"memory": "8Gi"},
    }
    assert without_resources(twin) == without_resources(original)


def pod_of(workload: Json) -> Json:
    spec: Json = workload["spec"]["template"]["spec"]
    return spec


def without_resources(spec: Json) -> list[Json]:
    containers = spec["containers"]
    return [{k: v for k, v in each.items() if k != "resources"} for each in containers]


def test_what_a_twin_does_otherwise_is_told() -> None:
    engine = Engine.standalone(
        "a",
        image="vllm/vllm-openai:v0.23.0",
        args=["--kv-events-config={}", "--api-key=x"],
        devices=[GPU],
    )
    chart = ModelDeployment(App(), "a", name="a", namespace="ml", engines=[engine], platform=TWIN)
    said = [each.message for each in chart.findings if each.code == "D143"]
    assert [message.partition(",")[0] for message in said] == [
        "no model can be read from its command",
        "the twin publishes no events of its KV cache to the picker",
        "the twin takes requests without an API key",
    ]


SGLANG = ["python3", "-m", "sglang.launch_server"]
WITH_NIXL = CpuVllm(image="example.com/vllm-cpu-nixl:v0.32.0")


@pytest.mark.parametrize("gang", [False, True], ids=["pods", "gangs"])
def test_vllm_on_the_cpu_serves_in_place_of_simulators(gang: bool) -> None:
    chart = disaggregated(Platform(simulate=Simulation(vllm=WITH_NIXL)), gang=gang)
    assert not [str(each) for each in chart.check() if each.severity != "note"]
    for made, port in zip(workloads(synthesized(chart)), (8000, 8001), strict=True):
        for template in templates(made):
            container = template["spec"]["containers"][0]
            assert container["image"] == WITH_NIXL.image
            assert container["command"] == ["vllm", "serve"]
            flags = [each for each in container["args"] if "shutdown" not in each]
            assert flags[:2] == [f"--model={WITH_NIXL.model}", f"--port={port}"]
            assert flags[-3:] == [NIXL, "--served-model-name", "Qwen/Qwen3-8B"]
            assert container["resources"] == {"requests": {"cpu": "500m", "memory": "3Gi"}}


def test_vllm_on_the_cpu_serves_a_unified_deployment_as_it_is() -> None:
    engine = Engine.standalone(
        "a", image="lmsysorg/sglang:v0.5.9", args=["--model-path=Qwen/Qwen3-8B"], devices=[GPU]
    )
    platform = Platform(simulate=Simulation(vllm=CpuVllm()))
    twin = simulated(engine, platform, None).serving_member.container
    assert twin.image == CpuVllm().image
    assert (twin.args or [])[-2:] == ["--served-model-name", "Qwen/Qwen3-8B"]


@pytest.mark.parametrize(
    ("changed", "vllm", "message"),
    [
        ({}, CpuVllm(), "has no NIXL"),
        ({}, CpuVllm(image="registry.example.com/mirror/vllm-openai-cpu:v0.32.0"), "has no NIXL"),
        ({"ranks": 2}, WITH_NIXL, "on 2 ports"),
        ({"image": "lmsysorg/sglang:v0.5.9", "command": SGLANG}, WITH_NIXL, "hands over as SGLang"),
    ],
)
def test_where_vllm_cannot_stand_in_it_is_refused(
    changed: dict[str, Any], vllm: CpuVllm, message: str
) -> None:
    said = {"image": "vllm/vllm-openai:v0.32.0", "args": ["--model=a", NIXL], **changed}
    engine = Engine.standalone("a", phase="Decode", devices=[GPU], **said)
    with pytest.raises(InvalidInput) as raised:
        EngineGroup(
            Chart(App(), "c"),
            "a",
            engine=engine,
            platform=Platform(simulate=Simulation(vllm=vllm)),
        )
    assert [each.message for each in raised.value.findings if each.code == "D145"] == [
        each.message for each in raised.value.findings if message in each.message
    ]


def test_a_connector_that_was_not_seen_run_is_told() -> None:
    other = NIXL.replace("NixlConnector", "MooncakeConnector")
    engine = Engine.standalone(
        "a", phase="Decode", image="vllm/vllm-openai:v0.32.0", args=["--model=a", other]
    )
    platform = Platform(simulate=Simulation(vllm=CpuVllm()))
    found = check_engine(engine, platform)
    assert [each.message for each in found if each.code in ("D143", "D145")] == [
        "MooncakeConnector was not seen run on the CPU"
    ]


@pytest.mark.parametrize("said", [{"first_token_milliseconds": 200}, {"image": "a/sim:1"}])
def test_what_is_of_the_simulator_is_not_vllms(said: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput, match="leave them out"):
        Simulation(vllm=CpuVllm(), **said)
