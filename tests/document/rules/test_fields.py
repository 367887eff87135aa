"""Each finding code: small documents that have it, and their mended twins."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import pytest

from cdk8s_inference.document.rules import DOCUMENT_RULES
from cdk8s_inference.findings import Finding, Severity
from cdk8s_inference.names import workload
from cdk8s_inference.platform import Platform
from cdk8s_inference.source import read
from tests.document import builders
from tests.document.builders import (
    ABSENT,
    CEL,
    Json,
    accepted,
    device,
    document,
    edited,
    gang,
    gangs,
    member,
    prefill_decode,
    standalone,
    two_engines,
    under_spec,
    unified,
)

REPLICA = "spec.template.spec"
LABELS = "spec.template.metadata.labels"
ENGINES = f"{REPLICA}.engines"
ENGINE = f"{ENGINES}[0]"
MEMBERS = f"{ENGINE}.members"
MEMBER = f"{MEMBERS}[0]"
DEVICES = f"{MEMBER}.nodeSelector.devices"
SELECTORS = f"{DEVICES}[0].selectors"
POD = f"{MEMBER}.template"
POD_LABELS = f"{POD}.metadata.labels"
ANNOTATIONS = f"{POD}.metadata.annotations"
CONTAINERS = f"{POD}.spec.containers"
CONTAINER = f"{CONTAINERS}[0]"
ARGS = f"{CONTAINER}.args"
ENV = f"{CONTAINER}.env"
PULL_SECRETS = f"{POD}.spec.imagePullSecrets"
TOLERATIONS = f"{REPLICA}.tolerations"
WORKER = f"{MEMBERS}[1].worker"
DECODE = f"{ENGINES}[1]"
DECODE_ARGS = f"{DECODE}.members[0].template.spec.containers[0].args"


def findings(found: Any, platform: Platform | None = None) -> list[Finding]:
    """What these rules say: what engines say of handing over is another's matter."""
    every = builders.findings(found, platform)
    return [finding for finding in every if not finding.code.startswith("W1")]


KEY = {"name": "hf", "key": "token"}
PREFIX_253 = ".".join(["p" * 63, "p" * 63, "p" * 63, "p" * 61])


@dataclass(frozen=True)
class Case:
    """A value that gives certain findings in an otherwise valid document, and one that mends it.

    Attributes:
        codes: All codes that the broken document has; one finding has the first of them.
        at: Where the values go.
        base: The document that they go into.
        path: The path of the first code's finding, where it is not ``at``.
        also: Codes that the mended document has too.
        either_shape: Whether all this holds in the shape of pull request #142.
    """

    codes: str
    at: str
    broken: Any
    mended: Any
    base: Callable[[], Json] = unified
    path: str | None = None
    also: str = ""
    either_shape: bool = True
    platform: Platform | None = None

    @property
    def code(self) -> str:
        return self.codes.split()[0]


def numbered(count: int, make: Callable[[str], Json]) -> list[Json]:
    return [make(f"n{index}") for index in range(count)]


def entries(count: int, value: str = "") -> dict[str, str]:
    return {f"k{index}": value for index in range(count)}


def keyed(code: str, at: str, bad: Iterable[str], good: str, **fields: Any) -> list[Case]:
    """Keys of a label map."""
    cases = []
    for key in bad:
        path = f"{at}.{key}" if key.isidentifier() else f"{at}[{key}]"
        cases.append(Case(code, at, {key: ""}, {good: ""}, path=path, **fields))
    return cases


def each(codes: str, at: str, bad: Iterable[Any], good: Any, **fields: Any) -> list[Case]:
    """Several values of one field."""
    return [Case(codes, at, value, good, **fields) for value in bad]


UNKNOWN = [
    Case("D004", "surplus", {}, ABSENT),
    Case("D004", "spec.surplus", 0, ABSENT),
    Case("D004", f"{REPLICA}.surplus", [], ABSENT),
    Case("D004", f"{CONTAINER}.comand", ["vllm"], ABSENT),
    # What `enviroment:` reads as, with nothing after it.
    Case("D004", f"{CONTAINER}.enviroment", None, ABSENT),
]

