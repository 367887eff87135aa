"""A valid deployment: what a document says, with what identifies it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from cdk8s_inference.document.model_deployment import ModelDeploymentSpec
from cdk8s_inference.document.object_keys import ObjectKey, object_keys
from cdk8s_inference.platform import Platform


@dataclass(frozen=True)
class Deployment:
    """A valid deployment.

    Attributes:
        name: The deployment's name.
        namespace: Where its objects go.
        spec: Everything else, in the current shape.
    """

    name: str
    namespace: str
    spec: ModelDeploymentSpec

    def object_keys(self, platform: Platform) -> Iterator[ObjectKey]:
        """The objects that it composes, and what these reserve in its namespace."""
        template = self.spec.template.spec
        return object_keys(
            self.name, self.spec.replicas, template.engines, template.serving_mode, platform
        )
