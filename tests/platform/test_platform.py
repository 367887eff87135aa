from __future__ import annotations

from typing import Any

import pytest

from cdk8s_inference import Gateway, PickerOptions, Platform, Probes, Shutdown, SidecarOptions

REFUSED: dict[str, tuple[Any, dict[str, Any], str]] = {
    "unified mode": (
        Platform,
        {"unified_mode": "pool"},
        'one of "service", "picker", is the string "pool"',
    ),
    "node pool": (Platform, {"node_pool": "h 100"}, "h 100"),
    "long node pool": (Platform, {"node_pool": "h" * 64}, "has 64 characters, at most 63"),
    "device class": (Platform, {"device_classes": {"gpu": "GPU"}}, "device_classes.gpu"),
    "device request": (
        Platform,
        {"device_classes": {"GPU": "gpu"}},
        'key "GPU": "GPU" has an invalid format',
    ),
    "default class": (Platform, {"default_device_class": ""}, "default_device_class"),
    "claim": (Platform, {"cache_claims": {"a": "A"}}, "cache_claims.a"),
    "gateway as text": (Platform, {"gateway": "edge/public"}, "edge/public"),
    "gateway": (Gateway, {"name": "Public"}, "Public"),
    "gateway's namespace": (Gateway, {"namespace": "a.b"}, "a.b"),
    "path": (Probes, {"path": "health"}, "health"),
    "no time": (Probes, {"period_seconds": 0}, "must be at least 1"),
    "margin": (Shutdown, {"margin_seconds": 3}, "margin_seconds"),
    "no drain": (Shutdown, {"drain_seconds": 0}, "drain_seconds"),
    "connector": (SidecarOptions, {"connector": "carrier-pigeon"}, 'one of "nixlv2", '),
    "encoder connector": (SidecarOptions, {"encoder_connector": "ec"}, 'one of "ec-example", '),
    "metrics": (PickerOptions, {"metrics": "secret"}, 'one of "open", "authenticated"'),
    "failure mode": (PickerOptions, {"failure_mode": "open"}, 'one of "FailClose", "FailOpen"'),
    "no core": (PickerOptions, {"cpu": 0}, "must be more than 0"),
    "time as text": (Probes, {"startup_seconds": "60"}, "startup_seconds"),
}


@pytest.mark.parametrize(("made", "fields", "says"), REFUSED.values(), ids=REFUSED)
def test_what_no_cluster_could_take_is_refused(made: Any, fields: Any, says: str) -> None:
    with pytest.raises(
        ValueError, match=r"^tests/platform/test_platform.py:\d+: error\[A001\] "
    ) as raised:
        made(**fields)
    assert says in str(raised.value)


def test_what_a_cluster_takes() -> None:
    platform = Platform(
        gateway=Gateway("7", "a.b"),
        node_pool="",
        device_classes={"gpu": "gpu.example.com"},
        cache_claims={"cache.v1": "weights.v1"},
        unified_mode="picker",
    )
    assert platform.gateway.namespace == "7"
    assert platform == Platform(**vars(platform))


def test_a_device_class_is_the_requests_or_the_default() -> None:
    platform = Platform(device_classes={"nic": "rdma.example.com"}, default_device_class="gpu")
    assert [platform.device_class(name) for name in ("nic", "gpu")] == ["rdma.example.com", "gpu"]
    assert Platform().device_class("gpu") == "gpu.nvidia.com"


def test_a_cache_is_the_claim_of_its_name_or_the_one_given() -> None:
    platform = Platform(cache_claims={"a": "weights"})
    assert [platform.cache_claim(name) for name in ("a", "b")] == ["weights", "b"]


def test_the_default_gateway_is_modelplanes() -> None:
    assert Platform().gateway == Gateway("modelplane-system", "inference-gateway")
