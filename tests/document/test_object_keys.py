"""Objects foretold without composing them, against those composed."""

from __future__ import annotations

import pytest

from cdk8s_inference.document.object_keys import deployment_objects, reserved
from cdk8s_inference.platform import Platform, UnifiedMode
from cdk8s_inference.platform.picker_options import PickerOptions
from cdk8s_inference.platform.sidecar_options import SidecarOptions
from tests.document.builders import Json, accepted, document, gang, member, standalone
from tests.kit.synth import composed


def mixed(**replica: Json) -> Json:
    leader_without_devices = gang("large")
    claiming = gang("larger")
    claiming["members"][0] = member(role="Leader")
    return document(standalone("small"), leader_without_devices, claiming, **replica)


def disaggregated() -> Json:
    return document(
        standalone("prefill", phase="Prefill"),
        gang("decode", phase="Decode"),
        serving={"mode": "PrefillDecode"},
    )


@pytest.mark.parametrize(
    ("found", "mode"),
    [(mixed(), "service"), (mixed(), "picker"), (disaggregated(), "service")],
    ids=["service", "picker", "disaggregated"],
)
@pytest.mark.parametrize("name", ["qwen", "q" * 63])
def test_what_is_foretold_is_what_is_composed(found: Json, mode: UnifiedMode, name: str) -> None:
    found["metadata"]["name"] = name
    found["spec"]["replicas"] = 2
    platform = Platform(
        unified_mode=mode,
        picker=PickerOptions(keep_from_eviction=True),
        sidecar=SidecarOptions(ssrf_protection=True),
    )
    spec = accepted(found).spec.template.spec
    foretold = [*deployment_objects(name, 2, spec.engines, spec.serving_mode, platform)]
    made = composed(found, platform)
    assert sorted(foretold) == sorted((entry["kind"], entry["metadata"]["name"]) for entry in made)
    assert len(set(foretold)) == len(foretold)


def test_a_gang_reserves_the_service_that_its_controller_makes() -> None:
    keys = [("LeaderWorkerSet", "a"), ("HTTPRoute", "b")]
    assert set(reserved(keys)) == {*keys, ("Service", "a"), ("label cdk8s-inference/engine", "a")}


def test_a_deployment_and_a_gang_of_one_name_reserve_one_label() -> None:
    one, other = (set(reserved([(kind, "a")])) for kind in ("Deployment", "LeaderWorkerSet"))
    assert one & other == {("label cdk8s-inference/engine", "a")}
