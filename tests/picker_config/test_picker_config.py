"""Typed configurations: what each release is given, and what cannot be said."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from cdk8s_inference.findings import InferenceWarning, InvalidInput
from cdk8s_inference.picker_config import (
    AlwaysDisaggregate,
    ApproximatePrefix,
    BlockSize,
    DisaggregatedConfig,
    PickerConfig,
    Plugin,
    PrecisePrefix,
    PrefixThreshold,
    Profile,
    RawPickerConfig,
    UnifiedConfig,
    block_size,
)
from cdk8s_inference.picker_config.plugin import listed
from cdk8s_inference.releases import (
    ROUTER_NEWEST,
    ROUTER_RELEASES,
    ROUTER_V0_8_0,
    ROUTER_V0_9_0,
    ROUTER_V0_10_0,
    NotInReleaseError,
    RouterRelease,
)
from cdk8s_inference.releases.plugin_type import Parameter
from tests.kit.observed import observed

each_release = pytest.mark.parametrize("release", ROUTER_RELEASES, ids=lambda each: each.version)

PRECISE = PrecisePrefix("Qwen/Qwen3-8B", "http://renderer:8000")

PRESETS: dict[str, PickerConfig] = {
    "prefix-aware": DisaggregatedConfig.prefix_aware(),
    "always": DisaggregatedConfig.always(),
    "load-aware": DisaggregatedConfig.load_aware(),
    "precise-prefix": DisaggregatedConfig.precise_prefix(PRECISE),
    "unified-prefix-aware": UnifiedConfig.prefix_aware(),
    "unified-load-aware": UnifiedConfig.load_aware(),
    "unified-precise-prefix": UnifiedConfig.precise_prefix(PRECISE),
    "encode-prefill-decode": replace(DisaggregatedConfig.prefix_aware(), encode=Profile()),
}


def rendered(config: PickerConfig, release: RouterRelease) -> dict[str, Any]:
    document: dict[str, Any] = yaml.safe_load(config.render(release))
    return document


def composed() -> Iterator[tuple[str, PickerConfig, RouterRelease]]:
    for release in ROUTER_RELEASES:
        for name, config in PRESETS.items():
            if release is not ROUTER_V0_8_0 or "precise" not in name:
                yield f"{name}-{release.version}", config, release


each_composed = pytest.mark.parametrize(
    ("config", "release"),
    [pytest.param(config, release, id=name) for name, config, release in composed()],
)


@each_composed
def test_presets_do_what_they_are_for(config: PickerConfig, release: RouterRelease) -> None:
    verdict = config.verdict(release)
    unified = isinstance(config, UnifiedConfig)
    assert verdict.outcome == ("serves" if unified else "disaggregates")
    assert not verdict.by_chance
    assert {finding.severity for finding in verdict.findings} <= {"note"}
    assert verdict.answers == ({"unlabelled"} if unified else {"decode"})


@each_composed
def test_presets_say_what_the_release_has(config: PickerConfig, release: RouterRelease) -> None:
    document = rendered(config, release)
    assert document["apiVersion"] == release.picker.config.api_versions[0]
    names = {field.name for field in release.picker.config.fields}
    assert document.keys() <= {"apiVersion", "kind", *names}
    for listed_plugin in document["plugins"]:
        plugin = release.plugin(listed_plugin["type"])
        assert plugin.stage == "supported"
        assert plugin.deprecation is None
        assert_known(listed_plugin.get("parameters", {}), plugin.parameters)


def assert_known(values: Mapping[str, Any], parameters: tuple[Parameter, ...]) -> None:
    known = {parameter.name: parameter for parameter in parameters}
    for name, value in values.items():
        assert name in known
        if known[name].fields:
            assert_known(value, known[name].fields)


@each_composed
def test_presets_name_no_plugin_twice_and_run_each(
    config: PickerConfig, release: RouterRelease
) -> None:
    document = rendered(config, release)
    names = [plugin.get("name", plugin["type"]) for plugin in document["plugins"]]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("release", [ROUTER_V0_8_0, ROUTER_V0_9_0], ids=lambda each: each.version)
def test_prefix_aware_is_what_was_seen_to_disaggregate(release: RouterRelease) -> None:
    """But for the order of plugins, and how much of a prefix the producer looks at."""
    data = observed("picker-configs.json")
    name = "31-golden" if release is ROUTER_V0_8_0 else "44-block-size-128"
    assert "disaggregates" in [
        run["verdict"]
        for run in data["runs"]
        if (run["release"], run["config"]) == (release.version, name)
    ]
    seen = yaml.safe_load(data["configs"][name])
    ours = rendered(DisaggregatedConfig.prefix_aware(), release)
    plugins = [
        {each["type"]: each.get("parameters") for each in config["plugins"]}
        for config in (ours, seen)
    ]
    producers = [each.pop("approx-prefix-cache-producer") for each in plugins]
    assert {each["autoTune"] for each in producers} == {False}
    assert plugins[0].items() >= plugins[1].items()
    if name == "31-golden":
        assert plugins[0] == plugins[1]


def test_prefix_aware_in_the_words_of_each_release() -> None:
    texts = {
        release.version: rendered(DisaggregatedConfig.prefix_aware(), release)
        for release in ROUTER_RELEASES
    }
    types = {
        version: [plugin["type"] for plugin in document["plugins"]]
        for version, document in texts.items()
    }
    assert "disagg-headers-handler" in types["v0.8.0"]
    assert "disagg-headers-handler" not in types["v0.9.0"] + types["v0.10.0"]
    assert types["v0.9.0"] == types["v0.10.0"] == types["v0.8.0"][:-1]
    blocks = [
        document["plugins"][0]["parameters"]["blockSizeTokens"] for document in texts.values()
    ]
    assert blocks == [16, 64, 64]
    handler = types["v0.9.0"].index("disagg-profile-handler")
    assert types["v0.9.0"].index("prefix-based-pd-decider") < handler


def test_precise_prefix_needs_a_release_that_reads_events() -> None:
    for config in (PRESETS["precise-prefix"], PRESETS["unified-precise-prefix"]):
        with pytest.raises(NotInReleaseError, match=r"v0\.8\.0 lacks .*: v0\.9\.0, v0\.10\.0"):
            config.render(ROUTER_V0_8_0)


def test_precise_prefix_of_sglang_needs_a_release_that_reads_its_events() -> None:
    config = UnifiedConfig.precise_prefix(replace(PRECISE, engine="sglang"))
    with pytest.raises(NotInReleaseError, match="cannot read KV cache events of sglang"):
        config.render(ROUTER_V0_9_0)
    document = rendered(config, ROUTER_V0_10_0)
    events = [
        plugin["parameters"]["kvEventsConfig"]
        for plugin in document["plugins"]
        if plugin["type"] == "precise-prefix-cache-producer"
    ]
    assert [each["engineType"] for each in events] == ["sglang"]
    assert document["dataLayer"]["sources"][0]["pluginRef"] == "endpoint-notification-source"


@each_release
def test_encode_has_profile_filter_and_decider(release: RouterRelease) -> None:
    document = rendered(PRESETS["encode-prefill-decode"], release)
    assert document["schedulingProfiles"][0]["name"] == "encode"
    assert document["schedulingProfiles"][0]["plugins"][0]["pluginRef"] == "encode-filter"
    handler = next(each for each in document["plugins"] if each["type"] == "disagg-profile-handler")
    assert handler["parameters"]["deciders"] == {
        "prefill": "prefix-based-pd-decider",
        "encode": "always-disagg-multimodal-decider",
    }


@each_release
def test_threshold_and_block_size_are_the_callers(release: RouterRelease) -> None:
    config = DisaggregatedConfig.prefix_aware(PrefixThreshold(256), block_tokens=128)
    document = rendered(config, release)
    plugins = {plugin["type"]: plugin.get("parameters") for plugin in document["plugins"]}
    assert plugins["prefix-based-pd-decider"] == {"nonCachedTokens": 256}
    assert plugins["approx-prefix-cache-producer"]["blockSizeTokens"] == 128
    verdict = config.verdict(release)
    assert verdict.shortest_prompt == 256
    assert verdict.findings == ()


def test_a_raised_block_size_is_told() -> None:
    config = DisaggregatedConfig.prefix_aware(block_tokens=32)
    assert config.verdict(ROUTER_V0_8_0).findings == ()
    (told,) = config.verdict(ROUTER_NEWEST).findings
    assert (told.code, told.severity) == ("P504", "note")
    assert "blocks of 32 tokens" in told.message
    assert "counts blocks of 64" in told.message


@pytest.mark.parametrize(
    ("args", "expected"),
    [
        ([], BlockSize(16)),
        (["--block-size=128"], BlockSize(128, "--block-size")),
        (["--block-size", "32", "--block-size=64"], BlockSize(64, "--block-size")),
        (["--page-size", "64"], BlockSize(64, "--page-size")),
        (["--block-size=auto"], BlockSize(16)),
        (["--block-size=0"], BlockSize(16)),
        (["--block-size"], BlockSize(16)),
        (["--block-size=٣"], BlockSize(16)),
    ],
)
def test_block_size_of_an_engine(args: list[str], expected: BlockSize) -> None:
    assert block_size(None, args) == expected
    assert block_size(["sh", "-c", "exec engine " + " ".join(args)], None) == expected


def test_arguments_follow_the_command() -> None:
    assert block_size(["vllm", "--block-size=1"], ["--block-size=2"]).tokens == 2
    assert block_size(None, None, default=1) == BlockSize(1)


def test_prompt_tokens_need_a_release_that_has_them() -> None:
    config = DisaggregatedConfig.prefix_aware(PrefixThreshold(16, prompt_tokens=100))
    assert config.verdict(ROUTER_V0_10_0).shortest_prompt == 100
    for release, code in ((ROUTER_V0_8_0, "P501"), (ROUTER_V0_9_0, "P109")):
        with pytest.raises(InvalidInput, match="promptTokens") as refused:
            config.render(release)
        assert [finding.code for finding in refused.value.findings] == [code]


# Configurations that start healthy and never disaggregate: each attempted with the typed API.


def test_a_threshold_of_zero_cannot_be_said() -> None:
    for tokens in (0, -1):
        with pytest.raises(ValueError, match="would never disaggregate"):
            PrefixThreshold(tokens)
    with pytest.raises(ValueError, match="prompt_tokens"):
        PrefixThreshold(prompt_tokens=-1)
    with pytest.raises(ValueError, match="block_tokens is 0"):
        ApproximatePrefix(0)


@each_release
def test_nothing_that_disaggregation_needs_can_be_left_out(release: RouterRelease) -> None:
    """No filter, no scorer, no producer, no header writer, no handler is given here."""
    for decider in (PrefixThreshold(), AlwaysDisaggregate()):
        config = DisaggregatedConfig(decider=decider, prefill=Profile(), decode=Profile())
        verdict = config.verdict(release)
        assert verdict.outcome == "disaggregates"
        assert not verdict.by_chance


def test_no_profile_and_no_decider_can_be_left_out() -> None:
    parts: dict[str, Any] = {"prefill": Profile(), "decode": Profile()}
    for name in parts:
        with pytest.raises(TypeError, match=name):
            DisaggregatedConfig(**{key: part for key, part in parts.items() if key != name})
    for name in ("handler", "profiles", "parsers"):
        with pytest.raises(TypeError, match="unexpected keyword"):
            DisaggregatedConfig(**{**parts, name: ()})


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"plugins": (Plugin("single-profile-handler"),)}, "P113"),
        ({"plugins": (Plugin("disagg-profile-handler", name="second"),)}, "P113"),
        ({"prefill": Profile(filters=(Plugin("decode-filter"),))}, "P308"),
        ({"decode": Profile(filters=(Plugin("prefill-filter"),))}, "P202"),
        (
            {
                "prefill": Profile(
                    filters=(
                        Plugin(
                            "by-label",
                            {"label": "llm-d.ai/role", "validValues": ["encode"]},
                        ),
                    )
                )
            },
            "P308",
        ),
        ({"plugins": (Plugin("prefix-based-pd-decider"),)}, "P107"),
        ({"plugins": (Plugin("no-such-plugin"),)}, "P106"),
        ({"plugins": (Plugin("queue-scorer", name="unused"), Plugin("queue-scorer"))}, None),
    ],
)
@each_release
def test_what_would_undo_it_is_refused(
    release: RouterRelease, change: dict[str, Any], code: str | None
) -> None:
    config = replace(DisaggregatedConfig.prefix_aware(), **change)
    if code is None:
        assert config.verdict(release).outcome == "disaggregates"
        return
    with pytest.raises(InvalidInput) as refused:
        config.render(release)
    assert code in [finding.code for finding in refused.value.findings]


def test_a_parser_that_reads_no_prompt_cannot_be_chosen() -> None:
    """Listing the plugin does not make it the parser, and nothing typed names parsers."""
    config = replace(DisaggregatedConfig.prefix_aware(), plugins=(Plugin("passthrough-parser"),))
    for release in ROUTER_RELEASES:
        assert config.verdict(release).outcome == "disaggregates"


@each_release
def test_a_scorer_cannot_count_against_a_pod(release: RouterRelease) -> None:
    for weight in (0, -1):
        with pytest.raises(ValueError, match="has weight"):
            Profile(((Plugin("queue-scorer"), weight),))


def test_an_alpha_plugin_needs_the_flag() -> None:
    scorer = Plugin("topology-affinity-scorer")
    config = DisaggregatedConfig(prefill=Profile(((scorer, 1),)), decode=Profile())
    with pytest.raises(InvalidInput, match="--allow-experimental-plugins=true"):
        config.render(ROUTER_V0_10_0)
    allowed = replace(config, experimental=True)
    assert "topology-affinity-scorer" in allowed.render(ROUTER_V0_10_0)
    with pytest.raises(InvalidInput, match=r"router v0\.10\.0 has it"):
        allowed.render(ROUTER_V0_9_0)


SCORERS = [
    "active-request-scorer",
    "kv-cache-utilization-scorer",
    "load-aware-scorer",
    "lora-affinity-scorer",
    "no-hit-lru-scorer",
    "prefix-cache-scorer",
    "queue-scorer",
    "running-requests-size-scorer",
    "token-load-scorer",
]
PROFILES = st.builds(
    Profile,
    scorers=st.lists(
        st.tuples(st.sampled_from([Plugin(each) for each in SCORERS]), st.floats(0.1, 10)),
        max_size=4,
        unique_by=lambda scorer: scorer[0].type,
    ).map(tuple),
    picker=st.sampled_from([Plugin("max-score-picker"), Plugin("random-picker")]),
)
TYPED = st.builds(
    DisaggregatedConfig,
    decider=st.one_of(
        st.builds(PrefixThreshold, non_cached_tokens=st.integers(1, 10**6)),
        st.just(AlwaysDisaggregate()),
    ),
    prefill=PROFILES,
    decode=PROFILES,
    encode=st.none() | PROFILES,
    prefix=st.builds(ApproximatePrefix, block_tokens=st.integers(1, 512)),
)


@given(config=TYPED, release=st.sampled_from(ROUTER_RELEASES))
def test_every_typed_configuration_disaggregates(
    config: DisaggregatedConfig, release: RouterRelease
) -> None:
    verdict = RawPickerConfig(config.render(release)).verdict(release)
    assert verdict.outcome == "disaggregates"
    assert not verdict.by_chance
    threshold = config.decider
    expected = threshold.non_cached_tokens if isinstance(threshold, PrefixThreshold) else 0
    assert verdict.shortest_prompt == expected


@each_release
def test_producers_that_a_release_does_not_create(release: RouterRelease) -> None:
    """token-load-scorer reads what no release makes by itself."""
    config = UnifiedConfig(profile=Profile(((Plugin("token-load-scorer"), 1),)))
    types = [plugin["type"] for plugin in rendered(config, release)["plugins"]]
    assert types[0] == "inflight-load-producer"


def test_producers_that_a_release_creates_are_left_to_it() -> None:
    config = UnifiedConfig(profile=Profile(((Plugin("active-request-scorer"), 1),)))
    for release in (ROUTER_V0_9_0, ROUTER_V0_10_0):
        types = [plugin["type"] for plugin in rendered(config, release)["plugins"]]
        assert types == ["active-request-scorer", "max-score-picker", "single-profile-handler"]


def test_a_producer_of_the_callers_own_stays() -> None:
    own = Plugin("approx-prefix-cache-producer", {"autoTune": True})
    config = replace(DisaggregatedConfig.prefix_aware(), plugins=(own,))
    document = rendered(config, ROUTER_NEWEST)
    producers = [each for each in document["plugins"] if each["type"] == own.type]
    assert producers == [{"type": own.type, "parameters": {"autoTune": True}}]


def test_plugins_are_listed_after_those_they_refer_to() -> None:
    inner = Plugin("a", {"x": 1})
    outer = Plugin("c", {"deep": [{"of": Plugin("b", {"on": inner})}], "too": inner}, name="n")
    assert listed([outer, inner]) == [
        {"type": "a", "parameters": {"x": 1}},
        {"type": "b", "parameters": {"on": "a"}},
        {"type": "c", "name": "n", "parameters": {"deep": [{"of": "b"}], "too": "a"}},
    ]


def test_two_that_differ_under_one_name_are_refused() -> None:
    pickers = [Plugin("max-score-picker", {"maxNumOfEndpoints": count}) for count in (1, 2)]
    config = DisaggregatedConfig(
        prefill=Profile(picker=pickers[0]), decode=Profile(picker=pickers[1])
    )
    with pytest.raises(InvalidInput, match="has the name 'max-score-picker' as well"):
        config.render(ROUTER_NEWEST)
    named = DisaggregatedConfig(
        prefill=Profile(picker=replace(pickers[0], name="one")),
        decode=Profile(picker=replace(pickers[0], name="other")),
    )
    assert named.verdict(ROUTER_NEWEST).outcome == "disaggregates"


def test_judging_starts_no_node() -> None:
    code = "import sys, cdk8s_inference.picker_config\nprint(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {"jsii", "cdk8s", "constructs"} & set(done.stdout.split())


@each_release
def test_raw_text_is_used_as_written(release: RouterRelease) -> None:
    text = "# ours\n" + DisaggregatedConfig.always().render(release)
    assert RawPickerConfig(text).render(release) == text


def raw(change: Callable[[dict[str, Any]], None]) -> RawPickerConfig:
    document = yaml.safe_load(DisaggregatedConfig.prefix_aware().render(ROUTER_NEWEST))
    change(document)
    return RawPickerConfig(yaml.safe_dump(document, sort_keys=False))


def test_raw_text_that_starts_is_used_and_told() -> None:
    def no_decider(document: dict[str, Any]) -> None:
        document["plugins"][-1].pop("parameters")

    config = raw(no_decider)
    assert config.verdict(ROUTER_NEWEST).outcome == "never disaggregates"
    with pytest.warns(InferenceWarning, match="P303.*disables the prefill stage"):
        assert config.render(ROUTER_NEWEST) == config.content


def test_raw_text_that_does_not_start_is_refused() -> None:
    config = raw(lambda document: document["plugins"].append({"type": "queue-scorrer"}))
    with pytest.raises(InvalidInput, match="registers no plugin 'queue-scorrer'"):
        config.render(ROUTER_NEWEST)


def test_raw_text_for_pods_without_roles() -> None:
    text = UnifiedConfig.load_aware().render(ROUTER_NEWEST)
    unified = RawPickerConfig(text, for_disaggregation=False).verdict(ROUTER_NEWEST)
    assert (unified.outcome, unified.findings) == ("serves", ())
    assert RawPickerConfig(text).verdict(ROUTER_NEWEST).outcome == "prefill pods serve users"
