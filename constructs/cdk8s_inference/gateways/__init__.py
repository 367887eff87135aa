"""Gateway implementations as data: what routing has to know, and what the stack installs."""

from __future__ import annotations

from collections.abc import Mapping

from cdk8s_inference.gateways.agentgateway import AGENTGATEWAY
from cdk8s_inference.gateways.envoy_ai_gateway import ENVOY_AI_GATEWAY
from cdk8s_inference.gateways.gke import GKE
from cdk8s_inference.gateways.istio import ISTIO
from cdk8s_inference.gateways.nginx_gateway_fabric import NGINX_GATEWAY_FABRIC
from cdk8s_inference.gateways.provider import Caveat, GatewayProvider
from cdk8s_inference.gateways.standalone import STANDALONE

__all__ = [
    "AGENTGATEWAY",
    "ENVOY_AI_GATEWAY",
    "GATEWAY_PROVIDERS",
    "GKE",
    "ISTIO",
    "NGINX_GATEWAY_FABRIC",
    "STANDALONE",
    "Caveat",
    "GatewayProvider",
]

GATEWAY_PROVIDERS: Mapping[str, GatewayProvider] = {
    provider.name: provider
    for provider in (
        ENVOY_AI_GATEWAY,
        ISTIO,
        AGENTGATEWAY,
        GKE,
        NGINX_GATEWAY_FABRIC,
        STANDALONE,
    )
}
"""The known ones by name."""
