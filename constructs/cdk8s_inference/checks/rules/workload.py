"""Workloads: whether their pods are made, and start."""

from __future__ import annotations

from collections.abc import Iterator

from cdk8s_inference.checks.patches import may_be_patch
from cdk8s_inference.checks.rule import rule
from cdk8s_inference.findings import Severity, Violation
from cdk8s_inference.findings.example import breaks, manifests
from cdk8s_inference.source import Cursor
from cdk8s_inference.topology import Engine, Topology
from cdk8s_inference.topology.kube_object import whole_number

_ENGINE = "spec.template.spec.containers[0]"


@rule(
    "T602",
    "error",
    "A selector does not match its own pods",
    why="The API server refuses the workload.",
    evidence="Kubernetes: apps/v1 requires it.",
    fix="use labels of the pod template in selector.matchLabels",
    example=breaks("disaggregated", "Deployment/qwen-epp", "spec.selector.matchLabels.app", "epp"),
)
def selector(topology: Topology) -> Iterator[Violation]:
    for pods in topology.pods:
        wanted = pods.workload.selector
        # Earlier versions, which no server has, took the template's labels for a selector.
        stable = wanted.object.at("apiVersion").text == "apps/v1"
        own = stable and pods.workload.kind in ("Deployment", "StatefulSet")
        if own and not wanted.value:
            severity: Severity | None = "warning" if may_be_patch(wanted.object) else None
            yield Violation(wanted, "there is no selector", severity=severity)
        elif own and not wanted.value.matches(pods.labels):
            yield Violation(
                wanted,
                f"{wanted.value} does not match the template's labels {dict(pods.labels)}",
            )


@rule(
    "T608",
    "error",
    "A container mounts a volume that its pod does not have",
    why="The API server refuses the pod.",
    evidence="Kubernetes.",
    fix="correct the name, or add the volume",
    example=breaks(
        "disaggregated", "Deployment/qwen-epp", "spec.template.spec.volumes[0].name", "configs"
    ),
)
def volumes(topology: Topology) -> Iterator[Violation]:
    for pods in topology.pods:
        if pods.may_gain("volumes"):
            continue
        at = pods.workload.at
        gang = at["leaderWorkerTemplate"]
        claims = [*at["volumeClaimTemplates"].items(), *gang["volumeClaimTemplates"].items()]
        names = {item["name"].text for item in pods.at.at("spec", "volumes").items()}
        names |= {item.at("metadata", "name").text for item in claims}
        for container in pods.containers:
            for mount in container.at["volumeMounts"].items():
                if mount["name"].text not in names:
                    yield Violation(
                        pods.object.value_at(mount["name"], mount["name"].text),
                        f"there is no volume {mount['name'].text!r}; there are "
                        f"{', '.join(sorted(filter(None, names))) or 'none'}",
                    )


_WITHOUT_IMAGE = """\
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: llm}
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata:
      labels: {app: web}
    spec:
      containers:
        - name: web
"""


@rule(
    "T621",
    "warning",
    "A container has no image",
    why="The API server refuses the object, unless a later Kustomize layer or an admission webhook "
    "fills the image in.",
    evidence="Kubernetes: spec.containers[*].image is required in a pod, after admission. The API "
    "server checks the template when it is applied.",
    fix="name an image, by its release",
    example=manifests("disaggregated", added=_WITHOUT_IMAGE),
)
def no_image(topology: Topology) -> Iterator[Violation]:
    for pods in topology.pods:
        if pods.workload.kind not in _CHECKED_BY_THE_API_SERVER:
            continue
        for container in pods.containers:
            if not container.image.value and not container.at["image"].present:
                yield Violation(container.here, f"container {container.name!r} has no image")


_CHECKED_BY_THE_API_SERVER = ("Deployment", "StatefulSet", "DaemonSet", "ReplicaSet")
"""Kinds whose pod templates the API server itself checks; a controller may complete others."""


