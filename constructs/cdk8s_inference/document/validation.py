"""From plain data to a validated ModelDeployment, or to everything that is wrong with it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pydantic import TypeAdapter, ValidationError

from cdk8s_inference.document.deployment import Deployment
from cdk8s_inference.document.model_deployment import (
    API_VERSION,
    KIND,
    Engine,
    EnginesUnderSpecDocument,
    Model,
    ModelDeploymentDocument,
    ModelDeploymentSpec,
    ObjectMeta,
    Stage,
)
from cdk8s_inference.document.rules.gateways import incompatibilities
from cdk8s_inference.document.rules.kv_transfer import kv_transfer
from cdk8s_inference.document.rules.names import DEFAULT_NAMESPACE
from cdk8s_inference.document.structure import (
    fields_after_142,
    metadata_limits,
    not_an_object,
    other_api,
    other_kind,
    structural,
    structure,
    too_large_document,
)
from cdk8s_inference.document.subject import (
    DEPLOYMENT_RULES,
    ENGINE_RULES,
    METADATA_RULES,
    NAMES_RULES,
    POOL_RULES,
    DeploymentSubject,
    EngineSubject,
    MetadataSubject,
    NamesSubject,
    PoolSubject,
)
from cdk8s_inference.findings import Finding, Path, errors
from cdk8s_inference.kubernetes_types import DnsLabel
from cdk8s_inference.platform import Platform
from cdk8s_inference.source import Cursor, Document
from cdk8s_inference.source.secrets import without_secrets


def check(
    document: Document, platform: Platform | None = None, *, namespace: str | None = None
) -> tuple[Deployment | None, list[Finding]]:
    """The deployment that a document describes, None where it has errors, and all findings.

    Args:
        document: What was read.
        platform: The choices it will be composed with; some findings are about the two together.
        namespace: Where its objects go; default what the document says, else ``default``.
    """
    deployment, findings = _checked(document, platform or Platform(), namespace)
    return deployment, without_secrets(findings, [document.root])


def _checked(
    document: Document, platform: Platform, namespace: str | None
) -> tuple[Deployment | None, list[Finding]]:
    root = document.root
    if not isinstance(document.data, Mapping):
        return None, [*document.findings, not_an_object(root, KIND)]
    if unused := other_kind(root):
        return None, [*document.findings, unused]
    if other := list(other_api(root, API_VERSION, KIND)):
        return None, [*document.findings, *other]
    if large := too_large_document(document):
        return None, [*document.findings, large]
    under_spec = root.at("spec", "engines").present and not root.at("spec", "template").present
    model = EnginesUnderSpecDocument if under_spec else ModelDeploymentDocument
    findings = list(document.findings)
    value: EnginesUnderSpecDocument | ModelDeploymentDocument | None = None
    try:
        value = model.model_validate(document.data, by_alias=True, by_name=False)
    except ValidationError as problem:
        findings += structure(problem, model, root)
    if namespace is not None:
        findings += _given_namespace(namespace, root)
    template = root["spec"] if under_spec else root.at("spec", "template")
    replica = template if under_spec else template["spec"]
    subject = DeploymentSubject(root, replica, platform, namespace=namespace)
    findings += _deployment_findings(subject)
    if under_spec:
        findings += fields_after_142(root["spec"])
    else:
        findings += _template_findings(template)
        for engine in subject.engines:
            for member in engine["members"].items():
                findings += metadata_limits(member.at("template", "metadata"))
    findings.sort(key=lambda finding: (finding.line or 0, finding.path, finding.code))
    if value is None or errors(findings):
        return None, findings
    spec = value.spec if isinstance(value, ModelDeploymentDocument) else value.spec.as_current()
    where = namespace or value.metadata.namespace or DEFAULT_NAMESPACE
    deployment = Deployment(value.metadata.name, where, spec)
    findings += NAMES_RULES.findings(NamesSubject(root, deployment, platform))
    return None if errors(findings) else deployment, findings


def check_spec(
    name: str, namespace: str, spec: ModelDeploymentSpec, platform: Platform
) -> list[Finding]:
    """The findings of a deployment written as Python values, whose types are checked already."""
    data = {
        "apiVersion": API_VERSION,
        "kind": KIND,
        "metadata": {"name": name, "namespace": namespace},
        "spec": _plain(spec),
    }
    root = Cursor(data)
    findings: list[Finding] = []
    try:
        ObjectMeta.model_validate(data["metadata"])
    except ValidationError as problem:
        findings += [
            structural({**error, "loc": ("metadata", *error["loc"])}, ModelDeploymentDocument, root)
            for error in problem.errors(include_url=False)
        ]
    template = root.at("spec", "template")
    subject = DeploymentSubject(root, template["spec"], platform, typed=True)
    findings += _deployment_findings(subject)
    findings += _template_findings(template)
    phases = [engine["phase"].text for engine in subject.engines]
    findings += POOL_RULES.findings(PoolSubject(subject.engines, phases))
    for engine in subject.engines:
        for member in engine["members"].items():
            findings += metadata_limits(member.at("template", "metadata"))
    findings.sort(key=lambda finding: (finding.path, finding.code))
    if not errors(findings):
        names = NamesSubject(root, Deployment(name, namespace, spec), platform)
        findings += NAMES_RULES.findings(names)
    return without_secrets(findings, [root])


def check_engine(engine: Engine, platform: Platform | None = None) -> list[Finding]:
    """The findings of one engine written as a Python value."""
    root = Cursor(_plain(engine), ("engine",))
    subject = EngineSubject(root, platform or Platform(), typed=True)
    findings = [
        *_engine_findings(subject),
        *POOL_RULES.findings(PoolSubject([root], [root["phase"].text])),
    ]
    return without_secrets(findings, [root])


def engine_cursor(engine: Engine) -> Cursor:
    """An engine written as a Python value, as rules read it."""
    return Cursor(_plain(engine), ("engines", engine.name))


def _plain(value: Model) -> dict[str, Any]:
    """A value as a document would say it, with the fields that only Python has."""
    # Not by the fields' own types, which are a document's, but by what is in them.
    return value.model_dump(exclude_none=True, serialize_as_any=True)


_NAMESPACE: Path = ("metadata", "namespace")


def _given_namespace(namespace: str, root: Cursor) -> list[Finding]:
    """What is wrong with a namespace that replaces the document's own."""
    try:
        TypeAdapter(DnsLabel).validate_python(namespace)
    except ValidationError as problem:
        [error] = problem.errors(include_url=False)
        return [structural({**error, "loc": _NAMESPACE}, ModelDeploymentDocument, root)]
    return []


