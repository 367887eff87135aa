"""A text of YAML or JSON documents, with the place of every value."""

from cdk8s_inference.source.cursor import Cursor
from cdk8s_inference.source.document import Document
from cdk8s_inference.source.placeholder import has_placeholder, is_placeholder, placeholder_in
from cdk8s_inference.source.reader import read, single

__all__ = [
    "Cursor",
    "Document",
    "has_placeholder",
    "is_placeholder",
    "placeholder_in",
    "read",
    "single",
]
