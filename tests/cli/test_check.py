from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from cdk8s_inference.checks import RULES
from tests.cli.console import named, program, recorder, run, runs, save
from tests.kit import examples

BROKEN = examples.broken("T201")


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
    assert (result.exit_code, result.stdout) == (0, "nothing wrong in 12 objects\n")


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
    assert fix.startswith("    fix: give the sidecar the engine's --port")
    assert closing == "1 error in 12 objects"


def test_json(bad: Path) -> None:
    (finding,) = json.loads(run("check", bad, "--format", "json").stdout)
    assert finding["code"] == "T201"
    assert finding["object"] == "Deployment llm/decode"
    assert finding["related"]["file"] == str(bad)


def test_sarif(bad: Path) -> None:
    log = json.loads(run("check", bad, "--format", "sarif").stdout)
    assert log["version"] == "2.1.0"
    (only,) = log["runs"]
    (described,) = only["tool"]["driver"]["rules"]
    (result,) = only["results"]
    assert described["id"] == result["ruleId"] == "T201"
    assert described["shortDescription"]["text"] == RULES["T201"].title
    assert result["level"] == "error"
    assert result["ruleIndex"] == 0
    place = result["locations"][0]["physicalLocation"]
    assert place["artifactLocation"]["uri"] == bad.as_posix()
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
    (finding,) = json.loads(run("check", tmp_path, "--format", "json").stdout)
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
    (finding,) = json.loads(run("check", tmp_path / path, "--format", "json").stdout)
    assert (finding["code"], finding["severity"]) == ("T005", "warning")
    assert finding["file"] == str(tmp_path / path)


def test_an_empty_file_among_others(good: Path) -> None:
    """Charts render a file of comments for what is switched off."""
    (good.parent / "other.yaml").write_text("---\n# Source: chart/templates/other.yaml\n")
    result = run("check", good.parent)
    assert (result.exit_code, result.stdout) == (0, "nothing wrong in 12 objects\n")


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
        "import sys; from cdk8s_inference.cli import main\n"
        f"try: main(['check', {str(good)!r}])\n"
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
