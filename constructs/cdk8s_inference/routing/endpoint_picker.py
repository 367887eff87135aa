"""EndpointPicker: the llm-d endpoint picker of one InferencePool, with its permissions."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

import cdk8s_plus_28 as kplus
from cdk8s import ApiObject, ApiObjectMetadata, Duration, JsonPatch, Size
from constructs import Construct

from cdk8s_inference import labels, names
from cdk8s_inference.manifest import add, pointer
from cdk8s_inference.platform import Platform
from cdk8s_inference.routing.picker_config import PickerConfig

GRPC_PORT = 9002
"""Where the gateway asks for an endpoint (ext_proc)."""

_HEALTH_PORT = 9003
_METRICS_PORT = 9090
_CONFIG_MOUNT_PATH = "/config"
_CONFIG_FILE = "config.yaml"
_CONFIG_DIGEST = f"{labels.PREFIX}config-sha256"

_DRAIN_SECONDS = 30
_GRACE_SECONDS = 60
"""Longer than the drain, for whose whole length the picker stays after SIGTERM (seen run)."""

_WATCHED = (
    ("", ("pods",)),
    ("inference.networking.k8s.io", ("inferencepools",)),
    ("inference.networking.x-k8s.io", ("inferenceobjectives", "inferencemodelrewrites")),
    ("llm-d.ai", ("inferenceobjectives", "inferencemodelrewrites")),
)
"""What the picker watches. It needs both API groups whichever CRDs are installed: a picker that
may not watch an installed kind answers 503 to every request. It never sends ``get`` (seen run)."""


class EndpointPicker(Construct):
    """A picker: ServiceAccount, Role, RoleBinding, ConfigMap, Deployment and Service.

    Attributes:
        name: Name of its objects.
        port: Where the gateway asks for an endpoint.
        deployment: Its Deployment; JSON patches go to ``ApiObject.of(deployment)``.
        service: Its Service.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        name: str,
        namespace: str,
        pool: str,
        config: PickerConfig,
        instance: str | None = None,
        part_of: str | None = None,
        object_labels: Mapping[str, str] | None = None,
        platform: Platform | None = None,
    ) -> None:
        """Composes the picker.

        Args:
            name: Name of its objects. A Service carries it: a DNS label that starts with a
                letter.
            namespace: Of the picker, the pool and the pool's pods: one for all three.
            pool: The InferencePool it picks from.
            config: Its plugins and profiles.
            instance: Value of ``app.kubernetes.io/instance``; default ``name``.
            part_of: Value of ``app.kubernetes.io/part-of``.
            object_labels: Further labels of its objects.
            platform: The platform's choices; the router release comes from it.

        Raises:
            InvalidInput: The release's picker would not start with ``config``.
            ValueError: A Service cannot carry ``name``, or no cluster has ``namespace``.
        """
        names.require(name, gang=False)
        names.require_namespace(namespace)
        text = config.render((platform or Platform()).router)
        super().__init__(scope, id)
        self.name = name
        self.port = GRPC_PORT
        self._namespace = namespace
        self._release = (platform or Platform()).router
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
        config_map = kplus.ConfigMap(
            self, "config", metadata=self._metadata(), data={_CONFIG_FILE: text}
        )
        self.deployment = self._compose_deployment(account, config_map, pool, text)
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

    def _metadata(self) -> ApiObjectMetadata:
        return ApiObjectMetadata(
            name=self.name, namespace=self._namespace, labels=self._object_labels
        )

    def _grant(self, account: kplus.ServiceAccount) -> None:
        role = kplus.Role(self, "role", metadata=self._metadata())
        for group, kinds in _WATCHED:
            for kind in kinds:
                resource = kplus.ApiResource.custom(api_group=group, resource_type=kind)
                # Its protocol names a member that is optional in TypeScript.
                role.allow(["list", "watch"], resource)  # type: ignore[arg-type]
        binding = kplus.RoleBinding(self, "role-binding", metadata=self._metadata(), role=role)
        binding.add_subjects(account)

    def _compose_deployment(
        self,
        account: kplus.ServiceAccount,
        config_map: kplus.ConfigMap,
        pool: str,
        config: str,
    ) -> kplus.Deployment:
        deployment = kplus.Deployment(
            self,
            "deployment",
            metadata=self._metadata(),
            replicas=1,
            select=False,
            # The new picker serves before the old one goes: without any, every request fails.
            strategy=kplus.DeploymentStrategy.rolling_update(
                max_surge=kplus.PercentOrAbsolute.absolute(1),
                max_unavailable=kplus.PercentOrAbsolute.absolute(0),
            ),
            # Its health turns SERVING up to two seconds before it listens (seen run).
            min_ready=Duration.seconds(5),
            termination_grace_period=Duration.seconds(_GRACE_SECONDS),
            service_account=account,
            automount_service_account_token=True,
            pod_metadata=ApiObjectMetadata(
                labels=self._pod_labels,
                # The picker reads its configuration once, at start: a change must roll it.
                annotations={_CONFIG_DIGEST: hashlib.sha256(config.encode()).hexdigest()},
            ),
            volumes=[],
            containers=[
                kplus.ContainerProps(
                    name="endpoint-picker",
                    image=self._release.picker.image,
                    image_pull_policy=kplus.ImagePullPolicy.IF_NOT_PRESENT,
                    args=self._arguments(pool),
                    ports=[
                        kplus.ContainerPort(name="grpc", number=GRPC_PORT),
                        kplus.ContainerPort(name="grpc-health", number=_HEALTH_PORT),
                        kplus.ContainerPort(name="metrics", number=_METRICS_PORT),
                    ],
                    # No CPU limit: throttling would delay every request of the deployment.
                    resources=kplus.ContainerResources(
                        cpu=kplus.CpuResources(request=kplus.Cpu.units(1)),
                        memory=kplus.MemoryResources(
                            request=Size.gibibytes(1), limit=Size.gibibytes(8)
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

    def _beyond_cdk8s_plus(self) -> list[tuple[str, object]]:
        template = ("spec", "template")
        container = (*template, "spec", "containers", 0)
        return [
            (pointer(*container, "startupProbe"), _probe("readiness", 5, failures=60)),
            (pointer(*container, "readinessProbe"), _probe("readiness", 5)),
            (pointer(*container, "livenessProbe"), _probe("liveness", 10)),
            (pointer(*container, "securityContext", "capabilities"), {"drop": ["ALL"]}),
            (
                pointer(*template, "spec", "securityContext", "seccompProfile"),
                {"type": "RuntimeDefault"},
            ),
        ]

    def _drain(self) -> list[str]:
        flag = self._release.picker.drain_flag
        return [] if flag is None else [f"--{flag}={_DRAIN_SECONDS}s"]

    def _arguments(self, pool: str) -> list[str]:
        return [
            f"--pool-name={pool}",
            f"--pool-namespace={self._namespace}",
            f"--config-file={_CONFIG_MOUNT_PATH}/{_CONFIG_FILE}",
            f"--grpc-port={GRPC_PORT}",
            f"--grpc-health-port={_HEALTH_PORT}",
            f"--metrics-port={_METRICS_PORT}",
            # Envoy AI Gateway always speaks TLS to the picker, and does not verify it.
            "--secure-serving=true",
            *self._drain(),
            # Authenticated metrics need a ClusterRole to review tokens; profiling is behind the
            # same check, so it goes with it.
            "--metrics-endpoint-auth=false",
            "--enable-pprof=false",
            # On by default, and of no use without a collector.
            "--tracing=false",
        ]


def _probe(service: str, period: int, failures: int = 3) -> dict[str, object]:
    return {
        "grpc": {"port": _HEALTH_PORT, "service": service},
        "periodSeconds": period,
        "timeoutSeconds": 5,
        "failureThreshold": failures,
    }
