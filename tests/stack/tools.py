"""The delivery tools, and what each does with what it is given."""

from __future__ import annotations

import stat
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from cdk8s_inference import ArgoCD, Crossplane, Flux, K3s, Plain
from cdk8s_inference.releases.stack import GKE_DRIVER_ROOT, STACK_MODELPLANE, STACK_NEWEST
from cdk8s_inference.stack.delivery import Delivery
from cdk8s_inference.stack.props import StackProps
from tests.kit.server import Server

Manifest = Mapping[str, Any]

DELIVERIES: dict[str, Delivery] = {
    "flux": Flux(),
    "argocd": ArgoCD(),
    "crossplane": Crossplane(),
    "crossplane-v1": Crossplane(namespace=None),
    "k3s": K3s(),
}

STACKS = {
    "default": StackProps(),
    "modelplane": StackProps(versions=STACK_MODELPLANE),
}

GKE = GKE_DRIVER_ROOT

assert STACKS["default"].versions == STACK_NEWEST


def control_plane(name: str) -> Server:
    """A server with the tool, and nothing of the stack."""
    kinds: dict[tuple[str, str], bool] = {
        ("helm.toolkit.fluxcd.io", "HelmRelease"): True,
        ("kustomize.toolkit.fluxcd.io", "Kustomization"): True,
        ("source.toolkit.fluxcd.io", "HelmRepository"): True,
        ("source.toolkit.fluxcd.io", "OCIRepository"): True,
        ("argoproj.io", "Application"): True,
        ("helm.cattle.io", "HelmChart"): True,
        ("protection.crossplane.io", "Usage"): True,
        ("helm.m.crossplane.io", "Release"): True,
        ("kubernetes.m.crossplane.io", "Object"): True,
        ("apiextensions.crossplane.io", "Usage"): False,
        ("helm.crossplane.io", "Release"): False,
        ("kubernetes.crossplane.io", "Object"): False,
    }
    groups = {
        "flux": ("fluxcd.io",),
        "argocd": ("argoproj.io",),
        "k3s": ("cattle.io",),
        "crossplane": ("m.crossplane.io", "protection.crossplane.io"),
        "crossplane-v1": (
            "helm.crossplane.io",
            "kubernetes.crossplane.io",
            "apiextensions.crossplane.io",
        ),
    }[name]
    own = {kind: namespaced for kind, namespaced in kinds.items() if kind[0].endswith(groups)}
    namespaces = {"flux-system", "argocd", "crossplane-system", "default", "kube-system"}
    return Server(kinds=own, namespaces=namespaces)


@dataclass(frozen=True)
class Release:
    """A chart that a tool is told to install."""

    name: str
    namespace: str
    chart: str
    version: str
    values: Mapping[str, Any] = field(default_factory=dict)
    own_crds: bool = True
    after: tuple[str, ...] = ()
    wave: int = 0


def release_of(manifest: Manifest) -> Release | None:
    """The chart that an object installs, in whichever tool's words."""
    import yaml

    spec, kind = manifest.get("spec", {}), manifest["kind"]
    annotations = manifest["metadata"].get("annotations", {})
    if kind == "HelmRelease":
        inline = spec.get("chart", {}).get("spec", {})
        return Release(
            spec["releaseName"],
            spec["targetNamespace"],
            inline.get("chart", ""),
            inline.get("version", ""),
            spec.get("values", {}),
            spec["install"]["crds"] != "Skip",
            tuple(entry["name"] for entry in spec.get("dependsOn", ())),
        )
    if kind == "Application":
        source, helm = spec["source"], spec["source"]["helm"]
        return Release(
            helm["releaseName"],
            spec["destination"]["namespace"],
            source["chart"],
            source["targetRevision"],
            helm.get("valuesObject", {}),
            not helm.get("skipCrds", False),
            wave=int(annotations["argocd.argoproj.io/sync-wave"]),
        )
    if kind == "Release":
        parameters = spec["forProvider"]
        return Release(
            annotations["crossplane.io/external-name"],
            parameters["namespace"],
            parameters["chart"]["name"],
            parameters["chart"]["version"],
            parameters.get("values", {}),
            not parameters.get("skipCRDs", False),
        )
    if kind == "HelmChart":
        return Release(
            manifest["metadata"]["name"],
            spec["targetNamespace"],
            spec["chart"],
            spec["version"],
            yaml.safe_load(spec.get("valuesContent", "{}")),
        )
    return None


def target(manifest: Manifest) -> Manifest:
    """What the cluster gets that an object is for: Crossplane's are wrapped."""
    return manifest["spec"]["forProvider"]["manifest"] if manifest["kind"] == "Object" else manifest


def releases(manifests: Any) -> Iterator[Release]:
    """The charts that objects install, in order."""
    return (found for manifest in manifests if (found := release_of(manifest)) is not None)


CHART = """\
apiVersion: v1
kind: ConfigMap
metadata:
  name: RELEASE
data:
  rendered: by helm
"""
"""What stands for every chart's objects."""


def plain(folder: Path) -> Plain:
    """Plain delivery where there is no Helm and no chart."""
    return Plain(helm=str(fake_helm(folder, CHART)))


def fake_helm(folder: Path, output: str, *, fails: str = "") -> Path:
    """A ``helm`` that writes down its arguments and values, and answers with ``output``."""
    (folder / "output.yaml").write_text(output)
    program = folder / "helm"
    program.write_text(
        f"#!{sys.executable}\n"
        "import json, pathlib, sys\n"
        f"folder = pathlib.Path({str(folder)!r})\n"
        f"if {fails!r}:\n"
        f"    sys.exit({fails!r})\n"
        "arguments = sys.argv[1:]\n"
        "values = ''\n"
        "if '-f' in arguments:\n"
        "    place = arguments.index('-f')\n"
        "    values = pathlib.Path(arguments[place + 1]).read_text()\n"
        "    del arguments[place : place + 2]\n"
        "with (folder / 'calls.jsonl').open('a') as calls:\n"
        "    calls.write(json.dumps([arguments, values]) + '\\n')\n"
        "print((folder / 'output.yaml').read_text().replace('RELEASE', arguments[-2]))\n"
    )
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    return program


def with_props(name: str, **changes: Any) -> StackProps:
    """A stack's props, with some of them changed."""
    return replace(STACKS[name], **changes)
