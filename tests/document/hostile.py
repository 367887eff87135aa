"""Two hundred contents of files, valid and not, and a program that has each of them answered.

Run as ``python -m tests.document.hostile``, it writes a line of JSON for each: its name, how many
deployments and findings came of it, the codes, and the highest memory of the process so far.
"""

from __future__ import annotations

import codecs
import json
import random
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from cdk8s_inference.document.validation import check
from cdk8s_inference.findings import errors
from cdk8s_inference.source.reader import MAX_BYTES, read
from tests.document.builders import (
    Json,
    as_yaml,
    at,
    everything,
    everything_current,
    gangs,
    prefill_decode,
    two_engines,
    under_spec,
    unified,
    walk,
)

HEADER = "apiVersion: modelplane.ai/v1alpha1\nkind: ModelDeployment\nmetadata: {name: a}\n"
STATUS = Path("/proc/self/status")

Content = Callable[[], bytes]


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


def with_args(args: str) -> str:
    """A document in the shape of pull request #142 with this list of arguments, in YAML."""
    container = f"{{name: engine, image: a, args: {args}}}"
    member = f"{{nodeSelector: {{devices: []}}, template: {{spec: {{containers: [{container}]}}}}}}"
    return f"{HEADER}spec: {{replicas: 1, engines: [{{name: a, members: [{member}]}}]}}\n"


VALID: dict[str, Json] = {
    f"{make.__name__}{'-142' if shape else ''}": under_spec(make()) if shape else make()
    for make in (unified, two_engines, prefill_decode, gangs, everything)
    for shape in (False, True)
} | {"everything_current": everything_current()}


def _valid() -> Iterator[tuple[str, Content]]:
    for name, document in VALID.items():
        text = as_yaml(document)
        yield f"{name}.yaml", text.encode
        yield f"{name}.json", json.dumps(document).encode
        yield f"{name}.indented.json", json.dumps(document, indent="\t").encode
        yield f"{name}.bom", lambda text=text: codecs.BOM_UTF8 + text.encode()  # type: ignore[misc]
        yield f"{name}.crlf", text.replace("\n", "\r\n").encode


def _mutated_text() -> Iterator[tuple[str, Content]]:
    """Valid documents after damage to their bytes."""
    dice = random.Random(3)
    texts = [as_yaml(everything_current()).encode(), json.dumps(everything_current()).encode()]
    pieces = [
        b"\t",
        b"\0",
        b"\xff",
        b"&a ",
        b"*a",
        b"{",
        b"[",
        b"'",
        b'"',
        b"!!",
        b"\n",
        b": ",
        b"- ",
    ]
    for number in range(40):
        content = bytearray(texts[number % 2])
        for _ in range(dice.randint(1, 4)):
            start = dice.randrange(len(content))
            end = start + dice.choice((0, 0, 1, 5, 50))
            content[start:end] = dice.choice(pieces) * dice.randint(0, 2)
        yield f"damaged-{number}", lambda content=content: bytes(content)  # type: ignore[misc]


ODD: list[Any] = [
    None, True, 0, -1, 2**63, 2**64, 1.5, 1e308, "", " ", "\n", "\0", "\x85", "\ufeff", "\u202e",
    "\U0001f600", "x" * 5000, [], {}, [[]], [None], {"": {}}, {"<<": {"a": 1}}, {"a": None},
]  # fmt: skip


def _mutated_values() -> Iterator[tuple[str, Content]]:
    """Valid documents with an odd value somewhere."""
    dice = random.Random(4)
    for number in range(40):
        document = everything_current()
        path = dice.choice([path for path, _ in walk(document) if path])
        at(document, path[:-1])[path[-1]] = dice.choice(ODD)
        text = as_yaml(document) if number % 2 else json.dumps(document)
        yield f"odd-value-{number}", text.encode


