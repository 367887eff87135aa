"""The pages of docs/guides are run as they are written, and show what comes of it."""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from cdk8s import App

from cdk8s_inference import (
    ArgoCD,
    Crossplane,
    EngineGroup,
    Flux,
    Gateway,
    JsonPatch,
    K3s,
    ModelDeployment,
    Platform,
)
from cdk8s_inference.stack.delivery import Delivery
from cdk8s_inference.stack.plan import plan
from cdk8s_inference.stack.props import StackProps
from tests.cli.console import run
from tests.kit.synth import of_kind, synthesized, the

ROOT = Path(__file__).parents[1]
GUIDES = ROOT / "docs" / "guides"
PAGES = {page.stem: page.read_text() for page in sorted(GUIDES.glob("*.md"))}

_BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
_OTHERS = ("kubectl", "curl", "for", "address=", "service=", "pytest", "git")
"""What pages start besides, which needs a cluster or your own repository."""


def ran(page: str, folder: Path) -> dict[str, Any]:
    """What a page's Python leaves behind, once every block of the page is run in order."""
    scope: dict[str, Any] = {}
    printed = ""
    for language, text in _BLOCK.findall(PAGES[page]):
        if language == "python":
            with redirect_stdout(StringIO()) as out:
                exec(text, scope)
            printed = out.getvalue()
        elif language == "text":
            assert printed == text
        elif language == "yaml":
            (folder / "platform.yaml").write_text(text)
        else:
            assert language == "console"
            for entry in re.split(r"^\$ ", text, flags=re.MULTILINE)[1:]:
                _command(*entry.split("\n", 1))
    return scope


def _command(line: str, shown: str) -> None:
    command, _, cut = line.partition(" | head -n ")
    if not command.startswith("cdk8s-inference "):
        assert command.startswith(_OTHERS), command
        return
    result = run(*command.split()[1:])
    assert result.exit_code == 0, result.output
    lines = (result.stdout + result.stderr).splitlines()
    assert lines[: int(cut) if cut else None] == shown.splitlines()


def of_first_request(scope: dict[str, Any]) -> None:
    objects = synthesized(scope["deployment"])
    paths = [
        rule["matches"][0]["path"]["value"]
        for route in of_kind(objects, "HTTPRoute")
        for rule in route["spec"]["rules"]
    ]
    page = PAGES["first-request"]
    (row,) = re.findall(r"^\| 2 \| (.*) \|$", page, re.MULTILINE)
    assert sorted(re.findall(r"`(.*?)`", row)) == sorted(paths)
    asked = re.findall(r"curl http://[^/]*(/\S*)v1/completions", page)
    assert set(asked) == {scope["deployment"].routing.path, "/"}
    gateway = Gateway()
    assert f"gateway {gateway.name} --namespace {gateway.namespace} " in page


def of_pod_settings(scope: dict[str, Any]) -> None:
    spec = the(synthesized(scope["deployment"]), "Deployment")["spec"]["template"]["spec"]
    requests = spec["containers"][0]["resources"]["requests"]
    assert requests == {"cpu": "8", "memory": "128Gi"}
    assert spec["priorityClassName"] == "models"
    assert Platform.from_file("platform.yaml") == scope["platform"]


def of_sidecar(scope: dict[str, Any]) -> None:
    spec = the(synthesized(scope["deployment"]), "Deployment")["spec"]["template"]["spec"]
    (sidecar,) = spec["initContainers"]
    assert (sidecar["name"], sidecar["restartPolicy"]) == ("log-shipper", "Always")
    assert "logs" in {volume["name"] for volume in spec["volumes"]}


def of_volume(scope: dict[str, Any]) -> None:
    spec = the(synthesized(scope["deployment"]), "Deployment")["spec"]["template"]["spec"]
    assert {volume["name"] for volume in spec["volumes"]} == {"shm", "home", "chat"}


def of_patch(scope: dict[str, Any]) -> None:
    workload = scope["engine"].workload
    workload.add_json_patch(JsonPatch.remove("/spec/template/spec/containers/0/args/2"))
    assert not [each for each in scope["deployment"].check() if each.severity == "error"]
    (found,) = of_kind(synthesized(scope["deployment"]), "Deployment")
    assert found["metadata"]["annotations"] == {"reloader.stakater.com/auto": "true"}