MISSING = [
    Case("D005 D205", "metadata", ABSENT, {"name": "a"}, also="D205"),
    *each("D005", "metadata.name", [ABSENT, None], "a"),
    Case("D005", "spec", ABSENT, unified()["spec"], either_shape=False),
    Case("D005", "spec.template", ABSENT, unified()["spec"]["template"], either_shape=False),
    Case("D005", REPLICA, ABSENT, {"engines": [standalone("a")]}, either_shape=False),
    Case("D005", ENGINES, ABSENT, [standalone("a")], either_shape=False),
    *each("D005", "spec.replicas", [ABSENT, None], 1),
    *each("D005", f"{ENGINE}.name", [ABSENT, None], "a"),
    *each("D005", MEMBERS, [ABSENT, None], [member()]),
    Case("D005", POD, ABSENT, member()["template"]),
    Case("D005", POD, {}, member()["template"], path=f"{POD}.spec"),
    Case("D005", CONTAINERS, ABSENT, member()["template"]["spec"]["containers"]),
    *each("D005", f"{CONTAINER}.name", [ABSENT, None], "engine"),
    *each("D005", f"{CONTAINER}.image", [ABSENT, None], "a"),
    Case("D005", ENV, [{"value": "a"}], [{"name": "A"}], path=f"{ENV}[0].name"),
    Case(
        "D005",
        ENV,
        [{"name": "A", "valueFrom": {"secretKeyRef": {"name": "a"}}}],
        [{"name": "A", "valueFrom": {"secretKeyRef": KEY}}],
        path=f"{ENV}[0].valueFrom.secretKeyRef.key",
    ),
    Case(
        "D005",
        ENV,
        [{"name": "A", "valueFrom": {"fieldRef": {"apiVersion": "v1"}}}],
        [{"name": "A", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}}],
        path=f"{ENV}[0].valueFrom.fieldRef.fieldPath",
        either_shape=False,
    ),
    Case("D005", PULL_SECRETS, [{}], [{"name": "a"}], path=f"{PULL_SECRETS}[0].name"),
    Case("D005", f"{MEMBER}.nodeSelector", {}, {"devices": [device()]}, path=DEVICES),
    Case("D005", f"{DEVICES}[0].name", ABSENT, "a"),
    Case("D005", SELECTORS, ABSENT, [{"cel": CEL}]),
    *each("D005", SELECTORS, [[{}], [{"cel": None}]], [{"cel": CEL}], path=f"{SELECTORS}[0].cel"),
    Case("D005", WORKER, {}, {"nodes": 1}, gangs, path=f"{WORKER}.nodes"),
    Case(
        "D005",
        f"{REPLICA}.modelCacheRef",
        {},
        {"name": "a"},
        path=f"{REPLICA}.modelCacheRef.name",
    ),
]

