"""An object, walked along the schema of its kind.

A library for JSON Schema would compile the thousand definitions below a pod for each run, know no
position and no near name, and let pass what Kubernetes' decoder refuses. What a schema of
Kubernetes may say is little: a CRD's has to be structural.
"""

from __future__ import annotations

import marshal
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from functools import cache
from typing import Any

from cdk8s_inference.findings import Mend, Path, PathPart, is_slip, shown, shown_list, type_name
from cdk8s_inference.findings.mend import requoted
from cdk8s_inference.quantity import quantity
from cdk8s_inference.schemas import syntax
from cdk8s_inference.schemas.facts import Facts, Schema, reference_name
from cdk8s_inference.schemas.validation_rules import RULES, Ruled
from cdk8s_inference.schemas.violation import Problem, SchemaViolation
from cdk8s_inference.source.placeholder import has_placeholder, is_for_a_person

_META = "io.k8s.apimachinery.pkg.apis.meta.v1."
OBJECT_META = f"{_META}ObjectMeta"
_QUANTITY = "io.k8s.apimachinery.pkg.api.resource.Quantity"
_INT_OR_STRING = "io.k8s.apimachinery.pkg.util.intstr.IntOrString"
_FREE = frozenset({"io.k8s.apimachinery.pkg.runtime.RawExtension", f"{_META}FieldsV1"})

_SELECTORS: Mapping[str, tuple[str, ...]] = {
    OBJECT_META: ("labels",),
    f"{_META}LabelSelector": ("matchLabels",),
    "io.k8s.api.core.v1.PodSpec": ("nodeSelector",),
    "io.k8s.api.core.v1.ServiceSpec": ("selector",),
}
"""Fields that hold labels, in Kubernetes' own types."""

_DEFAULTED = frozenset(
    {
        ("io.k8s.api.core.v1.HTTPHeader", "value"),
        ("io.k8s.api.core.v1.PreferredSchedulingTerm", "preference"),
        ("io.k8s.api.discovery.v1.EndpointSlice", "endpoints"),
        ("io.k8s.api.networking.v1.NetworkPolicySpec", "podSelector"),
        ("io.k8s.api.rbac.v1.RoleRef", "apiGroup"),
        ("io.k8s.api.scheduling.v1.PriorityClass", "value"),
    }
)
"""Fields that Kubernetes' definitions require, and its API server takes to be empty or sets."""

_BOUNDS = {"int32": (-(2**31), 2**31 - 1), "int64": (-(2**63), 2**63 - 1)}
_TYPES: Mapping[str, tuple[str, tuple[type, ...]]] = {
    "array": ("a list", (list,)),
    "boolean": ("true or false", (bool,)),
    "integer": ("an integer", (int,)),
    "number": ("a number", (int, float)),
    "object": ("an object", (dict, Mapping)),
    "string": ("a string", (str,)),
}
_MOST_REMEMBERED = 8192
_LONGEST_REMEMBERED = 4096
"""Bytes of a value that is remembered to be right, and how many of them there are."""

_LONGEST_MATCHED = 1024
"""Characters of a text that patterns are tried on: what some of them take grows faster."""


