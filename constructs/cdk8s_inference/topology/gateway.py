"""A Gateway, which routes it takes, and who may be led into another namespace."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from cdk8s_inference.source import Cursor, has_placeholder
from cdk8s_inference.topology.kube_object import KubeObject, SourceValue
from cdk8s_inference.topology.reference import Reference
from cdk8s_inference.topology.route import GATEWAY_GROUP, Route
from cdk8s_inference.topology.selector import label_selector

NAMESPACE_NAME = "kubernetes.io/metadata.name"
"""The label that every namespace has, with its name."""

_NO_HTTP = ("TCP", "TLS", "UDP")
"""Protocols of the Gateway API for which other kinds of routes are."""


@dataclass(frozen=True, eq=False)
class Listener:
    """A listener of a Gateway.

    Attributes:
        object: The Gateway's object.
        at: Where.
    """

    object: KubeObject
    at: Cursor

    @cached_property
    def name(self) -> SourceValue[str]:
        """Its name, by which routes may choose it; empty where that is missing."""
        return self.object.value_at(self.at["name"], self.at["name"].text or "")

    @cached_property
    def protocol(self) -> str:
        """What it speaks, such as ``HTTP``; empty where that is missing."""
        return self.at["protocol"].text or ""

    @cached_property
    def namespaces(self) -> SourceValue[str]:
        """Whose routes it takes: ``Same`` (as without a word), ``All`` or ``Selector``."""
        at = self.at.at("allowedRoutes", "namespaces", "from")
        return self.object.value_at(at, at.text or "Same")

    @cached_property
    def takes_http(self) -> bool:
        """Whether it takes HTTPRoutes: its protocol does, and it allows no other kinds alone."""
        kinds = [
            (GATEWAY_GROUP if item["group"].text is None else item["group"].text, item["kind"].text)
            for item in self.at.at("allowedRoutes", "kinds").items()
        ]
        return self.protocol not in _NO_HTTP and (
            not kinds or (GATEWAY_GROUP, "HTTPRoute") in kinds
        )

    def refuses(self, route: Route) -> str | None:
        """What of a route it does not take; None where it takes the route, or may.

        Labels of namespaces are not read, other than the one that has their name.
        """
        if not self.takes_http:
            return "HTTPRoutes"
        if not self._takes_namespace(route.object.namespace):
            return f"routes of {route.object.namespace!r}"
        host = self.at["hostname"].text
        if host and route.hosts and not any(_meet(host, each) for each in route.hosts):
            return f"hosts other than {host!r}"
        return None

    def _takes_namespace(self, namespace: str) -> bool:
        whose = self.namespaces.value
        if whose == "Selector":
            at = self.at.at("allowedRoutes", "namespaces", "selector")
            selector = label_selector(self.object, at).value
            own = {NAMESPACE_NAME: namespace}
            if not selector.keys <= own.keys():
                return selector.labels.get(NAMESPACE_NAME, namespace) == namespace
            return selector.matches(own)
        return whose == "All" or namespace == self.object.namespace


@dataclass(frozen=True, eq=False)
class Gateway:
    """A Gateway of the Gateway API.

    Attributes:
        object: The object.
    """

    object: KubeObject

    @cached_property
    def class_name(self) -> SourceValue[str]:
        """Its class; empty where that is missing."""
        at = self.object.at("spec", "gatewayClassName")
        return self.object.value_at(at, at.text or "")

    @cached_property
    def listeners(self) -> tuple[Listener, ...]:
        """Its listeners."""
        items = self.object.at("spec", "listeners").items()
        return tuple(Listener(self.object, item) for item in items)

    def chosen(self, parent: Reference) -> tuple[Listener, ...]:
        """The listeners that a route's reference to it means: all, or those of a name or port."""
        section, port = parent.field("sectionName").value, parent.port
        return tuple(
            each
            for each in self.listeners
            if section in (None, each.name.value)
            and (port is None or port.value == each.at["port"].value)
        )


def _meet(host: str, other: str) -> bool:
    """Whether some name is meant by two hosts, of which each may start with ``*.``."""
    if has_placeholder(host) or has_placeholder(other):
        return True
    host, other = host.lower(), other.lower()
    return host == other or any(
        one.startswith("*.") and two.endswith(one[1:])
        for one, two in ((host, other), (other, host))
    )


@dataclass(frozen=True, eq=False)
class ReferenceGrant:
    """A ReferenceGrant: objects of other namespaces may name those of its own.

    Attributes:
        object: The object.
    """

    object: KubeObject

    def allows(self, owner: KubeObject, reference: Reference) -> bool:
        """Whether it lets an object of another namespace name what a reference names."""
        sources = (
            (item["group"].text or "", item["kind"].text, item["namespace"].text)
            for item in self.object.at("spec", "from").items()
        )
        return (
            self.object.namespace == reference.namespace
            and (owner.group, owner.kind, owner.namespace) in sources
            and any(
                (item["group"].text or "", item["kind"].text) == (reference.group, reference.kind)
                and item["name"].text in (None, reference.name.value)
                for item in self.object.at("spec", "to").items()
            )
        )
