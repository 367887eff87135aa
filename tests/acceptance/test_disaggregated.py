"""Released pickers and sidecars, run from our manifests, prefill on one pod and decode on another.

Upstream ships picker, sidecar and simulator in its release images. Where environment variables
name such executables, this stage runs them; a release without is skipped.
"""

from __future__ import annotations

import json
import re

import pytest

from cdk8s_inference import (
    App,
    DeviceRequest,
    DisaggregatedConfig,
    Engine,
    Member,
    ModelDeployment,
    PickerConfig,
    Platform,
    PrecisePrefix,
    RawPickerConfig,
)
from cdk8s_inference.checks import check
from cdk8s_inference.document.model_deployment import Phase
from cdk8s_inference.findings import errors
from cdk8s_inference.names import join
from cdk8s_inference.picker_config.example_configs import PRODUCER, WORKS, WORKS_IN_V0_8_0
from cdk8s_inference.releases import ROUTER_RELEASES, RouterRelease
from cdk8s_inference.source import Document
from tests.acceptance.cluster import Object
from tests.acceptance.counts import COUNTS
from tests.acceptance.serving import Site, executables, renderer, serving
from tests.kit.breaks import BREAKS, observed

MODEL = "example"
ENGINE_IMAGE = "ghcr.io/llm-d/llm-d-inference-sim:v0.10.0"
TRANSFER = '{"kv_connector":"NixlConnector","kv_role":"kv_both"}'
MEMORY = 'device.capacity["gpu.nvidia.com"].memory.compareTo(quantity("70Gi")) >= 0'

NEWER = [release.version for release in ROUTER_RELEASES if release.version != "v0.8.0"]
ALL = ["v0.8.0", *NEWER]

OTHER_NAMES = (
    ("      deciders:\n", "      profiles: {prefill: pf, decode: dc}\n      deciders:\n"),
    ("- name: prefill\n", "- name: pf\n"),
    ("- name: decode\n", "- name: dc\n"),
)
HEADERS = "  - type: disagg-headers-handler\n"

CONFIGS = {
    "as composed": ((), ALL),
    "profiles of other names": (OTHER_NAMES, NEWER),
    "profiles of other names, also in the header's plugin": (
        (*OTHER_NAMES, (HEADERS, f"{HEADERS}    parameters: {{prefillProfile: pf}}\n")),
        ALL,
    ),
    "no producer": (((PRODUCER, ""),), NEWER),
    "no producer beside prefix-cache-scorer": (
        ((PRODUCER, ""), ("queue-scorer", "prefix-cache-scorer")),
        ALL,
    ),
}
"""Changes of a configuration that works, and the releases that disaggregate with them."""

SHAPES = {"pods": (False, False), "gang and pod": (True, False), "gangs": (True, True)}
"""Whether prefill and decode are gangs."""


@pytest.mark.parametrize("shape", SHAPES)
def test_a_long_prompt_is_prefilled_elsewhere_and_a_short_one_is_not(
    shape: str, release: RouterRelease, site: Site
) -> None:
    prefill, decode = SHAPES[shape]
    name = namespace_of(shape, release)
    objects = deployment(name, release, prefill=prefill, decode=decode)
    with serving(site, objects, name, executables(release, ENGINE_IMAGE), MODEL) as served:
        long = served.ask(500)
        assert long.served_by == "P/D", long
        assert long.answer["status"] == 200
        assert long.answer["whole"]
        given, received = long.decode[0]["response"], long.answer["body"]
        assert json.loads(received)["choices"] == json.loads(given)["choices"]
        short = served.ask(1)
        assert short.served_by == "D-only", short
        assert short.answer["status"] == 200
        COUNTS["deployments disaggregated"] += 1


@pytest.mark.parametrize("case", CONFIGS)
def test_a_configuration_does_what_is_said_of_it(
    case: str, release: RouterRelease, site: Site
) -> None:
    changes, working = CONFIGS[case]
    text = WORKS_IN_V0_8_0 if release.version == "v0.8.0" else WORKS
    for old, new in changes:
        text = text.replace(old, new)
    config = RawPickerConfig(text)
    works = release.version in working
    assert (config.verdict(release).outcome == "disaggregates") == works
    name = namespace_of(case, release)
    objects = deployment(name, release, picker_config=config)
    with serving(site, objects, name, executables(release, ENGINE_IMAGE), MODEL) as served:
        for words, expected in ((1, "D-only"), (500, "P/D" if works else "D-only")):
            outcome = served.ask(words)
            assert (outcome.answer["status"], outcome.served_by) == (200, expected), outcome
    COUNTS["configurations with the outcome that was told"] += 1


