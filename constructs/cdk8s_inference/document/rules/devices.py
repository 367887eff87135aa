"""Devices that engines claim."""

from __future__ import annotations

import re
from collections.abc import Iterator

from cdk8s_inference.document.examples import (
    CEL_RULE,
    MEMBER,
    PYTHON_UNIFIED,
    REFUSED,
    unified,
)
from cdk8s_inference.document.subject import (
    DEPLOYMENT_RULES,
    ENGINE_RULES,
    RUN_RULES,
    DeploymentSubject,
    EngineSubject,
    RunSubject,
)
from cdk8s_inference.findings import shown
from cdk8s_inference.findings.example import REMOVED, command, edited, python
from cdk8s_inference.findings.rule import Violation
from cdk8s_inference.servers import invocation_of
from cdk8s_inference.servers.accelerators import is_cpu_image, may_be_accelerator
from cdk8s_inference.source import Cursor

_DRIVER = re.compile(r"""device\.driver\s*==\s*["']([^"']+)["']""")


@ENGINE_RULES.rule(
    "D106",
    "error",
    "An engine claims no device",
    why=f"{REFUSED} The engine would not start, or would run on the CPU.",
    evidence=f"{CEL_RULE} An image for the CPU, a simulator and --device=cpu need none, nor does "
    "an engine where a platform file limits accelerators of a device plugin; all are composed, "
    "although that API rejects them. In Python an engine may be without one, which T705 is about.",
    fix="add nodeSelector.devices to the member that needs the accelerator, or the resource of its "
    "device plugin to pods.limits of a platform file",
    example=unified(f"{MEMBER}.nodeSelector", REMOVED),
)
def no_device(subject: EngineSubject) -> Iterator[Violation]:
    if subject.typed or any(map(may_be_accelerator, subject.platform.pods.extended)):
        return
    claimed = any(member["nodeSelector"].present for member in subject.members)
    if subject.members and not claimed and not all(map(_runs_on_cpu, subject.members)):
        yield Violation(
            subject.engine["members"], "no member has a nodeSelector: the engine claims no device"
        )


def _runs_on_cpu(member: Cursor) -> bool:
    """Whether a container of a member is made for the CPU."""
    return any(
        is_cpu_image(image := each["image"].text or "")
        or invocation_of(each["command"].strings, each["args"].strings, image).is_on_cpu
        for each in member.at("template", "spec", "containers").items()
    )


@DEPLOYMENT_RULES.rule(
    "D204",
    "warning",
    "A device selector names another driver than the DeviceClass has",
    why="No device satisfies both. The pod stays Pending, and the scheduler was blocked for "
    "minutes, for other pods too.",
    evidence="Seen run with kube-scheduler v1.35.",
    fix="set the class of the request: --device-class REQUEST=CLASS, or "
    "Platform(device_classes=...)",
    example=unified(
        f"{MEMBER}.nodeSelector.devices[0].selectors[0].cel",
        'device.driver == "tpu.google.com"',
    ),
)
def other_driver(deployment: DeploymentSubject) -> Iterator[Violation]:
    device_class = deployment.platform.default_device_class
    for engine in deployment.engines:
        for member in engine["members"].items():
            for device in member.at("nodeSelector", "devices").items():
                name = device["name"].text
                if name is None or name in deployment.platform.device_classes:
                    continue
                for selector in device["selectors"].items():
                    driver = _driver(selector)
                    if driver is not None and driver != device_class:
                        yield Violation(
                            selector["cel"],
                            f"request {shown(name)} selects driver {shown(driver)}, and is "
                            f"allocated from DeviceClass {device_class!r}",
                            fix=f"set its class: --device-class {name:.63}=CLASS, or "
                            "Platform(device_classes=...)",
                        )


@RUN_RULES.rule(
    "D208",
    "warning",
    "--device-class names a request that no document has",
    why="The intended request keeps the default class, and is allocated other devices or none.",
    evidence="A class is set by the request's name in nodeSelector.devices.",
    fix="correct the name, or remove the option",
    example=command(
        "cdk8s-inference synth unified.yaml --output dist --device-class gpus=h100.example\n",
        "cdk8s-inference synth unified.yaml --output dist --device-class gpu=h100.example\n",
    ),
)
def unused_device_class(run: RunSubject) -> Iterator[Violation]:
    requests = {
        device.name
        for deployment, _ in run.deployments
        for engine in deployment.spec.template.spec.engines
        for member in engine.members
        if member.node_selector is not None
        for device in member.node_selector.devices
    }
    for request in sorted(run.platform.device_classes.keys() - requests):
        known = ", ".join(sorted(requests)) or "none"
        yield Violation(
            None,
            f"--device-class names request {request!r}, which no document has; the documents "
            f"have: {known}",
        )


@ENGINE_RULES.rule(
    "W206",
    "error",
    "The same devices are requested from the device plugin and by DRA",
    why="Two allocators assign the same devices independently: a pod gets twice as many, or "
    "shares one with another pod and runs out of memory.",
    evidence="Kubernetes allocates extended resources and resource claims separately.",
    fix="keep one of the two",
    example=python(
        edited(
            PYTHON_UNIFIED,
            (
                "devices=[gpu],",
                'devices=[gpu],\n            resources={"nvidia.com/gpu": 1},',
            ),
        ),
        PYTHON_UNIFIED,
    ),
)
def two_allocators(subject: EngineSubject) -> Iterator[Violation]:
    for member in subject.members if subject.typed else ():
        classes = {
            name: request
            for request in member.at("nodeSelector", "devices").items()
            for name in (
                *_drivers(request),
                subject.platform.device_class(request["name"].text or ""),
            )
        }
        for resource, count in member["resources"].fields():
            domain, _, name = resource.partition("/")
            kind = re.split(r"[-.]", name)[0]
            if request := classes.get(f"{kind}.{domain}"):
                yield Violation(
                    count,
                    f"{resource} is requested from the device plugin, and request "
                    f"{shown(request['name'].value)} claims {kind}.{domain} by DRA",
                    request,
                )


def _driver(selector: Cursor) -> str | None:
    match = _DRIVER.search(selector["cel"].text or "")
    return match[1] if match else None


def _drivers(device: Cursor) -> list[str]:
    """The DRA drivers that the selectors of a device request name."""
    drivers = (_driver(selector) for selector in device["selectors"].items())
    return [driver for driver in drivers if driver is not None]
