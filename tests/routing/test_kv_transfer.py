"""What DisaggRouting adds for each way to hand over, and how pods that serve stop."""

from __future__ import annotations

import warnings
from typing import Any

import pytest
import yaml
from cdk8s import Chart

from cdk8s_inference import (
    AlwaysDisaggregate,
    App,
    DeviceRequest,
    DisaggregatedConfig,
    DisaggRouting,
    Engine,
    EngineGroup,
    Gateway,
    InferenceWarning,
    InvalidInput,
    ModelDeployment,
    PickerConfig,
    Platform,
    PrefixThreshold,
    RawPickerConfig,
    RouterRelease,
    Shutdown,
    SidecarOptions,
    UnifiedConfig,
)
from cdk8s_inference.document.model_deployment import EnvVar, Phase
from cdk8s_inference.gateways import STANDALONE
from cdk8s_inference.releases import (
    ROUTER_NEWEST,
    ROUTER_RELEASES,
    ROUTER_V0_8_0,
    ROUTER_V0_9_0,
)
from tests.document.builders import NIXL, prefill_decode
from tests.kit.synth import of_kind, synthesized, the

Json = dict[str, Any]

GPU = DeviceRequest.of("gpu", "true")
MOONCAKE = '--kv-transfer-config={"kv_connector":"MooncakeConnector"}'
SGLANG = ("--disaggregation-transfer-backend=nixl", "--disaggregation-bootstrap-port=9100")

each_release = pytest.mark.parametrize("release", ROUTER_RELEASES, ids=lambda each: each.version)


def engine(phase: Phase, port: int, args: list[str], **fields: Any) -> Engine:
    said = [f"--port={port}", *args]
    name = phase.lower()
    return Engine.standalone(name, phase=phase, image="i", devices=[GPU], args=said, **fields)


def engines(prefill: list[str], decode: list[str], **fields: Any) -> list[Engine]:
    return [
        engine("Prefill", 8000, prefill, **fields),
        engine("Decode", 8001, decode, **fields),
    ]


def vllm(*further: str, **fields: Any) -> list[Engine]:
    return engines([NIXL, *further], [NIXL, *further], **fields)


def sglang() -> list[Engine]:
    return engines(
        ["--disaggregation-mode=prefill", *SGLANG], ["--disaggregation-mode=decode", *SGLANG[:1]]
    )


def composed(
    said: list[Engine], platform: Platform | None = None, config: PickerConfig | None = None
) -> list[Json]:
    deployment = ModelDeployment(
        App(),
        "qwen",
        name="qwen",
        namespace="ml-team",
        engines=said,
        serving_mode="PrefillDecode",
        picker_config=config,
        platform=platform,
    )
    return synthesized(deployment)


def template(objects: list[Json], name: str) -> Json:
    found: Json = the(objects, "Deployment", f"qwen-0-{name}")["spec"]["template"]
    return found


def sidecar(objects: list[Json]) -> Json:
    (found,) = template(objects, "decode")["spec"]["initContainers"]
    assert isinstance(found, dict)
    return found


def flags(container: Json) -> dict[str, str]:
    return dict(argument.removeprefix("--").split("=", 1) for argument in container["args"])


def picker_config(objects: list[Json]) -> Json:
    (text,) = the(objects, "ConfigMap")["data"].values()
    found: Json = yaml.safe_load(text)
    return found


@each_release
def test_sglang_gets_all_that_it_needs(release: RouterRelease) -> None:
    objects = composed(sglang(), Platform(router=release))
    assert flags(sidecar(objects))["kv-connector"] == "sglang"
    assert sidecar(objects)["env"] == [{"name": "SGLANG_BOOTSTRAP_PORT", "value": "9100"}]
    types = [plugin["type"] for plugin in picker_config(objects)["plugins"]]
    assert "always-disagg-pd-decider" in types
    assert "prefix-based-pd-decider" not in types
    for name in ("prefill", "decode"):
        found = template(objects, name)
        assert found["metadata"]["labels"][release.picker.engine_label] == "sglang"
        # NIXL's side channel is vLLM's.
        assert side_channel(found) == []


def test_vllm_needs_no_label_and_keeps_what_it_cached() -> None:
    objects = composed(vllm())
    assert flags(sidecar(objects))["kv-connector"] == "nixlv2"
    labels = template(objects, "decode")["metadata"]["labels"]
    assert ROUTER_NEWEST.picker.engine_label not in labels
    types = [plugin["type"] for plugin in picker_config(objects)["plugins"]]
    assert "prefix-based-pd-decider" in types


def test_mooncake_has_a_bootstrap_port_and_no_side_channel() -> None:
    objects = composed(engines([MOONCAKE], [MOONCAKE]))
    found = flags(sidecar(objects))
    assert (found["kv-connector"], found["mooncake-bootstrap-port"]) == ("mooncake", "8998")
    assert side_channel(template(objects, "prefill")) == []


