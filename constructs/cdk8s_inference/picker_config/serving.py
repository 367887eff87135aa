"""Whom a configuration sends requests to, once the picker runs with it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from cdk8s_inference.picker_config.document import Listed, ListedProfile, PickerDocument
from cdk8s_inference.picker_config.stages import decider_of, first_written
from cdk8s_inference.releases.plugin_type import Stages

PREFILL, DECODE, UNLABELLED = "prefill", "decode", "unlabelled"


def prefill_handler(document: PickerDocument) -> tuple[Listed, Stages] | None:
    """The profile handler that runs profiles for prefill and decode, and its stages."""
    handler = document.handlers[0] if document.handlers else None
    stages = handler.known.stages if handler is not None and handler.known is not None else None
    return None if handler is None or stages is None else (handler, stages)


def decode_name(document: PickerDocument) -> str:
    """The name of the profile that the handler runs for decode."""
    found = prefill_handler(document)
    return DECODE if found is None else _profile_name(found[0], found[1].decode, DECODE)


def prefill_name(document: PickerDocument) -> str:
    """The name of the profile that the handler runs for prefill."""
    found = prefill_handler(document)
    return PREFILL if found is None else _profile_name(found[0], found[1].prefill, PREFILL)


def answering_profile(document: PickerDocument) -> ListedProfile | None:
    """The profile whose pod answers; None where the handler names one that is not there."""
    if prefill_handler(document) is None:
        return document.profiles[0]
    return document.profile(decode_name(document))


def answers(document: PickerDocument) -> frozenset[str]:
    """The roles of the pods that may answer a request; none: every request fails."""
    profile = answering_profile(document)
    return frozenset() if profile is None else admitted(document, profile, DECODE)


def separates(document: PickerDocument) -> bool:
    """Whether there are prefill and decode pods, and pods that answer."""
    return document.disaggregated and bool(answers(document))


def prefills(document: PickerDocument) -> tuple[ListedProfile, frozenset[str]] | None:
    """The profile for prefill and the roles that it admits; None where there is none."""
    if prefill_handler(document) is None or not separates(document):
        return None
    profile = document.profile(prefill_name(document))
    if profile is None:
        return None
    return profile, admitted(document, profile, PREFILL)


def shortest_prompt(document: PickerDocument) -> int | None:
    """Tokens from which a new prompt is sent to a prefill pod, if any is; None for no stages."""
    found = prefill_handler(document)
    if found is None or DECODE not in answers(document):
        return None
    return _shortest(document, *found)


def _roles(document: PickerDocument) -> tuple[str, ...]:
    return (PREFILL, DECODE) if document.disaggregated else (UNLABELLED,)


def _profile_name(handler: Listed, paths: tuple[str, ...], default: str) -> str:
    at = first_written(handler, paths)
    return default if at is None else str(at.value)


def _shortest(document: PickerDocument, handler: Listed, stages: Stages) -> int:
    decider = decider_of(document, handler, stages)
    if decider is None or decider.known is None or decider.known.decision is None:
        return 0
    thresholds = decider.known.decision.thresholds
    return max((int(decider.value(name) or 0) for name in thresholds), default=0)


def admitted(document: PickerDocument, profile: ListedProfile, meant: str) -> frozenset[str]:
    """The roles of the pods that pass a profile's filters.

    A filter by labels that are not read may tell roles apart: only pods of the role that is
    ``meant`` are taken to pass it, or of any in a pool without roles.
    """
    filters = [each for each in profile.runs(document.plugins) if each.has_role("filter")]
    label = document.release.role_label
    found = set()
    for role in _roles(document):
        passed = [_passes(plugin, role, label) for plugin in filters]
        if all(passed) or (role in (meant, UNLABELLED) and False not in passed):
            found.add(role)
    return frozenset(found)


def _passes(plugin: Listed, role: str, label: str) -> bool | None:
    """Whether pods of a role pass a filter; None where that is by labels that are not read."""
    assert plugin.known is not None
    if plugin.known.accepts is not None:
        return (
            plugin.known.accepts_unlabelled if role == UNLABELLED else role in plugin.known.accepts
        )
    parameters = {parameter.name for parameter in plugin.known.parameters}
    if "validValues" in parameters:
        if plugin.value("label") != label:
            return None
        unlabelled = bool(plugin.value("allowsNoLabel"))
        return unlabelled if role == UNLABELLED else role in (plugin.value("validValues") or ())
    if "matchLabels" in parameters:
        return _matches(plugin, role, label)
    return True


def _matches(plugin: Listed, role: str, label: str) -> bool | None:
    labels, expressions = plugin.value("matchLabels"), plugin.value("matchExpressions")
    wanted = labels if isinstance(labels, Mapping) else {}
    asked = expressions if isinstance(expressions, list) else []
    if wanted.get(label, role) != role:
        return False
    for expression in asked:
        if expression.get("key") == label:
            holds = _OPERATORS.get(str(expression.get("operator")))
            if holds is not None and not holds(role, expression.get("values") or ()):
                return False
    others = {*wanted, *(each.get("key") for each in asked)} - {label}
    return None if others else True


_OPERATORS: dict[str, Callable[[str, Any], bool]] = {
    "In": lambda role, values: role in values,
    "NotIn": lambda role, values: role not in values,
    "Exists": lambda role, values: role != UNLABELLED,
    "DoesNotExist": lambda role, values: role == UNLABELLED,
}
