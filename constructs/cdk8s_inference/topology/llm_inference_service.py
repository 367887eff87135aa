"""KServe's LLMInferenceService: the pods, pool and picker that its controller makes of it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from cdk8s_inference.findings import Path
from cdk8s_inference.source import Cursor
from cdk8s_inference.topology import kserve_presets as presets
from cdk8s_inference.topology.composed_cursor import composed_list, composed_mapping
from cdk8s_inference.topology.kinds import Addition
from cdk8s_inference.topology.kube_object import KubeObject
from cdk8s_inference.topology.pod_templates import FoundTemplate

_GROUP = "serving.kserve.io"
_NOWHERE = Cursor(None)
_ADDS: frozenset[Addition] = frozenset({"devices", "volumes"})
"""Models are mounted from where the service says; devices may be claimed for it."""

_UNREAD = "$(CONFIG)"
"""A picker's configuration that cannot be read, as one that only the pod knows."""


@dataclass(frozen=True, eq=False)
class MadeObject(KubeObject):
    """An object that a controller makes.

    Attributes:
        maker: What it makes it of.
    """

    maker: KubeObject | None = None

    @property
    def written(self) -> KubeObject:
        """What it is made of."""
        return self.maker or self

    def __str__(self) -> str:
        return f"{self.kind} {self.name} of {self.maker}"


@dataclass(frozen=True)
class ComposedService:
    """What is made of an LLMInferenceService.

    Attributes:
        templates: The templates of its pods: engines, and the picker.
        made: Its InferencePool, and the Service of its picker.
    """

    templates: tuple[FoundTemplate, ...]
    made: tuple[KubeObject, ...]


def composed_services(objects: Iterable[KubeObject]) -> dict[KubeObject, ComposedService]:
    """What is made of LLMInferenceServices, but for those of which that is not known.

    Not known are several nodes, configurations that were not read, and those of the version
    before v1alpha2, whose controllers have other presets.
    """
    services = []
    beside: dict[tuple[str, str, str], KubeObject] = {}
    for found in objects:
        if (found.group, found.kind) == (_GROUP, "LLMInferenceService"):
            services.append(found)
        elif found.kind in ("ConfigMap", "LLMInferenceServiceConfig"):
            beside.setdefault((found.kind, found.namespace, found.name), found)
    composed = ((found, _composed(found, beside)) for found in services)
    return {found: made for found, made in composed if made is not None}


def _composed(
    found: KubeObject, beside: Mapping[tuple[str, str, str], KubeObject]
) -> ComposedService | None:
    spec = _with_configs(found, beside)
    if spec is None or found.version == "v1alpha1" or not found.name:
        return None
    prefill = spec["prefill"]
    if spec["worker"].present or prefill["worker"].present:
        return None
    if found.annotations.get("serving.kserve.io/stop") == "true":
        return ComposedService((), ())
    scheduler = spec.at("router", "scheduler")
    # An empty mapping asks for a scheduler as well.
    routed = isinstance(scheduler.value, Mapping) and not scheduler.at("pool", "ref").present
    pool = f"{found.name}-inference-pool"
    sidecar = f"{found.namespace}/{pool}" if prefill.present else None
    role = "decode" if prefill.present else "both"
    templates = [_engine(found, spec, spec, role, sidecar)]
    if prefill.present:
        templates.append(_engine(found, spec, prefill, "prefill", None))
    if not routed:
        return ComposedService(tuple(templates), ())
    templates.append(_picker(found, spec, pool, beside))
    return ComposedService(tuple(templates), (_pool(found, scheduler, pool), _service(found)))


def _with_configs(
    found: KubeObject, beside: Mapping[tuple[str, str, str], KubeObject]
) -> Cursor | None:
    """The spec, merged over the configurations that it names; None where one was not read."""
    spec = found.at("spec")
    under: Any = {}
    for ref in spec["baseRefs"].items():
        config = beside.get(("LLMInferenceServiceConfig", found.namespace, ref["name"].text or ""))
        if config is None:
            return None
        under = _merged(under, config.at("spec").value)
    written = spec.value if isinstance(spec.value, Mapping) else {}
    return Cursor(_merged(under, written), spec.path, spec.document)


def _engine(
    found: KubeObject, spec: Cursor, workload: Cursor, role: str, sidecar: str | None
) -> FoundTemplate:
    model = spec.at("model", "name").text or found.name
    tensor = workload.at("parallelism", "tensor").value
    preset = presets.engine_pod(model, tensor if isinstance(tensor, int) else None, pool=sidecar)
    written = workload["template"]
    pod = Cursor(_merged(preset, written.value), written.path, written.document)
    labels = workload["labels"]
    given = labels.value if isinstance(labels.value, Mapping) else {}
    all_labels = {**presets.pod_labels(found.name, role), **given}
    at = _template(
        pod, {"labels": Cursor(all_labels, labels.path), **_only(workload, "annotations")}
    )
    copies = _NOWHERE if workload["scaling"].present else workload["replicas"]
    return FoundTemplate(workload, at, copies, _NOWHERE, adds=_ADDS)


def _only(at: Cursor, *keys: str) -> dict[str, Cursor]:
    return {key: at[key] for key in keys}


def _template(spec: Cursor, metadata: Mapping[str, Cursor]) -> Cursor:
    return composed_mapping(
        spec.path, {"metadata": composed_mapping(spec.path, metadata), "spec": spec}
    )


