"""An HTTPRoute, and what it leads to."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from cdk8s_inference.spec.cursor import Cursor
from cdk8s_inference.topology.located import KubeObject, Located

POOL_GROUP = "inference.networking.k8s.io"


@dataclass(frozen=True, eq=False)
class Reference:
    """An object that another one names.

    Attributes:
        owner: The object that names it.
        at: Where.
        default_group: Its group where none is written.
        default_kind: Its kind where none is written.
    """

    owner: KubeObject
    at: Cursor
    default_group: str
    default_kind: str

    @cached_property
    def group(self) -> str:
        """Its group."""
        written = self.at["group"].text
        return self.default_group if written is None else written

    @cached_property
    def kind(self) -> str:
        """Its kind."""
        return self.at["kind"].text or self.default_kind

    @cached_property
    def name(self) -> Located[str]:
        """Its name."""
        return self.owner.located(self.at["name"], self.at["name"].text or "")

    @cached_property
    def namespace(self) -> str:
        """Its namespace: the owner's unless written."""
        return self.at["namespace"].text or self.owner.namespace

    @property
    def is_pool(self) -> bool:
        """Whether it names an InferencePool."""
        return self.kind == "InferencePool" and self.group.startswith("inference.networking.")

    def __str__(self) -> str:
        return f"{self.kind} {self.namespace}/{self.name.value}"


@dataclass(frozen=True, eq=False)
class Route:
    """An HTTPRoute.

    Attributes:
        object: The object.
    """

    object: KubeObject

    @cached_property
    def parents(self) -> list[Reference]:
        """The Gateways that it attaches to."""
        return [
            Reference(self.object, item, "gateway.networking.k8s.io", "Gateway")
            for item in self.object.at("spec", "parentRefs").items()
        ]

    @cached_property
    def rules(self) -> list[Cursor]:
        """Its rules."""
        return list(self.object.at("spec", "rules").items())

    def backends(self, rule: Cursor) -> list[Reference]:
        """What a rule leads to."""
        return [Reference(self.object, item, "", "Service") for item in rule["backendRefs"].items()]

    def all_backends(self) -> Iterator[Reference]:
        """What its rules lead to."""
        for rule in self.rules:
            yield from self.backends(rule)
