"""Texts that nobody should send: each gives documents or findings, never an exception."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from cdk8s_inference.spec.document import check
from cdk8s_inference.spec.source import MAX_BYTES, MAX_DEPTH, MAX_NODES, read
from tests.spec.builders import as_yaml, read_one, unified

HEADER = "apiVersion: modelplane.ai/v1alpha1\nkind: ModelDeployment\nmetadata: {name: a}\n"


def bomb(levels: int, width: int = 10, start: str = "[x]") -> str:
    """Billion laughs: each line stands for the one before, several times over."""
    lines = [f"k0: &k0 {start}"]
    for level in range(1, levels + 1):
        lines.append(f"k{level}: &k{level} [{', '.join([f'*k{level - 1}'] * width)}]")
    return "\n".join(lines) + "\n"


def merge_bomb(levels: int, width: int = 10) -> str:
    lines = ["k0: &k0 {a: b}"]
    for level in range(1, levels + 1):
        merged = ", ".join([f"*k{level - 1}"] * width)
        lines.append(f"k{level}: &k{level} {{<<: [{merged}]}}")
    return "\n".join(lines) + "\n"


def staircase(steps: int, nesting: int = 60) -> str:
    """Aliases that nest: far deeper than any line of the text."""
    lines = ["k0: &k0 x"]
    for step in range(1, steps + 1):
        lines.append(f"k{step}: &k{step} {'[' * nesting}*k{step - 1}{']' * nesting}")
    return "\n".join(lines) + "\n"


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
        pytest.param(b"\xff" * (MAX_BYTES + 1), ("D002", None), id="too-large-binary"),
        pytest.param(b"[" * 100_000, ("D002", 1), id="deep-lists"),
        pytest.param(b'{"a":' * 100_000, ("D002", 1), id="deep-objects"),
        pytest.param(b"[" * 100_000 + b"]" * 100_000, ("D002", 1), id="deep-json"),
        pytest.param(b'{"a":' * 50_000 + b"1" + b"}" * 50_000, ("D002", 1), id="deep-json-objects"),
        pytest.param(b"- " * 100_000, ("D002", 1), id="deep-blocks"),
        pytest.param(b"? " * 100_000, ("D002", 1), id="deep-keys"),
        pytest.param("a: [" + "x," * MAX_NODES + "]", ("D002", 1), id="many-values"),
        pytest.param("a: [" + "&a ," * MAX_NODES + "]", ("D002", 1), id="many-anchors"),
        pytest.param("a: &a 1\nb: [" + "*a," * MAX_NODES + "]", ("D002", 2), id="many-aliases"),
        pytest.param("---\n" * (MAX_NODES + 1), ("D002", None), id="many-documents"),
        pytest.param(bomb(9), ("D002", 6), id="billion-laughs"),
        pytest.param(bomb(40, 2), ("D002", 18), id="billion-laughs-by-two"),
        pytest.param("---\n".join([bomb(4)] * 20), ("D002", None), id="many-small-laughs"),
        pytest.param(bomb(6, start='"' + "x" * 100_000 + '"'), ("D002", 7), id="long-laughs"),
        pytest.param(merge_bomb(9), ("D002", 6), id="merge-bomb"),
        pytest.param(staircase(2), ("D002", 3), id="deep-aliases"),
        pytest.param(staircase(75), ("D002", 3), id="very-deep-aliases"),
        pytest.param(staircase(600, nesting=1), ("D002", None), id="long-staircase"),
        pytest.param("a: &a [*a]", ("D002", 1), id="self-in-list"),
        pytest.param("a:\n  &a {b: *a}", ("D002", 2), id="self-in-object"),
        pytest.param("&a [1, [2, {b: *a}]]", ("D002", 1), id="self-in-depth"),
        pytest.param("&a\n? *a\n: 1", ("D002", 1), id="self-as-key"),
        pytest.param("&a\nb:\n  <<: *a", ("D002", 1), id="self-merged"),
        pytest.param("a: 1\na: 2", ("D003", 2), id="duplicate-key"),
        pytest.param('{"a": 1,\n"\\u0061": 2}', ("D003", 2), id="duplicate-json-key"),
        pytest.param("a: 1\n? a\n: 2", ("D003", 2), id="duplicate-complex-key"),
        pytest.param("a: {<<: {b: 1, b: 2}}", ("D003", 1), id="duplicate-merged-key"),
        pytest.param("a:\n- b: 1\n  b: 2", ("D003", 3), id="duplicate-key-in-list"),
        pytest.param("1: a", ("D003", 1), id="integer-key"),
        pytest.param("1.5: a", ("D003", 1), id="float-key"),
        pytest.param("yes: a", ("D003", 1), id="boolean-key"),
        pytest.param("null: a", ("D003", 1), id="null-key"),
        pytest.param("[a]: b", ("D003", 1), id="list-key"),
        pytest.param("? {a: b}\n: c", ("D003", 1), id="object-key"),
        pytest.param("!!binary YQ==: a", ("D003", 1), id="binary-key"),
        pytest.param("a: {<<: {1: b}}", ("D003", 1), id="integer-merged-key"),
        pytest.param("a: {<<: [{b: 1}, {1: b}]}", ("D003", 1), id="integer-merged-list-key"),
        pytest.param("? !!str [a]\n: b", ("D003", 1), id="list-key-called-string"),
        pytest.param("? !!str {a: b}\n: c", ("D003", 1), id="object-key-called-string"),
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
        ("a: !!binary aGk=", {"a": b"hi"}),
        ("a: !!set {b, c}", {"a": {"b", "c"}}),
        ("a: !!omap [b: c]", {"a": [("b", "c")]}),
        ("a: .inf", {"a": float("inf")}),
        ('{"a": Infinity}', {"a": float("inf")}),
        ('{"a": -Infinity}', {"a": float("-inf")}),
        ('{"a": 1e999}', {"a": float("inf")}),
        ("a: !!str 1", {"a": "1"}),
        ("&a a: *a", {"a": "a"}),
        ("a: &a {b: 1}\nc: {<<: *a, b: 2}", {"a": {"b": 1}, "c": {"b": 2}}),
        ("a: {<<: {b: 1}, <<: {c: 1}}", {"a": {"b": 1, "c": 1}}),
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


def test_nan_is_readable() -> None:
    for text in ("a: .nan", '{"a": NaN}'):
        value = read_one(text).data["a"]
        assert value != value


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
        ("=", "="),
    ],
)
def test_scalars_mean_what_they_mean_to_kubernetes_tools(text: str, value: Any) -> None:
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


@pytest.mark.parametrize(
    "value",
    ["!!binary aGk=", "!!set {a, b}", "!!omap [a: b]", "!!pairs [a: b]", "!!timestamp 2026-01-01",
     ".nan", "!!float 1"],
)  # fmt: skip
@pytest.mark.parametrize(
    "template",
    [
        "@",
        "apiVersion: @",
        "kind: @",
        f"{HEADER}spec: @",
        f"{HEADER}spec: {{replicas: @}}",
        f"{HEADER}spec: {{replicas: 1, engines: @}}",
        f"{HEADER}spec: {{replicas: 1, engines: [{{name: @, phase: a, members: [{{}}]}}]}}",
        f"{HEADER}spec: {{replicas: 1, template: {{metadata: {{labels: @}}}}}}",
    ],
)
def test_values_that_json_does_not_have(value: str, template: str) -> None:
    _, found = check(read_one(template.replace("@", value)))
    assert any(finding.severity == "error" for finding in found)
    assert all(str(finding) for finding in found)


def test_limits_are_inclusive() -> None:
    assert read_one("[" * MAX_DEPTH + "]" * MAX_DEPTH)
    assert problem_of("[" * (MAX_DEPTH + 1) + "]" * (MAX_DEPTH + 1))[0] == "D002"
    values = "[" + "x," * (MAX_NODES - 1) + "]"
    assert len(read_one(values).data) == MAX_NODES - 1
    assert problem_of(values.replace("[", "[x,"))[0] == "D002"
    text = b"#" * (MAX_BYTES - 2) + b"\na"
    assert read_one(text).data == "a"
    assert problem_of(text + b"\n")[0] == "D002"


def test_many_documents() -> None:
    text = "\n---\n".join(f"a: {number}" for number in range(5_000))
    documents, found = read(text.encode(), "many.yaml")
    assert found == []
    assert [document.data for document in documents] == [{"a": n} for n in range(5_000)]
    assert [document.line(("a",)) for document in documents] == list(range(1, 10_000, 2))
    assert {finding.code for document in documents for finding in check(document)[1]} == {"D010"}


def test_one_unreadable_document_makes_the_file_unreadable() -> None:
    assert problem_of(as_yaml(unified()) + "---\na: [\n---\n" + as_yaml(unified()))[0] == "D001"


def test_a_document_of_the_largest_size_is_checked() -> None:
    # 30,000 values of a wrong type, each with its finding.
    text = HEADER + "spec:\n  replicas: 1\n  engines:\n" + "  - 1\n" * 30_000
    assert len(check(read_one(text))[1]) > 0
    text = HEADER + "spec:\n" + "".join(f"  field{number}: 1\n" for number in range(5_000))
    assert sum(finding.code == "D004" for finding in check(read_one(text))[1]) == 5_000


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("".join(f"%TAG !a{n}! b\n" for n in range(60_000)) + "--- c", id="directives"),
        pytest.param("a: 1" + ":1" * 200_000, id="sexagesimal"),
        pytest.param("a: '" + "\n" * 500_000 + "'", id="blank-lines"),
        pytest.param("a: " + "b c " * 500_000, id="long-scalar"),
        pytest.param("#" + "a" * 4_000_000 + "\nb: c", id="long-comment"),
        pytest.param("? " + "a" * 1_000_000 + "\n: b", id="long-key"),
    ],
)
def test_time_grows_with_the_text_alone(text: str) -> None:
    start = time.process_time()
    documents, found = read(text.encode())
    for document in documents:
        check(document)
    assert time.process_time() - start < 3
    assert documents or found


# In a process of its own, as the highest mark of this one says nothing.
MEASURE = """
import re, sys
from pathlib import Path
from cdk8s_inference.spec.document import check
from cdk8s_inference.spec.source import read

def peak():
    return int(re.search(r"VmHWM:\\s+(\\d+) kB", Path("/proc/self/status").read_text())[1])

content = sys.stdin.buffer.read()
before = peak()
for document in read(content)[0]:
    check(document)
print(peak() - before)
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="memory is measured on Linux")
@pytest.mark.parametrize(
    "text",
    [
        pytest.param("[" + ("[" * 300 + "]" * 300 + ",") * (MAX_BYTES // 602) + "1]", id="json"),
        pytest.param("---\n".join([bomb(4)] * 60), id="laughs"),
        pytest.param(staircase(600, nesting=1), id="staircase"),
        pytest.param(
            HEADER + "spec: {replicas: 1, engines: [{members: [{template: {spec: {containers: [{"
            f"args: [{'1,' * 190_000}]"
            "}]}}}]}]}",
            id="findings",
        ),
    ],
)
def test_memory_is_bounded(text: str) -> None:
    run = subprocess.run(
        [sys.executable, "-c", MEASURE], input=text.encode(), capture_output=True, check=True
    )
    assert int(run.stdout) < 600 * 1024


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
