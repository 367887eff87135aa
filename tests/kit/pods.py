"""Pods and what runs them: the checks that the API server, or the controller, makes in code."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from tests.kit import syntax
from tests.kit.metadata import label_problems, metadata_problems
from tests.kit.problem import Problem, at
from tests.kit.quantity import resource_problems

_TEMPLATES: Mapping[str, Sequence[tuple[str, ...]]] = {
    "Pod": [()],
    "PodTemplate": [("template",)],
    "Deployment": [("spec", "template")],
    "ReplicaSet": [("spec", "template")],
    "StatefulSet": [("spec", "template")],
    "DaemonSet": [("spec", "template")],
    "Job": [("spec", "template")],
    "CronJob": [("spec", "jobTemplate", "spec", "template")],
    "LeaderWorkerSet": [
        ("spec", "leaderWorkerTemplate", "leaderTemplate"),
        ("spec", "leaderWorkerTemplate", "workerTemplate"),
    ],
}
_RESTART_POLICIES: Mapping[str, tuple[str | None, ...]] = {
    "Deployment": (None, "Always"),
    "ReplicaSet": (None, "Always"),
    "StatefulSet": (None, "Always"),
    "DaemonSet": (None, "Always"),
    "Job": ("OnFailure", "Never"),
    "CronJob": ("OnFailure", "Never"),
}
_SELECTING = frozenset({"Deployment", "ReplicaSet", "StatefulSet", "DaemonSet"})
_HANDLERS = frozenset({"exec", "httpGet", "tcpSocket", "grpc", "sleep"})


def workload_problems(manifest: Mapping[str, Any]) -> Iterator[Problem]:
    """Problems in the pods of an object; none if it has no pods."""
    kind = manifest["kind"]
    for keys in _TEMPLATES.get(kind, ()):
        template = _below(manifest, keys)
        if template is None:
            continue
        path = at("", *keys)
        if keys:
            yield from metadata_problems(template.get("metadata") or {}, at(path, "metadata"))
        # Claim templates of a set become volumes of its pods.
        owner = _below(manifest, keys[:-1]) or {}
        claimed = [claim["metadata"]["name"] for claim in owner.get("volumeClaimTemplates", ())]
        pod, pod_path = template.get("spec") or {}, at(path, "spec")
        yield from pod_problems(pod, pod_path, claimed)
        allowed = _RESTART_POLICIES.get(kind)
        if allowed and pod.get("restartPolicy") not in allowed:
            yield Problem(at(pod_path, "restartPolicy"), f"must be one of {allowed} in a {kind}")
        if kind in _SELECTING:
            labels = (template.get("metadata") or {}).get("labels") or {}
            yield from _selector_problems(manifest["spec"]["selector"], labels)


def _below(value: Mapping[str, Any], keys: Iterable[str]) -> Mapping[str, Any] | None:
    found: Mapping[str, Any] | None = value
    for key in keys:
        found = (found or {}).get(key)
    return found


def _selector_problems(selector: Mapping[str, Any], labels: Mapping[str, str]) -> Iterator[Problem]:
    if not selector.get("matchLabels") and not selector.get("matchExpressions"):
        yield Problem("spec.selector", "selects every pod")
    for key, value in (selector.get("matchLabels") or {}).items():
        if labels.get(key) != value:
            path = at("spec.selector.matchLabels", key)
            yield Problem(path, f"{value!r} is not the pod template's {labels.get(key)!r}")


def pod_problems(
    pod: Mapping[str, Any], path: str, claimed: Iterable[str] = ()
) -> Iterator[Problem]:
    """Problems in a pod's spec; `claimed` are volumes that it gets from elsewhere."""
    if not pod.get("containers"):
        yield Problem(at(path, "containers"), "required field is missing")
    yield from label_problems(pod.get("nodeSelector"), at(path, "nodeSelector"))
    for i, volume in enumerate(pod.get("volumes", ())):
        where = at(path, "volumes", i)
        if message := syntax.dns_1123_label(volume["name"]):
            yield Problem(at(where, "name"), message)
        yield from _one_of(volume, volume.keys() - {"name"}, where, required=False)
    for i, claim in enumerate(pod.get("resourceClaims", ())):
        sources = ("resourceClaimName", "resourceClaimTemplateName")
        yield from _one_of(claim, sources, at(path, "resourceClaims", i))
    volumes = {*claimed, *(volume["name"] for volume in pod.get("volumes", ()))}
    claims = {claim["name"] for claim in pod.get("resourceClaims", ())}
    names: set[str] = set()
    for field in ("initContainers", "containers"):
        for i, container in enumerate(pod.get(field, ())):
            where = at(path, field, i)
            if container["name"] in names:
                yield Problem(at(where, "name"), f"duplicate name {container['name']!r}")
            names.add(container["name"])
            yield from _container_problems(container, where, volumes, claims)


