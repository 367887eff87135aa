from __future__ import annotations

from pathlib import Path

from cdk8s_inference.cli.files import inputs
from cdk8s_inference.cli.inputs import load
from cdk8s_inference.document.subject import RUN_RULES, RunSubject
from cdk8s_inference.findings import Finding
from cdk8s_inference.platform import Platform
from tests.cli.console import named, run, save
from tests.document.builders import document, edited, gang


def findings(
    *paths: Path, platform: Platform | None = None, namespace: str | None = None
) -> list[Finding]:
    platform = platform or Platform()
    loaded, _, problems = load(inputs([str(path) for path in paths]), platform, namespace)
    assert not [problem for problem in problems if problem.severity == "error"]
    run = RunSubject([(each.deployment, each.document) for each in loaded], platform)
    return list(RUN_RULES.findings(run))


def test_one_deployment_in_two_files(tmp_path: Path) -> None:
    first = save(tmp_path / "a.yaml", named("qwen"))
    second = save(tmp_path / "b.json", named("qwen"))
    [finding] = findings(first, second)
    assert (finding.code, finding.severity) == ("D206", "warning")
    assert (finding.file, finding.line, finding.path) == (str(second), 5, "metadata.name")
    assert f"ml-team/qwen is also defined at {first}:4" in finding.message


def test_one_deployment_three_times_in_one_file(tmp_path: Path) -> None:
    grown = edited(named("qwen"), "spec.replicas", 2)
    file = save(tmp_path / "a.yaml", named("qwen"), grown, grown)
    found = findings(file)
    # One file is applied to one cluster.
    assert [(each.code, each.severity) for each in found] == [("D206", "error")] * 2
    assert all(f"also defined at {file}:4" in finding.message for finding in found)
    assert len({finding.line for finding in found}) == 2


def test_namespaces_are_apart_until_an_option_joins_them(tmp_path: Path) -> None:
    file = save(tmp_path / "a.yaml", named("qwen", "dev"), named("qwen", "prod"))
    assert findings(file) == []
    assert len(findings(file, namespace="test")) == 1


def test_two_names_that_make_one_object(tmp_path: Path) -> None:
    """The LeaderWorkerSet a-0-0 makes a Service a-0-0, the name of the other one's."""
    of_gang = edited(document(gang("0")), "metadata.name", "a")
    file = save(tmp_path / "a.yaml", of_gang, named("a-0"), named("b"))
    [finding] = findings(file)
    assert f"ml-team/a-0 and ml-team/a at {file}:4 both create Service a-0-0" in finding.message
    assert findings(file, platform=Platform(unified_mode="picker")) == []


def test_a_device_class_of_no_request(tmp_path: Path) -> None:
    file = save(tmp_path / "a.yaml", named("a"))
    platform = Platform(device_classes={"gpu": "mig.nvidia.com", "gpus": "mig.nvidia.com"})
    [finding] = findings(file, platform=platform)
    assert (finding.code, finding.severity, finding.file) == ("D208", "warning", None)
    assert "'gpus'" in finding.message
    assert finding.message.endswith("the documents have: gpu")


def test_check_says_it_too(tmp_path: Path) -> None:
    file = save(tmp_path / "a.yaml", named("qwen"), named("qwen"))
    for result in (run("check", file), run("synth", file, "--output", tmp_path / "dist")):
        assert result.exit_code == 1
        assert "error[D206]" in result.output
    assert not (tmp_path / "dist").exists()
    first, second = (save(tmp_path / f"{name}.yaml", named("qwen")) for name in ("b", "c"))
    for result in (run("check", first, second), run("synth", first, second, "--stdout")):
        assert result.exit_code == 0
        assert "warning[D206]" in result.output


def test_nothing_but_other_kinds(tmp_path: Path) -> None:
    service = "apiVersion: modelplane.ai/v1alpha1\nkind: ModelService\nmetadata: {name: a}\n"
    file = tmp_path / "a.yaml"
    file.write_text(service)
    assert run("check", file).exit_code == 0
    refused = run("synth", file, "--stdout")
    assert refused.exit_code == 1
    assert "the files hold no ModelDeployment" in refused.output
    save(tmp_path / "b.yaml", named("qwen"))
    assert run("synth", file, tmp_path / "b.yaml", "--stdout").exit_code == 0
