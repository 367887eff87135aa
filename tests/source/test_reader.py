"""Texts that nobody should send: each gives documents or findings, never an exception."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from cdk8s_inference.document.validation import check
from cdk8s_inference.source import reader as source
from cdk8s_inference.source.reader import MAX_BYTES, MAX_DEPTH, read
from tests.document.builders import as_yaml, read_one, unified
from tests.document.hostile import HEADER, bomb, merge_bomb, staircase


def problem_of(content: str | bytes) -> tuple[str, int | None]:
    """The code and line of a content that cannot be read."""
    documents, [finding] = read(content.encode() if isinstance(content, str) else content, "a")
    assert documents == []
    assert (finding.severity, finding.path, finding.file) == ("error", "", "a")
    assert finding.message
    assert finding.fix
    assert len(finding.message) < 1000
    assert "\n" not in finding.message
    return finding.code, finding.line


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        pytest.param(b"", ("D001", None), id="empty"),
        pytest.param(b"\xef\xbb\xbf", ("D001", None), id="only-bom"),
        pytest.param(b" \n\n  \n", ("D001", None), id="only-space"),
        pytest.param(b"# a\n# b\n", ("D001", None), id="only-comments"),
        pytest.param(b"---\n---\nnull\n---\n~\n...\n", ("D001", None), id="only-nulls"),
        pytest.param(bytes(range(256)) * 16, ("D001", 2), id="binary"),
        pytest.param(b"\x7fELF\x02\x01\x01\x00\x00", ("D001", None), id="elf"),
        pytest.param(b"a: 1\nb: \xff", ("D001", 2), id="invalid-utf-8"),
        pytest.param(b"a: \xed\xa0\x80", ("D001", 1), id="encoded-surrogate"),
        pytest.param("a: ä".encode("latin-1"), ("D001", 1), id="latin-1"),
        pytest.param("a: b".encode("utf-16"), ("D001", 1), id="utf-16"),
        pytest.param("a: b".encode("utf-32"), ("D001", 1), id="utf-32"),
        pytest.param(b"a: b\0c", ("D001", None), id="nul"),
        pytest.param(b'{"a": "b\0"}', ("D001", None), id="nul-json"),
        pytest.param(b"a: \x1b[31m", ("D001", None), id="escape"),
        pytest.param(b"a: \x07", ("D001", None), id="bell"),
        pytest.param("a: \u009b", ("D001", None), id="c1-control"),
        pytest.param("a: \ufffe", ("D001", None), id="non-character"),
        pytest.param(b"a: b: c", ("D001", 1), id="syntax"),
        pytest.param(b"a:\n\t- b", ("D001", 2), id="tab"),
        pytest.param(b"a: *b", ("D001", 1), id="unknown-alias"),
        pytest.param(b'a: "\\ud83d"', ("D001", 1), id="lone-surrogate"),
        pytest.param(b'a: "\\U00110000"', ("D001", 1), id="beyond-unicode"),
        pytest.param(b'{"a": 1}\n{"b": 1}', ("D001", 2), id="json-lines"),
        pytest.param(b"<html>\n<p a: b: c>", ("D001", 2), id="html"),
        pytest.param(b"%YAML 3.0\n--- a", ("D001", 1), id="yaml-3"),
        pytest.param(b"a: " + b"x" * MAX_BYTES, ("D002", None), id="too-large"),
        pytest.param(b"[ " * 100_000, ("D002", 1), id="deep-lists"),
        pytest.param(b'{"a":' * 100_000, ("D002", 1), id="deep-objects"),
        pytest.param(b"[ " * 100_000 + b"]" * 100_000, ("D002", 1), id="deep-json"),
        pytest.param(b'{"a":' * 50_000 + b"1" + b"}" * 50_000, ("D002", 1), id="deep-json-objects"),
        pytest.param(b"- " * 100_000, ("D002", 1), id="deep-blocks"),
        pytest.param(b"? " * 100_000, ("D002", 1), id="deep-keys"),
        pytest.param(bomb(9), ("D002", 6), id="billion-laughs"),
        pytest.param(bomb(40, 2), ("D002", 17), id="billion-laughs-by-two"),
        pytest.param("---\n".join([bomb(4)] * 20), ("D002", None), id="many-small-laughs"),
        pytest.param(bomb(6, start='"' + "x" * 100_000 + '"'), ("D002", 4), id="long-laughs"),
        pytest.param(merge_bomb(9), ("D002", 6), id="merge-bomb"),
        pytest.param(staircase(2), ("D002", 3), id="deep-aliases"),
        pytest.param(staircase(75), ("D002", 3), id="very-deep-aliases"),
        pytest.param(staircase(600, nesting=1), ("D002", None), id="long-staircase"),
        pytest.param("a: &a [*a]", ("D002", 1), id="self-in-list"),
        pytest.param("a:\n  &a {b: *a}", ("D002", 2), id="self-in-object"),
        pytest.param("&a [1, [2, {b: *a}]]", ("D002", 1), id="self-in-depth"),
        pytest.param("&a\n? *a\n: 1", ("D002", 2), id="self-as-key"),
        pytest.param("&a\nb:\n  <<: *a", ("D002", 3), id="self-merged"),
        pytest.param("a: {<<: b}", ("D001", 1), id="merged-scalar"),
        pytest.param("a: !!python/object:os.system {}", ("D001", 1), id="python-object"),
        pytest.param("!!python/object/apply:os.system [ls]", ("D001", 1), id="python-apply"),
        pytest.param("a: !!python/name:os.system ''", ("D001", 1), id="python-name"),
        pytest.param("a: !!python/tuple [1]", ("D001", 1), id="python-tuple"),
        pytest.param("a: !Ref b", ("D001", 1), id="local-tag"),
        pytest.param("a: !<tag:example.com,2026:b> c", ("D001", 1), id="foreign-tag"),
        pytest.param("a: !!int x", ("D001", None), id="no-int"),
        pytest.param("a: !!int ''", ("D001", None), id="empty-int"),
        pytest.param("a: !!float x", ("D001", None), id="no-float"),
        pytest.param("a: !!float ''", ("D001", None), id="empty-float"),
        pytest.param("a: !!bool x", ("D001", None), id="no-bool"),
        pytest.param("a: !!timestamp x", ("D001", None), id="no-timestamp"),
        pytest.param("a: !!timestamp 2026-99-99", ("D001", None), id="no-day"),
        pytest.param("a: !!binary é", ("D001", 1), id="no-binary"),
        pytest.param("a: !!set [b]", ("D001", 1), id="no-set"),
        pytest.param("a: !!omap {b: c}", ("D001", 1), id="no-omap"),
        pytest.param("a: !!map [b]", ("D001", 1), id="no-map"),
        pytest.param("a: !!seq {b: c}", ("D001", 1), id="no-seq"),
        pytest.param("a: !!str [b]", ("D001", 1), id="no-string"),
        pytest.param("? !!str [a]\n: b", ("D001", 1), id="list-key-called-string"),
        pytest.param("? !!str {a: b}\n: c", ("D001", 1), id="object-key-called-string"),
        pytest.param("!!binary YQ==: a", ("D001", 1), id="binary-key"),
        pytest.param("a: !!binary aGk=", ("D001", 1), id="binary-tag"),
        pytest.param("a: !!timestamp 2026-01-01", ("D001", 1), id="timestamp"),
        pytest.param("a: !!set {b, c}", ("D001", 1), id="set"),
        pytest.param("a: !!omap [b: c]", ("D001", 1), id="omap"),
        pytest.param("a: {<<: [{b: 1}, [c]]}", ("D001", 1), id="merged-list-of-lists"),
        pytest.param("a:\n- .nan", ("D001", 2), id="nan"),
        pytest.param("a: -.INF", ("D001", 1), id="infinity"),
        pytest.param("a: !!float .inf", ("D001", 1), id="infinity-tag"),
        pytest.param("# a\n%TAG !a! b\n--- c", ("D001", 2), id="directive"),
        pytest.param("%TAG !a! b\r" * 60_000 + "--- c", ("D001", 1), id="directives"),
    ],
)
def test_unreadable(content: str | bytes, problem: tuple[str, int | None]) -> None:
    code, line = problem_of(content)
    assert code == problem[0]
    if problem[1] is not None:
        assert line == problem[1]


@pytest.mark.parametrize(
    ("text", "data"),
    [
        ("a: 1", {"a": 1}),
        ('{"a": Infinity, "b": NaN, "c": 1e999}', {"a": "Infinity", "b": "NaN", "c": "1e999"}),
        ("a: !!int 1", {"a": 1}),
        ("a: !!int '0x1f'", {"a": 31}),
        ("a: !!float 1", {"a": 1.0}),
        ("a: !!bool y", {"a": True}),
        ("a: !!null ''", {"a": None}),
        ("a: ! 1", {"a": "1"}),
        ("a: !!seq [!!map {b: 1}]", {"a": [{"b": 1}]}),
        ("a: !!str 1", {"a": "1"}),
        ("&a a: *a", {"a": "a"}),
        ("a: &a {b: 1}\nc: {<<: *a, b: 2}", {"a": {"b": 1}, "c": {"b": 2}}),
        ("a: {<<: {b: 1}, <<: {c: 1}}", {"a": {"b": 1, "c": 1}}),
        ("a: {<<: [{b: 1}, {b: 2, c: 2}], c: 3}", {"a": {"b": 1, "c": 3}}),
        ("a: {<<: {<<: {b: 1}, c: 2}}", {"a": {"b": 1, "c": 2}}),
        ("a: {<<: [], <<: {}}", {"a": {}}),
        ("a: &b <<\nc: {*b : 1}", {"a": "<<", "c": {"<<": 1}}),
        ("a: [&a 1, &a {b: &a 2}, *a]", {"a": [1, {"b": 2}, 2]}),
        ('{"<<": {"b": 1}}', {"<<": {"b": 1}}),
        ("a: b\x85c: d", {"a": "b", "c": "d"}),
        ("a: |\n  b\r\n  c\n", {"a": "b\nc\n"}),
        (bomb(3), None),
    ],
)
def test_readable(text: str, data: Any) -> None:
    document = read_one(text)
    assert data is None or document.data == data
    _, found = check(document)
    assert found


def problems_of_keys(text: str) -> list[tuple[str, int | None, str]]:
    """The path, line and message of each finding about the keys of a document."""
    document = read_one(text)
    assert {finding.code for finding in document.findings} <= {"D003"}
    assert set(document.findings) <= set(check(document)[1])
    return [(finding.path, finding.line, finding.message) for finding in document.findings]


@pytest.mark.parametrize(
    ("text", "path", "line"),
    [
        ("a: 1\na: 2", "a", 2),
        ('{"a": 1,\n"\\u0061": 2}', "a", 2),
        ("a: 1\n? a\n: 2", "a", 2),
        ("a:\n- b: 1\n  b: 2", "a[0].b", 3),
        ("a: {<<: {b: 1, b: 2}}", "a.<<.b", 1),
        ("'<<': 1\n'<<': 2", "<<", 2),
    ],
)
def test_a_key_that_stands_twice(text: str, path: str, line: int) -> None:
    [(found_path, found_line, message)] = problems_of_keys(text)
    assert (found_path, found_line) == (path, line)
    assert message.startswith("duplicate key, first on line ")


@pytest.mark.parametrize(
    ("text", "path", "shown"),
    [
        ("1: a", "", "1"),
        ("1.5: a", "", "1.5"),
        ("yes: a", "", "True"),
        ("null: a", "", "None"),
        ("[a]: b", "", "an object or list"),
        ("? {a: b}\n: c", "", "an object or list"),
        ("a: {<<: {1: b}}", "a.<<", "1"),
        ("a: {<<: [{b: 1}, {1: b}]}", "a.<<[1]", "1"),
    ],
)
def test_a_key_that_is_no_string(text: str, path: str, shown: str) -> None:
    assert problems_of_keys(text) == [(path, 1, f"key {shown} is not a string")]


def test_a_key_that_is_merged_after_it_is_written() -> None:
    # YAML lets the written key win, kubectl the merged one.
    assert problems_of_keys("a: &a {b: 1}\nc:\n  b: 2\n  <<: *a") == [
        ("c.b", 4, "the key is also set by the << that follows it")
    ]


def test_keys_are_found_wrong_together_with_all_else() -> None:
    text = as_yaml(unified()).replace("replicas: 1", "replicas: 1\n  1: a\n  replicas: 0\n  b: 1")
    deployment, found = check(read_one(text))
    assert deployment is None
    assert [(finding.code, finding.path) for finding in found] == [
        ("D003", "spec"),
        ("D003", "spec.replicas"),
        ("D004", "spec.b"),
    ]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("2026-01-01", "2026-01-01"),
        ("2026-01-01T00:00:00Z", "2026-01-01T00:00:00Z"),
        ("12:30", "12:30"),
        ("1:2:3.5", "1:2:3.5"),
        ("1e3", 1000.0),
        ("1.5e3", 1500.0),
        ("0o17", 15),
        ("017", 15),
        ("0x1F", 31),
        ("1_000", 1000),
        ("on", True),
        ("y", True),
        ("N", False),
        ("~", None),
        ("v1", "v1"),
        ("1.2.3", "1.2.3"),
        ("0b", "0b"),
        ("0b101", 5),
        ("-0x10", -16),
        ("+1", 1),
        ("08", 8.0),
        ("1.", 1.0),
        ("-.5", -0.5),
        ("_1", "_1"),
        ("--", "--"),
        ("0x1p3", "0x1p3"),
        ("Off", False),
        ("oN", "oN"),
        ("18446744073709551615", 2**64 - 1),
        ("18446744073709551616", float(2**64)),
        ("-9223372036854775808", -(2**63)),
        ("-9223372036854775809", float(-(2**63))),
        ("0x10000000000000000", "0x10000000000000000"),
        ("1e999", "1e999"),
        ("1e-999", 0.0),
        ("=", "="),
    ],
)
def test_scalars_mean_what_they_mean_to_kubernetes_tools(text: str, value: Any) -> None:
    # What version 1.6 of sigs.k8s.io/yaml makes of them.
    found = read_one(f"a: {text}").data["a"]
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    "number",
    ["9" * 10_000, "0x" + "f" * 5_000, "0b" + "1" * 20_000, "0" + "7" * 6_000, "1" + ":1" * 3_000],
    ids=["decimal", "hexadecimal", "binary", "octal", "sexagesimal"],
)
@pytest.mark.parametrize(
    "template",
    [
        f"{HEADER}spec: {{replicas: @}}",
        f"{HEADER}spec: {{template: @}}",
        "apiVersion: @",
        '{"apiVersion": @}',
        "@",
    ],
)
def test_integers_that_python_does_not_print(number: str, template: str) -> None:
    documents, found = read(template.replace("@", number).encode())
    for document in documents:
        found = found + check(document)[1]
    assert any(finding.severity == "error" for finding in found)
    assert all(str(finding) for finding in found)


def test_too_deep_for_the_scanner() -> None:
    # Some builds of libyaml have a limit of their own.
    assert problem_of("[" * 100_000)[1] == 1
    assert problem_of("[" * 100_000 + "]" * 100_000)[1] == 1


def test_limits_are_inclusive() -> None:
    assert read_one("[" * MAX_DEPTH + "]" * MAX_DEPTH)
    assert problem_of("[" * (MAX_DEPTH + 1) + "]" * (MAX_DEPTH + 1))[0] == "D002"
    text = b"#" * (MAX_BYTES - 2) + b"\na"
    assert read_one(text).data == "a"
    assert problem_of(text + b"\n")[0] == "D002"


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("[" + "x," * 99 + "]", 100),
        ("[" + "&a ," * 99 + "]", 100),
        ("".join(f"k{number}: 1\n" for number in range(49)), 99),
        ("- &a 1\n" + "- *a\n" * 98, 100),
        ("- &a [1, 1, 1]\n" + "- *a\n" * 24, 101),
        ("- &a {b: 1}\n" + "- <<: *a\n" * 19, 99),
        ("--- 1\n" * 100, 100),
    ],
    ids=["values", "anchors", "keys", "aliases", "expansion", "merges", "documents"],
)
def test_every_key_and_value_counts(text: str, count: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(source, "MAX_NODES", count)
    assert read(text.encode())[1] == []
    monkeypatch.setattr(source, "MAX_NODES", count - 1)
    assert problem_of(text) == ("D002", text.count("\n") or 1)


def test_aliases_add_less_than_is_written(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(source, "MAX_ALIASED", 96)
    text = "- &a [1, 1, 1]\n" + "- *a\n" * 24
    assert read(text.encode())[1] == []
    assert problem_of(text + "- *a\n") == ("D002", 26)


def test_many_documents() -> None:
    text = "\n---\n".join(f"a: {number}" for number in range(5_000))
    documents, found = read(text.encode(), "many.yaml")
    assert found == []
    assert [document.data for document in documents] == [{"a": n} for n in range(5_000)]
    assert [document.line(("a",)) for document in documents] == list(range(1, 10_000, 2))
    assert {finding.code for document in documents for finding in check(document)[1]} == {"D010"}


def test_one_unreadable_document_makes_the_file_unreadable() -> None:
    assert problem_of(as_yaml(unified()) + "---\na: [\n---\n" + as_yaml(unified()))[0] == "D001"


@pytest.mark.parametrize(
    "text",
    [
        bomb(9),
        merge_bomb(9),
        staircase(600, nesting=1),
        "[" * MAX_DEPTH + "1," * 100_000,
        "---\n" * 100_000,
    ],
    ids=["laughs", "merges", "staircase", "values", "documents"],
)
def test_no_more_is_parsed_than_the_limits_allow(
    text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    parse, parsed = yaml.parse, 0

    def counting(*args: Any) -> Iterator[yaml.Event]:
        nonlocal parsed
        for event in parse(*args):
            parsed += 1
            yield event

    monkeypatch.setattr(yaml, "parse", counting)
    monkeypatch.setattr(source, "MAX_NODES", 1000)
    assert problem_of(text)[0] == "D002"
    # A value has one event, or two if it is a collection; a document has two more.
    assert parsed <= 3 * 1000 + 3


def test_the_line_of_a_place_is_that_of_the_text() -> None:
    text = "a: |\n  b\n  c\nd: >-\n  e\n\n  f\ng: [h,\n i]\n"
    document = read_one(text)
    assert [document.line((key,)) for key in "adg"] == [1, 4, 8]
    assert [document.line(("g", index)) for index in (0, 1)] == [8, 9]


def test_json_is_read_as_json() -> None:
    text = json.dumps({"a": "é\u2028\u0085\U0001f600\\/", "b": [1, 1.5, True, None, ""]})
    assert read_one(text).data == json.loads(text)
    raw = json.dumps({"a": "é\u2028\U0001f600"}, ensure_ascii=False)
    assert read_one(raw).data == json.loads(raw)


CRD = """\
kind: CustomResourceDefinition
metadata:
  name: {name}
