"""Object names: computed from what users wrote, valid, unique, and the same on every run."""

from __future__ import annotations

import hashlib
import re

LABEL_LIMIT = 63
"""A DNS label, a label value and a Service name hold 63 characters."""

LEADER_WORKER_SET_LIMIT = 49
"""A LeaderWorkerSet's followers never start with a longer name, and no admission check says so.

Copy 63, the last of 64, has its followers in a StatefulSet ``<name>-63``, which labels them
``controller-revision-hash: <name>-63-<10 characters>``: 63 in all (kubernetes/kubernetes#64023).
kubernetes-sigs/lws#410 names 51, which suits copies below 10 whose hash happens to be shorter."""

LABEL = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
"""RFC 1123 label, such as a namespace's name; to be matched whole."""

QUALIFIED_NAME = re.compile(r"[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?")
"""The name in a key of a label or annotation, and a label's value; to be matched whole."""

SUBDOMAIN = re.compile(
    r"(?=.{1,253}\Z)[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*"
)
"""RFC 1123 subdomain, the name of most objects; to be matched whole."""

PICKER_SUFFIX = "epp"

SIDECAR_CONTAINER = "pd-sidecar"
"""The container that routing adds to decode pods."""

SIDECAR_TOKEN = "sidecar-token"
"""The volume that routing adds to decode pods, with what their sidecar reads its pool by."""

_SIDECAR_SUFFIX = "sidecar"

_HASH_LENGTH = 8


def join(*parts: str | int, limit: int = LABEL_LIMIT) -> str:
    """Joins name parts with ``-``; a result over ``limit`` is cut and ends in a hash of the whole.

    >>> join("llama", 0, "decode")
    'llama-0-decode'
    >>> join("a" * 60, "decode", limit=49)
    'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa-e650cdfa'
    """
    name = "-".join(str(part) for part in parts)
    if len(name) <= limit:
        return name
    digest = hashlib.sha256(name.encode()).hexdigest()[:_HASH_LENGTH]
    return f"{name[: limit - _HASH_LENGTH - 1].rstrip('-')}-{digest}"


def replica(deployment: str, index: int) -> str:
    """The name of a deployment's replica ``index``, which its route, pool and Service carry."""
    return join(deployment, index)


def workload(replica: str, engine: str, *, gang: bool) -> str:
    """The name of an engine's Deployment, or of its LeaderWorkerSet for a gang."""
    return join(replica, engine, limit=LEADER_WORKER_SET_LIMIT if gang else LABEL_LIMIT)


def claim_template(workload: str, role: str) -> str:
    """The name of a member's ResourceClaimTemplate.

    It names the role, also for an engine of one member, so that the leader of engine ``a`` and
    a standalone engine ``a-leader`` differ.
    """
    return join(workload, role.lower())


def picker(replica: str) -> str:
    """The name of the endpoint picker's objects."""
    return join(replica, PICKER_SUFFIX)


def sidecar(replica: str) -> str:
    """The name of what lets a replica's sidecars read their pool."""
    return join(replica, _SIDECAR_SUFFIX)


def cluster_role(namespace: str, name: str, part: str) -> str:
    """The name of a ClusterRole that belongs to an object of a namespace.

    No name has a colon in it, so ``a-b``/``c`` and ``a``/``b-c`` stay apart.
    """
    return f"{namespace}:{name}:{part}"


def require(name: str, *, gang: bool) -> None:
    """Refuses a name that a workload cannot carry.

    A LeaderWorkerSet names a Service after itself, so it must start with a letter.

    Raises:
        ValueError: Says the limit, or the characters allowed.
    """
    limit = LEADER_WORKER_SET_LIMIT if gang else LABEL_LIMIT
    if len(name) > limit:
        raise ValueError(
            f"name {name!r} has {len(name)} characters, at most {limit} fit; "
            "cdk8s_inference.names.join shortens it"
        )
    if not re.fullmatch(r"[a-z]([-a-z0-9]*[a-z0-9])?", name):
        raise ValueError(
            f"name {name!r} must be lower case letters, digits and '-', starting with a letter"
        )


def require_namespace(namespace: str) -> None:
    """Refuses a namespace that no cluster has.

    Raises:
        ValueError: It is no DNS label.
    """
    if not LABEL.fullmatch(namespace):
        raise ValueError(
            f"namespace {namespace!r} must be up to 63 lower case letters, digits and '-', edged "
            "by letters or digits"
        )
