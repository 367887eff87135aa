"""The counters of engines and pickers that tell who did what of a request."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping

from cdk8s_inference.verify.evidence import Change, Meaning, Part

Sample = tuple[str, frozenset[tuple[str, str]]]
"""The name of a metric, and its labels."""

_LINE = re.compile(r"^([A-Za-z_:][\w:]*)(?:\{(.*)\})?\s+(\S+)(?:\s+-?\d+)?\s*$")
_LABEL = re.compile(r'([A-Za-z_]\w*)="((?:[^"\\]|\\.)*)"')

_DECIDED: Mapping[str, Meaning] = {
    "prefill-decode": "decided apart",
    "decode-only": "decided alone",
}
_DECISION = ("llm_d_epp_disagg_decision_total", "llm_d_inference_scheduler_disagg_decision_total")
_BY_SOURCE = "vllm:prompt_tokens_by_source_total"

_ENGINES: Mapping[str, Meaning] = {
    "vllm:request_success_total": "requests",
    "vllm:prompt_tokens_total": "prompt tokens",
    "vllm:generation_tokens_total": "generated tokens",
    "vllm:external_prefix_cache_hits_total": "handed over",
    "vllm:nixl_bytes_transferred_sum": "handed over",
    "sglang:num_requests_total": "requests",
    "sglang:prompt_tokens_total": "prompt tokens",
    "sglang:generation_tokens_total": "generated tokens",
    "sglang:kv_transfer_total_mb_count": "sent",
}
"""Counters of vLLM, of llm-d-inference-sim, which has vLLM's, and of SGLang."""


def samples(text: str) -> dict[Sample, float]:
    """The samples of a text in Prometheus' format; lines of another form are passed over."""
    found: dict[Sample, float] = {}
    for line in text.splitlines():
        match = None if line.startswith("#") else _LINE.match(line)
        if match is None:
            continue
        try:
            value = float(match[3])
        except ValueError:
            continue
        found[match[1], frozenset(_LABEL.findall(match[2] or ""))] = value
    return found


def counters(found: Mapping[Sample, float]) -> dict[tuple[str, Meaning], float]:
    """What samples say of requests, by counter: the sum over their other labels."""
    sums: dict[tuple[str, Meaning], float] = defaultdict(float)
    for (name, labels), value in found.items():
        said = dict(labels)
        if name in _ENGINES:
            sums[name, _ENGINES[name]] += value
        elif name == _BY_SOURCE and said.get("source") == "external_kv_transfer":
            sums[f'{name}{{source="external_kv_transfer"}}', "handed over"] += value
        elif name in _DECISION and (meaning := _DECIDED.get(said.get("decision_type", ""))):
            sums[f'{name}{{decision_type="{said["decision_type"]}"}}', meaning] += value
    # A release that renames a metric tells it under both names for a while.
    if any(name.startswith(_DECISION[0]) for name, _ in sums):
        return {key: sum for key, sum in sums.items() if not key[0].startswith(_DECISION[1])}
    return dict(sums)


def changes(
    server: str,
    part: Part,
    before: Mapping[tuple[str, Meaning], float],
    after: Mapping[tuple[str, Meaning], float],
) -> Iterable[Change]:
    """How the counters of a server changed."""
    for (name, meaning), value in after.items():
        yield Change(server, part, name, meaning, before.get((name, meaning), 0.0), value)
