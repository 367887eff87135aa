"""The data of each release against what its programs were seen to have, and the questions."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from typing import Any

import pytest

from cdk8s_inference.releases import (
    ROUTER_NEWEST,
    ROUTER_RELEASES,
    ROUTER_V0_8_0,
    ROUTER_V0_9_0,
    ROUTER_V0_10_0,
    NotInReleaseError,
    RouterRelease,
    router_release,
)
from cdk8s_inference.releases.flag import Flag, FlagValue
from cdk8s_inference.releases.permission import Permission
from cdk8s_inference.releases.picker import RUNTIME_METRIC_PREFIXES, MetricType
from cdk8s_inference.releases.plugin_type import PROFILE_ROLES, Parameter
from cdk8s_inference.releases.release import Program
from cdk8s_inference.releases.revision import revised
from tests.kit.shared import SHARED

observed = pytest.mark.skipif(SHARED is None, reason="the shared facts are absent")
each_release = pytest.mark.parametrize("release", ROUTER_RELEASES, ids=lambda each: each.version)
each_program = pytest.mark.parametrize("program", ["picker", "sidecar"])

OBSERVED_PROGRAM = {"picker": "epp", "sidecar": "pd-sidecar"}
OBSERVED_KINDS = {"encoder": "string", "level": "string", "time-encoding": "string"}


@cache
def facts(name: str) -> Mapping[str, Any]:
    assert SHARED is not None
    found: Mapping[str, Any] = json.loads((SHARED / "facts" / "observed" / name).read_text())
    return found


def seen_flags(program: Program, release: RouterRelease) -> Mapping[str, FlagValue]:
    flags: Mapping[str, FlagValue] = facts("flags.json")[OBSERVED_PROGRAM[program]][release.version]
    return flags


def of_stage(program: Program, release: RouterRelease, *stages: str) -> dict[str, Flag]:
    flags = release.flags(program).items()
    return {name: flag for name, flag in flags if flag.stage in stages}


@observed
@each_release
@each_program
def test_supported_flags_are_those_of_the_help(program: Program, release: RouterRelease) -> None:
    described = of_stage(program, release, "supported")
    assert described.keys() == seen_flags(program, release).keys()


@observed
@each_release
@each_program
def test_defaults_are_those_of_the_help(program: Program, release: RouterRelease) -> None:
    for name, default in seen_flags(program, release).items():
        flag = release.flag(program, name)
        expected: object = tuple(default) if isinstance(default, list) else default
        if flag.kind == "string":  # the help prints a port that is a string without quotes
            expected = str(expected)
        assert (name, flag.default) == (name, expected)
        assert type(flag.default) is type(expected)


@observed
@each_release
@each_program
def test_kinds_are_those_of_the_help(program: Program, release: RouterRelease) -> None:
    kinds = facts("flags.json")["_types"][OBSERVED_PROGRAM[program]]
    for name, flag in of_stage(program, release, "supported").items():
        # Some flags print a word of their description, or an example, in place of a kind.
        kind = OBSERVED_KINDS.get(kinds[name], kinds[name])
        kind = kind if kind.replace("s", "").isalpha() else "string"
        assert (name, flag.kind) == (name, kind)


@observed
@each_release
@each_program
def test_hidden_flags(program: Program, release: RouterRelease) -> None:
    hidden = facts("flags.json")["_hidden_deprecated"][OBSERVED_PROGRAM[program]][release.version]
    described = of_stage(program, release, "deprecated", "refused")
    assert described.keys() == hidden.keys()
    for flag in described.values():
        assert flag.instead


@observed
@each_release
@each_program
def test_refused_flags_are_unknown(program: Program, release: RouterRelease) -> None:
    unknown = facts("flags.json")["_refused_unknown"][OBSERVED_PROGRAM[program]][release.version]
    for name in unknown:
        assert name not in release.flags(program)
        with pytest.raises(NotInReleaseError, match=f"--{name}"):
            release.flag(program, name)


@observed
@each_release
@each_program
def test_effective_defaults(program: Program, release: RouterRelease) -> None:
    seen = facts("flags.json")["_effective_defaults_not_in_help"].get(OBSERVED_PROGRAM[program], {})
    described = {
        name: flag.effective
        for name, flag in release.flags(program).items()
        if flag.effective is not None
    }
    assert described == seen.get(release.version, {})


def seen_families(release: RouterRelease) -> dict[str, MetricType]:
    """Families of every scrape: idle, after requests, with leader election."""
    families: dict[str, MetricType] = {}
    for scrape, found in facts("metrics.json")["epp"].items():
        if scrape.split(" ")[0] == release.version:
            families.update(found)
    return families


@observed
@each_release
def test_picker_metric_families(release: RouterRelease) -> None:
    own = {
        name: kind
        for name, kind in seen_families(release).items()
        if not name.startswith(RUNTIME_METRIC_PREFIXES)
    }
    assert release.picker.metrics == own


@observed
@each_release
def test_sidecar_metric_families(release: RouterRelease) -> None:
    found = facts("metrics.json")["sidecar"]
    seen = found.get(f"{release.version} (--metrics-port)", {})
    own = {
        name: kind for name, kind in seen.items() if not name.startswith(RUNTIME_METRIC_PREFIXES)
    }
    assert release.sidecar.metrics == own
    assert bool(own) == release.has_flag("sidecar", "metrics-port")


@observed
def test_every_runtime_prefix_is_seen() -> None:
    families = [name for release in ROUTER_RELEASES for name in seen_families(release)]
    for prefix in RUNTIME_METRIC_PREFIXES:
        assert any(name.startswith(prefix) for name in families), prefix


@cache
def operation() -> str:
    assert SHARED is not None
    return (SHARED / "facts" / "observed" / "operation.md").read_text()


def kinds(rules: tuple[Permission, ...]) -> set[tuple[str, str]]:
    return {(rule.api_group, resource) for rule in rules for resource in rule.resources}


@observed
@each_release
def test_permissions(release: RouterRelease) -> None:
    picker = release.picker
    assert {rule.verbs for rule in picker.watches} == {("list", "watch")}
    assert kinds(picker.leader_election) == {("coordination.k8s.io", "leases"), ("", "events")}
    assert kinds(picker.metrics_review) == {
        ("authentication.k8s.io", "tokenreviews"),
        ("authorization.k8s.io", "subjectaccessreviews"),
    }
    for rules in (picker.watches, picker.leader_election, picker.metrics_review):
        for _, resource in kinds(rules):
            assert resource in operation()
    assert [rule.urls for rule in picker.metrics_reader] == [("/metrics",)]
    assert "get on the non-resource URL /metrics" in operation()


def test_kinds_that_a_release_watches() -> None:
    old = {
        ("", "pods"),
        ("inference.networking.k8s.io", "inferencepools"),
        ("inference.networking.x-k8s.io", "inferenceobjectives"),
        ("inference.networking.x-k8s.io", "inferencemodelrewrites"),
    }
    new = {("llm-d.ai", "inferenceobjectives"), ("llm-d.ai", "inferencemodelrewrites")}
    assert kinds(ROUTER_V0_8_0.picker.watches) == old
    assert kinds(ROUTER_V0_9_0.picker.watches) == old | new
    assert kinds(ROUTER_V0_10_0.picker.watches) == old | new


@observed
@each_release
def test_leases(release: RouterRelease) -> None:
    assert release.lease("<ns>", "<pool>").removeprefix("epp-<ns>-<pool>") in operation()


def test_lease_names() -> None:
    assert [release.lease("apps", "llama") for release in ROUTER_RELEASES] == [
        "epp-apps-llama.gateway-api-inference-extension.sigs.k8s.io",
        "epp-apps-llama.llm-d.ai",
        "epp-apps-llama.llm-d.ai",
    ]


@observed
@each_release
def test_names_in_the_operation_notes(release: RouterRelease) -> None:
    picker, sidecar = release.picker, release.sidecar
    assert f"{picker.readiness_service}, envoy" in operation()
    assert f"| {picker.liveness_service} | SERVING | SERVING" in operation()
    assert f"{sidecar.health_path} is its own" in operation()
    assert f"{sidecar.engine_path}, /metrics are the engine's" in operation()
    assert picker.drain_flag is None or f"--{picker.drain_flag}" in operation()


@each_release
def test_flags_that_the_data_names_exist(release: RouterRelease) -> None:
    picker, sidecar = release.picker, release.sidecar
    for name in filter(None, (picker.drain_flag, picker.experimental_flag)):
        assert release.has_flag("picker", name)
    assert release.flag("sidecar", sidecar.engine_port_flag).stage == "supported"
    for connector in sidecar.connectors:
        for name in connector.flags:
            assert release.has_flag("sidecar", name)
        if connector.bootstrap_port_flag is not None:
            default = release.flag("sidecar", connector.bootstrap_port_flag).default
            assert default == connector.bootstrap_port
    if picker.drain_flag is not None:
        assert release.flag("picker", picker.drain_flag).default == f"{picker.stop_seconds}s"


@each_release
def test_plugins_that_the_data_names_exist(release: RouterRelease) -> None:
    config = release.picker.config
    plugins = release.plugins()
    assert len(plugins) == len(release.picker.plugins)
    assert plugins.keys() >= {*config.undeclared, *config.default_producers.values()}
    for data, producer in config.default_producers.items():
        assert data in plugins[producer].produces
    for plugin in plugins.values():
        assert plugin.roles
        assert plugins.keys() >= set(plugin.brings)
        names = {parameter.name for parameter in plugin.parameters}
        assert len(names) == len(plugin.parameters)
        assert names.union(*plugin.exclusive) == names
        if plugin.decision is not None:
            assert "decider" in plugin.roles
            assert names >= {*plugin.decision.thresholds, *plugin.decision.never_at_zero}
        if plugin.stages is not None:
            stages = plugin.stages
            assert "profile handler" in plugin.roles
            for path in (
                *stages.decode,
                *stages.prefill,
                *stages.encode,
                *stages.prefill_decider,
                *stages.encode_decider,
                *([stages.order] if stages.order else []),
            ):
                assert path.split(".")[0] in names
        assert (plugin.accepts is None) or "filter" in plugin.roles
        assert plugin.stage == "supported" or release.picker.experimental_flag


@each_release
def test_deciders_and_their_decisions(release: RouterRelease) -> None:
    assert {plugin.type for plugin in release.plugins_for("decider")} == {
        plugin.type for plugin in release.picker.plugins if plugin.decision
    }
    assert {role for plugin in release.picker.plugins for role in plugin.roles} >= PROFILE_ROLES


@each_release
def test_deprecations_point_to_what_the_release_has(release: RouterRelease) -> None:
    for plugin in release.picker.plugins:
        if plugin.deprecation is not None and plugin.deprecation.replacement is not None:
            named = plugin.deprecation.replacement.split(" and ")
            assert all(release.has_plugin(name) for name in named if "-" in name)


def test_unknown_questions_name_the_releases_that_have_it() -> None:
    with pytest.raises(NotInReleaseError) as told:
        ROUTER_V0_8_0.flag("picker", "drain-timeout")
    assert str(told.value) == (
        "router v0.8.0 lacks the picker's flag --drain-timeout; releases that have it: v0.10.0"
    )
    with pytest.raises(NotInReleaseError, match=r"connector 'mooncake'; .*: v0\.9\.0, v0\.10\.0$"):
        ROUTER_V0_8_0.sidecar_connector("mooncake")
    with pytest.raises(NotInReleaseError, match="connector 'trtllm'; no release has it"):
        ROUTER_NEWEST.sidecar_connector("trtllm")
    with pytest.raises(NotInReleaseError, match=r"plugin 'topology-extractor'; .*: v0\.10\.0$"):
        ROUTER_V0_9_0.plugin("topology-extractor")
    with pytest.raises(NotInReleaseError, match=r"encoder connector 'ec-nixl'; .*: v0\.9\.0"):
        ROUTER_V0_8_0.encoder_connector("ec-nixl")
    with pytest.raises(NotInReleaseError, match="no release has it; use engineConfigs"):
        ROUTER_V0_9_0.flag("picker", "lora-info-metric")


def test_questions_that_have_an_answer() -> None:
    assert ROUTER_V0_10_0.flag("picker", "drain-timeout").default == "30s"
    assert ROUTER_V0_9_0.sidecar_connector("mooncake").engine == "vllm"
    assert ROUTER_V0_9_0.encoder_connector("ec-nixl") == "ec-nixl"
    assert ROUTER_V0_9_0.has_gate("dataLayer")
    assert not ROUTER_V0_10_0.has_gate("dataLayer")
    assert ROUTER_V0_10_0.plugin("prefix-based-pd-decider").default("promptTokens") == 0
    assert ROUTER_V0_9_0.plugin("prefix-based-pd-decider").default("promptTokens") is None


def test_arguments() -> None:
    values: dict[str, FlagValue] = {"port": 8000, "secure-proxy": False, "enable-tls": ("a", "b")}
    assert ROUTER_NEWEST.arguments("sidecar", values) == [
        "--port=8000",
        "--secure-proxy=false",
        "--enable-tls=a,b",
    ]
    with pytest.raises(NotInReleaseError, match="--connector"):
        ROUTER_NEWEST.arguments("sidecar", {"connector": "nixlv2"})


def test_release_of_a_tag() -> None:
    assert [router_release(each.version) for each in ROUTER_RELEASES] == list(ROUTER_RELEASES)
    assert ROUTER_NEWEST is ROUTER_V0_10_0
    with pytest.raises(ValueError, match=r"'v0\.7\.0' is not known; choose one of v0\.8\.0, v0\.9"):
        router_release("v0.7.0")


@each_release
def test_images_carry_the_tag(release: RouterRelease) -> None:
    for image in (release.picker.image, release.sidecar.image):
        assert image.endswith(f":{release.version}")


def test_a_later_release_is_what_it_changed() -> None:
    """How v0.11.0 would be added."""
    later = replace(
        ROUTER_NEWEST,
        version="v0.11.0",
        picker=replace(
            ROUTER_NEWEST.picker,
            plugins=revised(
                ROUTER_NEWEST.picker.plugins,
                without=("disagg-headers-handler",),
                key=lambda plugin: plugin.type,
            ),
        ),
    )
    assert not later.has_plugin("disagg-headers-handler")
    with pytest.raises(NotInReleaseError, match=r"releases that have it: v0\.8\.0, v0\.9\.0"):
        later.plugin("disagg-headers-handler")


def test_revision() -> None:
    before = (Parameter("a", "int", 1), Parameter("b", "int", 2))
    after = revised(
        before,
        Parameter("b", "int", 3),
        Parameter("c", "int"),
        without=("a",),
        key=lambda parameter: parameter.name,
    )
    assert after == (Parameter("b", "int", 3), Parameter("c", "int"))
    with pytest.raises(ValueError, match="cannot remove x: not in the earlier release"):
        revised(before, without=("x",), key=lambda parameter: parameter.name)
