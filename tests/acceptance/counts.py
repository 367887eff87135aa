"""How much was proven: a run that proves less than it seems to shows here."""

from __future__ import annotations

from collections import Counter

COUNTS: Counter[str] = Counter()
"""By what was counted, as the end of a run says it."""
