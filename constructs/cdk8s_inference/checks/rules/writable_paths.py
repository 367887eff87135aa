"""Directories that an engine writes to."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator

from cdk8s_inference.checks.rule import rule
from cdk8s_inference.findings import Violation
from cdk8s_inference.findings.example import breaks
from cdk8s_inference.source import has_placeholder
from cdk8s_inference.topology import Container, Pods, SourceValue, Topology

_ENGINE = "spec.template.spec.containers[0]"
_NO_HOME = "/"
"""The home directory of a user that the image does not have."""


@rule(
    "T628",
    "warning",
    "An engine cannot write to its cache directories",
    why="It exits with PermissionError or a read-only file system error when it compiles kernels "
    "or downloads a model, or does so again at every start.",
    evidence="A user that the image does not have has / as home directory, which only root may "
    "write to. The directories are read in each server's source.",
    fix="set HOME to a directory that a volume is mounted at, or mount volumes at the directories",
    example=breaks(
        "disaggregated", "Deployment/decode", f"{_ENGINE}.securityContext", {"runAsUser": 4711}
    ),
)
def unwritable(topology: Topology) -> Iterator[Violation]:
    for pods in topology.serving:
        engine = pods.engine
        if engine is None or engine.server is None or engine.is_simulator:
            continue
        reason = _restricted(pods, engine.container)
        if reason is None:
            continue
        home = _home(engine.container)
        if home is None:
            continue
        read_only = reason.value == "read-only"
        lost = [
            path
            for directory, written in engine.server.home(engine.invocation.env)
            if written is not None
            and not has_placeholder(written)
            and (path := _under(written, home)) is not None
            and (read_only or path.startswith(f"{_NO_HOME}."))
            and not _is_mounted(engine.container, path)
        ]
        if lost:
            listed = ", ".join(dict.fromkeys(lost))
            cause = (
                "the root file system is read-only" if read_only else f"{reason.value} has no home"
            )
            yield Violation(reason, f"{cause}, and {engine.server.title} writes to {listed}")


def _restricted(pods: Pods, container: Container) -> SourceValue[str] | None:
    """What keeps the container from writing to its image: ``read-only``, or its user."""
    own = container.at["securityContext"]
    if own["readOnlyRootFilesystem"].value is True:
        return pods.object.value_at(own["readOnlyRootFilesystem"], "read-only")
    for at in (own["runAsUser"], pods.at.at("spec", "securityContext", "runAsUser")):
        if at.present:
            user = at.value
            return pods.object.value_at(at, f"user {user}") if user not in (0, None) else None
    return None


def _home(container: Container) -> str | None:
    """Its home directory; None where that is taken from elsewhere."""
    if "HOME" not in container.environment:
        return _NO_HOME
    return container.environment["HOME"].value


def _under(path: str, home: str) -> str | None:
    return posixpath.normpath(posixpath.join(home, path[2:]) if path.startswith("~/") else path)


def _is_mounted(container: Container, path: str) -> bool:
    mounts = (mount["mountPath"].text or "" for mount in container.at["volumeMounts"].items())
    return any(path == each or path.startswith(each.rstrip("/") + "/") for each in mounts)
