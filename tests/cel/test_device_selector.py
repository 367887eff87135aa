from __future__ import annotations

import doctest
from types import ModuleType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cdk8s_inference.cel import device_selector, usual_selector
from cdk8s_inference.cel.device_selector import selector_problem
from cdk8s_inference.cel.usual_selector import is_usual

GPU = 'device.attributes["gpu.nvidia.com"]'

VALID = [
    f'{GPU}.architecture == "Hopper"',
    f'device.driver == "gpu.nvidia.com" && {GPU}.mig == true',
    'device.capacity["gpu.nvidia.com"].memory.compareTo(quantity("40Gi")) >= 0',
    f'{GPU}.driverVersion.compareTo(semver("535.0.0")) > 0',
    f"cel.bind(gpu, {GPU}, has(gpu.uuid) && gpu.index < 2)",
    f"{GPU}.?index.orValue(1) == 1 || {GPU}[?'index'].hasValue()",
    '["a", "b"].exists(name, device.driver == name)',
    '!(device.driver in ["a"]) // a comment',
    f'"gpu.nvidia.com" in device.attributes && {GPU}.productName.matches("^.*a100.*$")',
    "device.driver == 'a' ? true : false",
    "size(device.driver) > 3 && -1 < 2",
    "device.allowMultipleAllocations",
    f"{GPU}.mig",
    "true",
]

INVALID = [
    (f'{GPU}.architecture = "Hopper"', "compare with '=='"),
    ('device.attribute["gpu.nvidia.com"].mig', "did you mean 'attributes'"),
    ("device.memory", "it has driver, attributes, capacity"),
    ('devices.driver == "a"', "'devices' is not defined"),
    ("device.driver", "it is a string"),
    ("device", "it is a device"),
    ('"gpu.nvidia.com"', "it is a string"),
    ("device.driver == 1", "cannot be compared"),
    ("device.driver.name == 1", "a string has no field 'name'"),
    ('quantty("40Gi") == 1', "did you mean quantity()?"),
    ("device.driver ==", "ends unexpectedly"),
    ("", "ends unexpectedly"),
    ("(device.driver", "ends unexpectedly"),
    (f"{GPU}.mig == true and true", "unexpected 'and true'"),
]


@pytest.mark.parametrize("text", VALID)
def test_valid(text: str) -> None:
    assert selector_problem(text) is None


@pytest.mark.parametrize(("text", "reason"), INVALID)
def test_invalid(text: str, reason: str) -> None:
    assert reason in (selector_problem(text) or "")


def test_what_is_usual_is_valid() -> None:
    assert [is_usual(text) for text in VALID[:3]] == [True] * 3
    assert not any(is_usual(text) for text, _ in INVALID)


@pytest.mark.parametrize("module", [device_selector, usual_selector])
def test_examples_in_docstrings(module: ModuleType) -> None:
    assert doctest.testmod(module).failed == 0


@given(st.text(alphabet='device.attrbu["gpu"] ==!&|()?:\'1', max_size=60))
def test_never_raises(text: str) -> None:
    selector_problem(text)
