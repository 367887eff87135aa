"""The objects of a cluster, as documents that rules can read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from cdk8s_inference.cluster.connection import Connection
from cdk8s_inference.cluster.failure import ClusterFailure
from cdk8s_inference.cluster.resources import Resource, resources
from cdk8s_inference.source import Document

_DISCOVERY = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"
_METADATA = "application/json;g=meta.k8s.io;v=v1;as=PartialObjectMetadataList"
_PAGE = "500"
_LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
_CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
_CRD_GROUPS = (
    *("disaggregatedset.x-k8s.io", "inference.networking.k8s.io"),
    *("inference.networking.x-k8s.io", "llm-d.ai"),
)
"""The groups whose CRDs rules read; those of all others are most of a cluster's objects."""


@dataclass(frozen=True)
class LiveObjects:
    """What was read of a cluster.

    Attributes:
        documents: The objects that somebody wrote; those that controllers make of them are left
            out, since the rules know what is made.
        statuses: The objects with their status, by kind: Pods and Gateways.
        unread: What could not be read, and why, in words.
    """

    documents: tuple[Document, ...]
    statuses: Mapping[str, tuple[Mapping[str, Any], ...]]
    unread: tuple[str, ...]


def read_live_objects(connection: Connection, namespace: str | None) -> LiveObjects:
    """The objects of a namespace with those of no namespace, or of all namespaces.

    Only GETs are sent. Of Secrets the names alone are asked for.

    Args:
        connection: The way to the cluster.
        namespace: The namespace; None for all.

    Raises:
        ClusterFailure: The API does not answer, or refuses to say which kinds it has.
    """
    found: list[dict[str, Any]] = []
    unread: list[str] = []
    served = [each for root in ("/api", "/apis") for each in _served(connection, root)]
    for resource in served:
        try:
            found += _listed(connection, resource, namespace)
        except ClusterFailure as failure:
            # Of one kind alone, as where its webhook is down.
            if failure.status in (None, 401):
                raise
            reason = "forbidden" if failure.status == 403 else f"status {failure.status}"
            unread.append(f"{resource} ({reason})")
    for resource in served:
        if resource.group in _CRD_GROUPS:
            try:
                found.append(connection.get(f"{_CRDS}/{resource.name}.{resource.group}"))
            except ClusterFailure as failure:
                if failure.status not in (403, 404):
                    raise
                if failure.status == 403:
                    unread.append(f"CustomResourceDefinition {resource} (forbidden)")
    if namespace is not None:
        found = [each for each in found if _is_in(each, namespace)]
    uids = {each["metadata"].get("uid") for each in found} - {None}
    documents = (_document(each) for each in found if not _is_made(each, uids))
    statuses = {
        kind: tuple(each for each in found if each["kind"] == kind) for kind in ("Pod", "Gateway")
    }
    return LiveObjects(tuple(documents), statuses, tuple(unread))


def _served(connection: Connection, root: str) -> list[Resource]:
    discovered = connection.get(root, accept=f"{_DISCOVERY},application/json")
    if not isinstance(discovered, dict) or discovered.get("kind") != "APIGroupDiscoveryList":
        message = f"{connection.server} does not say which kinds it has; it takes Kubernetes 1.30"
        raise ClusterFailure(f"{message} or newer")
    return list(resources(discovered))


def _listed(
    connection: Connection, resource: Resource, namespace: str | None
) -> Iterator[dict[str, Any]]:
    is_secret = not resource.group and resource.name == "secrets"
    query = {"limit": _PAGE}
    while True:
        accept = _METADATA if is_secret else "application/json"
        page = connection.get(resource.path(namespace), query, accept)
        for item in page.get("items") or ():
            # Items of a list lack both.
            item["apiVersion"], item["kind"] = resource.api_version, resource.kind
            yield _secret(item) if is_secret else item
        following = page.get("metadata", {}).get("continue")
        if not following:
            return
        query = {"limit": _PAGE, "continue": following}


def _secret(item: Mapping[str, Any]) -> dict[str, Any]:
    """A Secret without its data, should a server have sent them all the same."""
    return {key: item[key] for key in ("apiVersion", "kind", "metadata")}


def _is_in(item: Mapping[str, Any], namespace: str) -> bool:
    """Whether an object is in a namespace, or in none; of Namespaces it is the one itself."""
    metadata = item["metadata"]
    if item["kind"] == "Namespace":
        return bool(metadata["name"] == namespace)
    return metadata.get("namespace") in (None, namespace)


def _is_made(item: Mapping[str, Any], uids: set[Any]) -> bool:
    """Whether a controller makes an object of another one that was read."""
    owners = item["metadata"].get("ownerReferences") or ()
    return any(each.get("controller") and each.get("uid") in uids for each in owners)


def _document(item: Mapping[str, Any]) -> Document:
    """An object as it is applied, and as its position ``namespace/kind/name``."""
    metadata = {key: value for key, value in item["metadata"].items() if key != "managedFields"}
    annotations = metadata.get("annotations") or {}
    if _LAST_APPLIED in annotations:
        kept = {key: value for key, value in annotations.items() if key != _LAST_APPLIED}
        metadata["annotations"] = kept
    data = {key: value for key, value in item.items() if key != "status"}
    where = (metadata.get("namespace"), item["kind"], metadata["name"])
    return Document({**data, "metadata": metadata}, "/".join(part for part in where if part))
