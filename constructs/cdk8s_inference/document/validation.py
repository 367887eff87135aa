"""From plain data to a validated ModelDeployment, or to everything that is wrong with it."""

from __future__ import annotations

import difflib
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, get_args

from pydantic import TypeAdapter, ValidationError
from pydantic_core import ErrorDetails

from cdk8s_inference.document.kv_transfer import handover
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
    fields_at,
)
from cdk8s_inference.document.object_keys import object_keys
from cdk8s_inference.document.rules import fields as rules
from cdk8s_inference.document.rules import shapes
from cdk8s_inference.findings import Finding, Path, errors, field_path, shown, type_name
from cdk8s_inference.kubernetes_types import PATTERNS, DnsLabel
from cdk8s_inference.platform import Platform
from cdk8s_inference.source import Cursor, Document

DEFAULT_NAMESPACE = "default"

_MOST_FINDINGS = 1000
"""Wrong fields that are listed: nobody reads more, and each costs two kilobytes."""


@dataclass(frozen=True)
class Deployment:
    """A valid deployment: what a document says, with what identifies it.

    Attributes:
        name: The deployment's name.
        namespace: Where its objects go.
        spec: Everything else, in the current shape.
    """

    name: str
    namespace: str
    spec: ModelDeploymentSpec


def check(
    document: Document, platform: Platform | None = None, *, namespace: str | None = None
) -> tuple[Deployment | None, list[Finding]]:
    """The deployment that a document describes, None where it has errors, and all findings.

    Args:
        document: What was read.
        platform: The choices it will be composed with; some findings are about the two together.
        namespace: Where its objects go; default what the document says, else ``default``.
    """
    if not isinstance(document.data, Mapping):
        kind = type_name(document.data)
        finding = Finding(
            "D006", "error", "", f"the document is {kind}", "write a ModelDeployment object"
        )
        return None, [*document.findings, document.locate(finding, ())]
    root = Cursor(document.data)
    if other_api := list(foreign(root, API_VERSION, KIND)):
        return None, [*document.findings, *(document.locate(*each) for each in other_api)]
    under_spec = root.at("spec", "engines").present and not root.at("spec", "template").present
    model = EnginesUnderSpecDocument if under_spec else ModelDeploymentDocument
    placed: list[rules.Placed] = []
    value: EnginesUnderSpecDocument | ModelDeploymentDocument | None = None
    try:
        value = model.model_validate(document.data, by_alias=True, by_name=False)
    except ValidationError as problem:
        placed += structure(problem, model)
    if namespace is not None:
        placed += _given_namespace(namespace)
    placed += _newer_fields(root["spec"]) if under_spec else []
    placed += rules.violations(root, under_spec, platform or Platform())
    placed += _handover(
        root["spec"] if under_spec else root.at("spec", "template", "spec"), platform or Platform()
    )
    if namespace is None and not root.at("metadata", "namespace").present:
        placed.append(_no_namespace())
    findings = [*document.findings, *(document.locate(*each) for each in placed)]
    findings.sort(key=lambda finding: (finding.line or 0, finding.path, finding.code))
    if value is None or errors(findings):
        return None, findings
    spec = value.spec if isinstance(value, ModelDeploymentDocument) else value.spec.as_current()
    where = namespace or value.metadata.namespace or DEFAULT_NAMESPACE
    deployment = Deployment(value.metadata.name, where, spec)
    findings += [document.locate(*each) for each in _clashes(deployment, platform or Platform())]
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
    replica = root.at("spec", "template", "spec")
    placed: list[rules.Placed] = []
    try:
        ObjectMeta.model_validate(data["metadata"])
    except ValidationError as problem:
        placed += [
            _structural({**error, "loc": ("metadata", *error["loc"])}, ModelDeploymentDocument)
            for error in problem.errors(include_url=False)
        ]
    placed += rules.violations(root, False, platform, typed=True)
    engines = list(replica["engines"].items())
    for engine in engines:
        placed += shapes.engine_shape(engine, platform)
    placed += shapes.pool_shape(engines, [engine["phase"].text for engine in engines])
    placed += _handover(replica, platform)
    findings = sorted((each for each, _ in placed), key=lambda each: (each.path, each.code))
    if not errors(findings):
        findings += [each for each, _ in _clashes(Deployment(name, namespace, spec), platform)]
    return findings


