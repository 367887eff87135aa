"""Device selectors that are right without a parser, as nearly all are."""

from __future__ import annotations

import re

_EQUAL = r'device\.(?:driver|attributes\["[-\w.]+"\]\.[A-Za-z_]\w*) == (?:"[^"\\\n]*"|true|false)'
_AT_LEAST = (
    r'device\.capacity\["[-\w.]+"\]\.[A-Za-z_]\w*'
    r'\.compareTo\(quantity\("[0-9]+(?:[KMGTPE]i?)?"\)\) (?:[<>]=?|==) 0'
)
_USUAL = re.compile(rf"(?:{_EQUAL}|{_AT_LEAST})(?: && (?:{_EQUAL}|{_AT_LEAST}))*")


def is_usual(text: str) -> bool:
    """Whether an expression compares attributes and capacities of a device as it should.

    The parser takes a tenth of a second to import and build.

    >>> is_usual('device.driver == "gpu.nvidia.com"'), is_usual("device.driver == true")
    (True, False)
    """
    return bool(_USUAL.fullmatch(text)) and not re.search(r"driver == [tf]", text)
