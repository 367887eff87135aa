"""What the constructs of one replica have in common, as one value that is passed on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypedDict

from cdk8s_inference import labels, names
from cdk8s_inference.construct_tree import ApiObjectMetadata
from cdk8s_inference.platform import Platform

if TYPE_CHECKING:
    from cdk8s_inference.picker_config import PickerConfig


class RoutingArguments(TypedDict):
    """The arguments that :class:`UnifiedRouting` and :class:`DisaggRouting` share."""

    name: str
    namespace: str
    config: PickerConfig | None
    part_of: str | None
    object_labels: Mapping[str, str] | None
    platform: Platform
    warnings: bool


@dataclass(frozen=True)
class ReplicaContext:
    """A replica's name, namespace and labels, and the platform that it is composed for.

    Attributes:
        name: Name of its Service or pool, and of its route.
        namespace: Where its objects go.
        platform: The platform's choices.
        part_of: Value of ``app.kubernetes.io/part-of``.
        object_labels: Further labels of every object.
        picker_config: What the endpoint picker is configured to do; None suits the engines.
        warnings: Whether to raise warnings: a deployment that was validated has raised them.
    """

    name: str
    namespace: str
    platform: Platform
    part_of: str | None = None
    object_labels: Mapping[str, str] | None = None
    picker_config: PickerConfig | None = None
    warnings: bool = True

    def require_names(self) -> None:
        """Refuses names that the objects cannot have.

        Raises:
            ValueError: A Service cannot have the name, or no cluster can have the namespace.
        """
        names.require(self.name, gang=False)
        names.require_namespace(self.namespace)

    @property
    def labels(self) -> dict[str, str]:
        """The labels of its routing objects."""
        return labels.of_routing(self.name, self.part_of, self.object_labels)

    @property
    def arguments(self) -> RoutingArguments:
        """It as the arguments of a routing construct."""
        return {
            "name": self.name,
            "namespace": self.namespace,
            "config": self.picker_config,
            "part_of": self.part_of,
            "object_labels": self.object_labels,
            "platform": self.platform,
            "warnings": self.warnings,
        }

    def metadata(
        self, name: str | None = None, *, annotations: Mapping[str, str] | None = None
    ) -> ApiObjectMetadata:
        """The metadata of an object; by default of the replica's name."""
        return ApiObjectMetadata(
            name=name or self.name,
            namespace=self.namespace,
            labels=self.labels,
            annotations=annotations,
        )
