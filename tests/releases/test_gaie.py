"""GAIE's picker by release, as read in the sources of its tags, and asked like the router's."""

from __future__ import annotations

import pytest

from cdk8s_inference.releases import GAIE, LWEPP, RELEASES, ROUTER_V0_8_0, PickerRelease
from cdk8s_inference.releases.gaie_v0_5_1 import GAIE_V0_5_1
from cdk8s_inference.releases.gaie_v1_0_0 import GAIE_V1_0_0, GAIE_V1_0_2
from cdk8s_inference.releases.gaie_v1_1_0 import GAIE_V1_1_0
from cdk8s_inference.releases.gaie_v1_2_0 import GAIE_V1_2_1
from cdk8s_inference.releases.gaie_v1_3_0 import GAIE_V1_3_0, GAIE_V1_3_1
from cdk8s_inference.releases.gaie_v1_4_0 import GAIE_V1_4_0
from cdk8s_inference.releases.gaie_v1_5_0 import GAIE_V1_5_0
from cdk8s_inference.releases.lwepp_v1_6_0 import LWEPP_V1_6_0
from cdk8s_inference.releases.release import NotInReleaseError

POOLS, LEGACY = "inference.networking.k8s.io", "inference.networking.x-k8s.io"

each_release = pytest.mark.parametrize("release", RELEASES, ids=lambda each: each.title)


def test_every_tag_of_v1_is_there() -> None:
    assert [release.version for release in GAIE.releases] == [
        "v0.5.1",
        *("v1.0.0", "v1.0.1", "v1.0.2", "v1.1.0", "v1.2.0", "v1.2.1"),
        *("v1.3.0", "v1.3.1", "v1.4.0", "v1.5.0"),
    ]
    assert [release.title for release in LWEPP.releases] == ["lwepp v1.6.0"]


@each_release
def test_each_image_ends_with_its_own_tag(release: PickerRelease) -> None:
    assert release.picker.image.endswith(f":{release.version}")


@each_release
def test_names_are_given_once(release: PickerRelease) -> None:
    assert len(release.flags()) == len(release.picker.flags)
    assert len({flag.written for flag in release.picker.flags}) == len(release.picker.flags)
    assert len(release.plugins()) == len(release.picker.plugins)


@each_release
def test_what_is_always_done_has_no_flag(release: PickerRelease) -> None:
    assert release.picker.always.keys().isdisjoint(release.flags())


@each_release
def test_undeclared_plugins_are_registered(release: PickerRelease) -> None:
    if release.picker.plugins:
        assert release.plugins().keys() >= set(release.picker.config.undeclared)


def test_flags_were_camel_case_before_v1_0() -> None:
    written = {flag.name: flag.written for flag in GAIE_V0_5_1.picker.flags}
    assert (written["pool-name"], written["pool-namespace"]) == ("poolName", "poolNamespace")
    assert (written["config-file"], written["grpc-port"]) == ("configFile", "grpcPort")
    assert written["model-server-metrics-https-insecure-skip-verify"] == (
        "modelServerMetricsHttpsInsecureSkipVerify"
    )
    assert (written["v"], written["zap-encoder"]) == ("v", "zap-encoder")
    assert all(flag.written == flag.name for flag in GAIE_V1_0_0.picker.flags)
    assert GAIE_V0_5_1.arguments("picker", {"pool-name": "p"}) == ["--poolName=p"]
    assert GAIE_V1_0_0.arguments("picker", {"pool-name": "p"}) == ["--pool-name=p"]


def test_one_dash_is_enough_until_v1_3() -> None:
    taking = [release.version for release in GAIE.releases if release.picker.single_dash]
    assert taking == ["v0.5.1", "v1.0.0", "v1.0.1", "v1.0.2", "v1.1.0", "v1.2.0", "v1.2.1"]


@pytest.mark.parametrize(
    ("flag", "first"),
    [
        ("pool-group", GAIE_V1_0_0),
        ("ha-enable-leader-election", GAIE_V1_0_0),
        ("metrics-endpoint-auth", GAIE_V1_1_0),
        ("tracing", GAIE_V1_1_0),
        ("endpoint-selector", GAIE.releases[5]),
        ("enable-cert-reload", GAIE_V1_3_0),
    ],
)
def test_when_a_flag_came(flag: str, first: PickerRelease) -> None:
    having = [release for release in GAIE.releases if release.has_flag("picker", flag)]
    assert having == list(GAIE.releases[GAIE.releases.index(first) :])


def test_metrics_flags_are_refused_from_v1_4_on() -> None:
    assert GAIE_V1_3_1.has_flag("picker", "lora-info-metric")
    with pytest.raises(NotInReleaseError, match=r"GAIE v1\.4\.0 lacks .*; use engineConfigs"):
        GAIE_V1_4_0.flag("picker", "lora-info-metric")


