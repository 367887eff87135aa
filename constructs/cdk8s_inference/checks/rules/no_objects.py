"""Paths in which there is nothing to check."""

from __future__ import annotations

from typing import Any

from cdk8s_inference.findings import Finding, Place, RuleSet, Violation
from cdk8s_inference.findings.example import written

INPUT_RULES: RuleSet[Any] = RuleSet()
"""The rules about the paths that are given to a check, which the command applies."""

_T005 = INPUT_RULES.declare(
    "T005",
    "warning",
    "A path contains no objects",
    why="A check of a wrong folder, or of a chart whose templates render nothing, reports no "
    "errors and looks like a successful one.",
    evidence="The objects that were read from each path are counted.",
    fix="name the files or folders that contain the manifests",
    example=written(
        "manifests",
        "# Source: models/templates/service.yaml\n---\n",
        """\
# Source: models/templates/service.yaml
---
apiVersion: v1
kind: Service
metadata: {name: qwen, namespace: llm}
spec:
  ports: [{port: 80, targetPort: 8000}]
""",
    ),
)


def no_objects(path: str) -> Finding:
    """The finding about a path from which no object was read."""
    return _T005.finding(Violation(Place("", "", path), "contains no objects"))
