"""The files that other projects' CI takes."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.kit import examples

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    text = yaml.safe_dump_all(examples.broken("T201"), sort_keys=False)
    (tmp_path / "a folder").mkdir()
    (tmp_path / "a folder" / "all.yaml").write_text(text)
    return tmp_path


def loaded(name: str) -> Any:
    return yaml.safe_load((ROOT / name).read_text())


def ran(script: str, folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    path = os.pathsep.join((str(Path(sys.executable).parent), os.environ["PATH"]))
    return subprocess.run(
        ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", script],
        cwd=folder,
        env={"PATH": path, **environment},
        capture_output=True,
        text=True,
    )


def test_the_action(project: Path) -> None:
    action = loaded("action.yml")
    *_, check = action["runs"]["steps"]
    inputs = {f"${{{{ inputs.{name} }}}}": each for name, each in action["inputs"].items()}
    assert set(check["env"].values()) <= inputs.keys()
    done = ran(
        check["run"],
        project,
        PATHS="a folder\n",
        ARGUMENTS="--strict\n--kubernetes=1.36",
        SARIF="out.sarif",
        GITHUB_STEP_SUMMARY=str(project / "summary.md"),
    )
    assert done.returncode == 1, done.stderr
    assert done.stdout.startswith("::error file=a folder/all.yaml,line=")
    assert '"T201"' in (project / "out.sarif").read_text()
    assert "error T201" in (project / "summary.md").read_text()


def test_the_hook(project: Path) -> None:
    (hook,) = loaded(".pre-commit-hooks.yaml")
    assert not hook["pass_filenames"]
    done = ran(shlex.join([*shlex.split(hook["entry"]), *hook["args"]]), project)
    assert done.returncode == 1
    assert "error[T201]" in done.stdout


def test_the_template_of_gitlab(project: Path) -> None:
    job = loaded("templates/gitlab-ci.yml")["cdk8s-inference"]
    install, *scripts = job["script"]
    assert install.startswith("pip install ")
    done = ran("\n".join(scripts), project, CDK8S_INFERENCE_PATHS=".")
    assert done.returncode == 1
    for file in job["artifacts"]["reports"].values():
        assert "T201" in (project / file).read_text()


def test_the_container_has_what_is_built() -> None:
    """Everything that pyproject.toml names is let into the build."""
    lines = (ROOT / ".dockerignore").read_text().splitlines()
    kept = {line.removeprefix("!") for line in lines if line.startswith("!")}
    assert kept >= {"LICENSE", "README.md", "constructs", "pyproject.toml"}


def test_the_comment_on_a_pull_request(tmp_path: Path) -> None:
    """The steps of the workflow, with git and a gh that writes down what it is asked."""
    steps = loaded("templates/github-diff.yml")["jobs"]["diff"]["steps"]
    assert all(len(step["uses"].partition("@")[2]) == 40 for step in steps if "uses" in step)
    compare, comment = (step["run"] for step in steps[-2:])
    gh = tmp_path / "bin" / "gh"
    gh.parent.mkdir()
    gh.write_text('#!/bin/sh\necho "$*" >> asked\ncase "$*" in *--jq*) cat known;; esac\n')
    gh.chmod(0o755)
    dist = tmp_path / "dist"
    dist.mkdir()
    git = "git -c user.name=a -c user.email=a@example.com"
    for image in ("v0.32.0", "v0.33.0"):
        text = yaml.safe_dump_all(examples.base("disaggregated"), sort_keys=False)
        (dist / "all.yaml").write_text(text.replace("openai:v0.32.0", f"openai:{image}"))
        done = ran(f"git init -q; git add dist; {git} commit -qm {image}", tmp_path)
        assert done.returncode == 0, done.stderr
    done = ran(
        compare,
        tmp_path,
        BASE="HEAD~1",
        MANIFESTS="dist",
        GITHUB_STEP_SUMMARY=str(tmp_path / "summary.md"),
    )
    assert done.returncode == 0, done.stderr
    assert "4 pods restart" in (tmp_path / "summary.md").read_text()
    for known, method in (("", "POST repos/o/r/issues/7/comments"),
                          ("12\n", "PATCH repos/o/r/issues/comments/12")):  # fmt: skip
        (tmp_path / "known").write_text(known)
        script = f'PATH="{gh.parent}:$PATH"\n{comment}'
        done = ran(script, tmp_path, COMMENTS="repos/o/r/issues", NUMBER="7", GH_TOKEN="t")
        assert done.returncode == 0, done.stderr
        assert method in (tmp_path / "asked").read_text().splitlines()[-1]
