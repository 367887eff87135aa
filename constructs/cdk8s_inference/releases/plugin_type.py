"""What a release's endpoint picker knows of a plugin: its parameters, its roles, its needs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

PluginRole = Literal[
    "admitter",
    "data source",
    "decider",
    "discovery",
    "eviction filter",
    "eviction order",
    "extractor",
    "fairness policy",
    "filter",
    "header writer",
    "ordering policy",
    "parser",
    "picker",
    "producer",
    "profile handler",
    "reporter",
    "saturation detector",
    "scorer",
    "screener",
    "usage limit policy",
]

PROFILE_ROLES: frozenset[PluginRole] = frozenset({"filter", "picker", "scorer"})
"""What a scheduling profile runs; it takes any other plugin without a word, and ignores it."""

RequestData = Literal[
    "encoder cache match",
    "inflight load",
    "latency prediction",
    "prefix cache match",
    "session id",
    "tokenized prompt",
    "uncached tokens",
]
"""What producers attach to a request or to its candidates, and other plugins read."""

ParameterKind = Literal["bool", "duration", "float", "int", "list", "object", "quantity", "string"]

PodRole = Literal["encode", "prefill", "decode"]

Stage = Literal["alpha", "supported"]


@dataclass(frozen=True)
class Parameter:
    """A parameter of a plugin, or a field of the picker's configuration.

    Attributes:
        name: Its JSON name.
        kind: What the picker decodes it into; another kind keeps it from starting.
        default: What it is when left out; None where the picker computes it.
        minimum: A smaller value keeps the picker from starting.
        fields: The fields of an object, or of the objects of a list, where they are closed;
            empty where any will do.
        reads: Set where it names the producer of data that the plugin cannot do without.
    """

    name: str
    kind: ParameterKind
    default: bool | int | float | str | None = None
    minimum: int | None = None
    reads: RequestData | None = None
    fields: tuple[Parameter, ...] = ()


@dataclass(frozen=True)
class Deprecation:
    """A plugin that still works, with a line in the log."""

    since: str
    removal: str | None = None
    replacement: str | None = None


@dataclass(frozen=True)
class Stages:
    """How a profile handler that disaggregates finds its profiles and deciders.

    Each is a tuple of parameter paths, of which the first that is set counts.

    Attributes:
        decode: Names the profile that picks the pod which answers.
        prefill: Names the profile that picks the pod which prefills.
        encode: Names the profile that picks the pods which encode images; empty if it has none.
        prefill_decider: Names the plugin that says whether a prompt is prefilled elsewhere.
        encode_decider: Names the plugin that says whether a request is encoded elsewhere.
        default_prefill_decider: The decider when none is named; None switches the stage off.
        order: The parameter whose value ``prefill-first`` prefills every prompt elsewhere, and
            forbids a prefill decider; None where the release has no such order.
    """

    decode: tuple[str, ...]
    prefill: tuple[str, ...]
    prefill_decider: tuple[str, ...]
    encode: tuple[str, ...] = ()
    encode_decider: tuple[str, ...] = ()
    default_prefill_decider: str | None = None
    order: str | None = None


@dataclass(frozen=True)
class Decision:
    """What a decider asks of a request before it is prefilled or encoded elsewhere.

    Attributes:
        thresholds: Parameters that count tokens: the prompt must reach each of them.
        never_at_zero: Those of them that decline every request when they are 0.
        multimodal: Whether it accepts requests with images, video or audio alone.
        reads: What it declines every request without.
    """

    thresholds: tuple[str, ...] = ()
    never_at_zero: tuple[str, ...] = ()
    multimodal: bool = False
    reads: tuple[RequestData, ...] = ()


@dataclass(frozen=True)
class PluginType:
    """A plugin type that a release registers.

    Attributes:
        type: Its name; also the name of an instance that is given none.
        roles: What an instance can be used as.
        parameters: What it takes. A type without any reads none, so none can be wrong.
        exclusive: Groups of parameters, of which an instance may use one group.
        stage: An alpha plugin needs the picker's flag ``allow-experimental-plugins``.
        deprecation: Since when it should not be used, and what to use.
        produces: The data it attaches.
        consumes: The data it reads; from v0.9.0 on the picker creates what is missing.
        brings: Types that it creates beside itself where they are not listed.
        accepts: A role filter's pod roles; None for any other plugin.
        accepts_unlabelled: Whether a role filter lets pods without the label pass.
        stages: Set for a profile handler that disaggregates.
        decision: Set for a decider.
        opaque: A parser that leaves the prompt unread: nothing can be counted.
    """

    type: str
    roles: tuple[PluginRole, ...]
    parameters: tuple[Parameter, ...] = ()
    exclusive: tuple[frozenset[str], ...] = ()
    stage: Stage = "supported"
    deprecation: Deprecation | None = None
    produces: tuple[RequestData, ...] = ()
    consumes: tuple[RequestData, ...] = ()
    brings: tuple[str, ...] = ()
    accepts: frozenset[str] | None = None
    accepts_unlabelled: bool = False
    stages: Stages | None = None
    decision: Decision | None = None
    opaque: bool = False

    def parameter(self, name: str) -> Parameter | None:
        """The parameter of that name, if it takes one."""
        return next((known for known in self.parameters if known.name == name), None)

    def default(self, name: str) -> Any:
        """What a parameter is when left out; None also where there is no such parameter."""
        found = self.parameter(name)
        return None if found is None else found.default