def _picker(
    found: KubeObject,
    spec: Cursor,
    pool: str,
    beside: Mapping[tuple[str, str, str], KubeObject],
) -> FoundTemplate:
    """The endpoint picker: by its preset, since what a service merges into it may be migrated."""
    scheduler = spec.at("router", "scheduler")
    place = scheduler.path
    config = _config(found, spec, beside)
    flags = [Cursor(flag, place) for flag in presets.picker_flags(pool, found.namespace)]
    container = composed_mapping(
        place,
        {
            "name": Cursor("main", place),
            "image": Cursor(presets.PICKER_IMAGE, place),
            "args": composed_list(place, [*flags, Cursor(f"--config-text={config[0]}", config[1])]),
            "ports": Cursor(
                [
                    {"name": name, "containerPort": port}
                    for name, port in presets.PICKER_PORTS.items()
                ],
                place,
            ),
        },
    )
    pod = composed_mapping(
        place,
        {
            "containers": composed_list(place, [container]),
            "serviceAccountName": Cursor(f"{found.name}-epp-sa", place),
        },
    )
    labels = Cursor(presets.picker_labels(found.name), place)
    at = _template(pod, {"labels": labels})
    return FoundTemplate(scheduler, at, scheduler["replicas"], _NOWHERE, adds=_ADDS)


def _config(
    found: KubeObject, spec: Cursor, beside: Mapping[tuple[str, str, str], KubeObject]
) -> tuple[str, Path]:
    """The picker's configuration, and where it is written."""
    scheduler = spec.at("router", "scheduler")
    inline, ref = scheduler.at("config", "inline"), scheduler.at("config", "ref")
    if scheduler["template"].present or ref.present or spec.at("model", "lora").present:
        return _UNREAD, scheduler.path
    if not inline.present:
        disaggregated = spec["prefill"].present
        return presets.picker_config(disaggregated=disaggregated), scheduler.path
    text = _as_json(inline.value)
    if text is None or any(word in text for word in presets.MIGRATED) or "$(" in text:
        return _UNREAD, inline.path
    return text, inline.path


def _as_json(value: Any) -> str | None:
    try:
        return json.dumps(value)
    except (TypeError, ValueError, RecursionError):
        return None


def _pool(found: KubeObject, scheduler: Cursor, name: str) -> KubeObject:
    written = scheduler.at("pool", "spec")
    spec = _merged(
        {
            "selector": {"matchLabels": presets.selected_labels(found.name)},
            "targetPorts": [{"number": presets.POOL_PORT}],
            "endpointPickerRef": {
                "name": f"{found.name}-epp-service",
                "port": {"number": presets.PICKER_PORTS["grpc"]},
            },
        },
        written.value,
    )
    place = written if written.present else scheduler
    return _made(
        found, "inference.networking.k8s.io/v1", "InferencePool", name, Cursor(spec, place.path)
    )


def _service(found: KubeObject) -> KubeObject:
    place = found.at("spec", "router", "scheduler").path
    ports = [
        {"name": name, "port": port, "targetPort": name}
        for name, port in presets.PICKER_PORTS.items()
    ]
    spec = {"selector": presets.picker_labels(found.name), "ports": ports}
    return _made(found, "v1", "Service", f"{found.name}-epp-service", Cursor(spec, place))


def _made(maker: KubeObject, version: str, kind: str, name: str, spec: Cursor) -> KubeObject:
    root, metadata = maker.root, maker.at("metadata")
    named = {"name": Cursor(name, metadata["name"].path), **_only(metadata, "namespace")}
    made = {
        "apiVersion": Cursor(version, root["apiVersion"].path),
        "kind": Cursor(kind, root["kind"].path),
        "metadata": composed_mapping(metadata.path, named),
        "spec": spec,
    }
    return MadeObject(maker.document, composed_mapping(root.path, made), maker.home, maker)


_MERGED_BY = {
    "containers": "name",
    "env": "name",
    "initContainers": "name",
    "ports": "containerPort",
    "volumeMounts": "mountPath",
    "volumes": "name",
}
"""The keys by which Kubernetes merges lists of a pod; other lists are replaced."""

_DEPTH = 12
"""Levels down to which mappings are merged: a pod's specification has fewer."""


def _merged(under: Any, over: Any, field: str = "", depth: int = 0) -> Any:
    """What is written over a preset, as a strategic merge has it.

    What is written keeps its place in lists, so that it is found at its own lines.
    """
    if over is None:
        return under
    if depth > _DEPTH:
        return over
    if isinstance(under, Mapping) and isinstance(over, Mapping):
        kept = {key: value for key, value in under.items() if key not in over}
        return {
            **kept,
            **{
                key: _merged(under.get(key), each, str(key), depth + 1)
                for key, each in over.items()
            },
        }
    key = _MERGED_BY.get(field)
    if key is None or not isinstance(under, list) or not isinstance(over, list):
        return over
    return list(_merged_items(under, over, key, depth))


def _merged_items(under: list[Any], over: list[Any], key: str, depth: int) -> Iterator[Any]:
    known = {str(each.get(key)): each for each in under if isinstance(each, Mapping)}
    for each in over:
        same = known.pop(str(each.get(key)), None) if isinstance(each, Mapping) else None
        yield _merged(same, each, depth=depth + 1)
    yield from known.values()
