"""Our checks against Modelplane's own schemas and CEL rules."""

from __future__ import annotations

import copy
import json
import os
import re
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, note, settings
from hypothesis import strategies as st

from cdk8s_inference.document.validation import check
from cdk8s_inference.findings import Finding, Path, errors
from tests.document.builders import (
    CEL,
    Json,
    at,
    device,
    everything,
    everything_current,
    findings,
    gangs,
    member,
    prefill_decode,
    read_one,
    standalone,
    two_engines,
    under_spec,
    unified,
    walk,
)
from tests.kit.celrules import HAS_CEL
from tests.kit.schemas import Xrd, xrd_problems
from tests.kit.shared import SHARED, custom_schema

CURRENT: Xrd = ("modelplane.ai/v1alpha1", "ModelDeployment", "v0.3.1")
UNDER_SPEC: Xrd = ("modelplane.ai/v1alpha1", "ModelDeployment", "pr-142")
SHAPES: dict[Xrd, Callable[[Json], Json]] = {CURRENT: copy.deepcopy, UNDER_SPEC: under_spec}
REAL = sorted((SHARED / "modeldeployments").glob("*.json")) if SHARED else []

with_shared = pytest.mark.skipif(SHARED is None, reason="the shared documents are absent")
with_cel = pytest.mark.skipif(not HAS_CEL, reason="no CEL library for this Python")

PROFILE = settings(
    deadline=None,
    max_examples=int(os.environ.get("CDK8S_INFERENCE_EXAMPLES", "60")),
    derandomize="CDK8S_INFERENCE_EXAMPLES" not in os.environ,
    database=None,
)


@with_shared
@pytest.mark.parametrize("file", REAL, ids=lambda file: file.stem)
def test_real_documents_are_accepted(file: Any) -> None:
    document = read_one(file.read_bytes())
    assert xrd_problems(document.data, CURRENT) == []
    deployment, found = check(document)
    assert errors(found) == []
    assert deployment is not None
    assert deployment.spec.model_dump(exclude_unset=True) == document.data["spec"]


@with_shared
def test_there_are_real_documents() -> None:
    assert len(REAL) >= 28


BASES = [unified, two_engines, prefill_decode, gangs, everything]
OPEN_MAPS = ("labels", "annotations", "matchLabels")
PREFIX_253 = ".".join(["p" * 63, "p" * 63, "p" * 63, "p" * 61])

ENUMS: dict[str, list[Any]] = {
    "role": ["Standalone", "Leader", "Worker", "leader"],
    "phase": ["Prefill", "Decode", "decode"],
    "mode": ["Unified", "PrefillDecode", "Disaggregated"],
    "operator": ["Exists", "Equal", "In"],
    "effect": ["NoSchedule", "NoExecute", "PreferNoSchedule"],
}
INTEGERS: list[Any] = [1, 2, 10, 11, 63, 64, 65, 0, -1, 2**63, 2**70, 1.0, 1.5, True]
STRINGS = [
    "", " ", "a", "1a", "-a", "a-", "A", "a.b", "a_b", "a b", "a\n", "\n", "\u00fc", "\U0001f600",
    *("a" * length for length in (62, 63, 64, 253, 254, 8192, 8193, 10240, 10241)),
    "true", "1", "engine", "epp", "gpu", "--port", "--port=8000", "--port=x", CEL,
]  # fmt: skip
KEYS = [
    "", "a", "-a", "a/b", "A/b", "a//b", "a/b/c", "/a", "a/", "a\n", "\u00e9", "a..b/c",
    "a.b-c/D_e.f", "a" * 63, "a" * 64, f"{PREFIX_253}/a", f"{PREFIX_253}p/a", "\u00e9" * 127 + "/a",
    "modelplane.ai/a", "modelplane.ai", "cdk8s-inference/a", "llm-d.ai/role",
]  # fmt: skip
OPTIONAL: dict[str, list[tuple[str, list[Any]]]] = {
    "spec": [("serving", [{}, {"mode": "PrefillDecode"}]), ("modelCacheRef", [{"name": "a"}])],
    "engines[]": [("phase", ["Prefill", "Decode"]), ("copies", [64])],
    "members[]": [
        ("role", ["Leader", "Worker", None]),
        ("worker", [{}, {"nodes": 1}]),
        ("nodeSelector", [None, {"devices": []}, {"devices": [device()]}]),
    ],
    "template": [("metadata", [{}, {"labels": {"a": "-"}}, {"labels": {"modelplane.ai/a": ""}}])],
    "metadata": [("labels", [{"a\n": "a"}, {"a": "a\n"}]), ("annotations", [{"a\n": "a"}])],
    "env[]": [
        ("value", ["", "a", None]),
        ("valueFrom", [{"secretKeyRef": {"name": "a", "key": "b"}}, {"secretKeyRef": {}}, {}]),
    ],
    "valueFrom": [("fieldRef", [{"fieldPath": "a"}, {}]), ("secretKeyRef", [None])],
    "tolerations[]": [
        ("key", ["", "a", None]),
        ("operator", ["Exists", "Equal", None]),
        ("value", ["", "a", None]),
    ],
}
SHAPELESS: list[Any] = [None, True, 0, 1.5, "", "a", [], {}, [None], [{}], [[]], ["a"], {"a": None}]
ITEMS: dict[str, list[Any]] = {
    "engines": [standalone("a"), standalone("b", phase="Decode"), {"name": "c"}],
    "members": [member(), member(role="Leader"), member(role="Worker", claims=False)],
    "devices": [device("a"), device("b", count=64)],
    "containers": [{"name": "engine", "image": "a"}, {"name": "b", "image": "a"}],
    "selectors": [{"cel": "a"}],
    "env": [{"name": "A"}, {"name": "Z", "valueFrom": {}}],
    "tolerations": [{"operator": "Exists"}, {"key": "a"}, {}],
    "imagePullSecrets": [{"name": "a"}],
}


