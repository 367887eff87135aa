"""The API of a cluster: which kinds it has, and what it says against an object of one."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from cdk8s_inference.findings import Mend, near_name
from cdk8s_inference.schemas import syntax
from cdk8s_inference.schemas.facts import RELEASES, Facts, Schema, custom, kubernetes
from cdk8s_inference.schemas.removed import removed
from cdk8s_inference.schemas.validation_rules import RULES, broken_rules
from cdk8s_inference.schemas.violation import SchemaViolation
from cdk8s_inference.schemas.walk import OBJECT_META, Walk
from cdk8s_inference.source.placeholder import has_placeholder, is_for_a_person

_BESIDE_RULES = ("unknown field", "name")
"""What may be wrong with an object so that its rules can be evaluated yet."""

_OBJECT_META = {"$ref": f"#/definitions/{OBJECT_META}"}


@dataclass(frozen=True)
class ClusterApi:
    """The API of a cluster.

    Attributes:
        kubernetes: Its release of Kubernetes, such as ``1.36``; None where any of those that are
            known may be meant: what one of them takes is right then.
        crds: The schemas of CRDs that it has, by apiVersion and kind, beside those that are known.
    """

    kubernetes: str | None = None
    crds: Mapping[tuple[str, str], Schema] = field(default_factory=dict)

    def knows(self, api_version: str, kind: str) -> bool:
        """Whether the schema of a kind is known."""
        return any(self._schemas(api_version, kind, is_object=True))

    def is_known(self, api_version: str, kind: str) -> bool:
        """Whether something is known of a kind: its schema, or that there is none."""
        return (
            self.knows(api_version, kind)
            or self._refused(api_version, kind) is not None
            or self.likely_kind(api_version, kind) is not None
        )

    def has_rules(self, api_version: str, kind: str) -> bool:
        """Whether the CRD of a kind has rules in CEL."""
        if (own := self.crds.get((api_version, kind))) is not None:
            return f"'{RULES}'" in str(own)
        return custom().mentions(f"{api_version} {kind}", RULES)

    def violations(
        self, api_version: str, kind: str, value: Any, *, partial: bool = False
    ) -> list[SchemaViolation]:
        """What it says against an object; nothing for a kind of which it knows no schema.

        Args:
            api_version: The apiVersion of the object, or of the type of a part of one.
            kind: Its kind; or the name of a type of Kubernetes, such as ``PodSpec``.
            value: The object as plain data.
            partial: Whether it is a part of an object, such as a patch: nothing is missing then.
        """
        if refused := self._refused(api_version, kind):
            return [self._moved(refused, api_version, kind, value)]
        found: dict[str, list[SchemaViolation]] = {}
        is_object = isinstance(value, Mapping) and "kind" in value and "metadata" in value
        for release, facts, schema in self._schemas(api_version, kind, is_object=is_object):
            found[release] = self._walked(schema, facts, release, kind, value, partial=partial)
            if not found[release] and self.kubernetes in (None, release):
                return []
        if not found:
            return []
        if self.kubernetes in found:
            return _told_of_others(self.kubernetes, found)
        return min(found.values(), key=len)

    def _moved(
        self, refused: SchemaViolation, api_version: str, kind: str, value: Any
    ) -> SchemaViolation:
        """Of a version that was removed, with a mend where the object fits the one since then."""
        gone = removed(api_version, kind) if refused.problem == "removed" else None
        now = gone and gone[1]
        if now is None or self.violations(now, kind, value):
            return refused
        return replace(refused, fix=f"use {now}", mend=Mend(api_version, now))

    def _schemas(
        self, api_version: str, kind: str, *, is_object: bool
    ) -> Iterator[tuple[str, Facts, Schema]]:
        """The schemas that a kind may have, with their releases."""
        if (own := self.crds.get((api_version, kind))) is not None:
            yield "", custom(), own
            return
        name = f"{api_version} {kind}"
        native = kubernetes()
        # Only values that are no objects, such as a PodSpec, are of a type without a kind.
        types = () if is_object else (_type_name(api_version, kind),)
        for named in (name, *types):
            for release in RELEASES:
                schema = native.definition(named, release)
                if schema is not None:
                    yield release, native, schema
            if native.definition(named) is not None:
                return
        for releases, schema in custom().variants(name):
            yield releases[-1], custom(), schema

    def _walked(
        self, schema: Schema, facts: Facts, release: str, kind: str, value: Any, *, partial: bool
    ) -> list[SchemaViolation]:
        if facts is kubernetes():
            walk = Walk(facts, release, partial=partial)
            walk.visit(value, schema, name=kind)
            return [*walk.found, *_names(kind, value)]
        walk = Walk(facts, release, certain=not release, partial=partial)
        walk.visit(value, _without_metadata(schema), name=kind)
        metadata = Walk(kubernetes(), self.kubernetes or RELEASES[0], partial=partial)
        if isinstance(value, Mapping):
            metadata.visit(value.get("metadata"), _OBJECT_META, ("metadata",))
        found = [*walk.found, *metadata.found, *_names(kind, value)]
        # As the API server, which evaluates no rule on an object that is wrong otherwise.
        if walk.ruled and not partial and all(each.problem in _BESIDE_RULES for each in found):
            found += broken_rules(walk.ruled, facts, certain=walk.certain)
        return found

    def _refused(self, api_version: str, kind: str) -> SchemaViolation | None:
        """Why a cluster has no such kind; None where it has, or where that is not known."""
        name = f"{api_version} {kind}"
        facts = kubernetes()
        if (api_version, kind) in self.crds or not kind or has_placeholder(name):
            return None
        if facts.definition(name) is not None:
            if self.kubernetes is None or facts.definition(name, self.kubernetes) is not None:
                return None
            having = [each for each in RELEASES if facts.definition(name, each) is not None]
            message = f"Kubernetes {self.kubernetes} has no {kind} of {api_version}"
            fix = f"use {' or '.join(_served(kind, self.kubernetes)) or 'another kind'}"
            return SchemaViolation(
                "release", ("apiVersion",), f"{message}; {' and '.join(having)} have it", fix
            )
        if (gone := removed(api_version, kind)) is not None:
            release, now = gone
            message = f"Kubernetes has no {kind} of {api_version} since {release}"
            fix = f"use {now}; the fields may have changed" if now else "remove the object"
            return SchemaViolation("removed", ("apiVersion",), message, fix)
        return None

    def likely_kind(self, api_version: str, kind: str) -> SchemaViolation | None:
        """What is wrong with a kind that no release has in a group that is known."""
        if self.knows(api_version, kind) or self._refused(api_version, kind):
            return None
        group = _group(api_version)
        if not api_version and not _served(kind):
            return _other_version(api_version, kind)
        facts = kubernetes()
        groups = {_group(version) for version in facts.kinds}
        if group not in groups and not _is_slip_of_group(api_version, kind):
            return _other_version(api_version, kind) or _other_kind(api_version, kind)
        elsewhere = _served(kind)
        if elsewhere:
            listed = " or ".join(elsewhere)
            message = f"{kind} is of {listed}, and not of {api_version or 'no apiVersion'}"
            mend = Mend(api_version, listed) if api_version and len(elsewhere) == 1 else None
            return SchemaViolation("kind", ("apiVersion",), message, f"write {listed}", mend=mend)
        known = {each for kinds in facts.kinds.values() for each in kinds}
        meant = near_name(kind, sorted(known)) if api_version else None
        if meant is None:
            return None
        message = f"there is no kind {kind}, but {meant}"
        mend = Mend(kind, meant)
        return SchemaViolation("kind", ("kind",), message, f"write {meant}", meant, mend=mend)


ANY_RELEASE = ClusterApi()
"""The API of a cluster of which nothing is known."""


_VERSION = re.compile(r"v\d+((alpha|beta)\d+)?")


def _other_version(api_version: str, kind: str) -> SchemaViolation | None:
    """What is wrong with a version that the CRD of a kind has in no release that is known."""
    group = _group(api_version)
    having = [
        version
        for version, kinds in custom().kinds.items()
        if kind in kinds and (not api_version or _group(version) == group)
    ]
    if not having:
        return None
    newer = _VERSION.fullmatch(api_version.rpartition("/")[2]) is not None
    listed = " or ".join(having)
    message = f"{kind} is of {listed}, and not of {api_version or 'no apiVersion'}"
    return SchemaViolation("kind", ("apiVersion",), message, f"write {listed}", certain=not newer)


def _other_kind(api_version: str, kind: str) -> SchemaViolation | None:
    """What is wrong with a kind that is one of the CRDs of its group, misspelled."""
    meant = near_name(kind, custom().kinds.get(api_version, ()))
    if meant is None:
        return None
    message = f"there is no kind {kind} of {api_version}, but {meant}"
    mend = Mend(kind, meant)
    return SchemaViolation("kind", ("kind",), message, f"write {meant}", meant, mend=mend)


def _is_slip_of_group(api_version: str, kind: str) -> bool:
    """Whether a group is one of Kubernetes' that has the kind, misspelled: ``app`` for ``apps``."""
    group = _group(api_version)
    return any(near_name(group, [_group(each)], least=1) for each in _served(kind) if group)


