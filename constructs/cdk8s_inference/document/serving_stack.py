"""The ServingStack document as types: ``infrastructure.modelplane.ai/v1alpha1``.

Fields, defaults and limits are those of Modelplane's API (v0.3.1).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints, ValidationError

from cdk8s_inference.document.model_deployment import Model, ObjectMeta
from cdk8s_inference.document.rules.serving_stack import SERVING_STACK_RULES
from cdk8s_inference.document.structure import not_an_object, other_api, structure
from cdk8s_inference.findings import Finding, errors
from cdk8s_inference.kubernetes_types import ObjectName
from cdk8s_inference.source import Document

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
    root = document.root
    if not isinstance(document.data, Mapping):
        return None, [*document.findings, not_an_object(root, KIND)]
    if other := list(other_api(root, API_VERSION, KIND)):
        return None, [*document.findings, *other]
    findings = list(document.findings)
    value: ServingStackDocument | None = None
    try:
        value = ServingStackDocument.model_validate(document.data, by_alias=True, by_name=False)
    except ValidationError as problem:
        findings += structure(problem, ServingStackDocument, root)
    findings += SERVING_STACK_RULES.findings(root)
    return (None if errors(findings) else value), findings
