"""EndpointPicker: the llm-d endpoint picker of one pool of pods, with its permissions."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping, Sequence
from typing import Any

from cdk8s_inference import labels, names
from cdk8s_inference.app_state import AppState
from cdk8s_inference.arguments import checked
from cdk8s_inference.arguments.objects import Labels
from cdk8s_inference.construct_tree import ApiObject, ApiObjectMetadata, Construct
from cdk8s_inference.kubernetes_types import LabelValue, NonEmpty
from cdk8s_inference.manifest import cluster_manifest, manifest
from cdk8s_inference.picker_config import PickerConfig
from cdk8s_inference.platform import Platform
from cdk8s_inference.pods.order import pod_in_order
from cdk8s_inference.releases.flag import FlagValue
from cdk8s_inference.releases.permission import Permission
from cdk8s_inference.routing.own_proxy import IMAGE, Endpoints, bootstrap, container
from cdk8s_inference.routing.own_proxy import REQUESTS as PROXY_REQUESTS

GRPC_PORT = 9002
"""Where the gateway asks for an endpoint (ext_proc)."""

_HEALTH_PORT = 9003
_METRICS_PORT = 9090
_CONFIG_MOUNT_PATH = "/config"
_CONFIG_FILE = "config.yaml"
_PROXY_FILE = "envoy.yaml"
_RBAC = "rbac.authorization.k8s.io"
_CONFIG_DIGEST = f"{labels.PREFIX}config-sha256"

_GRACE_MARGIN_SECONDS = 30
"""The picker stays for its whole drain after SIGTERM (seen run), so its grace must be longer."""

_FLAG_VALUES: Mapping[str, FlagValue] = {
    # Both are on by default: profiles, open to the cluster in v0.8.0, and traces that go nowhere
    # without a collector.
    "enable-pprof": False,
    "tracing": False,
}


class EndpointPicker(Construct):
    """A picker: ServiceAccount, Role, RoleBinding, ConfigMap, Deployment and Service.

    :class:`~cdk8s_inference.platform.picker_options.PickerOptions` may add a disruption budget, and
    ClusterRoles for metrics.

    Attributes:
        name: Name of its objects.
        port: Where the gateway asks for an endpoint.
        deployment: Its Deployment.
        service: Its Service.
    """

    @checked
    def __init__(
        self,
        scope: Construct,
        id: NonEmpty,
        *,
        name: NonEmpty,
        namespace: NonEmpty,
        pool: NonEmpty | Endpoints,
        config: PickerConfig,
        instance: LabelValue | None = None,
        part_of: LabelValue | None = None,
        object_labels: Labels | None = None,
        platform: Platform | None = None,
    ) -> None:
        """Composes the picker.

        Args:
            name: Name of its objects. A Service carries it: a DNS label that starts with a
                letter.
            namespace: Of the picker, the pool and the pool's pods: one for all three.
            pool: The InferencePool it picks from; or the pods, with an Envoy of its own to ask it,
                where there is no gateway that does.
            config: Its plugins and profiles.
            instance: Value of ``app.kubernetes.io/instance``; default ``name``.
            part_of: Value of ``app.kubernetes.io/part-of``.
            object_labels: Further labels of its objects.
            platform: The platform's choices: the router release, how the picker is run.

        Raises:
            InvalidInput: The release's picker would not start with ``config``.
            ValueError: A Service cannot carry ``name``, or no cluster has ``namespace``.
        """
        names.require(name, gang=False)
        names.require_namespace(namespace)
        platform = platform or Platform()
        text = config.render(platform.router)
        super().__init__(scope, id)
        AppState.add(self, scope)
        self.name = name
        self.port = GRPC_PORT
        self._namespace = namespace
        self._platform = platform
        self._release = platform.router.picker
        self._options = platform.picker
        self._endpoints = pool if isinstance(pool, Endpoints) else None
        self._secure = platform.gateway.provider.secure_picker
        self._arguments = platform.router.arguments(
            "picker", self._flags(pool, experimental=config.experimental)
        )
        self._pod_labels = labels.merged(
            labels.recommended(
                name="endpoint-picker",
                instance=instance or name,
                component="endpoint-picker",
                part_of=part_of,
            ),
            {labels.PICKER: name},
        )
        self._object_labels = labels.merged(self._pod_labels, object_labels or {})

        self._grant()
        files = {_CONFIG_FILE: text}
        if self._endpoints is not None:
            files[_PROXY_FILE] = bootstrap(GRPC_PORT)
        self._compose("config", "v1", "ConfigMap", {"data": files})
        # The programs read their configuration once, at start: a change must roll them.
        digest = hashlib.sha256("".join(files.values()).encode()).hexdigest()
        self.deployment = self._compose(
            "deployment", "apps/v1", "Deployment", {"spec": self._deployment_spec(digest)}
        )
        self.service = self._compose("service", "v1", "Service", {"spec": self._service_spec()})
        if self._options.keep_from_eviction:
            self._compose_disruption_budget()
        if self._options.metrics == "authenticated":
            self._compose_metrics_roles()

    def _metadata(self) -> ApiObjectMetadata:
        return ApiObjectMetadata(
            name=self.name, namespace=self._namespace, labels=self._object_labels
        )

    def _compose(self, id: str, api_version: str, kind: str, body: Mapping[str, Any]) -> ApiObject:
        return manifest(
            self,
            id,
            api_version=api_version,
            kind=kind,
            metadata=self._metadata(),
            body=body,
        )

    def _grant(self) -> None:
        # Pods that need its token mount it themselves.
        self._compose(
            "service-account", "v1", "ServiceAccount", {"automountServiceAccountToken": False}
        )
        rules = [permission.rule() for permission in self._permissions()]
        self._compose("role", f"{_RBAC}/v1", "Role", {"rules": rules})
        role = {"apiGroup": _RBAC, "kind": "Role", "name": self.name}
        self._compose(
            "role-binding",
            f"{_RBAC}/v1",
            "RoleBinding",
            {"roleRef": role, "subjects": [self._subject()]},
        )

    def _subject(self) -> dict[str, str]:
        return {"kind": "ServiceAccount", "name": self.name, "namespace": self._namespace}

    def _permissions(self) -> Sequence[Permission]:
        watches = self._release.watches
        if self._endpoints is not None:
            # Without a pool it watches no custom resource.
            watches = tuple(watch for watch in watches if not watch.api_group)
        if self._options.high_availability:
            return (*watches, *self._release.leader_election)
        return watches

    def _compose_metrics_roles(self) -> None:
        """What the picker needs to review the tokens of scrapes, and what scrapers need."""
        rules = {"review": self._release.metrics_review, "reader": self._release.metrics_reader}
        for part, permissions in rules.items():
            cluster_manifest(
                self,
                f"metrics-{part}",
                api_version=f"{_RBAC}/v1",
                kind="ClusterRole",
                metadata=self._cluster_metadata(part),
                body={"rules": [permission.rule() for permission in permissions]},
            )
        cluster_manifest(
            self,
            "metrics-review-binding",
            api_version=f"{_RBAC}/v1",
            kind="ClusterRoleBinding",
            metadata=self._cluster_metadata("review"),
            body={
                "roleRef": {
                    "apiGroup": _RBAC,
                    "kind": "ClusterRole",
                    "name": names.cluster_role(self._namespace, self.name, "metrics-review"),
                },
                "subjects": [self._subject()],
            },
        )

    def _cluster_metadata(self, part: str) -> ApiObjectMetadata:
        name = names.cluster_role(self._namespace, self.name, f"metrics-{part}")
        return ApiObjectMetadata(name=name, namespace=self._namespace, labels=self._object_labels)

    def _compose_disruption_budget(self) -> None:
        spec = {
            "minAvailable": 1,
            "selector": self._selector(),
            # A standby is never Ready, and may go.
            "unhealthyPodEvictionPolicy": "AlwaysAllow",
        }
        self._compose("disruption-budget", "policy/v1", "PodDisruptionBudget", {"spec": spec})

    def _selector(self) -> dict[str, Any]:
        return {"matchLabels": {labels.PICKER: self.name}}

    def _service_spec(self) -> dict[str, Any]:
        ports = {"grpc": GRPC_PORT, "metrics": _METRICS_PORT}
        return {
            "selector": {labels.PICKER: self.name},
            "ports": [
                {"name": name, "port": port, "targetPort": port} for name, port in ports.items()
            ],
        }

    def _deployment_spec(self, config_digest: str) -> dict[str, Any]:
        return {
            "replicas": 2 if self._options.high_availability else 1,
            "strategy": self._strategy(),
            # Its health turns SERVING up to two seconds before it listens (seen run).
            "minReadySeconds": 5,
            "selector": self._selector(),
            "template": {
                "metadata": {
                    "labels": dict(self._pod_labels),
                    "annotations": {_CONFIG_DIGEST: config_digest},
                },
                "spec": self._pod_spec(),
            },
        }

    def _strategy(self) -> dict[str, Any]:
        if self._options.high_availability:
            # A rolling update would wait for a second Ready picker, of which there is never one
            # (kubernetes-sigs/gateway-api-inference-extension#1619).
            return {"type": "Recreate"}
        # The new picker serves before the old one goes: without any, every request fails.
        return {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}}

    def _pod_spec(self) -> dict[str, Any]:
        mount = {"name": "config", "mountPath": _CONFIG_MOUNT_PATH, "readOnly": True}
        picker = self._container(mount)
        spec: dict[str, Any] = {
            "serviceAccountName": self.name,
            "automountServiceAccountToken": True,
            "terminationGracePeriodSeconds": self._stop_seconds() + _GRACE_MARGIN_SECONDS,
            "securityContext": {
                "runAsNonRoot": True,
                "seccompProfile": {"type": "RuntimeDefault"},
            },
            "containers": [picker],
            "volumes": [{"name": "config", "configMap": {"name": self.name}}],
        }
        if self._options.high_availability:
            apart = {
                "maxSkew": 1,
                "topologyKey": "kubernetes.io/hostname",
                "whenUnsatisfiable": "ScheduleAnyway",
                "labelSelector": self._selector(),
            }
            spec["topologySpreadConstraints"] = [apart]
        if self._endpoints is not None:
            # Without a pool the picker takes its name from its pod's, and does not start otherwise.
            pod_name = {"fieldRef": {"fieldPath": "metadata.name"}}
            picker["env"] = [{"name": "POD_NAME", "valueFrom": pod_name}]
            file, image = f"{_CONFIG_MOUNT_PATH}/{_PROXY_FILE}", self._platform.image(IMAGE)
            requests = self._platform.requests(PROXY_REQUESTS)
            spec["initContainers"] = [container(file, mount, image, requests)]
        return pod_in_order(spec)

    def _container(self, mount: Mapping[str, Any]) -> dict[str, Any]:
        ports = {"grpc": GRPC_PORT, "grpc-health": _HEALTH_PORT, "metrics": _METRICS_PORT}
        options = self._options
        ready, alive = self._release.readiness_service, self._release.liveness_service
        # A standby that must first be ready would be restarted for ever.
        started = alive if options.high_availability else ready
        return {
            "name": "endpoint-picker",
            "image": self._platform.image(self._release.image),
            "args": list(self._arguments),
            "ports": [{"name": name, "containerPort": port} for name, port in ports.items()],
            "startupProbe": _probe(started, 5, failures=60),
            "readinessProbe": _probe(ready, 5),
            "livenessProbe": _probe(alive, 10),
            # No CPU limit: throttling would delay every request of the deployment.
            "resources": {
                "requests": self._platform.requests(
                    {"cpu": _cpu(options.cpu), "memory": f"{options.memory_gibibytes}Gi"}
                ),
                "limits": {"memory": f"{options.memory_limit_gibibytes}Gi"},
            },
            "securityContext": {
                "allowPrivilegeEscalation": False,
                "capabilities": {"drop": ["ALL"]},
                "readOnlyRootFilesystem": True,
                "runAsNonRoot": True,
            },
            "volumeMounts": [dict(mount)],
        }

    def _stop_seconds(self) -> int:
        if self._release.drain_flag is None:
            return self._release.stop_seconds
        return self._options.drain_seconds

    def _flags(self, pool: str | Endpoints, *, experimental: bool) -> dict[str, FlagValue]:
        release, options = self._release, self._options
        source: dict[str, FlagValue] = (
            {"endpoint-selector": pool.selector, "endpoint-target-ports": tuple(pool.ports)}
            if isinstance(pool, Endpoints)
            else {"pool-name": pool}
        )
        flags: dict[str, FlagValue] = {
            **source,
            "pool-namespace": self._namespace,
            "config-file": f"{_CONFIG_MOUNT_PATH}/{_CONFIG_FILE}",
            "grpc-port": GRPC_PORT,
            "grpc-health-port": _HEALTH_PORT,
            "metrics-port": _METRICS_PORT,
            "secure-serving": self._secure,
            **_FLAG_VALUES,
            "metrics-endpoint-auth": options.metrics == "authenticated",
        }
        if options.high_availability:
            flags["ha-enable-leader-election"] = True
        if release.drain_flag is not None:
            flags[release.drain_flag] = f"{options.drain_seconds}s"
        if experimental and release.experimental_flag is not None:
            flags[release.experimental_flag] = True
        return flags


def _probe(service: str, period: int, failures: int = 3) -> dict[str, object]:
    return {
        "grpc": {"port": _HEALTH_PORT, "service": service},
        "periodSeconds": period,
        "timeoutSeconds": 5,
        "failureThreshold": failures,
    }


def _cpu(cores: float) -> str:
    """Cores as a quantity, of which Kubernetes takes no finer one than a thousandth."""
    whole = int(cores) == cores
    return str(int(cores)) if whole else f"{math.ceil(cores * 1000)}m"
