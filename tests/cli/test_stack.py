"""ServingStack documents on the command line."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from tests.cli.console import found, named, save, synth, tree
from tests.document.builders import Json, edited, prefill_decode
from tests.document.test_serving_stack import SMALLEST
from tests.kit.server import Server
from tests.stack.tools import control_plane, fake_helm

PARTS = ["0000-foundation", "0001-components", "0002-gateway"]


def stack(name: str = "cluster", **spec: object) -> Json:
    made = edited(SMALLEST, "metadata.name", name)
    return {**made, "spec": {**made["spec"], **spec}}


def objects(text: str) -> list[Json]:
    return list(yaml.load_all(text, yaml.CSafeLoader))


def test_its_files_come_before_those_of_deployments(tmp_path: Path) -> None:
    file = save(tmp_path / "in" / "all.yaml", named("a", "1-team"), stack())
    result = synth(file, "--output", tmp_path / "out")
    assert result.exit_code == 0, result.stderr
    assert result.stderr.endswith(
        f"1 note: 1 serving stack and 1 deployment written to {tmp_path / 'out'}\n"
    )
    written = tree(tmp_path / "out")
    assert sorted(written) == [*(f"{part}.cluster.k8s.yaml" for part in PARTS), "1-team.a.k8s.yaml"]
    server = control_plane("flux")
    server.namespaces.add("1-team")
    for name in sorted(written):
        server.apply_all(objects(written[name]))


def test_two_stacks_in_one_folder(tmp_path: Path) -> None:
    one = save(tmp_path / "in" / "one.yaml", stack())
    two = save(tmp_path / "in" / "two.yaml", stack(gateway={"className": "two"}))
    result = synth(one, two, "--delivery", "k3s", "-o", tmp_path / "out")
    assert result.exit_code == 0, result.stderr
    assert sorted(tree(tmp_path / "out")) == sorted(
        f"{part}.cluster.{stem}.k8s.yaml" for part in PARTS for stem in ("one", "two")
    )


@pytest.mark.parametrize(
    ("delivery", "kind"),
    [
        ("argocd", "Application"),
        ("k3s", "HelmChart"),
    ],
)
def test_the_tool_is_chosen(delivery: str, kind: str, tmp_path: Path) -> None:
    file = save(tmp_path / "stack.yaml", stack())
    result = synth(file, "--delivery", delivery, "--stdout")
    assert result.exit_code == 0, result.stderr
    assert kind in {entry["kind"] for entry in objects(result.stdout)}


def test_plain_needs_helm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path / "none"))
    file = save(tmp_path / "stack.yaml", stack())
    result = synth(file, "--delivery", "plain", "--output", tmp_path / "out")
    assert result.exit_code == 2
    assert "'helm', which is not installed here" in result.stderr
    assert not (tmp_path / "out").exists()


def test_plain_is_what_helm_renders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    output = "{apiVersion: v1, kind: ConfigMap, metadata: {name: RELEASE}}\n"
    fake_helm(tmp_path, output)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    file = save(tmp_path / "stack.yaml", stack())
    result = synth(file, "--delivery", "plain", "--stdout")
    assert result.exit_code == 0, result.stderr
    found_objects = objects(result.stdout)
    assert "envoy-gateway" in {entry["metadata"]["name"] for entry in found_objects}
    Server().apply_all(found_objects)


def test_what_is_wrong_with_any_document_stops_all(tmp_path: Path) -> None:
    file = save(
        tmp_path / "all.yaml", named("a"), stack(versions={"envoyGateway": "v1.9.0"}), stack(x=1)
    )
    result = synth(file, "--output", tmp_path / "out", "--format", "json")
    assert result.exit_code == 1
    codes = [finding["code"] for finding in found(result) if finding["severity"] == "error"]
    assert sorted(set(codes)) == ["D004", "S104"]
    assert not (tmp_path / "out").exists()


def test_its_gateway_is_the_one_that_routes_attach_to(tmp_path: Path) -> None:
    file = save(tmp_path / "all.yaml", named("a"), stack())
    result = synth(file, "--stdout", "--gateway", "edge/models")
    assert result.exit_code == 0
    made = {entry["kind"]: entry for entry in objects(result.stdout)}
    metadata = made["Gateway"]["metadata"]
    (parent,) = made["HTTPRoute"]["spec"]["parentRefs"]
    assert (metadata["namespace"], metadata["name"]) == ("edge", "models")
    assert (parent["namespace"], parent["name"]) == ("edge", "models")


@pytest.mark.parametrize(
    ("provider", "kinds"),
    [
        ("istio", {"DestinationRule", "HTTPRoute", "Gateway", "InferencePool"}),
        ("gke", {"HealthCheckPolicy", "GCPBackendPolicy", "HTTPRoute", "Gateway"}),
        ("standalone", set()),
    ],
)
def test_the_provider_is_the_routes_and_the_stacks(
    provider: str, kinds: set[str], tmp_path: Path
) -> None:
    file = save(tmp_path / "all.yaml", prefill_decode(), stack())
    result = synth(file, "--stdout", "--gateway-provider", provider)
    assert result.exit_code == 0, result.stderr
    made = {entry["kind"] for entry in objects(result.stdout)}
    assert kinds <= made
    assert "EnvoyProxy" not in made
    if provider == "standalone":
        assert not made & {"HTTPRoute", "Gateway", "InferencePool"}


def test_a_class_of_another_provider_is_refused(tmp_path: Path) -> None:
    file = save(tmp_path / "stack.yaml", stack(gateway={"className": "envoy"}))
    arguments = (file, "--stdout", "--gateway-provider", "istio", "--format", "json")
    result = synth(*arguments)
    assert result.exit_code == 1
    assert [(f["code"], f["path"]) for f in found(result) if f["severity"] == "error"] == [
        ("S110", "spec.gateway.className")
    ]


def test_a_provider_that_does_not_disaggregate_is_refused(tmp_path: Path) -> None:
    file = save(tmp_path / "model.yaml", prefill_decode())
    result = synth(
        file, "--stdout", "--gateway-provider", "nginx-gateway-fabric", "--format", "json"
    )
    assert result.exit_code == 1
    assert [f["code"] for f in found(result) if f["severity"] == "error"] == ["G102"]


def test_an_unknown_provider_is_wrong_usage(tmp_path: Path) -> None:
    result = synth(save(tmp_path / "s.yaml", stack()), "--stdout", "--gateway-provider", "acme")
    assert result.exit_code == 2
    assert "nginx-gateway-fabric" in result.stderr


def test_untested_releases_on_request(tmp_path: Path) -> None:
    file = save(tmp_path / "stack.yaml", stack(versions={"envoyGateway": "v1.9.0"}))
    result = synth(file, "--stdout", "--allow-untested", "--format", "json")
    assert result.exit_code == 0
    assert {finding["severity"] for finding in found(result)} == {"note", "warning"}