TYPES = [
    *each("D006 D205", "metadata", [[], "a"], {"name": "a"}, also="D205"),
    *each("D006", "metadata.name", [1, True, ["a"]], "a"),
    *each("D006", "spec.replicas", ["1", True, 1.0, 1.5, [1]], 1),
    *each("D006", f"{ENGINE}.copies", ["1", False, 1.0], 1),
    *each("D006", f"{DEVICES}[0].count", ["1", True, {}], 1),
    *each("D006", f"{WORKER}.nodes", ["1", True], 1, base=gangs),
    *each("D006", ENGINES, [{}, "a"], [standalone("a")]),
    *each("D006", MEMBERS, [{}, 1], [member()]),
    *each("D006", POD, [[], "a"], member()["template"]),
    *each("D006", f"{CONTAINER}.image", [1, True], "a"),
    *each("D006", ARGS, ["--port=8000", {}], ["a"]),
    *each("D006", ARGS, [["a", 8000], ["a", None]], ["a", "8000"], path=f"{ARGS}[1]"),
    *each("D006", ENV, [{"A": "1"}, "A=1"], [{"name": "A", "value": "1"}]),
    *each("D006", ENV, [[{"name": "A", "value": 1}]], [], path=f"{ENV}[0].value"),
    Case(
        "D006",
        ENV,
        [{"name": "A", "valueFrom": {"configMapKeyRef": {**KEY, "optional": "yes"}}}],
        [{"name": "A", "valueFrom": {"configMapKeyRef": {**KEY, "optional": True}}}],
        path=f"{ENV}[0].valueFrom.configMapKeyRef.optional",
    ),
    *each("D006", POD_LABELS, [[], "a"], {}),
    *each("D006", POD_LABELS, [{"a": None}, {"a": 1}], {"a": "1"}, path=f"{POD_LABELS}.a"),
    *each("D006", ANNOTATIONS, [{"a": None}, {"a": True}], {"a": "1"}, path=f"{ANNOTATIONS}.a"),
    Case("D006", LABELS, {"a": 1}, {"a": "1"}, path=f"{LABELS}.a", either_shape=False),
    Case("D006", f"{REPLICA}.serving", "Unified", {"mode": "Unified"}),
]

LIMITS = [
    *each("D007", "spec.replicas", [0, -1, 11], 10),
    *each("D007", f"{ENGINE}.copies", [0, 65], 64),
    *each("D007", f"{DEVICES}[0].count", [0, 65, 2**70], 64),
    *each("D007", f"{WORKER}.nodes", [0, 64], 63, base=gangs),
    Case("D007", ENGINES, [], numbered(8, standalone)),
    Case("D007", ENGINES, numbered(9, standalone), numbered(8, standalone)),
    Case("D007", MEMBERS, [], [member()]),
    Case(
        "D007 D105",
        MEMBERS,
        [member(role="Leader"), member(role="Worker"), member(role="Worker")],
        [member(role="Leader"), member(role="Worker")],
        gangs,
    ),
    *each(
        "D007",
        CONTAINERS,
        [[], [{"name": "engine", "image": "a"}] * 2],
        [{"name": "engine", "image": "a"}],
    ),
    *each("D007", DEVICES, [[], numbered(17, device)], numbered(16, device)),
    *each("D007", SELECTORS, [[], [{"cel": CEL}] * 9], [{"cel": CEL}] * 8),
    *each("D007", f"{SELECTORS}[0].cel", ["", "c" * 10241], "c" * 10240),
    *each("D007", "metadata.name", ["", "a" * 64], "a" * 63),
    *each("D007", "metadata.namespace", ["", "a" * 64], "a" * 63),
    *each("D007", f"{ENGINE}.name", ["", "a" * 64], "a" * 63),
    *each("D007", f"{DEVICES}[0].name", ["", "a" * 64], "a" * 63),
    *each(
        "D007",
        f"{REPLICA}.modelCacheRef",
        [{"name": ""}, {"name": "a" * 254}],
        {"name": "a" * 253},
        path=f"{REPLICA}.modelCacheRef.name",
    ),
    Case("D007", f"{CONTAINER}.image", "", "a"),
    Case("D007 D108", f"{CONTAINER}.name", "", "engine"),
    Case("D007", ENV, [{"name": ""}], [{"name": "A"}], path=f"{ENV}[0].name"),
    Case("D007", LABELS, entries(33), entries(32), either_shape=False),
    Case("D007", POD_LABELS, entries(33), entries(32), either_shape=False),
    Case("D007", ANNOTATIONS, entries(33), entries(32), either_shape=False),
    Case(
        "D007",
        ANNOTATIONS,
        {"a": "v" * 8193},
        {"a": "v" * 8192},
        path=f"{ANNOTATIONS}.a",
        either_shape=False,
    ),
    *(
        Case("D007 D114", at, {"a": "v" * 64}, {"a": "v" * 63}, path=f"{at}.a", either_shape=False)
        for at in (LABELS, POD_LABELS)
    ),
]

