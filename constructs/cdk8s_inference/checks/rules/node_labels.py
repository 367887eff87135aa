"""Labels of PCI devices: whether Node Feature Discovery makes those that pods select nodes by."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from cdk8s_inference.checks.rule import rule
from cdk8s_inference.findings import Violation
from cdk8s_inference.findings.example import manifests
from cdk8s_inference.source import Cursor, has_placeholder
from cdk8s_inference.topology import KubeObject, SourceValue, Topology
from cdk8s_inference.topology.chart_release import (
    NODE_FEATURE_DISCOVERY,
    ChartRelease,
    yaml_in,
)

_PREFIX = "feature.node.kubernetes.io/"
_PCI = re.compile(rf"{_PREFIX}pci-(?P<device>[0-9a-f_]+)\.(?:present|sriov\.capable)")

_FIELDS = ("class", "vendor", "device", "subsystem_vendor", "subsystem_device")
"""The parts of a label's name, in the order in which they are in it."""

_DEFAULT_FIELDS = ("class", "vendor")
_DEFAULT_CLASSES = ("03", "0b40", "12")


@rule(
    "T820",
    "warning",
    "Pods select nodes by a label of PCI devices that Node Feature Discovery does not make",
    why="The pods are scheduled on no node, unless somebody sets another label that they accept. "
    "Without the pods of a device plugin, nodes offer no GPU, and serving pods stay pending.",
    evidence="Node Feature Discovery v0.19, source/pci: the name of a label has the parts of "
    "deviceLabelFields, by default class and vendor, for devices of deviceClassWhitelist. NVIDIA's "
    "device plugin 0.20.0 requires pci-10de.present.",
    fix="set sources.pci.deviceLabelFields and deviceClassWhitelist in the worker's configuration "
    "to those of the label, such as deviceLabelFields: [vendor]",
    example=manifests(
        "substrate",
        added="""\
apiVersion: apps/v1
kind: DaemonSet
metadata: {name: nvidia-device-plugin, namespace: gpus}
spec:
  selector: {matchLabels: {app: nvidia-device-plugin}}
  template:
    metadata: {labels: {app: nvidia-device-plugin}}
    spec:
      nodeSelector: {feature.node.kubernetes.io/pci-10de.present: "true"}
      containers:
        - {name: plugin, image: "nvcr.io/nvidia/k8s-device-plugin:v0.20.0"}
""",
    ),
)
def label_not_made(topology: Topology) -> Iterator[Violation]:
    made = list(_made(topology))
    if not made or None in made:
        return  # None that was read, or one whose configuration was not.
    sources = [source for source in made if source is not None]
    for required in _required(topology):
        labels = [label for label in required.labels if not _has_rule(topology, label)]
        if labels and not any(source.makes(label) for source in sources for label in labels):
            yield Violation(
                required.at,
                f"it selects nodes by {labels[0]}, and Node Feature Discovery names its labels "
                f"{sources[0].pattern}",
                sources[0].at,
            )


@dataclass(frozen=True)
class _Pci:
    """How a worker of Node Feature Discovery labels the PCI devices of its node."""

    at: SourceValue[str]
    fields: Sequence[str]
    classes: Sequence[str]

    @property
    def pattern(self) -> str:
        """The form of its labels."""
        parts = "_".join(f"<{field}>" for field in self.fields)
        return f"pci-{parts}.present, for the classes {', '.join(self.classes)}"

    def makes(self, label: str) -> bool:
        """Whether a label may be one of its own."""
        match = _PCI.fullmatch(label)
        parts = match["device"].split("_") if match else []
        named = dict(zip(self.fields, parts, strict=False))
        return len(parts) == len(self.fields) and named.get("class", "").startswith(
            tuple(each.lower() for each in self.classes) if "class" in named else ""
        )


