"""What a value is called by who writes it: in Python, or in a document."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Vocabulary:
    """The words for values of types that have other names elsewhere.

    Attributes:
        mapping: One of keys and values, with its article.
        null: What is none.
        true: A switch that is on.
        false: One that is off.
        listed: How the values of a mapping are written as a list, after ``a list``.
    """

    mapping: str
    null: str
    true: str
    false: str
    listed: str = ""

    @property
    def boolean(self) -> str:
        """Either of the two."""
        return f"{self.true} or {self.false}"


PYTHON = Vocabulary("a dict", "None", "True", "False", ", such as list(x.values())")
DOCUMENT = Vocabulary("an object", "null", "true", "false")
"""As YAML and JSON have them."""
