from __future__ import annotations

from cdk8s_inference.verify.counters import changes, counters, samples
from tests.kit.observed import observed

ENGINE = """\
# HELP vllm:request_success_total Count of successfully processed requests.
# TYPE vllm:request_success_total counter
vllm:request_success_total{finished_reason="stop",model_name="a,\\"b}"} 2.0
vllm:request_success_total{finished_reason="length",model_name="x"} 3
vllm:prompt_tokens_by_source_total{source="external_kv_transfer"} 529.0 1700000000
vllm:prompt_tokens_by_source_total{source="local_compute"} 7
vllm:num_requests_running{model_name="x"} NaN
no number here
"""
PICKER = """\
llm_d_epp_disagg_decision_total{decision_type="prefill-decode",model_name="m"} 3
llm_d_epp_disagg_decision_total{decision_type="decode-only",model_name="m"} 1
llm_d_inference_scheduler_disagg_decision_total{decision_type="prefill-decode",model_name="m"} 3
"""


def test_an_engine() -> None:
    assert counters(samples(ENGINE)) == {
        ("vllm:request_success_total", "requests"): 5.0,
        (
            'vllm:prompt_tokens_by_source_total{source="external_kv_transfer"}',
            "handed over",
        ): 529.0,
    }


def test_a_picker_that_tells_it_under_two_names() -> None:
    name = "llm_d_epp_disagg_decision_total"
    assert counters(samples(PICKER)) == {
        (f'{name}{{decision_type="prefill-decode"}}', "decided apart"): 3.0,
        (f'{name}{{decision_type="decode-only"}}', "decided alone"): 1.0,
    }
    older = PICKER.splitlines()[-1]
    assert list(counters(samples(older)).values()) == [3.0]


def test_what_appears_with_the_first_request_was_zero() -> None:
    (change,) = changes("p", "picker", {}, {("c", "requests"): 2.0})
    assert (change.before, change.after, change.by) == (0.0, 2.0, 2.0)


def test_the_names_are_those_that_were_seen() -> None:
    seen = observed("metrics.json")
    for role in ("prefill", "decode"):
        names = seen["simulator"]["v0.10.2 " + role]
        assert {"vllm:request_success_total", "vllm:generation_tokens_total"} <= set(names)
    assert "llm_d_epp_disagg_decision_total" in seen["epp"]["v0.10.0"]
