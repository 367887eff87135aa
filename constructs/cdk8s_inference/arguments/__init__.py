"""Whether the arguments of a call are what it takes, said in the words of the call."""

from cdk8s_inference.arguments.checked import checked, made_in_python
from cdk8s_inference.arguments.constraint import Constraint, Meant, Problem
from cdk8s_inference.arguments.objects import (
    Annotations,
    ContainerObject,
    JsonObject,
    Labels,
    MetadataKey,
    VolumeObject,
    json_problems,
)
from cdk8s_inference.arguments.rule import A002, ARGUMENT_RULES

__all__ = [
    "A002",
    "ARGUMENT_RULES",
    "Annotations",
    "Constraint",
    "ContainerObject",
    "JsonObject",
    "Labels",
    "Meant",
    "MetadataKey",
    "Problem",
    "VolumeObject",
    "checked",
    "json_problems",
    "made_in_python",
]
