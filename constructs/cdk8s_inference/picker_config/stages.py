"""The stages of a profile handler that disaggregates: their order, profiles and deciders."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cdk8s_inference.releases.plugin_type import Stages
from cdk8s_inference.source import Cursor

if TYPE_CHECKING:
    from cdk8s_inference.picker_config.document import Listed, PickerDocument

_PREFILL_FIRST = ("prefillfirst", "prefill")
_ORDERS = (*_PREFILL_FIRST, "decodefirst", "decode", "")


def first_written(handler: Listed, paths: tuple[str, ...]) -> Cursor | None:
    """The first of several parameters that is set, and not empty."""
    found = (handler.written(path) for path in paths)
    return next((cursor for cursor in found if cursor is not None and cursor.value), None)


def prefill_first(handler: Listed, stages: Stages) -> bool:
    """Whether every prompt is prefilled elsewhere, before a decode pod is picked."""
    return _order(handler, stages) in _PREFILL_FIRST


def has_known_order(handler: Listed, stages: Stages) -> bool:
    """Whether the picker knows the order of the stages."""
    return _order(handler, stages) in _ORDERS


def decider_of(document: PickerDocument, handler: Listed, stages: Stages) -> Listed | None:
    """The plugin that decides for prefill; None where the stage is off."""
    at = first_written(handler, stages.prefill_decider)
    name = at.value if at is not None else stages.default_prefill_decider
    return None if name is None else document.plugins.get(str(name))


def _order(handler: Listed, stages: Stages) -> str:
    """The order without case and separators, as the picker compares it."""
    order = "" if stages.order is None else str(handler.value(stages.order))
    return order.replace("-", "").replace("_", "").lower()
