"""The API of the cluster that objects were read from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from cdk8s_inference.schemas import ClusterApi, SchemaViolation


@dataclass(frozen=True)
class Admitted(ClusterApi):
    """An API that has admitted the objects: its schemas have nothing left to say against them.

    Those that are known here may be of other releases than the cluster's.
    """

    def is_known(self, api_version: str, kind: str) -> bool:
        """Every kind is."""
        return True

    def has_rules(self, api_version: str, kind: str) -> bool:
        """None has any that is left to evaluate."""
        return False

    def violations(
        self, api_version: str, kind: str, value: Any, *, partial: bool = False
    ) -> list[SchemaViolation]:
        """None."""
        return []

    def likely_kind(self, api_version: str, kind: str) -> SchemaViolation | None:
        """Nothing: the kind is served."""
        return None


ADMITTED = Admitted()
"""The API of a cluster whose objects were read from it."""
