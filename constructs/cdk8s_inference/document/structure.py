"""Whether a document has the fields, types and limits of its API, as pydantic finds it."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, get_args

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from cdk8s_inference.document.examples import (
    CONTAINER,
    ENGINE,
    REFUSED,
    SCHEMA,
    unified,
)
from cdk8s_inference.document.model_deployment import (
    EnginesUnderSpecDocument,
    Model,
    choices_at,
    fields_at,
)
from cdk8s_inference.findings import Finding, Mend, Path, is_slip, near_name, shown, type_name
from cdk8s_inference.findings.example import REMOVED, document, rewritten
from cdk8s_inference.findings.mend import requoted
from cdk8s_inference.findings.rule import AnyRule, RuleSet, Violation
from cdk8s_inference.kubernetes_types import PATTERNS
from cdk8s_inference.schemas import violations
from cdk8s_inference.source import Cursor, Document
from cdk8s_inference.source.reader import D003
from cdk8s_inference.source.text_size import MAX_OBJECT, largest_field, text_size, too_large
from cdk8s_inference.source.unreadable import D002

STRUCTURE_RULES: RuleSet[Any] = RuleSet()
"""The rules about a document's structure, which the functions here apply."""

_QUOTED = "'--default-chat-template-kwargs={\"enable_thinking\": false}'"

D004 = STRUCTURE_RULES.declare(
    "D004",
    "error",
    "A field is not defined",
    why="The API server drops fields that a CRD's schema does not define, and the setting keeps "
    "its default.",
    evidence=f"{SCHEMA} Kubernetes prunes unknown fields of custom resources.",
    fix="correct the field's name, or remove the field",
    example=rewritten("unified", "copies: 2", "copy: 2"),
)

D005 = STRUCTURE_RULES.declare(
    "D005",
    "error",
    "A required field is missing",
    why=f"{REFUSED} It accepts a pod template without spec, and Modelplane then fails to "
    "reconcile it.",
    evidence=SCHEMA,
    fix="add the field",
    example=unified(f"{CONTAINER}.image", REMOVED),
)

D006 = STRUCTURE_RULES.declare(
    "D006",
    "error",
    "A value has the wrong type",
    why=REFUSED,
    evidence=f"{SCHEMA} YAML reads an unquoted text with ': ' as an object, digits as a number "
    "and yes as a boolean.",
    fix="change the type; quote a text that YAML reads as another type",
    example=rewritten("unified", _QUOTED, _QUOTED.strip("'")),
)

D007 = STRUCTURE_RULES.declare(
    "D007",
    "error",
    "A value is outside its limits",
    why=REFUSED,
    evidence=SCHEMA,
    fix="use a value within the limits",
    example=unified(f"{ENGINE}.copies", 100),
)

D008 = STRUCTURE_RULES.declare(
    "D008",
    "error",
    "A value is not one of the allowed values",
    why=REFUSED,
    evidence=SCHEMA,
    fix="use one of the allowed values",
    example=unified("spec.template.spec.serving.mode", "Aggregated"),
)

D009 = STRUCTURE_RULES.declare(
    "D009",
    "error",
    "A value has an invalid format",
    why="Modelplane checks only the length of names. It accepts the document, and the API server "
    "rejects the objects that are created from it.",
    evidence="Kubernetes: names of Services and LeaderWorkerSets consist of lower case letters, "
    "digits and '-', and start with a letter.",
    fix="write the value in the format of its field",
    example=unified("metadata.name", "8b-qwen"),
)

D010 = STRUCTURE_RULES.declare(
    "D010",
    "error",
    "The document has another apiVersion or kind",
    why="The same fields can have another meaning in another API.",
    evidence="apiVersion and kind identify the schema of a Kubernetes object.",
    fix="use modelplane.ai/v1alpha1 and ModelDeployment, or "
    "infrastructure.modelplane.ai/v1alpha1 and ServingStack",
    example=unified("apiVersion", "modelplane.ai/v1"),
)

D013 = STRUCTURE_RULES.declare(
    "D013",
    "note",
    "A Modelplane object of another kind is not used",
    why="Nothing is composed from the object. Modelplane itself reconciles it.",
    evidence="The kinds of Modelplane v0.3.1. Manifests are composed from ModelDeployment and "
    "ServingStack documents.",
    fix="no change is needed",
    example=document(
        "unified",
        added="""\
apiVersion: modelplane.ai/v1alpha1
kind: ModelService
metadata: {name: qwen, namespace: ml-team}
""",
    ),
)