def side_channel(template: Json) -> list[str]:
    """The variables of vLLM's side channel."""
    env = template["spec"]["containers"][0]["env"]
    return [each["name"] for each in env if each["name"].startswith("VLLM_NIXL")]


def test_the_side_channel_leaves_the_events_port_alone() -> None:
    """vLLM publishes KV cache events on 5557 by default: two sockets cannot be bound to it."""
    events = '--kv-events-config={"enable_kv_cache_events":true,"publisher":"zmq"}'
    for said, names in (
        (vllm(), ["VLLM_NIXL_SIDE_CHANNEL_HOST", "VLLM_NIXL_SIDE_CHANNEL_PORT"]),
        (vllm(events), ["VLLM_NIXL_SIDE_CHANNEL_HOST"]),
    ):
        assert side_channel(template(composed(said), "prefill")) == names


def test_the_users_flags_stay_as_they_are() -> None:
    for said in (vllm(), sglang()):
        objects = composed(said)
        for each in said:
            container = template(objects, each.name)["spec"]["containers"][0]
            assert container["args"] == each.members[0].container.args


@pytest.mark.parametrize(
    "config",
    [
        DisaggregatedConfig.prefix_aware(),
        DisaggregatedConfig.load_aware(PrefixThreshold(1)),
        RawPickerConfig(DisaggregatedConfig.prefix_aware().text(ROUTER_NEWEST)),
    ],
    ids=["prefix", "load", "raw"],
)
def test_sglang_cannot_prefill_where_it_decodes(config: PickerConfig) -> None:
    with pytest.raises(InvalidInput) as raised:
        composed(sglang(), config=config)
    assert [finding.code for finding in raised.value.findings] == ["W110"]
    assert composed(vllm(), config=config)


def test_a_configuration_of_ones_own() -> None:
    config = DisaggregatedConfig.load_aware(AlwaysDisaggregate())
    for said in (vllm(), sglang()):
        objects = composed(said, config=config)
        assert the(objects, "ConfigMap")["data"] == {"config.yaml": config.render(ROUTER_NEWEST)}


def test_a_configuration_for_other_pods_is_refused() -> None:
    with pytest.raises(InvalidInput, match=r"W112.*these are prefill and decode pods"):
        composed(vllm(), config=UnifiedConfig.prefix_aware())


@pytest.mark.parametrize(
    "config",
    [UnifiedConfig.prefix_aware(), RawPickerConfig("plugins: ["), RawPickerConfig("a: 1")],
    ids=["unified", "no yaml", "no configuration"],
)
def test_a_configuration_that_is_refused_leaves_nothing(config: PickerConfig) -> None:
    app = App()
    with pytest.raises(InvalidInput):
        ModelDeployment(
            app,
            "qwen",
            name="qwen",
            namespace="ml-team",
            engines=vllm(),
            serving_mode="PrefillDecode",
            picker_config=config,
        )
    assert app.node.children == []


def test_a_document_takes_a_configuration_too() -> None:
    config = DisaggregatedConfig.load_aware()
    deployment = ModelDeployment.from_document(
        App(), "qwen", prefill_decode(), picker_config=config
    )
    data = the(synthesized(deployment), "ConfigMap")["data"]
    assert data == {"config.yaml": config.render(ROUTER_NEWEST)}


def test_what_engines_disagree_on_is_refused_and_leaves_nothing() -> None:
    app = App()
    with pytest.raises(InvalidInput) as raised:
        ModelDeployment(
            app,
            "qwen",
            name="qwen",
            namespace="ml-team",
            engines=engines([NIXL], [MOONCAKE]),
            serving_mode="PrefillDecode",
        )
    assert [finding.code for finding in raised.value.findings] == ["W103"]
    assert app.node.children == []


def by_hand(prefill: list[str], decode: list[str]) -> DisaggRouting:
    chart = Chart(App(), "chart", namespace="ml-team")
    groups = [EngineGroup(chart, each.name, engine=each) for each in engines(prefill, decode)]
    return DisaggRouting(
        chart, "route", prefill=groups[0], decode=groups[1], name="to", namespace="ml-team"
    )


def test_engines_made_by_hand_are_judged_as_well() -> None:
    with pytest.warns(InferenceWarning, match=r"W102\] engines\.decode\.members\[0\]"):
        routing = by_hand([NIXL], [])
    assert [finding.code for finding in routing.findings] == ["W102"]
    with pytest.raises(InvalidInput, match="W103"):
        by_hand([NIXL], [MOONCAKE])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert by_hand([NIXL], [NIXL]).kv_transfer.connector.name == "nixlv2"


def test_a_deployment_is_warned_of_once() -> None:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        composed(engines([], []))
    assert [("W101" in str(each.message), each.category) for each in caught] == [
        (True, InferenceWarning)
    ]


# How pods stop


def grace(objects: list[Json], name: str) -> int:
    seconds = template(objects, name)["spec"]["terminationGracePeriodSeconds"]
    assert isinstance(seconds, int)
    return seconds