def _made(topology: Topology) -> Iterator[_Pci | None]:
    """What each worker that was read makes; None where its configuration was not."""
    for release in topology.charts(NODE_FEATURE_DISCOVERY):
        values = release.values
        config = values.at("worker", "config") if values is not None else None
        yield _pci(release.object, config, "values") if config is not None else None
    if any(map(_brings_its_own, topology.chart_releases)):
        yield None
    configured = False
    for found in topology.of_kind("ConfigMap"):
        at = found.at("data", "nfd-worker.conf")
        if at.present:
            configured = True
            yield _pci(found, yaml_in(at), "nfd-worker.conf")
    for _, container in topology.running("node-feature-discovery"):
        if not configured and any(word.value.endswith("nfd-worker") for word in container.words):
            yield None


def _brings_its_own(release: ChartRelease) -> bool:
    """Whether a chart installs Node Feature Discovery too, with a configuration that suits it."""
    if release.chart.value == "gpu-operator":
        return True
    values = release.values
    return release.chart.value in _CHARTS and (
        values is None or any(values.at(part, "enabled").value is True for part in ("nfd", "gfd"))
    )


def _pci(owner: KubeObject, config: Cursor, name: str) -> _Pci | None:
    at = config.at("sources", "pci")
    custom = config.at("sources", "custom").present
    fields = [item.text or "" for item in at["deviceLabelFields"].items()]
    classes = [item.text or "" for item in at["deviceClassWhitelist"].items()]
    if custom or any(map(has_placeholder, (*fields, *classes))):
        return None
    known = [field for field in _FIELDS if field in fields]
    return _Pci(owner.value_at(at, name), known or _DEFAULT_FIELDS, classes or _DEFAULT_CLASSES)


@dataclass(frozen=True)
class _Required:
    """Labels of PCI devices, one of which a node must have."""

    at: SourceValue[str]
    labels: Sequence[str]


def _required(topology: Topology) -> Iterator[_Required]:
    for pods in topology.pods:
        if pods.workload.is_controlled:
            continue
        spec = pods.at.at("spec")
        for key, at in spec["nodeSelector"].fields():
            if _PCI.fullmatch(key):
                yield _Required(pods.object.value_at(at, key), [key])
        affinity = spec.at("affinity", "nodeAffinity", _REQUIRED)
        labels = _labels_of_terms(affinity["nodeSelectorTerms"])
        if labels:
            yield _Required(pods.object.value_at(affinity, "affinity"), labels)
    for release in topology.charts(*_CHARTS):
        if release.values is not None and not release.values["affinity"].present:
            yield _Required(release.chart, [_CHARTS[release.chart.value]])


_REQUIRED = "requiredDuringSchedulingIgnoredDuringExecution"

_CHARTS: Mapping[str, str] = {"nvidia-device-plugin": f"{_PREFIX}pci-10de.present"}
"""The label of PCI devices that the affinity of a chart accepts, where no value changes it."""

_BESIDE = frozenset({f"{_PREFIX}cpu-model.vendor_id", "nvidia.com/gpu.present"})
"""Labels that NVIDIA's charts accept in place of those of PCI devices: of integrated GPUs, and what
its device plugin, once it runs, has GPU feature discovery set."""


def _labels_of_terms(terms: Cursor) -> list[str]:
    """The labels of PCI devices that terms accept; none where other labels are enough."""
    labels = []
    for term in terms.items():
        keys = [
            each["key"].text or ""
            for each in term["matchExpressions"].items()
            if each["operator"].text in ("In", "Exists")
        ]
        pci = [key for key in keys if _PCI.fullmatch(key)]
        if not pci and not (keys and _BESIDE.issuperset(keys)):
            return []
        labels += pci
    return labels


def _has_rule(topology: Topology, label: str) -> bool:
    """Whether a rule of Node Feature Discovery may make a label."""
    for found in topology.of_kind("NodeFeatureRule", "NodeFeature"):
        for place in found.at("spec").descendants():
            if place.path[-1] in (label, label.removeprefix(_PREFIX), "labelsTemplate"):
                return True
    return False
