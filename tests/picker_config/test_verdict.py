"""Judging configurations of any shape: what starts, what is silent, what is never raised."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from cdk8s_inference.findings import Finding
from cdk8s_inference.picker_config import (
    DisaggregatedConfig,
    UnifiedConfig,
    Verdict,
    assess,
)
from cdk8s_inference.picker_config.verdict import SILENT_CODES, assess_document
from cdk8s_inference.releases import (
    ROUTER_NEWEST,
    ROUTER_RELEASES,
    ROUTER_V0_8_0,
    ROUTER_V0_9_0,
    ROUTER_V0_10_0,
    RouterRelease,
)
from cdk8s_inference.releases.plugin_type import Parameter, ParameterKind, PluginType

Config = dict[str, Any]

ROLE = "llm-d.ai/role"


def selector(operator: str, *values: str) -> Config:
    expression: Config = {"key": ROLE, "operator": operator}
    if values:
        expression["values"] = list(values)
    return {"type": "label-selector-filter", "parameters": {"matchExpressions": [expression]}}


each_release = pytest.mark.parametrize("release", ROUTER_RELEASES, ids=lambda each: each.version)


def config_of(release: RouterRelease) -> Config:
    return dict(DisaggregatedConfig.prefix_aware().document(release))


def codes(verdict: Verdict, *severities: str) -> list[str]:
    return sorted(
        {each.code for each in verdict.findings if not severities or each.severity in severities}
    )


def listing(release: RouterRelease, *plugins: Config) -> Config:
    """A configuration that disaggregates, and lists these plugins besides."""
    config = config_of(release)
    return {**config, "plugins": [*config["plugins"], *plugins]}


VALUES: dict[ParameterKind, Any] = {
    "bool": True,
    "duration": "2s",
    "float": 0.5,
    "int": 3,
    "list": [],
    "object": {},
    "quantity": "1G",
    "string": "decode",
}


def wrong(kind: ParameterKind) -> Any:
    return {"not": "this"} if kind in ("list", "string", "duration", "quantity") else "text"


def placed(plugin: PluginType, parameters: Config) -> Config:
    return {"type": plugin.type, "name": "mine", "parameters": parameters}


def produced(release: RouterRelease, plugin: PluginType) -> set[str]:
    """What the plugin finds in :func:`listing` without asking for more."""
    config = release.picker.config
    made: set[str] = {*config.default_producers, *plugin.produces}
    return made if config.default_producers else made | set(plugin.consumes)


def every_plugin() -> list[Any]:
    return [
        pytest.param(release, plugin, id=f"{plugin.type}-{release.version}")
        for release in ROUTER_RELEASES
        for plugin in release.picker.plugins
        if "profile handler" not in plugin.roles
    ]


@pytest.mark.parametrize(("release", "plugin"), every_plugin())
def test_every_plugin_starts_and_takes_its_parameters(
    release: RouterRelease, plugin: PluginType
) -> None:
    def judged(parameters: Config, experimental: bool = True) -> list[str]:
        config = listing(release, placed(plugin, parameters))
        return codes(assess_document(config, release, experimental=experimental), "error")

    lone = sorted(set(plugin.consumes) - produced(release, plugin))
    if lone:  # nothing of the kind comes by itself
        assert judged({}) == ["P116"]
        return
    assert judged({}) == []
    assert judged({}, experimental=False) == (["P108"] if plugin.stage == "alpha" else [])
    right: Config = {}
    for parameter in plugin.parameters:
        value = VALUES[parameter.kind]
        if parameter.reads is not None:
            assert judged({parameter.name: "not-listed"}) == ["P116"]
            value = release.picker.config.default_producers[parameter.reads]
        right[parameter.name] = value
        assert judged({parameter.name: wrong(parameter.kind)}) == ["P104"]
        if parameter.minimum is not None:
            assert judged({parameter.name: parameter.minimum - 1}) == ["P104"]
        if parameter.fields and parameter.kind == "object":
            strict = release.picker.config.strict_parameters
            assert judged({parameter.name: {"zzz": 1}}) == (["P103"] if strict else [])
    assert judged(right) == []
    assert judged({name.upper(): value for name, value in right.items()}) == []
    assert judged(dict.fromkeys(right)) == []
    strict = release.picker.config.strict_parameters and bool(plugin.parameters)
    assert judged({"zzz": 1}) == (["P109"] if strict else [])
    told = assess_document(listing(release, placed(plugin, {"zzz": 1})), release, experimental=True)
    assert ("P501" in codes(told)) != strict


@pytest.mark.parametrize(("release", "plugin"), every_plugin())
def test_every_deprecation_is_told(release: RouterRelease, plugin: PluginType) -> None:
    verdict = assess_document(listing(release, placed(plugin, {})), release, experimental=True)
    told = [each for each in verdict.findings if each.code == "P502"]
    assert bool(told) == (plugin.deprecation is not None)


@each_release
def test_every_profile_handler_and_its_parameters(release: RouterRelease) -> None:
    for plugin in release.plugins_for("profile handler"):
        config = config_of(release)
        config["plugins"] = [
            each for each in config["plugins"] if each["type"] != "disagg-profile-handler"
        ]
        config["schedulingProfiles"] = config["schedulingProfiles"][1:]
        for parameter in plugin.parameters:
            if "Decider" in parameter.name or "decider" in parameter.name:
                continue
            values = {parameter.name: VALUES[parameter.kind]}
            if parameter.reads is not None:
                values = {parameter.name: "approx-prefix-cache-producer"}
            if plugin.stages is not None and parameter.name == plugin.stages.order:
                values = {parameter.name: "decode-first"}
            config["plugins"].append(placed(plugin, values))
            verdict = assess_document(config, release, experimental=True)
            assert verdict.starts, (parameter.name, verdict.findings)
            config["plugins"][-1]["parameters"] = {parameter.name: wrong(parameter.kind)}
            assert not assess_document(config, release, experimental=True).starts
            config["plugins"].pop()


@each_release
def test_every_configuration_field(release: RouterRelease) -> None:
    def walk(fields: tuple[Parameter, ...], path: tuple[str, ...]) -> None:
        for field in fields:
            cases: list[tuple[Any, list[str]]] = [(wrong(field.kind), ["P104"]), (None, [])]
            for value, expected in cases:
                config = nested(release, (*path, field.name), value)
                told = codes(assess_document(config, release), "error")
                assert [code for code in told if code in ("P103", "P104")] == expected
            if field.fields:
                walk(field.fields, (*path, field.name, *(["[]"] if field.kind == "list" else [])))
        config = nested(release, (*path, "zzz"), 1)
        assert "P103" in codes(assess_document(config, release), "error")

    walk(release.picker.config.fields, ())


def nested(release: RouterRelease, path: tuple[str, ...], value: Any) -> Config:
    """The configuration with one more value at a path; ``[]`` stands for a list of one."""
    for step in reversed(path[1:]):
        value = [value] if step == "[]" else {step: value}
    config = config_of(release)
    if isinstance(value, list) and isinstance(config.get(path[0]), list):
        value = [*config[path[0]], *value]
    return {**config, path[0]: value}


@each_release
def test_gates(release: RouterRelease) -> None:
    config = config_of(release)
    for gate in release.picker.config.gates:
        assert assess_document({**config, "featureGates": [gate]}, release).starts
        off = assess_document({**config, "featureGates": [f"{gate}=false"]}, release)
        assert off.starts == release.picker.config.gate_values
        assert not assess_document({**config, "featureGates": [f"{gate}=maybe"]}, release).starts
    unknown: tuple[Any, ...] = ("prepareDataPlugins", "", 1, None)
    for gate in unknown:
        verdict = assess_document({**config, "featureGates": [gate]}, release)
        assert codes(verdict, "error") == ["P105"]


@each_release
def test_plugins_that_need_not_be_listed(release: RouterRelease) -> None:
    config = config_of(release)
    for picker in ("max-score-picker", "random-picker"):
        plugins = [each for each in config["plugins"] if each["type"] != "max-score-picker"]
        plugins.append({"type": picker})
        profiles = [
            {
                "name": name,
                "plugins": [{"pluginRef": f"{name}-filter"}, {"pluginRef": "max-score-picker"}],
            }
            for name in ("prefill", "decode")
        ]
        changed = {**config, "plugins": plugins, "schedulingProfiles": profiles}
        # The picker adds its own only where none is listed.
        assert assess_document(changed, release).starts == (picker == "max-score-picker")
        changed["plugins"] = plugins[:-1]
        assert assess_document(changed, release).starts


def test_parsers_that_need_not_be_listed() -> None:
    for release, field in ((ROUTER_V0_8_0, "parser"), (ROUTER_V0_9_0, "requestHandler")):
        reference = {"pluginRef": "vllmgrpc-parser"}
        value = reference if field == "parser" else {"parsers": [reference]}
        verdict = assess_document({**config_of(release), field: value}, release)
        assert verdict.starts == release.picker.config.undeclared_parsers
        own = {"pluginRef": "openai-parser"}
        value = own if field == "parser" else {"parsers": [own]}
        assert assess_document({**config_of(release), field: value}, release).starts


@each_release
def test_a_parser_that_reads_no_prompt(release: RouterRelease) -> None:
    parser = {"type": "passthrough-parser"}
    field: Config = {"parser": {"pluginRef": "passthrough-parser"}}
    verdict = assess_document({**listing(release, parser), **field}, release)
    assert verdict.outcome == "never disaggregates"
    assert codes(verdict, "warning") == ["P307"]
    always = {**DisaggregatedConfig.always().document(release), **field}
    always["plugins"] = [*always["plugins"], parser]
    assert assess_document(always, release).outcome == "disaggregates"


# The configurations that start healthy and never disaggregate, each reported.


def handler_in(config: Config) -> Config:
    found: Config = next(
        each for each in config["plugins"] if each["type"] == "disagg-profile-handler"
    )
    return found


def decider_in(config: Config) -> Config:
    found: Config = next(
        each for each in config["plugins"] if each["type"] == "prefix-based-pd-decider"
    )
    return found


def writer_in(config: Config) -> Config:
    found: Config = next(
        each for each in config["plugins"] if each["type"] == "disagg-headers-handler"
    )
    return found


def found(config: Config, release: RouterRelease, code: str) -> Finding:
    (finding,) = (each for each in assess_document(config, release).findings if each.code == code)
    return finding


def drop(config: Config, *types: str) -> None:
    config["plugins"] = [each for each in config["plugins"] if each["type"] not in types]
    for profile in config["schedulingProfiles"]:
        profile["plugins"] = [each for each in profile["plugins"] if each["pluginRef"] not in types]


def test_no_threshold() -> None:
    for release in ROUTER_RELEASES:
        config = config_of(release)
        decider_in(config).pop("parameters")
        assert_silent(config, release, "P304")


def test_no_header_writer() -> None:
    config = config_of(ROUTER_V0_8_0)
    drop(config, "disagg-headers-handler")
    assert_silent(config, ROUTER_V0_8_0, "P305")


def test_no_prefix_producer() -> None:
    config = config_of(ROUTER_V0_8_0)
    drop(config, "approx-prefix-cache-producer")
    # The scorer brings the producer with it, also where no decider asked for it.
    assert assess_document(config, ROUTER_V0_8_0).outcome == "disaggregates"
    drop(config, "prefix-cache-scorer")
    assert_silent(config, ROUTER_V0_8_0, "P306")


def test_no_decider() -> None:
    for release in ROUTER_RELEASES:
        config = config_of(release)
        handler_in(config).pop("parameters")
        assert_silent(config, release, "P303")


def test_profile_under_another_name() -> None:
    for release in ROUTER_RELEASES:
        config = config_of(release)
        config["schedulingProfiles"][0]["name"] = "first"
        assert_silent(config, release, "P302")
        handler_in(config)["parameters"]["profiles"] = {"prefill": "first"}
        if release is ROUTER_V0_8_0:
            assert_silent(config, release, "P311")
            writer_in(config)["parameters"] = {"prefillProfile": "first"}
        assert assess_document(config, release).outcome == "disaggregates"


def test_a_header_writer_that_another_handler_makes_redundant() -> None:
    for release in (ROUTER_V0_9_0, ROUTER_V0_10_0):
        config = config_of(release)
        config["schedulingProfiles"][0]["name"] = "first"
        handler_in(config)["parameters"]["profiles"] = {"prefill": "first"}
        config["plugins"].append({"type": "disagg-headers-handler"})
        # Whichever runs last decides, and that differs from start to start.
        assert_silent(config, release, "P311")
        assert "at some starts" in found(config, release, "P311").message
        writer_in(config)["parameters"] = {"prefillProfile": "first"}
        assert assess_document(config, release).outcome == "disaggregates"


def test_a_header_writer_of_another_profile() -> None:
    config = config_of(ROUTER_V0_8_0)
    writer_in(config)["parameters"] = {"prefillProfile": "first"}
    assert_silent(config, ROUTER_V0_8_0, "P311")
    message = found(config, ROUTER_V0_8_0, "P311").message
    assert "'first'" in message
    assert "'prefill'" in message


def test_one_profile() -> None:
    for release in ROUTER_RELEASES:
        config = config_of(release)
        drop(config, "disagg-profile-handler", "prefill-filter")
        config["schedulingProfiles"] = config["schedulingProfiles"][1:]
        assert_silent(config, release, "P301")


def test_the_legacy_handler_writes_no_header() -> None:
    for release in (ROUTER_V0_9_0, ROUTER_V0_10_0):
        config = config_of(release)
        handler_in(config).update(type="pd-profile-handler", parameters={})
        assert_silent(config, release, "P305")
        config["plugins"].append({"type": "disagg-headers-handler"})
        assert assess_document(config, release).outcome == "disaggregates"


def test_a_decider_for_images() -> None:
    for release in ROUTER_RELEASES:
        config = config_of(release)
        decider_in(config).update(type="always-disagg-multimodal-decider", parameters={})
        name = handler_in(config)["parameters"]["deciders"]
        name["prefill"] = "always-disagg-multimodal-decider"
        assert_silent(config, release, "P309")


def test_no_role_filters() -> None:
    for release in ROUTER_RELEASES:
        config = config_of(release)
        drop(config, "decode-filter")
        verdict = assess_document(config, release)
        assert verdict.outcome == "prefill pods serve users"
        assert codes(verdict, "warning") == ["P401"]


def assert_silent(config: Config, release: RouterRelease, code: str) -> None:
    verdict = assess_document(config, release)
    assert verdict.outcome == "never disaggregates"
    assert codes(verdict, "warning") == [code]
    assert code in SILENT_CODES


@pytest.mark.parametrize(
    ("plugin", "admits"),
    [
        (
            {
                "type": "label-selector-filter",
                "parameters": {"matchLabels": {"llm-d.ai/role": "decode"}},
            },
            True,
        ),
        (
            {
                "type": "label-selector-filter",
                "parameters": {"matchLabels": {"llm-d.ai/role": "prefill"}},
            },
            False,
        ),
        (
            {
                "type": "label-selector-filter",
                "parameters": {
                    "matchExpressions": [
                        {"key": "llm-d.ai/role", "operator": "In", "values": ["decode", "both"]}
                    ]
                },
            },
            True,
        ),
        (
            {
                "type": "by-label",
                "parameters": {"label": "llm-d.ai/role", "validValues": ["decode"]},
            },
            True,
        ),
    ],
)
def test_filters_that_go_by_the_role_label(plugin: Config, admits: bool) -> None:
    config = config_of(ROUTER_NEWEST)
    drop(config, "decode-filter")
    config["plugins"].append({**plugin, "name": "mine"})
    config["schedulingProfiles"][1]["plugins"].insert(0, {"pluginRef": "mine"})
    outcome = assess_document(config, ROUTER_NEWEST).outcome
    assert outcome == ("disaggregates" if admits else "prefill pods serve users")


@pytest.mark.parametrize(
    "plugin",
    [
        {"type": "label-selector-filter", "parameters": {"matchLabels": {"a": "b"}}},
        {
            "type": "label-selector-filter",
            "parameters": {"matchExpressions": [{"key": "a", "operator": "Exists"}]},
        },
        {"type": "by-label", "parameters": {"label": "x", "validValues": ["decode"]}},
    ],
)
def test_filters_by_other_labels_may_tell_roles_apart(plugin: Config) -> None:
    config = config_of(ROUTER_NEWEST)
    for name in ("prefill-filter", "decode-filter"):
        drop(config, name)
    config["plugins"].append({**plugin, "name": "mine"})
    for profile in config["schedulingProfiles"]:
        profile["plugins"].insert(0, {"pluginRef": "mine"})
    verdict = assess_document(config, ROUTER_NEWEST)
    assert verdict.outcome == "disaggregates"
    assert not {"P202", "P308", "P310", "P401"} & {each.code for each in verdict.findings}


@pytest.mark.parametrize(
    ("plugin", "admits"),
    [
        ({"type": "decode-filter"}, True),
        ({"type": "prefill-filter"}, False),
        ({"type": "by-label", "parameters": {"label": ROLE, "validValues": ["decode"]}}, False),
        ({"type": "by-label", "parameters": {"label": ROLE, "allowsNoLabel": True}}, True),
        ({"type": "by-label", "parameters": {"label": "x", "validValues": ["y"]}}, True),
        (selector("Exists"), False),
        (selector("DoesNotExist"), True),
        (selector("In", "decode"), False),
        (selector("NotIn", "decode"), True),
    ],
)
def test_pods_without_a_role(plugin: Config, admits: bool) -> None:
    config = dict(UnifiedConfig.load_aware().document(ROUTER_NEWEST))
    config["plugins"] = [*config["plugins"], {**plugin, "name": "mine"}]
    config["schedulingProfiles"][0]["plugins"].append({"pluginRef": "mine"})
    verdict = assess_document(config, ROUTER_NEWEST, disaggregated=False)
    assert verdict.outcome == ("serves" if admits else "every request fails")


@each_release
def test_a_configuration_for_roles_serves_pods_without_one(release: RouterRelease) -> None:
    """Its decode profile admits them; nothing is prefilled elsewhere, and nothing is to tell."""
    verdict = assess_document(config_of(release), release, disaggregated=False)
    assert (verdict.outcome, verdict.shortest_prompt) == ("serves", None)
    assert verdict.answers == {"unlabelled"}


def test_prefill_first() -> None:
    config = config_of(ROUTER_V0_10_0)
    for order in ("prefill-first", "prefill_first", "PrefillFirst", "prefill"):
        handler_in(config)["parameters"] = {"stageOrder": order}
        verdict = assess_document(config, ROUTER_V0_10_0)
        assert (verdict.outcome, verdict.shortest_prompt) == ("disaggregates", 0)
    handler_in(config)["parameters"]["deciders"] = {"prefill": "prefix-based-pd-decider"}
    assert codes(assess_document(config, ROUTER_V0_10_0), "error") == ["P110"]
    handler_in(config)["parameters"] = {"stageOrder": "sideways"}
    assert codes(assess_document(config, ROUTER_V0_10_0), "error") == ["P104"]


@each_release
def test_nested_and_flat_parameters_exclude_each_other(release: RouterRelease) -> None:
    config = config_of(release)
    parameters = handler_in(config)["parameters"]
    parameters["decodeProfile"] = "decode"
    assert codes(assess_document(config, release), "error") == ["P110"]
    handler_in(config)["parameters"] = {"deciderPluginName": "prefix-based-pd-decider"}
    assert assess_document(config, release).outcome == "disaggregates"


@each_release
def test_advice(release: RouterRelease) -> None:
    config = listing(
        release,
        {"type": "random-picker", "parameters": {"maxNumOfEndpoints": 3}},
        {"type": "queue-scorer", "name": "idle"},
    )
    producer = config["plugins"][0]
    assert producer["type"] == "approx-prefix-cache-producer"
    producer["parameters"] = {
        "blockSizeTokens": 1,
        "maxPrefixBlocksToMatch": 9,
        "maxPrefixTokensToMatch": 9,
    }
    config["schedulingProfiles"][0]["plugins"] = [{"pluginRef": "prefill-filter"}]
    config["dataLayer"] = {"sources": []}
    verdict = assess_document(config, release)
    expected = {"P503", "P505", "P506", "P509"}
    if release.picker.smallest_block_tokens > 1:
        expected.add("P504")
    if not release.picker.config.additive_data_layer:
        expected.add("P507")
    assert set(codes(verdict)) == expected
    assert verdict.outcome == "disaggregates"


@each_release
def test_a_profile_without_a_picker_runs_one_that_is_listed(release: RouterRelease) -> None:
    config = listing(release)
    config["plugins"] = [each for each in config["plugins"] if each["type"] != "max-score-picker"]
    for profile in config["schedulingProfiles"]:
        profile["plugins"] = [
            each for each in profile["plugins"] if each["pluginRef"] != "max-score-picker"
        ]
    config["plugins"].append({"type": "random-picker"})
    assert codes(assess_document(config, release), "warning") == []
    for profile in config["schedulingProfiles"]:
        profile["plugins"].append({"pluginRef": "random-picker"})
    config["plugins"].append({"type": "weighted-random-picker"})
    assert codes(assess_document(config, release), "warning") == ["P503"]


def test_a_producer_under_another_name() -> None:
    for release in ROUTER_RELEASES:
        config = config_of(release)
        config["plugins"][0]["name"] = "mine"
        told = "P511" in codes(assess_document(config, release))
        assert told == bool(release.picker.config.default_producers)
        scorer = next(each for each in config["plugins"] if each["type"] == "prefix-cache-scorer")
        scorer["parameters"] = {"prefixMatchInfoProducerName": "mine"}
        assert "P511" not in codes(assess_document(config, release))


def test_events_without_pods() -> None:
    for plugin, release in (
        ("precise-prefix-cache-producer", ROUTER_V0_9_0),
        ("precise-prefix-cache-scorer", ROUTER_V0_8_0),
    ):
        verdict = assess_document(listing(release, {"type": plugin}), release)
        assert "P508" in codes(verdict)
        socket = {"kvEventsConfig": {"zmqEndpoint": "tcp://*:5557"}}
        quiet = assess_document(listing(release, {"type": plugin, "parameters": socket}), release)
        assert "P508" not in codes(quiet)


@pytest.mark.parametrize("release", ROUTER_RELEASES, ids=str)
def test_the_precise_scorer_and_a_decider_by_prefix(release: RouterRelease) -> None:
    config = config_of(release)
    assert "P510" not in codes(assess_document(config, release))
    config["plugins"].append({"type": "precise-prefix-cache-scorer"})
    assert "P510" not in codes(assess_document(config, release))
    config["schedulingProfiles"][-1]["plugins"].append({"pluginRef": "precise-prefix-cache-scorer"})
    assert ("P510" in codes(assess_document(config, release))) == (release is ROUTER_V0_8_0)


def test_all_errors_at_once_with_lines() -> None:
    text = """\