def test_pods_have_the_time_that_their_engine_drains() -> None:
    assert grace(composed(vllm()), "decode") == 90
    assert grace(composed(vllm("--shutdown-timeout=300")), "decode") == 330
    shutdown = Shutdown(drain_seconds=100, margin_seconds=20)
    assert grace(composed(vllm(), Platform(shutdown=shutdown)), "prefill") == 120
    said = composed(vllm("--shutdown-timeout", "5"), Platform(shutdown=shutdown))
    assert grace(said, "prefill") == 25


@pytest.mark.parametrize("value", ["", "soon", "nan", "inf", "-1", "1e99"])
def test_a_timeout_that_is_none_is_not_taken(value: str) -> None:
    assert grace(composed(vllm(f"--shutdown-timeout={value}")), "decode") == 90


def test_a_native_sidecar_stops_after_the_engine_by_itself() -> None:
    found = sidecar(composed(vllm()))
    assert found["restartPolicy"] == "Always"
    assert "lifecycle" not in found


@pytest.mark.parametrize("timeout", [0, 60, 600])
def test_a_plain_sidecar_waits_for_the_engine_and_is_not_killed(timeout: int) -> None:
    """It cuts every stream within 30 ms of SIGTERM, so it must be asked last."""
    platform = Platform(sidecar=SidecarOptions(native=False))
    objects = composed(vllm(f"--shutdown-timeout={timeout}"), platform)
    pod = template(objects, "decode")["spec"]
    assert "initContainers" not in pod
    (found,) = (each for each in pod["containers"] if each["name"] == "pd-sidecar")
    assert "restartPolicy" not in found
    wait = found["lifecycle"]["preStop"]["sleep"]["seconds"]
    assert timeout < wait < pod["terminationGracePeriodSeconds"]


# What the sidecar is asked, and what it may do


@each_release
def test_the_sidecar_is_asked_for_the_engine(release: RouterRelease) -> None:
    """Its own /health is 200 with the engine dead."""
    found = sidecar(composed(vllm(), Platform(router=release)))
    assert found["readinessProbe"]["httpGet"] == {
        "path": release.sidecar.engine_path,
        "port": 8000,
    }
    # The engine starts when it has passed: one that waits for the engine never would.
    assert "startupProbe" not in found


@pytest.mark.parametrize(
    "fields",
    [{"env": [EnvVar.from_secret("VLLM_API_KEY", "key", "key")]}, {"further": "--api-key=x"}],
    ids=["variable", "flag"],
)
def test_an_engine_with_a_key_is_asked_for_what_needs_none(fields: Json) -> None:
    further = [fields.pop("further")] if "further" in fields else []
    found = sidecar(composed(vllm(*further, **fields)))
    assert found["readinessProbe"]["httpGet"]["path"] == "/metrics"


def test_ssrf_protection_brings_the_right_to_read_the_pool() -> None:
    objects = composed(vllm())
    proxy = sidecar(objects)
    assert flags(proxy)["enable-ssrf-protection"] == "true"
    pool = the(objects, "InferencePool")["metadata"]
    assert flags(proxy)["inference-pool"] == f"{pool['namespace']}/{pool['name']}"
    pod = template(objects, "decode")["spec"]
    account = pod["serviceAccountName"]
    assert the(objects, "ServiceAccount", account)
    (binding,) = (
        each for each in of_kind(objects, "RoleBinding") if each["subjects"][0]["name"] == account
    )
    role = the(objects, "Role", binding["roleRef"]["name"])
    assert role["rules"] == [each.rule() for each in ROUTER_NEWEST.sidecar.ssrf_protection]
    # The sidecar has its token, and the engine, which needs none, has not.
    assert pod["automountServiceAccountToken"] is False
    (mount,) = proxy["volumeMounts"]
    assert mount["mountPath"] == "/var/run/secrets/kubernetes.io/serviceaccount"
    (volume,) = (each for each in pod["volumes"] if each["name"] == mount["name"])
    assert {key for source in volume["projected"]["sources"] for key in source} == {
        "serviceAccountToken",
        "configMap",
        "downwardAPI",
    }
    assert mount not in pod["containers"][0]["volumeMounts"]
    assert "serviceAccountName" not in template(objects, "prefill")["spec"]


@pytest.mark.parametrize(
    "platform",
    [
        Platform(sidecar=SidecarOptions(ssrf_protection=False)),
        Platform(gateway=Gateway(provider=STANDALONE)),
        *(Platform(router=each) for each in (ROUTER_V0_8_0, ROUTER_V0_9_0)),
    ],
    ids=["unwanted", "no pool", "v0.8.0", "v0.9.0"],
)
def test_without_it_decode_pods_have_no_account(platform: Platform) -> None:
    """Sidecars before v0.10.0 find no pod of a pool of v1, and would refuse every target."""
    objects = composed(vllm(), platform)
    assert "enable-ssrf-protection" not in flags(sidecar(objects))
    assert "serviceAccountName" not in template(objects, "decode")["spec"]
    assert len(of_kind(objects, "ServiceAccount")) == 1
