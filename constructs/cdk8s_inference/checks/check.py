"""Everything that is to say about Kubernetes objects before they are applied."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import date

from cdk8s_inference.checks import rules as rules
from cdk8s_inference.checks.causes import Reported, one_per_cause
from cdk8s_inference.checks.config import config_findings
from cdk8s_inference.checks.plugins import load_rules
from cdk8s_inference.checks.rule import RULES
from cdk8s_inference.checks.rules.plugins import failed
from cdk8s_inference.checks.rules.schema import SCHEMA_CODES
from cdk8s_inference.checks.rules.waivers import WAIVER_RULES, AppliedWaiver
from cdk8s_inference.checks.settled import crosses_alternatives, placeholder_of
from cdk8s_inference.checks.waiver import Waiver, waived, waivers_of
from cdk8s_inference.findings import Finding, Rule, Violation
from cdk8s_inference.schemas import ClusterApi
from cdk8s_inference.source import Document, placeholder_in
from cdk8s_inference.source.secrets import without_secrets
from cdk8s_inference.topology import KubeObject, SourceValue, Topology, read_topology

OWN_CODES = frozenset(RULES)
"""The rules of this package: others are loaded later."""

_ORDER = ("error", "warning", "note")


def check(
    documents: Iterable[Document],
    *,
    waivers: Sequence[Waiver] = (),
    today: date | None = None,
    complete: bool = False,
    api: ClusterApi | None = None,
) -> list[Finding]:
    """The findings of Kubernetes objects of any origin, errors first.

    Args:
        documents: What was read. What belongs together is best checked together.
        waivers: Rules that do not count, beside those that the objects' annotations waive.
        today: The date by which a waiver may have expired; default today.
        complete: Whether the documents are all there is, so that what is missing is an error.
        api: The API of the cluster that the objects are for; of any known release by default.
    """
    topology = read_topology(documents, complete=complete, api=api)
    return check_topology(topology, waivers=waivers, today=today)


def check_topology(
    topology: Topology,
    *,
    rules: Iterable[Rule[Topology]] | None = None,
    waivers: Sequence[Waiver] = (),
    today: date | None = None,
) -> list[Finding]:
    """As :func:`check`, for a topology that was read already; default by all rules."""
    today = today or date.today()
    waivers = [*waivers, *waivers_of(topology.objects)]
    if rules is None:
        load_rules()
        rules = RULES.values()
    found = list(_all(topology, rules))
    found = list(_without_repeats(found))
    # Before findings are merged: what is waived must neither hide what is not, nor be hidden in it.
    judged, used = waived(found, waivers, today)
    after = {code: rule.after for code, rule in RULES.items()}
    findings = one_per_cause(judged, after)
    for waiver, is_used in zip(waivers, used, strict=True):
        findings += WAIVER_RULES.findings(AppliedWaiver(waiver, is_used, today))
    findings.sort(
        key=lambda each: (_ORDER.index(each.severity), each.file or "", each.line or 0, each.code)
    )
    return without_secrets(findings, (each.root for each in topology.objects))


def _without_repeats(found: Sequence[Reported]) -> Iterator[Reported]:
    """The findings, without those of a schema about what another rule refuses too, and explains."""
    explained = {
        (owner, each.finding.path)
        for each in found
        if each.finding.severity == "error" and each.finding.code not in SCHEMA_CODES
        for owner in each.objects[:1]
    }
    for each in found:
        places = {(owner, each.finding.path) for owner in each.objects[:1]}
        if each.finding.code not in SCHEMA_CODES or explained.isdisjoint(places):
            yield each


def _violations(
    rule: Rule[Topology], topology: Topology
) -> tuple[Iterable[Violation], Finding | None]:
    """Where a rule does not hold; and why that is not known, for one of another package."""
    if rule.code in OWN_CODES:
        return rule.violations(topology), None
    try:
        return list(rule.violations(topology)), None
    except Exception as error:
        return (), failed(rule.code, error)


def _all(topology: Topology, rules: Iterable[Rule[Topology]]) -> Iterator[Reported]:
    placeholders: dict[tuple[KubeObject, str], SourceValue[object]] = {}
    for rule in rules:
        violations, failure = _violations(rule, topology)
        if failure is not None:
            yield Reported(failure)
        for violation in violations:
            finding = rule.finding(violation)
            unknown = None if finding.severity == "note" else placeholder_of(violation)
            if unknown is not None:
                placeholders.setdefault((unknown[0].object, unknown[1]), unknown[0])
                continue
            values = (violation.at, *violation.related_values, violation.cause)
            if violation.missing and topology.complete:
                finding = replace(finding, severity="error")
            if finding.severity == "error" and crosses_alternatives(violation, topology):
                finding = replace(finding, severity="warning")
            yield Reported(
                finding,
                tuple(each.object.written for each in values if isinstance(each, SourceValue)),
                violation.cause.place if violation.cause else None,
            )
    for finding, owner in config_findings(topology):
        if placeholder_in(finding.message) is None:
            yield Reported(finding, (owner,))
    for (owner, placeholder), value in placeholders.items():
        message = f"{placeholder} is replaced before the object is applied: what depends on it was"
        unread = Violation(value, f"{message} not checked")
        yield Reported(RULES["T001"].finding(unread), (owner,))
