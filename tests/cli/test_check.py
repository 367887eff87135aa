from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from cdk8s_inference.checks import RULES
from tests.cli.console import named, program, recorder, run, runs, save
from tests.document.builders import Json
from tests.kit import examples

BROKEN = examples.broken("T201")
WHOLE = "12 objects: 2 engines (1 prefill, 1 decode), 1 pool, 1 picker, 1 route, 1 gateway"


def as_json(*arguments: str | Path, input: str | None = None) -> tuple[list[Json], Json]:
    """The findings, and the summary."""
    *findings, last = json.loads(run("check", *arguments, "--format", "json", input=input).stdout)
    assert (last["code"], last["severity"]) == ("T000", "note")
    return findings, last["summary"]


def manifests(path: Path, objects: list[Any]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(yaml.safe_dump_all(objects, sort_keys=False))
    return path


@pytest.fixture
def good(tmp_path: Path) -> Path:
    return manifests(tmp_path / "good.yaml", examples.base("disaggregated"))


@pytest.fixture
def bad(tmp_path: Path) -> Path:
    return manifests(tmp_path / "bad.yaml", BROKEN)


@pytest.fixture
def odd(tmp_path: Path) -> Path:
    return manifests(tmp_path / "odd.yaml", examples.broken("T503"))


def test_good(good: Path) -> None:
    result = run("check", good)
    assert (result.exit_code, result.stdout) == (0, f"nothing wrong in {WHOLE}\n")


def test_text_shows_both_lines(bad: Path) -> None:
    result = run("check", bad)
    assert result.exit_code == 1
    lines = bad.read_text().splitlines()
    number = next(i for i, line in enumerate(lines, 1) if "--model-server-port=8200" in line)
    other = next(i for i, line in enumerate(lines, 1) if "--port=8001" in line)
    head, excerpt, see, there, fix, closing = result.stdout.splitlines()
    assert head.startswith(f"{bad}:{number}: error[T201] Deployment llm/decode spec.template")
    assert head.endswith("the sidecar forwards to 8200, but the engine listens on 8001")
    assert excerpt == f"  {number:>6} | - --model-server-port=8200"
    assert see.startswith(f"    see: {bad}:{other} Deployment llm/decode spec.template")
    assert there == f"  {other:>6} | - --port=8001"
    assert fix.startswith("    fix: set the sidecar's port flag to the engine's --port")
    assert closing == f"1 error in {WHOLE}"


def test_json(bad: Path) -> None:
    (finding,), summary = as_json(bad)
    assert summary == {
        "version": 1,
        "objects": 12,
        "read": {"engine": 2, "pool": 1, "picker": 1, "route": 1, "gateway": 1},
        "prefill": 1,
        "decode": 1,
        "unread": [],
    }
    assert finding["code"] == "T201"
    assert finding["object"] == "Deployment llm/decode"
    assert finding["related"]["file"] == str(bad)


def test_sarif(bad: Path) -> None:
    log = json.loads(run("check", bad, "--format", "sarif").stdout)
    assert log["version"] == "2.1.0"
    (only,) = log["runs"]
    assert only["properties"]["summary"]["text"] == WHOLE
    assert only["properties"]["summary"]["read"]["engine"] == 2
    (described,) = only["tool"]["driver"]["rules"]
    (result,) = only["results"]
    assert described["id"] == result["ruleId"] == "T201"
    assert described["shortDescription"]["text"] == RULES["T201"].title
    assert result["level"] == "error"
    assert result["ruleIndex"] == 0
    place = result["locations"][0]["physicalLocation"]
    assert place["artifactLocation"]["uri"] == bad.as_uri()
    assert place["region"]["startLine"] > 1
    assert result["relatedLocations"][0]["physicalLocation"]["region"]["startLine"] > 1


def test_sarif_names_files_as_uris(bad: Path) -> None:
    odd = bad.rename(bad.with_name("50% de code.yaml"))
    log = json.loads(run("check", odd, "--format", "sarif").stdout)
    place = log["runs"][0]["results"][0]["locations"][0]["physicalLocation"]
    assert place["artifactLocation"]["uri"].endswith("/50%25%20de%20code.yaml")


def test_github(bad: Path) -> None:
    (line,) = run("check", bad, "--format", "github").stdout.splitlines()
    assert line.startswith(f"::error file={bad},line=")
    assert ",title=T201::Deployment llm/decode" in line


@pytest.mark.parametrize(("arguments", "code"), [([], 0), (["--strict"], 1)])
def test_strict(odd: Path, arguments: list[str], code: int) -> None:
    result = run("check", odd, *arguments)
    assert "warning[T503]" in result.stdout
    assert result.exit_code == code


def test_a_folder_is_checked_as_one(tmp_path: Path) -> None:
    objects = BROKEN
    for index, each in enumerate(objects):
        manifests(tmp_path / "part" / f"{index}.yaml", [each])
    manifests(tmp_path / ".hidden" / "other.yaml", examples.broken("T503"))
    (tmp_path / "part" / "notes.txt").write_text("no: yaml: at: all")
    (finding,), _ = as_json(tmp_path)
    assert finding["code"] == "T201"


def test_standard_input(bad: Path) -> None:
    result = run("check", "-", input=bad.read_text())
    assert result.exit_code == 1
    assert "<stdin>:" in result.stdout
    assert "--model-server-port=8200" in result.stdout


def test_documents_are_checked_as_synth_does(tmp_path: Path) -> None:
    document = named("qwen")
    document["spec"]["replicas"] = 99
    path = save(tmp_path / "it.yaml", document)
    result = run("check", path)
    assert result.exit_code == 1
    assert "error[D007] spec.replicas" in result.stdout
    assert run("check", save(tmp_path / "it.yaml", named("qwen"))).exit_code == 0


def test_what_cannot_be_read(tmp_path: Path) -> None:
    result = run("check", tmp_path / "absent.yaml")
    assert result.exit_code == 1
    assert "D001" in result.stdout
    broken = tmp_path / "broken.yaml"
    broken.write_text("a: [")
    assert "D001" in run("check", broken).stdout


@pytest.mark.parametrize("path", ["empty.yaml", "folder", "folder/chart"])
def test_a_path_that_holds_nothing(tmp_path: Path, path: str) -> None:
    """A check of the wrong folder is not to pass for a good one."""
    (tmp_path / "folder" / "chart").mkdir(parents=True)
    for name in ("empty.yaml", "folder/notes.txt"):
        (tmp_path / name).write_text("# Everything is switched off.\n---\n")
    (finding,), _ = as_json(tmp_path / path)
    assert (finding["code"], finding["severity"]) == ("T005", "warning")
    assert finding["file"] == str(tmp_path / path)


def test_an_empty_file_among_others(good: Path) -> None:
    """Charts render a file of comments for what is switched off."""
    (good.parent / "other.yaml").write_text("---\n# Source: chart/templates/other.yaml\n")
    result = run("check", good.parent)
    assert (result.exit_code, result.stdout) == (0, f"nothing wrong in {WHOLE}\n")


def test_usage() -> None:
    assert run("check").exit_code == 2
    assert run("check", ".", "--format", "xml").exit_code == 2


def test_control_characters_do_not_reach_the_terminal(tmp_path: Path) -> None:
    objects = BROKEN
    decode = next(each for each in objects if each["metadata"]["name"] == "decode")
    sidecar = decode["spec"]["template"]["spec"]["initContainers"][0]
    sidecar["args"][2] = "--kv-connector=\x1b[31mred"
    result = run("check", manifests(tmp_path / "it.yaml", objects))
    assert "\x1b" not in result.stdout


def test_neither_node_nor_pydantic_is_started(good: Path, tmp_path: Path) -> None:
    """It answers at once: what takes time to load is for other commands."""
    node = recorder(tmp_path / "bin")
    code = (
        "import sys; from cdk8s_inference.cli.commands import commands\n"
        f"try: commands(['check', {str(good)!r}])\n"
        "except SystemExit as end: print(end.code, {'jsii', 'pydantic'} & set(sys.modules))"
    )
    import subprocess

    done = subprocess.run(
        [sys.executable, "-c", code],
        env={"PATH": str(node.parent)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.splitlines()[-1] == "0 set()"
    assert runs(node) == []


def test_explain() -> None:
    result = run("explain", "t201")
    assert result.exit_code == 0
    assert result.stdout.startswith("T201 (error): The sidecar forwards")
    assert run("explain", "D103").stdout.startswith("D103 (error): ")


def test_explain_what_is_none() -> None:
    result = run("explain", "T20")
    assert result.exit_code == 2
    assert "there is T201, T202, T203" in result.stderr


def test_the_program(bad: Path) -> None:
    assert program("check", bad).returncode == 1


COMPOSE = "services:\n  a:\n    ports: {8000: 8000}\n    ports: [1]\n"
TEMPLATE = "{{- if .Values.on }}\nkind: Service\napiVersion: v1\n{{- end }}\n"


@pytest.mark.parametrize(
    ("name", "text", "code", "unread"),
    [
        ("docker-compose.yaml", COMPOSE, "T006", "1 foreign file"),
        ("values.yaml", "replicas: 3\n", "T006", "1 foreign file"),
        ("list.json", "[1, 2]", "T006", "1 foreign file"),
        ("service.yaml", TEMPLATE, "T007", "1 Helm template"),
        (
            "map.yaml",
            "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {{ .Release.Name }}\n",
            "T007",
            "1 Helm template",
        ),
        (
            "kustomization.tftpl.yaml",
            "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\n"
            "%{ if can(namespace) }namespace: ${namespace}%{ endif }\n",
            "T007",
            "1 template file",
        ),
        (
            "service.yaml",
            "apiVersion: v1\nkind: Service\n{% if name %}\nmetadata: {name: it}\n{% endif %}\n",
            "T007",
            "1 template file",
        ),
        ("Chart.yaml", "apiVersion: v2\nname: x\nversion: 1.0.0\n", "T007", "1 Helm chart"),
        ("kustomization.yaml", "resources: [a.yaml]\n", "T007", "1 Kustomization"),
    ],
)
def test_a_file_without_objects(
    good: Path, tmp_path: Path, name: str, text: str, code: str, unread: str
) -> None:
    """Named it is a warning, and in a folder that has objects a note, whatever is in it."""
    path = tmp_path / "folder" / name
    path.parent.mkdir()
    path.write_text(text)
    for argument, severity in ((path, "warning"), (path.parent, "warning"), (tmp_path, "note")):
        (finding,), summary = as_json(argument)
        assert (finding["code"], finding["severity"]) == (code, severity)
        assert summary["unread"] == [unread]
    result = run("check", tmp_path)
    assert result.exit_code == 0
    assert result.stdout.endswith(f"1 note in {WHOLE}; not read: {unread}\n")


def test_files_without_objects_are_one_finding(good: Path) -> None:
    for index in range(3):
        (good.parent / f"{index}.json").write_text("{}")
        (good.parent / f"{index}.yml").write_text("a: [")
    (finding,), summary = as_json(good.parent)
    assert finding["message"].startswith("6 foreign files: ")
    assert len(finding["related_places"]) == 5
    assert summary["unread"] == ["6 foreign files"]


def test_a_broken_file_of_objects_is_an_error_in_a_folder_too(good: Path) -> None:
    (good.parent / "service.yaml").write_text("apiVersion: v1\nkind: Service\nspec: [\n")
    (finding,), _ = as_json(good.parent)
    assert (finding["code"], finding["severity"]) == ("D001", "error")


def test_a_broken_file_that_quotes_an_object_is_none(good: Path) -> None:
    quoted = "apiVersion: v1\n  kind: Service"
    (good.parent / "report.yaml").write_text(f"rate: .inf\nstack:\n  {quoted}\n")
    (finding,), _ = as_json(good.parent)
    assert (finding["code"], finding["severity"]) == ("T006", "note")


def test_a_document_without_kind_beside_objects(good: Path) -> None:
    good.write_text(f"{good.read_text()}---\nmetadata: {{name: qwen}}\n")
    (finding,), _ = as_json(good)
    assert (finding["code"], finding["severity"]) == ("T006", "warning")
    assert finding["line"] == len(good.read_text().splitlines())


def test_a_patch_is_no_object(good: Path) -> None:
    """It is part of one: what it leaves out is in the other part."""
    folder = good.parent
    (folder / "kustomization.yaml").write_text(
        "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\n"
        "resources: [good.yaml]\npatches: [{path: more.yaml}]\n"
    )
    (folder / "more.yaml").write_text(
        "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: decode, namespace: llm}\n"
        "spec: {replicas: 3}\n"
    )
    findings, summary = as_json(folder)
    assert {each["severity"] for each in findings} == {"note"}
    assert summary["unread"] == ["1 Kustomization", "1 Kustomize patch file"]


def without(*kinds: str) -> list[Any]:
    return [each for each in examples.base("disaggregated") if each["kind"] not in kinds]


@pytest.mark.parametrize(
    ("kinds", "codes", "unread"),
    [
        # All that the picker consists of.
        (
            ("Service", "ConfigMap", "ServiceAccount", "Role", "RoleBinding", "qwen-epp"),
            {"T420"},
            ["the picker of InferencePool llm/qwen"],
        ),
        (("InferencePool",), {"T508"}, ["InferencePool llm/qwen"]),
        (("ConfigMap",), {"T409"}, ["ConfigMap llm/qwen-epp"]),
        # Often one of another team: it is named as not read, and is no warning.
        (("Gateway",), set(), ["Gateway gateways/inference"]),
    ],
)
def test_what_is_missing(
    tmp_path: Path, kinds: tuple[str, ...], codes: set[str], unread: list[str]
) -> None:
    """It is told, whether or not another object of its kind was read."""
    objects = [each for each in without(*kinds) if each["metadata"]["name"] not in kinds]
    path = manifests(tmp_path / "it.yaml", objects)
    findings, summary = as_json(path)
    loud = {each["code"]: each["severity"] for each in findings if each["severity"] != "note"}
    assert {code: loud.get(code) for code in codes} == dict.fromkeys(codes, "warning")
    assert summary["unread"] == unread
    assert run("check", path).exit_code == 0
    complete, _ = as_json(path, "--complete")
    assert codes <= {each["code"] for each in complete if each["severity"] == "error"}
    assert run("check", path, "--complete").exit_code == 1


def test_complete_and_nothing_missing(good: Path) -> None:
    assert run("check", good, "--complete").stdout == f"nothing wrong in {WHOLE}\n"


def test_kinds_with_pod_templates_that_are_not_known(good: Path) -> None:
    other = {
        "apiVersion": "example.org/v1",
        "kind": "Fleet",
        "metadata": {"name": "it", "namespace": "llm"},
        "spec": {"parts": [{"template": {"spec": {"containers": [{"image": "vllm"}]}}}]},
    }
    path = manifests(good.parent / "more.yaml", [other])
    _, summary = as_json(good, path)
    assert summary["unread"] == ["what a controller makes of 1 Fleet"]
    last = run("check", path).stdout.splitlines()[-1]
    assert last.endswith("; not read: what a controller makes of 1 Fleet")
