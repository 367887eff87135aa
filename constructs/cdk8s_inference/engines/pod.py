"""An engine's pod, decided from its member and the platform. Pure data, no cdk8s."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any

from cdk8s_inference import names
from cdk8s_inference.document.gang_variables import GANG_VARIABLES
from cdk8s_inference.document.model_deployment import (
    Container,
    DeviceRequest,
    Engine,
    ImagePullSecret,
    Member,
)
from cdk8s_inference.document.ports import Listening
from cdk8s_inference.engines.resources import default_resources, device_count, plugin_devices
from cdk8s_inference.labels import ENGINE as ENGINE_LABEL
from cdk8s_inference.labels import merged
from cdk8s_inference.platform import Platform, Probes
from cdk8s_inference.pods import (
    ENGINE_CONTAINER,
    SHARED_MEMORY,
    PodSettings,
    overlaid,
    shared_memory,
)
from cdk8s_inference.pods.order import pod_in_order
from cdk8s_inference.servers import SGLANG, VLLM, invocation_of
from cdk8s_inference.servers.command_line import uses

CACHE_MOUNT_PATH = "/mnt/models"
"""Where every pod sees its model cache."""

HOME = "/home/engine"
"""Where engines keep what they compile and download."""

_TOPOLOGIES = {"node": "kubernetes.io/hostname", "zone": "topology.kubernetes.io/zone"}

_HOME_ENVIRONMENT = (
    # vLLM, Triton, FlashInfer and Hugging Face write below it. A user that the image does not have
    # has / instead, which only root may write to; and what is written to the container's own
    # layer is lost when the container restarts, and compiled and downloaded again.
    {"name": "HOME", "value": HOME},
    # Otherwise in /tmp, in a directory by the user's name: without one, torch ends there.
    {"name": "TORCHINDUCTOR_CACHE_DIR", "value": f"{HOME}/.cache/torchinductor"},
)

_NODE_POOL_LABEL = "modelplane.ai/pool"

_GPU = "nvidia.com/gpu"
_VLLM = "vllm"


def pod_template(
    member: Member,
    *,
    listening: Listening | None,
    workload: str,
    labels: Mapping[str, str],
    cache_claim: str | None,
    grace_seconds: int,
    platform: Platform,
    engine: Engine | None = None,
) -> dict[str, Any]:
    """The pod template of a member.

    Args:
        listening: Where the engine listens; None for a pod that takes no requests.
        workload: The name of the Deployment or LeaderWorkerSet.
        labels: Our labels. A label that the user gave the pods stays as the user gave it.
        cache_claim: PersistentVolumeClaim of the model cache.
        grace_seconds: How long the pod may take to stop.
        platform: The platform's choices, with its settings of pods.
        engine: The engine that it is a member of, with its settings.
    """
    layers = [
        settings
        for settings in (
            platform.pods,
            engine.pod_settings if engine else None,
            member.pod_settings,
        )
        if settings is not None
    ]
    spec = _pod_spec(
        member,
        listening=listening,
        workload=workload,
        cache_claim=cache_claim,
        grace_seconds=grace_seconds,
        platform=platform,
        layers=layers,
    )
    # Also of a single copy: if scaling changed the template, it would restart the pods that run.
    alone = engine is not None and not engine.is_gang
    if alone and (constraints := _spread(layers, labels)):
        spec["topologySpreadConstraints"] = constraints
    template: dict[str, Any] = {"metadata": {"labels": dict(labels)}, "spec": spec}
    unsecured: set[str] = set()
    for settings in layers:
        template = overlaid(overlaid(template, settings.over(template)), settings.pod)
        unsecured |= {each["name"] for each in settings.init_containers}
    _say(member, template)
    _secure(template["spec"], unsecured)
    for key in ("initContainers", "containers"):
        for container in template["spec"].get(key, ()):
            if "image" in container:
                container["image"] = platform.image(container["image"])
    template["spec"] = pod_in_order(template["spec"])
    return template


def _spread(layers: Sequence[PodSettings], labels: Mapping[str, str]) -> list[dict[str, Any]]:
    """Spreads the copies of an engine, as far as there are devices: a node is lost as a whole."""
    otherwise = any(settings.topology_spread_constraints for settings in layers)
    wanted: Sequence[str] = () if otherwise else ("node",)
    for settings in layers:
        wanted = wanted if settings.spread is None else settings.spread
    return [
        {
            "maxSkew": 1,
            "topologyKey": _TOPOLOGIES[each],
            "whenUnsatisfiable": "ScheduleAnyway",
            "labelSelector": {"matchLabels": {ENGINE_LABEL: labels[ENGINE_LABEL]}},
            # Or a rollout would count the pods that it is about to stop.
            "matchLabelKeys": ["pod-template-hash"],
        }
        for each in dict.fromkeys(wanted)
    ]


def _say(member: Member, template: dict[str, Any]) -> None:
    """Lays what a member's own template says over its pod template: the user has the last word."""
    said = member.template.metadata
    metadata, spec = template["metadata"], template["spec"]
    metadata["labels"] = merged(metadata["labels"], (said and said.labels) or {})
    if said and said.annotations:
        metadata["annotations"] = {**metadata.get("annotations", {}), **said.annotations}
    if secrets := member.template.spec.image_pull_secrets:
        names = dict.fromkeys(
            each["name"] for each in (*spec.get("imagePullSecrets", ()), *_named(secrets))
        )
        spec["imagePullSecrets"] = [{"name": name} for name in names]
    container = spec["containers"][0]
    own = [
        variable.model_dump(exclude_none=True, by_alias=True)
        for variable in member.container.env or ()
    ]
    set_by_user = {variable["name"] for variable in own}
    below = [each for each in container.get("env", ()) if each["name"] not in set_by_user]
    if environment := [*below, *own]:
        container["env"] = environment


