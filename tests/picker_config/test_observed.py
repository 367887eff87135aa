"""Every configuration that real pickers were run with, judged beforehand."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from typing import Any

import pytest
import yaml

from cdk8s_inference.picker_config import Verdict, assess
from cdk8s_inference.picker_config.verdict import assess_document
from cdk8s_inference.releases import ROUTER_RELEASES, RouterRelease, router_release
from tests.kit.shared import SHARED

pytestmark = pytest.mark.skipif(SHARED is None, reason="the shared facts are absent")

Config = dict[str, Any]

TOKENS = {
    "short (1 token)": 1,
    "about 25 tokens": 25,
    "about 75 tokens": 75,
    "about 500 tokens": 500,
    "chat, 500 tokens": 500,
    "streamed, 500 tokens": 500,
}
"""The prompts of a run, but for the one that was sent before, and is cached."""

LONG_ENOUGH = [tokens for tokens in TOKENS.values() if tokens >= 75]
"""A run's verdict goes by these."""


def observed() -> Mapping[str, Any]:
    if SHARED is None:
        return {"configs": {}, "runs": []}
    text = (SHARED / "facts" / "observed" / "picker-configs.json").read_text()
    found: Mapping[str, Any] = json.loads(text)
    return found


OBSERVED = observed()
RUNS = OBSERVED["runs"]
each_run = pytest.mark.parametrize(
    "run", RUNS, ids=[f"{run['config']}-{run['release']}" for run in RUNS]
)


@cache
def parsed(name: str) -> Config:
    config: Config = yaml.safe_load(OBSERVED["configs"][name])
    return config


def config_of(run: Mapping[str, Any]) -> Config:
    """What the run's picker read."""
    config: Config = copy.deepcopy(parsed(run["config"]))
    # On v0.8.0 its own apiVersion stood in place of the later one.
    config["apiVersion"] = run["api_version"]
    return config


def judged(config: Config, release: RouterRelease) -> Verdict:
    return assess_document(config, release)


def words(verdict: Verdict) -> set[str]:
    """The observed verdicts that a prediction allows: two where a tie decides."""
    if not verdict.starts:
        return {"does not start"}
    if not verdict.answers:
        return {"every request fails"}
    shortest = verdict.shortest_prompt
    if "prefill" in verdict.answers:
        never = {"never disaggregates; prefill pods serve users"}
        return never if shortest is None else {*never, "disaggregates for some"}
    if shortest is None or shortest > max(LONG_ENOUGH):
        return {"never disaggregates (decode-only, HTTP 200)"}
    if shortest > min(LONG_ENOUGH):
        return {"disaggregates for some"}
    return {"disaggregates, short prompts too" if shortest <= 1 else "disaggregates"}


def test_there_is_a_run_of_every_release() -> None:
    assert {run["release"] for run in RUNS} == {release.version for release in ROUTER_RELEASES}
    assert len(RUNS) == 145


@each_run
def test_verdict(run: Mapping[str, Any]) -> None:
    text = yaml.safe_dump(config_of(run), sort_keys=False)
    verdict = assess(text, router_release(run["release"]))
    assert run["verdict"] in words(verdict), [str(finding) for finding in verdict.findings]
    assert verdict.starts == run["starts"]
    reasons = [finding.code for finding in verdict.findings if finding.code < "P5"]
    assert bool(reasons) == (verdict.outcome != "disaggregates")


@each_run
def test_every_request(run: Mapping[str, Any]) -> None:
    """Not the verdict alone: who serves each prompt, by its length."""
    verdict = judged(config_of(run), router_release(run["release"]))
    for name, tokens in TOKENS.items() if run["starts"] else ():
        request = run["requests"][name]
        if not verdict.answers:
            expected = {(429, "none")}
        elif verdict.shortest_prompt is not None and tokens >= verdict.shortest_prompt:
            expected = {(200, "P/D")}
        else:
            expected = {(200, "D-only")}
        if "prefill" in verdict.answers:
            expected |= {(200, "P-only"), (200, "D-only")}
        assert (request["http"], request["served_by"]) in expected


ERRORS = {
    "no kind": "P102",
    "failed to decode configuration JSON/YAML: strict decoding error: unknown field": "P103",
    "feature gate": "P105",
    "is not registered": "P106",
    "duplicate plugin name": "P107",
    "plugin config: json: unknown field": "P109",
    "nested schema error: json: unknown field": "P109",
    "prefill decider is not supported in prefill-first": "P110",
    "deciders.prefill plugin not found": "P112",
    "no profile handler configured": "P113",
}
"""What pickers that do not start say last, and what they are told beforehand."""


@each_run
def test_the_error_is_the_one_that_the_picker_names(run: Mapping[str, Any]) -> None:
    verdict = judged(config_of(run), router_release(run["release"]))
    told = {finding.code for finding in verdict.findings if finding.severity == "error"}
    said = {code for words, code in ERRORS.items() if words in run.get("error", "")}
    assert (told - {"P201"}) == said


# The prediction must come from what a configuration says, not from how it looks: each of these
# changes the text and not the meaning.


def named(config: Config) -> Config:
    """Every plugin under a name of its own, and every reference with it."""
    listed = [plugin.get("name", plugin["type"]) for plugin in config["plugins"]]
    names = {name: f"my-{index}" for index, name in enumerate(dict.fromkeys(listed))}
    renamed: Config = replaced(config, names)
    for plugin, original, name in zip(renamed["plugins"], config["plugins"], listed, strict=True):
        plugin["type"] = original["type"]
        plugin["name"] = names[name]
    return renamed


def replaced(value: Any, names: Mapping[str, str]) -> Any:
    if isinstance(value, dict):
        return {key: replaced(item, names) for key, item in value.items()}
    if isinstance(value, list):
        return [replaced(item, names) for item in value]
    return names.get(value, value) if isinstance(value, str) else value


