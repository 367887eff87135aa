"""Expressions of the Common Expression Language, as the API server compiles them."""

from cdk8s_inference.cel.device_selector import selector_problem
from cdk8s_inference.cel.expression import InvalidExpression, parse

__all__ = ["InvalidExpression", "parse", "selector_problem"]
