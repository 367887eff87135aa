"""Pod templates of kinds from which a controller makes pods: where they are, what they hold."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from cdk8s_inference.findings import Path
from cdk8s_inference.source import Cursor
from cdk8s_inference.topology.composed_cursor import composed_list, composed_mapping
from cdk8s_inference.topology.kinds import Addition, PodKind, Templates
from cdk8s_inference.topology.kube_object import KubeObject

_NOWHERE = Cursor(None)


@dataclass(frozen=True)
class FoundTemplate:
    """A pod template.

    Attributes:
        owner: What has copies of it.
        at: The template, as one with ``metadata`` and ``spec``.
        copies: The number of copies.
        size: The number of pods in a copy; on None where a copy is one pod.
        declared: How its kind declares it; None for a kind that is not known.
        adds: What its pods may have beyond it, where that is less than of its kind.
    """

    owner: Cursor
    at: Cursor
    copies: Cursor
    size: Cursor
    declared: Templates | None = None
    adds: frozenset[Addition] | None = None


def declared_templates(found: KubeObject, kind: PodKind) -> Iterator[FoundTemplate]:
    """The pod templates of a kind that is known."""
    for declared in kind.templates:
        for owner in _matches(found.root, declared.owner):
            for written in _matches(owner, declared.template):
                at = _READERS[declared.shape](owner, written, declared)
                if at is None:
                    continue
                copies = _below(owner, declared.copies) if declared.copies else _NOWHERE
                size = _below(owner, declared.size) if declared.size else _NOWHERE
                yield FoundTemplate(owner, at, copies, size, declared)


def _matches(start: Cursor, path: str) -> Iterator[Cursor]:
    """The places that a path names; none where nothing is written."""
    places = [start]
    for key in path.split(".") if path else ():
        if key == "*":
            places = [
                child
                for place in places
                for child in (*place.items(), *(each for _, each in place.fields()))
            ]
        else:
            places = [place[key] for place in places]
    return (place for place in places if place.present)


def _below(start: Cursor, path: str) -> Cursor:
    return start.at(*path.split("."))


def _template(owner: Cursor, written: Cursor, declared: Templates) -> Cursor | None:
    return written if _holds_containers(written["spec"]) else None


def _pod_spec(owner: Cursor, written: Cursor, declared: Templates) -> Cursor | None:
    if not _holds_containers(written):
        return None
    metadata = _below(owner, declared.metadata) if declared.metadata else owner
    return _of_spec(written, metadata)


def _of_spec(spec: Cursor, metadata: Cursor) -> Cursor:
    """A template of a pod's spec, and of what has ``labels`` and ``annotations``."""
    told = {key: metadata[key] for key in ("labels", "annotations")}
    return composed_mapping(
        spec.path, {"metadata": composed_mapping(metadata.path, told), "spec": spec}
    )


def _dynamo(owner: Cursor, written: Cursor, declared: Templates) -> Cursor | None:
    """Dynamo's ``extraPodSpec``: a pod's spec, with its main container beside the others."""
    main = written["mainContainer"]
    if not main.present:
        return _pod_spec(owner, written, declared)
    others = written["containers"]
    fields = dict(written.fields())
    fields["containers"] = composed_list(others.path, [main, *others.items()])
    spec = composed_mapping(written.path, fields)
    return _of_spec(spec, _below(owner, declared.metadata))


def _nim(owner: Cursor, written: Cursor, declared: Templates) -> Cursor | None:
    """A NIMService: its image is written by repository and tag."""
    repository, tag = written.at("image", "repository"), written.at("image", "tag")
    if repository.text is None:
        return None
    image = f"{repository.text}:{tag.text}" if tag.text else repository.text
    fields = {key: written[key] for key in ("args", "command", "env", "resources")}
    return _of_container(written, {**fields, "image": Cursor(image, repository.path)})


def _kthena(owner: Cursor, written: Cursor, declared: Templates) -> Cursor | None:
    """A worker of a ModelBooster: its flags are the entries of ``config``."""
    if written["image"].text is None:
        return None
    fields = {key: written[key] for key in ("image", "resources")}
    flags = [
        Cursor(word, value.path)
        for key, value in written["config"].fields()
        for word in _flag(f"--{key}", value)
    ]
    module = ["python3", "-m", "vllm.entrypoints.openai.api_server"]
    command = [Cursor(word, written.path) for word in module]
    fields["command"] = composed_list(written.path, command)
    fields["args"] = composed_list(written["config"].path, flags)
    return _of_container(written, fields)


