"""Everything that is to say about Kubernetes objects before they are applied."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import date

from cdk8s_inference.checks import rules as rules
from cdk8s_inference.checks.config import config_findings
from cdk8s_inference.checks.rule import RULES
from cdk8s_inference.checks.waiver import Waiver, waived, waivers_of
from cdk8s_inference.findings import Finding, Rule
from cdk8s_inference.source import Document
from cdk8s_inference.topology import KubeObject, SourceValue, Topology, read_topology

About = tuple[Finding, tuple[KubeObject, ...]]
"""A finding, and the objects that it is about."""

_ORDER = ("error", "warning", "note")


def check(
    documents: Iterable[Document],
    *,
    waivers: Sequence[Waiver] = (),
    today: date | None = None,
) -> list[Finding]:
    """The findings of Kubernetes objects of any origin, errors first.

    Args:
        documents: What was read. What belongs together is best checked together.
        waivers: Rules that do not count, beside those that the objects' annotations waive.
        today: The date by which a waiver may have expired; default today.
    """
    return check_topology(read_topology(documents), waivers=waivers, today=today)


def check_topology(
    topology: Topology,
    *,
    rules: Iterable[Rule[Topology]] | None = None,
    waivers: Sequence[Waiver] = (),
    today: date | None = None,
) -> list[Finding]:
    """As :func:`check`, for a topology that was read already; default by all rules."""
    own, malformed = waivers_of(topology.objects)
    found = list(_all(topology, RULES.values() if rules is None else rules))
    judged = waived(found, [*waivers, *own], today or date.today())
    # Two pools that share pods, as one name in two API groups, have the same to say of them.
    findings = list(dict.fromkeys([*judged, *malformed]))
    findings.sort(
        key=lambda each: (_ORDER.index(each.severity), each.file or "", each.line or 0, each.code)
    )
    return findings


def _all(topology: Topology, rules: Iterable[Rule[Topology]]) -> Iterator[About]:
    for rule in rules:
        for violation in rule.violations(topology):
            values = (violation.at, violation.related)
            yield (
                rule.finding(violation),
                tuple(each.object for each in values if isinstance(each, SourceValue)),
            )
    for finding, owner in config_findings(topology):
        yield finding, (owner,)
    for unread in topology.unread:
        place = unread.what.place
        message = f"{unread.what.value!r} was not read: {unread.why}"
        yield (
            Finding(
                "T001",
                "note",
                place.path,
                message,
                "look at it yourself",
                place.file,
                place.line,
                place.object,
            ),
            (unread.what.object,),
        )
