"""Every rule of the package, whatever its subject is."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

from cdk8s_inference.checks import rules as rules
from cdk8s_inference.checks.codes import CODES
from cdk8s_inference.checks.rule import RULES
from cdk8s_inference.document.rules import DOCUMENT_RULES
from cdk8s_inference.findings.rule import AnyRule
from cdk8s_inference.picker_config.engine_fit import ENGINE_FIT_RULES


@cache
def all_rules() -> Mapping[str, AnyRule]:
    """Every rule by its code, in order."""
    found: dict[str, AnyRule] = {**RULES, **CODES}
    for rules_of_subject in (*DOCUMENT_RULES, ENGINE_FIT_RULES):
        found |= rules_of_subject.rules
    return dict(sorted(found.items()))
