from __future__ import annotations

from typing import Any

import pytest

from cdk8s_inference.topology import Claim, DeviceRequest
from tests.topology.test_topology import topology, value


def claim(
    *requests: Any, version: str = "v1", kind: str = "ResourceClaimTemplate", name: str = "it"
) -> dict[str, Any]:
    spec = {"devices": {"requests": [*requests]}}
    return {
        "apiVersion": f"resource.k8s.io/{version}",
        "kind": kind,
        "metadata": {"name": name},
        "spec": {"spec": spec} if kind == "ResourceClaimTemplate" else spec,
    }


def read(*requests: Any, version: str = "v1") -> Claim:
    return topology([claim(*requests, version=version)]).claims[0]


def request(written: Any, version: str = "v1") -> DeviceRequest:
    return read(written, version=version).requests[0]


def exactly(count: Any = 2, **more: Any) -> dict[str, Any]:
    return {
        "name": "gpu",
        "exactly": {"deviceClassName": "gpu.nvidia.com", "count": count, **more},
    }


FLAT = {"name": "gpu", "deviceClassName": "gpu.nvidia.com", "count": 2}


@pytest.mark.parametrize(
    ("written", "version"), [(exactly(), "v1"), (exactly(), "v1beta2"), (FLAT, "v1beta1")]
)
def test_the_same_request_in_every_version(written: Any, version: str) -> None:
    found = request(written, version)
    assert found.is_shaped
    assert value(found.count) == 2
    assert [each.device_class.value for each in found.choices] == ["gpu.nvidia.com"]


@pytest.mark.parametrize(
    ("written", "count"),
    [
        (exactly(8), 8),
        (exactly(None), 1),
        (exactly(None, allocationMode="ExactCount"), 1),
        (exactly(None, allocationMode="All"), None),
        ({"name": "gpu", "firstAvailable": [{"count": 2}, {"count": 2}]}, 2),
        ({"name": "gpu", "firstAvailable": [{"count": 2}, {"count": 4}]}, None),
        ({"name": "gpu", "firstAvailable": [{"count": 2}, {"allocationMode": "All"}]}, None),
        ({"name": "gpu", "firstAvailable": []}, None),
        (FLAT, None),  # Not in v1.
        # Of another shape: what is no number counts as if it were left out.
        (exactly("8"), 1),
        (exactly(True), 1),
        ({"exactly": "x"}, 1),
        ({"firstAvailable": "x"}, None),
        (None, None),
        ("x", None),
    ],
    ids=str,
)
def test_how_many(written: Any, count: int | None) -> None:
    assert value(request(written).count) == count


@pytest.mark.parametrize(
    ("written", "version", "shaped"),
    [
        (FLAT, "v1", False),
        (FLAT, "v1beta2", False),
        (FLAT, "v1beta1", True),
        ({**exactly(), "firstAvailable": []}, "v1", False),
        (None, "v1", False),
    ],
    ids=str,
)
def test_the_shape(written: Any, version: str, shaped: bool) -> None:
    assert request(written, version).is_shaped is shaped


def test_what_devices_must_be() -> None:
    selectors = [{"cel": {"expression": "true"}}, {"cel": "x"}, None]
    (devices,) = read(exactly(selectors=selectors, adminAccess=True)).choices
    assert [each.value for each in devices.selectors] == ["true"]
    assert devices.selectors[0].place.path == (
        "spec.spec.devices.requests[0].exactly.selectors[0].cel.expression"
    )
    assert devices.admin_access.value is True
    assert read(exactly(adminAccess="yes")).choices[0].admin_access.value is False


def test_the_devices_of_a_claim() -> None:
    nic = {"name": "nic", "exactly": {"deviceClassName": "nic", "count": 1}}
    found = read(exactly(), nic)
    assert value(found.count()) == 2
    assert value(found.count("nic")) is None
    assert value(found.count("fpga")) is None
    every = {"name": "all", "exactly": {"allocationMode": "All"}}
    assert value(read(exactly(), every).count()) is None


def pod(claims: Any, resources: Any) -> dict[str, Any]:
    container = {"name": "it", "image": "vllm/vllm-openai:v0.23.0", "resources": resources}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "it"},
        "spec": {"template": {"spec": {"containers": [container], "resourceClaims": claims}}},
    }


TEMPLATE = {"name": "mine", "resourceClaimTemplateName": "it"}
SHARED = {"name": "mine", "resourceClaimName": "it"}
USED = {"claims": [{"name": "mine"}]}


@pytest.mark.parametrize(
    ("claims", "resources", "count"),
    [
        ([TEMPLATE], USED, 3),
        ([SHARED], USED, 7),
        ([TEMPLATE], {"claims": [{"name": "mine", "request": "nic"}]}, 1),
        ([TEMPLATE], {"claims": [{"name": "mine", "request": r} for r in ("gpu", "nic")]}, 3),
        ([TEMPLATE], {**USED, "limits": {"nvidia.com/gpu": 8}}, 3),
        ([], {"limits": {"nvidia.com/gpu": 8}}, 8),
        ([], {"requests": {"amd.com/gpu": "4"}}, 4),
        ([], {"limits": {"cpu": 8}}, None),
        ([{**TEMPLATE, "resourceClaimTemplateName": "other"}], USED, None),
        ([TEMPLATE], {"claims": [{"name": "mine"}, {"name": "other"}]}, None),
        ([{"name": "mine"}], USED, None),
        ([TEMPLATE], {}, None),
        ("x", "x", None),
        ([None], {"claims": [None]}, None),
    ],
    ids=str,
)
def test_what_a_container_gets(claims: Any, resources: Any, count: int | None) -> None:
    nic = {"name": "nic", "exactly": {"count": 1}}
    found = topology(
        [
            pod(claims, resources),
            claim(exactly(), nic),
            claim(exactly(7), kind="ResourceClaim"),
        ]
    )
    (pods,) = found.pods
    assert value(found.devices(pods, pods.containers[0])) == count


def test_a_claim_of_another_namespace_is_none() -> None:
    elsewhere = claim(exactly())
    elsewhere["metadata"]["namespace"] = "elsewhere"
    mine = pod([TEMPLATE], USED)
    mine["metadata"]["namespace"] = "mine"
    found = topology([mine, elsewhere])
    assert found.claim(found.pods[0].claims[0]) is None
