"""EndpointPicker: the llm-d endpoint picker of one pool of pods, with its permissions."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence

import cdk8s_plus_28 as kplus
from cdk8s import ApiObject, ApiObjectMetadata, Duration, JsonPatch, Size
from constructs import Construct

from cdk8s_inference import labels, names
from cdk8s_inference.app_state import AppState
from cdk8s_inference.arguments import checked
from cdk8s_inference.arguments.objects import Labels
from cdk8s_inference.kubernetes_types import LabelValue, NonEmpty
from cdk8s_inference.manifest import add, cluster_manifest, manifest, pointer
from cdk8s_inference.picker_config import PickerConfig
from cdk8s_inference.platform import Platform
from cdk8s_inference.releases.flag import FlagValue
from cdk8s_inference.releases.permission import Permission
from cdk8s_inference.routing.own_proxy import Endpoints, bootstrap, container

GRPC_PORT = 9002
"""Where the gateway asks for an endpoint (ext_proc)."""

_HEALTH_PORT = 9003
_METRICS_PORT = 9090
_CONFIG_MOUNT_PATH = "/config"
_CONFIG_FILE = "config.yaml"
_PROXY_FILE = "envoy.yaml"
_QUANTITIES = (("requests", "cpu"), ("requests", "memory"), ("limits", "memory"))
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
        deployment: Its Deployment; JSON patches go to ``ApiObject.of(deployment)``.
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
        AppState.of(self).check_lone(self)
        self.name = name
        self.port = GRPC_PORT
        self._namespace = namespace
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

        account = kplus.ServiceAccount(self, "service-account", metadata=self._metadata())
        self._grant(account)
        files = {_CONFIG_FILE: text}
        if self._endpoints is not None:
            files[_PROXY_FILE] = bootstrap(GRPC_PORT)
        config_map = kplus.ConfigMap(self, "config", metadata=self._metadata(), data=files)
        # The programs read their configuration once, at start: a change must roll them.
        digest = hashlib.sha256("".join(files.values()).encode()).hexdigest()
        self.deployment = self._compose_deployment(account, config_map, digest)
        self.service = kplus.Service(
            self,
            "service",
            metadata=self._metadata(),
            ports=[
                kplus.ServicePort(name="grpc", port=GRPC_PORT, target_port=GRPC_PORT),
                kplus.ServicePort(name="metrics", port=_METRICS_PORT, target_port=_METRICS_PORT),
            ],
        )
        self.service.select_label(labels.PICKER, name)
        AppState.of(self).ports_and_quantities |= {
            ApiObject.of(self.service): [f"/spec/ports/{port}/targetPort" for port in (0, 1)],
            ApiObject.of(self.deployment): [
                pointer("spec", "template", "spec", "containers", 0, "resources", kind, quantity)
                for kind, quantity in _QUANTITIES
            ],
        }
        if self._options.keep_from_eviction:
            self._compose_disruption_budget()
        if self._options.metrics == "authenticated":
            self._compose_metrics_roles()

    def _metadata(self) -> ApiObjectMetadata:
        return ApiObjectMetadata(
            name=self.name, namespace=self._namespace, labels=self._object_labels
        )

    def _grant(self, account: kplus.ServiceAccount) -> None:
        role = kplus.Role(self, "role", metadata=self._metadata())
        for permission in self._permissions():
            for kind in permission.resources:
                resource = kplus.ApiResource.custom(
                    api_group=permission.api_group, resource_type=kind
                )
                # Its protocol names a member that is optional in TypeScript.
                role.allow([*permission.verbs], resource)  # type: ignore[arg-type]
        binding = kplus.RoleBinding(self, "role-binding", metadata=self._metadata(), role=role)
        binding.add_subjects(account)

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
                "subjects": [
                    {"kind": "ServiceAccount", "name": self.name, "namespace": self._namespace}
                ],
            },
        )

    def _cluster_metadata(self, part: str) -> ApiObjectMetadata:
        name = names.cluster_role(self._namespace, self.name, f"metrics-{part}")
        return ApiObjectMetadata(name=name, namespace=self._namespace, labels=self._object_labels)

    def _compose_disruption_budget(self) -> None:
        manifest(
            self,
            "disruption-budget",
            api_version="policy/v1",
            kind="PodDisruptionBudget",
            metadata=self._metadata(),
            body={
                "spec": {
                    "minAvailable": 1,
                    "selector": {"matchLabels": {labels.PICKER: self.name}},
                    # A standby is never Ready, and may go.
                    "unhealthyPodEvictionPolicy": "AlwaysAllow",
                }
            },
        )

    def _compose_deployment(
        self,
        account: kplus.ServiceAccount,
        config_map: kplus.ConfigMap,
        config_digest: str,
    ) -> kplus.Deployment:
        deployment = kplus.Deployment(
            self,
            "deployment",
            metadata=self._metadata(),
            replicas=2 if self._options.high_availability else 1,
            select=False,
            strategy=self._strategy(),
            # Its health turns SERVING up to two seconds before it listens (seen run).
            min_ready=Duration.seconds(5),
            termination_grace_period=Duration.seconds(self._stop_seconds() + _GRACE_MARGIN_SECONDS),
            service_account=account,
            automount_service_account_token=True,
            pod_metadata=ApiObjectMetadata(
                labels=self._pod_labels,
                annotations={_CONFIG_DIGEST: config_digest},
            ),
            volumes=[],
            containers=[
                kplus.ContainerProps(
                    name="endpoint-picker",
                    image=self._release.image,
                    image_pull_policy=kplus.ImagePullPolicy.IF_NOT_PRESENT,
                    args=self._arguments,
                    ports=[
                        kplus.ContainerPort(name="grpc", number=GRPC_PORT),
                        kplus.ContainerPort(name="grpc-health", number=_HEALTH_PORT),
                        kplus.ContainerPort(name="metrics", number=_METRICS_PORT),
                    ],
                    # No CPU limit: throttling would delay every request of the deployment.
                    resources=kplus.ContainerResources(
                        cpu=kplus.CpuResources(request=kplus.Cpu.units(self._options.cpu)),
                        memory=kplus.MemoryResources(
                            request=Size.gibibytes(self._options.memory_gibibytes),
                            limit=Size.gibibytes(self._options.memory_limit_gibibytes),
                        ),
                    ),
                    volume_mounts=[
                        kplus.VolumeMount(
                            path=_CONFIG_MOUNT_PATH,
                            read_only=True,
                            volume=kplus.Volume.from_config_map(
                                self, "config-volume", config_map, name="config"
                            ),
                        )
                    ],
                )
            ],
        )
        deployment.select(kplus.LabelSelector.of(labels={labels.PICKER: self.name}))
        emitted = ApiObject.of(deployment)
        add(emitted, self._beyond_cdk8s_plus())
        # A label with an address in the construct tree, which would roll the pods when a chart
        # is renamed.
        address = pointer("spec", "template", "metadata", "labels", kplus.Pod.ADDRESS_LABEL)
        emitted.add_json_patch(JsonPatch.remove(address))
        return deployment

    def _strategy(self) -> kplus.DeploymentStrategy:
        if self._options.high_availability:
            # A rolling update would wait for a second Ready picker, of which there is never one
            # (kubernetes-sigs/gateway-api-inference-extension#1619).
            return kplus.DeploymentStrategy.recreate()
        # The new picker serves before the old one goes: without any, every request fails.
        return kplus.DeploymentStrategy.rolling_update(
            max_surge=kplus.PercentOrAbsolute.absolute(1),
            max_unavailable=kplus.PercentOrAbsolute.absolute(0),
        )

    def _beyond_cdk8s_plus(self) -> list[tuple[str, object]]:
        template = ("spec", "template")
        container = (*template, "spec", "containers", 0)
        ready, alive = self._release.readiness_service, self._release.liveness_service
        standby = self._options.high_availability
        additions: list[tuple[str, object]] = [
            # A standby that must first be ready would be restarted for ever.
            (
                pointer(*container, "startupProbe"),
                _probe(alive if standby else ready, 5, failures=60),
            ),
            (pointer(*container, "readinessProbe"), _probe(ready, 5)),
            (pointer(*container, "livenessProbe"), _probe(alive, 10)),
            (pointer(*container, "securityContext", "capabilities"), {"drop": ["ALL"]}),
            (
                pointer(*template, "spec", "securityContext", "seccompProfile"),
                {"type": "RuntimeDefault"},
            ),
        ]
        if standby:
            apart = {
                "maxSkew": 1,
                "topologyKey": "kubernetes.io/hostname",
                "whenUnsatisfiable": "ScheduleAnyway",
                "labelSelector": {"matchLabels": {labels.PICKER: self.name}},
            }
            additions.append((pointer(*template, "spec", "topologySpreadConstraints"), [apart]))
        if self._endpoints is not None:
            additions += _own_proxy(*template, "spec")
        return additions

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


def _own_proxy(*pod: str) -> list[tuple[str, object]]:
    mount = {"name": "config", "mountPath": _CONFIG_MOUNT_PATH, "readOnly": True}
    pod_name = {"name": "POD_NAME", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}
    return [
        # Without a pool the picker takes its name from its pod's, and does not start otherwise.
        (pointer(*pod, "containers", 0, "env"), [pod_name]),
        (
            pointer(*pod, "initContainers"),
            [container(f"{_CONFIG_MOUNT_PATH}/{_PROXY_FILE}", mount)],
        ),
    ]


def _probe(service: str, period: int, failures: int = 3) -> dict[str, object]:
    return {
        "grpc": {"port": _HEALTH_PORT, "service": service},
        "periodSeconds": period,
        "timeoutSeconds": 5,
        "failureThreshold": failures,
    }
