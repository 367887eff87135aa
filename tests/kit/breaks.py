"""One thing broken at a time in a deployment that disaggregates, by the names that runs have."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

from tests.kit.shared import SHARED

Part = Literal["prefill", "decode", "picker"]
Json = dict[str, Any]

ROLE = "llm-d.ai/role"


@dataclass(frozen=True)
class Break:
    """What is broken.

    Attributes:
        change: Changes the manifests.
        allowed: Changes them so that what breaks without them - a process that died - can go
            unnoticed as it did, or is what they ask for.
        down: A part whose pod is Ready and does not run.
        dies: A part that ends once all run.
        not_ready: A part that runs and is not Ready.
        tied: Whether the picker is left with equals, and chooses one by chance.
        loops: Releases of the router of which a pod that is chosen for both prefill and decode is
            not heard of again: the sidecar of v0.8.0 passes on the header by which it was asked to
            prefill elsewhere, and so asks itself.
    """

    change: Callable[[list[Json]], None] = lambda objects: None
    allowed: Callable[[list[Json]], None] = lambda objects: None
    down: Part | None = None
    dies: Part | None = None
    not_ready: Part | None = None
    tied: bool = False
    loops: Sequence[str] = ()

    @property
    def shown(self) -> bool:
        """Whether the manifests that were run show all of it."""
        return not (self.down or self.dies or self.not_ready)

    def apply(self, objects: Sequence[Mapping[str, Any]]) -> list[Json]:
        """The manifests as they were run."""
        broken: list[Json] = copy.deepcopy([dict(item) for item in objects])
        self.change(broken)
        return broken

    def as_manifests(self, objects: Sequence[Mapping[str, Any]]) -> list[Json]:
        """Manifests that show all of it."""
        broken = self.apply(objects)
        self.allowed(broken)
        return broken


@dataclass(frozen=True)
class Observed:
    """What a release was seen to do with a break: status and server of a prompt."""

    release: str
    broken: str
    short: tuple[int, str]
    long: tuple[int, str]

    @property
    def works(self) -> bool:
        """Whether a long prompt was disaggregated, and a short one decoded where it should."""
        return (self.short[1], self.long[1]) == ("D-only", "P/D")


def observed() -> Iterator[Observed]:
    """Every run that was recorded."""
    if SHARED is None:
        return
    text = (SHARED / "facts" / "observed" / "breaks.json").read_text()
    for run in json.loads(text)["runs"]:
        short, long = (
            (run["requests"][prompt]["http"], run["requests"][prompt]["served_by"])
            for prompt in ("short", "long")
        )
        yield Observed(run["release"], run["break"], short, long)


def _pod(objects: list[Json], part: Part) -> Json:
    for item in objects:
        if item["kind"] == "Deployment":
            template: Json = item["spec"]["template"]
            labels = template["metadata"]["labels"]
            component = labels["app.kubernetes.io/component"]
            if component == {"picker": "endpoint-picker"}.get(part, part):
                return template
    raise LookupError(part)


def _container(objects: list[Json], part: Part, name: str) -> Json:
    spec = _pod(objects, part)["spec"]
    containers: list[Json] = [*spec.get("initContainers", ()), *spec["containers"]]
    return next(container for container in containers if container["name"] == name)


def _roles(objects: list[Json], **roles: str | None) -> None:
    for part, role in roles.items():
        labels = _pod(objects, part)["metadata"]["labels"]  # type: ignore[arg-type]
        labels.pop(ROLE)
        if role is not None:
            labels[ROLE] = role


def _argument(objects: list[Json], part: Part, name: str, old: str, new: str | None) -> None:
    arguments: list[str] = _container(objects, part, name)["args"]
    at = arguments.index(old)
    arguments[at : at + 1] = [] if new is None else [new]


def _port(objects: list[Json], part: Part, name: str, old: int, new: int) -> None:
    _argument(objects, part, name, f"--port={old}", f"--port={new}")
    _container(objects, part, name)["ports"][0]["containerPort"] = new


def _engine_flag(objects: list[Json]) -> None:
    arguments: list[str] = _container(objects, "decode", "pd-sidecar")["args"]
    (flag,) = (argument for argument in arguments if argument.endswith("=8001"))
    arguments[arguments.index(flag)] = flag.replace("8001", "8200")


def _without_sidecar(objects: list[Json]) -> None:
    del _pod(objects, "decode")["spec"]["initContainers"]
    _port(objects, "decode", "engine", 8001, 8000)


def _pool(objects: list[Json], **fields: Any) -> None:
    (pool,) = (item for item in objects if item["kind"] == "InferencePool")
    pool["spec"].update(fields)


def _fails(objects: list[Json], mode: str) -> None:
    (pool,) = (item for item in objects if item["kind"] == "InferencePool")
    pool["spec"]["endpointPickerRef"]["failureMode"] = mode


def _decode_alone(objects: list[Json]) -> None:
    names = {item["metadata"]["name"] for item in objects if item["kind"] == "Deployment"}
    (prefill,) = (name for name in names if name.endswith("-prefill"))
    objects[:] = [item for item in objects if item["metadata"]["name"] != prefill]
    (decode,) = (item for item in objects if item["metadata"]["name"].endswith("-decode"))
    decode["spec"]["replicas"] = 2


def _unasked(objects: list[Json]) -> None:
    del _container(objects, "prefill", "engine")["readinessProbe"]


def _asked_elsewhere(objects: list[Json], part: Part) -> None:
    _container(objects, part, "engine")["readinessProbe"]["httpGet"]["port"] = 9


def _no_picker(objects: list[Json]) -> None:
    (workload,) = (
        item
        for item in objects
        if item["metadata"]["name"].endswith("-epp") and item["kind"] == "Deployment"
    )
    workload["spec"]["replicas"] = 0


def _connector(name: str) -> Break:
    change = partial(
        _argument,
        part="decode",
        name="pd-sidecar",
        old="--kv-connector=nixlv2",
        new=f"--kv-connector={name}",
    )
    return Break(change)


BREAKS: Mapping[str, Break] = {
    "baseline": Break(),
    "role label missing on both": Break(partial(_roles, prefill=None, decode=None), tied=True),
    "role label missing on prefill": Break(partial(_roles, prefill=None), tied=True),
    "role label missing on decode": Break(partial(_roles, decode=None)),
    "both labelled decode": Break(partial(_roles, prefill="decode"), tied=True),
    "both labelled prefill": Break(partial(_roles, decode="prefill")),
    "role value Capitalised (Prefill/Decode)": Break(
        partial(_roles, prefill="Prefill", decode="Decode")
    ),
    "role value both on both": Break(
        partial(_roles, prefill="both", decode="both"), tied=True, loops=("v0.8.0",)
    ),
    "sidecar engine port mismatch (engine 8001, sidecar->8200)": Break(_engine_flag),
    "pool port = decode engine port 8001 (bypass sidecar)": Break(
        partial(_pool, targetPorts=[{"number": 8001}])
    ),
    "decode without sidecar (engine on pool port 8000)": Break(_without_sidecar),
    "prefill engine listens 8001, pool port 8000": Break(
        partial(_port, part="prefill", name="engine", old=8000, new=8001)
    ),
    "sidecar on 9000, pool 8000": Break(
        partial(_port, part="decode", name="pd-sidecar", old=8000, new=9000)
    ),
    "prefill process down but pod Ready": Break(allowed=_unasked, down="prefill"),
    "prefill pod NotReady": Break(
        allowed=partial(_asked_elsewhere, part="prefill"), not_ready="prefill"
    ),
    "prefill dies after start": Break(allowed=_unasked, dies="prefill"),
    "decode pod NotReady": Break(
        allowed=partial(_asked_elsewhere, part="decode"), not_ready="decode"
    ),
    "kv-connector=sglang (engine = vllm)": _connector("sglang"),
    "kv-connector=shared-storage": _connector("shared-storage"),
    "kv-connector=mooncake": _connector("mooncake"),
    "kv-connector=bogus": _connector("bogus"),
    "EPP down FailClose": Break(partial(_fails, mode="FailClose"), _no_picker, down="picker"),
    "EPP down FailOpen": Break(partial(_fails, mode="FailOpen"), _no_picker, down="picker"),
    "sidecar secure-proxy default (true), gateway plain": Break(
        partial(_argument, part="decode", name="pd-sidecar", old="--secure-proxy=false", new=None)
    ),
    "EPP secure-serving=false, gateway TLS": Break(
        partial(
            _argument,
            part="picker",
            name="endpoint-picker",
            old="--secure-serving=true",
            new="--secure-serving=false",
        )
    ),
    "pool selector matches nothing": Break(
        partial(_pool, selector={"matchLabels": {"example.com/nothing": "here"}})
    ),
    "two decode-labelled only (no prefill pod at all)": Break(_decode_alone),
}