def _named(secrets: Sequence[ImagePullSecret]) -> list[dict[str, str]]:
    return [{"name": secret.name} for secret in secrets]


def _secure(spec: Mapping[str, Any], names: Collection[str]) -> None:
    """Gives init containers of the settings the engine's security context, where they have none."""
    context = spec["containers"][0].get("securityContext")
    for container in spec.get("initContainers", ()):
        if context is not None and container["name"] in names:
            container.setdefault("securityContext", dict(context))


def claim_template(
    member: Member, *, workload: str, platform: Platform
) -> tuple[str, dict[str, Any]] | None:
    """Name and spec of a member's ResourceClaimTemplate; None where it claims nothing."""
    if member.node_selector is None:
        return None
    requests = [_device_request(device, platform) for device in member.node_selector.devices]
    name = names.claim_template(workload, member.role)
    return name, {"spec": {"devices": {"requests": requests}}}


def _device_request(device: DeviceRequest, platform: Platform) -> dict[str, Any]:
    return {
        "name": device.name,
        "exactly": {
            "deviceClassName": platform.device_class(device.name),
            "count": device.count,
            "selectors": [{"cel": {"expression": entry.cel}} for entry in device.selectors],
        },
    }


def _pod_spec(
    member: Member,
    *,
    listening: Listening | None,
    workload: str,
    cache_claim: str | None,
    grace_seconds: int,
    platform: Platform,
    layers: Sequence[PodSettings],
) -> dict[str, Any]:
    devices = device_count(member, layers, platform)
    default = default_resources(devices)
    spec: dict[str, Any] = {
        "containers": [
            _container(
                member,
                listening=listening,
                cached=cache_claim is not None,
                probes=platform.probes,
                drain_seconds=platform.shutdown.drain_seconds,
                requests={
                    name: amount
                    for name, amount in default.requests.items()
                    # Where a limit is given, Kubernetes requests as much, unless told otherwise.
                    if not any(settings.limits.get(name) for settings in layers)
                },
            )
        ],
        "volumes": [
            {"name": SHARED_MEMORY, "emptyDir": shared_memory(default.shared_memory)},
            {"name": "home", "emptyDir": {}},
        ],
        # Forbids system calls that no server makes, such as those of kernel modules.
        "securityContext": {"seccompProfile": {"type": "RuntimeDefault"}},
        "tolerations": _tolerations(member, layers, devices),
        # An engine needs no access to the API server.
        "automountServiceAccountToken": False,
        # A Service named vllm would otherwise set VLLM_PORT to a URL, and vLLM would not start.
        "enableServiceLinks": False,
        # Longer than the engine drains, which Kubernetes' default of 30 seconds would cut.
        "terminationGracePeriodSeconds": grace_seconds,
    }
    if not spec["tolerations"]:
        del spec["tolerations"]
    if cache_claim is not None:
        claim = {"claimName": cache_claim}
        spec["volumes"].append({"name": "model-cache", "persistentVolumeClaim": claim})
    if platform.node_pool is not None:
        spec["nodeSelector"] = {_NODE_POOL_LABEL: platform.node_pool}
    if member.node_selector is not None:
        claims = names.claim_template(workload, member.role)
        spec["resourceClaims"] = [{"name": "devices", "resourceClaimTemplateName": claims}]
    return spec


