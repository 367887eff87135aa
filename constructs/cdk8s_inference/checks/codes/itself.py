"""A check itself."""

from __future__ import annotations

from cdk8s_inference.findings.example import REMOVED, Edit, manifests, written
from cdk8s_inference.findings.rule import AnyRule, Rule


def _waived(reason: str) -> Edit:
    return Edit("HTTPRoute/qwen", "metadata.annotations", {"cdk8s-inference/waive-T503": reason})


CODES: tuple[AnyRule, ...] = (
    Rule(
        "T001",
        "Something was not read, so that rules about it say nothing",
        severity="note",
        why="A check without findings would pass for a deployment without faults.",
        evidence="Only the pod knows a variable's value; a controller makes objects later on.",
        fix="write the value out, or look at it yourself; check what the controller makes",
        example=manifests(
            "disaggregated",
            Edit(
                "Deployment/decode",
                "spec.template.spec.containers[0].args[2]",
                "--tensor-parallel-size=$(GPUS)",
            ),
        ),
    ),
    Rule(
        "T002",
        "A waiver waives nothing",
        severity="warning",
        why="It stays when its reason is gone, and hides the next fault of its kind.",
        evidence="Waivers are counted against the findings of the same run.",
        fix="remove it, or correct its code",
        example=manifests("disaggregated", _waived("answers are short")),
    ),
    Rule(
        "T003",
        "A waiver has expired",
        severity="warning",
        why="What was meant for a time would hold for good: the finding counts again.",
        evidence="The date after until is the last day on which the waiver holds.",
        fix="mend what it waived, or decide anew and write a later date",
        example=manifests(
            "disaggregated",
            _waived("answers are short; until 2026-01-31"),
            Edit("HTTPRoute/qwen", "spec.rules[0].timeouts", REMOVED),
        ),
    ),
    Rule(
        "T004",
        "A waiver cannot be read",
        severity="warning",
        why="It does not count: the finding that it was written for stays.",
        evidence="A waiver has a reason, and may end in a date of the calendar.",
        fix='write "REASON; until YYYY-MM-DD", or the reason alone',
        example=manifests("disaggregated", _waived("answers are short; until next summer")),
    ),
    Rule(
        "T005",
        "A path holds no objects",
        severity="warning",
        why="A check of the wrong folder, or of a chart in which all is switched off, would "
        "pass for a good one.",
        evidence="A path is named because something is expected in it.",
        fix="give the manifests to check",
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
    ),
)
