"""The variables by which a container of a gang knows its place, as Modelplane names them."""

from __future__ import annotations

from collections.abc import Mapping

GANG_VARIABLES: tuple[Mapping[str, str], ...] = (
    {"name": "MODELPLANE_LEADER_ADDRESS", "value": "$(LWS_LEADER_ADDRESS)"},
    {"name": "MODELPLANE_RANK", "value": "$(LWS_WORKER_INDEX)"},
)
"""LeaderWorkerSet puts its own variables before these, so the references resolve."""