@dataclass(frozen=True)
class Walk:
    """A walk along a schema.

    Attributes:
        facts: What its references name.
        release: The release of Kubernetes whose definitions are meant.
        certain: See :class:`SchemaViolation`.
        partial: Whether values are parts of objects, in which nothing is missing.
        closed: Whether fields that the schema does not name are told.
        found: What was found.
        ruled: Values that rules in CEL are about.
    """

    facts: Facts
    release: str
    certain: bool = True
    partial: bool = False
    closed: bool = True
    found: list[SchemaViolation] = field(default_factory=list)
    ruled: list[Ruled] = field(default_factory=list)

    def visit(self, value: Any, schema: Schema, path: Path = (), name: str = "") -> None:
        """Collects what a schema says against a value.

        Args:
            value: Plain data.
            schema: The schema.
            path: Where the value is.
            name: What it is called, where the schema has no name of its own.
        """
        self._visit(value, schema, path, name, ())

    def _visit(
        self, value: Any, schema: Schema, path: Path, name: str, above: tuple[Schema, ...]
    ) -> None:
        if value is None or (isinstance(value, str) and has_placeholder(value)):
            return
        if "enum" not in schema and isinstance(value, str) and is_for_a_person(value):
            return
        definition = reference_name(schema)
        if definition is None:
            self._against(value, schema, path, name, None, above)
        elif not self._special(value, definition, path):
            self._defined(value, definition, path, name, above)

    def _defined(
        self, value: Any, definition: str, path: Path, name: str, above: tuple[Schema, ...]
    ) -> None:
        """Visits a value whose schema has a name, and remembers one that is right.

        The containers, probes and volumes of a fleet are the same in most of its objects.
        """
        written = _written(value) if isinstance(value, dict) else None
        key = (definition, self.release, self.partial, self.closed, written)
        if written is not None and key in self.facts.right:
            return
        before = len(self.found), len(self.ruled)
        schema = self.facts.definition(definition, self.release) or {}
        own_name = definition.rpartition(".")[2] if "." in definition else name
        self._against(value, schema, path, own_name, definition, above)
        if written is not None and before == (len(self.found), len(self.ruled)):
            if len(self.facts.right) >= _MOST_REMEMBERED:
                self.facts.right.clear()
            self.facts.right.add(key)

    def _against(
        self,
        value: Any,
        schema: Schema,
        path: Path,
        name: str,
        definition: str | None,
        above: tuple[Schema, ...],
    ) -> None:
        if schema.get("x-kubernetes-int-or-string"):
            if not self._is_int_or_string(value, path):
                return
        elif not self._has_type(value, schema, path):
            return
        # An abstract class is asked for last, since that takes ten times as long.
        if isinstance(value, str):
            self._string(value, schema, path)
        elif isinstance(value, list):
            self._list(value, schema, path, name, above)
        elif isinstance(value, (int, float)):
            if not isinstance(value, bool):
                self._number(value, schema, path)
        elif isinstance(value, Mapping):
            self._object(value, schema, path, name, definition, above)
        choices = schema.get("enum")
        if choices is not None and value not in choices:
            self._not_a_choice(value, choices, path)
        self._combined(value, schema, path)
        if RULES in schema:
            self.ruled.append(Ruled(path, value, schema))

    def _tell(
        self,
        problem: Problem,
        path: Path,
        message: str,
        fix: str | None,
        near: str | None = None,
        mend: Mend | None = None,
    ) -> None:
        violation = SchemaViolation(
            problem, path, message, fix, near, certain=self.certain, mend=mend
        )
        self.found.append(violation)

    def _special(self, value: Any, definition: str, path: Path) -> bool:
        """Whether a value is of one of the types that Kubernetes decodes in code."""
        if definition == _QUANTITY:
            if not isinstance(value, (int, float, str)) or isinstance(value, bool):
                self._wrong_type(value, "a quantity", path)
            elif quantity(value) is None:
                self._no_quantity(str(value), path)
            return True
        if definition == _INT_OR_STRING:
            self._is_int_or_string(value, path)
            return True
        if definition in _FREE:
            if not isinstance(value, Mapping):
                self._wrong_type(value, "an object", path)
            return True
        return False

    def _no_quantity(self, value: str, path: Path) -> None:
        self._tell("quantity", path, f"{shown(value)} is no quantity", _near_quantity(value))

    def _is_int_or_string(self, value: Any, path: Path) -> bool:
        if isinstance(value, (int, str)) and not isinstance(value, bool):
            return True
        self._wrong_type(value, "a string or an integer", path)
        return False

    def _has_type(self, value: Any, schema: Schema, path: Path) -> bool:
        expected = schema.get("type")
        known = _TYPES.get(expected) if isinstance(expected, str) else None
        if known is None:
            return True
        words, types = known
        whole = expected == "integer" and isinstance(value, float) and value.is_integer()
        if (isinstance(value, types) or whole) and (expected == "boolean") == isinstance(
            value, bool
        ):
            return True
        self._wrong_type(value, words, path)
        return False

    def _wrong_type(self, value: Any, expected: str, path: Path) -> None:
        if isinstance(value, (Mapping, list)):
            said = type_name(value)
        else:
            said = f"{shown(value)}, {type_name(value)}"
        fix, mend = _retyped(value, expected), requoted(value, expected)
        self._tell("type", path, f"is {said}; must be {expected}", fix, mend=mend)

    def _object(
        self,
        value: Mapping[PathPart, Any],
        schema: Schema,
        path: Path,
        name: str,
        definition: str | None,
        above: tuple[Schema, ...],
    ) -> None:
        properties = schema.get("properties", {})
        values = schema.get("additionalProperties")
        is_free = bool(schema.get("x-kubernetes-preserve-unknown-fields")) or (
            schema.get("type") != "object"
        )
        for key, child in value.items():
            inner = properties.get(key)
            if inner is not None:
                self._visit(child, inner, (*path, key), str(key), (*above, schema))
            elif isinstance(values, Mapping):
                self._visit(child, values, (*path, key), name, ())
            elif self.closed and not (values or is_free or has_placeholder(str(key))):
                self._unknown(str(key), value, properties, (*path, key), name, above)
        for key in () if self.partial else schema.get("required", ()):
            if value.get(key) is not None or (definition, key) in _DEFAULTED:
                continue
            inner = self.facts.resolved(properties.get(key, {}), self.release)
            if "default" in inner:
                continue
            if key in value and inner.get("nullable"):
                continue
            self._tell(
                "missing",
                (*path, key),
                f"{name or 'the object'} needs {key}, which is missing",
                f"add {key}",
            )
        self._count(value, schema, path, "Properties", "fields")
        for key in _SELECTORS.get(definition or "", ()):
            self._labels(value.get(key), (*path, key))
        if definition == OBJECT_META:
            self._annotations(value.get("annotations"), (*path, "annotations"))

    def _unknown(
        self,
        key: str,
        beside: Mapping[PathPart, Any],
        properties: Mapping[str, Any],
        path: Path,
        name: str,
        above: tuple[Schema, ...],
    ) -> None:
        near = _near_field(key, properties)
        owner = next((each for each in reversed(above) if key in each.get("properties", {})), None)
        if near is not None:
            fix: str | None = f"did you mean {near}? If not, remove it"
        elif owner is not None:
            level = len(above) - above.index(owner)
            fix = f"it is a field {'one level' if level == 1 else f'{level} levels'} above: move it"
        elif 0 < len(properties) <= 8:
            fix = f"remove it; there are {', '.join(sorted(properties))}"
        else:
            fix = None
        meant = [
            each for each in properties if is_slip(key, each) or _plain(key).lower() == each.lower()
        ]
        mend = Mend(key, meant[0]) if len(meant) == 1 and meant[0] not in beside else None
        said = f"{name or 'the object'} has no field {key}"
        self._tell("unknown field", path, said, fix, near, mend)

    def _list(
        self, value: list[Any], schema: Schema, path: Path, name: str, above: tuple[Schema, ...]
    ) -> None:
        items = schema.get("items")
        if isinstance(items, Mapping):
            for index, item in enumerate(value):
                self._visit(item, items, (*path, index), name, above)
        self._count(value, schema, path, "Items", "items")

    def _count(
        self, value: Mapping[Any, Any] | list[Any], schema: Schema, path: Path, what: str, noun: str
    ) -> None:
        least, most = schema.get(f"min{what}"), schema.get(f"max{what}")
        if least is not None and len(value) < least and not self.partial:
            said = f"has {len(value)} {noun}, at least {least} are needed"
            self._tell("value", path, said, f"add {noun}")
        elif most is not None and len(value) > most:
            said = f"has {len(value)} {noun}, at most {most} are allowed"
            self._tell("value", path, said, f"remove {noun}")

    def _string(self, value: str, schema: Schema, path: Path) -> None:
        least, most = schema.get("minLength"), schema.get("maxLength")
        if least is not None and len(value) < least:
            said = "is empty" if not value else f"has {len(value)} characters"
            self._tell("value", path, f"{said}; at least {least} are needed", "write a longer text")
            return
        if most is not None and len(value) > most:
            said = f"has {len(value)} characters, at most {most} are allowed"
            self._tell("value", path, said, "shorten the text")
            return
        pattern = _pattern(schema.get("pattern"))
        if pattern and len(value) <= _LONGEST_MATCHED and not pattern.search(value):
            if schema.get("x-kubernetes-int-or-string"):
                self._no_quantity(value, path)
            else:
                said = f"{shown(value)} does not match {schema['pattern']}"
                self._tell("value", path, said, "write the value in the format of its field")
        kind = schema.get("format")
        if kind == "date-time" and not syntax.is_time(value):
            said = f"{shown(value)} is no time"
            self._tell("value", path, said, "write it as 2006-01-02T15:04:05Z")
        elif kind == "byte" and not syntax.is_base64(value):
            fix = "encode it, or write it under stringData" if "data" in path else "encode it"
            self._tell("value", path, "is not in base64", fix)

    def _number(self, value: float, schema: Schema, path: Path) -> None:
        least, most = _BOUNDS.get(schema.get("format", ""), (None, None))
        least, most = schema.get("minimum", least), schema.get("maximum", most)
        if least is not None and value < least:
            self._tell("value", path, f"is {value}; must be at least {least}", None)
        elif most is not None and value > most:
            self._tell("value", path, f"is {value}; must be at most {most}", None)

    def _not_a_choice(self, value: Any, choices: list[Any], path: Path) -> None:
        known = [str(each) for each in choices]
        near = _near(str(value), known)
        listed = shown_list((each or "''" for each in known), 12)
        fix = f"write {near}" if near else "use one of these values"
        meant = [each for each in known if _is_slip(str(value), each)]
        mend = Mend(str(value), meant[0]) if len(meant) == 1 else None
        said = f"is {shown(value)}; must be one of {listed}"
        self._tell("value", path, said, fix, near, mend)

    def _combined(self, value: Any, schema: Schema, path: Path) -> None:
        """What the branches of a schema ask: fields that belong together, or exclude each other."""
        branches = [key for key in ("allOf", "anyOf", "oneOf", "not") if key in schema]
        if not branches or self.partial or any(map(has_placeholder, _texts(value))):
            return
        if schema.get("x-kubernetes-int-or-string"):
            return  # Its branches say no more.
        if isinstance(value, Mapping):
            value = {**self._defaults(schema), **value}
        for each in schema.get("allOf", ()):
            self._combined(value, each, path)
        for key in ("anyOf", "oneOf"):
            alternatives = schema.get(key, ())
            count = sum(self._fits(value, each) for each in alternatives)
            if alternatives and (count == 0 or (key == "oneOf" and count > 1)):
                self._tell("value", path, _alternatives(value, alternatives, count), None)
        if "not" in schema and self._fits(value, schema["not"]):
            names = sorted({name for each in _required(schema["not"]) for name in each})
            said = f"{', '.join(names)} cannot be set" if names else "the value is not allowed"
            self._tell("value", path, f"{said} in this combination", None)

    def _defaults(self, schema: Schema) -> Mapping[str, Any]:
        """The defaults of fields, which the API server sets before it looks at branches."""
        inner = {
            key: self.facts.resolved(each, self.release)
            for key, each in schema.get("properties", {}).items()
        }
        return {key: each["default"] for key, each in inner.items() if "default" in each}

    def _fits(self, value: Any, schema: Schema) -> bool:
        inner = replace(self, closed=False, found=[])
        inner._visit(value, schema, (), "", ())
        return not inner.found

    def _labels(self, labels: Any, path: Path) -> None:
        for key, value in labels.items() if isinstance(labels, Mapping) else ():
            self._key(str(key), (*path, key), "label")
            if isinstance(value, str) and not has_placeholder(value):
                wanted = syntax.label_value(value)
                if wanted is not None:
                    said = f"{shown(value)} cannot be the value of a label"
                    self._tell("name", (*path, key), said, f"use {wanted}")

    def _annotations(self, annotations: Any, path: Path) -> None:
        for key in annotations if isinstance(annotations, Mapping) else ():
            # The API server lowers them before it looks at them.
            self._key(str(key).lower(), (*path, key), "annotation")

    def _key(self, key: str, path: Path, what: str) -> None:
        wanted = None if has_placeholder(key) else syntax.key(key)
        if wanted is not None:
            self._tell("name", path, f"{shown(key)} cannot be the key of a {what}", f"use {wanted}")


