"""Released pickers and sidecars, run from our manifests, prefill on one pod and decode on another.

Upstream ships picker, sidecar and simulator in its release images. Where environment variables
name such executables, this stage runs them; a release without is skipped.
"""

from __future__ import annotations

import json
import re

import pytest

from cdk8s_inference import App, DeviceRequest, Engine, Member, ModelDeployment, Platform
from cdk8s_inference.checks import check
from cdk8s_inference.document.model_deployment import Phase
from cdk8s_inference.findings import errors
from cdk8s_inference.names import join
from cdk8s_inference.releases import RouterRelease
from cdk8s_inference.source import Document
from tests.acceptance.cluster import Object
from tests.acceptance.counts import COUNTS
from tests.acceptance.serving import Site, executables, serving
from tests.kit.breaks import BREAKS, observed

MODEL = "example"
ENGINE_IMAGE = "ghcr.io/llm-d/llm-d-inference-sim:v0.10.0"
TRANSFER = '{"kv_connector":"NixlConnector","kv_role":"kv_both"}'
MEMORY = 'device.capacity["gpu.nvidia.com"].memory.compareTo(quantity("70Gi")) >= 0'

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
    name: str, release: RouterRelease, *, prefill: bool = False, decode: bool = False
) -> list[Object]:
    """A deployment as we render it."""
    chart = ModelDeployment(
        App(),
        "it",
        name="sim",
        namespace=name,
        serving_mode="PrefillDecode",
        engines=[engine("Prefill", 8000, gang=prefill), engine("Decode", 8001, gang=decode)],
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
