"""A Helm chart that a tool in the cluster installs: Flux, Argo CD, k3s or Crossplane."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from cdk8s_inference.source import Cursor, read
from cdk8s_inference.topology.kube_object import KubeObject, SourceValue

AI_GATEWAY = "ai-gateway-helm"
DRA_DRIVER = "dra-driver-nvidia-gpu"
ENVOY_GATEWAY = "gateway-helm"
NODE_FEATURE_DISCOVERY = "node-feature-discovery"
"""Charts by the names that their projects publish them under."""


@dataclass(frozen=True, eq=False)
class ChartRelease:
    """A Helm chart, and how it is installed.

    Attributes:
        object: The object that the tool reads.
        chart: The chart's name, without its repository.
        version: The chart's version, where it is written.
        name: The Helm release's name.
        namespace: Where the chart goes.
        values: The chart's values; None where some of them are elsewhere.
        replaces_crds: Whether the tool applies the chart's ``crds/`` over those that are there,
            which Helm itself never does.
    """

    object: KubeObject
    chart: SourceValue[str]
    version: SourceValue[str] | None
    name: SourceValue[str]
    namespace: str
    values: Cursor | None
    replaces_crds: bool = False


def chart_releases(objects: Sequence[KubeObject]) -> Iterator[ChartRelease]:
    """The charts that are installed by objects of any tool."""
    for found in objects:
        tool = (found.group, found.kind)
        if tool == ("helm.toolkit.fluxcd.io", "HelmRelease"):
            yield from _of_flux(found, objects)
        elif tool == ("argoproj.io", "Application"):
            yield from _of_argo(found)
        elif tool == ("helm.cattle.io", "HelmChart"):
            yield from _of_k3s(found)
        elif found.kind == "Release" and found.group in _CROSSPLANE:
            yield from _of_crossplane(found)


_CROSSPLANE = ("helm.crossplane.io", "helm.m.crossplane.io")


def _of_flux(found: KubeObject, objects: Sequence[KubeObject]) -> Iterator[ChartRelease]:
    spec = found.at("spec")
    chart = _last(found, spec.at("chart", "spec", "chart"))
    version = found.text(spec.at("chart", "spec", "version"))
    reference = spec["chartRef"]
    namespace = reference["namespace"].text or found.namespace
    for source in objects:
        key = (source.kind, source.namespace, source.name)
        if key == ("OCIRepository", namespace, reference["name"].text):
            chart = _last(source, source.at("spec", "url"))
            version = source.text(source.at("spec", "ref", "tag"))
    if chart is None:
        return
    target = spec["targetNamespace"].text
    usual = f"{target}-{found.name}" if target else found.name
    crds = {spec.at(action, "crds").text for action in ("install", "upgrade")}
    yield ChartRelease(
        found,
        chart,
        version,
        found.text(spec["releaseName"]) or found.here.of(usual),
        target or found.namespace,
        None if spec["valuesFrom"].present else spec["values"],
        "CreateReplace" in crds,
    )


def _of_argo(found: KubeObject) -> Iterator[ChartRelease]:
    spec = found.at("spec")
    for source in (spec["source"], *spec["sources"].items()):
        chart = _last(found, source["chart"])
        if chart is None:
            continue
        helm = source["helm"]
        elsewhere = any(helm[key].present for key in ("valueFiles", "parameters", "fileParameters"))
        values = helm["valuesObject"] if helm["valuesObject"].present else yaml_in(helm["values"])
        yield ChartRelease(
            found,
            chart,
            found.text(source["targetRevision"]),
            found.text(helm["releaseName"]) or found.here,
            spec.at("destination", "namespace").text or found.namespace,
            None if elsewhere else values,
            helm["skipCrds"].value is not True,
        )


def _of_k3s(found: KubeObject) -> Iterator[ChartRelease]:
    spec = found.at("spec")
    chart = _last(found, spec["chart"])
    if chart is None:
        return
    elsewhere = spec["set"].present or spec["valuesSecrets"].present
    yield ChartRelease(
        found,
        chart,
        found.text(spec["version"]),
        found.here,
        spec["targetNamespace"].text or found.namespace,
        None if elsewhere else yaml_in(spec["valuesContent"]),
    )


def _of_crossplane(found: KubeObject) -> Iterator[ChartRelease]:
    parameters = found.at("spec", "forProvider")
    chart = _last(found, parameters.at("chart", "name"))
    if chart is None:
        return
    # A value that all charts share, such as one that says what is installed, changes none of these.
    chosen = [item["name"].text or "" for item in parameters["set"].items()]
    elsewhere = parameters["valuesFrom"].present or not all(
        name.startswith("global.") for name in chosen
    )
    name = found.at("metadata", "annotations", "crossplane.io/external-name")
    yield ChartRelease(
        found,
        chart,
        found.text(parameters.at("chart", "version")),
        found.text(name) or found.here,
        parameters["namespace"].text or "default",
        None if elsewhere else parameters["values"],
    )


def _last(found: KubeObject, at: Cursor) -> SourceValue[str] | None:
    """A chart's name: the last part of an address."""
    return None if not at.text else found.value_at(at, at.text.rstrip("/").rpartition("/")[2])


def yaml_in(at: Cursor) -> Cursor:
    """What a string holds as YAML, at the string's place; nothing where it is no YAML."""
    documents, _ = read((at.text or "").encode())
    return Cursor(documents[0].data if len(documents) == 1 else None, at.path)
