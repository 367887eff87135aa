"""The pods that workloads would have in a cluster, and what selects them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

Json = dict[str, Any]

LWS = "leaderworkerset.sigs.k8s.io"


@dataclass(frozen=True)
class Pod:
    """A pod: its workload's kind and name, its part in it, its labels."""

    kind: str
    workload: str
    part: str
    labels: dict[str, str]

    @property
    def name(self) -> str:
        return f"{self.workload}/{self.part}"


def pods(objects: list[Json]) -> list[Pod]:
    """The pods of the objects' workloads, with the labels that their controllers add."""
    return [pod for entry in objects for pod in _pods(entry)]


def _pods(entry: Json) -> Iterator[Pod]:
    kind, name, spec = entry["kind"], entry["metadata"]["name"], entry.get("spec", {})
    if kind == "Deployment":
        labels = {**spec["template"]["metadata"]["labels"], "pod-template-hash": "58d5fbb889"}
        yield Pod(kind, name, "pod", labels)
    elif kind == "LeaderWorkerSet":
        template = spec["leaderWorkerTemplate"]
        for group in range(spec["replicas"]):
            for index in range(template["size"]):
                part = "leaderTemplate" if index == 0 else "workerTemplate"
                owner = name if index == 0 else f"{name}-{group}"
                ordinal = group if index == 0 else index
                labels = {
                    **template[part]["metadata"]["labels"],
                    f"{LWS}/name": name,
                    f"{LWS}/group-index": str(group),
                    f"{LWS}/group-key": "0" * 40,
                    f"{LWS}/worker-index": str(index),
                    f"{LWS}/template-revision-hash": "58d5fbb889",
                    "apps.kubernetes.io/pod-index": str(ordinal),
                    "statefulset.kubernetes.io/pod-name": f"{owner}-{ordinal}",
                    "controller-revision-hash": f"{owner}-58d5fbb889",
                }
                yield Pod(kind, name, "leader" if index == 0 else "follower", labels)


def matches(selector: dict[str, str], labels: dict[str, str]) -> bool:
    return bool(selector) and selector.items() <= labels.items()


def selectors(objects: list[Json]) -> dict[tuple[str, str], dict[str, str]]:
    """The selector of every object that has one, by kind and name."""
    found = {}
    for entry in objects:
        key = entry["kind"], entry["metadata"]["name"]
        selector = entry.get("spec", {}).get("selector", {})
        if entry["kind"] == "Service":
            found[key] = selector
        elif entry["kind"] in ("Deployment", "InferencePool"):
            assert selector.keys() == {"matchLabels"}
            found[key] = selector["matchLabels"]
    return found


def selected(objects: list[Json], kind: str, name: str) -> list[str]:
    """The pods that an object selects."""
    selector = selectors(objects)[kind, name]
    return sorted({pod.name for pod in pods(objects) if matches(selector, pod.labels)})
