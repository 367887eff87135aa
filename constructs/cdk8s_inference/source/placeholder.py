"""Values that something else fills in before they are used: such a value was not read."""

from __future__ import annotations

import re

_PLACEHOLDER = re.compile(r"\$[({]|\$[A-Za-z_]|\{\{")


def has_placeholder(text: str) -> bool:
    """Whether a template, envsubst or the kubelet still has to fill a text in.

    >>> [has_placeholder(text) for text in ("${TAG}", "$(POD_IP)", "{{ .tag }}", "v1.0", "a$")]
    [True, True, True, False, False]
    """
    return _PLACEHOLDER.search(text) is not None
