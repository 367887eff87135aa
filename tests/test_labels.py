"""Labels, and what the selectors made of them match across all deployments of a namespace."""

from __future__ import annotations

import re
from typing import Any

import pytest

from cdk8s_inference import App, InvalidInput, ModelDeployment, Platform, Probes, labels
from tests.document.builders import document, edited, gang, prefill_decode, standalone, unified
from tests.kit.cluster import matches, pods, selected, selectors
from tests.kit.synth import composed, synthesized

Json = dict[str, Any]

LIKE_OTHERS = {
    "app": "model",
    "app.kubernetes.io/name": "endpoint-picker",
    "app.kubernetes.io/instance": "chat-0",
    "app.kubernetes.io/component": "decode",
    "app.kubernetes.io/part-of": "chat",
    "app.kubernetes.io/managed-by": "helm",
    "pod-template-hash": "58d5fbb889",
}
"""Labels by which a careless selector would mistake one pod for another."""


def named(name: str, found: Json, pod_labels: Json) -> Json:
    """A deployment of a name, all of whose pods carry the labels given."""
    found["metadata"]["name"] = name
    for engine in found["spec"]["template"]["spec"]["engines"]:
        for each in engine["members"]:
            each["template"]["metadata"] = {"labels": dict(pod_labels)}
    return found


def two() -> Json:
    return document(standalone("a", "--port=9000"), gang("b", "--port=9000"))


def neighbours(pod_labels: Json) -> list[Json]:
    """Four deployments side by side, their names prefixes of each other's, two replicas each."""
    app = App()
    disaggregated = document(
        gang("prefill", phase="Prefill", copies=2),
        gang("decode", phase="Decode"),
        serving={"mode": "PrefillDecode"},
    )
    apart = {"llm-d.ai/role": "both", **pod_labels}
    for name, found, given, platform in (
        ("chat", two(), apart, Platform()),
        ("chat-0-a", prefill_decode(), pod_labels, Platform()),
        ("chat-1-a", two(), apart, Platform(unified_mode="picker")),
        ("code", disaggregated, pod_labels, Platform()),
    ):
        found["spec"]["replicas"] = 2
        ModelDeployment.from_document(app, name, named(name, found, given), platform=platform)
    return synthesized(app)


@pytest.fixture(scope="module", params=["plain", "alike"])
def objects(request: pytest.FixtureRequest) -> list[Json]:
    return neighbours({} if request.param == "plain" else LIKE_OTHERS)


def test_no_pod_is_selected_by_two_workloads(objects: list[Json]) -> None:
    owners = {
        key: selector for key, selector in selectors(objects).items() if key[0] == "Deployment"
    }
    everything = pods(objects)
    assert len(owners) == 17
    assert len(everything) == 47
    for pod in everything:
        owned = [key for key, selector in owners.items() if matches(selector, pod.labels)]
        assert owned == ([("Deployment", pod.workload)] if pod.kind == "Deployment" else [])


def test_services_and_pools_select_what_serves_and_nothing_else(objects: list[Json]) -> None:
    found = {key: selected(objects, *key) for key in selectors(objects) if key[0] != "Deployment"}
    expected: dict[tuple[str, str], list[str]] = {}
    names = ("chat", "chat-0-a", "chat-1-a", "code")
    for index in (0, 1):
        chat, zero, one, code = (f"{name}-{index}" for name in names)
        expected |= {
            ("Service", chat): [f"{chat}-a/pod", f"{chat}-b/leader"],
            ("InferencePool", zero): [f"{zero}-decode/pod", f"{zero}-prefill/pod"],
            ("InferencePool", one): [f"{one}-a/pod", f"{one}-b/leader"],
            ("InferencePool", code): [f"{code}-decode/leader", f"{code}-prefill/leader"],
        }
        expected |= {("Service", f"{name}-epp"): [f"{name}-epp/pod"] for name in (zero, one, code)}
    # One more pool over all replicas, whose pods are those of both pools.
    for name in names[1:]:
        both = [expected["InferencePool", f"{name}-{index}"] for index in (0, 1)]
        expected["InferencePool", name] = [*both[0], *both[1]]
        expected["Service", f"{name}-epp"] = [f"{name}-epp/pod"]
    assert found == expected


def test_a_selector_is_one_label_of_our_own(objects: list[Json]) -> None:
    for selector in selectors(objects).values():
        (key,) = selector
        assert key.startswith(labels.PREFIX)


def test_a_selector_stays_whatever_else_changes() -> None:
    """A Deployment's selector is immutable: a change would need its deletion."""
    plain = prefill_decode()
    changed = named(
        "qwen", edited(plain, "spec.template.metadata", {"labels": {"a": "b"}}), {"c": "d"}
    )
    changed = edited(changed, "spec.template.spec.modelCacheRef", {"name": "weights"})
    changed = edited(changed, "spec.template.spec.engines[0].copies", 3)
    platform = Platform(node_pool="h100", probes=Probes(startup_seconds=60))
    assert selectors(composed(plain)) == selectors(composed(changed, platform))


def test_everything_carries_the_recommended_labels(objects: list[Json]) -> None:
    for entry in objects:
        found = entry["metadata"]["labels"]
        assert found["app.kubernetes.io/managed-by"] == "cdk8s-inference"
        assert found["app.kubernetes.io/name"] in ("model-server", "endpoint-picker", "model-route")
        assert entry["metadata"]["name"].startswith(found["app.kubernetes.io/instance"])
        assert found["app.kubernetes.io/instance"].startswith(found["app.kubernetes.io/part-of"])
        assert found["app.kubernetes.io/component"] in (
            "engine",
            "prefill",
            "decode",
            "endpoint-picker",
            "routing",
        )


def test_labels_of_the_template_go_on_every_object() -> None:
    found = edited(prefill_decode(), "spec.template.metadata", {"labels": {"team": "a", "z": ""}})
    objects = composed(found)
    assert len(objects) == 15
    for entry in objects:
        assert {"team": "a", "z": ""}.items() <= entry["metadata"]["labels"].items()


@pytest.mark.parametrize("key", [labels.ENGINE, labels.SERVES, labels.DEPLOYMENT, labels.PICKER])
def test_nobody_sets_a_label_that_selectors_use(key: str) -> None:
    for found in (
        edited(unified(), "spec.template.metadata", {"labels": {key: "x"}}),
        named("qwen", unified(), {key: "x"}),
    ):
        with pytest.raises(InvalidInput, match=re.escape(f"label '{key}' has a reserved prefix")):
            ModelDeployment.from_document(App(), "qwen", found)


def test_recommended() -> None:
    assert labels.recommended(name="n", instance="i", component="c") == {
        "app.kubernetes.io/name": "n",
        "app.kubernetes.io/instance": "i",
        "app.kubernetes.io/component": "c",
        "app.kubernetes.io/managed-by": "cdk8s-inference",
    }
    found = labels.recommended(name="n", instance="i", component="c", part_of="p")
    assert found["app.kubernetes.io/part-of"] == "p"


def test_merged_is_in_key_order_and_the_later_layer_wins() -> None:
    found = labels.merged({"b": "1", "a": "1"}, {}, {"c": "2", "b": "2"})
    assert list(found.items()) == [("a", "1"), ("b", "2"), ("c", "2")]
