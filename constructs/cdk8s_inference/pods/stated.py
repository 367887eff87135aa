"""What settings say, apart from what they leave to others."""

from __future__ import annotations

from dataclasses import fields
from typing import Any


def stated(settings: Any) -> dict[str, Any]:
    """The fields of a dataclass that are not None."""
    said = {each.name: getattr(settings, each.name) for each in fields(settings)}
    return {name: value for name, value in said.items() if value is not None}
