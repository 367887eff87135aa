"""EnvoyProxy: how Envoy Gateway runs the proxies of the inference gateway."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

from annotated_types import Ge

from cdk8s_inference.arguments import checked
from cdk8s_inference.arguments.objects import (
    AffinityObject,
    Annotations,
    Labels,
    TolerationObject,
    TopologySpreadConstraintObject,
)
from cdk8s_inference.internal_addresses import has_internal_address
from cdk8s_inference.kubernetes_types import ByteSize, Duration, Quantity
from cdk8s_inference.quantity import quantity

ServiceType = Literal["LoadBalancer", "NodePort", "ClusterIP"]
LogLevel = Literal["trace", "debug", "info", "warn", "error", "critical", "off"]

_Count = Annotated[int, Ge(1)]

_CPU, _MEMORY = "100m", "512Mi"
"""The requests that Envoy Gateway gives a proxy of which nothing is said."""

_WINDOWS = (65_535, 2_147_483_647)
"""The least and the largest window of HTTP/2, in bytes."""


@checked
@dataclass(frozen=True)
class EnvoyProxy:
    """Settings of the proxies that Envoy Gateway runs for the Gateway.

    The defaults are Envoy Gateway's, except the Service's traffic policy.

    Attributes:
        replicas: How many proxies run; the fewest with ``max_replicas``.
        max_replicas: Adds a HorizontalPodAutoscaler up to this number; None for none.
        cpu: CPU request of a proxy, such as ``500m``; the autoscaler's measure. The default is
            ``100m``.
        memory: Memory request, such as ``1Gi``. The default is the limit, or ``512Mi``.
        memory_limit: Memory limit; None for none. A proxy holds the bodies of running requests.
        min_available: Adds a PodDisruptionBudget that keeps so many proxies; None for none.
        service_type: Type of the Service in front of the proxies.
        service_annotations: Its annotations, by which clouds make an internal load balancer, such
            as ``networking.gke.io/load-balancer-type: Internal``.
        node_selector: Labels of the nodes that run proxies.
        affinity: Affinity of the proxies to nodes and pods.
        tolerations: Taints that proxies tolerate, as Kubernetes writes them.
        topology_spread_constraints: How proxies are spread over nodes and zones.
        log_level: What Envoy logs.
        buffer_limit: How much of a request an Envoy holds for a connection, such as ``50Mi``. An
            AIGatewayRoute reads whole bodies, and answers larger ones with 413; the default is
            32 KiB. Routes to InferencePools need no limit here.
        http2_stream_window: How much of a request of HTTP/2 an Envoy takes before it is read. It
            limits what can be held, beside ``buffer_limit``. The default is ``buffer_limit`` where
            that is a possible window, otherwise Envoy Gateway's 64 KiB.
        http2_connection_window: The same of all requests of a connection. The default is the
            window of a stream if that is set, otherwise Envoy Gateway's 1 MiB.
        request_headers_timeout: How long a client may take to send a request's headers.
        stream_idle_timeout: How long a stream may be without data; ``0s`` for no limit. The default
            of Envoy is 5 minutes.
    """

    replicas: _Count | None = None
    max_replicas: _Count | None = None
    cpu: Quantity | None = None
    memory: Quantity | None = None
    memory_limit: Quantity | None = None
    min_available: _Count | None = None
    service_type: ServiceType = "LoadBalancer"
    service_annotations: Annotations = field(default_factory=dict)
    node_selector: Labels = field(default_factory=dict)
    affinity: AffinityObject = field(default_factory=dict)
    tolerations: Sequence[TolerationObject] = ()
    topology_spread_constraints: Sequence[TopologySpreadConstraintObject] = ()
    log_level: LogLevel = "warn"
    buffer_limit: ByteSize | None = None
    http2_stream_window: ByteSize | None = None
    http2_connection_window: ByteSize | None = None
    request_headers_timeout: Duration | None = None
    stream_idle_timeout: Duration | None = None

    def __post_init__(self) -> None:
        if self.max_replicas is not None and self.max_replicas < self.fewest:
            raise ValueError(
                f"max_replicas is {self.max_replicas}, below replicas, which is {self.replicas}; "
                "raise max_replicas"
            )
        windows = {
            "http2_stream_window": self.http2_stream_window,
            "http2_connection_window": self.http2_connection_window,
        }
        for name, size in windows.items():
            if size is not None and not _is_window(size):
                least, largest = _WINDOWS
                raise ValueError(f"{name} is {size}; use {least} to {largest} bytes")

    @property
    def fewest(self) -> int:
        """How many proxies run at least."""
        return self.replicas or 1

    @property
    def is_internal(self) -> bool:
        """Whether the Service is reached from the cluster's own network alone."""
        return self.service_type == "ClusterIP" or has_internal_address(self.service_annotations)

    def spec(self) -> dict[str, Any]:
        """The ``spec`` of an EnvoyProxy."""
        # With Local, the default, some clouds' load balancers find no healthy node.
        service: dict[str, Any] = {"externalTrafficPolicy": "Cluster"}
        if self.service_type != "LoadBalancer":
            service["type"] = self.service_type
        if self.service_type == "ClusterIP":
            # Kubernetes refuses a traffic policy for a Service without external traffic.
            del service["externalTrafficPolicy"]
        if self.service_annotations:
            service["annotations"] = dict(self.service_annotations)
        kubernetes = {
            "envoyService": service,
            "envoyDeployment": self._deployment(),
            "envoyHpa": self._autoscaler(),
            "envoyPDB": {} if self.min_available is None else {"minAvailable": self.min_available},
        }
        spec: dict[str, Any] = {
            "provider": {
                "type": "Kubernetes",
                "kubernetes": {key: value for key, value in kubernetes.items() if value},
            }
        }
        if self.log_level != "warn":
            spec["logging"] = {"level": {"default": self.log_level}}
        return spec

    def traffic_policy(self) -> dict[str, Any]:
        """What a ClientTrafficPolicy says of connections and timeouts; empty for the defaults."""
        timeouts = {
            "requestHeadersReceivedTimeout": self.request_headers_timeout,
            "streamIdleTimeout": self.stream_idle_timeout,
        }
        stream = self.http2_stream_window or _window(self.buffer_limit)
        parts: dict[str, dict[str, Any]] = {
            "connection": {"bufferLimit": self.buffer_limit},
            "http2": {
                "initialStreamWindowSize": stream,
                "initialConnectionWindowSize": self.http2_connection_window or stream,
            },
            "timeout": {"http": _given(timeouts)},
        }
        return {name: given for name, part in parts.items() if (given := _given(part))}

    def _deployment(self) -> dict[str, Any]:
        deployment: dict[str, Any] = {}
        # An autoscaler and a number of replicas would contend for the same field.
        if self.replicas is not None and self.max_replicas is None:
            deployment["replicas"] = self.replicas
        placement = {
            "nodeSelector": dict(self.node_selector),
            "affinity": dict(self.affinity),
            "tolerations": [dict(each) for each in self.tolerations],
            "topologySpreadConstraints": [dict(each) for each in self.topology_spread_constraints],
        }
        if pod := _given(placement):
            deployment["pod"] = pod
        if self.cpu or self.memory or self.memory_limit:
            # Envoy Gateway gives no defaults beside what is given, and without a request for CPU
            # its autoscaler has no measure.
            memory = self.memory or self.memory_limit or _MEMORY
            limits = {} if self.memory_limit is None else {"limits": {"memory": self.memory_limit}}
            requests = {"cpu": self.cpu or _CPU, "memory": memory}
            deployment["container"] = {"resources": {"requests": requests, **limits}}
        return deployment

    def _autoscaler(self) -> dict[str, Any]:
        if self.max_replicas is None:
            return {}
        fewest = {} if self.replicas is None else {"minReplicas": self.replicas}
        return {**fewest, "maxReplicas": self.max_replicas}


def _given(settings: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in settings.items() if value}


def _is_window(size: str) -> bool:
    least, largest = _WINDOWS
    size_in_bytes = quantity(size)
    return size_in_bytes is not None and least <= size_in_bytes <= largest


def _window(buffer_limit: str | None) -> str | None:
    """The window through which a request of the buffer's size fits."""
    return buffer_limit if buffer_limit is not None and _is_window(buffer_limit) else None
