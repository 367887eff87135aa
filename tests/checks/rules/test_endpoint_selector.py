"""Without an InferencePool, the rules about pools hold for what the picker's flags select."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest

from cdk8s_inference.findings import errors
from cdk8s_inference.releases import ROUTER_NEWEST
from tests.checks.rendered import (
    DECODE,
    PICKER,
    PREFILL,
    Json,
    codes,
    container,
    found,
    rendered,
    the,
    with_flag,
)
from tests.kit import examples


def _without_role(objects: Sequence[Json]) -> None:
    template = the(objects, "Deployment", PREFILL)["spec"]["template"]
    del template["metadata"]["labels"]["llm-d.ai/role"]


def _without_sidecar(objects: Sequence[Json]) -> None:
    pod = the(objects, "Deployment", DECODE)["spec"]["template"]["spec"]
    del pod["initContainers"]


def _without_transfer(objects: Sequence[Json]) -> None:
    with_flag(container(the(objects, "Deployment", PREFILL), "engine"), "kv-transfer-config", None)


def _other_port(objects: Sequence[Json]) -> None:
    picker = container(the(objects, "Deployment", PICKER), "endpoint-picker")
    with_flag(picker, "endpoint-target-ports", "8100")


def _other_label(objects: Sequence[Json]) -> None:
    picker = container(the(objects, "Deployment", PICKER), "endpoint-picker")
    with_flag(picker, "endpoint-selector", "cdk8s-inference/serves=other")


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (_without_role, "T102"),
        (_without_sidecar, "T103"),
        (_without_transfer, "T302"),
        (_other_port, "T109"),
        (_other_label, "T105"),
    ],
)
def test_what_breaks_a_standalone_deployment(
    change: Callable[[Sequence[Json]], None], code: str
) -> None:
    objects = rendered("standalone", ROUTER_NEWEST)
    assert errors(found(objects)) == []
    change(objects)
    assert code in codes(objects)


def _flags(*flags: str) -> list[Any]:
    objects = examples.base("standalone")
    picker = container(the(objects, "Deployment", "qwen-epp"), "picker")
    picker["args"] = [*flags, "--config-file=/config/picker.yaml", "--secure-serving=false"]
    return objects


@pytest.mark.parametrize(
    ("flags", "reported"),
    [
        (("--endpoint-selector=model=qwen", "--endpoint-target-ports=8000,8000"), set()),
        ((), {"T440"}),
        (("--endpoint-selector=model=", "--endpoint-target-ports=8000"), {"T105"}),
        (("--endpoint-selector=model=qwen=", "--endpoint-target-ports=8000"), {"T441"}),
        (("--endpoint-selector=model=qwen",), {"T441"}),
        (("--endpoint-selector=model=qwen", "--endpoint-target-ports=http"), {"T441"}),
        (("--endpoint-selector=$(LABELS)", "--endpoint-target-ports=8000"), set()),
    ],
)
def test_what_flags_may_say(flags: tuple[str, ...], reported: set[str]) -> None:
    own = ("--pool-namespace=llm",)
    assert {each.code for each in found(_flags(*flags, *own))} & {
        "T105",
        "T440",
        "T441",
    } == reported
