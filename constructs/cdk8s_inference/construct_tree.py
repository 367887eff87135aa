"""What composing needs of cdk8s: cdk8s itself, or the plain tree where nobody adds constructs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cdk8s_inference import plain_tree

if TYPE_CHECKING or not plain_tree.is_used():
    import jsii
    from cdk8s import ApiObject, ApiObjectMetadata, App, Chart, DependencyGraph, JsonPatch
    from constructs import Construct, IConstruct, IValidation

    implements = jsii.implements
else:
    from cdk8s_inference.plain_tree import (
        ApiObject,
        ApiObjectMetadata,
        App,
        Chart,
        Construct,
        DependencyGraph,
        IConstruct,
        IValidation,
        JsonPatch,
        implements,
    )

__all__ = [
    "ApiObject",
    "ApiObjectMetadata",
    "App",
    "Chart",
    "Construct",
    "DependencyGraph",
    "IConstruct",
    "IValidation",
    "JsonPatch",
    "implements",
]
