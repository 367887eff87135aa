"""OpenAPI as Kubernetes writes it, translated to JSON Schema (draft 4), closed to unknown fields.

Draft 4 is what OpenAPI descends from: exclusive bounds are booleans, and 1.0 is no integer.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

from jsonschema_rs import Draft4Validator, RegexOptions, ValidationError, ValidationErrorKind

from tests.kit.problem import Problem, at
from tests.kit.syntax import QUANTITY

Schema = Mapping[str, Any]

_REF = "#/definitions/"
_META = "io.k8s.apimachinery.pkg.apis.meta.v1."
OBJECT_META = _META + "ObjectMeta"
LABEL_SELECTOR = _META + "LabelSelector"

# fmt: off
_AS_IS = frozenset([
    "type", "enum", "format", "pattern", "minLength", "maxLength", "minimum", "maximum",
    "exclusiveMinimum", "exclusiveMaximum", "multipleOf", "minItems", "maxItems", "uniqueItems",
    "minProperties", "maxProperties", "required",
])
# fmt: on
_BOUNDS = {"int32": (-(2**31), 2**31 - 1), "int64": (-(2**63), 2**63 - 1)}

# Definitions that say less than the API server's decoder does.
_OVERRIDES: Mapping[str, Schema] = {
    "io.k8s.apimachinery.pkg.api.resource.Quantity": {
        "type": ["string", "number"],
        "pattern": QUANTITY,
    },
    "io.k8s.apimachinery.pkg.runtime.RawExtension": {"type": "object"},
    _META + "FieldsV1": {"type": "object"},
}


def ref(name: str) -> Schema:
    """A reference to one of Kubernetes' own definitions."""
    return {"$ref": _REF + name}


def ref_name(schema: Schema) -> str | None:
    """The definition that a schema refers to, or None."""
    target = schema.get("$ref")
    return target[len(_REF) :] if target else None


def is_free(schema: Schema) -> bool:
    """Whether an object may have fields that its schema does not name."""
    return bool(schema.get("x-kubernetes-preserve-unknown-fields"))


def embeds_object(schema: Schema) -> bool:
    """Whether a node holds a whole Kubernetes object."""
    return bool(schema.get("x-kubernetes-embedded-resource"))


def as_object(schema: Schema) -> Schema:
    """A schema with what every Kubernetes object has: apiVersion, kind and metadata."""
    return {
        **schema,
        "properties": {
            **schema.get("properties", {}),
            "apiVersion": {"type": "string"},
            "kind": {"type": "string"},
            "metadata": ref(OBJECT_META),
        },
        "required": sorted({"apiVersion", "kind", "metadata", *schema.get("required", ())}),
    }


def validator(schema: Schema, definitions: Mapping[str, Schema]) -> Draft4Validator:
    """A validator of a schema and of the definitions that it reaches."""
    return Draft4Validator(
        json_schema(schema, definitions),
        formats=_FORMATS,
        validate_formats=True,
        # Kubernetes' patterns are RE2's: no look-around, and `$` is the end, not a last newline.
        pattern_options=RegexOptions(),
    )


def json_schema(schema: Schema, definitions: Mapping[str, Schema]) -> dict[str, Any]:
    """A schema and the definitions that it reaches as JSON Schema."""
    translated = _translate(schema)
    translated["definitions"] = {
        name: _OVERRIDES.get(name) or _translate(definitions[name])
        for name in _reachable(schema, definitions)
    }
    return translated


def _translate(schema: Schema, *, closed: bool = True) -> dict[str, Any]:
    """The JSON Schema of one node; branches of anyOf and its like name fields without closing."""
    if "$ref" in schema:
        return {"$ref": schema["$ref"]}
    if closed and embeds_object(schema):
        schema = as_object(schema)
    out = {key: value for key, value in schema.items() if key in _AS_IS}
    if schema.get("x-kubernetes-int-or-string"):
        out["type"] = ["integer", "string"]
    if schema.get("nullable"):
        types = out.get("type", [])
        out["type"] = [*([types] if isinstance(types, str) else types), "null"]
        if "enum" in out:
            out["enum"] = [*out["enum"], None]
    if bounds := _BOUNDS.get(out.get("format", "")):
        out["minimum"] = max(out.get("minimum", bounds[0]), bounds[0])
        out["maximum"] = min(out.get("maximum", bounds[1]), bounds[1])
    if "properties" in schema:
        out["properties"] = {
            name: _translate(value, closed=closed) for name, value in schema["properties"].items()
        }
    for key in ("items", "additionalProperties", "not"):
        if key in schema:
            inner, inner_closed = schema[key], closed and key != "not"
            out[key] = inner if inner is True else _translate(inner, closed=inner_closed)
    for key in ("allOf", "anyOf", "oneOf"):
        if key in schema:
            out[key] = [_translate(branch, closed=False) for branch in schema[key]]
    if closed and schema.get("type") == "object" and not is_free(schema):
        out.setdefault("additionalProperties", False)
    return out


def _reachable(schema: Any, definitions: Mapping[str, Schema]) -> set[str]:
    """The names of all definitions that a schema refers to, directly or not."""
    found: set[str] = set()
    queue = [schema]
    while queue:
        node = queue.pop()
        if isinstance(node, list):
            queue.extend(node)
        elif isinstance(node, Mapping):
            name = OBJECT_META if embeds_object(node) else ref_name(node)
            if name and name not in found:
                found.add(name)
                queue.append(definitions[name])
            queue.extend(value for key, value in node.items() if key not in ("default", "enum"))
    return found


# What the API server answers to these is a refusal before any rule is evaluated.
_BLOCKING = frozenset({"type", "required", "enum", "maxLength", "maxItems", "maxProperties"})


def schema_problems(
    compiled: Draft4Validator, instance: Mapping[str, Any]
) -> tuple[list[Problem], bool]:
    """Problems of an instance, and whether it is sound enough for checks that read values."""
    found: list[Problem] = []
    sound = True
    for error in compiled.iter_errors(instance):
        sound = sound and error.kind.name not in _BLOCKING
        found.extend(_explain(error))
    return found, sound


def _explain(error: ValidationError) -> Iterator[Problem]:
    path = at("", *error.instance_path)
    kind = error.kind
    if isinstance(kind, ValidationErrorKind.AdditionalProperties):
        for name in kind.unexpected:
            yield Problem(at(path, name), "unknown field")
    elif isinstance(kind, ValidationErrorKind.Required):
        yield Problem(at(path, kind.property), "required field is missing")
    else:
        # A message quotes the whole value: its end says what is wrong with it.
        message = error.message
        short = message if len(message) <= 300 else f"{message[:140]} ... {message[-140:]}"
        yield Problem(path, short)


def _is_base64(value: str) -> bool:
    try:
        base64.b64decode(re.sub(r"[\r\n]", "", value), validate=True)
    except (binascii.Error, ValueError):
        return False
    return True


def _is_uri(value: str) -> bool:
    """What Go's url.ParseRequestURI takes: an absolute URI, or an absolute path."""
    try:
        return value.startswith("/") or bool(urlsplit(value).scheme)
    except ValueError:
        return False


_RFC_3339 = re.compile(
    r"\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])"
    r"T([01]\d|2[0-3]):[0-5]\d:[0-5]\d(\.\d+)?(Z|[+-]([01]\d|2[0-3]):[0-5]\d)",
    re.ASCII,
)

_FORMATS: dict[str, Callable[..., bool]] = {
    "byte": _is_base64,
    "date-time": lambda value: bool(_RFC_3339.fullmatch(value)),
    "uri": _is_uri,
}