def _production_stack(owner: Cursor, written: Cursor, declared: Templates) -> Cursor | None:
    """A VLLMRuntime: its flags are fields of the model, and of vLLM's configuration."""
    registry, name = written.at("image", "registry").text, written.at("image", "name")
    model = written.at("model", "modelURL")
    if name.text is None or model.text is None:
        return None
    image = f"{registry}/{name.text}" if registry else name.text
    command = composed_list(
        written.path, [Cursor(word, written.path) for word in ("vllm", "serve")]
    )
    config = written["vllmConfig"]
    # Manifests of the first version have vLLM's fields in the spec itself.
    config = config if config.present else written
    flags = [
        Cursor(word, value.path)
        for flag, value in (
            ("--port", config["port"]),
            ("--max-model-len", written.at("model", "maxModelLen")),
            ("--dtype", written.at("model", "dtype")),
            ("--max-num-seqs", written.at("model", "maxNumSeqs")),
            ("--tensor-parallel-size", config["tensorParallelSize"]),
        )
        for word in _flag(flag, value)
    ]
    flags += [Cursor(word.text or "", word.path) for word in config["extraArgs"].items()]
    fields = {
        "image": Cursor(image, name.path),
        "command": command,
        "args": composed_list(config["extraArgs"].path, [model, *flags]),
        "env": config["env"],
    }
    return _of_container(written, fields)


def _flag(flag: str, value: Cursor) -> list[str]:
    """The words of a flag that a field stands for; a switch has no value."""
    if not value.present or value.value is False:
        return []
    if value.value is True:
        return [flag]
    return [flag, str(value.value)] if isinstance(value.value, (str, int, float)) else []


def _of_container(written: Cursor, fields: Mapping[str, Cursor]) -> Cursor:
    """A template with one container, which its object has no list of."""
    name = Cursor("main", written.path)
    container = composed_mapping(written.path, {"name": name, **fields})
    spec = composed_mapping(written.path, {"containers": composed_list(written.path, [container])})
    return composed_mapping(written.path, {"spec": spec})


_Reader = Callable[[Cursor, Cursor, Templates], "Cursor | None"]

_READERS: dict[str, _Reader] = {
    "template": _template,
    "pod spec": _pod_spec,
    "dynamo": _dynamo,
    "kthena backend": _kthena,
    "nim": _nim,
    "production-stack": _production_stack,
}


_PLAIN_GROUPS = frozenset(
    {
        "",
        "admissionregistration.k8s.io",
        "apiextensions.k8s.io",
        "apps",
        "autoscaling",
        "batch",
        "events.k8s.io",
        "gateway.networking.k8s.io",
        "inference.networking.k8s.io",
        "inference.networking.x-k8s.io",
        "modelplane.ai",
        "networking.k8s.io",
        "policy",
        "rbac.authorization.k8s.io",
        "resource.k8s.io",
        "storage.k8s.io",
    }
)
"""Groups of which no kind holds a pod template that is not read already: not searched."""

_EMBEDDING_GROUPS = ("crossplane.io",)
"""Groups whose kinds hold whole objects, which are read as objects."""


def found_templates(found: KubeObject) -> Iterator[FoundTemplate]:
    """The pod templates of a kind that is not known, wherever they are in it.

    A template is a mapping with ``containers`` that have images, in a ``spec`` or without, or
    Dynamo's ``mainContainer``.
    """
    if found.group in _PLAIN_GROUPS or found.group.endswith(_EMBEDDING_GROUPS):
        return
    # An explicit stack: objects may be nested more deeply than Python calls.
    waiting = [(found.root, found.root)]
    while waiting:
        place, owner = waiting.pop()
        if place["replicas"].present:
            owner = place
        at = _template_at(place)
        if at is not None:
            yield FoundTemplate(owner, at, owner["replicas"], _NOWHERE)
            continue
        children = [*place.items(), *(child for _, child in place.fields())]
        waiting += [
            (child, owner)
            for child in reversed(children)
            if isinstance(child.value, (dict, list)) and child.path != ("status",)
        ]


def _template_at(place: Cursor) -> Cursor | None:
    if _holds_containers(place["spec"]):
        return place
    if _holds_containers(place):
        return _of_spec(place, _NOWHERE)
    return None


def _holds_containers(spec: Cursor) -> bool:
    """Whether something is a pod's spec, by its containers."""
    return any(each["image"].text for each in spec["containers"].items())


def owner_name(owner: Cursor, root: Path) -> str:
    """How an object calls a part of it: by its name, or by its key; empty for the whole of it."""
    within = owner.path[len(root) :]
    if within in ((), ("spec",)):
        return ""
    named = owner["name"].text or owner["groupName"].text
    return named or next((part for part in reversed(within) if isinstance(part, str)), "")
