"""What the paths that are given to a check contain, and what of it is not read."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from cdk8s_inference.findings import Finding, Place, RuleSet, Severity, Violation
from cdk8s_inference.findings.example import written

INPUT_RULES: RuleSet[Any] = RuleSet()
"""The rules about the paths that are given to a check, which the command applies."""

_SERVICE = """\
apiVersion: v1
kind: Service
metadata: {name: qwen, namespace: llm}
spec:
  ports: [{port: 80, targetPort: 8000}]
"""

_T000 = INPUT_RULES.declare(
    "T000",
    "note",
    "What was read",
    why="A check without findings looks like a successful one, even if half of the deployment was "
    "not read.",
    evidence="The last line of the text, the last item of JSON and the properties of a SARIF run "
    "name the objects, engines, pools, pickers and routes that were read, and what was not read.",
    fix="check what was not read as well",
    example=None,
)

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
        f"# Source: models/templates/service.yaml\n---\n{_SERVICE}",
    ),
)


_T006 = INPUT_RULES.declare(
    "T006",
    None,
    "A file or document is not a Kubernetes object",
    why="Nothing in it is checked.",
    evidence="A Kubernetes object has apiVersion and kind. A note for the files of a folder that "
    "contains objects, a warning for a file that the command line names.",
    fix="give files of Kubernetes objects, which have apiVersion and kind",
    example=written("manifests", f"{_SERVICE}---\nreplicaCount: 3\n", _SERVICE),
)

_T007 = INPUT_RULES.declare(
    "T007",
    None,
    "A template, chart or Kustomization is not rendered",
    why="The objects that it makes are not known, and are not checked.",
    evidence="Helm and Kustomize are not run by a check. A note for the files of a folder that "
    "contains objects, a warning for a file that the command line names.",
    fix="check the output of helm template or kubectl kustomize",
    example=written(
        "manifests",
        f"{{{{- if .Values.enabled }}}}\n{_SERVICE}{{{{- end }}}}\n",
        _SERVICE,
    ),
)


def no_objects(path: str) -> Finding:
    """The finding about a path from which no object was read."""
    return _T005.finding(Violation(Place("", "", path), "contains no objects"))


def what_was_read(summary: str) -> Finding:
    """The finding that says what was read, for output that is a list of findings."""
    return _T000.finding(Violation(None, f"read {summary}"))


def foreign(places: Sequence[Place], what: str, severity: Severity) -> Finding:
    """The finding about files or documents that are not Kubernetes objects.

    Args:
        places: Where they are, at least one.
        what: How many, and what they are.
        severity: The severity.
    """
    return _T006.finding(
        Violation(
            places[0],
            f"{what}: no Kubernetes object is in it",
            places[1:],
            severity=severity,
        )
    )


def not_rendered(places: Sequence[Place], what: str, fix: str, severity: Severity) -> Finding:
    """The finding about templates and the like; arguments are those of :func:`foreign`.

    Args:
        fix: How to render them.
    """
    return _T007.finding(Violation(places[0], f"{what}: not rendered", places[1:], fix, severity))
