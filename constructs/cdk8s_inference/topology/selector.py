"""Labels by which an object selects others."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

from cdk8s_inference.source import Cursor, is_placeholder
from cdk8s_inference.topology.kube_object import KubeObject, SourceValue, strings


@dataclass(frozen=True)
class Requirement:
    """What a selector asks of one label: an entry of ``matchExpressions``.

    Attributes:
        key: The label's key.
        operator: ``In``, ``NotIn``, ``Exists`` or ``DoesNotExist``.
        values: The values of the first two.
    """

    key: str
    operator: str
    values: tuple[str, ...] = ()

    def holds(self, labels: Mapping[str, str]) -> bool:
        """Whether labels are as asked; never for an operator that the API server refuses.

        ``NotIn`` holds without the label too, as Kubernetes has it.
        """
        if self.operator == "In":
            return labels.get(self.key) in self.values
        if self.operator == "NotIn":
            return labels.get(self.key) not in self.values
        if self.operator == "Exists":
            return self.key in labels
        return self.operator == "DoesNotExist" and self.key not in labels

    def __str__(self) -> str:
        if self.operator in ("Exists", "DoesNotExist"):
            return self.key if self.operator == "Exists" else f"!{self.key}"
        operator = {"In": "in", "NotIn": "notin"}.get(self.operator, self.operator)
        return f"{self.key} {operator} ({', '.join(self.values)})"


@dataclass(frozen=True)
class Selector:
    """What labels must be.

    Attributes:
        labels: Labels that must be there, with their values.
        requirements: What else must hold.
        selects_all: Whether it selects everything where it asks for nothing.
    """

    labels: Mapping[str, str]
    requirements: tuple[Requirement, ...] = ()
    selects_all: bool = False

    def __bool__(self) -> bool:
        """Whether it asks for anything."""
        return bool(self.labels or self.requirements)

    def __str__(self) -> str:
        labels = [str(dict(self.labels))] if self.labels or not self.requirements else []
        return " and ".join((*labels, *map(str, self.requirements)))

    @cached_property
    def keys(self) -> frozenset[str]:
        """The keys of the labels that it asks about."""
        return frozenset((*self.labels, *(each.key for each in self.requirements)))

    def wanted(self, key: str) -> Iterator[str]:
        """The values that it asks for of a label."""
        if key in self.labels:
            yield self.labels[key]
        for each in self.requirements:
            if (each.key, each.operator) == (key, "In"):
                yield from each.values

    def may_match(self, labels: Mapping[str, str]) -> bool:
        """Whether it selects what has these labels once their placeholders are replaced."""
        filled = {
            key: self.labels.get(key, value) if is_placeholder(value) else value
            for key, value in labels.items()
        }
        wanted = {
            key: filled.get(key, value) if is_placeholder(value) else value
            for key, value in self.labels.items()
        }
        return Selector(wanted, self.requirements, self.selects_all).matches(filled)

    def matches(self, labels: Mapping[str, str]) -> bool:
        """Whether it selects what has these labels."""
        if not self:
            return self.selects_all
        return self.labels.items() <= labels.items() and all(
            requirement.holds(labels) for requirement in self.requirements
        )


def label_selector(found: KubeObject, at: Cursor) -> SourceValue[Selector]:
    """A ``LabelSelector``: an empty one selects everything, one that is left out nothing."""
    labels, expressions = at["matchLabels"], at["matchExpressions"]
    requirements = tuple(
        Requirement(
            item["key"].text or "", item["operator"].text or "", tuple(item["values"].strings)
        )
        for item in expressions.items()
    )
    asks = (labels.value, expressions.value)
    empty = isinstance(at.value, Mapping) and all(each in (None, {}, []) for each in asks)
    return found.value_at(
        labels if labels.present or not requirements else expressions,
        Selector(strings(labels), requirements, selects_all=empty),
    )


def label_map(found: KubeObject, at: Cursor) -> SourceValue[Selector]:
    """Labels alone, as Services and pools have them: none select nothing."""
    return found.value_at(at, Selector(strings(at)))


def written_selector(text: str) -> Selector | None:
    """A selector as ``kubectl --selector`` and flags take it; None for what is none."""
    labels: dict[str, str] = {}
    requirements: list[Requirement] = []
    for term in _TERMS.findall(text):
        match = _TERM.fullmatch(term.strip())
        if match is None:
            return None
        key = match["key"]
        if match["equals"] is not None:
            value = match["equals"]
            if labels.setdefault(key, value) != value:
                requirements.append(Requirement(key, "In", (value,)))
        elif match["set"] is not None:
            operator = "NotIn" if match["word"] == "notin" else "In"
            values = tuple(value.strip() for value in match["set"].split(","))
            requirements.append(Requirement(key, operator, values))
        elif match["other"] is not None:
            requirements.append(Requirement(key, "NotIn", (match["other"],)))
        else:
            requirements.append(Requirement(key, "DoesNotExist" if match["no"] else "Exists"))
    return Selector(labels, tuple(requirements)) if labels or requirements else None


_TERMS = re.compile(r"(?:[^,()]|\([^()]*\))+")
_VALUE = r"[\w.-]*"
_TERM = re.compile(
    rf"(?P<no>!\s*)?(?P<key>[\w./-]+)\s*(?:==?\s*(?P<equals>{_VALUE})|!=\s*(?P<other>{_VALUE})"
    r"|(?P<word>in|notin)\s*\((?P<set>[^()]*)\))?"
)