@st.composite
def mutated(draw: st.DrawFn, shape: Xrd) -> Json:
    """A valid document after a few edits below its spec."""
    bases = [*BASES, everything_current] if shape == CURRENT else BASES
    document = SHAPES[shape](draw(st.sampled_from(bases))())
    for _ in range(draw(st.sampled_from([1, 1, 1, 2, 3]))):
        _edit(draw, document)
    return document


def _edit(draw: st.DrawFn, document: Json) -> None:
    # `spec` itself stays an object with its engines, or the document has neither shape.
    places = [path for path, _ in walk(document) if path[:1] == ("spec",) and len(path) > 1]
    # Kinds of places, so that rare ones are not lost among many; most often those that have more
    # than one valid value.
    kinds = sorted({_kind(path) for path in places})
    rich = [kind for kind in kinds if kind in RICH] or kinds
    kind = draw(st.sampled_from(draw(st.sampled_from([rich, rich, kinds]))))
    path = draw(st.sampled_from([path for path in places if _kind(path) == kind]))
    parent, key, value = at(document, path[:-1]), path[-1], at(document, path)
    edits = ["null", "shapeless"]
    if key not in ("engines", "template") or len(path) > 2:
        edits.append("delete")
    if key in ENUMS:
        edits += ["enum"] * 4
    elif isinstance(value, (str, int)):
        edits += ["replace"] * 8
    if isinstance(value, list):
        edits += ["duplicate", "grow", "item"] * 3
    if isinstance(value, dict):
        edits += ["entry", "crowd"] * 8 if key in OPEN_MAPS else ["unknown"]
    if kind in OPTIONAL:
        edits += ["optional"] * 8
    edit = draw(st.sampled_from(edits))
    if edit == "delete":
        del parent[key]
    elif edit == "null":
        parent[key] = None
    elif edit == "shapeless":
        parent[key] = copy.deepcopy(draw(st.sampled_from(SHAPELESS)))
    elif edit == "replace":
        parent[key] = draw(st.sampled_from(STRINGS if isinstance(value, str) else INTEGERS))
    elif edit == "enum":
        parent[key] = draw(st.sampled_from(ENUMS[str(key)]))
    elif edit == "duplicate" and value:
        value.append(copy.deepcopy(draw(st.sampled_from(value))))
    elif edit == "grow" and value:
        _grow(value, draw(st.sampled_from([2, 3, 8, 9, 16, 17])))
    elif edit == "item":
        item = draw(st.sampled_from(ITEMS.get(str(key), SHAPELESS)))
        value.insert(draw(st.integers(0, len(value))), copy.deepcopy(item))
    elif edit == "entry":
        value[draw(st.sampled_from(KEYS))] = draw(st.sampled_from([*STRINGS, *SHAPELESS]))
    elif edit == "crowd":
        for index in range(len(value), draw(st.sampled_from([32, 33]))):
            value[f"k{index}"] = ""
    elif edit == "unknown":
        value["surplus"] = copy.deepcopy(draw(st.sampled_from(SHAPELESS)))
    elif edit == "optional" and isinstance(value, dict):
        field, choices = draw(st.sampled_from(OPTIONAL[kind]))
        value[field] = copy.deepcopy(draw(st.sampled_from(choices)))


