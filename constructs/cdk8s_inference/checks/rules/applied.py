"""What the API server refuses when a workload is applied, or its controller never acts on."""

from __future__ import annotations

import re
from collections.abc import Iterator
from decimal import Decimal

from cdk8s_inference.checks.allowed_values import other_value
from cdk8s_inference.checks.rule import rule
from cdk8s_inference.findings import Severity, Violation, shown
from cdk8s_inference.findings.example import breaks
from cdk8s_inference.names import LABEL
from cdk8s_inference.quantity import quantity
from cdk8s_inference.schemas.allowed_values import limited_fields
from cdk8s_inference.source import Cursor, has_placeholder
from cdk8s_inference.topology import Container, Pods, SourceValue, Topology
from cdk8s_inference.topology.container import PROBE_KINDS

_POD = "spec.template.spec"
_ENGINE = f"{_POD}.containers[0]"
_KUBERNETES = "Kubernetes: validation of apps/v1 and core/v1."
_KINDS = ("Deployment", "StatefulSet", "DaemonSet", "ReplicaSet")
_GANGS = ("DisaggregatedSet", "LeaderWorkerSet")


def _plain(topology: Topology) -> Iterator[Pods]:
    """Pods whose templates the API server checks: as they are, or as a gang's controller sends."""
    for pods in topology.pods:
        if pods.workload.kind in (*_KINDS, *_GANGS) and not pods.workload.is_controlled:
            yield pods


def _resources(container: Container) -> Iterator[tuple[str, str, Cursor]]:
    for group in ("requests", "limits"):
        for name, at in container.at.at("resources", group).fields():
            yield group, name, at


@rule(
    "T631",
    "warning",
    "A Deployment is paused",
    why="Its pods are not created, or stay those of an earlier template.",
    evidence="Kubernetes: a paused Deployment starts no rollout.",
    fix="remove paused: true",
    example=breaks("disaggregated", "Deployment/prefill", "spec.paused", True),
)
def paused(topology: Topology) -> Iterator[Violation]:
    for workload in topology.workloads:
        at = workload.at["paused"]
        if workload.kind == "Deployment" and not workload.is_controlled and at.value is True:
            yield Violation(workload.object.value_at(at, True), "paused is true")


@rule(
    "T632",
    "error",
    "The API server refuses the workload",
    why="It is not applied, or its controller cannot create the pods: none of them starts.",
    evidence=_KUBERNETES,
    fix="correct the field; kubectl apply --dry-run=server shows what is refused",
    example=breaks("disaggregated", "Deployment/prefill", f"{_POD}.restartPolicy", "Never"),
)
def refused(topology: Topology) -> Iterator[Violation]:
    for pods in _plain(topology):
        found = pods.object
        policy = pods.at.at("spec", "restartPolicy")
        if policy.present and policy.value != "Always":
            yield Violation(
                found.value_at(policy, policy.value), f"restartPolicy is {shown(policy.value)}"
            )
        copies = found.number(pods.workload.at["replicas"])
        if copies is not None and copies.value < 0:
            yield Violation(copies, f"replicas is {copies.value}")
        yield from _unknown_values(pods)
        yield from _sources(pods)
        at = pods.at.at("spec", "containers")
        if pods.at.present and not at.value and not pods.may_gain("containers"):
            yield Violation(found.value_at(at, None), "the pod template has no containers")
        names: dict[str, SourceValue[str]] = {}
        for container in pods.containers:
            for kind in PROBE_KINDS:
                probe = container.at[kind]
                if probe.present and not any(probe[each].present for each in _HANDLERS):
                    yield Violation(found.value_at(probe, None), f"{kind} asks for nothing")
            for mount in container.at["volumeMounts"].items():
                if not mount["mountPath"].present:
                    yield Violation(found.value_at(mount, None), "the mount has no mountPath")
            name = container.here
            if has_placeholder(name.value):
                continue
            if not LABEL.fullmatch(name.value):
                yield Violation(name, f"{shown(name.value)} is no name of a container")
            elif names.setdefault(name.value, name) is not name:
                yield Violation(name, f"two containers are named {name.value!r}")
            yield from _variables(pods, container)
            for item in container.at["ports"].items():
                port = found.number(item["containerPort"])
                if port is not None and not 0 < port.value < 65536:
                    yield Violation(port, f"containerPort is {port.value}")


_FIELD = re.compile(
    r"metadata\.(name|namespace|uid|(labels|annotations)\['[^']+'\])"
    r"|spec\.(nodeName|serviceAccountName)|status\.(hostIPs?|podIPs?)"
)
"""Fields of a pod that a variable may take."""

_FILE_FIELD = re.compile(
    r"metadata\.(name|namespace|uid|labels|annotations|(labels|annotations)\['[^']+'\])"
)
"""Those that a file may hold."""


def _variables(pods: Pods, container: Container) -> Iterator[Violation]:
    """Variables whose value comes from nowhere."""
    for item in container.at["env"].items():
        source = item["valueFrom"]
        if not source.present:
            continue
        name = item["name"].text
        place = pods.object.value_at(source, None)
        if not any(at.present for _, at in source.fields()):
            yield Violation(place, f"valueFrom of {name} says no source")
        elif item["value"].text:
            yield Violation(place, f"{name} has a value and valueFrom")
        yield from _field_reference(pods, source["fieldRef"], _FIELD)


def _field_reference(pods: Pods, reference: Cursor, known: re.Pattern[str]) -> Iterator[Violation]:
    at = reference["fieldPath"]
    if at.text is not None and not has_placeholder(at.text) and not known.fullmatch(at.text):
        yield Violation(pods.object.value_at(at, at.text), f"no field {shown(at.text)} is given")


