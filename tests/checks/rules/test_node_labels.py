"""Which labels of PCI devices Node Feature Discovery makes, and which pods select nodes by."""

from __future__ import annotations

from typing import Any

import pytest

from cdk8s_inference import DevicePlugin, DraDriver, Flux
from cdk8s_inference.checks import check
from cdk8s_inference.source import Document
from cdk8s_inference.stack.plan import plan
from cdk8s_inference.stack.props import StackProps
from tests.kit.examples import base, objects_of
from tests.stack.test_delivered import everything
from tests.stack.tools import DELIVERIES

PREFIX = "feature.node.kubernetes.io/pci"
VENDOR = f"{PREFIX}-10de.present"
BOTH = f"{PREFIX}-0302_10de.present"


def told(objects: list[Any]) -> list[str]:
    found = check(map(Document, objects))
    return [each.message for each in found if each.code == "T820"]


def daemon_set(**spec: Any) -> dict[str, Any]:
    labels = {"app": "plugin"}
    container = {"name": "plugin", "image": "nvcr.io/nvidia/k8s-device-plugin:v0.20.0"}
    return {
        "apiVersion": "apps/v1",
        "kind": "DaemonSet",
        "metadata": {"name": "plugin", "namespace": "gpus"},
        "spec": {
            "selector": {"matchLabels": labels},
            "template": {
                "metadata": {"labels": labels},
                "spec": {"containers": [container], **spec},
            },
        },
    }


def selecting(label: str) -> dict[str, Any]:
    return daemon_set(nodeSelector={label: "true"})


def accepting(*labels: str) -> dict[str, Any]:
    terms = [
        {"matchExpressions": [{"key": label, "operator": "In", "values": ["true"]}]}
        for label in labels
    ]
    required = {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": terms}}
    return daemon_set(affinity={"nodeAffinity": required})


def configured(text: str) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "nfd-worker-conf", "namespace": "nfd"},
        "data": {"nfd-worker.conf": text},
    }


BY_VENDOR = configured("sources: {pci: {deviceLabelFields: [vendor]}}")


@pytest.mark.parametrize(
    ("objects", "expected"),
    [
        ([BY_VENDOR, selecting(VENDOR)], 0),
        ([BY_VENDOR, selecting(BOTH)], 1),
        ([configured("null"), selecting(BOTH)], 0),
        ([configured("null"), selecting(VENDOR)], 1),
        ([configured("null"), selecting(f"{PREFIX}-0200_15b3.present")], 1),
        ([configured("sources: {pci: {deviceClassWhitelist: ['02']}}"), selecting(BOTH)], 1),
        ([configured("sources: {custom: []}"), selecting(VENDOR)], 0),
        ([configured("sources: {pci: {deviceLabelFields: ['${FIELD}']}}"), selecting(VENDOR)], 0),
        ([selecting(VENDOR)], 0),
        ([configured("null"), accepting(VENDOR, "nvidia.com/gpu.present")], 1),
        ([configured("null"), accepting(VENDOR, "example.com/gpu")], 0),
        ([configured("null"), accepting(VENDOR, BOTH)], 0),
        ([configured("null"), accepting("nvidia.com/gpu.present")], 0),
    ],
)
def test_what_is_made_and_what_is_selected(objects: list[Any], expected: int) -> None:
    assert len(told(objects)) == expected


def test_both_names_are_told() -> None:
    (message,) = told([configured("null"), selecting(VENDOR)])
    assert VENDOR in message
    assert "pci-<class>_<vendor>.present, for the classes 03, 0b40, 12" in message


def test_a_rule_that_makes_the_label() -> None:
    (rule,) = objects_of(
        "apiVersion: nfd.k8s-sigs.io/v1alpha1\n"
        "kind: NodeFeatureRule\n"
        "metadata: {name: gpus}\n"
        "spec: {rules: [{name: gpus, labels: {pci-10de.present: 'true'}}]}\n"
    )
    assert told([configured("null"), selecting(VENDOR), rule]) == []


def test_a_chart_whose_values_are_elsewhere_may_make_any() -> None:
    objects = base("substrate")
    (release,) = (each for each in objects if (each["kind"], each["metadata"]["name"]) == NFD)
    assert len(told([*objects, selecting(VENDOR)])) == 1
    release["spec"]["valuesFrom"] = [{"kind": "ConfigMap", "name": "nfd"}]
    assert told([*objects, selecting(VENDOR)]) == []


NFD = ("HelmRelease", "nfd")


@pytest.mark.parametrize("delivery", ["flux", "argocd", "crossplane", "k3s"])
def test_our_stack_labels_nodes_for_its_device_plugin(delivery: str) -> None:
    props = StackProps(devices=DevicePlugin())
    assert told(everything(DELIVERIES[delivery].deliver(plan(props)))) == []


def test_the_charts_own_affinity() -> None:
    """As the stack was without a configuration of Node Feature Discovery."""
    plugin, nfd = (
        everything(Flux().deliver(plan(StackProps(devices=devices))))
        for devices in (DevicePlugin(), DraDriver())
    )
    name = "nvidia-device-plugin"
    added = [each for each in plugin if each["metadata"]["name"] == name]
    assert len(told([*nfd, *added])) == 1
    for each in added:
        if each["kind"] == "HelmRelease":
            each["spec"]["values"] = {"gfd": {"enabled": True}}
    assert told([*nfd, *added]) == []