CHOICES = [
    *each(
        "D008",
        f"{REPLICA}.serving",
        [{"mode": "Disaggregated"}, {"mode": 1}, {"mode": ""}],
        {"mode": "Unified"},
        path=f"{REPLICA}.serving.mode",
    ),
    Case("D008 D102", f"{ENGINE}.phase", "prefill", "Prefill", prefill_decode),
    Case("D008 D105", f"{MEMBER}.role", "Server", "Standalone"),
    *(
        Case(
            "D008 D203",
            TOLERATIONS,
            [{"key": "a", field: "Some"}],
            [{"key": "a", field: good}],
            path=f"{TOLERATIONS}[0].{field}",
            also="D203",
            either_shape=False,
        )
        for field, good in (("operator", "Equal"), ("effect", "NoExecute"))
    ),
]

PATTERNS = [
    *each("D009", "metadata.name", ["70b", "qwen3.5", "A", "a-", "-a", "a_b", "ü", "a\n"], "a-1"),
    *each("D009", "metadata.namespace", ["a.b", "A", "a-", "a\n"], "1-a"),
    *each("D009", f"{ENGINE}.name", ["Foo_Bar", "ümlaut", "a.b", "-a", "a-", "a\n"], "1-a"),
    *each("D009", f"{DEVICES}[0].name", ["GPU", "a.b", "a-", "a\n"], "1-a"),
    *each(
        "D009",
        f"{REPLICA}.modelCacheRef",
        [{"name": name} for name in ("a..b", "A", "-a", "a.", "a/b", "a\n")],
        {"name": "1a.b-c"},
        path=f"{REPLICA}.modelCacheRef.name",
    ),
    *each(
        "D009", f"{CONTAINER}.image", [" a", "a ", "a\n", "\ta", " "], "a.io:5000/b/c:d@sha256:e"
    ),
    *each(
        "D009",
        ENV,
        [[{"name": name}] for name in ("A=B", "=", "Ä", "A\n", "A\tB")],
        [{"name": "a.B-c d~"}],
        path=f"{ENV}[0].name",
    ),
]

REFERENCES = [
    *(
        Case(code, ENV, [{"name": "A", "valueFrom": {source: bad}}], good, path=f"{ENV}[0].{path}")
        for source in ("secretKeyRef", "configMapKeyRef")
        for code, bad, path in (
            ("D009", {"name": "Hf_Token", "key": "a"}, f"valueFrom.{source}.name"),
            ("D007", {"name": "", "key": "a"}, f"valueFrom.{source}.name"),
            ("D009", {"name": "hf", "key": "a/b"}, f"valueFrom.{source}.key"),
            ("D007", {"name": "hf", "key": ""}, f"valueFrom.{source}.key"),
        )
        for good in [[{"name": "A", "valueFrom": {source: {"name": "hf.v1", "key": "A_b.c-1"}}}]]
    ),
    *(
        Case(
            "D009",
            ENV,
            [{"name": "A", "valueFrom": {"fieldRef": {"fieldPath": bad}}}],
            [{"name": "A", "valueFrom": {"fieldRef": {"fieldPath": good}}}],
            path=f"{ENV}[0].valueFrom.fieldRef.fieldPath",
            either_shape=False,
        )
        for bad, good in (
            ("", "status.podIP"),
            ("podIP", "metadata.name"),
            ("status.phase", "status.hostIPs"),
            ("metadata.labels", "metadata.labels['a.io/b']"),
            ("metadata.annotations[a]", "metadata.annotations['a']"),
            ("spec.nodeName\n", "spec.nodeName"),
        )
    ),
    Case(
        "D008",
        ENV,
        [
            {
                "name": "A",
                "valueFrom": {"fieldRef": {"fieldPath": "status.podIP", "apiVersion": "2"}},
            }
        ],
        [{"name": "A", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}}],
        path=f"{ENV}[0].valueFrom.fieldRef.apiVersion",
        either_shape=False,
    ),
    *(
        Case(
            code,
            PULL_SECRETS,
            [{"name": bad}],
            [{"name": "a.b"}],
            path=f"{PULL_SECRETS}[0].name",
        )
        for code, bad in (("D007", ""), ("D009", "A"))
    ),
]

