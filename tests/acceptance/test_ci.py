"""The files that other projects' CI takes."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import venv
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


@pytest.fixture
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the container is built from: setuptools writes beside the sources."""
    copy = tmp_path_factory.mktemp("source")
    lines = (ROOT / ".dockerignore").read_text().splitlines()
    for name in (line[1:] for line in lines if line.startswith("!")):
        if (ROOT / name).is_dir():
            shutil.copytree(
                ROOT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__", "*.egg-info")
            )
        else:
            shutil.copy(ROOT / name, copy)
    return copy


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


def test_the_action(project: Path, source: Path) -> None:
    """Its steps as a runner takes them, from an empty environment."""
    action = loaded("action.yml")
    values = {f"inputs.{name}": each["default"] for name, each in action["inputs"].items()} | {
        "github.action_path": str(source),
        "inputs.paths": "a folder\n",
        "inputs.arguments": "--strict\n--kubernetes=1.36",
        "inputs.sarif-file": "out.sarif",
    }
    added, summary = project / "path", project / "summary.md"
    files = {"GITHUB_PATH": added, "GITHUB_STEP_SUMMARY": summary, "RUNNER_TEMP": project / "temp"}
    setup, *steps = action["runs"]["steps"]
    assert setup["uses"].startswith("actions/setup-python@")
    assert setup["with"] == {"python-version": "${{ inputs.python-version }}"}
    path = os.pathsep.join((str(Path(sys.executable).parent), os.environ["PATH"]))
    for step in steps:
        given = {name: re.sub(r"\$\{\{ (\S+) \}\}", lambda each: values[each[1]], text)
                 for name, text in step["env"].items()}  # fmt: skip
        more = added.read_text().split() if added.exists() else []
        environment = {**given, **{name: str(each) for name, each in files.items()}}
        done = ran(step["run"], project, **environment, PATH=os.pathsep.join([*more, path]))
        assert done.returncode == (1 if step["name"] == "Check" else 0), done.stderr
    assert [Path(each).name for each in more] == ["bin"]
    assert done.stdout.startswith("::error file=a folder/all.yaml,line=")
    sarif = (project / "out.sarif").read_text()
    assert '"T201"' in sarif
    assert "CEL rules" not in sarif
    assert "error T201" in summary.read_text()


def test_the_hook(project: Path) -> None:
    (hook,) = loaded(".pre-commit-hooks.yaml")
    assert not hook["pass_filenames"]
    done = ran(shlex.join([*shlex.split(hook["entry"]), *hook["args"]]), project)
    assert done.returncode == 1
    assert "error[T201]" in done.stdout


def test_the_template_of_gitlab(project: Path, source: Path) -> None:
    job = loaded("templates/gitlab-ci.yml")["cdk8s-inference"]
    assert job["image"].startswith("python:")
    package = job["variables"]["CDK8S_INFERENCE_PACKAGE"].replace("cdk8s-inference", str(source))
    venv.create(project / "environment", with_pip=True)
    done = ran(
        "\n".join(job["script"]),
        project,
        CDK8S_INFERENCE_PATHS=".",
        CDK8S_INFERENCE_PACKAGE=package,
        PATH=os.pathsep.join((str(project / "environment" / "bin"), os.environ["PATH"])),
    )
    assert done.returncode == 1, done.stderr
    for file in job["artifacts"]["reports"].values():
        assert "T201" in (project / file).read_text()


def test_the_container(project: Path, source: Path, tmp_path: Path) -> None:
    """The command that builds it, with what is let into the build, and what it runs."""
    text = (ROOT / "Dockerfile").read_text().replace("\\\n", "")
    (build,) = re.findall(r"^RUN (.*)$", text, re.MULTILINE)
    (entry,) = re.findall(r"^ENTRYPOINT (.*)$", text, re.MULTILINE)
    home = tmp_path / "opt"
    places = {"/opt/cdk8s-inference": str(home), "/source": str(source)}
    for place, ours in places.items():
        build, entry = build.replace(place, ours), entry.replace(place, ours)
    done = ran(build, tmp_path)
    assert done.returncode == 0, done.stderr
    program = shlex.join(yaml.safe_load(entry))
    done = ran(f"{program} check 'a folder'", project)
    assert done.returncode == 1, done.stderr
    assert "error[T201]" in done.stdout
    assert "CEL rules" not in done.stdout
    assert ran(f"{program} verify --help", project).returncode == 0


@pytest.mark.skipif(shutil.which("jq") is None, reason="jq does what gh does with --jq")
def test_the_comment_on_a_pull_request(tmp_path: Path) -> None:
    """The steps of the workflow, with git and a gh that writes down what it is asked."""
    workflow = loaded("templates/github-diff.yml")
    assert workflow["permissions"] == {"contents": "read", "pull-requests": "write"}
    assert "pull_request_target" not in (ROOT / "templates/github-diff.yml").read_text()
    steps = workflow["jobs"]["diff"]["steps"]
    assert "head.repo.full_name == github.repository" in steps[-1]["if"]
    assert all(len(step["uses"].partition("@")[2]) == 40 for step in steps if "uses" in step)
    compare, comment = (step["run"] for step in steps[-2:])
    gh = tmp_path / "bin" / "gh"
    gh.parent.mkdir()
    gh.write_text(
        '#!/bin/sh\necho "$*" >> asked\n'
        'while [ $# -gt 0 ]; do [ "$1" = --jq ] && jq -r "$2" comments.json; shift; done\n'
        "exit 0\n"
    )
    gh.chmod(0o755)
    dist = tmp_path / "dist"
    dist.mkdir()
    git = "git -c user.name=a -c user.email=a@example.com"
    # The base has moved on since the pull request left it: what others did is not said.
    for image in ("v0.31.0", "v0.32.0", "v0.33.0"):
        text = yaml.safe_dump_all(examples.base("disaggregated"), sort_keys=False)
        (dist / "all.yaml").write_text(text.replace("openai:v0.32.0", f"openai:{image}"))
        done = ran(f"git init -q; git add dist; {git} commit -qm {image}", tmp_path)
        assert done.returncode == 0, done.stderr
    done = ran(
        compare,
        tmp_path,
        MANIFESTS="dist",
        GITHUB_STEP_SUMMARY=str(tmp_path / "summary.md"),
    )
    assert done.returncode == 0, done.stderr
    assert "4 pods restart" in (tmp_path / "summary.md").read_text()
    body = (tmp_path / "diff.md").read_text()
    others = [
        {"id": 10, "user": {"type": "User"}, "body": body},
        {"id": 11, "user": {"type": "Bot"}, "body": "other"},
    ]
    own = {"id": 12, "user": {"type": "Bot"}, "body": body}
    for comments, method in (
        (others, "POST repos/o/r/issues/7/comments"),
        ([*others, own], "PATCH repos/o/r/issues/comments/12"),
    ):
        (tmp_path / "comments.json").write_text(json.dumps(comments))
        script = f'PATH="{gh.parent}:$PATH"\n{comment}'
        done = ran(script, tmp_path, COMMENTS="repos/o/r/issues", NUMBER="7", GH_TOKEN="t")
        assert done.returncode == 0, done.stderr
        assert method in (tmp_path / "asked").read_text().splitlines()[-1]
