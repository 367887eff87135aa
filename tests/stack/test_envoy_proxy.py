"""How Envoy Gateway runs the gateway's proxies, held against its CRDs."""

from __future__ import annotations

from typing import Any

import pytest

from cdk8s_inference import EnvoyProxy, Gateway, InvalidInput
from cdk8s_inference.findings import errors
from cdk8s_inference.gateways import ISTIO
from cdk8s_inference.stack.gateway import gateway_objects
from cdk8s_inference.stack.props import StackProps
from cdk8s_inference.stack.rules import STACK_RULES
from cdk8s_inference.stack.subject import StackSubject
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
    affinity={"podAntiAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": []}},
    tolerations=[{"key": "edge", "operator": "Exists"}],
    topology_spread_constraints=[
        {
            "maxSkew": 1,
            "topologyKey": "topology.kubernetes.io/zone",
            "whenUnsatisfiable": "ScheduleAnyway",
        }
    ],
    log_level="info",
    buffer_limit="50Mi",
    http2_stream_window="16Mi",
    http2_connection_window="32Mi",
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
                "affinity": PROXY.affinity,
                "tolerations": [{"key": "edge", "operator": "Exists"}],
                "topologySpreadConstraints": PROXY.topology_spread_constraints,
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
    assert policy["http2"] == {
        "initialStreamWindowSize": "16Mi",
        "initialConnectionWindowSize": "32Mi",
    }
    assert policy["timeout"] == {
        "http": {"requestHeadersReceivedTimeout": "10s", "streamIdleTimeout": "0s"}
    }
    assert policy["targetRefs"][0]["name"] == "inference-gateway"


@pytest.mark.parametrize(
    ("proxy", "resources"),
    [
        (
            EnvoyProxy(max_replicas=4, memory="1Gi"),
            {"requests": {"cpu": "100m", "memory": "1Gi"}},
        ),
        (EnvoyProxy(cpu="2"), {"requests": {"cpu": "2", "memory": "512Mi"}}),
        (
            EnvoyProxy(memory_limit="256Mi"),
            {"requests": {"cpu": "100m", "memory": "256Mi"}, "limits": {"memory": "256Mi"}},
        ),
    ],
)
def test_a_proxy_has_both_requests(proxy: EnvoyProxy, resources: Any) -> None:
    """Envoy Gateway adds its own to none, and without one for CPU its autoscaler has no measure."""
    kubernetes = objects(proxy)["EnvoyProxy"]["provider"]["kubernetes"]
    assert kubernetes["envoyDeployment"]["container"]["resources"] == resources


@pytest.mark.parametrize(
    ("proxy", "http2"),
    [
        (EnvoyProxy(buffer_limit="50Mi"), ("50Mi", "50Mi")),
        (EnvoyProxy(buffer_limit="50Mi", http2_connection_window="1Gi"), ("50Mi", "1Gi")),
        (EnvoyProxy(http2_stream_window="1Mi"), ("1Mi", "1Mi")),
        # No windows: Envoy has none of this size.
        (EnvoyProxy(buffer_limit="4Gi"), None),
        (EnvoyProxy(buffer_limit="32Ki"), None),
    ],
)
def test_what_is_held_fits_through_the_windows(
    proxy: EnvoyProxy, http2: tuple[str, str] | None
) -> None:
    made = objects(proxy)["ClientTrafficPolicy"].get("http2")
    names = ("initialStreamWindowSize", "initialConnectionWindowSize")
    assert made == (None if http2 is None else dict(zip(names, http2, strict=True)))


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"replicas": 3, "max_replicas": 2}, "max_replicas is 2, below replicas, which is 3"),
        ({"http2_stream_window": "32Ki"}, "use 65535 to 2147483647 bytes"),
        ({"http2_connection_window": "4Gi"}, "use 65535 to 2147483647 bytes"),
        ({"buffer_limit": "50 MB"}, "has an invalid format"),
        ({"request_headers_timeout": "10 seconds"}, "has an invalid format"),
        ({"cpu": "half"}, "has an invalid format"),
        ({"min_available": 0}, "min_available"),
        ({"affinity": {"podAffinities": {}}}, "podAffinities"),
    ],
)
def test_what_the_cluster_would_refuse_is_refused(settings: Any, says: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        EnvoyProxy(**settings)
    assert says in str(refused.value)


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
