"""What must hold between the fields of a ModelDeployment.

The CEL rules of Modelplane's API, and what the API admits although it is known to fail later.
Rules read plain data through a :class:`Cursor`, so that all of them speak even where a field
beside them is broken. Each yields findings with the path that they are about.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from cdk8s_inference import labels
from cdk8s_inference.document.ports import DECODE_PORT, SERVING_PORT, default_port, parse_port
from cdk8s_inference.document.rules.gateways import incompatibilities
from cdk8s_inference.findings import Finding, Path, Severity, field_path, shown
from cdk8s_inference.names import PICKER_SUFFIX
from cdk8s_inference.platform import Platform
from cdk8s_inference.servers.command_line import uses
from cdk8s_inference.source import Cursor

Placed = tuple[Finding, Path]

ROLE_LABEL = "llm-d.ai/role"

_KEY = re.compile(
    r"([a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*/)?"
    r"[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?"
)
_VALUE = re.compile(r"(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?")
_DRIVER = re.compile(r"""device\.driver\s*==\s*["']([^"']+)["']""")
_RESERVED = ("modelplane.ai/", "leaderworkerset.sigs.k8s.io/", labels.PREFIX)
_UNWRITABLE = re.compile(
    r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff\ufeff\ufffe\uffff]"
)
"""Characters that YAML's writers and readers lose, change or refuse."""


def violations(
    root: Cursor, under_spec: bool, platform: Platform, *, typed: bool = False
) -> Iterator[Placed]:
    """Every rule over one document.

    Args:
        root: The document.
        under_spec: Whether it has the shape of pull request #142.
        platform: What it will be composed with.
        typed: Whether it was said in Python, where there may be several engines of a phase.
    """
    template = root["spec"] if under_spec else root.at("spec", "template")
    replica = template if under_spec else template["spec"]
    if not under_spec:
        yield from _metadata_limits(template["metadata"])
        yield from _metadata_entries(template.at("metadata", "labels"), is_label=True)
    for toleration in replica["tolerations"].items():
        yield from _toleration(toleration)
    yield from _unused(replica)
    yield from _unique(replica["engines"], "engine")
    yield from _typed_phases(replica) if typed else _phases(replica)
    yield from _unified_ports(replica, platform)
    yield from _picker_name(replica, platform)
    yield from _failure_mode(replica, platform)
    for engine in replica["engines"].items():
        yield from engine_violations(engine)
        yield from _cache_of_gang(replica, engine)
        yield from _serving_port(replica, engine)
        for member in engine["members"].items():
            yield from _drivers(member, platform)
            if not under_spec:
                yield from _metadata_limits(member.at("template", "metadata"))


def engine_violations(engine: Cursor) -> Iterator[Placed]:
    """The rules over one engine, whatever it is part of."""
    yield from _unwritable(engine)
    yield from _members(engine)
    for member in engine["members"].items():
        yield from _member(engine, member)


def _problem(code: str, at: Cursor, message: str, fix: str, severity: Severity = "error") -> Placed:
    return Finding(code, severity, field_path(at.path), message, fix), at.path


def _listed(values: Iterable[str]) -> str:
    texts = list(values)
    more = f" and {len(texts) - 5} more" if len(texts) > 5 else ""
    return ", ".join(text[:80] for text in texts[:5]) + more


def _mode(replica: Cursor) -> str:
    return replica.at("serving", "mode").text or "Unified"


def _role(member: Cursor) -> str:
    return member["role"].text or "Standalone"


def _unique(items: Cursor, noun: str) -> Iterator[Placed]:
    first: dict[str, Path] = {}
    for item in items.items():
        name = item["name"].text
        if name is None:
            continue
        if name in first:
            yield _problem(
                "D011",
                item["name"],
                f"{noun} name {shown(name)} is already taken by {field_path(first[name])}",
                "give each its own name",
            )
        first.setdefault(name, item.path)


def _typed_phases(replica: Cursor) -> Iterator[Placed]:
    if _mode(replica) != "PrefillDecode":
        yield from _idle_phases(replica)
        return
    engines = list(replica["engines"].items())
    for engine in engines:
        if not engine["phase"].present:
            yield _problem(
                "D101",
                engine,
                "the engine has no phase, and serving_mode is 'PrefillDecode'",
                "set its phase to Prefill, Decode or Encode",
            )
    for code, phase in (("D102", "Prefill"), ("D103", "Decode")):
        if not any(engine["phase"].value == phase for engine in engines):
            yield _problem(
                code,
                replica["engines"],
                f"PrefillDecode serving needs an engine with phase {phase}, found none",
                f"set phase={phase!r} on an engine",
            )