def _near(name: str, known: list[str]) -> str | None:
    """The one that was meant: but for its case the same, or nearly."""
    lowered = {each.lower(): each for each in reversed(known)}
    if (meant := lowered.get(name.lower())) is not None:
        return meant
    return next(iter(get_close_matches(name, known, 1, 0.8)), None)


def _is_slip(written: str, meant: str) -> bool:
    """As :func:`is_slip`, also but for hyphens."""
    return is_slip(written, meant) or _plain(written).lower() == meant.lower()


def _near_field(name: str, properties: Mapping[str, Any]) -> str | None:
    return _near(_plain(name), list(properties))


def _plain(name: str) -> str:
    """A name without hyphens, which no field has: what others write as node-name is nodeName."""
    return name.replace("-", "").replace("_", "")


def _written(value: dict[Any, Any]) -> bytes | None:
    """What tells a value from others; None for a long one, or one of types that YAML has not."""
    try:
        content = marshal.dumps(value, 0)  # Later versions tell the same text in two ways.
    except ValueError:
        return None
    return content if len(content) <= _LONGEST_REMEMBERED else None


def _near_quantity(text: str) -> str | None:
    match = re.fullmatch(
        r"\s*([0-9.]+)\s*([kKmMgGtTpP])([iI]?)[bB]?\s*|\s*([0-9.]+)([MGT])\d\s*", text
    )
    if match is None:
        return None
    number, unit, binary, other, misspelled = match.groups()
    if other is not None:
        return f"write {other}{misspelled}i, or {other}{misspelled} for powers of 1000"
    small = "k" if unit in "kK" and not binary else unit.upper()
    written = f"{number}{small}{'i' if binary else ''}"
    return f"write {written}" if written != text and quantity(written) is not None else None


