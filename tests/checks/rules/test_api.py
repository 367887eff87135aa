"""Kinds and fields that an API server refuses, and no schema."""

from __future__ import annotations

from typing import Any

import pytest

from cdk8s_inference.findings import REMOVED, Edit
from tests.checks.rendered import codes, found
from tests.kit import examples

_ROUTE, _RULE = "HTTPRoute/qwen", "spec.rules[0]"
_REWRITE = {"type": "URLRewrite", "urlRewrite": {"path": {"type": "ReplaceFullPath"}}}


@pytest.mark.parametrize(
    ("object", "path", "value", "code"),
    [
        (_ROUTE, "kind", "HTTPRoutes", "T637"),
        (_ROUTE, "apiVersion", REMOVED, "T637"),
        ("InferencePool/qwen", "apiVersion", "inference.networking.k8s.io/1", "T637"),
        ("ResourceClaimTemplate/two-gpus", "apiVersion", REMOVED, "T637"),
        (_ROUTE, f"{_RULE}.filters", [_REWRITE], "T658"),
        (_ROUTE, "spec.parentRefs[0].group", "networking.istio.io", "T516"),
        ("Service/qwen-epp", "spec.type", "Cluster", "T658"),
        ("Service/qwen-epp", "spec.ports", [], "T658"),
        ("Service/qwen-epp", "spec.ports[1]", {"port": 9090}, "T658"),
        ("RoleBinding/qwen-epp", "subjects[0].apiGroup", "v1", "T658"),
        ("RoleBinding/qwen-epp", "roleRef.apiGroup", REMOVED, None),
    ],
)
def test_refused(object: str, path: str, value: Any, code: str | None) -> None:
    reported = codes(examples.base("disaggregated", Edit(object, path, value)))
    assert (code in reported) if code else not reported


def test_a_version_of_newer_crds_is_a_warning() -> None:
    edit = Edit(_ROUTE, "apiVersion", "gateway.networking.k8s.io/v2")
    [told] = [each for each in found(examples.base("disaggregated", edit)) if each.code == "T637"]
    assert told.severity == "warning"
