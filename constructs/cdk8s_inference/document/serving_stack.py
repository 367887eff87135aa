"""The ServingStack document as types: ``infrastructure.modelplane.ai/v1alpha1``.

Fields, defaults and limits are those of Modelplane's API (v0.3.1).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints, ValidationError

from cdk8s_inference.document.model_deployment import Model, ObjectMeta
from cdk8s_inference.document.rules.fields import Placed
from cdk8s_inference.document.validation import foreign, structure
from cdk8s_inference.findings import Finding, errors, field_path, type_name
from cdk8s_inference.kubernetes_types import ObjectName
from cdk8s_inference.source import Cursor, Document

API_VERSION = "infrastructure.modelplane.ai/v1alpha1"
KIND = "ServingStack"

Reference = Annotated[str, StringConstraints(max_length=253)]
Version = Annotated[str, StringConstraints(min_length=1, max_length=32)]
Name = Annotated[str, StringConstraints(min_length=1, max_length=63)]


class ClusterSecret(Model):
    """A credential of the cluster, for Modelplane's control plane."""

    type: Literal[
        "Kubeconfig",
        "GoogleApplicationCredentials",
        "AWSWebIdentityCredentials",
        "NebiusServiceAccountCredentials",
    ]
    name: Reference
    key: Reference
    namespace: Reference | None = None


class StackDocumentVersions(Model):
    """The release of each part; those that are not named are Modelplane's own."""

    gateway_api: Version = "v1.5.1"
    cert_manager: Version = "v1.17.1"
    envoy_gateway: Version = "v1.8.1"
    prometheus: Version = "72.6.2"
    leader_worker_set: Version = "v0.8.0"
    node_feature_discovery: Version = "0.18.3"
    nvidia_dra_driver: Version = "0.4.0"


class StackListener(Model):
    """A port of the gateway."""

    name: Name
    port: Annotated[int, Field(ge=1, le=65535)]
    protocol: Literal["HTTP", "TCP"]


class StackGateway(Model):
    """The inference gateway."""

    class_name: Name = "envoy"
    listeners: Annotated[list[StackListener], Field(max_length=8)] | None = None


class ServingStackSpec(Model):
    """What the stack consists of."""

    secrets: Annotated[list[ClusterSecret], Field(min_length=1, max_length=8)]
    nvidia_driver_root: Annotated[str, StringConstraints(max_length=512)] = "/"
    versions: StackDocumentVersions = StackDocumentVersions()
    gateway: StackGateway = StackGateway()


class StackMeta(ObjectMeta):
    """The document's own metadata. The objects' names do not come from it."""

    name: ObjectName


class ServingStackDocument(Model):
    """A ServingStack."""

    api_version: Literal["infrastructure.modelplane.ai/v1alpha1"]
    kind: Literal["ServingStack"]
    metadata: StackMeta
    spec: ServingStackSpec
    status: Any = None


def is_serving_stack(document: Document) -> bool:
    """Whether a document says that it is one."""
    return isinstance(document.data, Mapping) and document.data.get("kind") == KIND


def check_stack(document: Document) -> tuple[ServingStackDocument | None, list[Finding]]:
    """The document as types, None where it has errors, and all findings by the schema."""
    if not isinstance(document.data, Mapping):
        message = f"the document is {type_name(document.data)}"
        finding = Finding("D006", "error", "", message, f"write a {KIND} object")
        return None, [*document.findings, document.locate(finding, ())]
    root = Cursor(document.data)
    placed = list(foreign(root, API_VERSION, KIND))
    value: ServingStackDocument | None = None
    if not placed:
        try:
            value = ServingStackDocument.model_validate(document.data, by_alias=True, by_name=False)
        except ValidationError as problem:
            placed = structure(problem, ServingStackDocument)
        placed += [*_kubeconfig(root), *_repeated_listeners(root), *_unused(root)]
    findings = [*document.findings, *(document.locate(*each) for each in placed)]
    return (None if errors(findings) else value), findings


def _kubeconfig(root: Cursor) -> Iterator[Placed]:
    secrets = root.at("spec", "secrets")
    types = [secret["type"].value for secret in secrets.items()]
    if types and "Kubeconfig" not in types:
        message = f"has no Kubeconfig among {', '.join(map(str, types))}"
        fix = "add the secret with the cluster's kubeconfig, as Modelplane requires"
        finding = Finding("S001", "error", field_path(secrets.path), message, fix)
        yield finding, secrets.path


def _repeated_listeners(root: Cursor) -> Iterator[Placed]:
    seen: set[str] = set()
    for listener in root.at("spec", "gateway", "listeners").items():
        name = listener["name"]
        if name.text is not None and name.text in seen:
            message = f"two listeners are called {name.text!r}"
            fix = "give each a name of its own"
            yield Finding("S002", "error", field_path(name.path), message, fix), name.path
        seen.add(name.text or "")


def _unused(root: Cursor) -> Iterator[Placed]:
    secrets = root.at("spec", "secrets")
    if secrets.present:
        finding = Finding(
            "S003",
            "note",
            field_path(secrets.path),
            "not used: what is composed goes to the cluster that it is applied to",
            "nothing is to do; Crossplane's providers take credentials of their own",
        )
        yield finding, secrets.path
