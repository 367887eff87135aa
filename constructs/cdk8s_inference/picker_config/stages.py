"""The stages of a profile handler that disaggregates: their order, profiles and deciders."""

from __future__ import annotations

from collections.abc import Iterator

from cdk8s_inference.picker_config.document import Listed, PickerDocument
from cdk8s_inference.picker_config.problem import Placed, error
from cdk8s_inference.releases.plugin_type import Stages
from cdk8s_inference.source import Cursor

_PREFILL_FIRST = ("prefillfirst", "prefill")
_ORDERS = (*_PREFILL_FIRST, "decodefirst", "decode", "")


def first_written(handler: Listed, paths: tuple[str, ...]) -> Cursor | None:
    """The first of several parameters that is set, and not empty."""
    found = (handler.written(path) for path in paths)
    return next((cursor for cursor in found if cursor is not None and cursor.value), None)


def prefill_first(handler: Listed, stages: Stages) -> bool:
    """Whether every prompt is prefilled elsewhere, before a decode pod is picked."""
    return _order(handler, stages) in _PREFILL_FIRST


def decider_of(document: PickerDocument, handler: Listed, stages: Stages) -> Listed | None:
    """The plugin that decides for prefill; None where the stage is off."""
    at = first_written(handler, stages.prefill_decider)
    name = at.value if at is not None else stages.default_prefill_decider
    return None if name is None else document.plugins.get(str(name))


def stage_problems(document: PickerDocument) -> Iterator[Placed]:
    """What keeps a profile handler from being created."""
    for handler in document.handlers:
        stages = handler.known.stages if handler.known is not None else None
        if stages is None:
            continue
        for paths, default in (
            (stages.prefill_decider, stages.default_prefill_decider),
            (stages.encode_decider, None),
        ):
            at = first_written(handler, paths)
            name = at.value if at is not None else default
            if name is not None:
                yield from _decider(document, handler, at or handler.at, str(name))
        yield from _order_problems(handler, stages)


def _order(handler: Listed, stages: Stages) -> str:
    """The order without case and separators, as the picker compares it."""
    order = "" if stages.order is None else str(handler.value(stages.order))
    return order.replace("-", "").replace("_", "").lower()


def _order_problems(handler: Listed, stages: Stages) -> Iterator[Placed]:
    at = handler.written(stages.order) if stages.order is not None else None
    if at is None:
        return
    if _order(handler, stages) not in _ORDERS:
        yield error(
            "P104",
            at,
            f"{at.value!r} is no order of the stages",
            "write decode-first or prefill-first",
        )
    elif prefill_first(handler, stages) and first_written(handler, stages.prefill_decider):
        yield error(
            "P110",
            at,
            "prefill-first prefills every prompt elsewhere, and forbids a prefill decider",
            "remove the decider, or the order",
        )


def _decider(document: PickerDocument, handler: Listed, at: Cursor, name: str) -> Iterator[Placed]:
    release = document.release
    ordered = release.picker.config.declares_before_use
    decider = document.plugins.get(name)
    if decider is None:
        yield error(
            "P111",
            at,
            f"decider {name!r} of {handler.name!r} is not listed",
            f"list it under plugins{' before the handler' if ordered else ''}",
        )
    elif decider.known is not None and not decider.has_role("decider"):
        kinds = ", ".join(plugin.type for plugin in release.plugins_for("decider"))
        yield error("P111", at, f"plugin {name!r} decides nothing", f"name one of {kinds}")
    elif ordered and document.listed.index(decider) > document.listed.index(handler):
        yield error(
            "P112",
            decider.at,
            f"decider {name!r} is listed after {handler.name!r}, which {release.title} "
            "creates first",
            "list the decider before the handler",
        )