spec:
  versions:
    - name: v1
      schema:
        openAPIV3Schema:
          description: |
            Some words.

            # More: words.
          type: object
      served: true
---
kind: Service
"""


def test_schemas_of_custom_resources_are_not_read() -> None:
    documents, problems = read(CRD.format(name="things.example.org").encode())
    assert problems == []
    (version,) = documents[0].data["spec"]["versions"]
    assert version == {"name": "v1", "schema": {"openAPIV3Schema": None}, "served": True}
    assert documents[0].line(("spec", "versions", 0, "served")) == 14
    assert documents[1].line(("kind",)) == 16


@pytest.mark.parametrize(
    "text",
    [
        CRD.format(name="inferencepools.inference.networking.k8s.io"),
        CRD.format(name="x.y").replace("CustomResourceDefinition", "Other"),
        CRD.format(name="x.y").replace("type: object", "type: &kind object"),
    ],
)
def test_schemas_that_are_read(text: str) -> None:
    documents, _ = read(text.encode())
    schema = documents[0].data["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    assert schema == {"description": "Some words.\n\n# More: words.\n", "type": "object"}


def test_large_data_have_no_bounds_of_objects(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(source, "MAX_NODES", 30_000)
    text = json.dumps({"data": [0] * 40_000})
    documents, problems = read(text.encode())
    assert (len(documents), problems) == (1, [])
    _, problems = read(text.replace("data", "kind").encode())
    assert [each.code for each in problems] == ["D002"]


def test_aliases_to_a_long_text_are_bounded_by_what_they_expand_to() -> None:
    text = "a: &a '" + "x" * 200_000 + "'\nb:\n" + "- *a\n" * 100
    assert problem_of(text)[0] == "D002"
    assert read_one("a: &a '" + "x" * 200_000 + "'\nb:\n" + "- *a\n" * 50)


def crds(size: int) -> bytes:
    """Definitions whose schemas are most of a file of at least this size."""
    lines = "".join(f"            field{n}: {{type: string}}\n" for n in range(10_000))
    one = (
        "apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\n"
        "metadata:\n  name: things.example.com\nspec:\n  versions:\n  - name: v1\n"
        f"    schema:\n      openAPIV3Schema:\n        properties:\n{lines}"
    )
    return "---\n".join([one] * (size // len(one) + 1)).encode()


def test_a_large_file_of_definitions() -> None:
    content = crds(10_000_000)
    documents, found = read(content, "crds.yaml")
    assert found == []
    assert {document.data["kind"] for document in documents} == {"CustomResourceDefinition"}
    assert problem_of(content + b"---\na: " + b"x" * MAX_BYTES)[0] == "D002"
    assert problem_of(b"# openAPIV3Schema\n" + b"x" * MAX_BYTES)[0] == "D002"