def _group(api_version: str) -> str:
    return api_version.rpartition("/")[0]


def _served(kind: str, release: str | None = None) -> list[str]:
    """The apiVersions that Kubernetes has a kind in, stable ones alone where there are such."""
    facts = kubernetes()
    found = [
        version
        for version, kinds in facts.kinds.items()
        if kind in kinds and facts.definition(f"{version} {kind}", release) is not None
    ]
    stable = [each for each in found if not {"alpha", "beta"} & {*_words(each)}]
    return stable or found


def _words(version: str) -> Iterable[str]:
    return (each for each in ("alpha", "beta") if each in version.rpartition("/")[2])


def _type_name(api_version: str, kind: str) -> str:
    """The name of Kubernetes' definition of a type that is no kind, such as PodSpec."""
    group, _, version = api_version.rpartition("/")
    return f"io.k8s.api.{group.partition('.')[0] or 'core'}.{version}.{kind}"


def _without_metadata(schema: Schema) -> Schema:
    """A CRD's schema without the fields that every object has."""
    fields = {"apiVersion": {"type": "string"}, "kind": {"type": "string"}}
    # What rules may read of it.
    named = {"name": {"type": "string"}, "generateName": {"type": "string"}}
    metadata = {"properties": named, "x-kubernetes-preserve-unknown-fields": True}
    return {
        **schema,
        "properties": {**schema.get("properties", {}), **fields, "metadata": metadata},
    }


