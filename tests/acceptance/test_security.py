"""What SECURITY.md promises, as a hook sees it that is told of every socket, program and file."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.cli.console import named, save
from tests.document.builders import Json, edited, prefill_decode
from tests.kit import examples

ROOT = Path(__file__).parents[2]

HOOK = """
import json, os, sys

CHANGES = ("os.chmod", "os.chown", "os.link", "os.mkdir", "os.remove", "os.rename", "os.rmdir",
           "os.symlink", "os.truncate", "os.utime")
RUNS = ("os.exec", "os.fork", "os.forkpty", "os.posix_spawn", "os.spawn", "os.startfile",
        "os.system", "pty.spawn", "subprocess.Popen")
CHANGING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
log = os.open(sys.argv.pop(1), os.O_WRONLY | os.O_APPEND)

def hook(event, args):
    if event == "open":
        path, mode, flags = args
        if not isinstance(path, int) and flags & CHANGING:
            tell("write", os.fsdecode(path))
    elif event in CHANGES:
        path, within = os.fsdecode(args[0]), args[-1]
        if isinstance(within, int) and within >= 0 and not os.path.isabs(path):
            path = os.path.join(os.readlink(f"/proc/self/fd/{within}"), path)
        tell("write", path)
    elif event in RUNS:
        tell("run", os.fsdecode(args[0]) if args else event)
    elif event.startswith(("socket.", "urllib.", "http.", "ftplib.", "smtplib.")):
        tell("network", event)

def tell(what, which):
    os.write(log, (json.dumps([what, which]) + "\\n").encode())

sys.addaudithook(hook)
from cdk8s_inference.cli import main
main()
"""


def seen(log: Path, *arguments: str | Path, env: dict[str, str] | None = None) -> tuple[int, Any]:
    """The exit status of a run, and what the hook was told."""
    log.write_text("")
    run = subprocess.run(
        [sys.executable, "-c", HOOK, log, *arguments],
        capture_output=True,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1", **(env or {})},
        check=False,
    )
    assert b"Traceback" not in run.stderr, run.stderr
    return run.returncode, [json.loads(line) for line in log.read_text().splitlines()]


def commands() -> Json:
    """A document whose every text would run something, if anything did."""
    document = prefill_decode()
    engine = document["spec"]["template"]["spec"]["engines"][0]["members"][0]
    touch = "touch /tmp/breached; $(touch /tmp/breached) `touch /tmp/breached`"
    engine["template"]["spec"]["containers"][0] |= {"command": ["sh", "-c", touch], "args": [touch]}
    engine["nodeSelector"]["devices"][0]["selectors"] = [{"cel": "device.driver == '" + "a" * 9}]
    return document


TAGS = """\
a: !!python/object/apply:os.system ["touch /tmp/breached"]
---
{{ exec "touch /tmp/breached" }}
"""


def test_a_check_connects_to_nothing_runs_nothing_and_writes_nothing(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    save(folder / "document.yaml", commands(), named("a"))
    save(folder / "manifests.yaml", *examples.broken("T201"))
    (folder / "tags.yaml").write_text(TAGS)
    (folder / "kustomization.yaml").write_text("resources: [https://example.com/a.yaml]\n")
    log = tmp_path / "log"
    assert seen(log, "check", folder) == (1, [])
    assert seen(log, "explain", "T201") == (0, [])
    assert not Path("/tmp/breached").exists()


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="needs names of descriptors")
def test_synth_writes_into_its_folder(tmp_path: Path) -> None:
    log, output, temporary = (tmp_path / name for name in ("log", "out", "tmp"))
    temporary.mkdir()
    good = save(tmp_path / "good.yaml", named("a"))
    env = {"TMPDIR": str(temporary)}
    status, told = seen(log, "synth", good, "--output", output, env=env)
    assert status == 0
    assert [each.name for each in output.iterdir()] == ["ml-team.a.k8s.yaml"]
    written = {Path(which) for what, which in told if what == "write"} - {Path(os.devnull)}
    assert any(path.is_relative_to(output) for path in written)
    for path in written:
        assert path.is_relative_to(output) or path.is_relative_to(temporary), path
    assert list(temporary.iterdir()) == []
    assert {what for what, _ in told} == {"write"}
    # What is refused starts nothing, and leaves nothing.
    bad = save(tmp_path / "bad.yaml", edited(named("a"), "spec.replicas", 0))
    assert seen(log, "synth", bad, "--output", tmp_path / "none") == (1, [])
    assert not (tmp_path / "none").exists()


@pytest.mark.skipif(shutil.which("unshare") is None, reason="needs namespaces")
def test_synth_needs_no_network(tmp_path: Path) -> None:
    """Node.js, which the hook does not see into, in a namespace without any interface."""
    file = save(tmp_path / "good.yaml", named("a"))
    isolated = ["unshare", "--user", "--map-root-user", "--net"]
    if subprocess.run([*isolated, "true"], capture_output=True, check=False).returncode:
        pytest.skip("needs namespaces")
    command = [sys.executable, "-c", "from cdk8s_inference.cli import main; main()"]
    run = subprocess.run(
        [*isolated, *command, "synth", str(file), "--stdout"], capture_output=True, check=False
    )
    assert (run.returncode, run.stderr) == (0, b"")


def test_the_hook_sees(tmp_path: Path) -> None:
    """Else the tests above could not fail."""
    log = tmp_path / "log"
    log.write_text("")
    code = HOOK.replace(
        "from cdk8s_inference.cli import main\nmain()",
        "import socket, subprocess\n"
        "socket.socket().close(); subprocess.run(['true']); open(sys.argv[1], 'w').close()",
    )
    subprocess.run([sys.executable, "-c", code, log, tmp_path / "new"], check=True)
    told = [json.loads(line) for line in log.read_text().splitlines()]
    assert {what for what, _ in told} == {"network", "run", "write"}
