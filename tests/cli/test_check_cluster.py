from __future__ import annotations

import copy
import json
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from tests.cli.console import run
from tests.kit import examples
from tests.kit.live import TOKEN, Served, kubeconfig, live

GOOD = examples.base("disaggregated")
BROKEN = examples.broken("T201")
PLACE = "llm/Deployment/decode"


def running(objects: Any) -> list[Any]:
    """Objects as a server has them."""
    found = copy.deepcopy(list(objects))
    for each in found:
        each["metadata"] |= {
            "uid": f"{each['kind']}-{each['metadata']['name']}",
            "managedFields": [{"manager": "kubectl"}],
            "annotations": {"kubectl.kubernetes.io/last-applied-configuration": "{}"},
        }
        each["status"] = {"unknownHere": True}
    return found


def replica_set(owner: str) -> Any:
    (workload,) = (each for each in BROKEN if each["kind"] == "Deployment" and owner == name(each))
    made = copy.deepcopy(workload)
    made["kind"] = "ReplicaSet"
    reference = {"kind": "Deployment", "name": owner, "uid": f"Deployment-{owner}"}
    made["metadata"] = {
        "name": f"{owner}-1",
        "namespace": "llm",
        "ownerReferences": [{**reference, "controller": True}],
    }
    return made


def name(item: Any) -> str:
    found: str = item["metadata"]["name"]
    return found


def test_what_runs_is_judged_as_what_is_written(tmp_path: Path) -> None:
    served = Served([*running(BROKEN), replica_set("decode")], page=2)
    with live(served, tmp_path) as config:
        result = run("check", "--cluster", "--kubeconfig", config)
    assert result.exit_code == 1, result.output
    first, *_, last = result.stdout.splitlines()
    assert first.startswith(f"{PLACE}: error[T201] spec.template.spec.initContainers[0].args[1]: ")
    assert last.startswith("1 error in 11 objects: 2 engines (1 prefill, 1 decode), 1 pool")
    assert {method for method, _, _ in served.asked} == {"GET"}
    assert any("continue=" in path for _, path, _ in served.asked)


def test_a_good_one_has_no_findings(tmp_path: Path) -> None:
    with live(Served(running(GOOD)), tmp_path) as config:
        result = run("check", "--cluster", "--kubeconfig", config, "-A")
    assert result.exit_code == 0
    assert result.stdout.startswith("nothing wrong in 12 objects"), result.stdout


@pytest.mark.parametrize("format", ["json", "sarif", "junit"])
def test_every_format_says_the_position(format: str, tmp_path: Path) -> None:
    with live(Served(running(BROKEN)), tmp_path) as config:
        result = run("check", "--cluster", "--kubeconfig", config, "--format", format)
    assert result.exit_code == 1
    assert PLACE in result.stdout
    assert TOKEN not in result.output


def test_only_the_namespace_is_read(tmp_path: Path) -> None:
    other = copy.deepcopy(running(BROKEN))
    for each in other:
        each["metadata"]["namespace"] = "other"
    served = Served([*running(GOOD), *other])
    with live(served, tmp_path) as config:
        assert run("check", "--cluster", "--kubeconfig", config).exit_code == 0
        for where in (["-n", "other"], ["--all-namespaces"]):
            result = run("check", "--cluster", "--kubeconfig", config, "--select=T201", *where)
            assert result.stdout.startswith("other/Deployment/decode: error[T201]")


def test_what_is_forbidden_is_said(tmp_path: Path) -> None:
    served = Served(running(GOOD), forbidden=frozenset({"configmaps"}))
    with live(served, tmp_path) as config:
        result = run("check", "--cluster", "--kubeconfig", config, "--format", "json")
    summary = json.loads(result.stdout)[-1]["summary"]
    assert "configmaps (forbidden)" in summary["unread"]
    assert summary["objects"] == 10


def test_of_secrets_the_names_alone_are_read(tmp_path: Path) -> None:
    secret = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "s", "namespace": "llm"},
        "data": {"token": "b2YtdGhlLXRlYW0="},
    }
    served = Served([*running(GOOD), secret])
    with live(served, tmp_path) as config:
        result = run("check", "--cluster", "--kubeconfig", config)
    assert result.exit_code == 0
    (accept,) = (accept for _, path, accept in served.asked if "/secrets" in path)
    assert accept.endswith("as=PartialObjectMetadataList")


def test_a_cluster_that_cannot_be_read_is_one_line(tmp_path: Path) -> None:
    def check(*arguments: str | Path) -> str:
        result = run("check", "--cluster", *arguments)
        assert (result.exit_code, result.stdout) == (2, "")
        assert TOKEN not in result.output
        (line,) = result.stderr.splitlines()
        return line

    assert "--kubeconfig FILE or --context NAME" in check("--kubeconfig", tmp_path / "absent")
    config = kubeconfig(tmp_path, "http://127.0.0.1:9")
    assert "127.0.0.1:9 refuses connections; is the cluster running" in check(
        "--kubeconfig", config
    )
    assert "--context NAME" in check("--kubeconfig", config, "--context", "other")
    served = Served([], instead=lambda: (401, {"message": "Unauthorized"}))
    with live(served, tmp_path) as config:
        assert "have they expired? Log in again" in check("--kubeconfig", config)
    served = Served([], instead=lambda: (403, {"message": f"forbidden, Bearer {TOKEN}"}))
    with live(served, tmp_path) as config:
        assert "forbids it: forbidden, Bearer ***" in check("--kubeconfig", config)
    served = Served([], instead=lambda: (200, b"<html>"))
    with live(served, tmp_path) as config:
        assert "is it the API of a cluster?" in check("--kubeconfig", config)


def test_a_cluster_that_does_not_answer_is_not_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cdk8s_inference.cli.live_input.API_SECONDS", 0.1)

    def slow() -> tuple[int, Any]:
        time.sleep(1)
        return 200, {}

    with live(Served([], instead=slow), tmp_path) as config:
        result = run("check", "--cluster", "--kubeconfig", config)
    assert result.exit_code == 2
    assert "does not answer within 0.1 s" in result.stderr


def test_without_the_client_the_command_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "kubernetes", None)
    result = run("check", "--cluster")
    assert result.exit_code == 2
    assert "pip install 'cdk8s-inference[cluster]'" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "Missing argument 'PATH...'"),
        (("--cluster", "."), "takes no PATH"),
        (("--cluster", "--fix"), "not --cluster"),
        (("--namespace", "llm", "."), "need --cluster"),
        (("--cluster", "-A", "-n", "llm"), "contradict"),
        (("--cluster", "--watch"), "--watch needs files"),
    ],
)
def test_usage(arguments: tuple[str, ...], said: str) -> None:
    result = run("check", *arguments)
    assert result.exit_code == 2
    assert said in result.stderr
