"""What was seen of engines that run, as rules."""

from __future__ import annotations

import json
from typing import Any

import pytest

from cdk8s_inference.findings import Edit
from cdk8s_inference.findings.example import apply
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
        ({"kv_port": 1}, {}, set()),
        ({"kv_rnak": 1}, {}, {"T325"}),
        ({"engine_id": "one"}, {"engine_id": "one"}, {"T320"}),
        ({"engine_id": "$(POD_NAME)"}, {"engine_id": "$(POD_NAME)"}, set()),
        ({"kv_connector": "NixlPullConnector"}, {"kv_connector": "NixlPushConnector"}, {"T303"}),
        ({"kv_connector": "P2pNcclConnector"}, {"kv_connector": "P2pNcclConnector"}, None),
    ],
)
def test_kv_transfer(prefill: Any, decode: Any, told: set[str] | None) -> None:
    rules = {"T303", "T311", "T319", "T320", "T325"}
    told = set() if told is None else told
    assert codes(_with(prefill, decode)) & rules == told


@pytest.mark.parametrize(
    ("flag", "told"),
    [
        ('--speculative-config={"method":"ngram","num_speculative_tokens":3}', False),
        ('--speculative-config={"method":"eagle3","num_speculative_tokens":3}', True),
    ],
)
def test_a_drafter_without_layers_may_differ(flag: str, told: bool) -> None:
    objects = examples.base("disaggregated", Edit("Deployment/decode", f"{_ARGS}[4]", flag))
    assert ("T306" in {each.code for each in found(objects)}) == told


@pytest.mark.parametrize(("compares", "severity"), [(False, "note"), (True, "error")])
def test_versions_that_decode_does_not_compare(compares: bool, severity: str) -> None:
    extra = {"enforce_handshake_compat": compares}
    objects = _with({}, {"kv_connector_extra_config": extra})
    image = "spec.template.spec.containers[0].image"
    apply(objects, Edit("Deployment/prefill", image, "vllm/vllm-openai:v0.31.0"))
    assert {each.severity for each in found(objects) if each.code == "T305"} == {severity}


def test_nixl_pairs_with_its_pulling_kind() -> None:
    assert "T303" not in codes(_with({}, {"kv_connector": "NixlPullConnector"}))


def test_the_hybrid_cache_manager_is_compared() -> None:
    edit = Edit("Deployment/decode", f"{_ARGS}[4]", "--disable-hybrid-kv-cache-manager")
    objects = examples.base("disaggregated", edit)
    assert {each.severity for each in found(objects) if each.code == "T306"} == {"error"}


@pytest.mark.parametrize(
    ("here", "there", "severity"),
    [
        ("--dtype=bfloat16", "--seed=0", {"warning"}),
        ("--dtype=bfloat16", "--dtype=float16", {"error"}),
        ("--dtype=auto", "--seed=0", set()),
        ("--kv-cache-dtype=fp8", "--kv-cache-dtype=auto", {"error"}),
    ],
)
def test_a_type_that_the_model_says_may_be_the_same(
    here: str, there: str, severity: set[str]
) -> None:
    edits = [
        Edit(f"Deployment/{side}", f"{_ARGS}[4]", flag)
        for side, flag in (("prefill", here), ("decode", there))
    ]
    objects = examples.base("disaggregated", *edits)
    assert {each.severity for each in found(objects) if each.code == "T306"} == severity


def _sglang(prefill: str, decode: str) -> list[Any]:
    """SGLang's prefill and decode with one flag more each."""
    edits = [
        Edit(f"Deployment/{name}", f"{_ARGS}[5]", flag)
        for name, flag in (("prefill", prefill), ("decode", decode))
    ]
    return examples.base("sglang", *edits)


def _severities(objects: list[Any], code: str) -> set[str]:
    return {each.severity for each in found(objects) if each.code == code}


@pytest.mark.parametrize(
    ("here", "there", "code"),
    [(32, 64, "T308"), (64, 32, "T307")],
)
def test_decode_of_sglang_ends_where_pages_differ(here: int, there: int, code: str) -> None:
    objects = _sglang(f"--page-size={here}", f"--page-size={there}")
    assert _severities(objects, code) == {"error"}


@pytest.mark.parametrize(("backend", "told"), [("mooncake_tcp", set()), ("mori", {"error"})])
def test_mooncake_of_sglang_pairs_with_itself_over_tcp(backend: str, told: set[str]) -> None:
    flag = "--disaggregation-transfer-backend="
    assert _severities(_sglang(f"{flag}{backend}", f"{flag}mooncake"), "T303") == told


def test_sglang_answers_for_any_model() -> None:
    objects = _sglang("--served-model-name=one", "--served-model-name=other")
    assert _severities(objects, "T314") == {"note"}