def test_the_pool_of_a_release() -> None:
    assert GAIE_V0_5_1.picker.pool_group("anything") == LEGACY
    for release in (GAIE_V1_0_0, GAIE_V1_4_0):
        assert release.picker.pool_group(LEGACY) == LEGACY
        assert release.picker.pool_group("other.io") is None
    # The flag is still there, and the pool is no longer looked for by it.
    for newer in (GAIE_V1_5_0, LWEPP_V1_6_0, ROUTER_V0_8_0):
        assert newer.has_flag("picker", "pool-group")
        assert newer.picker.pool_group(LEGACY) == POOLS


def watched(release: PickerRelease, *, installed: bool) -> set[str]:
    return {
        f"{rule.api_group}/{resource}"
        for rule in release.picker.watches
        for resource in rule.resources
        if rule.if_installed == installed
    }


def test_what_a_release_watches() -> None:
    pods_and_pool = {"/pods", f"{POOLS}/inferencepools"}
    objectives, rewrites = f"{LEGACY}/inferenceobjectives", f"{LEGACY}/inferencemodelrewrites"
    assert watched(GAIE_V0_5_1, installed=False) == {
        "/pods",
        f"{LEGACY}/inferencepools",
        f"{LEGACY}/inferencemodels",
    }
    for release in (GAIE_V1_0_0, GAIE_V1_1_0, GAIE_V1_2_1):
        assert watched(release, installed=False) == {*pods_and_pool, objectives}
        assert watched(release, installed=True) == set()
    assert watched(GAIE_V1_3_0, installed=True) == set()  # It never asks what is installed.
    for newer in (GAIE_V1_3_0, GAIE_V1_3_1, GAIE_V1_4_0, GAIE_V1_5_0, LWEPP_V1_6_0):
        assert watched(newer, installed=False) == pods_and_pool
    for release in (GAIE_V1_3_1, GAIE_V1_4_0, GAIE_V1_5_0):
        assert watched(release, installed=True) == {objectives, rewrites}


def test_permissions_for_the_pool_of_the_other_group() -> None:
    rules = GAIE_V1_0_0.picker.watches_with(LEGACY)
    groups = {rule.resources: rule.api_group for rule in rules}
    assert groups[("inferencepools",)] == LEGACY
    assert groups[("pods",)] == ""


def test_a_configuration_is_needed_until_v1_4() -> None:
    needing = [release.version for release in GAIE.releases if release.picker.needs_config]
    assert needing[-1] == "v1.3.1"
    assert len(needing) == len(GAIE.releases) - 2


def test_no_release_disaggregates() -> None:
    for release in GAIE.releases:
        assert {plugin.type for plugin in release.plugins_for("profile handler")} == {
            "single-profile-handler"
        }
        assert not release.plugins_for("decider")


def test_plugins_by_release() -> None:
    assert not GAIE_V0_5_1.has_plugin("kv-cache-utilization-scorer")
    assert GAIE_V1_0_0.has_plugin("kv-cache-utilization-scorer")
    assert not GAIE_V1_0_0.has_plugin("kv-cache-scorer")
    with pytest.raises(NotInReleaseError, match=r"releases that have it: v0\.5\.1"):
        GAIE_V1_0_0.plugin("decision-tree-filter")
    prefix = [release.plugin("prefix-cache-scorer") for release in GAIE.releases[1:-1]]
    sizes = [each.parameter("hashBlockSize") or each.parameter("blockSize") for each in prefix]
    assert [size and size.default for size in sizes] == [64] * 8 + [None]
    assert GAIE_V1_4_0.plugin("prefix-cache-scorer").default("blockSizeTokens") == 16
    assert GAIE_V1_5_0.plugin("prefix-cache-scorer").brings == ("approx-prefix-cache-producer",)


def test_weights_are_whole_numbers_until_v1_4() -> None:
    def kind(release: PickerRelease) -> str:
        fields = {field.name: field for field in release.picker.config.fields}
        plugins = fields["schedulingProfiles"].fields[1]
        return plugins.fields[1].kind

    assert (kind(GAIE_V1_3_1), kind(GAIE_V1_4_0), kind(GAIE_V1_5_0)) == ("int", "float", "float")


def test_gates_by_release() -> None:
    assert not GAIE_V1_1_0.picker.config.gates
    assert GAIE_V1_2_1.has_gate("flowControl")
    assert GAIE_V1_3_0.has_gate("prepareDataPlugins")
    assert not GAIE_V1_5_0.has_gate("prepareDataPlugins")


def test_metrics_were_named_for_models_before_v1_1() -> None:
    assert "inference_model_request_total" in GAIE_V1_0_2.picker.metrics
    assert "inference_objective_request_total" in GAIE_V1_1_0.picker.metrics
    assert not any(name.startswith("inference_model_") for name in GAIE_V1_1_0.picker.metrics)


def test_the_lightweight_picker_has_no_leader_and_no_metrics_of_its_own() -> None:
    assert not LWEPP_V1_6_0.has_flag("picker", "ha-enable-leader-election")
    assert not LWEPP_V1_6_0.has_flag("picker", "config-file")
    assert LWEPP_V1_6_0.picker.always["metrics-endpoint-auth"] is False
    assert not LWEPP_V1_6_0.plugins()
