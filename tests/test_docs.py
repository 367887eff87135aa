"""What docs/ shows is what happens."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml

from cdk8s_inference import Gateway, GatewayProvider
from cdk8s_inference.checks import RULES
from cdk8s_inference.checks.registry import all_rules
from cdk8s_inference.checks.waiver import waivers_of
from cdk8s_inference.document.rules.gateways import GATEWAY_RULES
from cdk8s_inference.gateways import GATEWAY_PROVIDERS, ISTIO
from cdk8s_inference.platform.document import read_platform
from cdk8s_inference.releases import ROUTER_NEWEST, ROUTER_RELEASES
from cdk8s_inference.releases.stack import KNOWN, STACK_2026_08, STACK_MODELPLANE
from cdk8s_inference.source import Cursor, Document, read
from cdk8s_inference.stack.props import COMPONENT_NAMES
from cdk8s_inference.topology import KubeObject
from tests.cli.console import run
from tests.kit import examples
from tests.kit.synth import synthesized, the

DOCS = Path(__file__).parents[1] / "docs"
STACK = (DOCS / "serving-stack.md").read_text()
CHECKS = (DOCS / "checks.md").read_text()
GATEWAYS = (DOCS / "gateways.md").read_text()
PODS = (DOCS / "pods.md").read_text()
SIMULATE = (DOCS / "simulate.md").read_text()
GRAPH = (DOCS / "graph.md").read_text()
DISAGGREGATION = (DOCS / "disaggregation.md").read_text()


def test_the_settings_of_pods_are_those_of_a_file() -> None:
    (code,) = re.findall(r"```python\n(.*?)```", PODS, re.DOTALL)
    scope: dict[str, Any] = {}
    exec(code, scope)
    (file,) = re.findall(r"```yaml\n(.*?)```", PODS, re.DOTALL)
    (document,), _ = read(file.encode())
    platform, findings = read_platform(document)
    assert findings == []
    assert platform is not None
    assert platform.rollout == scope["platform"].rollout
    assert platform.pods.requests == scope["platform"].pods.requests


def test_the_graph_is_drawn_so() -> None:
    (shown,) = re.findall(r"```mermaid\n(.*?)```", GRAPH, re.DOTALL)
    dist = [path for path in (DOCS.parent / "dist").glob("*.yaml") if "foundation" not in path.name]
    result = run("graph", *dist, "--deployment=llama-70b-0", "--config=")
    assert result.stdout == shown
    (code,) = re.findall(r"```python\n(.*?)```", GRAPH, re.DOTALL)
    scope: dict[str, Any] = {}
    exec(code, scope)
    assert scope["prefill"].name == "qwen3-8b-0-prefill"
    assert scope["page"].startswith("<!DOCTYPE html>")


def test_the_stack_is_composed() -> None:
    (code,) = re.findall(r"```python\n(.*?)```", STACK, re.DOTALL)
    scope: dict[str, Any] = {}
    exec(code, scope)
    assert scope["platform"].gateway == Gateway()
    assert scope["stack"].findings == ()
    gateway = the(synthesized(scope["stack"]), "Gateway")
    assert [listener["port"] for listener in gateway["spec"]["listeners"]] == [443]


def test_its_components_and_releases_are_those_of_the_code() -> None:
    listed = STACK[STACK.index("Components: ") : STACK.index("A name is also")]
    assert tuple(re.findall(r"`([^`]+)`", listed)) == COMPONENT_NAMES
    rows = re.findall(r"^\| [\w ]+ \| (v[\d.]+) \| (v[\d.]+) \| (v.*) \|$", STACK, re.MULTILINE)
    assert rows == [
        (getattr(STACK_2026_08, part), getattr(STACK_MODELPLANE, part), ", ".join(known))
        for part, known in {
            name: KNOWN[name]
            for name in (
                "gateway_api",
                "inference_extension",
                "envoy_gateway",
                "ai_gateway",
                "leader_worker_set",
            )
        }.items()
    ]


def test_the_gateways_example_is_composed() -> None:
    (code,) = re.findall(r"```python\n(.*?)```", GATEWAYS, re.DOTALL)
    scope: dict[str, Any] = {}
    exec(code, scope)
    assert scope["platform"].gateway.provider == ISTIO
    assert the(synthesized(scope["stack"]), "Gateway")["spec"]["gatewayClassName"] == "istio"


def _row(provider: GatewayProvider) -> list[str]:
    def yes(value: bool) -> str:
        return "yes" if value else "no"

    tls = {
        "unverified": "TLS, unverified",
        "DestinationRule": "plaintext; TLS by a `DestinationRule`",
        "plaintext": "plaintext, within the pod",
    }
    limit = provider.default_timeout_seconds
    return [
        f"`{provider.name}`",
        provider.release or "-",
        ", ".join(provider.failure_modes),
        tls[provider.picker_tls],
        yes(provider.picker_headers),
        yes(provider.route_timeouts) if provider.gateway_api else "-",
        "none" if limit is None else f"{limit} s",
        yes(provider.weighted_pools),
        yes(provider.cross_namespace_pools),
    ]


def _composed_for(provider: GatewayProvider) -> list[str]:
    def quoted(names: Sequence[str]) -> str:
        return ", ".join(f"`{name}`" for name in names) or "-"

    classes = [provider.class_name] if provider.class_name else []
    return [
        f"`{provider.name}`",
        quoted(classes),
        quoted(provider.components),
        quoted(provider.policies),
    ]


def test_its_gateways_are_those_of_the_code() -> None:
    rows = [
        [cell.strip() for cell in line.strip("| ").split(" | ")]
        for line in GATEWAYS.splitlines()
        if line.startswith("| `")
    ]
    providers = GATEWAY_PROVIDERS.values()
    assert rows == [*map(_row, providers), *map(_composed_for, providers)]
    text = " ".join(GATEWAYS.split()).lower()
    for provider in providers:
        for caveat in provider.caveats:
            assert f"{caveat.text} ([source]({caveat.source}))".lower() in text


def test_every_code_of_a_gateway_has_its_line() -> None:
    codes = [code for code in GATEWAY_RULES.rules if code.startswith("G")]
    assert re.findall(r"^\| (G\d{3}) \|", GATEWAYS, re.MULTILINE) == sorted(codes)


def test_every_code_has_its_line() -> None:
    codes = {code for code in all_rules() if code.startswith("S")}
    assert set(re.findall(r"^\| (S\d{3}) \|", STACK, re.MULTILINE)) == codes


def test_disaggregation_is_composed() -> None:
    scope: dict[str, Any] = {}
    for code in re.findall(r"```python\n(.*?)```", DISAGGREGATION, re.DOTALL):
        exec(code, scope)
    objects = synthesized(scope["app"])
    assert the(objects, "Deployment", "qwen3-0-epp")["spec"]["replicas"] == 2
    pool = the(objects, "InferencePool", "deepseek-0")
    assert len(pool["spec"]["targetPorts"]) == 8
    gang = the(objects, "LeaderWorkerSet", "deepseek-0-decode")["spec"]["leaderWorkerTemplate"]
    assert gang["size"] == 4
    assert "initContainers" in gang["workerTemplate"]["spec"]


def test_its_connectors_are_those_of_the_releases() -> None:
    rows = re.findall(r"^\| .*? \| `([a-z0-9-]+)` \| (v[^|]*) \|", DISAGGREGATION, re.MULTILINE)
    assert dict(rows) == {
        connector.name: ", ".join(
            release.version for release in ROUTER_RELEASES if release.has_connector(connector.name)
        )
        for connector in ROUTER_NEWEST.sidecar.connectors
    }


def test_the_check_is_shown_as_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shown, *_ = re.findall(r"```console\n\$ (.*?)```", CHECKS, re.DOTALL)
    command, _, output = shown.partition("\n")
    objects = examples.broken("T201")
    decode = next(each for each in objects if each["metadata"]["name"] == "decode")
    others = [each for each in objects if each is not decode]
    folder = tmp_path / "manifests"
    folder.mkdir()
    (folder / "decode.yaml").write_text(yaml.safe_dump(decode, sort_keys=False))
    (folder / "others.yaml").write_text(yaml.safe_dump_all(others, sort_keys=False))
    monkeypatch.chdir(tmp_path)
    result = run(*command.split()[1:])
    assert result.stdout == output
    assert result.exit_code == 1


def test_the_waiver_is_read() -> None:
    (annotated,) = re.findall(r"```yaml\n(metadata:.*?)```", CHECKS, re.DOTALL)
    waivers = waivers_of(
        [KubeObject(Document(data), Cursor(data)) for data in [yaml.safe_load(annotated)]]
    )
    assert [(each.code, str(each.until)) for each in waivers] == [("T503", "2027-03-31")]


def test_checks_from_python(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (code,) = re.findall(r"```python\n(.*?)```", CHECKS, re.DOTALL)
    monkeypatch.chdir(tmp_path)
    example = RULES["T201"].example
    assert example is not None
    (tmp_path / "manifests.yaml").write_text(example.fixed)
    exec(code, {})
    (tmp_path / "manifests.yaml").write_text(example.broken)
    with pytest.raises(AssertionError):
        exec(code, {})


def test_a_twin_is_composed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "examples").symlink_to(DOCS.parent / "examples")
    (file,) = re.findall(r"```yaml\n(.*?)```", SIMULATE, re.DOTALL)
    (tmp_path / "platform.yaml").write_text(file)
    made = []
    for command, shown in re.findall(r"\$ cdk8s-inference (.*)\n(.*)\n", SIMULATE):
        result = run(*command.split())
        assert (result.exit_code, result.stderr.strip()) == (0, shown)
        made.append((tmp_path / "twin" / "ml-team.qwen3-8b.k8s.yaml").read_text())
    simulators, vllm = made
    assert re.findall(r"--model=(.*)", vllm) == 2 * re.findall(r"model: (.*)", file)
    objects = list(yaml.safe_load_all(simulators))
    assert {each["kind"] for each in objects} == {
        *("ConfigMap", "Deployment", "Role", "RoleBinding", "Service", "ServiceAccount")
    }
    assert the(objects, "Service", "qwen3-8b-0")["spec"]["ports"][0]["port"] == 80


def test_a_twin_is_composed_from_python(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (code,) = re.findall(r"```python\n(.*?)```", SIMULATE, re.DOTALL)
    # Node.js does not change folders with us.
    code = re.sub(r'outdir="(\w+)"', rf'outdir="{tmp_path}/\1"', code)
    exec(code, {})
    twin = (tmp_path / "twin" / "qwen3-8b.k8s.yaml").read_text()
    assert "--time-to-first-token=200ms" in twin
    assert "ResourceClaimTemplate" in (tmp_path / "dist" / "qwen3-8b.k8s.yaml").read_text()
    assert "ResourceClaimTemplate" not in twin


def test_the_simulators_are_those_of_the_releases() -> None:
    pairs = re.findall(r"(v[\d.]+\d) for (v[\d.]+\d)", SIMULATE)
    assert [(each.simulator.rpartition(":")[2], each.version) for each in ROUTER_RELEASES] == [
        *reversed(pairs)
    ]


def test_every_link_leads_to_a_file_and_a_heading() -> None:
    pages = [DOCS.parent / "README.md", *DOCS.glob("*.md"), *DOCS.glob("guides/*.md")]
    broken = [
        f"{page.name}: {link}"
        for page in pages
        for link in re.findall(r"\]\(([^)\s]+)\)", page.read_text())
        if not link.startswith("http") and not _leads_somewhere(page, link)
    ]
    assert broken == []


def _leads_somewhere(page: Path, link: str) -> bool:
    name, _, anchor = link.partition("#")
    target = page.parent / name if name else page
    if not anchor or not target.is_file():
        return target.exists()
    headings = re.findall(r"^#+ (.*)$", target.read_text(), re.MULTILINE)
    return anchor in {re.sub(r"[^\w -]", "", each.lower()).replace(" ", "-") for each in headings}


def test_the_readme_lists_every_page() -> None:
    readme = (DOCS.parent / "README.md").read_text()
    index = readme[readme.index("## Documentation") :]
    pages = {f"docs/{page.name}" for page in DOCS.glob("*.md")}
    assert pages | {"docs/guides/README.md", "docs/rules/README.md"} == {
        *re.findall(r"\((docs/[\w/-]+\.md)\)", index)
    }
