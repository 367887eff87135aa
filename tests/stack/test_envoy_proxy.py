"""How Envoy Gateway runs the gateway's proxies, held against its CRDs."""

from __future__ import annotations

from typing import Any

from cdk8s_inference import EnvoyProxy, Gateway
from cdk8s_inference.findings import errors
from cdk8s_inference.gateways import ISTIO
from cdk8s_inference.stack.gateway import gateway_objects
from cdk8s_inference.stack.props import StackProps
from cdk8s_inference.stack.subject import STACK_RULES, StackSubject
from tests.kit.synth import validated

PROXY = EnvoyProxy(
    replicas=2,
    max_replicas=6,
    cpu="500m",
    memory="1Gi",
    memory_limit="4Gi",
    min_available=1,
    service_annotations={"networking.gke.io/load-balancer-type": "Internal"},
    node_selector={"pool": "edge"},
    tolerations=[{"key": "edge", "operator": "Exists"}],
    log_level="info",
    buffer_limit="50Mi",
    request_headers_timeout="10s",
    stream_idle_timeout="0s",
)


def objects(proxy: EnvoyProxy) -> dict[str, Any]:
    made = [dict(each) for each in gateway_objects(StackProps(proxy=proxy))]
    return {each["kind"]: each["spec"] for each in validated(made)}


def test_every_setting_is_written() -> None:
    made = objects(PROXY)
    kubernetes = made["EnvoyProxy"]["provider"]["kubernetes"]
    assert kubernetes == {
        "envoyService": {
            "externalTrafficPolicy": "Cluster",
            "annotations": {"networking.gke.io/load-balancer-type": "Internal"},
        },
        "envoyDeployment": {
            "pod": {
                "nodeSelector": {"pool": "edge"},
                "tolerations": [{"key": "edge", "operator": "Exists"}],
            },
            "container": {
                "resources": {
                    "requests": {"cpu": "500m", "memory": "1Gi"},
                    "limits": {"memory": "4Gi"},
                }
            },
        },
        "envoyHpa": {"minReplicas": 2, "maxReplicas": 6},
        "envoyPDB": {"minAvailable": 1},
    }
    assert made["EnvoyProxy"]["logging"] == {"level": {"default": "info"}}
    policy = made["ClientTrafficPolicy"]
    assert policy["connection"] == {"bufferLimit": "50Mi"}
    assert policy["timeout"] == {
        "http": {"requestHeadersReceivedTimeout": "10s", "streamIdleTimeout": "0s"}
    }
    assert policy["targetRefs"][0]["name"] == "inference-gateway"


def test_replicas_are_fixed_without_an_autoscaler() -> None:
    kubernetes = objects(EnvoyProxy(replicas=3))["EnvoyProxy"]["provider"]["kubernetes"]
    assert kubernetes["envoyDeployment"] == {"replicas": 3}


def test_a_service_within_the_cluster_has_no_external_traffic() -> None:
    made = objects(EnvoyProxy(service_type="ClusterIP"))
    assert made["EnvoyProxy"]["provider"]["kubernetes"] == {"envoyService": {"type": "ClusterIP"}}


def test_the_defaults_need_no_policy() -> None:
    assert "ClientTrafficPolicy" not in objects(EnvoyProxy())


def test_it_is_refused_for_a_gateway_without_envoy_gateway() -> None:
    props = StackProps(gateway=Gateway(provider=ISTIO), proxy=PROXY)
    found = errors(STACK_RULES.findings(StackSubject(props)))
    assert [(each.code, each.path) for each in found] == [("S111", "proxy")]
