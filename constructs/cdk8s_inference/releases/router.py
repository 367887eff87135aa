"""A release of the llm-d router: the endpoint picker and the pd-sidecar, which go together."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import ClassVar

from cdk8s_inference.releases.connector import Connector
from cdk8s_inference.releases.flag import Flag
from cdk8s_inference.releases.release import PickerRelease, Program
from cdk8s_inference.releases.sidecar import Sidecar


@dataclass(frozen=True, repr=False, eq=False)
class RouterRelease(PickerRelease):
    """What one release of the router is called and understands.

    Attributes:
        sidecar: The pd-sidecar.
        simulator: Image of the llm-d-inference-sim that the release's own tests run.
    """

    product: ClassVar[str] = "router"
    sidecar: Sidecar = field(kw_only=True)
    simulator: str = field(kw_only=True)

    def image(self, program: Program = "picker") -> str:
        """A program's image."""
        return self.picker.image if program == "picker" else self.sidecar.image

    def flags(self, program: Program = "picker") -> Mapping[str, Flag]:
        """Every flag of a program, by name."""
        if program == "picker":
            return super().flags(program)
        return self._sidecar_flags

    @cached_property
    def _sidecar_flags(self) -> Mapping[str, Flag]:
        return {flag.name: flag for flag in self.sidecar.flags}

    def has_connector(self, name: str) -> bool:
        """Whether the sidecar has a connector."""
        return any(connector.name == name for connector in self.sidecar.connectors)

    def sidecar_connector(self, name: str) -> Connector:
        """A connector of the sidecar.

        Raises:
            NotInReleaseError: The sidecar has none of that name.
        """
        for connector in self.sidecar.connectors:
            if connector.name == name:
                return connector
        raise self._lacks(
            f"connector {name!r}",
            lambda release: isinstance(release, RouterRelease) and release.has_connector(name),
        )

    def has_encoder_connector(self, name: str) -> bool:
        """Whether the sidecar can take encoded images with a connector."""
        return name in self.sidecar.encoder_connectors

    def encoder_connector(self, name: str) -> str:
        """A value of the sidecar's ``ec-connector``.

        Raises:
            NotInReleaseError: The sidecar has none of that name.
        """
        if self.has_encoder_connector(name):
            return name
        raise self._lacks(
            f"encoder connector {name!r}",
            lambda release: (
                isinstance(release, RouterRelease) and release.has_encoder_connector(name)
            ),
        )