def _idle_phases(replica: Cursor) -> Iterator[Placed]:
    for engine in replica["engines"].items():
        if engine["phase"].present:
            yield _problem(
                "D104",
                engine["phase"],
                f"phase {shown(engine['phase'].value)} is set, but serving.mode is "
                f"{shown(_mode(replica))}",
                "set serving.mode to PrefillDecode, or remove the phase",
            )


def _phases(replica: Cursor) -> Iterator[Placed]:
    engines = list(replica["engines"].items())
    if _mode(replica) != "PrefillDecode":
        yield from _idle_phases(replica)
        return
    if len(engines) != 2:
        yield _problem(
            "D101",
            replica["engines"],
            f"PrefillDecode serving needs exactly two engines, found {len(engines)}",
            "give one engine with phase Prefill and one with phase Decode",
        )
    for code, phase in (("D102", "Prefill"), ("D103", "Decode")):
        count = sum(engine["phase"].value == phase for engine in engines)
        if count != 1:
            yield _problem(
                code,
                replica["engines"],
                f"PrefillDecode serving needs exactly one engine with phase {phase}, found {count}",
                f"set phase: {phase} on one engine",
            )


def _unwritable(engine: Cursor) -> Iterator[Placed]:
    for place in engine.descendants():
        if place.text is not None and (found := _UNWRITABLE.search(place.text)):
            yield _problem(
                "D132",
                place,
                f"{shown(place.text)} has the character U+{ord(found[0]):04X}, which does not "
                "reach the container as written",
                "remove it, or encode it",
            )


def _members(engine: Cursor) -> Iterator[Placed]:
    members = list(engine["members"].items())
    roles = [_role(member) for member in members]
    if members and roles != ["Standalone"] and sorted(roles) != ["Leader", "Worker"]:
        yield _problem(
            "D105",
            engine["members"],
            "an engine is either one Standalone member, or one Leader and one Worker; found "
            + _listed(shown(role) for role in roles),
            "set the roles so; a Worker's worker.nodes says how many pods it has",
        )
    if members and not any(
        member["nodeSelector"].present or member["resources"].present for member in members
    ):
        yield _problem(
            "D106",
            engine["members"],
            "no member carries a nodeSelector, so the engine would claim no device",
            "add nodeSelector.devices to the member that needs the accelerator",
        )


def _cache_of_gang(replica: Cursor, engine: Cursor) -> Iterator[Placed]:
    gang = any(_role(member) == "Leader" for member in engine["members"].items())
    if gang and not replica["modelCacheRef"].present:
        yield _problem(
            "D210",
            engine,
            "the engine spans several nodes, and there is no modelCacheRef: each pod fetches the "
            "weights by itself",
            "add modelCacheRef with a cache that every pod can mount",
            "warning",
        )


def _member(engine: Cursor, member: Cursor) -> Iterator[Placed]:
    if member["worker"].present and _role(member) != "Worker":
        yield _problem(
            "D107",
            member["worker"],
            f"worker is set on a member of role {shown(_role(member))}",
            "set it on the Worker alone",
        )
    yield from _unique(member.at("nodeSelector", "devices"), "device request")
    metadata = member.at("template", "metadata")
    yield from _metadata_entries(metadata["labels"], is_label=True)
    yield from _metadata_entries(metadata["annotations"], is_label=False)
    yield from _role_label(engine, metadata["labels"])
    for container in member.at("template", "spec", "containers").items():
        if container["name"].present and container["name"].value != "engine":
            yield _problem(
                "D108",
                container["name"],
                f"the container is named {shown(container['name'].value)}",
                "name it engine",
            )
        yield from _environment(container["env"])


def _role_label(engine: Cursor, pod_labels: Cursor) -> Iterator[Placed]:
    phase, written = engine["phase"].text, pod_labels[ROLE_LABEL].text
    if phase is not None and written is not None and written != phase.lower():
        yield _problem(
            "D125",
            pod_labels[ROLE_LABEL],
            f"label {ROLE_LABEL} is {shown(written)}, but the engine's phase is {shown(phase)}",
            "remove the label: routing sets it from the phase",
        )


