"""Rules over Kubernetes objects: what would fail after the deploy, reported before it."""

from cdk8s_inference.checks.check import check, check_topology
from cdk8s_inference.checks.rule import RULES, rule
from cdk8s_inference.checks.waiver import Waiver
from cdk8s_inference.findings import Violation
from cdk8s_inference.topology import Topology

__all__ = ["RULES", "Topology", "Violation", "Waiver", "check", "check_topology", "rule"]
