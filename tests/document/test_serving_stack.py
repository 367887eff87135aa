"""The ServingStack document against Modelplane's own schema."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest

from cdk8s_inference.document.serving_stack import (
    ServingStackDocument,
    check_stack,
    is_serving_stack,
)
from cdk8s_inference.findings import errors
from cdk8s_inference.source import Document
from tests.kit.schemas import Xrd, xrd_problems
from tests.kit.shared import custom_schema

XRD: Xrd = ("infrastructure.modelplane.ai/v1alpha1", "ServingStack", "v0.3.1")
Json = dict[str, Any]


SMALLEST: Json = {
    "apiVersion": "infrastructure.modelplane.ai/v1alpha1",
    "kind": "ServingStack",
    "metadata": {"name": "stack"},
    "spec": {"secrets": [{"type": "Kubeconfig", "name": "kubeconfig", "key": "config"}]},
}

EVERYTHING: Json = {
    **SMALLEST,
    "metadata": {"name": "7.stack", "namespace": "platform", "labels": {"a": "b"}, "uid": "1"},
    "spec": {
        "secrets": [
            {"type": "GoogleApplicationCredentials", "name": "g", "key": "k", "namespace": "n"},
            {"type": "AWSWebIdentityCredentials", "name": "a", "key": "k"},
            {"type": "NebiusServiceAccountCredentials", "name": "n", "key": "k"},
            {"type": "Kubeconfig", "name": "kubeconfig", "key": "config"},
        ],
        "nvidiaDriverRoot": "/home/kubernetes/bin/nvidia",
        "versions": {
            "gatewayApi": "v1.5.1",
            "certManager": "v1",
            "envoyGateway": "v1.8.3",
            "prometheus": "1",
            "leaderWorkerSet": "v0.10.0",
            "nodeFeatureDiscovery": "0.19.0",
            "nvidiaDraDriver": "0.4.1",
        },
        "gateway": {
            "className": "c" * 63,
            "listeners": [
                {"name": "http", "port": 1, "protocol": "HTTP"},
                {"name": "tcp", "port": 65535, "protocol": "TCP"},
            ],
        },
    },
    "status": {"gateway": {"address": "192.0.2.1"}},
}

Change = Callable[[Json], Any]


def _secrets(spec: Json, count: int) -> None:
    spec["secrets"] = [{"type": "Kubeconfig", "name": f"s{i}", "key": "k"} for i in range(count)]


def _listeners(spec: Json, *listeners: Json) -> None:
    spec["gateway"] = {"listeners": list(listeners)}


WEB: Json = {"name": "web", "port": 80, "protocol": "HTTP"}

ACCEPTED: dict[str, Change] = {
    "nothing": lambda spec: None,
    "eight secrets": lambda spec: _secrets(spec, 8),
    "empty parts": lambda spec: spec.update(versions={}, gateway={}),
    "no listeners": lambda spec: _listeners(spec),
    "an empty root": lambda spec: spec.update(nvidiaDriverRoot=""),
    "a long version": lambda spec: spec.update(versions={"prometheus": "1" * 32}),
    "null is the default": lambda spec: spec.update(nvidiaDriverRoot=None),
    "one listener": lambda spec: _listeners(spec, WEB),
}

REFUSED: dict[str, Change] = {
    "no secrets": lambda spec: spec.pop("secrets"),
    "empty secrets": lambda spec: _secrets(spec, 0),
    "nine secrets": lambda spec: _secrets(spec, 9),
    "no kubeconfig": lambda spec: spec["secrets"][0].update(type="AWSWebIdentityCredentials"),
    "another type": lambda spec: spec["secrets"][0].update(type="Password"),
    "a secret without key": lambda spec: spec["secrets"][0].pop("key"),
    "a long secret": lambda spec: spec["secrets"][0].update(name="n" * 254),
    "a long root": lambda spec: spec.update(nvidiaDriverRoot="/" * 513),
    "an empty version": lambda spec: spec.update(versions={"certManager": ""}),
    "a long one": lambda spec: spec.update(versions={"certManager": "1" * 33}),
    "a number": lambda spec: spec.update(versions={"nvidiaDraDriver": 0.4}),
    "an empty class": lambda spec: spec.update(gateway={"className": ""}),
    "a long class": lambda spec: spec.update(gateway={"className": "c" * 64}),
    "nine listeners": lambda spec: _listeners(
        spec, *({**WEB, "name": f"l{i}", "port": 80 + i} for i in range(9))
    ),
    "a listener twice": lambda spec: _listeners(spec, WEB, {**WEB, "port": 81}),
    "port 0": lambda spec: _listeners(spec, {**WEB, "port": 0}),
    "port 65536": lambda spec: _listeners(spec, {**WEB, "port": 65536}),
    "a port as text": lambda spec: _listeners(spec, {**WEB, "port": "80"}),
    "HTTPS": lambda spec: _listeners(spec, {**WEB, "protocol": "HTTPS"}),
    "no protocol": lambda spec: _listeners(spec, {"name": "web", "port": 80}),
    "an empty name": lambda spec: _listeners(spec, {**WEB, "name": ""}),
    "a long name": lambda spec: _listeners(spec, {**WEB, "name": "w" * 64}),
    "an unknown field": lambda spec: spec.update(listeners=[]),
    "listeners no list": lambda spec: spec.update(gateway={"listeners": {}}),
}


def changed(change: Change) -> Json:
    document = copy.deepcopy(SMALLEST)
    change(document["spec"])
    return document


@pytest.mark.parametrize("document", [SMALLEST, EVERYTHING], ids=["smallest", "everything"])
def test_accepted_whole(document: Json) -> None:
    value, findings = check_stack(Document(document))
    assert value is not None
    assert [finding.code for finding in findings] == ["S003"]
    assert xrd_problems(document, XRD) == []


@pytest.mark.parametrize("change", ACCEPTED.values(), ids=ACCEPTED)
def test_accepted_as_modelplane_does(change: Change) -> None:
    document = changed(change)
    assert check_stack(Document(document))[0] is not None
    assert xrd_problems(document, XRD) == []


@pytest.mark.parametrize("change", REFUSED.values(), ids=REFUSED)
def test_refused_as_modelplane_does(change: Change) -> None:
    document = changed(change)
    value, findings = check_stack(Document(document))
    assert value is None
    assert errors(findings)
    assert xrd_problems(document, XRD) != []


def test_defaults_are_modelplanes() -> None:
    spec = custom_schema(*XRD)["properties"]["spec"]["properties"]
    value = ServingStackDocument.model_validate(SMALLEST).spec
    assert value.nvidia_driver_root == spec["nvidiaDriverRoot"]["default"]
    assert value.gateway.class_name == spec["gateway"]["properties"]["className"]["default"]
    assert value.versions.model_dump(by_alias=True) == {
        name: field["default"] for name, field in spec["versions"]["properties"].items()
    }


def test_every_violation_at_once_and_what_to_do() -> None:
    document = copy.deepcopy(SMALLEST)
    document["spec"] = {
        "secrets": [{"type": "AWSWebIdentityCredentials", "name": "a", "key": "k"}],
        "gateway": {"listeners": [WEB, {**WEB, "port": 0}]},
        "version": {},
    }
    _, findings = check_stack(Document(document))
    assert {finding.code for finding in findings} == {"D004", "D007", "S001", "S002", "S003"}
    (unknown,) = (finding for finding in findings if finding.code == "D004")
    assert unknown.fix == "did you mean versions? If not, remove it"


def test_a_name_is_any_objects() -> None:
    document = {**SMALLEST, "metadata": {"name": "Stack"}}
    (finding,) = errors(check_stack(Document(document))[1])
    assert (finding.code, finding.path) == ("D009", "metadata.name")
    assert "Service" not in finding.fix


@pytest.mark.parametrize(
    ("data", "is_one"),
    [(SMALLEST, True), ({"kind": "ModelDeployment"}, False), ([], False), (None, False)],
)
def test_told_by_its_kind(data: Any, is_one: bool) -> None:
    assert is_serving_stack(Document(data)) is is_one