def _retyped(value: Any, expected: str) -> str | None:
    if expected == "a string" and isinstance(value, (bool, int, float)):
        return f'quote it: "{str(value).lower() if isinstance(value, bool) else value}"'
    if expected in ("an integer", "true or false") and isinstance(value, str):
        text = value.strip()
        if text in ("true", "false") if expected != "an integer" else text.lstrip("-").isdigit():
            return f"remove the quotes: {text}"
    if expected == "a list" and not isinstance(value, list):
        return "write a list: start the item with '- '"
    return None


@cache
def _pattern(text: str | None) -> re.Pattern[str] | None:
    """A pattern as RE2 means it: where Python has another syntax, nothing is matched."""
    if text is None:
        return None
    try:
        # $ is the end of the text, and not of its last line.
        return re.compile(re.sub(r"(?<!\\)\$(?=$|\)|\|)", r"\\Z", text), re.ASCII)
    except re.error:
        return None


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for each in value.values():
            yield from _texts(each)
    elif isinstance(value, list):
        for each in value:
            yield from _texts(each)


def _required(schema: Schema) -> list[tuple[str, ...]]:
    """The fields that each alternative of a schema requires, where it says nothing else."""
    if "required" in schema:
        return [tuple(schema["required"])]
    return [
        each
        for key in ("anyOf", "oneOf")
        for inner in schema.get(key, ())
        for each in _required(inner)
    ]


def _alternatives(value: Any, alternatives: list[Schema], count: int) -> str:
    sets = [each for branch in alternatives for each in _required(branch)]
    names = list(dict.fromkeys(" and ".join(each) for each in sets))
    if not names:
        return f"the value fits {count} of the alternatives that its schema has"
    if count == 0:
        return f"one of {', '.join(names)} is needed"
    given = [name for name in names if isinstance(value, Mapping) and name in value]
    return f"only one of {', '.join(names)} can be set, and {' and '.join(given)} are"