def _sources(pods: Pods) -> Iterator[Violation]:
    """Files of projected volumes that are of no field."""
    for volume in pods.at.at("spec", "volumes").items():
        for source in volume.at("projected", "sources").items():
            named = source.at("configMap", "name")
            if source["configMap"].present and not named.present:
                yield Violation(pods.object.value_at(named, None), "the ConfigMap has no name")
            for item in source.at("downwardAPI", "items").items():
                if not item["fieldRef"].present and not item["resourceFieldRef"].present:
                    yield Violation(pods.object.value_at(item, None), "the file is of no field")
                yield from _field_reference(pods, item["fieldRef"], _FILE_FIELD)


@rule(
    "T633",
    "error",
    "A container's resources are invalid",
    why="The API server refuses the workload, and none of its pods is created.",
    evidence=f"{_KUBERNETES} Quantities are numbers with a suffix such as m, k, Mi or Gi; a "
    "request may not be above its limit, and a device plugin's resource is its limit's.",
    fix="write a quantity such as 500m or 16Gi, and the limit at or above the request",
    example=breaks(
        "disaggregated",
        "Deployment/prefill",
        f"{_ENGINE}.resources.limits",
        {"memory": "64GB"},
    ),
)
def resources(topology: Topology) -> Iterator[Violation]:
    for pods in _plain(topology):
        for container in pods.containers:
            known = {}
            for group, name, at in _resources(container):
                amount = quantity(at.value)
                known[group, name] = amount
                if amount is None and at.present and not has_placeholder(str(at.value)):
                    yield Violation(
                        pods.object.value_at(at, at.value), f"{shown(at.value)} is no quantity"
                    )
            for (group, name), amount in known.items():
                limit = known.get(("limits", name))
                if group == "requests" and amount and limit is None and _is_extended(name):
                    at = container.at.at("resources", "requests", name)
                    yield Violation(
                        pods.object.value_at(at, at.value),
                        f"{name} is requested without a limit, which must be the same",
                    )
                if group == "limits" or amount is None or limit is None or amount <= limit:
                    continue
                at = container.at.at("resources", "requests", name)
                most = container.at.at("resources", "limits", name)
                yield Violation(
                    pods.object.value_at(at, at.value),
                    f"{name} {at.value} is requested, above the limit {most.value}",
                    pods.object.value_at(most, most.value),
                )


def _is_extended(name: str) -> bool:
    """Whether a resource is one of a device plugin, which is never overcommitted."""
    prefix, slash, _ = name.partition("/")
    return bool(slash) and not prefix.endswith("kubernetes.io")


_HANDLERS = ("exec", "grpc", "httpGet", "tcpSocket")


def _unknown_values(pods: Pods) -> Iterator[Violation]:
    strategy = pods.workload.at.at("strategy", "type")
    places: list[tuple[Cursor, tuple[str, ...]]] = [(strategy, ("Recreate", "RollingUpdate"))]
    places += limited_fields(pods.at["spec"])
    for at, known in places if pods.workload.kind == "Deployment" else places[1:]:
        yield from other_value(pods.object, at, known)


_LEAST_BYTES = Decimal(2) * 1024**3
"""Memory that a model server takes before it has loaded anything: PyTorch, CUDA, its processes."""

_PRETENDING = re.compile(r"emul|simul|mock|fake|vllme|-sim\b")
"""Images of servers that load no model."""


@rule(
    "T634",
    "warning",
    "The memory limit of an engine cannot hold its processes",
    why="The kernel kills the engine while it starts, and the kubelet restarts it again and again.",
    evidence="vLLM and SGLang import PyTorch and CUDA in several processes, which takes more than "
    "2 GiB; weights pass through the page cache beside that.",
    fix="remove the limit, or set it to several times 10 GiB",
    example=breaks(
        "disaggregated", "Deployment/prefill", f"{_ENGINE}.resources.limits", {"memory": "1Gi"}
    ),
)
def too_small(topology: Topology) -> Iterator[Violation]:
    for pods in topology.serving:
        engine = pods.engine
        if engine is None or engine.kind not in ("vllm", "sglang"):
            continue
        if topology.devices(pods, engine.container) is None:
            continue  # A small model on CPUs.
        if _PRETENDING.search(engine.container.image_name):
            continue
        at = engine.container.at.at("resources", "limits", "memory")
        limit = quantity(at.value) if at.present else None
        if limit is not None and limit < _LEAST_BYTES:
            yield Violation(pods.object.value_at(at, at.value), f"the limit is {at.value}")


@rule(
    "T637",
    "error",
    "The API server knows no such kind or version",
    why="The object is not applied.",
    evidence="The API of Kubernetes 1.34 to 1.36, and the CRDs of the projects that serve models. "
    "A version that newer CRDs may have is a warning.",
    fix="correct apiVersion and kind",
    example=breaks("disaggregated", "Role/qwen-epp", "apiVersion", "rbac.authorization.k8s.io/v2"),
)
def unknown_kind(topology: Topology) -> Iterator[Violation]:
    for found in topology.objects:
        version = found.at("apiVersion").text or ""
        if found.written is not found or has_placeholder(f"{version} {found.kind}"):
            continue
        if not found.kind:
            if version and found.name:
                yield Violation(found.here, "the object has no kind")
            continue
        meant = topology.api.likely_kind(version, found.kind)
        if meant is not None:
            at = found.at(*meant.path)
            # A cluster may have a newer release of a CRD than those that are known.
            severity: Severity = "error" if meant.certain else "warning"
            yield Violation(
                found.value_at(at, at.text),
                meant.message,
                fix=meant.fix,
                severity=severity,
                mend=meant.mend,
            )
