"""Configurations of endpoint pickers."""

from __future__ import annotations

from cdk8s_inference.checks.code import Code
from cdk8s_inference.checks.sample import picker_config

_WORKS = """\
apiVersion: llm-d.ai/v1alpha1
kind: EndpointPickerConfig
plugins:
  - type: prefill-filter
  - type: decode-filter
  - type: always-disagg-pd-decider
  - type: disagg-profile-handler
    parameters: {deciders: {prefill: always-disagg-pd-decider}}
schedulingProfiles:
  - {name: prefill, plugins: [{pluginRef: prefill-filter}]}
  - {name: decode, plugins: [{pluginRef: decode-filter}]}
"""

CODES: tuple[Code, ...] = (
    Code(
        "P101",
        "The configuration is no YAML mapping",
        prevents="The picker does not start, and every request is answered 500.",
        source="Seen run with router v0.8.0, v0.9.0 and v0.10.0.",
        fix="write a mapping with apiVersion, kind, plugins and schedulingProfiles",
        sample=picker_config("- plugins\n", _WORKS),
    ),
)