def _tolerations(
    member: Member, layers: Sequence[PodSettings], devices: int
) -> list[dict[str, str]]:
    """Taints that keep other pods off nodes with devices: by convention the resource is the key.

    An engine on the CPU needs no such node. All pods of a gang go where its devices are.
    """
    if not devices and member.role == "Standalone":
        return []
    keys = dict.fromkeys((_GPU, *plugin_devices(member, layers)))
    return [{"key": key, "operator": "Exists", "effect": "NoSchedule"} for key in keys]


def _container(
    member: Member,
    *,
    listening: Listening | None,
    cached: bool,
    probes: Probes,
    drain_seconds: int,
    requests: Mapping[str, str],
) -> dict[str, Any]:
    said = member.container
    container: dict[str, Any] = {"name": ENGINE_CONTAINER, "image": said.image}
    if said.command is not None:
        container["command"] = list(said.command)
    args = _arguments(said, add_model=cached and listening is not None)
    if listening is not None and member.role == "Standalone":
        args += _drain(said, drain_seconds)
    if args:
        container["args"] = args
    gang = () if member.role == "Standalone" else GANG_VARIABLES
    container["env"] = [dict(variable) for variable in (*gang, *_HOME_ENVIRONMENT)]
    if listening is not None:
        container["ports"] = container_ports("http", listening.ports)
        container.update(_probes(listening.health, probes))
    container["resources"] = _resources(member, requests)
    # A server needs no more than its devices, which the container runtime gives it.
    container["securityContext"] = {
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
    }
    container["volumeMounts"] = [
        {"name": SHARED_MEMORY, "mountPath": "/dev/shm"},
        {"name": "home", "mountPath": HOME},
    ]
    if cached:
        mount = {"name": "model-cache", "mountPath": CACHE_MOUNT_PATH}
        container["volumeMounts"].append(mount)
    return container


def container_ports(name: str, ports: Sequence[int]) -> list[dict[str, Any]]:
    """The ports of a container: the first by the name, the others by the name and a number."""
    return [
        {"name": f"{name}-{rank}" if rank else name, "containerPort": port}
        for rank, port in enumerate(ports)
    ]


def _resources(member: Member, requests: Mapping[str, str]) -> dict[str, Any]:
    resources: dict[str, Any] = {}
    if requests:
        resources["requests"] = dict(requests)
    if member.node_selector is not None:
        resources["claims"] = [{"name": "devices"}]
    if counts := member.device_resources:
        # Kubernetes takes no request of a device plugin's resource other than the limit.
        whole = {name: str(count) for name, count in sorted(counts.items())}
        resources.update(limits=whole, requests={**requests, **whole})
    return resources


def _arguments(container: Container, *, add_model: bool) -> list[str]:
    """The user's arguments; with a cache also the model, where nothing else names one."""
    args = list(container.args or ())
    named = uses(None, args, str(VLLM.names.model), str(SGLANG.names.model))
    if add_model and not container.command and not named:
        args.append(f"{VLLM.names.model}={CACHE_MOUNT_PATH}")
    return args


def _drain(container: Container, seconds: int) -> list[str]:
    """``--shutdown-timeout`` where vLLM's release is known to have it, and nothing gives it.

    Without it SIGTERM cuts streams, and prefill's blocks are gone before decode has fetched them
    (seen run): each pod that is replaced fails requests. The grace period is for this. Arguments
    that the image brings are not replaced by it.
    """
    if not (container.command or container.args):
        return []
    given = invocation_of(container.command or (), container.args or (), container.image)
    flags = VLLM.flags(given.release) if given.server is VLLM and given.release else None
    drain, config = str(VLLM.names.drain), str(VLLM.names.config_file)
    # What a shell is told, it does not pass on.
    program = PurePosixPath(next(iter(container.command or ()), _VLLM)).name
    if flags is None or flags.find(drain) is None or not program.startswith((_VLLM, "python")):
        return []
    if given.use(drain) is not None or given.use(config) is not None:
        return []
    return [f"{drain}={seconds}"]


def _probes(port: int, probes: Probes) -> dict[str, Any]:
    probe = {
        "httpGet": {"path": probes.path, "port": port},
        "periodSeconds": probes.period_seconds,
        "timeoutSeconds": probes.timeout_seconds,
    }
    attempts = -(-probes.startup_seconds // probes.period_seconds)
    return {
        "startupProbe": {**probe, "failureThreshold": attempts},
        "readinessProbe": probe,
        "livenessProbe": {**probe, "failureThreshold": probes.liveness_failures},
    }
