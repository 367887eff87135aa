"""Rules over Kubernetes objects: what would fail after the deploy, said before it."""

from cdk8s_inference.checks.check import check, check_topology
from cdk8s_inference.checks.rule import RULES, Breach, Rule, rule
from cdk8s_inference.checks.waiver import Waiver

__all__ = ["RULES", "Breach", "Rule", "Waiver", "check", "check_topology", "rule"]