def with_idle_plugin(config: Config) -> Config:
    config["plugins"].insert(0, {"type": "running-requests-size-scorer", "name": "idle"})
    return config


def profiles_reversed(config: Config) -> Config:
    config["schedulingProfiles"].reverse()
    return config


def with_weights(config: Config) -> Config:
    for profile in config["schedulingProfiles"]:
        for reference in profile["plugins"]:
            reference["weight"] = 7.5
    return config


def keys_reversed(config: Config) -> Config:
    return dict(reversed(config.items()))


@pytest.mark.parametrize(
    "mutate",
    [named, with_idle_plugin, profiles_reversed, with_weights, keys_reversed],
    ids=lambda mutate: mutate.__name__,
)
def test_the_same_in_other_words(mutate: Callable[[Config], Config]) -> None:
    for run in RUNS:
        config = config_of(run)
        release = router_release(run["release"])
        plain, changed = judged(config, release), judged(mutate(copy.deepcopy(config)), release)
        if mutate is named and uses_unlisted_defaults(config):
            continue
        assert changed.outcome == plain.outcome, run["config"]
        assert changed.shortest_prompt == plain.shortest_prompt


def uses_unlisted_defaults(config: Config) -> bool:
    """Whether a handler finds its decider by the name that it has by default."""
    return any(plugin["type"] == "pd-profile-handler" for plugin in config["plugins"])


# And each of these changes the meaning, in a way that is known.


def disaggregating() -> Iterator[tuple[Config, RouterRelease]]:
    for run in RUNS:
        if run["verdict"].startswith("disaggregates") and "P-only" not in json.dumps(run):
            yield config_of(run), router_release(run["release"])


def without(config: Config, *types: str) -> Config:
    config["plugins"] = [each for each in config["plugins"] if each["type"] not in types]
    for profile in config["schedulingProfiles"]:
        profile["plugins"] = [each for each in profile["plugins"] if each["pluginRef"] not in types]
    return config


def plugin_of(config: Config, type: str) -> Config | None:
    return next((each for each in config["plugins"] if each["type"] == type), None)


def test_without_decode_filter_prefill_pods_serve_users() -> None:
    for config, release in disaggregating():
        verdict = judged(without(config, "decode-filter"), release)
        assert verdict.outcome == "prefill pods serve users"
        assert verdict.by_chance


def test_without_prefill_filter_ties_decide_who_prefills() -> None:
    for config, release in disaggregating():
        verdict = judged(without(config, "prefill-filter"), release)
        assert verdict.outcome == "disaggregates"
        assert verdict.by_chance
        assert "P310" in {finding.code for finding in verdict.findings}


def test_without_handler_it_does_not_start() -> None:
    for config, release in disaggregating():
        handlers = [plugin.type for plugin in release.plugins_for("profile handler")]
        verdict = judged(without(config, *handlers), release)
        assert verdict.outcome == "does not start"
        assert [each.code for each in verdict.findings if each.severity == "error"] == ["P113"]


def test_without_prefill_profile_it_never_disaggregates() -> None:
    for config, release in disaggregating():
        config["schedulingProfiles"] = [
            profile for profile in config["schedulingProfiles"] if profile["name"] != "prefill"
        ]
        verdict = judged(config, release)
        assert verdict.outcome == "never disaggregates"
        assert "P302" in {finding.code for finding in verdict.findings}


def test_without_decode_profile_every_request_fails() -> None:
    for config, release in disaggregating():
        config["schedulingProfiles"] = [
            profile for profile in config["schedulingProfiles"] if profile["name"] != "decode"
        ]
        assert judged(config, release).outcome == "every request fails"


def test_without_header_writer() -> None:
    """The release decides whether it was needed."""
    for config, release in disaggregating():
        writers = {plugin.type for plugin in release.plugins_for("header writer")}
        handlers = {plugin.type for plugin in release.plugins_for("profile handler")}
        changed = without(config, *(writers - handlers))
        still = any(plugin["type"] in writers for plugin in changed["plugins"])
        verdict = judged(changed, release)
        assert (verdict.outcome == "disaggregates") == still
        assert ("P305" in {finding.code for finding in verdict.findings}) != still


def test_the_threshold_is_the_shortest_prompt() -> None:
    for config, release in disaggregating():
        decider = plugin_of(config, "prefix-based-pd-decider")
        if decider is None:
            continue
        for tokens in (1, 64, 4096):
            decider["parameters"] = {"nonCachedTokens": tokens}
            assert judged(config, release).shortest_prompt == tokens
        decider["parameters"] = {"nonCachedTokens": 0}
        assert judged(config, release).outcome == "never disaggregates"
        del decider["parameters"]
        assert judged(config, release).outcome == "never disaggregates"


def test_a_prompt_must_reach_both_thresholds() -> None:
    for config, release in disaggregating():
        decider = plugin_of(config, "prefix-based-pd-decider")
        if decider is None:
            continue
        decider["parameters"] = {"nonCachedTokens": 16, "promptTokens": 300}
        verdict = judged(config, release)
        taken = release.plugin("prefix-based-pd-decider").parameter("promptTokens")
        if taken is not None:
            assert verdict.shortest_prompt == 300
        elif release.picker.config.strict_parameters:
            assert verdict.outcome == "does not start"
        else:
            assert verdict.shortest_prompt == 16
            assert "P501" in {finding.code for finding in verdict.findings}


def test_another_apiversion_does_not_start() -> None:
    for config, release in disaggregating():
        config["apiVersion"] = "llm-d.ai/v1"
        assert judged(config, release).outcome == "does not start"
