"""What many codes are known from: a new router release is run, and then named here."""

from __future__ import annotations

SEEN = "Seen run with router v0.8.0, v0.9.0 and v0.10.0"
"""Programs of these releases were run with the same fault; words may follow."""

SEEN_RUN = f"{SEEN}."
