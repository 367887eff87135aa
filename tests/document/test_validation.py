"""From plain data to a deployment, or to all that is wrong with it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

import pytest

from cdk8s_inference.document.engine import Engine
from cdk8s_inference.document.model_deployment import DeviceRequest, EnvVar
from cdk8s_inference.document.validation import check, check_engine, check_spec
from cdk8s_inference.findings import Finding, InvalidInput, errors
from cdk8s_inference.platform import Platform
from cdk8s_inference.source import Document, read
from tests.document.builders import (
    ABSENT,
    Json,
    accepted,
    as_yaml,
    at,
    edited,
    everything,
    everything_current,
    findings,
    gangs,
    parts,
    prefill_decode,
    read_one,
    two_engines,
    under_spec,
    unified,
    walk,
)

REPLICA = "spec.template.spec"
ENGINE = f"{REPLICA}.engines[0]"
MEMBER = f"{ENGINE}.members[0]"
CONTAINER = f"{MEMBER}.template.spec.containers[0]"
DOCUMENTS: list[Callable[[], Json]] = [unified, two_engines, prefill_decode, gangs, everything]

# The comment of a line names the codes found there.
BROKEN_YAML = """\
apiVersion: modelplane.ai/v1alpha1
kind: ModelDeployment
metadata:  # D205
  name: Qwen_3  # D009
spec:
  replicas: 0  # D007
  template:
    metadata:
      labels:
        modelplane.ai/a: b  # D111
        -a: b  # D112
        b: -c  # D114
    spec:
      clusterSelector: {}  # D203
      serving: {mode: PrefillDecode}
      tolerations:  # D203
      - value: a  # D109
      engines:  # D102
      - name: decode  # D210
        phase: Decode
        members:  # D105
        - role: Leader
          worker:  # D107
            nodes: 64  # D007
          nodeSelector:
            devices:
            - name: gpu
              count: one  # D006
              selectors:
              - cel: device.driver == "tpu.google.com"  # D204
          template:
            metadata: {labels: {llm-d.ai/role: prefill}}  # D125
            spec:
              containers:
              - name: vllm  # D108
                image: " a"  # D009
                comand: [vllm]  # D004
                args:
                - --port=8000  # D123
                - --port=x  # D122 D207
                env:
                - name: A
                - name: A  # D011
                  value: b
                - name: B  # D130
                  value: b
                  valueFrom: {}  # D131
      - name: epp  # D128
        phase: Encode  # D008
        members:  # D106
        - role: Standalone  # D005
"""


def expected(text: str) -> list[tuple[int, str]]:
    return [
        (number, code)
        for number, line in enumerate(text.splitlines(), start=1)
        for code in re.findall(r"\bD\d{3}\b", line.partition("# ")[2])
    ]


def placed(document: Document) -> list[tuple[int | None, str]]:
    return [(finding.line, finding.code) for finding in check(document)[1]]


def test_all_findings_at_once_in_document_order() -> None:
    found = placed(read_one(BROKEN_YAML))
    assert sorted(found) == found
    assert found == expected(BROKEN_YAML)


BROKEN_UNDER_SPEC = """\
apiVersion: modelplane.ai/v1alpha1
kind: ModelDeployment
metadata: {name: qwen, namespace: ml-team}
spec:
  replicas: 11  # D007
  tolerations:  # D004 D203
  - operator: Exists
  engines:  # D126
  - name: a
    phase: Prefill  # D104
    members:
    - nodeSelector:
        devices:
        - name: gpu
          selectors: []  # D007
      template:
        metadata:
          labels:
            cdk8s-inference/serves: a  # D111
        spec:
          containers:
          - name: engine
            image: a
            args:
            - --port
            - "9000"
  - name: a  # D011
    copies: 65  # D007
    members:
    - nodeSelector:
        devices:
        - name: gpu
          selectors:
          - cel: ""  # D007
      template:
        spec:
          containers:
          - name: engine
            image: a
            env:
            - name: A
              valueFrom:
                fieldRef: {fieldPath: status.podIP}  # D004