D014 = STRUCTURE_RULES.declare(
    "D014",
    "error",
    "The document is larger than an API server stores",
    why="The API server refuses the ModelDeployment, and the objects that are composed from it.",
    evidence="etcd takes requests of up to 1.5 MiB by default (--max-request-bytes). Only the "
    "texts in a document are counted, aliases expanded.",
    fix="move what is large into an image or a volume",
    example=unified(
        "spec.template.spec.engines[0].members[0].template.spec.containers[0].args[0]",
        "--model=" + "x" * MAX_OBJECT,
    ),
)

_GROUPS = ("modelplane.ai", "infrastructure.modelplane.ai")
_OTHER_KINDS = (
    "InferenceClass",
    "InferenceCluster",
    "InferenceGateway",
    "ModelCache",
    "ModelEndpoint",
    "ModelReplica",
    "ModelService",
)

_MOST_FINDINGS = 1000
"""Wrong fields that are listed: nobody reads more, and each costs two kilobytes."""


def not_an_object(root: Cursor, kind: str) -> Finding:
    """The finding about a document that is not a mapping."""
    message = f"the document is {type_name(root.value)}, not an object"
    return D006.finding(Violation(root, message, fix=f"write a {kind} object"))


def other_api(root: Cursor, api_version: str, kind: str) -> Iterator[Finding]:
    """A document of another API gets one finding, not one for each of its fields."""
    for key, expected in (("apiVersion", api_version), ("kind", kind)):
        found = root[key]
        mend = Mend(found.text, expected) if found.text and _is_meant(root, key, expected) else None
        if found.value != expected:
            message = (
                f"{key} is {shown(found.value)}, not {expected!r}"
                if found.present
                else f"{key} is missing; {expected!r} is expected"
            )
            yield D010.finding(Violation(found, message, fix=f"set {key}: {expected}", mend=mend))


def _is_meant(root: Cursor, key: str, expected: str) -> bool:
    """Whether nothing else can be meant by an apiVersion, or by a kind, that is another one."""
    if key == "kind":
        return near_name(root[key].text or "", [expected]) is not None
    group, _, version = expected.partition("/")
    said, slash, _ = (root[key].text or "").partition("/")
    return said in (group, version) if not slash else is_slip(said, group)


def other_kind(root: Cursor) -> Finding | None:
    """The finding about a Modelplane object from which nothing is composed."""
    group = (root["apiVersion"].text or "").partition("/")[0]
    kind = root["kind"]
    name = kind.text or ""
    # The infrastructure group has a kind for each cloud: AKSCluster, EKSCluster and so on.
    if group not in _GROUPS or not (name in _OTHER_KINDS or name.endswith("Cluster")):
        return None
    return D013.finding(Violation(kind, f"the {kind.value} is not used"))


def too_large_document(document: Document) -> Finding | None:
    """The finding about a document that cannot be an object."""
    size = too_large(document.root, document.characters)
    if size is None:
        return None
    field = largest_field(document.root)
    message = f"the document has {size} bytes of text, of which this field has "
    message += f"{text_size(field.value)}; at most {MAX_OBJECT} fit"
    return D014.finding(Violation(field, message))


def no_document() -> Finding:
    """The finding about files that hold nothing to compose."""
    message = "the files hold no ModelDeployment and no ServingStack"
    return D010.finding(Violation(None, message))


def structure(problem: ValidationError, model: type[Model], root: Cursor) -> list[Finding]:
    """A finding for each place where a document does not match its model, within bounds."""
    (kind,) = get_args(model.model_fields["kind"].annotation)
    found = problem.errors(include_url=False)
    misspelled = set(_misspelled(found[:_MOST_FINDINGS], model, root))
    found = [each for each in found if each["type"] != "missing" or each["loc"] not in misspelled]
    findings = [structural(error, model, root) for error in found[:_MOST_FINDINGS]]
    if (more := len(found) - _MOST_FINDINGS) > 0:
        message = f"{more} more fields are wrong than the {_MOST_FINDINGS} listed"
        fix = f"check that this is a {kind}; correct the listed fields first"
        findings.append(D002.finding(Violation(root, message, fix=fix)))
    return findings


def _misspelled(errors: Iterable[ErrorDetails], model: type[Model], root: Cursor) -> Iterator[Path]:
    """The fields that are there under a name with a slip: they are not missing as well."""
    for error in errors:
        *parents, _ = path = error["loc"]
        if error["type"] == "extra_forbidden":
            mend = _renamed(root.at(*path), fields_at(model, parents))
            if mend is not None:
                yield (*parents, mend.new)


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


