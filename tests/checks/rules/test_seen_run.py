"""What was seen of engines that run, as rules."""

from __future__ import annotations

import json
from typing import Any

import pytest

from cdk8s_inference.findings import Edit
from tests.checks.rendered import codes, found
from tests.kit import examples

_ARGS = "spec.template.spec.containers[0].args"


def _with(prefill: dict[str, Any], decode: dict[str, Any] | None = None) -> list[Any]:
    """Prefill and decode with fields of --kv-transfer-config."""
    base = {"kv_connector": "NixlConnector", "kv_role": "kv_both"}
    edits = [
        Edit(
            f"Deployment/{name}",
            f"{_ARGS}[3]",
            "--kv-transfer-config="
            + json.dumps({key: value for key, value in {**base, **fields}.items() if value}),
        )
        for name, fields in (("prefill", prefill), ("decode", decode or {}))
    ]
    return examples.base("disaggregated", *edits)


@pytest.mark.parametrize(
    ("prefill", "decode", "told"),
    [
        ({}, {}, set()),
        ({"kv_role": None}, {}, {"T319"}),
        ({"kv_role": "prefill"}, {}, {"T319"}),
        ({"kv_role": "${ROLE}"}, {}, set()),
        ({"kv_role": "kv_consumer"}, {}, {"T311"}),
        ({"engine_id": "one"}, {"engine_id": "one"}, {"T320"}),
        ({"engine_id": "$(POD_NAME)"}, {"engine_id": "$(POD_NAME)"}, set()),
        ({"kv_connector": "NixlPullConnector"}, {"kv_connector": "NixlPushConnector"}, {"T303"}),
        ({"kv_connector": "P2pNcclConnector"}, {"kv_connector": "P2pNcclConnector"}, None),
    ],
)
def test_kv_transfer(prefill: Any, decode: Any, told: set[str] | None) -> None:
    rules = {"T303", "T311", "T319", "T320"}
    told = set() if told is None else told
    assert codes(_with(prefill, decode)) & rules == told


def test_nixl_pairs_with_its_pulling_kind() -> None:
    assert "T303" not in codes(_with({}, {"kv_connector": "NixlPullConnector"}))


def test_the_hybrid_cache_manager_is_compared() -> None:
    edit = Edit("Deployment/decode", f"{_ARGS}[4]", "--disable-hybrid-kv-cache-manager")
    objects = examples.base("disaggregated", edit)
    assert {each.severity for each in found(objects) if each.code == "T306"} == {"error"}
