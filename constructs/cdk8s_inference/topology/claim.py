"""Device claims of dynamic resource allocation, and how pods and containers use them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from cdk8s_inference.servers.accelerators import is_accelerator_class, may_be_accelerator_class
from cdk8s_inference.source import Cursor
from cdk8s_inference.topology.kube_object import KubeObject, SourceValue

CLAIM_KINDS = ("ResourceClaim", "ResourceClaimTemplate")

_FLAT_VERSIONS = ("v1alpha3", "v1beta1")
"""Versions of resource.k8s.io whose requests have the fields of ``exactly`` themselves."""


@dataclass(frozen=True, eq=False)
class Devices:
    """Devices of one class that satisfy a request.

    Attributes:
        object: The claim's object.
        at: Where they are described.
    """

    object: KubeObject
    at: Cursor

    @cached_property
    def device_class(self) -> SourceValue[str | None]:
        """Their DeviceClass, or where it would be."""
        at = self.at["deviceClassName"]
        return self.object.value_at(at, at.text)

    @cached_property
    def may_be_accelerators(self) -> bool:
        """Whether they may be accelerators: not network devices, or channels between nodes."""
        name = self.device_class.value
        return name is None or may_be_accelerator_class(name)

    @cached_property
    def takes_all(self) -> bool:
        """Whether it is all that match, however many that are."""
        return self.at["allocationMode"].text == "All"

    @cached_property
    def count(self) -> SourceValue[int] | None:
        """How many: 1 unless written; None for all that match."""
        if self.takes_all:
            return None
        at = self.at["count"]
        return self.object.number(at) or self.object.value_at(at, 1)

    @cached_property
    def selectors(self) -> list[SourceValue[str]]:
        """The CEL expressions that a device must meet."""
        return _expressions(self.object, self.at["selectors"])

    @cached_property
    def admin_access(self) -> SourceValue[bool]:
        """Whether they are shared with whoever has them already."""
        at = self.at["adminAccess"]
        return self.object.value_at(at, at.value is True)


@dataclass(frozen=True, eq=False)
class DeviceRequest:
    """A request of a claim.

    Attributes:
        object: The claim's object.
        at: Where.
    """

    object: KubeObject
    at: Cursor

    @cached_property
    def name(self) -> str:
        """Its name; empty where that is missing."""
        return self.at["name"].text or ""

    @property
    def here(self) -> SourceValue[None]:
        """The place of the whole of it."""
        return self.object.value_at(self.at, None)

    @cached_property
    def is_shaped(self) -> bool:
        """Whether it has one of ``exactly`` and ``firstAvailable``, or is older than both."""
        if self.object.version in _FLAT_VERSIONS:
            return True
        return self.at["exactly"].present != self.at["firstAvailable"].present

    @cached_property
    def choices(self) -> tuple[Devices, ...]:
        """What satisfies it, the best first; one unless it has ``firstAvailable``."""
        exactly, first = self.at["exactly"], self.at["firstAvailable"]
        if exactly.present:
            return (Devices(self.object, exactly),)
        if first.present:
            return tuple(Devices(self.object, item) for item in first.items())
        flat = self.object.version in _FLAT_VERSIONS
        return (Devices(self.object, self.at),) if flat else ()

    @cached_property
    def count(self) -> SourceValue[int] | None:
        """How many devices it gets; None where that is only known once they are allocated."""
        counts = [devices.count for devices in self.choices]
        first = counts[0] if counts else None
        if first is None or any(each is None or each.value != first.value for each in counts):
            return None
        return first


@dataclass(frozen=True, eq=False)
class Claim:
    """A ResourceClaim, or a ResourceClaimTemplate, from which each pod gets a claim of its own.

    Attributes:
        object: The object.
    """

    object: KubeObject

    @cached_property
    def is_template(self) -> bool:
        """Whether claims are made from it."""
        return self.object.kind == "ResourceClaimTemplate"

    @cached_property
    def requests(self) -> tuple[DeviceRequest, ...]:
        """Its requests."""
        spec = self.object.at("spec", "spec") if self.is_template else self.object.at("spec")
        items = spec.at("devices", "requests").items()
        return tuple(DeviceRequest(self.object, item) for item in items)

    @cached_property
    def choices(self) -> list[Devices]:
        """What satisfies its requests."""
        return [devices for request in self.requests for devices in request.choices]

    def count(self, request: str | None = None) -> SourceValue[int] | None:
        """How many accelerators it gives, or one request of it; None where that cannot be told."""
        asked = [
            each
            for each in self.requests
            if request in (None, each.name)
            and (not each.choices or any(one.may_be_accelerators for one in each.choices))
        ]
        return total([each.count for each in asked])

    def may_give_accelerators(self, request: str | None = None) -> bool:
        """Whether a device of it, or of one request of it, may be an accelerator."""
        known = self._classes(request)
        return not known or any(map(may_be_accelerator_class, known))

    def gives_accelerators(self, request: str | None = None) -> bool:
        """Whether a device of it, or of one request of it, is an accelerator for sure."""
        return any(map(is_accelerator_class, self._classes(request)))

    def _classes(self, request: str | None) -> list[str]:
        asked = [each for each in self.requests if request in (None, each.name)]
        classes = [devices.device_class.value for each in asked for devices in each.choices]
        return [name for name in classes if name is not None]


@dataclass(frozen=True, eq=False)
class PodClaim:
    """A claim that a pod makes: an entry of its ``resourceClaims``.

    Attributes:
        object: The object that composes the pod.
        at: Where.
    """

    object: KubeObject
    at: Cursor

    @cached_property
    def name(self) -> SourceValue[str | None]:
        """The name by which its containers use it."""
        return self.object.value_at(self.at["name"], self.at["name"].text)

    @property
    def here(self) -> SourceValue[None]:
        """The place of the whole of it."""
        return self.object.value_at(self.at, None)

    @cached_property
    def template(self) -> SourceValue[str] | None:
        """The ResourceClaimTemplate that it is made from."""
        return self.object.text(self.at["resourceClaimTemplateName"])

    @cached_property
    def claim(self) -> SourceValue[str] | None:
        """The ResourceClaim that it is, shared by all pods that name it."""
        return self.object.text(self.at["resourceClaimName"])


@dataclass(frozen=True, eq=False)
class ClaimUse:
    """What a container takes of its pod's claims: an entry of ``resources.claims``.

    Attributes:
        name: The claim's name in the pod.
        request: The request of it alone; None for all of them.
    """

    name: SourceValue[str | None]
    request: str | None


def total(counts: list[SourceValue[int] | None]) -> SourceValue[int] | None:
    """The sum of counts, at the first one's place; None where one is not known, or none is."""
    known = [count for count in counts if count is not None]
    if not known or len(known) < len(counts):
        return None
    return known[0].of(sum(count.value for count in known))


def device_class_selectors(found: KubeObject) -> list[SourceValue[str]]:
    """The CEL expressions of a DeviceClass."""
    return _expressions(found, found.at("spec", "selectors"))


def _expressions(found: KubeObject, selectors: Cursor) -> list[SourceValue[str]]:
    texts = (found.text(item.at("cel", "expression")) for item in selectors.items())
    return [text for text in texts if text is not None]