def check_engine(engine: Engine, platform: Platform | None = None) -> list[Finding]:
    """The findings of one engine written as a Python value."""
    root = Cursor(_plain(engine), ("engine",))
    placed = [
        *rules.engine_violations(root),
        *shapes.engine_shape(root, platform or Platform()),
    ]
    return [finding for finding, _ in placed]


def engine_cursor(engine: Engine) -> Cursor:
    """An engine written as a Python value, as rules read it."""
    return Cursor(_plain(engine), ("engines", engine.name))


def _plain(value: Model) -> dict[str, Any]:
    """A value as a document would say it, with the fields that only Python has."""
    # Not by the fields' own types, which are a document's, but by what is in them.
    return value.model_dump(exclude_none=True, serialize_as_any=True)


def foreign(root: Cursor, api_version: str, kind: str) -> Iterator[rules.Placed]:
    """A document of another API gets one finding, not one for each of its fields."""
    for key, expected in (("apiVersion", api_version), ("kind", kind)):
        found = root[key]
        if found.value != expected:
            written = f"{key} is {shown(found.value)}" if found.present else f"{key} is missing"
            yield (
                Finding("D010", "error", key, written, f"this takes {kind}s of {api_version}"),
                found.path,
            )


_NAMESPACE: Path = ("metadata", "namespace")


def _clashes(deployment: Deployment, platform: Platform) -> Iterator[rules.Placed]:
    """Objects of one name: engine names can agree in what is left when they are cut."""
    spec = deployment.spec.template.spec
    keys = object_keys(
        deployment.name,
        deployment.spec.replicas,
        spec.engines,
        spec.serving_mode,
        platform,
    )
    twice = [f"{kind} {name}" for (kind, name), count in Counter(keys).items() if count > 1]
    if twice:
        path: Path = ("metadata", "name")
        message = f"several objects would have one name: {', '.join(twice)}"
        fix = "rename the deployment or an engine"
        yield Finding("D133", "error", field_path(path), message, fix), path


def _handover(replica: Cursor, platform: Platform) -> list[rules.Placed]:
    """What prefill and decode say of handing over, where both are there."""
    stages: dict[Stage, list[Cursor]] = {"Encode": [], "Prefill": [], "Decode": []}
    for stage, engines in stages.items():
        engines += [each for each in replica["engines"].items() if each["phase"].value == stage]
    disaggregated = replica.at("serving", "mode").value == "PrefillDecode"
    if not (stages["Prefill"] and stages["Decode"] and disaggregated):
        return []
    return handover(stages, platform.router, platform.sidecar)[1]


def _given_namespace(namespace: str) -> list[rules.Placed]:
    """What is wrong with a namespace that stands in for the document's own."""
    try:
        TypeAdapter(DnsLabel).validate_python(namespace)
    except ValidationError as problem:
        [error] = problem.errors(include_url=False)
        return [_structural({**error, "loc": _NAMESPACE}, ModelDeploymentDocument)]
    return []


def _no_namespace() -> rules.Placed:
    finding = Finding(
        "D205",
        "warning",
        field_path(_NAMESPACE),
        f"the document names no namespace; its objects go to {DEFAULT_NAMESPACE!r}",
        "set metadata.namespace, or give --namespace",
    )
    return finding, _NAMESPACE


