"""A Gateway, which routes it takes, and who may be led into another namespace."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from cdk8s_inference.source import Cursor
from cdk8s_inference.topology.kube_object import KubeObject, SourceValue
from cdk8s_inference.topology.reference import Reference
from cdk8s_inference.topology.route import GATEWAY_GROUP, Route

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

    def admits(self, route: Route) -> bool:
        """Whether it takes a route; one that selects namespaces by their labels may."""
        same = route.object.namespace == self.object.namespace
        return self.takes_http and (same or self.namespaces.value in ("All", "Selector"))


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
        """The listeners that a route's reference to it means: all, unless it names one."""
        section = parent.field("sectionName").value
        return tuple(each for each in self.listeners if section in (None, each.name.value))


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
