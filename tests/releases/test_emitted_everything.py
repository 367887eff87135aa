"""Every choice composed for every release: all that is emitted is in the data, and all of the data
is emitted, or named here as left to its default."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any

import pytest
import yaml

from cdk8s_inference import (
    AlwaysDisaggregate,
    App,
    DeviceRequest,
    DisaggregatedConfig,
    Engine,
    ModelDeployment,
    PickerConfig,
    PickerOptions,
    Platform,
    PrecisePrefix,
    RawPickerConfig,
    RouterRelease,
    SidecarOptions,
    UnifiedConfig,
)
from cdk8s_inference.document.kv_transfer import DEFAULT_CONNECTOR
from cdk8s_inference.releases import ROUTER_RELEASES
from cdk8s_inference.releases.release import Program
from tests.document.builders import NIXL
from tests.kit.synth import of_kind, synthesized, workloads

Json = dict[str, Any]

GPU = DeviceRequest.of("gpu", "true")
PRODUCTION = PickerOptions(high_availability=True, keep_from_eviction=True, metrics="authenticated")

each_release = pytest.mark.parametrize("release", ROUTER_RELEASES, ids=lambda each: each.version)
each_program = pytest.mark.parametrize("program", ["picker", "sidecar"])


def engine(phase: Any, port: int, *args: str, **fields: Any) -> Engine:
    said = [f"--port={port}", *args]
    return Engine.standalone(
        str(phase).lower(), phase=phase, image="i", args=said, devices=[GPU], **fields
    )


def pair(prefill: str, decode: str, **fields: Any) -> list[Engine]:
    return [
        engine("Prefill", 8000, prefill, **fields),
        engine("Decode", 8200, decode, **fields),
    ]


def handing_over(release: RouterRelease) -> dict[str, list[Engine]]:
    """A pair of engines for each connector of a release."""
    found = {}
    for connector in release.sidecar.connectors:
        name = connector.engine_connectors[0]
        vllm = f"--kv-transfer-config.kv_connector={name}"
        modes = [f"--disaggregation-mode={mode}" for mode in ("prefill", "decode")]
        found[connector.name] = pair(*(modes if connector.engine == "sglang" else (vllm, vllm)))
    return found


def configs(release: RouterRelease) -> dict[str, PickerConfig]:
    """Every preset that a release can have."""
    found: dict[str, PickerConfig] = {
        "prefix": DisaggregatedConfig.prefix_aware(),
        "always": DisaggregatedConfig.always(),
        "load": DisaggregatedConfig.load_aware(AlwaysDisaggregate()),
    }
    if release.has_plugin("precise-prefix-cache-producer"):
        found["precise"] = DisaggregatedConfig.precise_prefix(
            PrecisePrefix("m", "http://renderer:8000")
        )
    return found


UNIFIED = {"prefix": UnifiedConfig.prefix_aware(), "load": UnifiedConfig.load_aware()}


def composed(engines: list[Engine], platform: Platform, config: PickerConfig | None) -> list[Json]:
    unified = engines[0].phase is None
    return synthesized(
        ModelDeployment(
            App(),
            "a",
            name="a",
            namespace="n",
            engines=engines,
            serving_mode="Unified" if unified else "PrefillDecode",
            picker_config=config,
            platform=platform,
        )
    )


@cache
def compositions(version: str) -> tuple[tuple[str, list[Json]], ...]:
    """What each choice gives."""
    (release,) = (each for each in ROUTER_RELEASES if each.version == version)

    def made() -> Iterator[tuple[str, list[Json]]]:
        plain = Platform(router=release)
        nixl = pair(NIXL, NIXL)
        for name, engines in handing_over(release).items():
            yield f"connector {name}", composed(engines, plain, None)
        for name, config in configs(release).items():
            yield f"preset {name}", composed(nixl, plain, config)
        for name, unified in UNIFIED.items():
            picker = Platform(router=release, unified_mode="picker")
            alone = Engine.standalone("e", image="i", devices=[GPU])
            yield f"unified {name}", composed([alone], picker, unified)
        for encoder in release.sidecar.encoder_connectors:
            options: Any = SidecarOptions(encoder_connector=encoder)  # type: ignore[arg-type]
            encode = engine("Encode", 8000)
            platform = Platform(router=release, sidecar=options)
            yield f"encoder {encoder}", composed([encode, *nixl], platform, None)
        for native in (True, False):
            platform = Platform(
                router=release, picker=PRODUCTION, sidecar=SidecarOptions(native=native)
            )
            yield f"production {native}", composed(pair(NIXL, NIXL, ranks=8), platform, None)
        text = DisaggregatedConfig.prefix_aware().text(release)
        yield "raw", composed(nixl, plain, RawPickerConfig(text, experimental=True))

    return tuple(made())


def containers(objects: list[Json], image: str) -> Iterator[Json]:
    for deployment in of_kind(objects, "Deployment"):
        spec = deployment["spec"]["template"]["spec"]
        for container in (*spec["containers"], *spec.get("initContainers", ())):
            if container["image"] == image:
                yield container


def arguments(release: RouterRelease, program: Program) -> Iterator[tuple[str, str]]:
    image = release.picker.image if program == "picker" else release.sidecar.image
    for _, objects in compositions(release.version):
        for container in containers(objects, image):
            for argument in container["args"]:
                name, equals, value = argument.removeprefix("--").partition("=")
                assert equals, argument
                yield name, value


LEFT_TO_ITS_DEFAULT: dict[str, set[str]] = {
    "picker": {
        # A file is mounted, in a pool.
        "config-text",
        "endpoint-selector",
        "endpoint-target-ports",
        "pool-group",
        # A certificate of its own making, which no gateway verifies.
        "cert-path",
        "enable-cert-reload",
        "metrics-cert-dir",
        "metrics-client-ca-file",
        "tls-cipher-suites",
        "tls-min-version",
        # How it works and what it writes of it.
        "disable-endpoint-subset-filter",
        "emit-endpoint-scores",
        "enable-grpc-stream-metrics",
        "grpc-max-recv-msg-size",
        "grpc-max-send-msg-size",
        "health-checking",
        "metrics-staleness-threshold",
        "refresh-metrics-interval",
        "refresh-prometheus-metrics-interval",
        "v",
        "zap-devel",
        "zap-encoder",
        "zap-log-level",
        "zap-stacktrace-level",
        "zap-time-encoding",
    },
    "sidecar": {
        # Engines and the pool's port speak plain HTTP.
        "cert-path",
        "enable-tls",
        "tls-insecure-skip-verify",
        # Flags say it all.
        "configuration",
        "configuration-file",
        "kubeconfig",
        "pool-group",
        # How it works and what it writes of it.
        "decode-chunk-size",
        "enable-p2p-pull",
        "enable-prefiller-sampling",
        "max-idle-conns-per-host",
        "metrics-port",
        "prefill-max-retries",
        "prefill-retry-backoff",
        "tracing",
        "zap-devel",
        "zap-encoder",
        "zap-log-level",
        "zap-stacktrace-level",
        "zap-time-encoding",
    },
}


NEEDED_TO_GUARD = {"enable-ssrf-protection", "inference-pool"}
"""Flags of the sidecar that refuse every prefill target, in releases that read no pool of v1."""


@each_program
@each_release
def test_every_flag_that_is_given_is_supported(release: RouterRelease, program: Program) -> None:
    for name, value in arguments(release, program):
        flag = release.flag(program, name)
        assert flag.stage == "supported", name
        assert flag.kind != "bool" or value in ("true", "false"), name
        assert flag.kind != "int" or value.isdigit(), name


@each_program
@each_release
def test_every_flag_of_the_release_is_given_or_left_for_a_reason(
    release: RouterRelease, program: Program
) -> None:
    given = {name for name, _ in arguments(release, program)}
    supported = {
        name
        for name, flag in release.flags(program).items()
        # Flags of a connector that the data does not offer yet.
        if flag.stage == "supported" and not name.startswith("moriio-")
    }
    left = LEFT_TO_ITS_DEFAULT[program]
    if not release.sidecar.guards_v1_pools:
        left = left | NEEDED_TO_GUARD
    assert given.isdisjoint(left)
    assert given | (left & supported) == supported


@each_program
def test_no_flag_is_left_that_no_release_has(program: Program) -> None:
    known = {name for release in ROUTER_RELEASES for name in release.flags(program)}
    assert LEFT_TO_ITS_DEFAULT[program] <= known


@each_release
def test_every_connector_of_the_release_is_given(release: RouterRelease) -> None:
    given = {value for name, value in arguments(release, "sidecar") if name == "kv-connector"}
    assert given == {connector.name for connector in release.sidecar.connectors}
    encoders = {value for name, value in arguments(release, "sidecar") if name == "ec-connector"}
    assert encoders == {*release.sidecar.encoder_connectors}
    assert release.has_connector(DEFAULT_CONNECTOR)


@each_release
def test_bootstrap_ports_reach_the_connectors_that_read_them(release: RouterRelease) -> None:
    made = dict(compositions(release.version))
    for connector in release.sidecar.connectors:
        (container,) = containers(made[f"connector {connector.name}"], release.sidecar.image)
        flags = {argument.removeprefix("--").split("=")[0] for argument in container["args"]}
        env = {variable["name"]: variable["value"] for variable in container.get("env", ())}
        every = {flag for each in release.sidecar.connectors if (flag := each.bootstrap_port_flag)}
        assert flags & every == {connector.bootstrap_port_flag} - {None}
        name = connector.bootstrap_port_env
        assert env == ({name: str(connector.bootstrap_port)} if name else {})


@each_release
def test_every_configuration_is_one_of_the_release_and_does_what_it_says(
    release: RouterRelease,
) -> None:
    for name, objects in compositions(release.version):
        (config_map,) = of_kind(objects, "ConfigMap")
        (text,) = config_map["data"].values()
        unified = name.startswith("unified")
        verdict = RawPickerConfig(text, for_disaggregation=not unified).verdict(release)
        assert verdict.outcome == ("serves" if unified else "disaggregates"), name
        config = yaml.safe_load(text)
        assert config["apiVersion"] == release.picker.config.api_versions[0]
        known = release.plugins()
        for plugin in config["plugins"]:
            assert plugin["type"] in known, (name, plugin)
            assert known[plugin["type"]].deprecation is None, (name, plugin)


@each_release
def test_labels_of_the_release_and_no_other(release: RouterRelease) -> None:
    elsewhere = {
        label
        for other in ROUTER_RELEASES
        for label in (other.role_label, other.picker.engine_label)
    }
    expected = {release.role_label, release.picker.engine_label}
    found = set()
    for _, objects in compositions(release.version):
        for workload in workloads(objects):
            labels = workload["spec"]["template"]["metadata"]["labels"]
            found |= elsewhere & labels.keys()
    assert found == expected


@each_release
def test_every_permission_of_the_release_is_granted_where_it_is_needed(
    release: RouterRelease,
) -> None:
    objects = dict(compositions(release.version))["production True"]
    rules = [
        rule
        for role in (*of_kind(objects, "Role"), *of_kind(objects, "ClusterRole"))
        for rule in role["rules"]
    ]
    picker = release.picker
    for permission in (
        *picker.watches,
        *picker.leader_election,
        *picker.metrics_review,
        *picker.metrics_reader,
        *(release.sidecar.ssrf_protection if release.sidecar.guards_v1_pools else ()),
    ):
        for what in (*permission.resources, *permission.urls):
            assert any(
                what in rule.get("resources", rule.get("nonResourceURLs", []))
                and permission.api_group in rule.get("apiGroups", [permission.api_group])
                and {*permission.verbs} <= {*rule["verbs"]}
                for rule in rules
            ), (permission, what)
