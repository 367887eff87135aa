from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from cdk8s import Chart
from syrupy.assertion import SnapshotAssertion

from cdk8s_inference import App, EnvVar, InvalidInput, SmokeTest
from cdk8s_inference.checks import check
from cdk8s_inference.smoke_test import SMOKE_TEST
from cdk8s_inference.source import Document
from tests.cli.console import run
from tests.kit import examples
from tests.kit.live import Served, live, plural_of
from tests.test_snapshots import YamlFile

PROPS: dict[str, Any] = {"name": "qwen-smoke", "namespace": "llm", "deployment": "qwen"}
ADDRESS = "http://gateway.gateways.svc:80/llm/qwen"


def composed(**more: Any) -> list[Any]:
    chart = Chart(App(), "chart")
    SmokeTest(chart, "smoke", **PROPS, **more)
    found: list[Any] = chart.to_json()
    return found


@pytest.fixture(scope="module")
def objects() -> list[Any]:
    return composed(address=ADDRESS, hook="helm")


def test_as_composed(objects: list[Any], snapshot: SnapshotAssertion) -> None:
    assert yaml.safe_dump_all(objects, sort_keys=False) == snapshot(extension_class=YamlFile)


def test_check_has_nothing_to_say(objects: list[Any]) -> None:
    assert [str(each) for each in check([Document(each) for each in objects])] == []


def test_the_program_takes_its_arguments(objects: list[Any]) -> None:
    (job,) = (each for each in objects if each["kind"] == "Job")
    pod = job["spec"]["template"]
    assert pod["metadata"]["labels"][SMOKE_TEST] == "qwen-smoke"
    arguments = pod["spec"]["containers"][0]["args"]
    result = run(*arguments, "--kubeconfig=/nowhere")
    assert "No cluster" in result.stderr


def test_the_role_lets_it_find_the_deployment(objects: list[Any], tmp_path: Path) -> None:
    (role,) = (each for each in objects if each["kind"] == "Role")
    allowed = {name for rule in role["rules"] for name in rule["resources"]}
    served = examples.base("disaggregated")
    forbidden = frozenset(plural_of(each["kind"]) for each in served) - allowed
    with live(Served(served, forbidden=forbidden), tmp_path) as config:
        checked = run("check", "--cluster", "--kubeconfig", config)
        result = run("verify", "qwen", "--kubeconfig", config)
    assert checked.exit_code == 0, checked.stdout
    assert result.stdout.startswith("llm/qwen: does not answer")
    assert not any("secrets" in rule["resources"] for rule in role["rules"])


@pytest.mark.parametrize("address", [None, ADDRESS])
def test_gateways_are_read_for_their_address_alone(address: str | None) -> None:
    (role,) = (each for each in composed(address=address) if each["kind"] == "Role")
    allowed = {name for rule in role["rules"] for name in rule["resources"]}
    assert ("gateways" in allowed) == (address is None)
    assert {verb for rule in role["rules"] for verb in rule["verbs"]} == {"list"}


@pytest.mark.parametrize(
    ("hook", "key"),
    [("helm", "helm.sh/hook"), ("argocd", "argocd.argoproj.io/hook"), (None, None)],
)
def test_a_hook_on_request(hook: Any, key: str | None) -> None:
    (job,) = (each for each in composed(hook=hook) if each["kind"] == "Job")
    annotations = job["metadata"].get("annotations", {})
    assert (key in annotations) if key else not annotations


def test_a_token_from_a_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    found = composed(address=ADDRESS, token=EnvVar.from_secret("TOKEN", "qwen-token", "token"))
    (job,) = (each for each in found if each["kind"] == "Job")
    (container,) = job["spec"]["template"]["spec"]["containers"]
    reference = {"secretKeyRef": {"name": "qwen-token", "key": "token"}}
    assert container["env"] == [{"name": "TOKEN", "valueFrom": reference}]
    arguments = [*container["args"], "--kubeconfig=/nowhere"]
    assert "TOKEN is not set" in run(*arguments).stderr
    monkeypatch.setenv("TOKEN", "secret")
    assert "No cluster" in run(*arguments).stderr


def test_a_token_is_not_written_into_manifests() -> None:
    with pytest.raises(InvalidInput, match="must come from a Secret") as raised:
        composed(token=EnvVar(name="TOKEN", value="hunter2"))
    assert "hunter2" not in str(raised.value)


def test_props_are_strict() -> None:
    with pytest.raises(InvalidInput, match="requests"):
        composed(requests=0)
    with pytest.raises(InvalidInput, match="hook"):
        composed(hook="flux")
