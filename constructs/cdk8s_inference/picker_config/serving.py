"""Whom a configuration sends requests to, once the picker runs with it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from cdk8s_inference.picker_config.document import Listed, ListedProfile, PickerDocument
from cdk8s_inference.picker_config.problem import Placed, problem
from cdk8s_inference.picker_config.stages import (
    decider_of,
    first_written,
    prefill_first,
)
from cdk8s_inference.releases.plugin_type import Stages
from cdk8s_inference.source import Cursor

PREFILL, DECODE, UNLABELLED = "prefill", "decode", "unlabelled"


@dataclass
class Serving:
    """What becomes of requests, with a ready pod of each role.

    Attributes:
        answers: The roles of the pods that may answer; none: every request fails.
        shortest_prompt: Tokens from which a new prompt is prefilled on a prefill pod; 0 for
            every prompt, None for none.
        by_chance: Whether it depends on a tie which pod prefills or answers.
        problems: What leads there.
    """

    answers: frozenset[str] = frozenset()
    shortest_prompt: int | None = None
    by_chance: bool = False
    problems: list[Placed] = field(default_factory=list)


def serving(document: PickerDocument, *, disaggregated: bool) -> Serving:
    """What the profile handler makes of a request.

    Args:
        document: A configuration that the picker starts with.
        disaggregated: Whether there are prefill and decode pods, or pods without a role.
    """
    handler = document.handlers[0] if document.handlers else None
    stages = handler.known.stages if handler is not None and handler.known is not None else None
    found = Serving()
    answering: ListedProfile | None = document.profiles[0]
    if handler is not None and stages is not None:
        name = _profile_name(handler, stages.decode, DECODE)
        answering = document.profile(name)
        if answering is None:
            found.problems.append(_no_decode_profile(handler, name))
            return found
    assert answering is not None
    roles = (PREFILL, DECODE) if disaggregated else (UNLABELLED,)
    found.answers = admitted(document, answering, roles)
    found.problems += _answering(answering, found.answers)
    found.by_chance = len(found.answers) > 1
    if not disaggregated or not found.answers:
        return found
    if handler is None or stages is None:
        found.problems.append(_no_stages(document, handler))
        return found
    prefill = document.profile(_profile_name(handler, stages.prefill, PREFILL))
    prefills = admitted(document, prefill, roles) if prefill is not None else frozenset()
    reasons = [*_never(document, handler, stages), *_prefilling(prefill, prefills)]
    found.problems += reasons
    declined = any(finding.severity != "note" for finding, _ in reasons)
    if not declined and DECODE in found.answers:
        found.shortest_prompt = _shortest(document, handler, stages)
        found.by_chance |= len(prefills) > 1
    return found


def _profile_name(handler: Listed, paths: tuple[str, ...], default: str) -> str:
    at = first_written(handler, paths)
    return default if at is None else str(at.value)


def _no_decode_profile(handler: Listed, name: str) -> Placed:
    return problem(
        "P201",
        "error",
        handler.at,
        f"{handler.name!r} runs profile {name!r} for decode, and there is none: every request is "
        "refused",
        f"name a profile {name!r}",
    )


def _no_stages(document: PickerDocument, handler: Listed | None) -> Placed:
    return _silent(
        "P301",
        document.root["plugins"] if handler is None else handler.at,
        f"{'single-profile-handler' if handler is None else handler.name!r} asks no pod to prefill",
        "use disagg-profile-handler with profiles prefill and decode, and a decider",
    )


def _answering(profile: ListedProfile, answers: frozenset[str]) -> Iterator[Placed]:
    if not answers:
        yield problem(
            "P202",
            "error",
            profile.at,
            f"no pod passes the filters of profile {profile.name!r}: every request is refused",
            "keep decode-filter alone",
        )
    elif PREFILL in answers:
        yield _silent(
            "P401",
            profile.at,
            f"profile {profile.name!r} admits prefill pods, which then answer users",
            "add decode-filter to the profile",
        )


def _prefilling(profile: ListedProfile | None, prefills: frozenset[str]) -> Iterator[Placed]:
    if profile is None:
        return
    if PREFILL not in prefills:
        yield problem(
            "P308",
            "warning",
            profile.at,
            f"no prefill pod passes the filters of profile {profile.name!r}",
            "keep prefill-filter alone",
        )
    elif DECODE in prefills:
        yield problem(
            "P310",
            "note",
            profile.at,
            f"profile {profile.name!r} admits decode pods, which then prefill for each other",
            "add prefill-filter to the profile",
        )


def _never(document: PickerDocument, handler: Listed, stages: Stages) -> Iterator[Placed]:
    """Why no request would be prefilled elsewhere."""
    release = document.release
    prefill = _profile_name(handler, stages.prefill, PREFILL)
    if document.profile(prefill) is None:
        yield _silent(
            "P302",
            handler.at,
            f"{handler.name!r} runs profile {prefill!r} for prefill, and there is none",
            f"name a profile {prefill!r}",
        )
    if not any(plugin.has_role("header writer") for plugin in document.listed):
        writers = " or ".join(
            plugin.type
            for plugin in release.plugins_for("header writer")
            if plugin.deprecation is None
        )
        yield _silent(
            "P305",
            handler.at,
            f"nothing tells the sidecar which pod prefills: {handler.type!r} of "
            f"{release.title} writes no header",
            f"list {writers}",
        )
    if prefill_first(handler, stages):
        return
    decider = decider_of(document, handler, stages)
    if decider is None:
        yield _silent(
            "P303",
            handler.at,
            f"{handler.name!r} has no prefill decider, which switches the stage off",
            f"set {stages.prefill_decider[0]} to the name of a decider",
        )
        return
    yield from _declines(document, decider)


def _declines(document: PickerDocument, decider: Listed) -> Iterator[Placed]:
    """Why a decider would decline every prompt of text."""
    assert decider.known is not None
    decision = decider.known.decision
    if decision is None:
        return
    for name in decision.never_at_zero:
        if not decider.value(name):
            yield _silent(
                "P304",
                decider.written(name) or decider.at,
                f"{name} of {decider.name!r} is 0, which declines every prompt",
                f"set {name} to 1 or more, such as 16",
            )
    missing = sorted(set(decision.reads) - document.produced())
    if missing:
        makers = [
            plugin.type
            for plugin in document.release.plugins_for("producer")
            if plugin.deprecation is None and set(missing) & set(plugin.produces)
        ]
        yield _silent(
            "P306",
            decider.at,
            f"{decider.name!r} reads the {' and the '.join(missing)}, which nothing produces",
            f"list {' or '.join(makers)}",
        )
    types = [document.type_of(parser.text or "") for parser in document.parsers]
    if decision.thresholds and types and all(known and known.opaque for known in types):
        yield _silent(
            "P307",
            document.parsers[0],
            f"{document.parsers[0].value!r} leaves the prompt unread, so {decider.name!r} counts "
            "no token",
            "use openai-parser, or always-disagg-pd-decider",
        )
    if decision.multimodal:
        yield _silent(
            "P309",
            decider.at,
            f"{decider.name!r} accepts requests with images, video or audio alone",
            "use it as the encode decider",
        )


def _silent(code: str, at: Cursor, message: str, fix: str) -> Placed:
    return problem(code, "warning", at, message, fix)


def _shortest(document: PickerDocument, handler: Listed, stages: Stages) -> int:
    decider = decider_of(document, handler, stages)
    if decider is None or decider.known is None or decider.known.decision is None:
        return 0
    thresholds = decider.known.decision.thresholds
    return max((int(decider.value(name) or 0) for name in thresholds), default=0)


def admitted(
    document: PickerDocument, profile: ListedProfile, roles: tuple[str, ...]
) -> frozenset[str]:
    """The roles of the pods that pass a profile's filters, as far as these go by the role."""
    filters = [each for each in profile.runs(document.plugins) if each.has_role("filter")]
    label = document.release.role_label
    return frozenset(
        role for role in roles if all(_passes(plugin, role, label) for plugin in filters)
    )