"""


def test_all_findings_at_once_with_engines_under_spec() -> None:
    assert placed(read_one(BROKEN_UNDER_SPEC)) == expected(BROKEN_UNDER_SPEC)


BROKEN_JSON = """\
{
  "apiVersion": "modelplane.ai/v1alpha1",
  "kind": "ModelDeployment",
  "metadata": {
    "name": "qwen", "namespace": "ml-team",
    "annotations": {"a": "\\ud83d\\ude00 \\u00e9 \\/", "b": "\\ud83d\\ude00"}
  },
  "spec": {
    "surplus": "\\ud83d\\ude00\\n\\n",
    "replicas":
      0,
    "template": {
      "spec": {
        "engines": [
          {"name": "A"}
        ]
      }
    }
  }
}
"""
JSON_LINES = [(9, "D004"), (10, "D007"), (15, "D005"), (15, "D009")]


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        pytest.param(BROKEN_YAML, expected(BROKEN_YAML), id="yaml"),
        pytest.param(BROKEN_JSON, JSON_LINES, id="json"),
        pytest.param(BROKEN_JSON.replace("  ", "\t"), JSON_LINES, id="json-tabs"),
        pytest.param(
            BROKEN_JSON.replace(": ", ":").replace(", ", ","), JSON_LINES, id="json-tight"
        ),
        pytest.param(BROKEN_YAML.replace("  #", "\t#"), expected(BROKEN_YAML), id="yaml-tabs"),
        pytest.param(
            "%YAML 1.1\n---\n" + BROKEN_YAML + "...\n",
            [(line + 2, code) for line, code in expected(BROKEN_YAML)],
            id="yaml-markers",
        ),
    ],
)
@pytest.mark.parametrize("mark", ["", "\ufeff"], ids=["", "bom"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"], ids=["lf", "crlf", "cr"])
def test_lines(text: str, lines: list[tuple[int, str]], mark: str, end: str) -> None:
    assert placed(read_one(mark + text.replace("\n", end))) == lines


def test_surrogate_pairs_are_one_character_and_lone_ones_are_refused() -> None:
    document = read_one(BROKEN_JSON)
    assert document.data["metadata"]["annotations"] == {"a": "\U0001f600 é /", "b": "\U0001f600"}
    for alone in ("\\ud83d", "\\ude00\\ud83d", "\\ud83d\\\\ude00"):
        documents, [finding] = read(f'{{"a": 1,\n"b": "{alone}"}}'.encode())
        assert documents == []
        assert (finding.code, finding.line) == ("D001", 2)
    assert read_one('{"a": "\\\\ud83d"}').data == {"a": "\\ud83d"}


def test_json_keys_with_surrogate_pairs_stay_apart() -> None:
    text = '{"\\ud83d\\ude00": 1,\n"\\ud83d\\ude01":\n2}'
    document = read_one(text)
    assert document.data == {"\U0001f600": 1, "\U0001f601": 2}
    assert document.line(("\U0001f600",)) == 1
    assert document.line(("\U0001f601",)) == 2


def test_a_field_that_is_not_written_is_placed_at_its_nearest_parent() -> None:
    document = read_one("a:\n  b:\n  - c: 1\n  -\n    d: 1\n")
    assert document.line(("a", "b", 1, "d")) == 5
    assert document.line(("a", "b", 1, "e", "f")) == 5
    assert document.line(("a", "b", 9)) == 2
    assert document.line(("z",)) == 1
    assert Document({}).line(("a",)) is None


def test_an_aliased_field_is_placed_where_it_is_written() -> None:
    document = read_one("a: &a\n  b: 1\nc: *a\nd:\n  <<: *a\n  e: 1\n")
    assert document.data["d"] == {"b": 1, "e": 1}
    assert document.line(("c", "b")) == 2
    assert document.line(("d", "e")) == 6
    assert document.line(("d", "b")) == 2


def test_each_document_of_a_file_has_its_own_findings_and_lines() -> None:
    second = as_yaml(edited(unified(), "spec.replicas", 0))
    text = "---\n".join(["# nothing\n", as_yaml(unified()), second, "null\n", as_yaml(gangs())])
    documents, problems = read(text.encode(), "all.yaml")
    assert problems == []
    checked = [check(document) for document in documents]
    assert [deployment is not None for deployment, _ in checked] == [True, False, True]
    assert [len(found) for _, found in checked] == [0, 1, 0]
    [finding] = checked[1][1]
    line = text.splitlines().index("  replicas: 0") + 1
    assert (finding.file, finding.line) == ("all.yaml", line)


def test_findings_as_text_and_as_data() -> None:
    text = as_yaml(edited(unified(), f"{CONTAINER}.comand", ["a"]))
    deployment, [finding] = check(read_one(text))
    assert deployment is None
    line = next(n for n, written in enumerate(text.splitlines(), 1) if "comand" in written)
    assert finding.as_dict() == {
        "code": "D004",
        "severity": "error",
        "path": f"{CONTAINER}.comand",
        "message": "field is not defined, set to a list of 1",
        "fix": "did you mean command? If not, remove it",
        "file": "model.yaml",
        "line": line,
        "fixable": True,
    }
    assert json.loads(json.dumps(finding.as_dict())) == finding.as_dict()
    assert str(finding) == (
        f"model.yaml:{line}: error[D004] {CONTAINER}.comand: "
        "field is not defined, set to a list of 1\n"
        "    fix: did you mean command? If not, remove it"
    )
    without_place = findings(edited(unified(), f"{CONTAINER}.comand", ["a"]))[0]
    assert str(without_place).startswith(f"error[D004] {CONTAINER}.comand: ")
    assert str(Finding("D001", "error", "", "empty", "write", "a")) == (
        "a: error[D001] empty\n    fix: write"
    )
    assert str(InvalidInput([finding, without_place])) == f"{finding}\n{without_place}"


@pytest.mark.parametrize(
    ("path", "value", "message", "fix"),
    [
        ("spec.replicas", "2", "must be an integer, is a string: '2'", "remove the quotes"),
        ("spec.replicas", 11, "11: must be at most 10", "use a value within the limits"),
        ("spec.replicas", 0, "0: must be at least 1", "use a value within the limits"),
        (f"{CONTAINER}.image", 1, "must be a string, is an integer: 1", "quote it"),
        (f"{CONTAINER}.args", "a", "must be a list, is a string: 'a'", "change its type"),
        (
            f"{ENGINE}.members",
            [],
            "must have at least 1 item(s), has 0",
            "use a value within the limits",
        ),
        (
            f"{REPLICA}.serving.mode",
            "A",
            "is 'A', must be 'Unified' or 'PrefillDecode'",
            "use one of the allowed",
        ),
        ("metadata.name", "a.b", "'a.b' has an invalid format", "starting with a letter"),
        (f"{CONTAINER}.image", "a ", "'a ' has an invalid format", "white space"),
        (f"{CONTAINER}.image", ABSENT, "required", "add image"),
        (f"{ENGINE}.surplus", "x" * 200, f"'{'x' * 76}...", "remove it"),
        (f"{REPLICA}.containers", [], "field is not defined, set to a list of 0", "remove it"),
        (
            f"{REPLICA}.engine",
            [],
            "field is not defined, set to a list of 0",
            "did you mean engines?",
        ),
        (f"{CONTAINER}.engines", [], "field is not defined, set to a list of 0", "remove it"),
        (
            "metadata.name",
            "\ud800",
            "'\\ud800': is not valid Unicode",
            "use a value within the limits",
        ),
        ("kind", "List", "kind is 'List', not 'ModelDeployment'", "set kind: ModelDeployment"),
        ("kind", ABSENT, "kind is missing", "set kind: ModelDeployment"),
    ],
)
def test_findings_say_what_is_wrong_and_what_to_do(
    path: str, value: Any, message: str, fix: str
) -> None:
    finding = errors(findings(edited(unified(), path, value)))[0]
    assert message in finding.message
    assert fix in finding.fix


def test_no_finding_quotes_a_value_of_any_length() -> None:
    long = "x" * 100_000
    found = edited(two_engines(), f"{CONTAINER}.name", long)
    found = edited(found, f"{CONTAINER}.args", [f"--port={long}", f"--port={long}y"])
    found = edited(found, f"{CONTAINER}.env", [{"name": long, "value": long}] * 2)
    found = edited(found, f"{MEMBER}.role", long)
    found = edited(found, f"{ENGINE}.phase", long)
    found = edited(found, f"{ENGINE}.name", long)
    found = edited(found, f"{REPLICA}.engines[1].name", long)
    assert len(findings(found)) > 5
    for finding in findings(found):
        assert len(finding.message) < 1000, finding.code


@pytest.mark.parametrize("base", DOCUMENTS, ids=lambda make: make.__name__)
def test_both_shapes_give_the_same_deployment(base: Callable[[], Json]) -> None:
    current = accepted(base())
    assert accepted(under_spec(base())) == current
    assert accepted(read_one(as_yaml(base())).data) == current
    assert accepted(read_one(json.dumps(base())).data) == current
    assert (current.name, current.namespace) == ("qwen", "ml-team")


def test_defaults() -> None:
    spec = accepted(unified()).spec.template.spec
    [engine] = spec.engines
    assert (spec.serving_mode, engine.copies, engine.phase) == ("Unified", 1, None)
    assert (engine.is_gang, engine.members[0].role) == (False, "Standalone")
    selector = engine.members[0].node_selector
    assert selector is not None
    assert selector.devices[0].count == 1
    serving = accepted(edited(unified(), f"{REPLICA}.serving", {})).spec.template.spec.serving
    assert serving is not None
    assert serving.mode == "Unified"
    tolerated = accepted(edited(unified(), f"{REPLICA}.tolerations", [{"key": "a"}]))
    tolerations = tolerated.spec.template.spec.tolerations
    assert tolerations is not None
    assert tolerations[0].operator == "Equal"


def test_values_arrive() -> None:
    spec = accepted(everything_current()).spec
    assert spec.template.metadata is not None
    assert spec.template.metadata.labels == {"example.com/tier": "prod"}
    assert spec.template.spec.serving_mode == "PrefillDecode"
    assert spec.model_dump(exclude_unset=True) == everything_current()["spec"]


OPTIONAL = [
    f"{REPLICA}.{field}" for field in ("clusterSelector", "modelCacheRef", "serving", "tolerations")
] + [
    "spec.template.metadata",
    "spec.template.metadata.labels",
    "metadata.labels",
    "status",
    f"{REPLICA}.clusterSelector.matchLabels",
    f"{REPLICA}.serving.mode",
    f"{ENGINE}.copies",
    f"{ENGINE}.phase",
    f"{MEMBER}.role",
    f"{MEMBER}.worker",
    f"{MEMBER}.nodeSelector.devices[0].count",
    f"{MEMBER}.template.metadata",
    f"{MEMBER}.template.metadata.labels",
    f"{MEMBER}.template.metadata.annotations",
    f"{MEMBER}.template.spec.imagePullSecrets",
    f"{CONTAINER}.command",
    f"{CONTAINER}.args",
    f"{CONTAINER}.env",
]


@pytest.mark.parametrize("path", OPTIONAL)
def test_null_is_absent(path: str) -> None:
    null, absent = (edited(unified(), path, value) for value in (None, ABSENT))
    assert check(Document(null)) == check(Document(absent))
    assert accepted(null)


@pytest.mark.parametrize("field", ["operator", "value", "effect"])
def test_null_in_a_toleration_is_absent(field: str) -> None:
    null, absent = (
        edited(unified(), f"{REPLICA}.tolerations", [{"key": "a", **extra}])
        for extra in ({field: None}, {})
    )
    assert check(Document(null)) == check(Document(absent))
    assert accepted(null)


@pytest.mark.parametrize(
    "path", [f"{CONTAINER}.args", f"{REPLICA}.tolerations", f"{CONTAINER}.env"]
)
def test_null_in_a_list_is_refused(path: str) -> None:
    found = errors(findings(edited(unified(), path, [None])))
    assert ("D006", f"{path}[0]") in {(finding.code, finding.path) for finding in found}


FREE = {"labels", "annotations", "matchLabels"}
OBJECTS = [
    path
    for path, value in walk(everything_current())
    if isinstance(value, dict) and path[-1:] and path[-1] not in FREE
]


@pytest.mark.parametrize("value", [1, {}, None], ids=["scalar", "object", "null"])
def test_an_unknown_field_is_refused_at_each_level(value: Any) -> None:
    assert len(OBJECTS) > 30
    for path in [(), *OBJECTS]:
        broken = everything_current()
        at(broken, path)["surplus"] = value
        found = [(f.code, parts(f.path)) for f in errors(findings(broken))]
        assert ("D004", (*path, "surplus")) in found, path
        # What holds exactly one of several may be found to hold one too many as well.
        assert len(found) == 1 or path[-1] == "valueFrom", path


@pytest.mark.parametrize(
    ("path", "written"),
    [("spec.replicas", "replica"), (f"{CONTAINER}.image", "imgae"), (CONTAINER[:-3], "container")],
)
def test_a_required_field_with_a_slip_in_its_name_is_not_missing_as_well(
    path: str, written: str
) -> None:
    *parents, name = parts(path)
    broken = everything_current()
    beside = at(broken, tuple(parents))
    beside[written] = beside.pop(name)
    structural = [f for f in findings(broken) if f.code in ("D004", "D005")]
    assert [(f.code, f.mend and f.mend.new) for f in structural] == [("D004", name)]


def test_server_written_metadata_and_status_are_accepted() -> None:
    metadata = {
        "name": "qwen",
        "namespace": "ml-team",
        "labels": {"any thing": "goes"},
        "annotations": {"kubectl.kubernetes.io/last-applied-configuration": "{}"},
        "generateName": "qwen-",
        "uid": "0b6f",
        "resourceVersion": "1",
        "generation": 2,
        "creationTimestamp": "2026-01-01T00:00:00Z",
        "deletionTimestamp": None,
        "deletionGracePeriodSeconds": 0,
        "ownerReferences": [{"name": "a"}],
        "finalizers": ["a"],
        "managedFields": [{"fieldsV1": {"f:spec": {"k:{}": {}}}}],
        "selfLink": "/apis",
    }
    found = {**unified(), "metadata": metadata, "status": {"replicas": {"ready": 1}, "a": [None]}}
    assert findings(found) == []
    assert accepted(found) == accepted(unified())


@pytest.mark.parametrize(
    ("namespace", "argument", "where", "codes"),
    [
        ("a", None, "a", []),
        ("a", "b", "b", []),
        (ABSENT, "b", "b", []),
        (ABSENT, None, "default", ["D205"]),
    ],
)
def test_namespace(namespace: Any, argument: str | None, where: str, codes: list[str]) -> None:
    document = Document(edited(unified(), "metadata.namespace", namespace))
    deployment, found = check(document, namespace=argument)
    assert deployment is not None
    assert deployment.namespace == where
    assert [finding.code for finding in found] == codes


@pytest.mark.parametrize(
    ("namespace", "code"), [("", "D007"), ("A", "D009"), ("a.b", "D009"), ("a" * 64, "D007")]
)
def test_the_namespace_given_instead_is_checked(namespace: str, code: str) -> None:
    deployment, [finding] = check(Document(unified()), namespace=namespace)
    assert deployment is None
    assert (finding.code, finding.path) == (code, "metadata.namespace")


def test_the_names_of_python_are_unknown_in_a_document_even_as_null() -> None:
    found = edited(unified(), f"{MEMBER}.node_selector", None)
    assert [finding.code for finding in findings(found)] == ["D004"]


def test_fields_that_pull_request_142_did_not_have_are_unknown_even_as_null() -> None:
    env = [
        {"name": "A", "valueFrom": {"secretKeyRef": {"name": "a", "key": "b"}, "fieldRef": None}}
    ]
    found = edited(unified(), f"{CONTAINER}.env", env)
    assert findings(found) == []
    assert [finding.code for finding in findings(under_spec(found))] == ["D004"]


@pytest.mark.parametrize("data", [None, True, 1, 1.5, "text", [], [unified()]])
def test_what_is_no_object_has_one_finding(data: Any) -> None:
    deployment, found = check(Document(data, "a.yaml"))
    assert deployment is None
    assert [(f.code, f.path, f.file, f.line) for f in found] == [("D006", "", "a.yaml", None)]


def test_what_is_no_object_is_placed() -> None:
    _, [finding] = check(read_one("# a\n\n- b\n"))
    assert (finding.code, finding.line) == ("D006", 3)


@pytest.mark.parametrize("key", [None, True, -1, -1.5, (1, 2), b"a"])
@pytest.mark.parametrize("path", ["", "spec", f"{MEMBER}.template.metadata.labels", CONTAINER])
def test_a_key_from_python_that_is_no_string_is_refused(key: Any, path: str) -> None:
    found = edited(unified(), f"{MEMBER}.template.metadata.labels", {"a": "b"})
    at(found, parts(path))[key] = "a"
    problems = errors(findings(found))
    assert "D003" in {finding.code for finding in problems}
    assert all(str(finding) for finding in problems)


def test_a_document_of_another_api_has_no_findings_of_its_fields() -> None:
    found = findings({"apiVersion": "apps/v1", "kind": "Deployment", "spec": {"replicas": "many"}})
    assert [(f.code, f.path) for f in found] == [("D010", "apiVersion"), ("D010", "kind")]


def test_warnings_and_notes_do_not_stop_composition() -> None:
    found = edited(unified(), f"{REPLICA}.clusterSelector", {})
    deployment, problems = check(Document(edited(found, "metadata.namespace", ABSENT)))
    assert deployment is not None
    assert {finding.severity for finding in problems} == {"note", "warning"}


def _engine(**fields: Any) -> Engine:
    return Engine.standalone("qwen", image="a", devices=[DeviceRequest.of("gpu", "true")], **fields)


def test_an_engine_written_as_python_values_is_checked() -> None:
    assert check_engine(_engine()) == []
    twice = _engine(env=[EnvVar(name="A", value="1"), EnvVar(name="A", value="2")])
    assert [(f.code, f.path) for f in check_engine(twice)] == [
        ("D011", "engine.members[0].template.spec.containers[0].env[1].name")
    ]


def test_a_spec_written_as_python_values_is_checked() -> None:
    spec = accepted(everything_current()).spec
    codes = [finding.code for finding in check_spec("qwen", "ml-team", spec, Platform())]
    assert codes == [finding.code for finding in findings(everything_current())]
    [finding] = errors(check_spec("Qwen", "ml-team", spec, Platform()))
    assert (finding.code, finding.path) == ("D009", "metadata.name")


def test_more_than_anyone_reads_is_counted() -> None:
    wrong = edited(unified(), f"{CONTAINER}.args", [1] * 1500)
    found = findings(wrong)
    assert len(found) == 1001
    assert sorted({finding.code for finding in found}) == ["D002", "D006"]
    assert any("500 more fields are wrong than the 1000 listed" in each.message for each in found)


@pytest.mark.parametrize(
    ("api_version", "kind", "code", "severity"),
    [
        ("modelplane.ai/v1alpha1", "ModelService", "D013", "note"),
        ("modelplane.ai/v1alpha1", "ModelCache", "D013", "note"),
        ("infrastructure.modelplane.ai/v1alpha1", "InferenceCluster", "D013", "note"),
        # A kind that Modelplane does not have is a slip.
        ("modelplane.ai/v1alpha1", "ModelDeploy", "D010", "error"),
        ("example.com/v1", "ModelService", "D010", "error"),
    ],
)
def test_other_kinds_of_modelplane_are_not_used(
    api_version: str, kind: str, code: str, severity: str
) -> None:
    document = read_one(f"apiVersion: {api_version}\nkind: {kind}\nspec: {{}}\n")
    deployment, found = check(document)
    assert deployment is None
    assert {(each.code, each.severity) for each in found} == {(code, severity)}