FOREIGN = [
    *each(
        "D010",
        "apiVersion",
        ["v1", "modelplane.ai/v1", "", ABSENT, None, 1, []],
        "modelplane.ai/v1alpha1",
    ),
    *each("D010", "kind", ["Deployment", "modeldeployment", ABSENT, None, {}], "ModelDeployment"),
]

BETWEEN_FIELDS = [
    Case("D011", f"{DECODE}.name", "a", "b", two_engines),
    Case("D011", f"{DEVICES}[1]", device("gpu"), device("nic"), path=f"{DEVICES}[1].name"),
    Case(
        "D011",
        ENV,
        [{"name": "A"}, {"name": "B"}, {"name": "A", "value": "1"}],
        [{"name": "A"}, {"name": "B"}, {"name": "a"}],
        path=f"{ENV}[2].name",
    ),
    Case("D101", f"{ENGINES}[2]", standalone("c"), ABSENT, prefill_decode, path=ENGINES),
    Case(
        "D101 D102",
        ENGINES,
        [standalone("a", "--port=8001", phase="Decode")],
        prefill_decode()["spec"]["template"]["spec"]["engines"],
        prefill_decode,
    ),
    *each("D102", f"{ENGINE}.phase", [ABSENT, None], "Prefill", base=prefill_decode, path=ENGINES),
    *each("D103", f"{DECODE}.phase", [ABSENT, None], "Decode", base=prefill_decode, path=ENGINES),
    Case("D102 D103 D123", f"{ENGINE}.phase", "Decode", "Prefill", prefill_decode, path=ENGINES),
    Case("D104", f"{ENGINE}.phase", "Prefill", ABSENT),
    Case("D104", f"{ENGINE}.phase", "Decode", None),
    *each(
        "D105",
        MEMBERS,
        [
            [member(role="Leader")],
            [member(role="Worker")],
            [member(), member()],
            [member(role="Leader"), member(role="Leader")],
            [member(role="Worker"), member(role="Worker")],
            [member(role="Leader"), member(role="Standalone")],
            [member(), member(role="Worker")],
        ],
        [member(role="Worker"), member(role="Leader")],
        base=gangs,
    ),
    *each("D106", f"{MEMBER}.nodeSelector", [ABSENT, None], {"devices": [device()]}, path=MEMBERS),
    Case("D106", f"{MEMBERS}[1].nodeSelector", ABSENT, {"devices": [device()]}, gangs, MEMBERS),
    Case("D107", f"{MEMBER}.worker", {"nodes": 1}, ABSENT),
    Case("D107", f"{MEMBER}.worker", {"nodes": 1}, None, gangs),
    *(
        Case("D132", at, [f"a{character}b"], ["a\tb\r\n\N{GRINNING FACE}\u00a0"], path=f"{at}[0]")
        for at in (ARGS, f"{CONTAINER}.command")
        for character in "\0\x1b\x7f\x85\u2028\ufeff\uffff"
    ),
    Case("D132", ANNOTATIONS, {"a": "\x00"}, {"a": "\n"}, path=f"{ANNOTATIONS}.a"),
    *each("D108", f"{CONTAINER}.name", ["vllm", "Engine", "engine "], "engine"),
]

TAINTS = [
    *each(
        "D109 D203",
        TOLERATIONS,
        [
            [{}],
            [{"operator": "Equal"}],
            [{"key": ""}],
            [{"value": "a"}],
            [{"operator": None, "key": None}],
        ],
        [{"key": "a"}, {"operator": "Exists"}],
        path=f"{TOLERATIONS}[0]",
        also="D203",
        either_shape=False,
    ),
    *each(
        "D110 D203",
        TOLERATIONS,
        [[{"operator": "Exists", "key": "a", "value": value}] for value in ("b", "")],
        [{"operator": "Exists", "key": "a", "value": None}],
        path=f"{TOLERATIONS}[0].value",
        also="D203",
        either_shape=False,
    ),
]

