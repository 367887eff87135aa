"""The CEL expressions by which devices are selected."""

from __future__ import annotations

import re
from collections.abc import Iterator

from cdk8s_inference.cel.usual_selector import is_usual
from cdk8s_inference.checks.rule import rule
from cdk8s_inference.findings import Violation, near_name
from cdk8s_inference.findings.example import breaks
from cdk8s_inference.servers.accelerators import DRA_DRIVERS
from cdk8s_inference.source import has_placeholder
from cdk8s_inference.topology import Topology


@rule(
    "T710",
    "error",
    "A device selector does not compile, or is neither true nor false",
    why="The API server refuses the claim, or the scheduler stops allocating devices for it: the "
    "pod stays pending.",
    evidence="CELDeviceSelector of resource.k8s.io/v1: any result other than true or false is an "
    "error, and aborts the allocation.",
    fix="correct the expression",
    example=breaks(
        "disaggregated",
        "ResourceClaimTemplate/two-gpus",
        "spec.spec.devices.requests[0].exactly.selectors",
        [{"cel": {"expression": 'device.attribute["gpu.nvidia.com"].architecture == "Hopper"'}}],
    ),
)
def does_not_compile(topology: Topology) -> Iterator[Violation]:
    for selector in topology.device_selectors:
        if has_placeholder(selector.value) or is_usual(selector.value):
            continue
        # The parser is imported where there is something to parse.
        from cdk8s_inference.cel.device_selector import selector_problem

        problem = selector_problem(selector.value)
        if problem is not None:
            yield Violation(selector, f"{selector.value!r:.200} selects no device: {problem}")


@rule(
    "T712",
    "error",
    "The name of a DeviceClass is misspelled",
    why="The scheduler finds no such class, and the pod stays pending.",
    evidence="The DeviceClasses of DRA drivers have the drivers' names.",
    fix="name the class of the driver, such as gpu.nvidia.com",
    example=breaks(
        "disaggregated",
        "ResourceClaimTemplate/two-gpus",
        "spec.spec.devices.requests[0].exactly.deviceClassName",
        "gpu.nvidia.co",
    ),
)
def misspelled_class(topology: Topology) -> Iterator[Violation]:
    own = {found.name for found in topology.of_kind("DeviceClass")}
    known = own | DRA_DRIVERS
    for claim in topology.claims:
        for devices in claim.choices:
            name = devices.device_class
            if name.value is None or name.value in known or has_placeholder(name.value):
                continue
            meant = near_name(name.value, known)
            if meant is not None:
                yield Violation(name, f"there is no class {name.value!r}, but {meant!r}")


_DRIVER = re.compile(r"""device\.driver\s*==\s*["']([\w.-]+)["']""")


@rule(
    "T713",
    "error",
    "Selectors of a device request contradict each other",
    why="No device satisfies all of them, and the pod stays pending.",
    evidence="A device has one driver. The classes of NVIDIA's and other vendors' drivers select "
    "devices of the driver of their name.",
    fix="select one driver, the one of the DeviceClass",
    example=breaks(
        "disaggregated",
        "ResourceClaimTemplate/two-gpus",
        "spec.spec.devices.requests[0].exactly.selectors",
        [{"cel": {"expression": 'device.driver == "gpu.amd.com"'}}],
    ),
)
def contradiction(topology: Topology) -> Iterator[Violation]:
    own = {found.name for found in topology.of_kind("DeviceClass")}
    for claim in topology.claims:
        for devices in claim.choices:
            wanted = {}
            for text in devices.selectors:
                if "||" not in text.value and "!" not in text.value and "?" not in text.value:
                    wanted.update(dict.fromkeys(_DRIVER.findall(text.value), text))
            name = devices.device_class.value
            drivers = [*wanted]
            if name in DRA_DRIVERS and name not in own:
                # A class that is given to network devices by mistake may be the platform's choice.
                others = [each for each in wanted if each != name and each in DRA_DRIVERS]
                drivers = [name, *others]
            if len(drivers) > 1:
                yield Violation(
                    wanted[drivers[1]],
                    f"it asks for devices of {drivers[0]} and of {drivers[1]}",
                    devices.device_class,
                )


@rule(
    "T714",
    "error",
    "A device claim asks for no device",
    why="The API server refuses it, or its pods run without a device: the engine exits.",
    evidence="resource.k8s.io/v1: exactly.deviceClassName is required; a claim without requests "
    "allocates nothing.",
    fix="request devices of a DeviceClass, such as gpu.nvidia.com",
    example=breaks(
        "disaggregated",
        "ResourceClaimTemplate/two-gpus",
        "spec.spec.devices.requests[0].exactly",
        {"count": 2},
    ),
    after=("K008",),
)
def asks_for_nothing(topology: Topology) -> Iterator[Violation]:
    for claim in topology.claims:
        if not claim.requests:
            yield Violation(claim.object.here, f"{claim.object} has no requests")
        for devices in claim.choices:
            if devices.device_class.value is None:
                yield Violation(devices.device_class, "deviceClassName is not set")
