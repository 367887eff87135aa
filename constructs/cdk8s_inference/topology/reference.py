"""An object that another one names."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from cdk8s_inference.source import Cursor
from cdk8s_inference.topology.kube_object import KubeObject, SourceValue


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

    def field(self, key: str) -> SourceValue[str | None]:
        """A field of the reference, or where it would be."""
        return self.owner.value_at(self.at[key], self.at[key].text)

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
    def name(self) -> SourceValue[str]:
        """Its name."""
        return self.owner.value_at(self.at["name"], self.at["name"].text or "")

    @cached_property
    def namespace(self) -> str:
        """Its namespace: the owner's unless written."""
        return self.at["namespace"].text or self.owner.namespace

    @cached_property
    def port(self) -> SourceValue[int] | None:
        """The port of it that is meant, where one is written."""
        return self.owner.number(self.at["port"])

    @property
    def is_pool(self) -> bool:
        """Whether it names an InferencePool."""
        return self.kind == "InferencePool" and self.group.startswith("inference.networking.")

    def __str__(self) -> str:
        return f"{self.kind} {self.namespace}/{self.name.value}"
