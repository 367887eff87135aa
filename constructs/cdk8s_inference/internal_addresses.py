"""Whether a gateway's address can be reached from outside of the network of its cluster."""

from __future__ import annotations

from collections.abc import Mapping


def has_internal_address(annotations: Mapping[str, str]) -> bool:
    """Whether annotations of a Service ask a cloud for an internal load balancer.

    >>> has_internal_address({"networking.gke.io/load-balancer-type": "Internal"})
    True
    >>> has_internal_address({"service.beta.kubernetes.io/aws-load-balancer-scheme": "internal"})
    True
    >>> has_internal_address({"service.beta.kubernetes.io/azure-load-balancer-internal": "true"})
    True
    """
    return any(
        "internal" in f"{key}={value}".lower() and value.lower() != "false"
        for key, value in annotations.items()
    )


def is_internal_class(name: str) -> bool:
    """Whether the name of a GatewayClass says that its gateways have internal addresses.

    >>> is_internal_class("gke-l7-rilb"), is_internal_class("envoy")
    (True, False)
    """
    return "internal" in name or "rilb" in name
