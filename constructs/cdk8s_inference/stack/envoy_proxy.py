"""EnvoyProxy: how Envoy Gateway runs the proxies of the inference gateway."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

from annotated_types import Ge

from cdk8s_inference.arguments import NonEmpty, checked
from cdk8s_inference.arguments.objects import Annotations, JsonObject, Labels
from cdk8s_inference.internal_addresses import has_internal_address

ServiceType = Literal["LoadBalancer", "NodePort", "ClusterIP"]
LogLevel = Literal["trace", "debug", "info", "warn", "error", "critical", "off"]

_Count = Annotated[int, Ge(1)]


@checked
@dataclass(frozen=True)
class EnvoyProxy:
    """Settings of the proxies that Envoy Gateway runs for the Gateway.

    The defaults are Envoy Gateway's, except the Service's traffic policy.

    Attributes:
        replicas: How many proxies run; the fewest with ``max_replicas``.
        max_replicas: Adds a HorizontalPodAutoscaler up to this number; None for none.
        cpu: CPU request of a proxy, such as ``500m``; the autoscaler's measure.
        memory: Memory request, such as ``1Gi``.
        memory_limit: Memory limit; None for none. A proxy holds the bodies of running requests.
        min_available: Adds a PodDisruptionBudget that keeps so many proxies; None for none.
        service_type: Type of the Service in front of the proxies.
        service_annotations: Its annotations, by which clouds make an internal load balancer, such
            as ``networking.gke.io/load-balancer-type: Internal``.
        node_selector: Labels of the nodes that run proxies.
        tolerations: Taints that proxies tolerate, as Kubernetes writes them.
        log_level: What Envoy logs.
        buffer_limit: How much of a request an Envoy holds for a connection, such as ``50Mi``. An
            AIGatewayRoute reads whole bodies, and answers larger ones with 413; the default is
            32 KiB. Routes to InferencePools need no limit here.
        request_headers_timeout: How long a client may take to send a request's headers.
        stream_idle_timeout: How long a stream may be without data; ``0s`` for no limit. The default
            of Envoy is 5 minutes.
    """

    replicas: _Count | None = None
    max_replicas: _Count | None = None
    cpu: NonEmpty | None = None
    memory: NonEmpty | None = None
    memory_limit: NonEmpty | None = None
    min_available: int | None = None
    service_type: ServiceType = "LoadBalancer"
    service_annotations: Annotations = field(default_factory=dict)
    node_selector: Labels = field(default_factory=dict)
    tolerations: Sequence[JsonObject] = ()
    log_level: LogLevel = "warn"
    buffer_limit: NonEmpty | None = None
    request_headers_timeout: NonEmpty | None = None
    stream_idle_timeout: NonEmpty | None = None

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
        http = {key: value for key, value in timeouts.items() if value is not None}
        policy: dict[str, Any] = {}
        if self.buffer_limit is not None:
            policy["connection"] = {"bufferLimit": self.buffer_limit}
        if http:
            policy["timeout"] = {"http": http}
        return policy

    def _deployment(self) -> dict[str, Any]:
        deployment: dict[str, Any] = {}
        # An autoscaler and a number of replicas would contend for the same field.
        if self.replicas is not None and self.max_replicas is None:
            deployment["replicas"] = self.replicas
        pod: dict[str, Any] = {}
        if self.node_selector:
            pod["nodeSelector"] = dict(self.node_selector)
        if self.tolerations:
            pod["tolerations"] = [dict(each) for each in self.tolerations]
        requests = {"cpu": self.cpu, "memory": self.memory}
        resources = {
            "requests": {key: value for key, value in requests.items() if value is not None},
            "limits": {} if self.memory_limit is None else {"memory": self.memory_limit},
        }
        given = {key: value for key, value in resources.items() if value}
        if pod:
            deployment["pod"] = pod
        if given:
            deployment["container"] = {"resources": given}
        return deployment

    def _autoscaler(self) -> dict[str, Any]:
        if self.max_replicas is None:
            return {}
        fewest = {} if self.replicas is None else {"minReplicas": self.replicas}
        return {**fewest, "maxReplicas": self.max_replicas}