RESERVED_KEYS = [
    "modelplane.ai/x",
    "cdk8s-inference/engine",
    "leaderworkerset.sigs.k8s.io/worker-index",
]
BAD_KEYS = ["", "/a", "a/", "a/b/c", "-a", "a-", "A/b", "a..b/c", "a b", "a\n", "é", "k" * 64]
BAD_VALUES = ["-a", "a-", ".", "a b", "a/b", "a\n", "\n", "é"]

METADATA = [
    *keyed("D111", POD_LABELS, RESERVED_KEYS, "modelplane.ai.example/x"),
    *keyed("D111", LABELS, RESERVED_KEYS, "example.com/modelplane.ai", either_shape=False),
    *keyed("D112", POD_LABELS, BAD_KEYS, "k" * 63),
    *keyed("D112", ANNOTATIONS, BAD_KEYS, "modelplane.ai/x"),
    *keyed("D112", LABELS, BAD_KEYS, "a.b-c/D_e.f-9", either_shape=False),
    *keyed("D113", POD_LABELS, [f"{PREFIX_253}p/a"], f"{PREFIX_253}/a"),
    *keyed("D113", ANNOTATIONS, [f"{PREFIX_253}p/a"], f"{PREFIX_253}/a"),
    *keyed("D113", LABELS, [f"{PREFIX_253}p/a"], f"{PREFIX_253}/a", either_shape=False),
    *(
        Case("D114", at, {"a": value}, {"a": "", "b": "A_b.c-9"}, path=f"{at}.a", either_shape=both)
        for at, both in ((POD_LABELS, True), (LABELS, False))
        for value in BAD_VALUES
    ),
    Case(
        "D125",
        POD_LABELS,
        {"llm-d.ai/role": "decode"},
        {"llm-d.ai/role": "prefill"},
        prefill_decode,
        f"{POD_LABELS}[llm-d.ai/role]",
    ),
]

PORTS = [
    *each(
        "D122",
        ARGS,
        [
            [f"--port={port}"]
            for port in ("", "0", "65536", "-1", "x", "8000x", "+8000", "8_0", " 8000", "8e3")
        ],
        ["--port=65535"],
        path=f"{ARGS}[0]",
    ),
    *each(
        "D122",
        ARGS,
        [["--port=٨٠٠٠"], ["--port=\uff18\uff10\uff10\uff10"], ["--port=²"]],
        ["--port=1"],
        path=f"{ARGS}[0]",
    ),
    *each(
        "D122",
        ARGS,
        [["a", "--port"], ["a", "--port", "x"]],
        ["a", "--port", "80"],
        path=f"{ARGS}[1]",
    ),
    Case(
        "D122",
        f"{CONTAINER}.command",
        ["sh", "-c", "vllm serve --port=x"],
        ["vllm"],
        path=f"{CONTAINER}.command[2]",
    ),
    *each(
        "D123",
        DECODE_ARGS,
        [["--port=8000"], ["--port", "08000"]],
        ["--port=8002"],
        base=prefill_decode,
        path=f"{DECODE_ARGS}[0]",
    ),
    Case("D124", ARGS, ["--port=8001"], ["--port", "8000"], prefill_decode, f"{ARGS}[0]"),
    Case("D124", ARGS, ["--port=8001"], ABSENT, prefill_decode, f"{ARGS}[0]"),
    Case("D126", ARGS, ["--port=9001"], ["--port", "9000"], two_engines, ENGINES),
    Case("D126", ARGS, ABSENT, ["--port=9000"], two_engines, ENGINES),
    Case("D128", f"{ENGINE}.name", "epp", "epp-0", prefill_decode),
    Case(
        "D133",
        f"{ENGINES}[1].name",
        workload("qwen-0", "e" * 63, gang=False).removeprefix("qwen-0-"),
        "e",
        lambda: document(standalone("e" * 63), standalone("other")),
        path="metadata.name",
    ),
    Case("D128", f"{ENGINE}.name", "epp", "ep", platform=Platform(unified_mode="picker")),
]

