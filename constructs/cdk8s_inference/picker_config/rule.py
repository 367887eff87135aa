"""The rules over endpoint pickers' configurations."""

from __future__ import annotations

from cdk8s_inference.findings import RuleSet
from cdk8s_inference.picker_config.document import PickerDocument

PICKER_CONFIG_RULES: RuleSet[PickerDocument] = RuleSet()

rule = PICKER_CONFIG_RULES.rule

EXITS = "The picker exits at its start, and the gateway answers every request 500."
SILENT = "Every answer is 200, decode pods do all the work, and prefill pods stay idle."
REFUSES = "The picker runs, and every request is answered 429."
