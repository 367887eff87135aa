"""Findings about composed objects, at the lines of the document that they are composed from."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from cdk8s_inference import names
from cdk8s_inference.document.deployment import Deployment
from cdk8s_inference.findings import Finding, PathPart, Place
from cdk8s_inference.source import Cursor, Document

_STEP = re.compile(r"\[(?P<index>\d+)\]|\[(?P<quoted>[^\]]+)\]|\.?(?P<plain>[^.\[\]]+)")
_LEADER = "spec.leaderWorkerTemplate.leaderTemplate."
_WORKER = "spec.leaderWorkerTemplate.workerTemplate."
_REQUEST = re.compile(r"spec\.spec\.devices\.requests\[(\d+)\](?:\.exactly)?\.?(.*)")


def at_document(
    findings: Iterable[Finding], deployment: Deployment, document: Document
) -> list[Finding]:
    """Findings about a deployment's objects, each at the value that it is composed from.

    What the document does not say, such as a probe, is placed at the member or the deployment's
    name. Replicas have the same findings, which are told once.
    """
    origins = _Origins(document, _owners(deployment, document))
    return list(dict.fromkeys(origins.placed(finding) for finding in findings))


@dataclass(frozen=True)
class _Owner:
    """What an object is composed from.

    Attributes:
        leader: The member whose pods serve.
        worker: The member whose pods follow it; the same where there is none.
    """

    leader: Cursor
    worker: Cursor


def _owners(deployment: Deployment, document: Document) -> Mapping[str, _Owner]:
    """The owner of each object of an engine, by the object's kind, namespace and name."""
    spec = document.root["spec"]
    engines = spec["engines"] if spec["engines"].present else spec.at("template", "spec", "engines")
    found: dict[str, _Owner] = {}
    for index in range(deployment.spec.replicas):
        replica = names.replica(deployment.name, index)
        for at, engine in zip(engines.items(), deployment.spec.template.spec.engines, strict=True):
            workload = names.workload(replica, engine.name, gang=engine.is_gang)
            members = dict(
                zip((each.role for each in engine.members), at["members"].items(), strict=True)
            )
            first = next(iter(members.values()))
            leader = members.get("Leader", first)
            owner = _Owner(leader, members.get("Worker", leader))
            kind = "LeaderWorkerSet" if engine.is_gang else "Deployment"
            found[f"{kind} {deployment.namespace}/{workload}"] = owner
            for member_role, member in members.items():
                claim = names.claim_template(workload, member_role)
                key = f"ResourceClaimTemplate {deployment.namespace}/{claim}"
                found[key] = _Owner(member, member)
    return found


@dataclass(frozen=True)
class _Origins:
    """Where composed values come from.

    Attributes:
        document: The document.
        owners: What each object of an engine is composed from.
    """

    document: Document
    owners: Mapping[str, _Owner]

    def placed(self, finding: Finding) -> Finding:
        """The finding, at the document."""
        at = self._place(finding.object or "", finding.path)
        return replace(
            finding,
            path=at.path,
            file=at.file,
            line=at.line,
            object=None,
            related=tuple(self._place(each.object, each.path) for each in finding.related),
            consequences=tuple(self.placed(each) for each in finding.consequences),
        )

    def _place(self, owner_name: str, path: str) -> Place:
        owner = self.owners.get(owner_name)
        if owner is None:
            return self.document.root.at("metadata", "name").place
        member, keys = owner.leader, ["template", *_keys(path.removeprefix("spec.template."))]
        if path.startswith((_LEADER, _WORKER)):
            member = owner.leader if path.startswith(_LEADER) else owner.worker
            keys = ["template", *_keys(path.removeprefix(_LEADER).removeprefix(_WORKER))]
        elif request := _REQUEST.match(path):
            keys = ["nodeSelector", "devices", int(request[1]), *_keys(request[2])]
            keys = [key for key in keys if key != "expression"]
        return _nearest(member, keys).place


def _keys(path: str) -> Iterator[PathPart]:
    for match in _STEP.finditer(path):
        yield int(match["index"]) if match["index"] else match["quoted"] or match["plain"]


def _nearest(at: Cursor, keys: Iterable[PathPart]) -> Cursor:
    """The value at keys, or the nearest one above it that is written."""
    for key in keys:
        if not at[key].present:
            break
        at = at[key]
    return at