def _environment(env: Cursor) -> Iterator[Placed]:
    yield from _unique(env, "environment variable")
    for variable in env.items():
        source = variable["valueFrom"]
        if not source.present:
            continue
        if variable["value"].present:
            yield _problem(
                "D130",
                variable,
                f"{shown(variable['name'].value)} has both value and valueFrom",
                "keep one of them: the API server refuses both",
            )
        kinds = [key for key, child in source.fields() if child.present]
        if len(kinds) != 1:
            yield _problem(
                "D131",
                source,
                f"valueFrom names {len(kinds)} sources" + (f": {_listed(kinds)}" if kinds else ""),
                "name exactly one of secretKeyRef, configMapKeyRef, fieldRef",
            )


def _metadata_limits(metadata: Cursor) -> Iterator[Placed]:
    """How many labels and annotations there may be, and how long a value.

    The shape of pull request #142 had no such limits for a member's pods.
    """
    for key, longest in (("labels", 63), ("annotations", 8192)):
        entries = list(metadata[key].fields())
        if len(entries) > 32:
            yield _problem(
                "D007",
                metadata[key],
                f"{len(entries)} {key}, at most 32 are allowed",
                "remove some",
            )
        for _, entry in entries:
            if entry.text is not None and len(entry.text) > longest:
                yield _problem(
                    "D007",
                    entry,
                    f"the value has {len(entry.text)} characters, at most {longest} are allowed",
                    "shorten it",
                )


def _metadata_entries(entries: Cursor, *, is_label: bool) -> Iterator[Placed]:
    noun = "label" if is_label else "annotation"
    for key, entry in entries.fields():
        if is_label and key.startswith(_RESERVED):
            yield _problem(
                "D111",
                entry,
                f"{noun} {shown(key)} uses a reserved prefix",
                f"choose another prefix than {' or '.join(_RESERVED)}",
            )
        if not _KEY.fullmatch(key):
            yield _problem(
                "D112",
                entry,
                f"{shown(key)} is not a valid {noun} key",
                "use [prefix/]name, the name up to 63 of [A-Za-z0-9._-], edged by alphanumerics",
            )
        if len(key.split("/")[0]) > 253:
            yield _problem(
                "D113",
                entry,
                f"the prefix of {noun} {shown(key)} has {len(key.split('/')[0])} characters",
                "keep it within 253",
            )
        value = entry.text
        if is_label and value is not None and not (_VALUE.fullmatch(value) and len(value) <= 63):
            yield _problem(
                "D114",
                entry,
                f"{shown(value)} is not a valid label value",
                "use up to 63 of [A-Za-z0-9._-], edged by alphanumerics",
            )


def _drivers(member: Cursor, platform: Platform) -> Iterator[Placed]:
    """A claim whose class and selector ask for different drivers is never allocated.

    It stalled the scheduler for every other pod, for minutes (seen run).
    """
    for device in member.at("nodeSelector", "devices").items():
        name = device["name"].text
        if name is None or name in platform.device_classes:
            continue
        for selector in device["selectors"].items():
            for driver in _drivers_named(selector):
                if driver == platform.default_device_class:
                    continue
                yield _problem(
                    "D204",
                    selector["cel"],
                    f"request {shown(name)} asks for driver {shown(driver)}, but is allocated "
                    f"from DeviceClass {platform.default_device_class!r}",
                    f"name its class: --device-class {name:.63}=CLASS, or "
                    "Platform(device_classes=...)",
                    "warning",
                )


def _drivers_named(selector: Cursor) -> list[str]:
    match = _DRIVER.search(selector["cel"].text or "")
    return [match[1]] if match else []


def driver_of(device: Cursor) -> list[str]:
    """The DRA drivers that the selectors of a device request name."""
    return [
        driver for selector in device["selectors"].items() for driver in _drivers_named(selector)
    ]


def _has_picker(replica: Cursor, platform: Platform) -> bool:
    return _mode(replica) != "Unified" or platform.unified_mode == "picker"


def _failure_mode(replica: Cursor, platform: Platform) -> Iterator[Placed]:
    provider, failure_mode = platform.gateway.provider, platform.picker.failure_mode
    if not _has_picker(replica, platform):
        return
    disaggregated = _mode(replica) == "PrefillDecode"
    for finding in incompatibilities(platform, disaggregated=disaggregated):
        yield finding, ()
    if failure_mode == "FailOpen" and failure_mode in provider.failure_modes:
        yield (
            Finding(
                "W301",
                "warning",
                "",
                f"the pool's failureMode is FailOpen: without a picker, {provider} sends requests "
                "to any of its pods, prefill pods included",
                "leave PickerOptions.failure_mode at FailClose, or accept that",
            ),
            (),
        )