def structural(error: ErrorDetails, model: type[Model], root: Cursor) -> Finding:
    """A finding for one of pydantic's errors, in the words of the document."""
    path: Path = tuple(error["loc"])
    kind, value, context = error["type"], error["input"], error.get("ctx", {})
    if path[-1:] == ("[key]",):  # pydantic's mark for the key of a free-form mapping
        path, kind = path[:-1], "invalid_key"
    at = root.at(*path)

    def finding(
        rule: AnyRule, message: str, fix: str | None = None, mend: Mend | None = None
    ) -> Finding:
        return rule.finding(Violation(at, message, fix=fix, mend=mend))

    if kind == "invalid_key":
        return finding(D003, f"key {shown(value)} is not a string", "quote the key")
    if kind == "missing":
        return finding(D005, f"required field {path[-1]} is missing", f"add {path[-1]}")
    if kind == "extra_forbidden":
        return unknown_field(Cursor(value, path, root.document), model)
    if kind in _TYPES:
        mend = requoted(value, _TYPES[kind])
        fix = "quote it" if kind == "string_type" and _is_scalar(value) else "change its type"
        if mend is not None and isinstance(value, str):
            fix = "remove the quotes"
        message = f"must be {_TYPES[kind]}, is {type_name(value)}: {shown(value)}"
        return finding(D006, message, fix, mend)
    if kind == "literal_error":
        meant = [each for each in choices_at(model, path) if is_slip(str(value), each)]
        mend = Mend(str(value), meant[0]) if len(meant) == 1 else None
        told = f"is {shown(value)}, must be {context['expected']}"
        return finding(D008, told, f"write {meant[0]}" if mend else None, mend)
    if kind == "string_pattern_mismatch":
        return finding(D009, f"{shown(value)} has an invalid format", PATTERNS[context["pattern"]])
    return finding(D007, f"{shown(value)}: {_limit(kind, context)}")


def unknown_field(field: Cursor, model: type[Model]) -> Finding:
    """The finding about a field that a model does not have."""
    known = fields_at(model, field.path[:-1])
    close = difflib.get_close_matches(str(field.path[-1]), known, n=1)
    fix = f"did you mean {close[0]}? If not, remove it" if close else "remove it"
    if not close and (part := _part_of_pod(field.path)):
        fix = f"remove it; what a document has no field for is in a platform file, as {part}"
    message = f"field is not defined, set to {shown(field.value)}"
    return D004.finding(Violation(field, message, fix=fix, mend=_renamed(field, known)))


def _renamed(field: Cursor, known: Iterable[str]) -> Mend | None:
    """The field's name without its slip, where that is one of these and not set beside it."""
    name = str(field.path[-1])
    beside = field.document.root.at(*field.path[:-1]) if field.document else None
    meant = [each for each in known if is_slip(name, each)]
    if len(meant) != 1 or (beside is not None and beside[meant[0]].present):
        return None
    return Mend(name, meant[0])


def _part_of_pod(path: Path) -> str | None:
    """Where a platform's settings say what a document says of its pods, if Kubernetes has it."""
    *parents, name = path
    if parents[-3:] == ["spec", "containers", 0]:
        kind, part = "Container", 'pods.pod.spec.containers, of the container "engine"'
    elif parents[-2:] == ["template", "spec"] and "members" in parents:
        kind, part = "PodSpec", "pods.pod.spec"
    else:
        return None
    found = violations("v1", kind, {name: None}, partial=True)
    if any(each.problem == "unknown field" for each in found):
        return None
    from cdk8s_inference.platform.document import pod_setting

    return pod_setting(kind, str(name)) or part


def fields_after_142(spec: Cursor) -> Iterator[Finding]:
    """Fields that the shape of pull request #142 did not have yet."""
    for engine in spec["engines"].items():
        for member in engine["members"].items():
            for container in member.at("template", "spec", "containers").items():
                for variable in container["env"].items():
                    for key, field in variable["valueFrom"].fields():
                        if key == "fieldRef":
                            yield unknown_field(field, EnginesUnderSpecDocument)


def metadata_limits(metadata: Cursor) -> Iterator[Finding]:
    """How many labels and annotations there may be, and how long a value.

    The shape of pull request #142 had no such limits for a member's pods.
    """
    for key, longest in (("labels", 63), ("annotations", 8192)):
        entries = list(metadata[key].fields())
        if len(entries) > 32:
            message = f"{len(entries)} {key}, at most 32 are allowed"
            yield D007.finding(Violation(metadata[key], message, fix=f"remove {key}"))
        for _, entry in entries:
            if entry.text is not None and len(entry.text) > longest:
                message = (
                    f"the value has {len(entry.text)} characters, at most {longest} are allowed"
                )
                yield D007.finding(Violation(entry, message, fix="shorten the value"))


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
