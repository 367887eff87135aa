"""Services, configuration and device claims: what the API server checks of them in code."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from tests.kit import syntax
from tests.kit.metadata import label_problems
from tests.kit.problem import Problem, at


def object_problems(manifest: Mapping[str, Any]) -> Iterator[Problem]:
    """Problems of an object whose kind has checks of its own."""
    check = _CHECKS.get((manifest["apiVersion"].rpartition("/")[0], manifest["kind"]))
    if check:
        yield from check(manifest)


def _service(manifest: Mapping[str, Any]) -> Iterator[Problem]:
    spec = manifest.get("spec") or {}
    yield from label_problems(spec.get("selector"), "spec.selector")
    ports = spec.get("ports") or []
    if not ports and spec.get("clusterIP") != "None" and spec.get("type") != "ExternalName":
        yield Problem("spec.ports", "required field is missing")
    names: set[str] = set()
    for i, port in enumerate(ports):
        path, name = at("spec.ports", i), port.get("name")
        numbers = {"port": port["port"], "nodePort": port.get("nodePort") or 1}
        for field, number in numbers.items():
            if message := syntax.port_number(number):
                yield Problem(at(path, field), message)
        if port.get("targetPort") and (message := syntax.port(port["targetPort"])):
            yield Problem(at(path, "targetPort"), message)
        if not name:
            if len(ports) > 1:
                yield Problem(at(path, "name"), "required where there are several ports")
        elif message := syntax.dns_1123_label(name):
            yield Problem(at(path, "name"), message)
        elif name in names:
            yield Problem(at(path, "name"), f"duplicate name {name!r}")
        names.add(name or "")


def _config(manifest: Mapping[str, Any]) -> Iterator[Problem]:
    for field in ("data", "binaryData", "stringData"):
        for key in manifest.get(field) or {}:
            if message := syntax.config_key(key):
                yield Problem(at(field, key), message)


def _claim(manifest: Mapping[str, Any]) -> Iterator[Problem]:
    yield from _devices(manifest["spec"].get("devices") or {}, "spec.devices")


def _claim_template(manifest: Mapping[str, Any]) -> Iterator[Problem]:
    yield from _devices(manifest["spec"]["spec"].get("devices") or {}, "spec.spec.devices")


def _devices(devices: Mapping[str, Any], path: str) -> Iterator[Problem]:
    names: set[str] = set()
    for i, request in enumerate(devices.get("requests", ())):
        where, name = at(path, "requests", i), request["name"]
        if message := syntax.dns_1123_label(name):
            yield Problem(at(where, "name"), message)
        if name in names:
            yield Problem(at(where, "name"), f"duplicate name {name!r}")
        alternatives = request.get("firstAvailable") or ()
        names.update((name, *(f"{name}/{alternative['name']}" for alternative in alternatives)))
        if bool(alternatives) == ("exactly" in request):
            yield Problem(where, "exactly one of exactly, firstAvailable must be set")
    for field in ("constraints", "config"):
        for i, entry in enumerate(devices.get(field, ())):
            for j, name in enumerate(entry.get("requests", ())):
                if name not in names:
                    where = at(path, field, i, "requests", j)
                    yield Problem(where, f"no request {name!r} in the claim")


_CHECKS: Mapping[tuple[str, str], Callable[[Mapping[str, Any]], Iterator[Problem]]] = {
    ("", "Service"): _service,
    ("", "ConfigMap"): _config,
    ("", "Secret"): _config,
    ("resource.k8s.io", "ResourceClaim"): _claim,
    ("resource.k8s.io", "ResourceClaimTemplate"): _claim_template,
}
