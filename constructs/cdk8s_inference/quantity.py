"""Quantities of Kubernetes, such as ``500m`` or ``16Gi``."""

from __future__ import annotations

import re
from decimal import Decimal, InvalidOperation

_QUANTITY = re.compile(r"([+-]?(?:\d+\.?\d*|\.\d+))(m|k|[MGTPE]i?|Ki|[eE][+-]?\d+|n|u)?")
_FACTORS = {
    "": Decimal(1),
    "n": Decimal("1e-9"),
    "u": Decimal("1e-6"),
    "m": Decimal("1e-3"),
    **{letter: Decimal(1000) ** power for power, letter in enumerate("kMGTPE", 1)},
    **{f"{letter}i": Decimal(1024) ** power for power, letter in enumerate("KMGTPE", 1)},
}


def quantity(value: object) -> Decimal | None:
    """A quantity of Kubernetes, such as ``512Mi``; None for what is none."""
    match = _QUANTITY.fullmatch(str(value)) if not isinstance(value, bool) else None
    if match is None:
        return None
    suffix = match[2] or ""
    try:
        if suffix[:1] in ("e", "E") and len(suffix) > 1 and suffix != "Ei":
            return Decimal(f"{match[1]}{suffix}")
        return Decimal(match[1]) * _FACTORS[suffix]
    except InvalidOperation:
        return None
