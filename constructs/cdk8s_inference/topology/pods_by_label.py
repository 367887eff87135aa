"""Pods by namespace and label, so that a selector is tried on those alone that it may match."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from itertools import chain

from cdk8s_inference.source import is_placeholder
from cdk8s_inference.topology.controller_labels import CONTROLLER_LABELS
from cdk8s_inference.topology.selector import Selector
from cdk8s_inference.topology.workload import Pods


class PodsByLabel:
    """All pods that were read. A folder has as many selectors as pods, so not each tries all."""

    def __init__(self, pods: Iterable[Pods]) -> None:
        self._all: dict[str, list[Pods]] = defaultdict(list)
        self._unsure: dict[str, list[Pods]] = defaultdict(list)
        self._labeled: dict[tuple[str, str, str], list[Pods]] = defaultdict(list)
        for each in pods:
            namespace = each.object.namespace
            self._all[namespace].append(each)
            if any(map(is_placeholder, each.labels.values())):
                self._unsure[namespace].append(each)
            for key, value in each.labels.items():
                self._labeled[namespace, key, value].append(each)

    def selected(self, namespace: str, selector: Selector) -> tuple[Pods, ...]:
        """The pods of a namespace that a selector matches."""
        candidates: Sequence[Pods] = self._all.get(namespace, ())
        for key, value in selector.labels.items():
            if key in CONTROLLER_LABELS:
                continue
            having = self._labeled.get((namespace, key, value), ())
            candidates = min(candidates, having, key=len)
        return tuple(each for each in candidates if each.selected_by(selector))

    def may_select_others(
        self, namespace: str, selector: Selector, selected: Sequence[Pods]
    ) -> bool:
        """Whether it may select further pods once placeholders are replaced, in names or labels."""
        unknown = is_placeholder(namespace)
        asks = any(map(is_placeholder, selector.labels.values()))
        near: Mapping[str, Sequence[Pods]] = self._all if asks else self._unsure
        candidates = chain(
            near.get(namespace, ()),
            *(
                there
                for name, there in self._all.items()
                if name != namespace and (unknown or is_placeholder(name))
            ),
        )
        return any(each not in selected and selector.may_match(each.labels) for each in candidates)
