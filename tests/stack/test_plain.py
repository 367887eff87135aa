"""Plain delivery: what Helm renders, in an order that kubectl can apply."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest
import yaml

from cdk8s_inference import Component, HelmChart, Plain, names
from cdk8s_inference.stack.delivery import Delivered, Plan
from cdk8s_inference.stack.delivery.plain import CannotRender
from tests.stack.tools import fake_helm

OUTPUT = """\
apiVersion: apps/v1
kind: Deployment
metadata: {name: RELEASE}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: RELEASE}
---
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: things.example.com}
---
apiVersion: v1
kind: ServiceAccount
metadata: {name: elsewhere, namespace: kube-system}
---
apiVersion: batch/v1
kind: Job
metadata: {name: certificates, annotations: {helm.sh/hook: "pre-install, pre-upgrade"}}
---
apiVersion: v1
kind: ServiceAccount
metadata:
  name: before
  annotations: {helm.sh/hook: pre-install, helm.sh/hook-weight: "-1"}
---
apiVersion: batch/v1
kind: Job
metadata: {name: check, annotations: {helm.sh/hook: post-install}}
---
apiVersion: batch/v1
kind: Job
metadata: {name: clean-up, annotations: {helm.sh/hook: post-delete}}
---
apiVersion: v1
kind: Pod
metadata: {name: test, annotations: {helm.sh/hook: test}}
"""

OURS = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "keda"}}
QUOTA = {
    "apiVersion": "v1",
    "kind": "ResourceQuota",
    "metadata": {"name": "q", "namespace": "keda"},
}
CRD = {"kind": "CustomResourceDefinition", "metadata": {"name": "ours"}}


def component(url: str = "https://charts.example.com", **changes: object) -> Component:
    chart = HelmChart(url, "keda", "2.18.0")
    fields = {"values": {"replicas": 2}, "manifests": [QUOTA], **changes}
    return Component("keda", "keda", chart, **fields)  # type: ignore[arg-type]


def delivered(tool: Plain, *components: Component) -> Delivered:
    return tool.deliver(Plan([OURS], [components], [{"kind": "Gateway", "metadata": {}}]))


def test_what_runs_before_the_chart_and_after_and_never(tmp_path: Path) -> None:
    found = delivered(Plain(str(fake_helm(tmp_path, OUTPUT))), component())
    assert [entry["metadata"]["name"] for entry in found.foundation] == [
        "keda",
        "things.example.com",
    ]
    assert [
        (entry["kind"], entry["metadata"]["name"], entry["metadata"].get("namespace"))
        for entry in found.components
    ] == [
        ("ResourceQuota", "q", "keda"),
        ("ServiceAccount", "before", "keda"),
        ("Job", _named("certificates"), "keda"),
        ("Deployment", "keda", "keda"),
        ("ClusterRole", "keda", None),
        ("ServiceAccount", "elsewhere", "kube-system"),
        ("Job", _named("check"), "keda"),
    ]
    assert [entry["kind"] for entry in found.gateway] == ["Gateway"]


def _named(job: str) -> str:
    return names.join(job, hashlib.sha256(b"null").hexdigest()[:8])


def test_a_job_whose_template_changes_has_another_name(tmp_path: Path) -> None:
    """An API server refuses to change the template of a Job that is there."""

    def job(image: str) -> str:
        spec = f"spec: {{template: {{spec: {{image: {image}}}}}}}"
        text = OUTPUT.replace("metadata: {name: check,", f"{spec}\nmetadata: {{name: check,")
        found = delivered(Plain(str(fake_helm(tmp_path, text))), component())
        return str(found.components[-1]["metadata"]["name"])

    assert job("a:1") == job("a:1") != job("a:2")


def test_crds_have_no_prose(tmp_path: Path) -> None:
    """What a client-side apply keeps of an object in an annotation has at most 256 KiB."""
    described = {"type": "object", "description": "x" * 300_000}
    version = {"name": "v1", "schema": {"openAPIV3Schema": described}}
    crd = {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": "things.example.com"},
        "spec": {"versions": [version]},
    }
    found = delivered(Plain(str(fake_helm(tmp_path, yaml.safe_dump(crd)))), component())
    (_, written) = found.foundation
    assert written["spec"]["versions"] == [
        {"name": "v1", "schema": {"openAPIV3Schema": {"type": "object"}}}
    ]


def test_helm_is_asked_for_the_chart(tmp_path: Path) -> None:
    helm = str(fake_helm(tmp_path, OUTPUT))
    delivered(Plain(helm, kubernetes="1.34.0"), component())
    delivered(Plain(helm), component("oci://registry.example.com/charts", crds=[CRD], values={}))
    calls = [json.loads(line) for line in (tmp_path / "calls.jsonl").read_text().splitlines()]
    (first, values), (second, nothing) = calls
    assert first == [
        "template",
        "--repo",
        "https://charts.example.com",
        "--version",
        "2.18.0",
        "--namespace",
        "keda",
        "--include-crds",
        "--kube-version",
        "1.34.0",
        "keda",
        "keda",
    ]
    assert yaml.safe_load(values) == {"replicas": 2}
    assert second == [
        "template",
        "--version",
        "2.18.0",
        "--namespace",
        "keda",
        "keda",
        "oci://registry.example.com/charts/keda",
    ]
    assert nothing == ""


def test_without_helm_it_says_what_to_do() -> None:
    with pytest.raises(CannotRender, match="'no-such-helm', which is not installed") as raised:
        delivered(Plain("no-such-helm"), component())
    assert "Flux" in str(raised.value)


def test_without_the_network_it_says_so(tmp_path: Path) -> None:
    helm = fake_helm(tmp_path, OUTPUT, fails="Error: could not resolve charts.example.com")
    with pytest.raises(CannotRender) as raised:
        delivered(Plain(str(helm)), component())
    text = str(raised.value)
    assert "cannot render keda 2.18.0 from https://charts.example.com" in text
    assert "could not resolve charts.example.com" in text
    assert "\n    at " not in text
