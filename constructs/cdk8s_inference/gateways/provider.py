"""GatewayProvider: what a gateway implementation is, does, and needs for serving models."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Literal

from cdk8s_inference.arguments import NonEmpty, checked

FailureMode = Literal["FailClose", "FailOpen"]
"""What a gateway does without a picker: refuse, or send to any pod of the pool."""

PickerTls = Literal["unverified", "DestinationRule", "plaintext"]
"""How the proxy speaks to the picker.

``unverified``: TLS, whose certificate nobody checks. ``DestinationRule``: plaintext, unless one
says TLS. ``plaintext``: always, within the pod.
"""

Policy = Literal["DestinationRule", "GCPBackendPolicy", "HealthCheckPolicy", "ProxySettingsPolicy"]
"""A kind of the provider's own that a route or a pool needs beside it."""


@dataclass(frozen=True)
class Caveat:
    """A known limitation, or something that was not verified.

    Attributes:
        text: What.
        source: Where it is stated.
    """

    text: str
    source: str


@dataclass(frozen=True)
class Provided:
    """A component of the serving stack that clusters of a provider have.

    Attributes:
        component: Its name.
        since: The Kubernetes release from which on; None for all.
    """

    component: str
    since: str | None = None


@dataclass(frozen=True)
class ProxyMetrics:
    """Where Prometheus finds the proxies of a gateway.

    Attributes:
        labels: The proxies' labels; ``{gateway}`` stands for the Gateway's name.
        port: A port that their pods declare.
        path: Its path.
        component: The component whose namespace they are in; None for the Gateway's.
    """

    labels: Mapping[str, str]
    port: int
    path: str = "/stats/prometheus"
    component: str | None = None


@checked
@dataclass(frozen=True, repr=False)
class GatewayProvider:
    """An implementation of Gateway API with InferencePools, or the lack of one.

    Code asks its attributes, and does not compare names. The facts are of one release. A provider
    of your own is another value: ``GatewayProvider("acme", "Acme Gateway", pools=False)`` for one
    that supports only Services.

    Attributes:
        name: Its name on the command line.
        title: Its name in messages and documents.
        release: The release that the facts are of; None for a managed one.
        gateway_api: Whether it takes HTTPRoutes. Otherwise the picker has an Envoy of its own.
        pools: Whether it asks an InferencePool's picker.
        picker_headers: Whether it passes on the headers that a picker adds. Without the header
            that names a prefill pod, decode pods do all the work.
        failure_modes: The failure modes of a pool that it supports.
        picker_tls: How it speaks to the picker.
        route_timeouts: Whether it supports a route's ``timeouts``, ``0s`` as no limit.
        default_timeout_seconds: What ends a request where no limit is set; None for none.
        weighted_pools: Whether a rule may split requests over pools, each with its own picker.
        cross_namespace_pools: Whether a route may lead to a pool in another namespace, with a
            ReferenceGrant.
        class_name: The usual GatewayClass; None where there is no Gateway.
        classes: Patterns of the names of its GatewayClasses.
        class_is_chosen: Whether the stack names the GatewayClass.
        named_addresses: Whether a Gateway may ask for an address that is reserved under a name.
        controller: The stack's component that programs Gateways.
        components: The stack's components that are its own, the controller among them.
        provided: Components that its clusters have.
        policies: What routes and pools need beside them.
        metrics: Where its proxies' metrics are; None where no pod declares their port.
        caveats: Known limitations.
    """

    name: NonEmpty
    title: NonEmpty
    release: NonEmpty | None = None
    gateway_api: bool = True
    pools: bool = True
    picker_headers: bool = True
    failure_modes: tuple[FailureMode, ...] = ("FailClose", "FailOpen")
    picker_tls: PickerTls = "unverified"
    route_timeouts: bool = True
    default_timeout_seconds: int | None = None
    weighted_pools: bool = False
    cross_namespace_pools: bool = False
    class_name: str | None = None
    classes: tuple[str, ...] = ()
    class_is_chosen: bool = True
    named_addresses: bool = False
    controller: str | None = None
    components: tuple[str, ...] = ()
    provided: tuple[Provided, ...] = ()
    policies: tuple[Policy, ...] = ()
    metrics: ProxyMetrics | None = None
    caveats: tuple[Caveat, ...] = field(default=())

    def __repr__(self) -> str:
        return f"<GatewayProvider {self.name}>"

    def __str__(self) -> str:
        return f"{self.title} {self.release}" if self.release else self.title

    @property
    def secure_picker(self) -> bool:
        """Whether the picker serves TLS."""
        return self.picker_tls != "plaintext"

    def splits(self, *, pooled: bool) -> bool:
        """Whether one rule of a route may split requests over several Services, or pools."""
        return self.gateway_api and (self.weighted_pools or not pooled)

    def owns_class(self, name: str) -> bool:
        """Whether a GatewayClass of this name is the provider's by its usual names."""
        return any(fnmatchcase(name, pattern) for pattern in self.classes)