def of_gang(scope: dict[str, Any]) -> None:
    gang = the(synthesized(scope["deployment"]), "LeaderWorkerSet")["spec"]["leaderWorkerTemplate"]
    assert gang["size"] == 2
    scripts = [
        gang[part]["spec"]["containers"][0]["args"][0]
        for part in ("leaderTemplate", "workerTemplate")
    ]
    flags = re.findall(r"^\| `(--[\w-]+)`", PAGES["gang"], re.MULTILINE)
    assert all(flag in scripts[1] for flag in flags)
    assert ["--headless" in script for script in scripts] == [False, True]


def of_sglang(scope: dict[str, Any]) -> None:
    objects = synthesized(scope["deployment"])
    assert "always-disagg" in the(objects, "ConfigMap")["data"]["config.yaml"]
    arguments = the(objects, "Deployment", "qwen3-8b-0-prefill")["spec"]["template"]["spec"]
    assert "--disaggregation-mode=prefill" in arguments["containers"][0]["args"]


def of_testing(scope: dict[str, Any]) -> None:
    """The snapshot stands for what the first run records."""
    recorded: list[Any] = []

    class Recorder:
        def __eq__(self, other: object) -> bool:
            recorded.append(other)
            return True

        __hash__ = None  # type: ignore[assignment]

    scope["test_deployment"](Recorder())
    assert the(recorded[0], "Deployment")["metadata"]["name"] == "qwen-0-cpu"
    scope["test_every_engine_requests_memory"]()


def of_upgrade(scope: dict[str, Any]) -> None:
    images = [
        the(chart.to_json(), "Deployment", f"{chart.node.id}-0-epp")["spec"]["template"]["spec"]
        for chart in scope["app"].charts
    ]
    releases = [each["containers"][0]["image"].rpartition(":")[2] for each in images]
    assert releases == ["v0.9.0", "v0.10.0"]


def of_two_teams(scope: dict[str, Any]) -> None:
    teams = [chart for chart in scope["app"].charts if isinstance(chart, ModelDeployment)]
    paths = {chart.routing.path for chart in teams}
    assert len(teams) == 2
    assert paths == {*re.findall(r"`(/\S+/)`", PAGES["two-teams"])}


HOLDS: dict[str, Callable[[dict[str, Any]], None]] = {
    "first-request": of_first_request,
    "gang": of_gang,
    "patch": of_patch,
    "pod-settings": of_pod_settings,
    "sglang": of_sglang,
    "sidecar": of_sidecar,
    "testing": of_testing,
    "two-teams": of_two_teams,
    "upgrade": of_upgrade,
    "volume": of_volume,
}
"""What a page says of what it composes."""


@pytest.mark.parametrize("page", [page for page in PAGES if page != "README"])
def test_a_page_holds(page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(App, "synth", lambda _: None)
    (tmp_path / "qwen3-8b.yaml").write_text((ROOT / "examples" / "qwen3-8b.yaml").read_text())
    HOLDS[page](ran(page, tmp_path))


def test_every_method_that_is_named_is_there() -> None:
    named = {name for text in PAGES.values() for name in re.findall(r"\badd_\w+", text)}
    assert [name for name in named if not hasattr(EngineGroup, name)] == ["add_json_patch"]


def test_the_index_has_every_page() -> None:
    linked = re.findall(r"^\| \[.*?\]\(([\w-]+)\.md\)", PAGES["README"], re.MULTILINE)
    assert sorted(linked) == sorted(page for page in PAGES if page != "README")


WAITED_FOR: dict[str, tuple[Delivery, str, str | None]] = {
    "helmreleases": (Flux(), "HelmRelease", None),
    "applications": (ArgoCD(), "Application", None),
    "releases.helm.m.crossplane.io": (Crossplane(), "Release", None),
    "job/helm-install-envoy-gateway": (K3s(), "HelmChart", "envoy-gateway"),
}


@pytest.mark.parametrize("waited", WAITED_FOR)
def test_what_is_waited_for_is_composed(waited: str) -> None:
    delivery, kind, name = WAITED_FOR[waited]
    assert f"`{type(delivery).__name__}` | `kubectl wait {waited} " in PAGES["first-request"]
    made = [
        each for each in delivery.deliver(plan(StackProps())).components if each["kind"] == kind
    ]
    assert made
    assert name is None or name in {each["metadata"]["name"] for each in made}
