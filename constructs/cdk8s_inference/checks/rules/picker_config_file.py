"""The endpoint picker's configuration file: whether it is mounted, and changes take effect."""

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
    "The picker's configuration file is not mounted",
    why="The picker does not start, and every request is answered 500.",
    evidence="The picker reads --config-file once, when it starts.",
    fix="mount the ConfigMap that contains the file, and set --config-file to its path",
    example=breaks("disaggregated", _PICKER, f"{_ARGS}[2]", "--config-file=/config/epp.yaml"),
)
def config_file_not_mounted(topology: Topology) -> Iterator[Violation]:
    for picker in topology.pickers:
        file = picker.config_file
        if file is None:
            continue
        if "config-text" in picker.flags:
            yield Violation(
                file,
                "--config-file and --config-text are both set, and exclude each other",
                picker.flags["config-text"],
            )
        elif picker.config_volume is not None:
            name, key = picker.config_volume
            found = picker.config_maps.get(name.value)
            if found is not None and picker.config is None:
                keys = [entry for entry, _ in found.at("data").fields()]
                yield Violation(
                    file,
                    f"{file.value!r} is the key {key!r} of {found}, whose keys are "
                    f"{', '.join(keys)}",
                    found.here,
                )
        elif not _mounted(picker, file.value):
            yield Violation(file, f"no volume that contains {file.value!r} is mounted")


def _mounted(picker: Picker, path: str) -> bool:
    """Whether any volume is mounted at the path.

    A ConfigMap without a name does not count, nor a volume of no kind, which is an empty one.
    """
    nameless = {
        volume["name"].text
        for volume in picker.pods.at.at("spec", "volumes").items()
        if (volume["configMap"].present and not volume.at("configMap", "name").present)
        or not any(key != "name" and at.present for key, at in volume.fields())
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
    "The ConfigMap of the picker's configuration was not read",
    why="Errors in the configuration are not found before the picker runs.",
    evidence="The volume names a ConfigMap that was not read.",
    fix="check the picker together with its ConfigMap, or correct the name of the ConfigMap",
    example=breaks("disaggregated", _PICKER, "spec.template.spec.volumes[0].configMap.name", "epp"),
)
def config_not_read(topology: Topology) -> Iterator[Violation]:
    for picker in topology.pickers:
        if picker.config_volume is not None:
            name, _ = picker.config_volume
            if name.value not in picker.config_maps:
                yield Violation(
                    name,
                    f"ConfigMap {picker.object.namespace}/{name.value} was not read",
                    missing=True,
                )


@rule(
    "T410",
    "error",
    "The picker of a disaggregated pool has no configuration",
    why="The built-in configuration has one profile: prefill pods get users' requests, and no "
    "request is disaggregated.",
    evidence="Read in the source of the picker. A configuration with one profile was seen run and "
    "has the same result.",
    fix="set --config-file or --config-text to a configuration with a prefill and a decode profile",
    example=breaks("disaggregated", _PICKER, f"{_ARGS}[2]", "--tracing=false"),
)
def no_config(topology: Topology) -> Iterator[Violation]:
    for pool in topology.disaggregated:
        picker = pool.picker
        if picker is not None and not {"config-file", "config-text"} & picker.flags.keys():
            yield Violation(
                picker.container.here,
                "neither --config-file nor --config-text is set",
                pool.disaggregates,
            )


@rule(
    "T429",
    "warning",
    "The picker has no configuration, and its release has no default",
    why="The picker exits when it starts, and every request is answered 500.",
    evidence="Read in the source of the Inference Extension: its picker has a default "
    "configuration from v1.4.0 on; before, it exits without one.",
    fix="set --config-file or --config-text",
    example=breaks("inference-extension", _PICKER, f"{_ARGS}[3]", "--v=2"),
)
def needs_config(topology: Topology) -> Iterator[Violation]:
    disaggregated = [pool.picker for pool in topology.disaggregated]
    for picker in topology.pickers:
        given = {"config-file", "config-text"} & picker.flags.keys()
        if picker.release.picker.needs_config and not given and picker not in disaggregated:
            yield Violation(
                picker.container.here,
                f"neither --config-file nor --config-text is set for {picker.release.title}",
                picker.container.image,
                severity=picker.assumed_severity,
            )


@rule(
    "T422",
    "note",
    "A change of the picker's ConfigMap does not restart the picker",
    why="The picker reads its configuration once, when it starts. After a change of the ConfigMap "
    "it uses the old configuration until it is restarted.",
    evidence="The picker reads --config-file once, when it starts; modelplane's routing.py.",
    fix="add a checksum of the ConfigMap to the pod annotations or to the ConfigMap's name, or "
    "restart the picker after each change",
    example=breaks("disaggregated", _PICKER, "spec.template.metadata.annotations", REMOVED),
)
def change_does_not_restart(topology: Topology) -> Iterator[Violation]:
    for picker in topology.pickers:
        volume = picker.config_volume
        if volume is None or picker.config is None:
            continue
        name, _ = volume
        config_map = picker.config_maps[name.value]
        annotations = {**picker.pods.annotations, **picker.object.annotations}
        restarts = any(_CHECKSUM.search(f"{key}: {value}") for key, value in annotations.items())
        fixed = config_map.at("immutable").value is True or _HASH_SUFFIX.search(name.value)
        if not restarts and not fixed:
            yield Violation(
                name,
                f"the pod template does not change if {config_map} changes",
                config_map.here,
            )


_CHECKSUM = re.compile(r"checksum|hash|reload|\b[0-9a-f]{8,}\b", re.IGNORECASE)
"""An annotation with a checksum of the configuration, or for a reloader."""

_HASH_SUFFIX = re.compile(r"-(?=[a-z]*[0-9])[a-z0-9]{8,10}$")
"""The suffix of a name with a hash of the content, such as Kustomize's."""
