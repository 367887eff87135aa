"""Settings of pods that are in the way of what routing adds."""

from __future__ import annotations

from typing import Any

import pytest

from cdk8s_inference import (
    App,
    Engine,
    Gateway,
    InvalidInput,
    ModelDeployment,
    Platform,
    PodSettings,
)
from cdk8s_inference.gateways import STANDALONE
from tests.document.builders import NIXL, edited, prefill_decode
from tests.kit.synth import composed

SGLANG = ["python3", "-m", "sglang.launch_server"]
SIDECAR = {"name": "pd-sidecar", "image": "wait:v1"}
TOKEN = {"name": "sidecar-token", "emptyDir": {}}


@pytest.mark.parametrize(
    ("settings", "codes"),
    [
        ({"init_containers": [SIDECAR]}, ["D146"]),
        ({"init_containers": (SIDECAR,)}, ["D146"]),
        ({"pod": {"spec": {"initContainers": [SIDECAR]}}}, ["D146"]),
        ({"pod": {"spec": {"containers": [SIDECAR]}}}, ["D146"]),
        ({"volumes": [TOKEN]}, ["D146"]),
        ({"pod": {"spec": {"volumes": [TOKEN]}}}, ["D146"]),
        ({"pod": {"metadata": {"labels": {"llm-d.ai/role": "decode"}}}}, ["D125"]),
    ],
)
def test_what_a_platform_has_in_the_way_is_told(settings: Any, codes: list[str]) -> None:
    with pytest.raises(InvalidInput) as refused:
        composed(prefill_decode(), Platform(pods=PodSettings(**settings)))
    assert [each.code for each in refused.value.findings if each.severity == "error"] == codes


def test_what_an_engine_has_in_the_way_is_told() -> None:
    def engine(phase: Any, port: int, pods: PodSettings | None) -> Engine:
        args = ["--model=m", "--device=cpu", f"--port={port}", NIXL]
        image = "vllm/vllm-openai:v0.32.0"
        return Engine.standalone(phase.lower(), phase=phase, image=image, args=args, pods=pods)

    own = PodSettings(init_containers=[SIDECAR])
    engines = [engine("Prefill", 8000, own), engine("Decode", 8001, own)]
    with pytest.raises(InvalidInput) as refused:
        ModelDeployment(
            App(), "d", name="d", namespace="ml", engines=engines, serving_mode="PrefillDecode"
        )
    (finding,) = (each for each in refused.value.findings if each.severity == "error")
    assert (finding.code, finding.path) == (
        "D146",
        "spec.template.spec.engines[1].pods.init_containers[0].name",
    )


def test_where_no_token_is_mounted_its_name_is_free() -> None:
    platform = Platform(gateway=Gateway(provider=STANDALONE), pods=PodSettings(volumes=[TOKEN]))
    assert composed(prefill_decode(), platform)


def test_the_server_label_that_pods_have_is_left() -> None:
    """A check says what is wrong with it."""
    found = prefill_decode()
    for phase, engine in (("prefill", 0), ("decode", 1)):
        member = f"spec.template.spec.engines[{engine}].members[0].template"
        container = f"{member}.spec.containers[0]"
        args = ["--host=0.0.0.0", f"--port={8000 + engine}", f"--disaggregation-mode={phase}"]
        found = edited(found, f"{container}.image", "lmsysorg/sglang:v0.5.9")
        found = edited(found, f"{container}.command", SGLANG)
        found = edited(found, f"{container}.args", ["--model-path=m", "--enable-metrics", *args])
        found = edited(found, f"{member}.metadata", {"labels": {"llm-d.ai/engine-type": "other"}})
    chart = ModelDeployment.from_document(App(), "d", found)
    assert {each.code for each in chart.check() if "engine-type" in each.message} == {"T416"}
