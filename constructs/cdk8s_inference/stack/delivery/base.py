"""Delivery: which tool installs a serving stack's charts."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

from cdk8s_inference.stack.component import Component, Manifest


@dataclass(frozen=True)
class Plan:
    """A serving stack before it has a tool, in the order in which it must come.

    Attributes:
        foundation: CRDs and namespaces.
        stages: The other components; each stage needs only what is in earlier ones.
        gateway: The gateway's objects, each after those it refers to.
        controller: Name of the component that programs the gateway, where the stack installs it.
    """

    foundation: Sequence[Manifest]
    stages: Sequence[Sequence[Component]]
    gateway: Sequence[Manifest]
    controller: str | None = None


@dataclass(frozen=True)
class Delivered:
    """The objects to apply, file by file."""

    foundation: Sequence[Manifest]
    components: Sequence[Manifest]
    gateway: Sequence[Manifest]


class Delivery(ABC):
    """One of :class:`Flux`, :class:`ArgoCD`, :class:`Crossplane`, :class:`K3s`, :class:`Plain`."""

    @abstractmethod
    def deliver(self, plan: Plan) -> Delivered:
        """The objects by which the tool installs the stack."""
