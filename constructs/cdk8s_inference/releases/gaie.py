"""A release of the Gateway API Inference Extension's (GAIE's) own endpoint picker.

llm-d's router took it over: router v0.8.0 is built on GAIE v1.5.0, its last release.
"""

from __future__ import annotations

from typing import ClassVar

from cdk8s_inference.releases.release import PickerRelease


class GaieRelease(PickerRelease):
    """What one release of GAIE's endpoint picker is called and understands."""

    product: ClassVar[str] = "GAIE"


class LightweightPickerRelease(PickerRelease):
    """What one release of GAIE's lightweight picker is called and understands.

    GAIE has it from v1.6.0 on, for its conformance tests: it takes the pods of a pool in turn.
    """

    product: ClassVar[str] = "lwepp"