def _newer_fields(spec: Cursor) -> list[rules.Placed]:
    """Fields that the shape of pull request #142 did not have yet."""
    placed = []
    for engine in spec["engines"].items():
        for member in engine["members"].items():
            for container in member.at("template", "spec", "containers").items():
                for variable in container["env"].items():
                    for key, field in variable["valueFrom"].fields():
                        if key == "fieldRef":
                            placed.append(
                                (_unknown_field(field, EnginesUnderSpecDocument), field.path)
                            )
    return placed


_TYPES = {
    "string_type": "a string",
    "int_type": "an integer",
    "int_from_float": "an integer",
    "bool_type": "true or false",
    "list_type": "a list",
    "dict_type": "an object",
    "model_type": "an object",
    "model_attributes_type": "an object",
}


def structure(problem: ValidationError, model: type[Model]) -> list[rules.Placed]:
    """A finding for each place where a document is not of its model's shape, within bounds."""
    (kind,) = get_args(model.model_fields["kind"].annotation)
    found = problem.errors(include_url=False)
    placed = [_structural(error, model) for error in found[:_MOST_FINDINGS]]
    if (more := len(found) - _MOST_FINDINGS) > 0:
        message = f"{more} more fields are wrong than the {_MOST_FINDINGS} listed"
        fix = f"is this a {kind}? If so, correct what is listed first"
        placed.append((Finding("D002", "error", "", message, fix), ()))
    return placed


def _structural(error: ErrorDetails, document: type[Model]) -> rules.Placed:
    """A finding for one of pydantic's errors, in the words of the document."""
    path: Path = tuple(error["loc"])
    kind, value, context = error["type"], error["input"], error.get("ctx", {})
    if path[-1:] == ("[key]",):  # pydantic's mark for the key of a free-form mapping
        path, kind = path[:-1], "invalid_key"
    where = field_path(path)

    def finding(code: str, message: str, fix: str) -> rules.Placed:
        return Finding(code, "error", where, message, fix), path

    if kind == "invalid_key":
        return finding("D003", f"key {shown(value)} is not a string", "quote the key")
    if kind == "missing":
        return finding("D005", "the field is required, and missing", f"add {path[-1]}")
    if kind == "extra_forbidden":
        return _unknown_field(Cursor(value, path), document), path
    if kind in _TYPES:
        hint = "quote it" if kind == "string_type" and _is_scalar(value) else "change its type"
        return finding(
            "D006", f"must be {_TYPES[kind]}, is {type_name(value)}: {shown(value)}", hint
        )
    if kind == "literal_error":
        expected = context.get("expected", "")
        return finding("D008", f"is {shown(value)}, must be {expected}", "choose one of these")
    if kind == "string_pattern_mismatch":
        return finding("D009", f"{shown(value)} is malformed", PATTERNS[context["pattern"]])
    return finding("D007", f"{shown(value)}: {_limit(kind, context)}", "stay within the limit")


def _unknown_field(field: Cursor, document: type[Model]) -> Finding:
    known = fields_at(document, field.path[:-1])
    close = difflib.get_close_matches(str(field.path[-1]), known, n=1)
    fix = f"did you mean {close[0]}? If not, remove it" if close else "remove it"
    message = f"unknown field, set to {shown(field.value)}"
    return Finding("D004", "error", field_path(field.path), message, fix)


def _limit(kind: str, context: Mapping[str, Any]) -> str:
    bounds = {
        "greater_than_equal": "must be at least {ge}",
        "less_than_equal": "must be at most {le}",
        "string_too_short": "must have at least {min_length} character(s)",
        "string_too_long": "must have at most {max_length} characters",
        "too_short": "must have at least {min_length} item(s), has {actual_length}",
        "string_unicode": "is not valid Unicode",
        "too_long": "must have at most {max_length} item(s), has {actual_length}",
    }
    return bounds.get(kind, kind.replace("_", " ")).format(**context)


def _is_scalar(value: Any) -> bool:
    return isinstance(value, (bool, int, float))
