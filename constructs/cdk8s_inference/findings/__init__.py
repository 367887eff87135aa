"""What is wrong with an input, as data, and the rules that say so."""

from cdk8s_inference.findings.example import REMOVED, Edit, Example
from cdk8s_inference.findings.finding import (
    Finding,
    InferenceWarning,
    InvalidInput,
    Path,
    PathPart,
    Place,
    Severity,
    errors,
    field_path,
    shown,
    shown_list,
    type_name,
    warn,
)
from cdk8s_inference.findings.mend import Mend
from cdk8s_inference.findings.near_names import is_slip, near_name
from cdk8s_inference.findings.rule import Rule, RuleSet, Violation

__all__ = [
    "REMOVED",
    "Edit",
    "Example",
    "Finding",
    "InferenceWarning",
    "InvalidInput",
    "Mend",
    "Path",
    "PathPart",
    "Place",
    "Rule",
    "RuleSet",
    "Severity",
    "Violation",
    "errors",
    "field_path",
    "is_slip",
    "near_name",
    "shown",
    "shown_list",
    "type_name",
    "warn",
]
