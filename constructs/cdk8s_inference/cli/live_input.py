"""The objects of a running cluster, as a command line names them."""

from __future__ import annotations

from dataclasses import dataclass, replace

import click

from cdk8s_inference.cli.contents import Contents
from cdk8s_inference.cluster import (
    ClusterFailure,
    Connection,
    LiveObjects,
    connect,
    read_live_objects,
)
from cdk8s_inference.findings import Finding

API_SECONDS = 30.0
"""How long an answer of the API may take."""


class Unreachable(click.ClickException):
    """A cluster cannot be read."""

    exit_code = 2


@dataclass(frozen=True)
class LiveInput:
    """A cluster, and the namespace of it that is read.

    Attributes:
        context: The context of the kubeconfig; None for the current one.
        kubeconfig: The kubeconfig; None for where kubectl looks for it.
        namespace: The namespace; None for that of the context.
        all_namespaces: Whether all namespaces are read.
    """

    context: str | None = None
    kubeconfig: str | None = None
    namespace: str | None = None
    all_namespaces: bool = False

    def read(self, timeout: float | None = None) -> tuple[Connection, LiveObjects]:
        """The way to the cluster, and its objects.

        Args:
            timeout: Seconds that an answer of the API may take; default 30.

        Raises:
            Unreachable: It cannot be read.
        """
        try:
            limit = API_SECONDS if timeout is None else timeout
            connection = connect(self.context, self.kubeconfig, limit)
            home = None if self.all_namespaces else self.namespace or connection.namespace
            return connection, read_live_objects(connection, home)
        except ClusterFailure as failure:
            raise Unreachable(str(failure)) from None

    def contents(self) -> Contents:
        """The objects, as the contents of files of which each holds one."""
        _, live = self.read()
        found = Contents(manifests=[*live.documents], read=[*live.documents])
        found.unread += live.unread
        found.contents.update((each.file or "", b"") for each in live.documents)
        return found


def said_once(finding: Finding) -> Finding:
    """A finding for people without the objects, which its positions name already."""
    related = tuple(replace(each, object="") for each in finding.related)
    consequences = tuple(map(said_once, finding.consequences))
    return replace(finding, object=None, related=related, consequences=consequences)
