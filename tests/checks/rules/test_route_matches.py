"""What a route takes, and with which path it leads to engines."""

from __future__ import annotations

from typing import Any

import pytest

from tests.checks.rendered import codes, the
from tests.kit import examples


def _codes(**fields: Any) -> set[str]:
    objects = examples.base("disaggregated")
    the(objects, "HTTPRoute", "qwen")["spec"]["rules"][0].update(fields)
    return codes(objects)


def _path(value: str, kind: str = "PathPrefix", **others: str) -> dict[str, Any]:
    return {"path": {"type": kind, "value": value}, **others}


def _rewrite(**path: str) -> list[Any]:
    return [{"type": "URLRewrite", "urlRewrite": {"path": path}}]


_TO_ROOT = _rewrite(type="ReplacePrefixMatch", replacePrefixMatch="/")
_FILTER = {"group": "gateway.envoyproxy.io", "kind": "HTTPRouteFilter", "name": "rewrite"}
_EXTENSION = [{"type": "ExtensionRef", "extensionRef": _FILTER}]
_REDIRECT = [{"type": "RequestRedirect", "requestRedirect": {"port": 443}}]


@pytest.mark.parametrize(
    ("fields", "reported"),
    [
        ({}, set()),
        ({"matches": [_path("/")]}, set()),
        ({"matches": [_path("/v1")]}, set()),
        ({"matches": [_path("/v1/chat/completions", "Exact")]}, set()),
        ({"matches": [_path("/qwen")]}, {"T512"}),
        ({"matches": [_path("/qwen")], "filters": _EXTENSION}, set()),
        ({"matches": [_path("/qwen.*", "RegularExpression")]}, set()),
        ({"matches": [_path("/qwen")], "filters": _TO_ROOT}, set()),
        (
            {
                "matches": [_path("/qwen")],
                "filters": _rewrite(type="ReplacePrefixMatch", replacePrefixMatch="/api2"),
            },
            {"T512"},
        ),
        ({"matches": [_path("/qwen", "Exact")], "filters": _TO_ROOT}, {"T513"}),
        ({"matches": [_path("/a"), _path("/b")], "filters": _TO_ROOT}, {"T513"}),
        ({"matches": [_path("/", method="GET")]}, {"T514"}),
        ({"matches": [_path("/", method="GET"), _path("/", method="POST")]}, set()),
        ({"matches": [_path("/", method="GET"), _path("/v1")]}, set()),
        ({"backendRefs": []}, {"T515"}),
        ({"backendRefs": [], "filters": _REDIRECT}, set()),
    ],
)
def test_rules_of_a_route(fields: dict[str, Any], reported: set[str]) -> None:
    assert _codes(**fields) == reported


def test_a_service_beside_the_pool_may_take_what_needs_no_picker() -> None:
    objects = examples.base("disaggregated")
    route = the(objects, "HTTPRoute", "qwen")
    service = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "engines", "namespace": "llm"},
        "spec": {"selector": {"model": "qwen"}, "ports": [{"port": 8000}]},
    }
    rule = {
        "matches": [_path("/metrics")],
        "backendRefs": [{"name": "engines", "port": 8000}],
        "timeouts": {"request": "0s"},
    }
    route["spec"]["rules"].append(rule)
    objects.append(service)
    assert "T517" not in codes(objects)
    del route["spec"]["rules"][0]
    assert "T517" in codes(objects)