SOURCES = [
    Case(
        "D130",
        ENV,
        [{"name": "A", "value": "", "valueFrom": {"secretKeyRef": KEY}}],
        [{"name": "A", "value": None, "valueFrom": {"secretKeyRef": KEY}}],
        path=f"{ENV}[0]",
    ),
    *each(
        "D131",
        ENV,
        [
            [{"name": "A", "valueFrom": sources}]
            for sources in (
                {},
                {"secretKeyRef": None},
                {"secretKeyRef": KEY, "configMapKeyRef": KEY},
            )
        ],
        [{"name": "A", "valueFrom": {"secretKeyRef": KEY, "configMapKeyRef": None}}],
        path=f"{ENV}[0].valueFrom",
    ),
]

ADVICE = [
    Case(
        "D201",
        DECODE_ARGS,
        ABSENT,
        ["--port=8001"],
        prefill_decode,
        f"{DECODE}.members[0].template.spec.containers[0]",
    ),
    *each("D203", f"{REPLICA}.clusterSelector", [{}, {"matchLabels": {"a": "b"}}], ABSENT),
    Case("D203", TOLERATIONS, [], None, either_shape=False),
    *each(
        "D204",
        f"{SELECTORS}[0].cel",
        ['device.driver == "tpu.google.com"', "true && device.driver=='tpu.google.com'"],
        CEL,
    ),
    *each("D205", "metadata.namespace", [ABSENT, None], "a"),
    Case(
        "D207",
        ARGS,
        ["--port=80", "a", "--port", "81"],
        ["--port=80", "--port", "80"],
        path=f"{ARGS}[2]",
    ),
    Case("D210", f"{REPLICA}.modelCacheRef", ABSENT, {"name": "a"}, gangs, ENGINE),
]

CASES = [
    *UNKNOWN,
    *MISSING,
    *TYPES,
    *LIMITS,
    *CHOICES,
    *PATTERNS,
    *REFERENCES,
    *FOREIGN,
    *BETWEEN_FIELDS,
    *TAINTS,
    *METADATA,
    *PORTS,
    *SOURCES,
    *ADVICE,
]

ids = pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.code}-{case.at[-30:]}")


def severity(code: str) -> Severity:
    if code == "D203":
        return "note"
    return "warning" if code.startswith("D2") else "error"


@ids
def test_broken_and_mended(case: Case) -> None:
    broken, mended = (edited(case.base(), case.at, value) for value in (case.broken, case.mended))
    _verify(case, broken, mended, case.path or case.at)


@pytest.mark.parametrize(
    "case",
    [case for case in CASES if case.either_shape],
    ids=lambda case: f"{case.code}-{case.at[-30:]}",
)
def test_broken_and_mended_with_engines_under_spec(case: Case) -> None:
    broken, mended = (
        under_spec(edited(case.base(), case.at, value)) for value in (case.broken, case.mended)
    )
    _verify(case, broken, mended, (case.path or case.at).replace(REPLICA, "spec"))


def _verify(case: Case, broken: Json, mended: Json, path: str) -> None:
    found = findings(broken, case.platform)
    assert {finding.code for finding in found} == set(case.codes.split())
    assert [finding.path for finding in found if finding.code == case.code] == [path]
    for finding in found:
        assert finding.severity == severity(finding.code)
        assert finding.message
        assert finding.fix
    assert {finding.code for finding in findings(mended, case.platform)} == set(case.also.split())


@pytest.mark.parametrize(
    ("at", "value", "path"),
    [
        (TOLERATIONS, [{"key": "a"}], "spec.tolerations"),
        (
            ENV,
            [{"name": "A", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}}],
            "spec.engines[0].members[0].template.spec.containers[0].env[0].valueFrom.fieldRef",
        ),
    ],
)
def test_engines_under_spec_did_not_have_a_field(at: str, value: Any, path: str) -> None:
    found = edited(unified(), at, value)
    assert accepted(found)
    problems = [finding for finding in findings(under_spec(found)) if finding.severity == "error"]
    assert [(finding.code, finding.path) for finding in problems] == [("D004", path)]