apiVersion: v1
kind: Config
plugins:
- type: queue-scorer
- type: no-such-plugin
- type: queue-scorer
schedulingProfiles:
- name: a
  plugins:
  - pluginRef: gone
- name: a
"""
    verdict = assess(text, ROUTER_NEWEST, file="picker.yaml")
    errors = [each for each in verdict.findings if each.severity == "error"]
    assert [(each.code, each.line) for each in errors] == [
        ("P102", 1),
        ("P102", 2),
        ("P106", 5),
        ("P107", 6),
        ("P111", 10),
        ("P113", 3),
        ("P114", 8),
        ("P114", 11),
    ]
    assert {each.file for each in errors} == {"picker.yaml"}
    assert all(each.fix for each in errors)


@pytest.mark.parametrize(
    "text", ["", "# nothing", "[]", "text", "1", "{", "a: 1\na: 2", "a: 1\n---\nb: 2\n", "null"]
)
def test_what_is_no_configuration(text: str) -> None:
    verdict = assess(text, ROUTER_NEWEST)
    assert verdict.outcome == "does not start"
    assert codes(verdict, "error")


@pytest.mark.parametrize(
    "parameters",
    [
        {"matchLabels": 5},
        {"matchExpressions": [5]},
        {"matchExpressions": [{"key": ROLE, "operator": "In", "values": 5}]},
        {"matchExpressions": [{"key": ROLE, "operator": "In", "values": {"decode": 1}}]},
        {"matchExpressions": [{"key": [], "operator": "In", "values": []}]},
    ],
)
def test_selectors_of_another_shape_do_not_start(parameters: Config) -> None:
    config = listing(ROUTER_NEWEST, {"type": "label-selector-filter", "parameters": parameters})
    config["schedulingProfiles"][1]["plugins"].append({"pluginRef": "label-selector-filter"})
    assert codes(assess_document(config, ROUTER_NEWEST), "error") == ["P104"]


@pytest.mark.parametrize(
    "parameters",
    [
        {"deciders": {"prefill": 5}},
        {"deciders": {"prefill": ["prefix-based-pd-decider"]}},
        {"deciders": []},
        {"profiles": {"prefill": 5}},
        {"stageOrder": 5},
    ],
)
def test_handlers_of_another_shape_do_not_start(parameters: Config) -> None:
    config = config_of(ROUTER_NEWEST)
    handler_in(config)["parameters"] = parameters
    assert "P104" in codes(assess_document(config, ROUTER_NEWEST), "error")


ANY = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-3, 3)
    | st.floats(allow_nan=False)
    | st.sampled_from(
        [
            "",
            "decode",
            "prefill",
            "decode-filter",
            "disagg-profile-handler",
            "prefix-based-pd-decider",
            "label-selector-filter",
            "llm-d.ai/v1alpha1",
            "llm-d.ai/role",
            "In",
            "EndpointPickerConfig",
        ]
    ),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    "apiVersion",
                    "kind",
                    "plugins",
                    "type",
                    "name",
                    "parameters",
                    "schedulingProfiles",
                    "pluginRef",
                    "deciders",
                    "prefill",
                    "matchLabels",
                    "matchExpressions",
                    "nonCachedTokens",
                    "dataLayer",
                    "sources",
                    "extractors",
                    "requestHandler",
                    "parsers",
                    "featureGates",
                    "flowControl",
                    "validValues",
                    "stageOrder",
                ]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@given(data=ANY, release=st.sampled_from(ROUTER_RELEASES), disaggregated=st.booleans())
def test_no_data_makes_it_raise(data: Any, release: RouterRelease, disaggregated: bool) -> None:
    verdict = assess_document(data, release, disaggregated=disaggregated)
    assert verdict.starts == (not any(code < "P2" for code in codes(verdict, "error")))


@given(
    path=st.lists(st.integers(0, 9), min_size=1, max_size=5),
    value=ANY,
    release=st.sampled_from(ROUTER_RELEASES),
)
def test_no_value_in_a_good_configuration_makes_it_raise(
    path: list[int], value: Any, release: RouterRelease
) -> None:
    config = yaml.safe_load(yaml.safe_dump(config_of(release)))
    place: Any = config
    for step in path[:-1]:
        keys = list(place) if isinstance(place, dict) else list(range(len(place)))
        child = place[keys[step % len(keys)]]
        if not isinstance(child, (dict, list)) or not child:
            break
        place = child
    keys = list(place) if isinstance(place, dict) else list(range(len(place)))
    place[keys[path[-1] % len(keys)]] = value
    assess_document(config, release)
