"""Rules about the data plane, proven by it: what each page shows as broken, does not work.

The example that works is run first, then each broken one, as written. What the API server refuses
is proven by that.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress

import pytest

from cdk8s_inference.checks import RULES
from cdk8s_inference.findings import Rule
from cdk8s_inference.releases import RouterRelease
from cdk8s_inference.topology import Topology
from tests.acceptance.cluster import Object, eventually, namespace
from tests.acceptance.counts import COUNTS
from tests.acceptance.serving import Serving, Site, executables, serving
from tests.kit import examples
from tests.kit.breaks import Break

BASE = "disaggregated"
MODEL = "Qwen/Qwen3-32B"
ENGINE_IMAGE = "vllm/vllm-openai:v0.32.0"
ROUNDS = 8
"""Where the picker is left with equals it takes one by chance, and may take the right one."""

DISAGGREGATED = [(200, "P/D"), (200, "D-only")]

SETTLED = 3.0
"""Seconds in which a picker learns of its pool and pods."""

FAMILIES = ("T1", "T2", "T4")
"""Pools, roles and ports; the pd-sidecar; the picker. What engines hand over needs GPUs."""

NOT_RUN = {
    "T104": "others serve beside the pods that nobody picks; a break has none beside",
    "T209": "only a kubelet waits for an init container to end",
    "T218": "of a release before the newest: test_ssrf_protection.py runs it",
    "T413": "only a kubelet asks a probe",
    "T425": "of a release before the newest, and of a second picker",
    "T431": "no server here finds Services by name, right or wrong",
    "T432": "no server here finds Services by name; and vLLM refuses a model, not the simulator",
}

PROVABLE = {
    code: rule
    for code, rule in RULES.items()
    if code.startswith(FAMILIES)
    and rule.severity == "error"
    and rule.example is not None
    and rule.example.base == BASE
    and code not in NOT_RUN
}


def test_the_example_works(newest: RouterRelease, site: Site) -> None:
    with running(site, newest, examples.base(BASE), "works") as served:
        outcomes = [outcome(served) for _ in range(ROUNDS)]
        assert outcomes == [DISAGGREGATED] * ROUNDS


@pytest.mark.parametrize("rule", PROVABLE.values(), ids=PROVABLE)
def test_what_a_rule_calls_broken_is(
    rule: Rule[Topology], newest: RouterRelease, site: Site
) -> None:
    name = rule.code.lower()
    objects = placed(examples.broken(rule.code), name)
    site.cluster.apply([namespace(name)])
    listed = json.dumps({"apiVersion": "v1", "kind": "List", "items": objects})
    answer = site.cluster.try_("apply", "--dry-run=server", "--filename=-", given=listed)
    if answer.code:
        assert "is invalid" in answer.error, answer.error
        COUNTS["rules whose example the API server refuses"] += 1
        return
    with running(site, newest, objects, name, Break()) as served:
        outcomes = (outcome(served) for _ in range(ROUNDS))
        assert any(each != DISAGGREGATED for each in outcomes)
    COUNTS["rules whose example does not disaggregate"] += 1


@contextmanager
def running(
    site: Site,
    release: RouterRelease,
    objects: Sequence[Object],
    name: str,
    broken: Break | None = None,
) -> Iterator[Serving]:
    """An example that runs in a namespace of its own, and has had the time to get ready."""
    programs = executables(release, ENGINE_IMAGE)
    with serving(site, placed(objects, name), name, programs, MODEL, broken) as served:
        with suppress(AssertionError):
            eventually(lambda: [] if served.ask(1).answer["status"] == 200 else ["no"], SETTLED)
        yield served


def placed(objects: Sequence[Object], name: str) -> list[Object]:
    """The objects of the deployment, in a namespace."""
    return [
        json.loads(json.dumps(item).replace('"llm"', f'"{name}"').replace('=llm"', f'={name}"'))
        for item in objects
        if item["metadata"]["namespace"] in ("llm", name)
    ]


def outcome(served: Serving) -> list[tuple[int, str]]:
    """Status and server of a long prompt, and of a short one."""
    asked = (served.ask(words) for words in (800, 1))
    return [(each.answer["status"], each.served_by) for each in asked]
