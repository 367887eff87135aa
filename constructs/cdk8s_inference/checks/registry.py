"""Every rule of the package, whatever its subject is."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

from cdk8s_inference.arguments import ARGUMENT_RULES
from cdk8s_inference.checks import rules as rules
from cdk8s_inference.checks.plugins import load_rules
from cdk8s_inference.checks.rule import TOPOLOGY_RULES
from cdk8s_inference.checks.rules.no_objects import INPUT_RULES
from cdk8s_inference.checks.rules.waivers import WAIVER_RULES
from cdk8s_inference.document.rules import DOCUMENT_RULES
from cdk8s_inference.findings.rule import AnyRule, RuleSet
from cdk8s_inference.picker_config import rules as _picker_config_rules  # noqa: F401
from cdk8s_inference.picker_config.engine_fit import ENGINE_FIT_RULES
from cdk8s_inference.picker_config.rule import PICKER_CONFIG_RULES
from cdk8s_inference.platform.document import PLATFORM_RULES
from cdk8s_inference.stack.rules import STACK_OBJECT_RULES, STACK_RULES

RULE_SETS: tuple[RuleSet[Any], ...] = (
    TOPOLOGY_RULES,
    WAIVER_RULES,
    INPUT_RULES,
    *DOCUMENT_RULES,
    PLATFORM_RULES,
    ENGINE_FIT_RULES,
    PICKER_CONFIG_RULES,
    STACK_RULES,
    STACK_OBJECT_RULES,
    ARGUMENT_RULES,
)
"""The rules by what they are about."""


@cache
def all_rules() -> Mapping[str, AnyRule]:
    """Every rule by its code, in order."""
    load_rules()
    found: dict[str, AnyRule] = {}
    for rule_set in RULE_SETS:
        found |= rule_set.rules
    return dict(sorted(found.items()))
