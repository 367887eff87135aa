"""Objects at the limits of an API server."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from cdk8s_inference.checks import check
from cdk8s_inference.checks.rules.object_size import MAX_ANNOTATIONS, MAX_DATA
from cdk8s_inference.source import Document
from cdk8s_inference.source.text_size import MAX_OBJECT


def told(content: Any, kind: str = "ConfigMap", **metadata: Any) -> list[tuple[str, str]]:
    written = {"apiVersion": "v1", "kind": kind, "metadata": {"name": "a", **metadata}, **content}
    return [
        (each.code, each.path) for each in check([Document(written)]) if each.code.startswith("T65")
    ]


@pytest.mark.parametrize(
    ("kind", "key", "value", "says"),
    [
        ("ConfigMap", "data", "x" * MAX_DATA, False),
        ("ConfigMap", "data", "x" * MAX_DATA + "x", True),
        ("ConfigMap", "data", "é" * (MAX_DATA // 2) + "x", True),
        ("ConfigMap", "binaryData", base64.b64encode(bytes(MAX_DATA)).decode(), False),
        ("ConfigMap", "binaryData", base64.b64encode(bytes(MAX_DATA + 1)).decode(), True),
        ("Secret", "data", base64.b64encode(bytes(MAX_DATA + 1)).decode(), True),
        ("Secret", "stringData", "x" * (MAX_DATA + 1), True),
    ],
)
def test_data(kind: str, key: str, value: str, says: bool) -> None:
    found = told({key: {"small": "", "large": value}}, kind)
    assert found == ([("T656", f"{key}.large")] if says else [])


def test_annotations() -> None:
    assert told({}, annotations={"a": "x" * (MAX_ANNOTATIONS - 1)}) == []
    assert told({}, annotations={"a": "", "b": "x" * MAX_ANNOTATIONS}) == [
        ("T657", "metadata.annotations.b")
    ]


def test_objects() -> None:
    texts = ["x" * (MAX_OBJECT // 4)] * 3
    assert told({"spec": {"args": texts}}, "Thing") == []
    assert told({"spec": {"args": [*texts, *texts]}}, "Thing") == [("T655", "spec.args")]
    assert told({"spec": {"args": ["x" * MAX_OBJECT]}}, "Thing") == [("T655", "spec.args[0]")]
