"""Where the nodes have NVIDIA's driver."""

from __future__ import annotations

from collections.abc import Iterator

from cdk8s_inference.findings.example import Edit, document, python
from cdk8s_inference.findings.rule import Violation
from cdk8s_inference.gateways import GKE
from cdk8s_inference.releases.stack import GKE_DRIVER_ROOT
from cdk8s_inference.stack.options import DEFAULT_DRIVER_ROOT, DevicePlugin, DraDriver
from cdk8s_inference.stack.subject import STACK_RULES, StackSubject


@STACK_RULES.rule(
    "S108",
    "error",
    "The driver root is not an absolute path",
    why="The driver's pods mount nothing there and find no GPU. Claims stay pending.",
    evidence="Kubernetes: a hostPath is absolute. NVIDIA's DRA driver uses nvidiaDriverRoot as a "
    "hostPath.",
    fix="use a path that starts with /",
    example=document("stack", Edit("ServingStack/gke", "spec.nvidiaDriverRoot", "home/nvidia")),
)
def relative_driver_root(stack: StackSubject) -> Iterator[Violation]:
    devices = stack.props.devices
    if isinstance(devices, (DraDriver, DevicePlugin)) and not devices.driver_root.startswith("/"):
        yield Violation(
            stack.at("devices", "driver_root"),
            f"driver root {devices.driver_root!r} is not an absolute path",
        )


@STACK_RULES.rule(
    "S112",
    "warning",
    "The driver root is not where GKE has the GPU driver",
    why="The DRA driver finds no driver on the node and offers no GPU. Without a ResourceQuota, "
    "GKE also rejects the driver's pods. Claims stay pending.",
    evidence="modelplane 44b53c07 and modelplaneai/modelplane#229.",
    fix=f"use {GKE_DRIVER_ROOT!r}; the ResourceQuota for the driver's pods is then composed too",
    example=python(
        """\
from cdk8s_inference.gateways import GKE

ServingStack(App(), "stack", gateway=Gateway(provider=GKE))
""",
        """\
from cdk8s_inference.gateways import GKE

ServingStack(
    App(),
    "stack",
    gateway=Gateway(provider=GKE),
    devices=DraDriver("/home/kubernetes/bin/nvidia"),
)
""",
    ),
)
def driver_root_of_gke(stack: StackSubject) -> Iterator[Violation]:
    devices = stack.props.devices
    if (
        isinstance(devices, DraDriver)
        and stack.props.provider.name == GKE.name
        and devices.driver_root == DEFAULT_DRIVER_ROOT
    ):
        yield Violation(
            stack.at("devices", "driver_root"),
            f"the gateway's provider is {GKE}, and GKE has no driver under {devices.driver_root!r}",
        )
