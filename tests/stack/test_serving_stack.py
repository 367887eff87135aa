"""The construct: files in order, beside deployments and within their charts."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from cdk8s import App, Chart

from cdk8s_inference import (
    Component,
    Flux,
    Gateway,
    HelmChart,
    InferenceWarning,
    InvalidInput,
    K3s,
    Listener,
    ModelDeployment,
    Platform,
    ServingStack,
)
from cdk8s_inference.releases.crds import crds_of
from cdk8s_inference.releases.stack import STACK_NEWEST
from tests.document import builders
from tests.document.builders import standalone
from tests.document.test_serving_stack import SMALLEST
from tests.kit.server import Server
from tests.kit.synth import synthesized, the
from tests.stack.tools import control_plane

ALL_PRESENT: list[Any] = [
    "gateway-api",
    "inference-extension",
    "cert-manager",
    "lws",
    "ai-gateway-crds",
    "ai-gateway",
    "envoy-gateway",
    "node-feature-discovery",
]
"""The smallest stack, since CRDs take most of the time: only the gateway and its namespace."""

SMALL: Mapping[str, Any] = {"present": ALL_PRESENT, "devices": None, "monitoring": None}


def deployment(app: Any, platform: Platform) -> ModelDeployment:
    document = builders.document(standalone("engine", "--port=8000"))
    return ModelDeployment.from_document(app, "aa", document, platform=platform)


def written(folder: Path) -> dict[str, list[dict[str, Any]]]:
    return {
        path.name: [entry for entry in yaml.load_all(path.read_text(), yaml.CSafeLoader) if entry]
        for path in sorted(folder.iterdir())
    }


def test_files_in_order_and_deployments_after_them(tmp_path: Path) -> None:
    app = App(outdir=str(tmp_path))
    stack = ServingStack(app, "stack", model_namespaces=["ml-team"])
    deployment(app, Platform(gateway=stack.gateway))
    app.synth()
    files = written(tmp_path)
    assert [name.split(".")[0].rsplit("-c8", 1)[0] for name in files] == [
        "0000-stack-foundation",
        "0001-stack-components",
        "0002-stack",
        "0003-aa",
    ]
    server = control_plane("flux")
    for objects in files.values():
        server.apply_all(objects)
    route = the(server.objects, "HTTPRoute")  # type: ignore[arg-type]
    gateway = the(server.objects, "Gateway")  # type: ignore[arg-type]
    assert route["spec"]["parentRefs"] == [
        {
            "group": "gateway.networking.k8s.io",
            "kind": "Gateway",
            "namespace": gateway["metadata"]["namespace"],
            "name": gateway["metadata"]["name"],
        }
    ]


def test_within_a_chart_of_its_users(tmp_path: Path) -> None:
    """A self-contained bundle: the stack's files come before those of the chart it is in."""
    app = App(outdir=str(tmp_path))
    model = deployment(app, Platform())
    ServingStack(model, "stack", **SMALL)
    app.synth()
    files = written(tmp_path)
    assert [name.split("-c8")[0] for name in files] == [
        "0000-aa-stack-foundation",
        "0001-aa-stack-components",
        "0002-aa-stack",
        "0003-aa.k8s.yaml",
    ]
    assert the(list(files.values())[2], "Gateway")


def test_routes_attach_to_one_listener_of_the_stack() -> None:
    app = App()
    stack = ServingStack(app, "stack", gateway=Gateway("edge", "models"), **SMALL)
    only = replace(stack.gateway, section_name="https")
    objects = synthesized(deployment(app, Platform(gateway=only)))
    (parent,) = the(objects, "HTTPRoute")["spec"]["parentRefs"]
    assert (parent["namespace"], parent["name"]) == ("edge", "models")
    assert parent["sectionName"] == "https"


def test_a_gateway_of_another_app_orders_nothing() -> None:
    stack = ServingStack(App(), "stack", **SMALL)
    model = deployment(App(), Platform(gateway=stack.gateway))
    assert not model.node.dependencies
    assert stack.gateway == Gateway()


def test_what_is_present_is_not_composed() -> None:
    stack = ServingStack(App(), "stack", **SMALL)
    assert synthesized(stack.components) == []
    namespaces = synthesized(stack.foundation)
    assert [entry["metadata"]["name"] for entry in namespaces] == ["modelplane-system"]
    assert [entry["kind"] for entry in synthesized(stack)] == [
        "EnvoyProxy",
        "GatewayClass",
        "Gateway",
    ]


