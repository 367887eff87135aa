"""What does not work while pods of before and after run at once."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass

from cdk8s_inference.diff.object_pair import Key, key_of
from cdk8s_inference.findings import Finding
from cdk8s_inference.findings.identity import identity
from cdk8s_inference.source import Document
from cdk8s_inference.topology import KubeObject, ServedModel, read_topology

Identity = tuple[str, str, str, str]

_PAIR = ("T3",)
"""Rules about what prefill and decode must agree on."""

_MEMBERS = ("T109", "T110", "T416", "T430", "T432")
"""Rules about what a pool and its picker must agree on with the engines."""


@dataclass(frozen=True)
class MixedState:
    """What is wrong while some pods are those of before, and others those of after.

    Attributes:
        what: Which pods run then, in words.
        findings: What is wrong with them together, and with neither state by itself.
        rules: The titles of the rules, and what happens, by code.
    """

    what: str
    findings: tuple[Finding, ...]
    rules: Mapping[str, tuple[str, str]]

    @property
    def is_of_pods(self) -> bool:
        """Whether it is about prefill and decode, and not about the pool."""
        return any(each.code.startswith(_PAIR) for each in self.findings)


def mixed_states(
    old: ServedModel,
    new: ServedModel,
    rolls: Collection[KubeObject],
    stay: Collection[KubeObject],
    known: Collection[Identity],
) -> Iterator[MixedState]:
    """The states between two of a served model in which something is wrong.

    Args:
        old: Before.
        new: After.
        rolls: The workloads, after, whose pods are replaced one after the other.
        stay: The workloads, before, that are not there after, and that the pool still selects.
        known: What is wrong before or after.
    """
    rolling = {key_of(each) for each in rolls}
    roles = [
        role
        for role in ("prefill", "decode")
        if any(key_of(each.object) in rolling for each in new.engines if each.role == role)
    ]
    if len(roles) == 2:
        for stays, turns in (("prefill", "decode"), ("decode", "prefill")):
            what = f"old {stays} runs with new {turns}"
            kept = [each.object for each in old.engines if each.role == stays]
            yield from _wrong(what, new, kept, stays, _PAIR, known)
    if rolling:
        kept = [each.object for each in old.engines if key_of(each.object) in rolling]
        yield from _wrong("old engines run with the new pool", new, kept, None, _MEMBERS, known)
    if stay:
        what = "old engines run beside the new ones"
        yield from _wrong(what, new, stay, None, (*_PAIR, *_MEMBERS), known)


def _wrong(
    what: str,
    new: ServedModel,
    kept: Iterable[KubeObject],
    role: str | None,
    codes: tuple[str, ...],
    known: Collection[Identity],
) -> Iterator[MixedState]:
    """A state in which some engines are those of before."""
    from cdk8s_inference.checks.check import check_topology
    from cdk8s_inference.checks.rule import RULES

    olds = {key_of(each): each for each in kept}
    if not olds:
        return
    objects: dict[Key, KubeObject] = {}
    for each in _objects(new, role):
        objects.setdefault(key_of(each), each)
    topology = read_topology(map(_document, [*({**objects, **olds}).values()]))
    rules = [rule for code, rule in RULES.items() if code.startswith(codes)]
    found = [
        each
        for each in check_topology(topology, rules=rules)
        if each.code.startswith(codes) and each.severity != "note"
        if identity(each, "") not in known
    ]
    if found:
        words = {each.code: (RULES[each.code].title, RULES[each.code].why) for each in found}
        yield MixedState(what, tuple(found), words)


def _objects(model: ServedModel, without: str | None) -> Iterator[KubeObject]:
    yield model.object
    for engine in model.engines:
        if without is None or engine.role != without:
            yield engine.object
        yield from (claim.object for claim in engine.claims)
    for picker in model.pickers:
        yield picker.object
        if picker.config is not None:
            yield picker.config.object
    yield from (service.object for service in model.services)


def _document(found: KubeObject) -> Document:
    data = found.root.value
    if found.root.path or not found.root.at("metadata", "namespace").text:
        metadata = {**(found.root["metadata"].value or {}), "namespace": found.namespace}
        return Document({**data, "metadata": metadata}, found.document.file)
    return found.document
