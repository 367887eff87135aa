"""The rules over a topology: what Kubernetes objects, read together, must satisfy."""

from __future__ import annotations

from cdk8s_inference.findings.rule import RuleSet
from cdk8s_inference.topology import Topology

TOPOLOGY_RULES: RuleSet[Topology] = RuleSet()

rule = TOPOLOGY_RULES.rule
RULES = TOPOLOGY_RULES.rules
"""Every rule over a topology by its code."""