def _is_unread(text: str) -> bool:
    return has_placeholder(text) or is_for_a_person(text)


def _names(kind: str, value: Any) -> Iterator[SchemaViolation]:
    metadata = value.get("metadata") if isinstance(value, Mapping) else None
    if not isinstance(metadata, Mapping):
        return
    name, namespace = metadata.get("name"), metadata.get("namespace")
    if isinstance(name, str) and name and not _is_unread(name):
        wanted = syntax.object_name(kind, name)
        if wanted is not None:
            message = f"{name!r} cannot be the name of a {kind}"
            yield SchemaViolation("name", ("metadata", "name"), message, f"use {wanted}")
    if isinstance(namespace, str) and namespace and not _is_unread(namespace):
        wanted = syntax.namespace(namespace)
        if wanted is not None:
            message = f"{namespace!r} cannot be the name of a namespace"
            yield SchemaViolation("name", ("metadata", "namespace"), message, f"use {wanted}")


def _told_of_others(
    release: str, found: Mapping[str, list[SchemaViolation]]
) -> list[SchemaViolation]:
    """The violations of a release, which say where another one has the field."""
    told = []
    for each in found[release]:
        having = [
            other
            for other, violations in found.items()
            if each.problem == "unknown field" and all(each.path != it.path for it in violations)
        ]
        if having:
            message = f"{each.message} in Kubernetes {release}; {' and '.join(having)} have it"
            fix = "remove it, or apply it to a cluster that has it"
            each = replace(each, problem="release", message=message, fix=fix, near=None)
        told.append(each)
    return told
