"""Probes: whether a pod is ready when it says so, and lives while it loads."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from cdk8s_inference.checks.rule import rule
from cdk8s_inference.findings import Violation
from cdk8s_inference.findings.evidence import SEEN, SEEN_RUN
from cdk8s_inference.findings.example import REMOVED, Edit, breaks, manifests
from cdk8s_inference.topology import Container, Pods, Topology

_ENGINE = "spec.template.spec.containers[0]"
_LEADER = "spec.leaderWorkerTemplate.leaderTemplate.spec.containers[0]"


@rule(
    "T601",
    "error",
    "A probe uses a port without a listener",
    why="The container never becomes ready, or is restarted again and again.",
    evidence="Kubernetes probes the pod's address at that port.",
    fix="probe the port that the container listens on",
    example=breaks(
        "disaggregated", "Deployment/qwen-epp", f"{_ENGINE}.readinessProbe.grpc.port", 9004
    ),
)
def probe_port(topology: Topology) -> Iterator[Violation]:
    for pods in topology.pods:
        if pods.may_gain("containers", "flags", "ports", "probes"):
            continue
        for container in pods.staying:
            listening = _listening(topology, pods, container)
            for probe in container.probes:
                if probe.port is None:
                    if probe.written is None:
                        at = container.object.value_at(probe.at, probe.kind)
                        yield Violation(at, f"{probe.kind} of {container.name!r} asks no port")
                    elif not probe.written.value.isdigit():
                        yield Violation(
                            probe.written,
                            f"{probe.kind} asks port {probe.written.value!r}, a name that "
                            f"container {container.name!r} does not declare",
                        )
                elif listening is not None and probe.port.value not in listening:
                    yield Violation(
                        probe.port,
                        f"{probe.kind} of {container.name!r} asks port {probe.port.value}; "
                        f"{', '.join(map(str, sorted(listening)))} are listened on",
                    )


def _listening(topology: Topology, pods: Pods, container: Container) -> set[int] | None:
    """The ports that a pod listens on; None for containers of which that is not known."""
    known: set[int] = set()
    own = False
    for each in pods.staying:
        ports: tuple[int, ...] | None = None
        if pods.engine is not None and each is pods.engine.container:
            ports = pods.engine.ports
            asked = ("HTTP", "data-parallel supervisor", "bootstrap", "gRPC")
            sockets = [one for one in pods.engine.sockets if one.purpose in asked]
            ports = (*ports, *(port for one in sockets[1:] for port in one.ports()))
        elif pods.sidecar is not None and each.at.path == pods.sidecar.container.at.path:
            ports = pods.sidecar.ports
        elif pods.picker_container is not None and each is pods.picker_container:
            ports = next(picker.ports for picker in topology.pickers if picker.pods is pods)
        if each is container:
            own = bool(ports)
        known |= set(ports) if ports else {port.value for port in each.ports}
    return known if own else None


@rule(
    "T605",
    "warning",
    "An engine has no readiness probe",
    why="The pod is ready while the engine loads weights, or after its server died, and gets "
    "requests that fail.",
    evidence="llm-d/llm-d#1176.",
    fix="add a readinessProbe of the engine's own port, at /health or /v1/models",
    example=breaks("gang", "LeaderWorkerSet/kimi", f"{_LEADER}.readinessProbe", REMOVED),
)
def not_asked(topology: Topology) -> Iterator[Violation]:
    members = {pods for pool in topology.pools for pods in pool.members}
    members |= {pods for service in topology.services for pods in service.backends}
    apart = {pods for pool in topology.disaggregated for pods in pool.members}
    yield from _not_asked(pods for pods in topology.serving if pods in members - apart)


@rule(
    "T618",
    "error",
    "A prefill or decode engine has no readiness probe",
    why="The picker chooses a pod whose server is still loading, or died: v0.8.0 falls back to "
    "decode-only, later releases answer long prompts 502.",
    evidence=f"{SEEN}: a prefill process that is down in a ready pod, or dies after its start; "
    "llm-d/llm-d#1176.",
    fix="add a readinessProbe of the engine's own port, at /health or /v1/models",
    example=breaks("disaggregated", "Deployment/prefill", f"{_ENGINE}.readinessProbe", REMOVED),
)
def not_asked_apart(topology: Topology) -> Iterator[Violation]:
    for pool in topology.disaggregated:
        yield from _not_asked(pool.running)


@rule(
    "T450",
    "warning",
    "A picker has no readiness probe",
    why="It gets requests before it has read its pool, and refuses them: at every rollout, and "
    "whenever it restarts.",
    evidence="The picker answers the health service NOT_SERVING until it has read its pool.",
    fix="add a readinessProbe of the gRPC health port, 9003",
    example=breaks("disaggregated", "Deployment/qwen-epp", f"{_ENGINE}.readinessProbe", REMOVED),
)
def picker_not_asked(topology: Topology) -> Iterator[Violation]:
    for picker in topology.pickers:
        container = picker.container
        if not container.at["readinessProbe"].present and not picker.pods.workload.is_controlled:
            yield Violation(container.here, f"container {container.name!r} has no readinessProbe")


def _not_asked(some: Iterable[Pods]) -> Iterator[Violation]:
    for pods in some:
        assert pods.engine is not None
        container = pods.engine.container
        if not container.at["readinessProbe"].present and not pods.may_gain("probes"):
            yield Violation(container.here, f"container {container.name!r} has no readinessProbe")


@rule(
    "T606",
    "warning",
    "The engine's probe is answered by the sidecar",
    why="The sidecar answers /health itself, always with 200: the pod is ready while the "
    "engine is down.",
    evidence=SEEN_RUN,
    fix="probe the engine's own port, or /v1/models through the sidecar",
    example=breaks(
        "disaggregated", "Deployment/decode", f"{_ENGINE}.readinessProbe.httpGet.port", 8000
    ),
)
def asks_sidecar(topology: Topology) -> Iterator[Violation]:
    for pods in topology.serving:
        sidecar, engine = pods.sidecar, pods.engine
        if sidecar is None or engine is None:
            continue
        for probe in engine.container.probes:
            path = probe.path.value if probe.path else ""
            if probe.port is None or path != sidecar.release.sidecar.health_path:
                continue
            if probe.port.value in sidecar.ports and probe.port.value not in engine.ports:
                yield Violation(
                    probe.port, f"{probe.kind} asks the sidecar's {path}", sidecar.container.here
                )


@rule(
    "T609",
    "warning",
    "An engine may be restarted while it loads its model",
    why="The probe fails before the weights are loaded, and the kubelet restarts the container "
    "again and again.",
    evidence="kserve/kserve#5062; llm-d's guides allow an hour.",
    fix="add a startupProbe that allows ten minutes or more",
    example=manifests(
        "disaggregated",
        Edit(
            "Deployment/prefill",
            f"{_ENGINE}.livenessProbe",
            {"httpGet": {"path": "/health", "port": "http"}},
        ),
        Edit("Deployment/prefill", f"{_ENGINE}.startupProbe", REMOVED),
    ),
)
def killed(topology: Topology) -> Iterator[Violation]:
    for pods in topology.serving:
        assert pods.engine is not None
        container, server = pods.engine.container, pods.engine.server
        if server is not None and not server.http_paths:
            continue  # Its probes ask another server, which is up before the model is loaded.
        startup = container.at["startupProbe"]
        probe = startup if startup.present else container.at["livenessProbe"]
        if not probe.present or pods.may_gain("probes") or container.flag("--headless"):
            continue  # Without an HTTP server, a probe asks for something else.
        delay = _seconds(probe["initialDelaySeconds"].value, 0)
        budget = delay + _seconds(probe["periodSeconds"].value, 10) * _seconds(
            probe["failureThreshold"].value, 3
        )
        if budget < 600:
            kind = "startupProbe" if startup.present else "livenessProbe"
            yield Violation(
                pods.object.value_at(probe, None), f"{kind} ends it after {budget} seconds"
            )


def _seconds(value: object, default: int) -> int:
    return value if isinstance(value, int) else default


@rule(
    "T612",
    "warning",
    "A probe asks for a path that the engine does not serve",
    why="The engine answers 404, and never becomes ready.",
    evidence="The routes of vLLM and SGLang.",
    fix="probe /health or /v1/models",
    example=breaks(
        "disaggregated", "Deployment/prefill", f"{_ENGINE}.readinessProbe.httpGet.path", "/healthz"
    ),
)
def probe_path(topology: Topology) -> Iterator[Violation]:
    for pods in topology.serving:
        engine = pods.engine
        if engine is None or engine.kind is None:
            continue
        assert engine.server is not None
        known = engine.server.http_paths
        # The sidecar hands on what it does not know.
        through = pods.sidecar.container.probes if pods.sidecar else []
        for probe in (*engine.container.probes, *through):
            if probe.path is not None and probe.path.value.partition("?")[0] not in known:
                yield Violation(
                    probe.path,
                    f"{probe.kind} asks for {probe.path.value!r}; {engine.kind} serves "
                    f"{', '.join(known[:3])}",
                )


@rule(
    "T636",
    "error",
    "A probe asks with another scheme than the engine serves",
    why="The kubelet cannot read the answer: the pod never becomes ready, or is restarted again "
    "and again.",
    evidence="vLLM and SGLang serve HTTPS with a certificate, and plain HTTP without.",
    fix="remove scheme: HTTPS from the probe, or give the engine its certificate",
    example=breaks(
        "disaggregated", "Deployment/prefill", f"{_ENGINE}.readinessProbe.httpGet.scheme", "HTTPS"
    ),
)
def probe_scheme(topology: Topology) -> Iterator[Violation]:
    for pods in topology.serving:
        engine = pods.engine
        if engine is None or engine.kind not in ("vllm", "sglang") or pods.may_gain("flags"):
            continue
        if engine.reads_file or not engine.is_started_as_written or pods.workload.is_controlled:
            continue
        secure = engine.flag(engine.names.certificate, engine.names.certificate_key) is not None
        for probe in engine.container.probes:
            scheme = probe.at["scheme"]
            own = probe.port is not None and probe.port.value in engine.ports
            if probe.path is not None and own and (scheme.text == "HTTPS") != secure:
                served = "HTTPS" if secure else "plain HTTP"
                yield Violation(
                    pods.object.value_at(scheme, scheme.text),
                    f"{probe.kind} asks by {scheme.text or 'HTTP'}, and the engine serves {served}",
                    engine.container.here,
                )
