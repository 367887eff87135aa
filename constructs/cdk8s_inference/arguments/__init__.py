"""Whether the arguments of a call are what it takes, said in the words of the call."""

from cdk8s_inference.arguments.checked import checked, made_in_python
from cdk8s_inference.arguments.constraint import Constraint, Meant, NonEmpty, Problem
from cdk8s_inference.arguments.rule import ARGUMENT_RULES

__all__ = [
    "ARGUMENT_RULES",
    "Constraint",
    "Meant",
    "NonEmpty",
    "Problem",
    "checked",
    "made_in_python",
]
