"""Manifests that are known to work: no errors, and no warning that is not explained here."""

from __future__ import annotations

from pathlib import Path

import pytest

from cdk8s_inference import (
    App,
    DeviceRequest,
    Engine,
    Gateway,
    GatewayProvider,
    InferenceWarning,
    ModelDeployment,
    Platform,
    RouterRelease,
)
from cdk8s_inference.checks import check
from cdk8s_inference.findings import Finding, errors
from cdk8s_inference.gateways import GATEWAY_PROVIDERS
from cdk8s_inference.releases import ROUTER_RELEASES
from cdk8s_inference.source import Document, read
from tests.checks.rendered import found, rendered
from tests.kit.shared import SHARED
from tests.test_shape_snapshots import SHAPES

ROOT = Path(__file__).parents[2]

# The largest file is the stack's CRDs, in which nothing serves.
DIST = [path for path in sorted((ROOT / "dist").glob("*.yaml")) if path.stat().st_size < 500_000]
SNAPSHOTS = sorted((ROOT / "tests" / "__snapshots__").glob("*/*.yaml"))
UPSTREAM = sorted((Path(__file__).parent / "upstream").glob("*.yaml"))
DOCUMENTS = sorted((SHARED / "modeldeployments").glob("*.json")) if SHARED else []

GPU = DeviceRequest.of("gpu", 'device.attributes["gpu.nvidia.com"].architecture == "Hopper"')

EXPLAINED = {
    # Snapshots of prefill with vLLM's blocks of 16 tokens and decode with 128: works for plain
    # models, as the rule says.
    "T308",
    # Snapshots of engines without --kv-transfer-config, of which composition warns too, or without
    # --model, and of a gang whose workers claim no device.
    "T317",
    "T318",
    "T705",
    # Documents with SGLang without --enable-metrics: the picker sees no load of it.
    "T417",
    # Snapshots of engines whose token is in a Secret of the cluster.
    "T624",
    # Production's sidecar as an ordinary container, which was asked for.
    "T210",
}

EXPLAINED_LAYOUTS = {
    "modelplane": {
        # The sidecar is an ordinary container, without a preStop hook.
        "T210",
        # The role lacks the rewrites: 503 to every request once their CRD is installed.
        "T418",
        # Nor has the picker a readiness probe.
        "T450",
    },
    # The engine's image is :latest.
    "llm-d-modelservice": {"T640"},
    # Its token's Secret is created by hand, and the chart gives Istio's rule with another value.
    "gaie-getting-started": {"T519", "T624"},
    # Its pool alone is there, without the picker; its rollout strategy is left to a webhook.
    "wide-ep-leaderworkerset": {"T420", "T809"},
}
"""Warnings of layouts that others document, and that are true of them."""


def of_files(*paths: Path) -> list[Finding]:
    documents = []
    for path in paths:
        some, problems = read(path.read_bytes(), path.name)
        assert not problems
        documents += some
    return check(documents)


def loud(findings: list[Finding]) -> list[str]:
    return [
        str(each) for each in findings if each.severity == "warning" and each.code not in EXPLAINED
    ]


def test_what_main_py_composes_is_clean_as_one() -> None:
    assert len(DIST) > 3
    # The token's Secret is not the app's to write.
    assert [str(each) for each in of_files(*DIST) if each.code != "T624"] == []


@pytest.mark.parametrize("path", SNAPSHOTS, ids=lambda path: path.stem)
def test_snapshots(path: Path) -> None:
    findings = of_files(path)
    assert errors(findings) == []
    assert loud(findings) == []


@pytest.mark.parametrize("release", ROUTER_RELEASES, ids=lambda each: each.version)
@pytest.mark.parametrize("shape", SHAPES)
def test_shapes(shape: str, release: RouterRelease) -> None:
    findings = found(rendered(shape, release))
    assert errors(findings) == []
    assert loud(findings) == []


@pytest.mark.parametrize(
    "provider", [each for each in GATEWAY_PROVIDERS.values() if each.picker_headers], ids=str
)
def test_gateways(provider: GatewayProvider) -> None:
    engines, _ = SHAPES["vllm"]
    chart = ModelDeployment(
        App(),
        "it",
        name="it",
        namespace="ml-team",
        engines=engines,
        serving_mode="PrefillDecode",
        platform=Platform(gateway=Gateway(provider=provider)),
    )
    findings = chart.check()
    assert errors(findings) == []
    assert loud(findings) == []


def test_a_gateway_that_drops_headers_serves_unified() -> None:
    (provider,) = (each for each in GATEWAY_PROVIDERS.values() if not each.picker_headers)
    with pytest.warns(InferenceWarning, match="G103"):
        chart = ModelDeployment(
            App(),
            "it",
            name="it",
            namespace="ml-team",
            engines=[
                Engine.standalone(
                    "vllm",
                    image="vllm/vllm-openai:v0.23.0",
                    args=["--model=Qwen/Qwen3-8B"],
                    devices=[GPU],
                )
            ],
            platform=Platform(gateway=Gateway(provider=provider), unified_mode="picker"),
        )
    findings = chart.check()
    assert errors(findings) == []
    assert loud(findings) == []


@pytest.mark.parametrize("path", UPSTREAM, ids=lambda path: path.stem)
def test_layouts_that_others_document(path: Path) -> None:
    findings = of_files(path)
    assert errors(findings) == []
    warned = {each.code for each in findings if each.severity == "warning"}
    assert warned == EXPLAINED_LAYOUTS.get(path.stem, set())


def test_every_explained_layout_is_there() -> None:
    assert EXPLAINED_LAYOUTS.keys() <= {path.stem for path in UPSTREAM}


def test_there_are_documents() -> None:
    if SHARED is None:
        pytest.skip("no document was checked: the shared documents are absent")
    assert len(DOCUMENTS) == 28


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.stem)
def test_documents(path: Path) -> None:
    platform = Platform(unified_mode="picker")
    chart = ModelDeployment.from_file(App(), "it", path, platform=platform)
    findings = chart.check()
    assert errors(findings) == []
    assert loud(findings) == []
    assert check([Document(each) for each in chart.to_json()]) == findings
