"""A check itself."""

from __future__ import annotations

from cdk8s_inference.checks.code import Code
from cdk8s_inference.checks.example import REMOVED, Edit
from cdk8s_inference.checks.sample import manifests, written


def _waived(reason: str) -> Edit:
    return Edit("HTTPRoute/qwen", "metadata.annotations", {"cdk8s-inference/waive-T503": reason})


CODES = (
    Code(
        "T001",
        "Something was not read, so that rules about it say nothing",
        severity="note",
        prevents="A check without findings would pass for a deployment without faults.",
        source="Only the pod knows a variable's value; a controller makes objects later on.",
        fix="write the value out, or look at it yourself; check what the controller makes",
        sample=manifests(
            "disaggregated",
            Edit(
                "Deployment/decode",
                "spec.template.spec.containers[0].args[2]",
                "--tensor-parallel-size=$(GPUS)",
            ),
        ),
    ),
    Code(
        "T002",
        "A waiver waives nothing",
        severity="warning",
        prevents="It stays when its reason is gone, and hides the next fault of its kind.",
        source="Waivers are counted against the findings of the same run.",
        fix="remove it, or correct its code",
        sample=manifests("disaggregated", _waived("answers are short")),
    ),
    Code(
        "T003",
        "A waiver has expired",
        severity="warning",
        prevents="What was meant for a time would hold for good: the finding counts again.",
        source="The date after until is the last day on which the waiver holds.",
        fix="mend what it waived, or decide anew and write a later date",
        sample=manifests(
            "disaggregated",
            _waived("answers are short; until 2026-01-31"),
            Edit("HTTPRoute/qwen", "spec.rules[0].timeouts", REMOVED),
        ),
    ),
    Code(
        "T004",
        "A waiver cannot be read",
        severity="warning",
        prevents="It does not count: the finding that it was written for stays.",
        source="A waiver has a reason, and may end in a date of the calendar.",
        fix='write "REASON; until YYYY-MM-DD", or the reason alone',
        sample=manifests("disaggregated", _waived("answers are short; until next summer")),
    ),
    Code(
        "T005",
        "A path holds no objects",
        severity="warning",
        prevents="A check of the wrong folder, or of a chart in which all is switched off, would "
        "pass for a good one.",
        source="A path is named because something is expected in it.",
        fix="give the manifests to check",
        sample=written(
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