def test_another_component_with_its_crds_and_objects() -> None:
    (crd, *_) = crds_of("gateway-api-inference-extension", "v1.6.0")
    secret = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "before", "namespace": "keda", "annotations": {"a": "b"}},
        "data": {"a": "b"},
    }
    keda = Component(
        "keda",
        "keda",
        HelmChart("https://charts.example.com", "keda", "2.18.0"),
        values={"replicas": 2},
        crds=[crd],
        manifests=[secret],
    )
    stack = ServingStack(App(), "stack", extra=[keda], delivery=K3s(), **SMALL)
    before, chart = synthesized(stack.components)
    assert before == secret
    assert chart["spec"]["valuesContent"] == "replicas: 2\n"
    assert the(synthesized(stack.foundation), "Namespace", "keda")
    assert the(synthesized(stack.foundation), "CustomResourceDefinition") == crd


def test_two_default_gateways_are_refused_and_nothing_is_left_behind() -> None:
    app = App()
    ServingStack(app, "one", **SMALL)
    with pytest.raises(InvalidInput) as raised:
        ServingStack(Chart(app, "other"), "two", **SMALL)
    (finding,) = raised.value.findings
    assert finding.code == "S109"
    assert "stack one of this app also composes" in finding.message
    assert "Gateway modelplane-system/inference-gateway" in finding.message
    assert [node.node.id for node in app.node.children] == ["one", "other"]


def test_an_object_that_is_there_twice_is_refused() -> None:
    extra = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a", "namespace": "b"}}
    twice = [Component("x", manifests=[extra]), Component("y", manifests=[extra])]
    with pytest.raises(InvalidInput, match="ConfigMap b/a is composed twice"):
        ServingStack(App(), "stack", extra=twice, **SMALL)


def test_a_second_gateway_for_one_cluster() -> None:
    app = App()
    ServingStack(app, "one", **SMALL)
    second = ServingStack(
        app,
        "two",
        gateway=Gateway("modelplane-system", "internal"),
        gateway_class="envoy-internal",
        listeners=[Listener.http(port=8080)],
        **SMALL,
    )
    objects = synthesized(app)
    assert len([entry for entry in objects if entry["kind"] == "Gateway"]) == 2
    assert len([entry for entry in objects if entry["kind"] == "Namespace"]) == 1
    assert synthesized(second.foundation) == []


def test_two_apps_are_two_clusters() -> None:
    assert ServingStack(App(), "stack", **SMALL).gateway == Gateway()
    assert ServingStack(App(), "stack", **SMALL).gateway == Gateway()


def test_a_stack_that_breaks_rules_says_them_all() -> None:
    app = App()
    with pytest.raises(InvalidInput) as raised:
        ServingStack(app, "stack", without=["inference-extension"], listeners=[])
    assert {finding.code for finding in raised.value.findings} == {"S103", "S106"}
    assert app.node.children == []


def test_a_warning_points_at_the_users_line() -> None:
    versions = {"envoyGateway": "v1.8.9"}
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        ServingStack(
            App(),
            "stack",
            versions=replace(STACK_NEWEST, envoy_gateway="v1.8.9"),
            allow_untested=True,
        )
        document = builders.edited(SMALLEST, "spec.versions", versions)
        ServingStack.from_document(App(), "stack", document, allow_untested=True)
    assert len(caught) >= 2
    assert {warning.filename for warning in caught} == {__file__}


def test_a_release_that_is_not_known_warns_and_takes_the_nearest_crds() -> None:
    versions = replace(STACK_NEWEST, envoy_gateway="v1.8.9")
    with pytest.warns(InferenceWarning, match=r"S104.*v1\.8\.9 is not known"):
        stack = ServingStack(App(), "stack", versions=versions)
    assert {finding.severity for finding in stack.findings} == {"warning"}
    server = Server()
    server.apply_all(stack.foundation.to_json())
    known = {
        crd["spec"]["names"]["kind"]: crd["spec"] for crd in crds_of("envoy-gateway", "v1.8.3")
    }
    for entry in server.objects:
        if entry["kind"] == "CustomResourceDefinition":
            kind = entry["spec"]["names"]["kind"]
            assert entry["spec"] == known.get(kind, entry["spec"])
    assert ("gateway.envoyproxy.io", "EnvoyProxy") in server.kinds


def test_twice_the_same() -> None:
    def text() -> str:
        app = App()
        ServingStack(app, "stack", delivery=Flux(namespace="flux"), **SMALL)
        return app.synth_yaml()

    assert text() == text()