def _passes(plugin: Listed, role: str, label: str) -> bool:
    assert plugin.known is not None
    if plugin.known.accepts is not None:
        return (
            plugin.known.accepts_unlabelled if role == UNLABELLED else role in plugin.known.accepts
        )
    parameters = {parameter.name for parameter in plugin.known.parameters}
    if "validValues" in parameters and plugin.value("label") == label:
        unlabelled = bool(plugin.value("allowsNoLabel"))
        return unlabelled if role == UNLABELLED else role in (plugin.value("validValues") or ())
    if "matchLabels" in parameters:
        return _matches(plugin, role, label)
    return True


def _matches(plugin: Listed, role: str, label: str) -> bool:
    wanted = plugin.value("matchLabels")
    if isinstance(wanted, Mapping) and wanted.get(label, role) != role:
        return False
    expressions = plugin.value("matchExpressions")
    for expression in expressions if isinstance(expressions, list) else ():
        if expression.get("key") == label:
            holds = _OPERATORS.get(str(expression.get("operator")))
            if holds is not None and not holds(role, expression.get("values") or ()):
                return False
    return True


_OPERATORS: dict[str, Callable[[str, Any], bool]] = {
    "In": lambda role, values: role in values,
    "NotIn": lambda role, values: role not in values,
    "Exists": lambda role, values: role != UNLABELLED,
    "DoesNotExist": lambda role, values: role == UNLABELLED,
}
