"""The picker's configuration: one that disaggregates, by what real pickers were seen to do."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from cdk8s_inference.releases import ROUTER_NEWEST, ROUTER_V0_10_0
from cdk8s_inference.routing.picker_config import (
    PickerConfig,
    Plugin,
    Profile,
    disaggregated,
    unified,
)
from tests.kit.observed import observed

Json = dict[str, Any]

CONFIG: Json = yaml.safe_load(disaggregated(ROUTER_V0_10_0).render(ROUTER_V0_10_0))


def plugins(config: Json) -> dict[str, Json]:
    """The parameters of each plugin by the name that references use."""
    return {
        entry.get("name", entry["type"]): {"type": entry["type"], **entry.get("parameters", {})}
        for entry in config["plugins"]
    }


def profiles(config: Json) -> dict[str, dict[str, int | None]]:
    """The weight of each reference, by profile."""
    return {
        profile["name"]: {ref["pluginRef"]: ref.get("weight") for ref in profile["plugins"]}
        for profile in config["schedulingProfiles"]
    }


def never_disaggregates(config: Json) -> list[str]:
    """Why a configuration would serve, look healthy, and not disaggregate; empty if it does.

    Conditions of v0.10.0 under which real pickers were seen to do so.
    """
    declared, routed = plugins(config), profiles(config)
    handlers = [entry for entry in declared.values() if entry["type"] == "disagg-profile-handler"]
    if len(handlers) != 1:
        return ["no disagg-profile-handler"]
    reasons = []
    decider = declared.get(handlers[0].get("deciders", {}).get("prefill", ""))
    if decider is None:
        reasons.append("the handler has no decider for prefill")
    elif decider["type"] == "prefix-based-pd-decider" and decider.get("nonCachedTokens", 0) < 1:
        reasons.append("nonCachedTokens is zero")
    for profile in ("prefill", "decode"):
        types = {declared[ref]["type"] for ref in routed.get(profile, ()) if ref in declared}
        if f"{profile}-filter" not in types:
            reasons.append(f"profile {profile} does not filter by its role")
    return reasons


def test_it_disaggregates() -> None:
    assert never_disaggregates(CONFIG) == []
    assert CONFIG["apiVersion"] == "llm-d.ai/v1alpha1"
    assert CONFIG["kind"] == "EndpointPickerConfig"


@pytest.mark.parametrize(
    "name",
    [
        "03-no-decider-in-handler",
        "06-no-decode-filter",
        "07-other-profile-names",
        "09-only-decode-profile",
        "11-single-profile",
        "12-threshold-0-explicit",
        "21-legacy-pd-profile-handler",
        "30-only-threshold-missing",
        "33-pr142",
    ],
)
def test_the_conditions_are_those_of_real_pickers(name: str) -> None:
    data = observed("picker-configs.json")
    (verdict,) = (
        run["verdict"]
        for run in data["runs"]
        if (run["release"], run["config"]) == ("v0.10.0", name)
    )
    assert verdict != "disaggregates"
    assert never_disaggregates(yaml.safe_load(data["configs"][name]))


def seen_to_disaggregate(name: str) -> Json:
    data = observed("picker-configs.json")
    assert ("v0.10.0", name, "disaggregates") in {
        (run["release"], run["config"], run["verdict"]) for run in data["runs"]
    }
    found: Json = yaml.safe_load(data["configs"][name])
    return found


def test_it_is_one_that_was_seen_to_disaggregate() -> None:
    """But for a plugin that v0.10.0 calls deprecated, and the size of the producer's blocks."""
    golden = seen_to_disaggregate("31-golden")
    assert CONFIG["apiVersion"] == golden["apiVersion"]
    assert profiles(CONFIG) == profiles(golden)
    ours, theirs = plugins(CONFIG), plugins(golden)
    assert theirs.keys() - ours.keys() == {"disagg-headers-handler"}
    assert ours.keys() <= theirs.keys()
    differing = {name for name in ours if ours[name] != theirs[name]}
    assert differing == {"approx-prefix-cache-producer"}


def test_what_it_does_without_was_seen_not_to_be_needed() -> None:
    without_header_plugin = seen_to_disaggregate("44-block-size-128")
    assert "disagg-headers-handler" not in plugins(without_header_plugin)
    producer = plugins(without_header_plugin)["approx-prefix-cache-producer"]
    assert producer.keys() == plugins(CONFIG)["approx-prefix-cache-producer"].keys()


def test_every_reference_is_declared_and_every_declaration_used() -> None:
    for build in (disaggregated, unified):
        config = yaml.safe_load(build(ROUTER_NEWEST).render(ROUTER_NEWEST))
        declared = [entry["type"] for entry in config["plugins"]]
        referenced = {ref for profile in profiles(config).values() for ref in profile}
        handlers = {
            "approx-prefix-cache-producer",
            "prefix-based-pd-decider",
            "disagg-profile-handler",
            "single-profile-handler",
        }
        assert referenced <= set(declared)
        assert set(declared) - referenced <= handlers
        assert len(set(declared)) == len(declared)
        # One of several pickers would be taken at random for a profile that names none.
        for profile in profiles(config).values():
            assert "max-score-picker" in profile


def test_a_decider_stands_before_its_handler() -> None:
    """Releases before v0.10.0 resolve references in the order of declaration."""
    order = [entry["type"] for entry in CONFIG["plugins"]]
    assert order.index("prefix-based-pd-decider") < order.index("disagg-profile-handler")


def test_blocks_are_as_large_as_the_release_would_make_them() -> None:
    parameters = plugins(CONFIG)["approx-prefix-cache-producer"]
    assert parameters["blockSizeTokens"] == ROUTER_V0_10_0.smallest_block_tokens == 64
    assert parameters["autoTune"] is False


def test_unified_has_one_profile_and_knows_no_roles() -> None:
    config = yaml.safe_load(unified(ROUTER_NEWEST).render(ROUTER_NEWEST))
    assert profiles(config) == {
        "default": {"max-score-picker": None, "prefix-cache-scorer": 2, "queue-scorer": 1}
    }
    assert "single-profile-handler" in plugins(config)
    assert "decode-filter" not in plugins(config)


def test_render_is_the_same_each_time_and_in_the_order_given() -> None:
    config = PickerConfig(
        profiles=[Profile("z", [Plugin("b")], [(Plugin("c", {"y": 1, "x": 2}), 3)])],
        handlers=[Plugin("a")],
    )
    assert config.render(ROUTER_NEWEST) == config.render(ROUTER_NEWEST)
    assert config.render(ROUTER_NEWEST) == (
        "apiVersion: llm-d.ai/v1alpha1\n"
        "kind: EndpointPickerConfig\n"
        "plugins:\n"
        "- type: a\n"
        "- type: b\n"
        "- type: c\n"
        "  parameters:\n"
        "    y: 1\n"
        "    x: 2\n"
        "schedulingProfiles:\n"
        "- name: z\n"
        "  plugins:\n"
        "  - pluginRef: b\n"
        "  - pluginRef: c\n"
        "    weight: 3\n"
    )


def test_a_plugin_with_two_sets_of_parameters_is_refused() -> None:
    """A plugin is declared once, so one of the two would be dropped without a word."""
    config = PickerConfig(
        profiles=[
            Profile("a", [Plugin("p", {"x": 1})]),
            Profile("b", [], [(Plugin("p", {"x": 2}), 1)]),
        ],
        handlers=[],
    )
    with pytest.raises(ValueError, match=r"plugin p has the parameters \{'x': 1\} and \{'x': 2\}"):
        config.render(ROUTER_NEWEST)
