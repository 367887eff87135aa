from __future__ import annotations

import json
from typing import Any

import pytest

from cdk8s_inference.source import Document
from cdk8s_inference.stack.plan import plan
from cdk8s_inference.topology import ChartRelease, read_topology
from tests.stack.tools import DELIVERIES, STACKS


def read(*objects: Any) -> tuple[ChartRelease, ...]:
    return read_topology([Document(each) for each in objects]).chart_releases


@pytest.mark.parametrize("tool", DELIVERIES)
def test_each_tools_objects_are_read_as_they_are_delivered(tool: str) -> None:
    planned = plan(STACKS["default"])
    wanted = {
        component.chart.name: component
        for stage in planned.stages
        for component in stage
        if component.chart
    }
    components = DELIVERIES[tool].deliver(planned).components
    found = {each.chart.value: each for each in read(*json.loads(json.dumps(components)))}
    assert found.keys() == wanted.keys()
    for chart, release in found.items():
        component = wanted[chart]
        assert component.chart is not None
        assert release.version is not None
        assert release.version.value == component.chart.version
        assert (release.name.value, release.namespace) == (component.name, component.namespace)
        assert release.values is not None
        assert (release.values.value or {}) == component.values
        replaces = tool in ("flux", "argocd") and component.brings_own_crds
        assert release.replaces_crds == replaces


FLUX = {
    "apiVersion": "helm.toolkit.fluxcd.io/v2",
    "kind": "HelmRelease",
    "metadata": {"name": "gpus", "namespace": "flux-system"},
}
SOURCE = {"chart": {"spec": {"chart": "lws", "version": "v0.10.0"}}}


@pytest.mark.parametrize(
    ("target", "name", "namespace"),
    [
        ({}, "gpus", "flux-system"),
        ({"targetNamespace": "lws"}, "lws-gpus", "lws"),
        ({"targetNamespace": "lws", "releaseName": "it"}, "it", "lws"),
    ],
    ids=str,
)
def test_flux_names_a_release(target: dict[str, str], name: str, namespace: str) -> None:
    (release,) = read({**FLUX, "spec": {**SOURCE, **target}})
    assert (release.name.value, release.namespace) == (name, namespace)


def test_values_from_elsewhere_are_not_known() -> None:
    spec = {**SOURCE, "valuesFrom": [{"kind": "ConfigMap", "name": "more"}], "values": {"a": 1}}
    (release,) = read({**FLUX, "spec": spec})
    assert release.values is None


def test_a_source_that_was_not_read() -> None:
    assert read({**FLUX, "spec": {"chartRef": {"kind": "OCIRepository", "name": "lws"}}}) == ()


@pytest.mark.parametrize("text", ["worker: {a: 1}", "worker: [", "", "a: 1\n---\nb: 2"])
def test_values_in_a_string(text: str) -> None:
    (release,) = read(
        {
            "apiVersion": "helm.cattle.io/v1",
            "kind": "HelmChart",
            "metadata": {"name": "nfd"},
            "spec": {"chart": "oci://example.com/nfd", "valuesContent": text},
        }
    )
    assert release.values is not None
    assert release.values.value == ({"worker": {"a": 1}} if text == "worker: {a: 1}" else None)
    assert release.values["worker"].path == ("spec", "valuesContent", "worker")


def test_what_crossplane_makes_is_read() -> None:
    quota = {"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "q"}}
    wrapped = {
        "apiVersion": "kubernetes.crossplane.io/v1alpha2",
        "kind": "Object",
        "metadata": {"name": "quota"},
        "spec": {"forProvider": {"manifest": quota}},
    }
    topology = read_topology([Document(wrapped)])
    (found,) = topology.of_kind("ResourceQuota")
    assert found.name == "q"
    assert found.here.place.path == "metadata.name"
