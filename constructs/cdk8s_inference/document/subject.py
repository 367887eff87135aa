"""What rules over documents and engines are about.

Rules read plain data through a :class:`Cursor`, so that all of them apply even where a field
beside them is wrong.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from cdk8s_inference.document.deployment import Deployment
from cdk8s_inference.document.ports import default_port, given_port, rank_ports
from cdk8s_inference.findings.rule import RuleSet
from cdk8s_inference.platform import Platform
from cdk8s_inference.source import Cursor, Document


@dataclass(frozen=True)
class DeploymentSubject:
    """A ModelDeployment with the platform that it is composed with.

    Attributes:
        root: The document.
        replica: What each replica is: ``spec.template.spec``, or ``spec`` where engines stand
            directly under it.
        platform: The platform's choices.
        typed: Whether it was written in Python, where a phase may have several engines.
        namespace: A namespace that replaces the document's own; None for the document's.
    """

    root: Cursor
    replica: Cursor
    platform: Platform
    typed: bool = False
    namespace: str | None = None

    @cached_property
    def engines(self) -> Sequence[Cursor]:
        """Its engines."""
        return tuple(self.replica["engines"].items())

    @property
    def mode(self) -> str:
        """The serving mode that is written, else ``Unified``."""
        return self.replica.at("serving", "mode").text or "Unified"

    @property
    def disaggregated(self) -> bool:
        """Whether it serves PrefillDecode."""
        return self.mode == "PrefillDecode"

    @property
    def has_picker(self) -> bool:
        """Whether an endpoint picker is composed."""
        return self.mode != "Unified" or self.platform.unified_mode == "picker"

    def phase(self, engine: Cursor) -> str | None:
        """An engine's phase, where phases have an effect."""
        return engine["phase"].text if self.disaggregated else None


@dataclass(frozen=True)
class EngineSubject:
    """An engine, whatever it is part of.

    Attributes:
        engine: The engine.
        platform: The platform's choices.
        typed: Whether it was written in Python.
        earlier: The engines before it in the same deployment.
    """

    engine: Cursor
    platform: Platform
    typed: bool = False
    earlier: Sequence[Cursor] = ()

    @cached_property
    def members(self) -> Sequence[Cursor]:
        """Its members."""
        return tuple(self.engine["members"].items())

    @cached_property
    def pod_settings(self) -> Sequence[Cursor]:
        """What its pods get beside their templates: the platform's, its own and its members'."""
        common = Cursor(vars(self.platform.pods), ("platform", "pods"))
        return (common, self.engine["pods"], *(member["pods"] for member in self.members))

    @cached_property
    def containers(self) -> Sequence[Cursor]:
        """The containers of its members."""
        return tuple(
            container
            for member in self.members
            for container in member.at("template", "spec", "containers").items()
        )


@dataclass(frozen=True)
class PoolSubject:
    """Engines that one pool or Service leads to.

    Attributes:
        engines: The engines.
        phases: The phase of each there, such as ``Decode``.
    """

    engines: Sequence[Cursor]
    phases: Sequence[str | None]


@dataclass(frozen=True)
class MetadataSubject:
    """The labels or the annotations of objects that are composed.

    Attributes:
        entries: The mapping.
        noun: ``label`` or ``annotation``.
    """

    entries: Cursor
    noun: str


@dataclass(frozen=True)
class NamesSubject:
    """A valid deployment and the document that it is from.

    Attributes:
        root: The document.
        deployment: The deployment.
        platform: The platform's choices.
    """

    root: Cursor
    deployment: Deployment
    platform: Platform


@dataclass(frozen=True)
class RunSubject:
    """The valid deployments of one run.

    Attributes:
        deployments: Each with its document.
        platform: The platform's choices.
    """

    deployments: Sequence[tuple[Deployment, Document]]
    platform: Platform


DEPLOYMENT_RULES: RuleSet[DeploymentSubject] = RuleSet()
ENGINE_RULES: RuleSet[EngineSubject] = RuleSet()
POOL_RULES: RuleSet[PoolSubject] = RuleSet()
METADATA_RULES: RuleSet[MetadataSubject] = RuleSet()
NAMES_RULES: RuleSet[NamesSubject] = RuleSet()
RUN_RULES: RuleSet[RunSubject] = RuleSet()


def role(member: Cursor) -> str:
    """The role of a member."""
    return member["role"].text or "Standalone"


def serving_container(engine: Cursor) -> Cursor:
    """The container of the member whose pods take requests."""
    for member in engine["members"].items():
        if role(member) != "Worker":
            return member.at("template", "spec", "containers", 0)
    return Cursor(None, engine.path, engine.document)


def ranks(engine: Cursor) -> int:
    """The data-parallel ranks of an engine's pod."""
    value = engine["ranks"].value
    return value if isinstance(value, int) else 1


def container_port(container: Cursor) -> int | None:
    """The port that a container's flags name."""
    return given_port(container["command"].strings, container["args"].strings)


def engine_ports(engine: Cursor) -> tuple[int, ...]:
    """The ports that an engine listens on, one for each rank."""
    count = ranks(engine)
    first = container_port(serving_container(engine)) or default_port(engine["phase"].text, count)
    return rank_ports(first, count)