RICH = {
    *ENUMS, *OPTIONAL, *OPEN_MAPS, *(f"{name}{{}}" for name in OPEN_MAPS),
    "replicas", "copies", "count", "nodes", "name", "image", "cel", "args", "args[]", "env",
    "tolerations", "imagePullSecrets", "value", "key", "optional",
}  # fmt: skip


def _kind(path: Path) -> str:
    """The name of the field, or `name[]` for an item of a list, or `name{}` for a label."""
    last = path[-1]
    if isinstance(last, int):
        return f"{path[-2]}[]"
    return f"{path[-2]}{{}}" if path[-2] in OPEN_MAPS else last


def _grow(items: list[Any], length: int) -> None:
    for index in range(len(items), length):
        item = copy.deepcopy(items[0])
        if isinstance(item, dict) and isinstance(item.get("name"), str):
            item["name"] = f"n{index}"
        items.append(item)


def without_nulls(value: Any, schema: Any) -> Any:
    """A document as the API server has it: nulls of the fields that a schema knows are dropped."""
    if isinstance(value, list):
        return [without_nulls(item, (schema or {}).get("items")) for item in value]
    if not isinstance(value, dict):
        return value
    known, further = (
        (schema or {}).get("properties", {}),
        (schema or {}).get("additionalProperties"),
    )
    return {
        key: without_nulls(item, known.get(key, further))
        for key, item in value.items()
        if item is not None or known.get(key, further) is None
    }


# What is refused here on purpose though Modelplane's API takes it: names that Kubernetes refuses
# later, and what is known to fail later.
DELIBERATE = {
    "D005": r"\.members\[\d+\]\.template\.spec$",
    "D006": r"\.(labels|annotations|matchLabels)\b",
    "D007": r"\.env\[\d+\]\.name$|(Ref|Secrets\[\d+\])\.(name|key)$",
    "D008": r"\.fieldRef\.apiVersion$",
    "D009": r"\.(name|image|key|fieldPath)$",
    "D011": r"\.env\[\d+\]\.name$",
    "D111": r"\[(cdk8s-inference|leaderworkerset\.sigs\.k8s\.io)/",
    "D122": "",
    "D123": "",
    "D124": "",
    "D125": "",
    "D126": "",
    "D130": "",
    "D131": "",
    "D132": "",
}
DELIBERATE_UNDER_SPEC = {**DELIBERATE, "D111": "", "D112": "", "D113": "", "D114": ""}
# These codes stand for the contract as well; what tells them apart is in the message.
MESSAGES = {"D006": "is null", "D008": "^is '", "D007": r"at most 253|^'':.*at least 1 char"}


def deliberate(finding: Finding, shape: Xrd) -> bool:
    table = DELIBERATE if shape == CURRENT else DELIBERATE_UNDER_SPEC
    path, message = table.get(finding.code), MESSAGES.get(finding.code, "")
    if path is None or not re.search(path, finding.path):
        return False
    if finding.code == "D007" and finding.path.endswith("modelCacheRef.name"):
        return "at most 253" in finding.message
    return bool(re.search(message, finding.message))


@with_cel
@pytest.mark.parametrize("shape", list(SHAPES), ids=str)
def test_the_same_documents_are_refused(shape: Xrd) -> None:
    schema = custom_schema(*shape)
    seen = {"accepted": 0, "refused": 0, "stricter": 0}

    @PROFILE
    @given(mutated(shape))
    def compare(document: Json) -> None:
        found = errors(findings(document))
        contract = [finding for finding in found if not deliberate(finding, shape)]
        reference = xrd_problems(without_nulls(document, schema), shape)
        note(json.dumps(document["spec"], indent=1)[:4000])
        note(f"ours: {found}")
        note(f"reference: {reference}")
        assert bool(contract) == bool(reference)
        seen["refused" if contract else "stricter" if found else "accepted"] += 1

    compare()
    # The comparison says nothing where all documents fare alike.
    assert all(seen.values()), seen


@pytest.mark.parametrize("shape", list(SHAPES), ids=str)
def test_valid_documents_are_accepted_by_both(shape: Xrd) -> None:
    bases = [*BASES, everything_current] if shape == CURRENT else BASES
    for make in bases:
        document = SHAPES[shape](make())
        assert xrd_problems(document, shape) == []
        assert errors(findings(document)) == []