@pytest.mark.parametrize(
    ("at", "value"),
    [(POD_LABELS, entries(33)), (ANNOTATIONS, entries(33)), (ANNOTATIONS, {"a": "v" * 8193})],
)
def test_engines_under_spec_did_not_have_a_limit(at: str, value: Any) -> None:
    assert findings(under_spec(edited(unified(), at, value))) == []


def test_reserved_prefixes_are_free_for_annotations() -> None:
    found = edited(unified(), ANNOTATIONS, dict.fromkeys(RESERVED_KEYS, "any\nthing é"))
    assert findings(found) == []


def test_a_request_from_a_device_class_of_its_own_may_name_any_driver() -> None:
    found = edited(unified(), f"{SELECTORS}[0].cel", 'device.driver == "tpu.google.com"')
    assert [finding.code for finding in findings(found)] == ["D204"]
    assert findings(found, Platform(device_classes={"gpu": "tpu"})) == []
    assert findings(found, Platform(default_device_class="tpu.google.com")) == []


def test_followers_may_listen_anywhere() -> None:
    found = edited(gangs(), f"{MEMBERS}[1].template.spec.containers[0].args", ["--port=x"])
    assert findings(found) == []


def test_a_gang_serves_on_its_leader() -> None:
    found = edited(prefill_decode(), DECODE, gang("decode", "--port=8000", phase="Decode"))
    found = edited(found, f"{REPLICA}.modelCacheRef", {"name": "cache"})
    assert [(finding.code, finding.path) for finding in findings(found)] == [
        ("D123", f"{DECODE_ARGS}[0]")
    ]


def test_every_rule_reports_although_the_field_beside_it_is_broken() -> None:
    found = edited(prefill_decode(), f"{REPLICA}.modelCacheRef", "cache")
    found = edited(found, f"{ENGINE}.copies", "two")
    found = edited(found, f"{CONTAINER}.image", 1)
    found = edited(found, DECODE_ARGS, ["--port=8000", 1])
    assert {finding.code for finding in findings(found)} == {"D006", "D123"}


@pytest.mark.parametrize(
    ("code", "broken", "mended", "line"),
    [
        ("D001", "a: 1\nb: c: d", "a: 1\nb: c", 2),
        ("D001", "a: 1\nb: *c", "a: &c 1\nb: *c", 2),
        ("D001", "a: 1\n--- \nb: !!python/name:os.system ''", "a: 1\n---\nb: ''", 3),
        ("D001", "# nothing\n", "# something\n{}", None),
        ("D002", "[" * 65 + "]" * 65, "[" * 64 + "]" * 64, 1),
        ("D002", "a:\n  &b [*b]", "a:\n  &b [b]", 2),
    ],
)
def test_broken_and_mended_text(code: str, broken: str, mended: str, line: int | None) -> None:
    documents, found = read(broken.encode(), "a.yaml")
    assert documents == []
    assert [(f.code, f.severity, f.path, f.file, f.line) for f in found] == [
        (code, "error", "", "a.yaml", line)
    ]
    assert found[0].message
    assert found[0].fix
    documents, found = read(mended.encode())
    assert documents
    assert found == []


def test_half_of_a_surrogate_pair() -> None:
    found = findings(edited(unified(), ARGS, ["\ud800"]))
    assert [(finding.code, finding.path) for finding in found] == [("D132", f"{ARGS}[0]")]


def test_no_code_is_without_a_case() -> None:
    known = {code for rules in DOCUMENT_RULES for code in rules.rules if code.startswith("D")}
    assert len(known) > 30
    others = (
        {"D001", "D002", "D003", "D012"}
        | {"D206", "D208"}
        | {"D013", "D014", "D140", "D142", "D143", "D145", "D146"}
    )
    assert known - others == {case.code for case in CASES}