def _container_problems(
    container: Mapping[str, Any], path: str, volumes: set[str], claims: set[str]
) -> Iterator[Problem]:
    if message := syntax.dns_1123_label(container["name"]):
        yield Problem(at(path, "name"), message)
    if not container.get("image"):
        yield Problem(at(path, "image"), "required field is missing")
    yield from _env_problems(container.get("env", ()), at(path, "env"))
    yield from _port_problems(container.get("ports", ()), at(path, "ports"))
    for field in ("volumeMounts", "volumeDevices"):
        for i, mount in enumerate(container.get(field, ())):
            if mount["name"] not in volumes:
                yield Problem(at(path, field, i, "name"), f"no volume {mount['name']!r} in the pod")
    resources = container.get("resources") or {}
    yield from resource_problems(resources, at(path, "resources"))
    for i, claim in enumerate(resources.get("claims", ())):
        if claim["name"] not in claims:
            where = at(path, "resources", "claims", i, "name")
            yield Problem(where, f"no resource claim {claim['name']!r} in the pod")
    for field in ("startupProbe", "readinessProbe", "livenessProbe"):
        if field in container:
            yield from _handler_problems(container[field], at(path, field))
    for field, handler in (container.get("lifecycle") or {}).items():
        if isinstance(handler, Mapping):
            yield from _handler_problems(handler, at(path, "lifecycle", field))


def _env_problems(env: Sequence[Mapping[str, Any]], path: str) -> Iterator[Problem]:
    for i, variable in enumerate(env):
        if message := syntax.env_name(variable["name"]):
            yield Problem(at(path, i, "name"), message)
        source = variable.get("valueFrom")
        if source is not None and variable.get("value"):
            yield Problem(at(path, i, "valueFrom"), "may not be set together with value")
        if source is not None:
            yield from _one_of(source, source.keys(), at(path, i, "valueFrom"))


def _port_problems(ports: Sequence[Mapping[str, Any]], path: str) -> Iterator[Problem]:
    names: set[str] = set()
    for i, port in enumerate(ports):
        where = at(path, i)
        if message := syntax.port_number(port["containerPort"]):
            yield Problem(at(where, "containerPort"), message)
        # A host port of 0 is none.
        if port.get("hostPort") and (message := syntax.port_number(port["hostPort"])):
            yield Problem(at(where, "hostPort"), message)
        if name := port.get("name"):
            if message := syntax.port_name(name):
                yield Problem(at(where, "name"), message)
            if name in names:
                yield Problem(at(where, "name"), f"duplicate name {name!r}")
            names.add(name)


def _handler_problems(handler: Mapping[str, Any], path: str) -> Iterator[Problem]:
    yield from _one_of(handler, _HANDLERS, path)
    for kind in handler.keys() & {"httpGet", "tcpSocket", "grpc"}:
        if message := syntax.port(handler[kind].get("port")):
            yield Problem(at(path, kind, "port"), message)


def _one_of(
    value: Mapping[str, Any], fields: Iterable[str], path: str, *, required: bool = True
) -> Iterator[Problem]:
    given = sorted(field for field in fields if value.get(field) is not None)
    if len(given) > 1:
        yield Problem(path, f"only one of {', '.join(given)} may be set")
    elif required and not given:
        yield Problem(path, f"exactly one of {', '.join(sorted(fields))} must be set")
