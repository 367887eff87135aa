"""Certain mends, in the files themselves."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from cdk8s_inference.findings.example import example_text
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


def test_two_names_that_are_as_near(tmp_path: Path) -> None:
    service = "---\napiVersion: v1\nkind: Service\nmetadata: {{name: {}}}\n"
    route = (
        "apiVersion: gateway.networking.k8s.io/v1\nkind: HTTPRoute\nmetadata: {name: a}\n"
        "spec: {rules: [{backendRefs: [{name: fronted, port: 80}]}]}\n"
    )
    file = tmp_path / "it.yaml"
    file.write_text(route + service.format("frontend") + service.format("fronten"))
    assert "0 mends made" in run("check", file, "--fix").stderr
    file.write_text(route + service.format("frontend"))
    assert "1 mend made" in run("check", file, "--fix").stderr


def test_standard_input() -> None:
    assert "0 mends made" in run("check", "-", "--fix", input=BROKEN).stderr


DOCUMENT_MENDS = {
    # A slip in a document, as it is written and as it is mended.
    "D004": ("copies: 2", "copis: 2  # not copy", "copies: 2  # not copy"),
    "D006": ("replicas: 1", 'replicas: "1"', "replicas: 1"),
    "D008": ("phase: Decode", "phase: decode", "phase: Decode"),
    "D010": ("modelplane.ai/v1alpha1", "modelplan.ai/v1alpha1", "modelplane.ai/v1alpha1"),
    "D123": ("- --port=8001", "- --port=8000 # decode", "- --port=8001 # decode"),
    "D124": ("- --port=8000", "- --port=8080", "- --port=8000"),
    "T319": ('"kv_both"', '"kv_bth"', '"kv_both"'),
    "W105": ("NixlConnector", "NixlConector", "NixlConnector"),
}


@pytest.mark.parametrize(("right", "wrong", "mended"), DOCUMENT_MENDS.values(), ids=DOCUMENT_MENDS)
def test_documents(right: str, wrong: str, mended: str, tmp_path: Path) -> None:
    text = example_text("prefill-decode")
    file = tmp_path / "it.yaml"
    file.write_text(text.replace(right, wrong))
    run("check", file, "--fix")
    assert file.read_text() == text.replace(right, mended)


@pytest.mark.parametrize(
    ("wrong", "right"),
    [
        ("copies: 2", "copy: 2"),
        ("copies: 2", "copis: 2\n          copies: 2"),
        ("modelplane.ai/v1alpha1", "example.com/v1"),
        ("phase: Decode", "phase: Decoding"),
        ("- --port=8001", "- --port=8000 --seed=0"),
    ],
)
def test_what_is_not_certain_of_a_document(wrong: str, right: str, tmp_path: Path) -> None:
    text = example_text("prefill-decode").replace(wrong, right)
    file = tmp_path / "it.yaml"
    file.write_text(text)
    run("check", file, "--fix", "--ignore", "T642")
    assert file.read_text() == text


KINDS = {
    "apps/v1 Deployment": "app/v1 Deployment",
    "policy/v1 PodDisruptionBudget": "policy/v1beta1 PodDisruptionBudget",
    "rbac.authorization.k8s.io/v1 Role": "v1 Role",
    "v1 Service": "v1 Servcie",
    # There is another version, and fields of an Ingress have other names there.
    "gateway.networking.k8s.io/v2 HTTPRoute": "gateway.networking.k8s.io/v2 HTTPRoute",
    "extensions/v1beta1 Ingress": "extensions/v1beta1 Ingress",
}
REST = {
    "Deployment": "spec: {selector: {matchLabels: {a: b}}, template: {metadata: {labels: {a: b}}, "
    "spec: {containers: [{name: a, image: 'b:1'}]}}}\n",
    "PodDisruptionBudget": "spec: {maxUnavailable: 1, selector: {matchLabels: {a: b}}}\n",
    "Servcie": "spec: {ports: [{port: 80}]}\n",
    "Ingress": "spec: {backend: {serviceName: a, servicePort: 80}}\n",
}


@pytest.mark.parametrize(("right", "wrong"), KINDS.items())
def test_api_versions_and_kinds(right: str, wrong: str, tmp_path: Path) -> None:
    version, kind = wrong.split()
    file = tmp_path / "it.yaml"
    text = f"apiVersion: {version} # {version}\nkind: {kind}\nmetadata: {{name: a}}\n"
    file.write_text(text + REST.get(kind, ""))
    run("check", file, "--fix")
    meant, name = right.split()
    assert file.read_text().splitlines()[:2] == [
        f"apiVersion: {meant} # {version}",
        f"kind: {name}",
    ]


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