def _filled(text: str, start: str = "", end: str = "", size: int = MAX_BYTES) -> Content:
    """A content of just the size, most of it one text over and over."""

    def content() -> bytes:
        outer = len((start + end).encode())
        return (start + text * ((size - outer) // len(text.encode())) + end).encode()

    return content


TEN_MEGABYTES = 10 * 1000 * 1000
VALID_TEXT = as_yaml(unified())

HOSTILE: dict[str, Content] = {
    "10-megabytes-of-documents": _filled("---\n" + VALID_TEXT, size=TEN_MEGABYTES),
    "10-megabytes-of-json": _filled("[],", "[", "1]", size=TEN_MEGABYTES),
    "10-megabytes-of-zeros": lambda: bytes(TEN_MEGABYTES),
    "10-megabytes-of-noise": lambda: random.Random(1).randbytes(TEN_MEGABYTES),
    "nothing": lambda: b"",
    "spaces": _filled(" "),
    "line-ends": _filled("\n"),
    "tabs": _filled("\t"),
    "comment": _filled("#"),
    "comments": _filled("#\n"),
    "document-starts": _filled("---\n", size=100_000),
    "document-ends": _filled("...\n"),
    "valid-documents": _filled("---\n" + VALID_TEXT, size=100_000),
    "tag-directives": _filled("%TAG !a! b\n"),
    "yaml-directives": _filled("%YAML 1.1\n"),
    "byte-order-marks": _filled("\ufeff"),
    "zeros": _filled("\0"),
    "delete-characters": _filled("\x7f"),
    "next-lines": _filled("\x85", "a: '", "'"),
    "open-lists": _filled("["),
    "open-lists-apart": _filled("[ "),
    "open-objects": _filled("{"),
    "open-json-objects": _filled('{"a":'),
    "block-lists": _filled("- "),
    "block-keys": _filled("? "),
    "nested-blocks": lambda: "".join(f"{' ' * n}a:\n" for n in range(4000)).encode(),
    "deep-lists-side-by-side": _filled("[" * 60 + "]" * 60 + ",", "[", "]"),
    "lines": _filled("a\n"),
    "one-key-within-limits": lambda: b"a: 1\n" * 5_000,
    "number-keys-within-limits": lambda: b"1: 1\n" * 5_000,
    "long-plain-scalar": _filled("a "),
    "long-plain-lines": _filled("a\n", "a: "),
    "long-single-quotes": _filled("''", "'", "'"),
    "long-double-quotes": _filled("\\\\", '"', '"'),
    "long-folded-lines": _filled(" a\n\n", ">\n"),
    "long-literal-lines": _filled(" \n", "|\n"),
    "long-key": _filled("a", "? ", "\n: b"),
    "long-json-key": _filled("a", '{"', '": 1}'),
    "long-tag": _filled("a", "!<", "> b"),
    "long-anchor": _filled("a", "&", " b"),
    "long-alias": _filled("a", "*"),
    "long-integer": _filled("9", HEADER + "spec: {replicas: ", "}"),
    "long-hexadecimal": _filled("f", HEADER + "spec: {replicas: 0x", "}"),
    "long-octal": _filled("7", HEADER + "spec: {replicas: 0", "}"),
    "long-sexagesimal": _filled(":1", HEADER + "spec: {replicas: 1", "}"),
    "long-float": _filled("9", HEADER + "spec: {replicas: 0.", "}"),
    "long-exponent": _filled("9", HEADER + "spec: {replicas: 1e", "}"),
    "underscores": _filled("_", HEADER + "spec: {replicas: 1", "}"),
    "anchors": _filled("&a ", "[", "]"),
    "aliases": _filled("*a,", "[&a 1,", "]"),
    "laughs": lambda: bomb(9).encode(),
    "laughs-by-two": lambda: bomb(40, 2).encode(),
    "laughs-by-a-thousand": lambda: bomb(3, 1000).encode(),
    "laughs-of-long-texts": lambda: bomb(6, start='"' + "x" * 100_000 + '"').encode(),
    "laughs-within-limits": lambda: bomb(4).encode(),
    "laughs-in-many-documents": lambda: "---\n".join([bomb(4)] * 60).encode(),
    "laughs-as-arguments": lambda: (bomb(4) + with_args("*k4")).encode(),
    "merges": lambda: merge_bomb(9).encode(),
    "merges-of-nothing": lambda: (
        "a: &a {" + ",".join(f"k{n}: 1" for n in range(15_000)) + "}\nb: {<<: *a"
        + ", <<: {}" * 20_000 + "}"
    ).encode(),
    "staircase": lambda: staircase(600, nesting=1).encode(),
    "steep-staircase": lambda: staircase(75).encode(),
    "self-in-list": lambda: b"&a [*a]",
    "self-in-object": lambda: b"&a {b: {c: *a}}",
    "self-as-key": lambda: b"&a {? *a : 1}",
    "self-merged": lambda: b"&a {<<: *a}",
    "each-other": lambda: b"a: &a [&b [*a, *b]]",
    "unknown-alias": lambda: b"a: *b",
    "utf-16": lambda: VALID_TEXT.encode("utf-16"),
    "utf-16-le": lambda: VALID_TEXT.encode("utf-16-le"),
    "utf-32": lambda: VALID_TEXT.encode("utf-32"),
    "latin-1": lambda: VALID_TEXT.replace("qwen", "\xfc").encode("latin-1"),
    "overlong-utf-8": lambda: b"a: \xc0\xaf",
    "encoded-surrogates": lambda: b"a: \xed\xa0\xbd\xed\xb8\x80",
    "surrogate-escape": lambda: b'{"a": "\\ud83d"}',
    "surrogate-escapes": _filled("\\ud83d\\ude00", '{"a": "', '"}', size=1_000_000),
    "surrogate-escapes-and-lists": _filled("[],", '{"a": "\\ud83d\\ude00", "b": [', "1]}"),
    "surrogate-escapes-and-depth": _filled("[", '{"a": "\\ud83d\\ude00", "b": '),
    "surrogate-escapes-and-digits": _filled("9", '{"a": "\\ud83d\\ude00", "b": ', "}"),
    "beyond-unicode": lambda: b'a: "\\U00110000"',
    "private-use": _filled("\U0010fffd", '"', '"'),
    "python-object": lambda: b"!!python/object/apply:os.system [ls]",
    "python-name": lambda: b"a: !!python/name:os.system ''",
    "python-module": lambda: b"a: !!python/module:os ''",
    "binary-tag": _filled("QUJD", "a: !!binary ", ""),
    "set": lambda: b"!!set {a, b}",
    "omap": lambda: b"!!omap [a: b]",
    "value-key": lambda: b"{=: 1}",
    "not-a-number": lambda: f"{HEADER}spec: {{replicas: .nan}}".encode(),
    "infinity": lambda: f"{HEADER}spec: {{replicas: .inf}}".encode(),
    "negative-zero": lambda: f"{HEADER}spec: {{replicas: -0}}".encode(),
    "wrong-arguments": lambda: with_args(f"[{'1,' * 190_000}]").encode(),
    "unknown-fields": lambda: (
        HEADER + "spec:\n" + "".join(f"  replicas{n}: 1\n" for n in range(5_000))
    ).encode(),
    "empty-engines": lambda: f"{HEADER}spec: {{engines: [{'{},' * 5_000}]}}".encode(),
    "ports": lambda: with_args(f"[{'--port,' * 5_000}]").encode(),
    "script": lambda: with_args(f"[sh, -c, '{'a --port=1; ' * 10_000}']").encode(),
    "script-of-quotes": lambda: with_args("[sh, -c, '" + '"" ' * 30_000 + "']").encode(),
    "shell-archive": lambda: b"#!/bin/sh\nexec 0<&-\n: > a: b: c\n",
    "html": lambda: b"<!DOCTYPE html>\n<html><body>a: b: c</body></html>\n",
    "elf": lambda: b"\x7fELF\x02\x01\x01" + bytes(9) + b"\x03\x00\x3e\x00",
    "gzip": lambda: b"\x1f\x8b\x08\x00" + random.Random(2).randbytes(4000),
    "pem": lambda: b"-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n",
    "json-lines": lambda: json.dumps(unified()).encode() + b"\n" + json.dumps(unified()).encode(),
    "json-cut-short": lambda: json.dumps(unified()).encode()[:-3],
    "kubernetes-list": lambda: json.dumps({"kind": "List", "items": [unified()]}).encode(),
}  # fmt: skip


def contents() -> dict[str, Content]:
    """All of them by name."""
    return {**dict(_valid()), **dict(_mutated_text()), **dict(_mutated_values()), **HOSTILE}


def memory() -> int:
    """The highest memory of this process so far, in KiB; 0 where the system does not say."""
    if not STATUS.exists():
        return 0
    return int(re.findall(r"VmHWM:\s+(\d+) kB", STATUS.read_text())[0])


def answer(content: bytes) -> dict[str, Any]:
    """What comes of a content. Findings are written out, as that can fail as well."""
    documents, found = read(content, "model.yaml")
    checked = [check(document) for document in documents]
    found += [finding for _, findings in checked for finding in findings]
    texts = [len(finding.message + finding.fix) for finding in found if str(finding)]
    json.dumps([finding.as_dict() for finding in found])
    return {
        "documents": len(documents),
        "deployments": sum(deployment is not None for deployment, _ in checked),
        "refused": bool(errors(found)),
        "codes": sorted({finding.code for finding in found}),
        "longest": max(texts, default=0),
    }


if __name__ == "__main__":
    for name, content in contents().items():
        given = content()
        before = memory()
        print(
            json.dumps({"name": name, **answer(given), "before": before, "after": memory()}),
            flush=True,
        )
