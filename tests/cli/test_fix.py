"""Certain mends, in the files themselves."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from tests.cli.console import run
from tests.kit import examples

BROKEN = """\
# The queue's settings.
apiVersion: v1
kind: ConfigMap
metadata:
  name: queue   # not the batch queue: name
  lables: {team: 7, tier: "x"}
data:
  size: 8   # 8 of them
  other: '8'
---
apiVersion: v1
kind: Service
metadata: {name: queue}
spec:
  type: clusterip
  ports:
    - port: "80"
      targetport: 8
"""
MENDED = """\
# The queue's settings.
apiVersion: v1
kind: ConfigMap
metadata:
  name: queue   # not the batch queue: name
  labels: {team: "7", tier: "x"}
data:
  size: "8"   # 8 of them
  other: '8'
---
apiVersion: v1
kind: Service
metadata: {name: queue}
spec:
  type: clusterip
  ports:
    - port: 80
      targetPort: 8
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    file = tmp_path / "queue.yaml"
    file.write_text(BROKEN)
    file.chmod(0o640)
    return file


def test_fix(file: Path) -> None:
    result = run("check", file, "--fix")
    assert file.read_text() == MENDED
    assert "5 mends made" in result.stderr
    assert file.stat().st_mode & 0o777 == 0o640
    assert [each.name for each in file.parent.iterdir()] == ["queue.yaml"]
    assert "0 mends made" in run("check", file, "--fix").stderr


def test_diff(file: Path) -> None:
    result = run("check", file, "--diff")
    assert result.exit_code == 1
    assert file.read_text() == BROKEN
    assert '-  size: 8   # 8 of them\n+  size: "8"   # 8 of them\n' in result.stdout
    assert run("check", file, "--diff", "--ignore", "K").stdout == ""


def test_what_is_not_certain(tmp_path: Path) -> None:
    text = (
        "apiVersion: v1\nkind: PersistentVolumeClaim\nmetadata: {name: a}\n"
        "spec: {resources: {requests: {storage: 64G1}}, volumName: a, volumeName: b}\n"
    )
    file = tmp_path / "claim.yaml"
    file.write_text(text)
    run("check", file, "--fix")
    assert file.read_text() == text


def test_standard_input() -> None:
    assert "0 mends made" in run("check", "-", "--fix", input=BROKEN).stderr


@pytest.mark.parametrize("code", ["T501", "T642", "T643", "K001"])
def test_mends_are_those_that_rules_show(code: str, tmp_path: Path) -> None:
    file = tmp_path / "all.yaml"
    file.write_text(yaml.safe_dump_all(examples.broken(code), sort_keys=False, width=1000))
    assert run("check", file).exit_code == 1
    run("check", file, "--fix")
    assert run("check", file).exit_code == 0


def test_a_diff_does_not_show_secrets(tmp_path: Path) -> None:
    file = tmp_path / "secret.yaml"
    file.write_text(
        "apiVersion: v1\nkind: Secret\nmetadata: {name: a}\nstringData:\n"
        '  key: correct-horse-battery\n  pin: 123456\n  other: "87"\n'
    )
    shown = run("check", file, "--diff").stdout
    assert "pin: " in shown
    assert not [each for each in ("correct", "123456", "87") if each in shown]
    run("check", file, "--fix")
    assert '  pin: "123456"\n' in file.read_text()