def _picker_name(replica: Cursor, platform: Platform) -> Iterator[Placed]:
    if not _has_picker(replica, platform):
        return
    for engine in replica["engines"].items():
        if engine["name"].value == PICKER_SUFFIX:
            yield _problem(
                "D128",
                engine["name"],
                f"engine {PICKER_SUFFIX!r} would share its name with the endpoint picker",
                "rename the engine",
            )


def _toleration(toleration: Cursor) -> Iterator[Placed]:
    operator = toleration["operator"].text or "Equal"
    if operator == "Equal" and not toleration["key"].value:
        yield _problem("D109", toleration, "an Equal toleration sets no key", "set its key")
    if operator == "Exists" and toleration["value"].present:
        yield _problem(
            "D110",
            toleration["value"],
            f"an Exists toleration sets value {shown(toleration['value'].value)}",
            "remove the value, or set operator: Equal",
        )


def _unused(replica: Cursor) -> Iterator[Placed]:
    for key in ("clusterSelector", "tolerations"):
        if replica[key].present:
            yield _problem(
                "D203",
                replica[key],
                f"{key} chooses among the clusters that Modelplane manages; it is not used here",
                "nothing to do: the manifests go to the cluster that you apply them to",
                "note",
            )


def _port_uses(container: Cursor) -> list[tuple[Cursor, str | None]]:
    found = uses(container["command"].strings, container["args"].strings, "--port")
    return [(container.at(*use.place), use.value) for use in found]


def serving_container(engine: Cursor) -> Cursor:
    """The container of the member whose pods take requests."""
    for member in engine["members"].items():
        if _role(member) != "Worker":
            return member.at("template", "spec", "containers", 0)
    return Cursor(None, engine.path)


def _serving_port(replica: Cursor, engine: Cursor) -> Iterator[Placed]:
    container = serving_container(engine)
    phase = engine["phase"].text if _mode(replica) == "PrefillDecode" else None
    found = _port_uses(container)
    for at, value in found:
        port = parse_port(value)
        if port is None:
            yield _problem(
                "D122",
                at,
                "--port has no value" if value is None else f"--port {shown(value)} is not a port",
                "write a number from 1 to 65535",
            )
        elif phase == "Decode" and port == SERVING_PORT:
            yield _problem(
                "D123",
                at,
                f"the decode engine listens on {port}, which its sidecar takes",
                f"give it --port={DECODE_PORT}",
            )
        elif phase in ("Prefill", "Encode") and port != SERVING_PORT:
            called = phase.lower()
            yield _problem(
                "D124",
                at,
                f"the {called} engine listens on {port}, but decode calls {called} on the pool's "
                f"port {SERVING_PORT}: every {called} would fail",
                f"give it --port={SERVING_PORT}",
            )
    if len({value for _, value in found}) > 1:
        yield _problem(
            "D207",
            found[-1][0],
            "--port is given several times: " + _listed(shown(value) for _, value in found),
            "keep one: engines take the last, and so does what is composed",
            "warning",
        )
    if phase == "Decode" and container.present and not found:
        ranks = engine["ranks"].value
        forwarded = default_port(phase, ranks if isinstance(ranks, int) else 1)
        yield _problem(
            "D201",
            container,
            f"the decode engine has no --port; requests are forwarded to {forwarded}, while "
            "vLLM's own default is 8000, which the sidecar takes",
            f"give it --port={forwarded}",
            "warning",
        )


def _ranked(engine: Cursor) -> bool:
    return engine["ranks"].value not in (None, 1)


def _unified_ports(replica: Cursor, platform: Platform) -> Iterator[Placed]:
    if _mode(replica) == "PrefillDecode":
        return
    ports: dict[int, str] = {}
    for engine in replica["engines"].items():
        found = _port_uses(serving_container(engine))
        port = parse_port(found[0][1]) if found else SERVING_PORT
        if port is not None:
            ports.setdefault(port, shown(engine["name"].value))
    ranked = next((engine for engine in replica["engines"].items() if _ranked(engine)), None)
    if ranked is not None and platform.unified_mode == "service":
        yield _problem(
            "W205",
            ranked,
            "its pods have several ranks, each with a port, and a Service leads to one port",
            'set Platform(unified_mode="picker"): a pool has up to eight ports',
        )
    if len(ports) > 1:
        yield _problem(
            "D126",
            replica["engines"],
            "the engines listen on different ports behind one Service: "
            + _listed(f"{name} on {port}" for port, name in ports.items()),
            "give all of them the same --port",
        )