@pytest.mark.parametrize("renders", [True, False], ids=["a renderer", "nothing"])
def test_precise_prefixes_need_what_renders_prompts(
    renders: bool, release: RouterRelease, site: Site
) -> None:
    if not release.has_plugin("token-producer"):
        pytest.skip(f"{release.version} has no token producer")
    name = namespace_of("renderer" if renders else "no-renderer", release)
    with renderer(site, MODEL, site.folder / name) as url:
        prefix = PrecisePrefix(MODEL, url if renders else "http://localhost:8000")
        config = DisaggregatedConfig.precise_prefix(prefix)
        objects = deployment(name, release, picker_config=config)
        codes = {finding.code for finding in errors(check([Document(item) for item in objects]))}
        assert codes == (set() if renders else {"T430"})
        with serving(site, objects, name, executables(release, ENGINE_IMAGE), MODEL) as served:
            for words, expected in ((1, "D-only"), (500, "P/D" if renders else "D-only")):
                outcome = served.ask(words)
                assert (outcome.answer["status"], outcome.served_by) == (200, expected), outcome
    COUNTS["configurations with the outcome that was told"] += 1


def test_every_break_that_was_recorded_is_tried() -> None:
    recorded = {run.broken for run in observed()}
    if not recorded:
        pytest.skip("no run is recorded here")
    assert recorded == BREAKS.keys()


@pytest.mark.parametrize("broken", BREAKS)
def test_a_break_has_the_outcome_that_was_seen(
    broken: str, release: RouterRelease, site: Site
) -> None:
    """So a new release shows at once what it does otherwise."""
    runs = [run for run in observed() if run.broken == broken]
    expected = [run for run in runs if run.release == release.version]
    if not expected:
        pytest.skip("no run of this release was recorded")
    case = BREAKS[broken]
    name = namespace_of(broken, release)
    objects = case.apply(deployment(name, release))
    if case.shown:
        findings = check([Document(item) for item in objects])
        assert bool(errors(findings)) != expected[0].works, [str(each) for each in findings]
    programs = executables(release, ENGINE_IMAGE)
    with serving(site, objects, name, programs, MODEL, case) as served:
        for words, prompt in ((1, "short"), (500, "long")):
            if prompt == "long" and release.version in case.loops:
                continue  # By chance, it is answered or never.
            outcome = served.ask(words)
            status, server = getattr(expected[0], prompt)
            chosen = {getattr(run, prompt)[1] for run in runs} | {"D-only", "P-only"}
            assert outcome.answer["status"] == status, (prompt, outcome)
            assert outcome.served_by in (chosen if case.tied else {server}), (prompt, outcome)
    COUNTS["breaks with the outcome that was seen"] += 1


def namespace_of(case: str, release: RouterRelease) -> str:
    """A namespace for a case, of which there is one for each release."""
    return re.sub(r"[^a-z0-9]+", "-", join(release.version, case.lower())).strip("-")


def deployment(
    name: str,
    release: RouterRelease,
    *,
    prefill: bool = False,
    decode: bool = False,
    picker_config: PickerConfig | None = None,
) -> list[Object]:
    """A deployment as we render it."""
    chart = ModelDeployment(
        App(),
        "it",
        name="sim",
        namespace=name,
        serving_mode="PrefillDecode",
        engines=[engine("Prefill", 8000, gang=prefill), engine("Decode", 8001, gang=decode)],
        picker_config=picker_config,
        platform=Platform(router=release),
    )
    objects: list[Object] = chart.to_json()
    return objects


def engine(phase: Phase, port: int, *, gang: bool) -> Engine:
    members = [
        Member.of(
            role,
            image=ENGINE_IMAGE,
            command=["serve"],
            args=[f"--model={MODEL}", f"--port={port}", f"--kv-transfer-config={TRANSFER}"],
            devices=[DeviceRequest.of("gpu", MEMORY)],
            nodes=1 if role == "Worker" else None,
        )
        for role in (("Leader", "Worker") if gang else ("Standalone",))
    ]
    return Engine(name=phase.lower(), phase=phase, members=members)
