"""What a platform team sets of a serving stack, beside its gateway: devices, monitoring, TLS."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from cdk8s_inference.arguments import checked
from cdk8s_inference.kubernetes_types import NonEmpty, ObjectName

DEFAULT_DRIVER_ROOT = "/"


@checked
@dataclass(frozen=True)
class DraDriver:
    """NVIDIA's DRA driver: engines claim GPUs from it. Kubernetes 1.34 or newer.

    Attributes:
        driver_root: Where the host has NVIDIA's driver: ``/`` (default), on GKE
            ``/home/kubernetes/bin/nvidia``, with the GPU Operator ``/run/nvidia/driver``.
        critical_pods_quota: A ResourceQuota that admits system-critical pods to the driver's
            namespace, without which GKE refuses them. None (default): where ``driver_root`` is
            not the default.
    """

    driver_root: NonEmpty = DEFAULT_DRIVER_ROOT
    critical_pods_quota: bool | None = None

    @property
    def needs_quota(self) -> bool:
        """Whether the quota is composed."""
        if self.critical_pods_quota is not None:
            return self.critical_pods_quota
        return self.driver_root != DEFAULT_DRIVER_ROOT


@checked
@dataclass(frozen=True)
class DevicePlugin:
    """NVIDIA's device plugin, for pods that ask for ``nvidia.com/gpu``.

    A deployment's device requests become DRA claims, which this does not serve.

    Attributes:
        driver_root: Where the host has NVIDIA's driver.
    """

    driver_root: NonEmpty = DEFAULT_DRIVER_ROOT


@checked
@dataclass(frozen=True)
class Monitoring:
    """Prometheus over pod and service monitors of every namespace, and the gateway's proxies.

    Attributes:
        grafana: Installs Grafana with it.
        alertmanager: Installs Alertmanager with it.
    """

    grafana: bool = False
    alertmanager: bool = False


@checked
@dataclass(frozen=True)
class Issuer:
    """The cert-manager issuer of the listeners' certificates; each listener needs a hostname.

    Attributes:
        name: Its name.
        kind: ``ClusterIssuer`` (default), or an ``Issuer`` in the gateway's namespace.
        hostname: Host of the listeners with a certificate that name none of their own.
    """

    name: ObjectName
    kind: Literal["ClusterIssuer", "Issuer"] = "ClusterIssuer"
    hostname: NonEmpty | None = None

    @property
    def annotation(self) -> str:
        """The Gateway's annotation that names it."""
        kind = "cluster-issuer" if self.kind == "ClusterIssuer" else "issuer"
        return f"cert-manager.io/{kind}"
