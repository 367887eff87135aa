"""Whether a running deployment disaggregates: what is sent to it, what it counts, what follows."""

from cdk8s_inference.verify.evidence import Answer, Change, Evidence, Load
from cdk8s_inference.verify.probing import probe
from cdk8s_inference.verify.target import Target
from cdk8s_inference.verify.verdict import Verdict, decide

__all__ = ["Answer", "Change", "Evidence", "Load", "Target", "Verdict", "decide", "probe"]
