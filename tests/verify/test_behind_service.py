from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from cdk8s_inference.cluster import connect
from cdk8s_inference.verify.behind_service import gateway_port, ready_port
from tests.kit.live import Answer, kubeconfig

GATEWAY = {"gateway.networking.k8s.io/gateway-name": "shared"}
ENVOY = {
    "gateway.envoyproxy.io/owning-gateway-name": "shared",
    "gateway.envoyproxy.io/owning-gateway-namespace": "gateways",
}


def service(namespace: str, name: str, labels: Mapping[str, str], port: int = 80) -> Any:
    ports = [{"name": "http", "port": port, "targetPort": "web"}, {"name": "other", "port": 9}]
    metadata = {"namespace": namespace, "name": name, "labels": dict(labels)}
    return {"kind": "Service", "metadata": metadata, "spec": {"ports": ports}}


def endpoints(namespace: str, name: str, *pods: tuple[str, bool]) -> Any:
    labels = {"kubernetes.io/service-name": name}
    return {
        "kind": "EndpointSlice",
        "metadata": {"namespace": namespace, "name": f"{name}-x", "labels": labels},
        "ports": [{"name": "other", "port": 9}, {"name": "http", "port": 10080}],
        "endpoints": [
            {"conditions": {"ready": ready}, "targetRef": {"kind": "Pod", "name": pod}}
            for pod, ready in pods
        ],
    }


def answering(*objects: Any) -> Callable[..., Answer]:
    """An API server that has objects, and selects by labels."""

    def answer(path: str) -> Answer:
        url = urlsplit(path)
        parts = url.path.strip("/").split("/")
        plural = {"Service": "services", "EndpointSlice": "endpointslices"}
        query = parse_qs(url.query).get("labelSelector", [""])[0]
        wanted = dict(each.split("=") for each in query.split(",") if each)
        found = [
            each
            for each in objects
            if plural[each["kind"]] in parts
            and ("namespaces" not in parts or each["metadata"]["namespace"] in parts)
            and wanted.items() <= each["metadata"]["labels"].items()
        ]
        if parts[-1] in plural.values():
            return 200, {"items": found}
        named = [each for each in found if each["metadata"]["name"] == parts[-1]]
        return (200, named[0]) if named else (404, {"message": "not found"})

    return answer


@pytest.fixture
def ask(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    connection = connect(kubeconfig=str(kubeconfig(tmp_path, "http://127.0.0.1:9")))

    def asked(function: Callable[..., Any], *arguments: Any, objects: list[Any]) -> Any:
        answer = answering(*objects)

        def request(_: object, __: str, path: str, **___: object) -> tuple[int, bytes]:
            status, body = answer(path)
            return status, json.dumps(body).encode()

        monkeypatch.setattr(type(connection), "request", request)
        return function(connection, *arguments)

    return asked


def test_a_ready_pod_and_its_own_port(ask: Callable[..., Any]) -> None:
    objects = [
        service("llm", "engines", {}),
        endpoints("llm", "engines", ("starting", False), ("there", True)),
    ]
    assert ask(ready_port, "llm", "engines", 80, objects=objects) == ("llm", "there", 10080)
    assert ask(ready_port, "llm", "engines", 81, objects=objects) is None


def test_nobody_is_ready(ask: Callable[..., Any]) -> None:
    objects = [service("llm", "engines", {}), endpoints("llm", "engines", ("starting", False))]
    assert ask(ready_port, "llm", "engines", 80, objects=objects) is None


@pytest.mark.parametrize(
    ("namespace", "labels"), [("gateways", GATEWAY), ("envoy-gateway-system", ENVOY)]
)
def test_the_proxy_of_a_gateway(
    ask: Callable[..., Any], namespace: str, labels: Mapping[str, str]
) -> None:
    objects = [service(namespace, "proxy", labels), endpoints(namespace, "proxy", ("p", True))]
    assert ask(gateway_port, "gateways", "shared", 80, objects=objects) == (namespace, "p", 10080)


def test_a_gateway_without_pods(ask: Callable[..., Any]) -> None:
    assert ask(gateway_port, "gateways", "shared", 80, objects=[]) is None
