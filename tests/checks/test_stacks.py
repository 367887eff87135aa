"""What serving stands on: our own stacks are clean, and what is taken out of them is missed."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
import yaml

from cdk8s_inference import DraDriver, Gateway, Issuer, Listener
from cdk8s_inference.checks import check
from cdk8s_inference.findings.example import REMOVED, Edit
from cdk8s_inference.gateways import GATEWAY_PROVIDERS
from cdk8s_inference.releases.stack import STACK_NEWEST
from cdk8s_inference.source import Document, read
from cdk8s_inference.stack.plan import plan
from cdk8s_inference.stack.props import StackProps
from tests.checks.rendered import codes, found
from tests.kit import examples
from tests.stack.tools import DELIVERIES, GKE, STACKS

ON_GKE = DraDriver(driver_root=GKE)


CLOSED = [Listener.http(namespaces=["ml-team"])]


def delivered(props: StackProps, tool: str = "flux") -> list[Any]:
    parts = DELIVERIES[tool].deliver(plan(replace(props, listeners=props.listeners or CLOSED)))
    objects = [*parts.foundation, *parts.components, *parts.gateway]
    copied: list[Any] = json.loads(json.dumps(objects))
    return copied


PROPS: Mapping[str, StackProps] = {
    **STACKS,
    "on GKE": StackProps(devices=ON_GKE),
    **{
        provider.name: StackProps(
            gateway=Gateway(provider=provider),
            devices=ON_GKE if provider.name == "gke" else DraDriver(),
        )
        for provider in GATEWAY_PROVIDERS.values()
    },
}


@pytest.mark.parametrize("props", PROPS.values(), ids=PROPS)
def test_our_stacks_are_clean(props: StackProps) -> None:
    assert found(delivered(props)) == []


@pytest.mark.parametrize("tool", ["flux", "crossplane"])
def test_a_stack_is_as_open_as_it_says(tool: str) -> None:
    """S113 and T821 are about the same."""
    assert codes(delivered(StackProps(listeners=[Listener.http()]), tool)) == {"T821"}
    issuer = Issuer("ca", hostname="models.example.com")
    assert codes(delivered(StackProps(listeners=[Listener.https("tls")], issuer=issuer))) == set()


def asking(**extension_manager: Any) -> dict[Any, Any]:
    """Values by which Envoy Gateway asks otherwise than the stack has it."""
    return {"envoy-gateway": {"config": {"envoyGateway": {"extensionManager": extension_manager}}}}


BROKEN = {
    "T520": StackProps(values=asking(hooks={"xdsTranslator": {"post": ["Translation"]}})),
    "T521": StackProps(values=asking(service={"fqdn": {"hostname": "ai-gateway.elsewhere.svc"}})),
    "T522": StackProps(versions=replace(STACK_NEWEST, envoy_gateway="v1.9.0")),
    "T531": StackProps(
        devices=ON_GKE, values={"node-feature-discovery": {"worker": {"tolerations": []}}}
    ),
    "T532": StackProps(devices=replace(ON_GKE, critical_pods_quota=False)),
}


@pytest.mark.parametrize(
    ("code", "tool"),
    [*((code, "flux") for code in BROKEN), *(("T520", tool) for tool in DELIVERIES)],
)
def test_every_tools_charts_and_values_are_read(code: str, tool: str) -> None:
    assert codes(delivered(BROKEN[code], tool)) == {code}


def example(*edits: Edit) -> list[Any]:
    return examples.base("substrate", *edits)


WAVE = "metadata.annotations"
CRD = "CustomResourceDefinition/inferencepools.inference.networking.k8s.io"


def test_without_waves_the_order_of_a_file_counts() -> None:
    objects = example(
        Edit(CRD, f"{WAVE}[argocd.argoproj.io/sync-wave]", REMOVED),
        Edit("Deployment/envoy-gateway", WAVE, REMOVED),
    )
    text = yaml.safe_dump_all(objects)
    documents, _ = read(text.encode(), "stack.yaml")
    assert check(documents) == []
    assert {each.code for each in check([*reversed(documents)])} == {"T527"}
    apart = [replace(each, file=f"{index}.yaml") for index, each in enumerate(documents)]
    assert check([*reversed(apart)]) == []


def test_two_clusters_are_not_one() -> None:
    """Their parts may be of different releases, in folders of their own."""
    one, other = example(), example()
    for each in other:
        bundle = each["metadata"].get("annotations", {})
        for key in bundle:
            if key == "gateway.networking.k8s.io/bundle-version":
                bundle[key] = "v1.6.1"
        each["metadata"]["name"] += "-other"
    documents = [Document(each, "one/stack.yaml") for each in one]
    documents += [Document(each, "other/stack.yaml") for each in other]
    assert {each.code for each in check(documents)} & {"T522", "T523"} == set()


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({}, {"T529"}),
        ({"fullnameOverride": "gpus"}, set()),
        ({"fullnameOverride": "gpus-of-the-inference-cluster-in-europe"}, {"T529"}),
    ],
    ids=str,
)
def test_names_by_which_a_chart_goes(values: dict[str, str], told: set[str]) -> None:
    name = "inference-gpus-of-production"
    edits = [Edit("HelmRelease/gpus", "spec.releaseName", name)]
    edits += [
        Edit("HelmRelease/gpus", f"spec.values.{key}", value) for key, value in values.items()
    ]
    assert codes(example(*edits)) == told


def test_a_worker_that_helm_rendered() -> None:
    worker: dict[str, Any] = {
        "apiVersion": "apps/v1",
        "kind": "DaemonSet",
        "metadata": {"name": "nfd-worker", "namespace": "nfd"},
        "spec": {
            "selector": {"matchLabels": {"app": "nfd"}},
            "template": {
                "metadata": {"labels": {"app": "nfd"}},
                "spec": {
                    "containers": [
                        {
                            "name": "worker",
                            "image": "registry.k8s.io/nfd/node-feature-discovery:v0.19.0",
                            "command": ["nfd-worker"],
                        }
                    ]
                },
            },
        },
    }
    assert codes([*example(), worker]) == {"T531"}
    for toleration in ({"key": "nvidia.com/gpu", "operator": "Exists"}, {"operator": "Exists"}):
        worker["spec"]["template"]["spec"]["tolerations"] = [toleration]
        assert codes([*example(), worker]) == set()


def test_the_taint_of_an_engine() -> None:
    objects = examples.base("gang")
    pods = objects[0]["spec"]["leaderWorkerTemplate"]["leaderTemplate"]["spec"]
    pods["tolerations"] = [{"key": "models", "operator": "Exists", "effect": "NoSchedule"}]
    told = [each for each in found([*example(), *objects]) if each.severity != "note"]
    assert [(each.code, each.message) for each in told] == [
        ("T531", "the worker does not tolerate the taint models")
    ]


@pytest.mark.parametrize(
    ("controller", "told"),
    [
        ("istio.io/gateway-controller", set()),
        ("gateway.envoyproxy.io/gatewayclass-controller", {"T520"}),
    ],
)
def test_whose_gateway_it_is(controller: str, told: set[str]) -> None:
    """Envoy Gateway may serve other routes beside a gateway that takes the models'."""
    objects = example(Edit("ConfigMap/envoy-gateway-config", "data[envoy-gateway.yaml]", "{}"))
    others = [each for each in objects if not each["metadata"]["name"].startswith("ai-gateway")]
    others += yaml.safe_load_all(f"""\
apiVersion: gateway.networking.k8s.io/v1
kind: GatewayClass
metadata: {{name: models}}
spec: {{controllerName: {controller}}}
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {{name: inference, namespace: gateways}}
spec:
  gatewayClassName: models
  listeners:
    - {{name: https, port: 443, protocol: HTTPS, allowedRoutes: {{namespaces: {{from: All}}}}}}
""")
    assert codes(others) == told
