"""What each tool is given: valid in its own API, and the same charts and values in all of them."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from syrupy.assertion import SnapshotAssertion

from cdk8s_inference import ArgoCD, Crossplane, DraDriver, Gateway
from cdk8s_inference.gateways import ISTIO
from cdk8s_inference.stack.component import stages
from cdk8s_inference.stack.delivery import Delivered, Delivery
from cdk8s_inference.stack.plan import plan
from cdk8s_inference.stack.props import StackProps
from tests.kit.synth import validated
from tests.stack.tools import DELIVERIES, GKE, STACKS, plain, releases, target
from tests.test_snapshots import YamlFile


def everything(found: Delivered) -> list[dict[str, Any]]:
    objects = [*found.foundation, *found.components, *found.gateway]
    plain: list[dict[str, Any]] = json.loads(json.dumps(objects))
    return plain


def elided(value: Any) -> Any:
    """With a CRD's body as its digest: it is the same in every tool, and very long."""
    if isinstance(value, dict):
        if value.get("kind") == "CustomResourceDefinition":
            body = json.dumps(value["spec"], sort_keys=True).encode()
            return {**value, "spec": f"sha256:{hashlib.sha256(body).hexdigest()}"}
        return {key: elided(child) for key, child in value.items()}
    return [elided(child) for child in value] if isinstance(value, list) else value


@pytest.mark.parametrize("delivery", [*DELIVERIES, "plain"])
@pytest.mark.parametrize("stack", STACKS)
def test_written(stack: str, delivery: str, tmp_path: Path, snapshot: SnapshotAssertion) -> None:
    tool = {**DELIVERIES, "plain": plain(tmp_path)}[delivery]
    objects = everything(tool.deliver(plan(STACKS[stack])))
    text = yaml.safe_dump_all(map(elided, objects), sort_keys=False, width=100)
    assert text == snapshot(extension_class=YamlFile)


@pytest.mark.parametrize("delivery", DELIVERIES)
@pytest.mark.parametrize("stack", STACKS)
def test_every_object_is_valid(stack: str, delivery: str) -> None:
    props = replace(STACKS[stack], devices=DraDriver(GKE))
    objects = everything(DELIVERIES[delivery].deliver(plan(props)))
    wrapped = [json.loads(json.dumps(target(entry))) for entry in objects]
    validated(objects)
    validated([entry for entry in wrapped if entry not in objects])


@pytest.mark.parametrize("delivery", DELIVERIES)
def test_the_stacks_own_objects_say_so(delivery: str) -> None:
    props = replace(STACKS["default"], devices=DraDriver(GKE), model_namespaces=["ml-team"])
    delivered = DELIVERIES[delivery].deliver(plan(props))
    named = set()
    for entry in everything(delivered):
        if entry["kind"] != "CustomResourceDefinition":
            labels = entry["metadata"]["labels"]
            assert labels["app.kubernetes.io/managed-by"] == "cdk8s-inference"
            assert labels["app.kubernetes.io/part-of"] == "serving-stack"
            named.add(labels["app.kubernetes.io/name"])
    assert {"cert-manager", "envoy-gateway", "inference-gateway", "ml-team"} <= named


@pytest.mark.parametrize("stack", STACKS)
@pytest.mark.parametrize("delivery", DELIVERIES.values(), ids=DELIVERIES)
def test_every_chart_is_delivered_as_planned(stack: str, delivery: Delivery) -> None:
    planned = plan(STACKS[stack])
    found = {release.name: release for release in releases(everything(delivery.deliver(planned)))}
    components = {c.name: c for stage in planned.stages for c in stage if c.chart}
    assert found.keys() == components.keys()
    for name, component in components.items():
        release = found[name]
        assert release.namespace == component.namespace
        assert release.values == component.values
        assert component.chart is not None
        assert not release.chart or release.chart.endswith(component.chart.name)
        assert not release.version or release.version == component.chart.version


@pytest.mark.parametrize("delivery", ["flux", "argocd", "crossplane", "crossplane-v1"])
def test_the_charts_leave_alone_the_crds_that_are_ours(delivery: str) -> None:
    objects = everything(DELIVERIES[delivery].deliver(plan(STACKS["default"])))
    ours = {release.name for release in releases(objects) if not release.own_crds}
    assert ours == {"envoy-gateway", "lws"}


def test_oci_charts_by_tool() -> None:
    """Each tool writes a registry's address in its own way."""
    planned = plan(STACKS["default"])

    def one(delivery: str, kind: str, name: str) -> Any:
        objects = everything(DELIVERIES[delivery].deliver(planned))
        return next(
            entry["spec"]
            for entry in objects
            if entry["kind"] == kind and entry["metadata"]["name"].endswith(name)
        )

    assert one("flux", "OCIRepository", "lws")["url"] == "oci://registry.k8s.io/lws/charts/lws"
    assert one("argocd", "Application", "lws")["source"]["repoURL"] == "registry.k8s.io/lws/charts"
    assert one("k3s", "HelmChart", "lws")["chart"] == "oci://registry.k8s.io/lws/charts/lws"
    chart = one("crossplane", "Release", "lws")["forProvider"]["chart"]
    assert chart == {
        "repository": "oci://registry.k8s.io/lws/charts",
        "name": "lws",
        "version": "v0.10.0",
    }


def test_stages_are_those_of_the_needs() -> None:
    planned = plan(STACKS["default"])
    flat = [component for stage in planned.stages for component in stage]
    assert stages(flat) == planned.stages


def test_argo_cd_and_istiod_agree_on_the_failure_policy() -> None:
    """istiod sets Fail; with the charts' Ignore, self-healing would set it back for ever."""
    found = ArgoCD().deliver(plan(StackProps(gateway=Gateway(provider=ISTIO))))
    values = {
        each["metadata"]["name"]: each["spec"]["source"]["helm"]["valuesObject"]
        for each in found.components
        if each["metadata"]["name"].startswith("istio")
    }
    assert {name: value["base"]["validationFailurePolicy"] for name, value in values.items()} == {
        "istio-base": "Fail",
        "istiod": "Fail",
    }


def test_a_failed_release_is_tried_again() -> None:
    """Without a limit provider-helm takes it for up to date; it gives a reconcile 10 minutes."""
    found = Crossplane().deliver(plan(StackProps())).components
    charts = [each for each in found if each["kind"] == "Release"]
    assert charts
    assert all(each["spec"]["rollbackLimit"] > 0 for each in charts)
    assert all(each["spec"]["forProvider"]["waitTimeout"] == "9m" for each in charts)
