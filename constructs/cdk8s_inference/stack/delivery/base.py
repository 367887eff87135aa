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
        gateway: The gateway's objects.
    """

    foundation: Sequence[Manifest]
    stages: Sequence[Sequence[Component]]
    gateway: Sequence[Manifest]


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
