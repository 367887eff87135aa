"""The endpoint picker's configuration: whether it is there, and takes effect."""

from __future__ import annotations

import re
from collections.abc import Iterator

from cdk8s_inference.checks.rule import rule
from cdk8s_inference.findings import Violation
from cdk8s_inference.findings.example import REMOVED, breaks
from cdk8s_inference.topology import Picker, Topology

_ARGS = "spec.template.spec.containers[0].args"


_PICKER = "Deployment/qwen-epp"


@rule(
    "T408",
    "error",
    "The picker's configuration is not where it looks",
    why="The picker does not start, and every request is answered 500.",
    evidence="The picker reads --config-file once, at start.",
    fix="mount the ConfigMap that holds the file, and give its path",
    example=breaks("disaggregated", _PICKER, f"{_ARGS}[2]", "--config-file=/config/epp.yaml"),
)
def config_elsewhere(topology: Topology) -> Iterator[Violation]:
    for picker in topology.pickers:
        file = picker.config_file
        if file is None:
            continue
        if "config-text" in picker.flags:
            yield Violation(
                file,
                "--config-file and --config-text exclude each other",
                picker.flags["config-text"],
            )
        elif picker.config_volume is not None:
            name, key = picker.config_volume
            found = picker.config_maps.get(name.value)
            if found is not None and picker.config is None:
                keys = [entry for entry, _ in found.at("data").fields()]
                yield Violation(
                    file, f"{found} has no {key!r}; it has {', '.join(keys)}", found.here
                )
        elif not _mounted(picker, file.value):
            yield Violation(file, f"no volume that holds a file is mounted at {file.value!r}")


def _mounted(picker: Picker, path: str) -> bool:
    """Whether a volume of some kind is mounted there; a ConfigMap without a name is none."""
    nameless = {
        volume["name"].text
        for volume in picker.pods.at.at("spec", "volumes").items()
        if volume["configMap"].present and not volume.at("configMap", "name").present
    }
    mounts = (
        mount["mountPath"].text or "-"
        for mount in picker.container.at["volumeMounts"].items()
        if mount["name"].text not in nameless
    )
    return any(path == mount or path.startswith(mount.rstrip("/") + "/") for mount in mounts)


@rule(
    "T409",
    "warning",
    "The picker's configuration was not read",
    why="What keeps it from starting, or from disaggregating, stays unseen until it runs.",
    evidence="It is in an object that is not among what was read.",
    fix="check the picker together with its ConfigMap, and correct the ConfigMap's name",
    example=breaks("disaggregated", _PICKER, "spec.template.spec.volumes[0].configMap.name", "epp"),
)
def config_not_read(topology: Topology) -> Iterator[Violation]:
    for picker in topology.pickers:
        if picker.config_volume is not None:
            name, _ = picker.config_volume
            if name.value not in picker.config_maps:
                yield Violation(
                    name, f"ConfigMap {name.value!r} is not among what was read", missing=True
                )


@rule(
    "T410",
    "error",
    "The picker has no configuration for roles",
    why="Its built-in configuration has one profile: prefill pods serve users, and nothing "
    "is disaggregated.",
    evidence="Seen in the picker's sources; the same as a configuration of one profile, seen run.",
    fix="give --config-file or --config-text",
    example=breaks("disaggregated", _PICKER, f"{_ARGS}[2]", "--tracing=false"),
)
def no_config(topology: Topology) -> Iterator[Violation]:
    for pool in topology.disaggregated:
        picker = pool.picker
        if picker is not None and not {"config-file", "config-text"} & picker.flags.keys():
            yield Violation(
                picker.container.here,
                "neither --config-file nor --config-text is given",
                pool.disaggregates,
            )


@rule(
    "T429",
    "warning",
    "The picker is given no configuration, and has none built in",
    why="It exits at its start, and every request is answered 500.",
    evidence="Read in the sources of the Inference Extension: its picker has a built-in "
    "configuration from v1.4.0 on, and stops without one before.",
    fix="give --config-file or --config-text",
    example=breaks("inference-extension", _PICKER, f"{_ARGS}[3]", "--v=2"),
)
def needs_config(topology: Topology) -> Iterator[Violation]:
    disaggregated = [pool.picker for pool in topology.disaggregated]
    for picker in topology.pickers:
        given = {"config-file", "config-text"} & picker.flags.keys()
        if picker.release.picker.needs_config and not given and picker not in disaggregated:
            yield Violation(
                picker.container.here,
                f"{picker.release.title} is given neither --config-file nor --config-text",
                picker.container.image,
                severity=picker.assumed_severity,
            )


@rule(
    "T422",
    "note",
    "A change of the picker's configuration does not reach it",
    why="It reads its configuration once, at start: after a change of the ConfigMap it goes "
    "on by the old one until somebody restarts it.",
    evidence="The picker reads --config-file once, at start; modelplane's routing.py.",
    fix="write a checksum of the ConfigMap into an annotation of the pods, or into its name, or "
    "restart the picker after each change",
    example=breaks("disaggregated", _PICKER, "spec.template.metadata.annotations", REMOVED),
)
def not_rolled(topology: Topology) -> Iterator[Violation]:
    for picker in topology.pickers:
        volume = picker.config_volume
        if volume is None or picker.config is None:
            continue
        name, _ = volume
        config_map = picker.config_maps[name.value]
        annotations = {**picker.pods.annotations, **picker.object.annotations}
        told = any(_ROLLS.search(f"{key}: {value}") for key, value in annotations.items())
        fixed = config_map.at("immutable").value is True or _HASHED.search(name.value)
        if not told and not fixed:
            yield Violation(name, f"nothing of the pods changes with {config_map}", config_map.here)


_ROLLS = re.compile(r"checksum|hash|reload|\b[0-9a-f]{8,}\b", re.IGNORECASE)
"""An annotation that changes with the configuration, or asks a reloader to see to it."""

_HASHED = re.compile(r"-(?=[a-z]*[0-9])[a-z0-9]{8,10}$")
"""The end of a name that is made from the content, as by Kustomize."""