def _deployment_findings(subject: DeploymentSubject) -> Iterator[Finding]:
    """The findings of the rules over a deployment, its engines and its platform."""
    yield from DEPLOYMENT_RULES.findings(subject)
    for index, engine in enumerate(subject.engines):
        yield from _engine_findings(
            EngineSubject(engine, subject.platform, subject.typed, subject.engines[:index])
        )
    if subject.has_picker:
        yield from incompatibilities(subject.platform, disaggregated=subject.disaggregated)
    if subject.disaggregated:
        stages: dict[Stage, Sequence[Cursor]] = {
            stage: [engine for engine in subject.engines if engine["phase"].value == stage]
            for stage in ("Encode", "Prefill", "Decode")
        }
        if stages["Prefill"] and stages["Decode"]:
            platform = subject.platform
            yield from kv_transfer(stages, platform.router, platform.sidecar)[1]


def _engine_findings(subject: EngineSubject) -> Iterator[Finding]:
    yield from ENGINE_RULES.findings(subject)
    for member in subject.members:
        metadata = member.at("template", "metadata")
        for noun in ("label", "annotation"):
            yield from METADATA_RULES.findings(MetadataSubject(metadata[f"{noun}s"], noun))


def _template_findings(template: Cursor) -> Iterator[Finding]:
    """The findings about the metadata of all objects that a replica composes."""
    metadata = template["metadata"]
    yield from metadata_limits(metadata)
    yield from METADATA_RULES.findings(MetadataSubject(metadata["labels"], "label"))
