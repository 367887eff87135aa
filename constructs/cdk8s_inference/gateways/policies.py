"""Policies: what a provider needs beside a route, or beside the pool or Service behind it.

Their fields were read in their CRDs: istio/istio 1.30.3 ``manifests/charts/base``, and
``config/crd`` of GoogleCloudPlatform/gke-gateway-api and of nginx/nginx-gateway-fabric v2.6.7.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from cdk8s_inference import names
from cdk8s_inference.gateways.provider import GatewayProvider, Policy

Backend = Literal["Service", "InferencePool"]

GATEWAY_GROUP = "gateway.networking.k8s.io"

INFERENCE_GROUP = "inference.networking.k8s.io"

_DAY_SECONDS = 86400
"""Where a policy must have a limit: longer than any answer."""


@dataclass(frozen=True)
class RoutedPolicy:
    """One policy, but for its namespace and labels.

    Attributes:
        kind: Its kind.
        api_version: Its apiVersion.
        name: Its name.
        spec: Its spec.
    """

    kind: Policy
    api_version: str
    name: str
    spec: Mapping[str, Any]


def policies(
    provider: GatewayProvider, *, name: str, backend: Backend | None, health_path: str
) -> list[RoutedPolicy]:
    """What a provider needs for one route.

    Args:
        provider: The provider.
        name: Name of the route, and of its backend.
        backend: The backend's kind; an InferencePool has a picker of its own name. None for a route
            to backends of other names, which have policies of their own.
        health_path: HTTP path of the engines' health.
    """
    made = (_MAKERS[kind](name, backend, health_path) for kind in provider.policies)
    return [policy for policy in made if policy is not None]


def _destination_rule(name: str, backend: Backend | None, _: str) -> RoutedPolicy | None:
    """Istio speaks to the picker as to any Service: in plaintext, and the picker serves TLS."""
    if backend != "InferencePool":
        return None
    picker = names.picker(name)
    # The picker signs its certificate itself.
    tls = {"mode": "SIMPLE", "insecureSkipVerify": True}
    # A name without dots is one of the rule's namespace, whatever the cluster's domain.
    spec = {"host": picker, "trafficPolicy": {"tls": tls}}
    return RoutedPolicy("DestinationRule", "networking.istio.io/v1", picker, spec)


def _health_check_policy(
    name: str, backend: Backend | None, health_path: str
) -> RoutedPolicy | None:
    """By default the load balancer asks for ``/``, which engines answer with 404."""
    if backend is None:
        return None
    http = {"portSpecification": "USE_SERVING_PORT", "requestPath": health_path}
    spec = {
        "default": {"config": {"type": "HTTP", "httpHealthCheck": http}},
        "targetRef": _reference(name, backend),
    }
    return RoutedPolicy("HealthCheckPolicy", "networking.gke.io/v1", name, spec)


def _backend_policy(name: str, backend: Backend | None, _: str) -> RoutedPolicy | None:
    """By default the load balancer ends a request after 30 seconds, streaming or not."""
    if backend is None:
        return None
    spec = {"default": {"timeoutSec": _DAY_SECONDS}, "targetRef": _reference(name, backend)}
    return RoutedPolicy("GCPBackendPolicy", "networking.gke.io/v1", name, spec)


def _proxy_settings_policy(name: str, _: Backend | None, __: str) -> RoutedPolicy:
    """By default NGINX waits 60 seconds for a byte, and holds a stream back to fill buffers."""
    spec = {
        "targetRefs": [{"group": GATEWAY_GROUP, "kind": "HTTPRoute", "name": name}],
        "buffering": {"disable": True},
        "timeout": {"read": f"{_DAY_SECONDS // 3600}h"},
    }
    return RoutedPolicy("ProxySettingsPolicy", "gateway.nginx.org/v1alpha1", name, spec)


def _reference(name: str, backend: Backend) -> dict[str, str]:
    group = INFERENCE_GROUP if backend == "InferencePool" else ""
    return {"group": group, "kind": backend, "name": name}


_MAKERS: Mapping[Policy, Callable[[str, Backend | None, str], RoutedPolicy | None]] = {
    "DestinationRule": _destination_rule,
    "GCPBackendPolicy": _backend_policy,
    "HealthCheckPolicy": _health_check_policy,
    "ProxySettingsPolicy": _proxy_settings_policy,
}