@rule(
    "T610",
    "warning",
    "The shared memory of a multi-device engine is too small",
    why="NCCL and NIXL use /dev/shm, which is 64 MiB unless a volume is mounted: the engine "
    "crashes, or copies slowly.",
    evidence="vLLM's and llm-d's manifests.",
    fix="mount an emptyDir with medium: Memory at /dev/shm",
    example=breaks("disaggregated", "Deployment/prefill", f"{_ENGINE}.volumeMounts", []),
)
def shared_memory(topology: Topology) -> Iterator[Violation]:
    for pods in topology.serving:
        engine = pods.engine
        assert engine is not None
        if engine.tensor_parallel is None or engine.tensor_parallel.value == 1:
            continue
        if any(key == "google.com/tpu" for key, _ in _limits(engine)):
            continue  # TPUs share neither by NCCL nor by NIXL.
        if pods.may_gain("volumes"):
            continue
        memory = {
            volume["name"].text
            for volume in pods.at.at("spec", "volumes").items()
            if volume.at("emptyDir", "medium").text == "Memory"
        }
        mounted = {
            mount["name"].text
            for mount in engine.container.at["volumeMounts"].items()
            if (mount["mountPath"].text or "").rstrip("/") == "/dev/shm"
        }
        if not memory & mounted and pods.at.at("spec", "hostIPC").value is not True:
            yield Violation(
                engine.container.here,
                f"{engine.tensor_parallel.value} devices share the container's own /dev/shm",
                engine.tensor_parallel,
            )


def _limits(engine: Engine) -> Iterator[tuple[str, Cursor]]:
    return engine.container.at.at("resources", "limits").fields()


@rule(
    "T611",
    "error",
    "Two objects have the same name",
    why="The one that is applied last replaces the other.",
    evidence="kubectl apply. In two files of a folder, the objects may be alternatives that are "
    "never applied together: that is a warning.",
    fix="rename one of them, or remove it",
    example=manifests(
        "disaggregated",
        added="apiVersion: v1\nkind: ServiceAccount\nmetadata: {name: qwen-epp, namespace: llm}\n",
    ),
)
def one_name(topology: Topology) -> Iterator[Violation]:
    for first, other in topology.duplicates:
        together = first.document.file == other.document.file
        yield Violation(
            other.here,
            f"{other} is defined twice" + ("" if together else ", in two files"),
            first.here,
            severity=None if together else "warning",
        )


@rule(
    "T616",
    "warning",
    "The declared port is not the one that the engine listens on",
    why="containerPort does not configure the engine: without --port it listens on its default. In "
    "a ModelDeployment it is an error: what is composed asks the declared port.",
    evidence="vLLM listens on 8000 without --port, SGLang on 30000.",
    fix="set the engine's --port",
    example=manifests(
        "disaggregated",
        added="""\
apiVersion: apps/v1
kind: Deployment
metadata: {name: small, namespace: llm}
spec:
  selector: {matchLabels: {app: small}}
  template:
    metadata: {labels: {app: small}}
    spec:
      containers:
        - name: vllm
          image: vllm/vllm-openai:v0.32.0
          args: [--model=Qwen/Qwen3-0.6B]
          ports: [{containerPort: 8080}]
          readinessProbe: {httpGet: {path: /health, port: 8000}}
          resources: {limits: {nvidia.com/gpu: 1}}
""",
    ),
)
def port_not_given(topology: Topology) -> Iterator[Violation]:
    for pods in topology.serving:
        engine = pods.engine
        assert engine is not None
        names, default = engine.names, engine.default_port
        if engine.flag(names.port, names.headless) or engine.reads_file:
            continue
        if pods.may_gain("flags") or engine.server is None or engine.kind is None:
            continue
        declared = engine.container.ports
        if declared and default not in (None, *(port.value for port in declared)):
            yield Violation(
                declared[0],
                f"port {declared[0].value} is declared, and without {names.port} {engine.kind} "
                f"listens on {default}",
                engine.container.here,
            )


@rule(
    "T619",
    "warning",
    "An engine is killed before its shutdown timeout",
    why="The kubelet kills it before --shutdown-timeout has passed, and streams are cut.",
    evidence="llm-d's guides: terminationGracePeriodSeconds above --shutdown-timeout.",
    fix="set terminationGracePeriodSeconds above --shutdown-timeout",
    example=breaks(
        "disaggregated", "Deployment/prefill", f"{_ENGINE}.args[4]", "--shutdown-timeout=60"
    ),
)
def shut_down(topology: Topology) -> Iterator[Violation]:
    for pods in topology.serving:
        assert pods.engine is not None
        if pods.may_gain("flags"):
            continue
        flag = pods.engine.names.drain
        given = pods.engine.flag(flag)
        at = pods.at.at("spec", "terminationGracePeriodSeconds")
        allowed = pods.object.number(at) or pods.object.value_at(at, 30)
        wanted = whole_number(given.value) if given is not None else None
        if given is not None and wanted is not None and wanted > allowed.value:
            yield Violation(
                given,
                f"{flag} is {wanted} seconds, and the pod has {allowed.value}",
                allowed,
            )
