"""A ServingStack document becomes a stack, or findings with its own fields and lines."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from cdk8s import App

from cdk8s_inference import DraDriver, InvalidInput, K3s, Listener, ServingStack
from cdk8s_inference.findings import Finding, errors
from cdk8s_inference.releases.stack import STACK_MODELPLANE
from cdk8s_inference.source import Document, read
from cdk8s_inference.stack.document import read_stack
from cdk8s_inference.stack.props import StackProps
from tests.kit.synth import synthesized, the

TEXT = """\
apiVersion: infrastructure.modelplane.ai/v1alpha1
kind: ServingStack
metadata:
  name: 7.cluster
  namespace: platform
spec:
  secrets:
    - {type: Kubeconfig, name: kubeconfig, key: kubeconfig}
"""


def stack(spec: str = "") -> tuple[StackProps | None, list[Finding]]:
    [document], problems = read((TEXT + spec).encode(), "stack.yaml")
    assert problems == []
    return read_stack(document)


def test_the_smallest_is_modelplanes_own() -> None:
    props, findings = stack()
    assert props == StackProps(versions=STACK_MODELPLANE, devices=DraDriver())
    assert [(finding.code, finding.severity, finding.line) for finding in findings] == [
        ("S003", "note", 7)
    ]


def test_an_empty_text_is_the_default() -> None:
    props, _ = stack("  nvidiaDriverRoot: ''\n")
    assert props == stack()[0]


def test_everything() -> None:
    props, findings = stack(
        "  nvidiaDriverRoot: /home/kubernetes/bin/nvidia\n"
        "  versions: {envoyGateway: v1.8.3, prometheus: 88.5.3}\n"
        "  gateway:\n"
        "    className: models\n"
        "    listeners:\n"
        "      - {name: web, port: 8080, protocol: HTTP}\n"
        "      - {name: raw, port: 9000, protocol: TCP}\n"
    )
    assert errors(findings) == []
    assert props is not None
    assert props.devices == DraDriver("/home/kubernetes/bin/nvidia")
    assert (props.versions.envoy_gateway, props.versions.prometheus) == ("v1.8.3", "88.5.3")
    assert props.versions.ai_gateway == "v0.7.0"
    assert props.gateway_class == "models"
    assert list(props.open_listeners) == [Listener("web", 8080), Listener("raw", 9000, "TCP")]


@pytest.mark.parametrize(
    ("spec", "code", "path", "line", "says"),
    [
        (
            "  versions:\n    envoyGateway: v1.9.0\n",
            "S104",
            "spec.versions.envoyGateway",
            10,
            "ai_gateway v0.7.0 requires envoy_gateway 1.8, not v1.9.0",
        ),
        (
            "  versions:\n    leaderWorkerSet: v1.0.0\n",
            "S104",
            "spec.versions.leaderWorkerSet",
            10,
            "known are v0.8.0, v0.10.0",
        ),
        (
            "  nvidiaDriverRoot: run\n",
            "S108",
            "spec.nvidiaDriverRoot",
            9,
            "'run' is not an absolute path",
        ),
        (
            "  gateway:\n    className: Envoy\n",
            "S107",
            "spec.gateway.className",
            10,
            "not a valid name",
        ),
        (
            "  gateway:\n    listeners:\n      - {name: Web, port: 80, protocol: HTTP}\n",
            "S106",
            "spec.gateway.listeners[0].name",
            11,
            "'Web' is not a valid name",
        ),
    ],
)
def test_findings_are_about_the_document(
    spec: str, code: str, path: str, line: int, says: str
) -> None:
    props, findings = stack(spec)
    assert props is None
    (finding,) = (entry for entry in errors(findings) if entry.path == path)
    assert (finding.code, finding.file, finding.line) == (code, "stack.yaml", line)
    assert says in finding.message
    if code == "S104":
        assert "--allow-untested" in finding.fix


def test_untested_releases_can_be_allowed() -> None:
    [document], _ = read((TEXT + "  versions: {envoyGateway: v1.9.0}\n").encode())
    props, findings = read_stack(document, allow_untested=True)
    assert props is not None
    assert {finding.severity for finding in findings} == {"note", "warning"}


def test_a_construct_from_a_file(tmp_path: Path) -> None:
    file = tmp_path / "stack.yaml"
    file.write_text(TEXT + "  gateway: {className: models}\n")
    composed = ServingStack.from_file(App(), "stack", file, delivery=K3s())
    assert the(synthesized(composed), "GatewayClass", "models")
    charts = {entry["spec"]["chart"]: entry["spec"] for entry in synthesized(composed.components)}
    assert charts["oci://docker.io/envoyproxy/gateway-helm"]["version"] == "v1.8.1"
    assert [finding.code for finding in composed.findings] == ["S003"]


def test_a_construct_from_data_refuses_all_that_is_wrong() -> None:
    data: dict[str, Any] = {
        "apiVersion": "infrastructure.modelplane.ai/v1alpha1",
        "kind": "ServingStack",
        "metadata": {"name": "stack"},
        "spec": {
            "secrets": [{"type": "Kubeconfig", "name": "a", "key": "b"}],
            "versions": {"envoyGateway": "v1.9.0"},
            "nvidiaDriverRoot": "x",
        },
    }
    with pytest.raises(InvalidInput) as raised:
        ServingStack.from_document(App(), "stack", data)
    assert {finding.code for finding in errors(raised.value.findings)} == {"S104", "S108"}
    with pytest.raises(InvalidInput, match="D010"):
        ServingStack.from_document(App(), "stack", {**data, "kind": "ModelDeployment"})
    assert read_stack(Document([]))[0] is None
