"""Workloads: whether their pods are made, start, and say truly that they are ready."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator

from cdk8s_inference.checks.example import REMOVED, Edit, Example, breaks
from cdk8s_inference.checks.rule import Breach, rule
from cdk8s_inference.names import LEADER_WORKER_SET_LIMIT
from cdk8s_inference.topology import Container, Engine, KubeObject, Pods, Topology, Workload
from cdk8s_inference.topology.located import whole_number

_ENGINE = "spec.template.spec.containers[0]"
_LEADER = "spec.leaderWorkerTemplate.leaderTemplate.spec.containers[0]"


@rule(
    "T601",
    "error",
    "A probe asks a port where nothing listens",
    prevents="The container never gets ready, or is restarted again and again.",
    source="Kubernetes probes the pod's address at that port.",
    fix="probe the port that the container listens on",
    example=breaks(
        "disaggregated", "Deployment/qwen-epp", f"{_ENGINE}.readinessProbe.grpc.port", 9004
    ),
)
def probe_port(topology: Topology) -> Iterator[Breach]:
    for pods in topology.pods:
        for container in pods.staying:
            listening = _listening(topology, pods, container)
            for probe in container.probes:
                if probe.port is None:
                    if probe.written is None:
                        at = container.object.located(probe.at, probe.kind)
                        yield Breach(at, f"{probe.kind} of {container.name!r} asks no port")
                    elif not probe.written.value.isdigit():
                        yield Breach(
                            probe.written,
                            f"{probe.kind} asks port {probe.written.value!r}, a name that "
                            f"container {container.name!r} does not declare",
                        )
                elif listening is not None and probe.port.value not in listening:
                    yield Breach(
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
            supervisor = each.flag("--data-parallel-supervisor-port")
            number = whole_number(supervisor.value) if supervisor else None
            ports = ports if number is None else (*ports, number)
        elif pods.sidecar is not None and each.at.path == pods.sidecar.container.at.path:
            ports = pods.sidecar.ports
        elif pods.picker_container is not None and each is pods.picker_container:
            ports = next(picker.ports for picker in topology.pickers if picker.pods is pods)
        if each is container:
            own = bool(ports)
        known |= set(ports) if ports else {port.value for port in each.ports}
    return known if own else None


@rule(
    "T602",
    "error",
    "A selector does not match its own pods",
    prevents="The API server refuses the workload.",
    source="Kubernetes: apps/v1 requires it.",
    fix="let selector.matchLabels be labels of the pod template",
    example=breaks("disaggregated", "Deployment/qwen-epp", "spec.selector.matchLabels.app", "epp"),
)
def selector(topology: Topology) -> Iterator[Breach]:
    for pods in topology.pods:
        wanted = pods.workload.selector
        own = pods.workload.kind in ("Deployment", "StatefulSet")
        if own and not wanted.value:
            yield Breach(wanted, "there is no selector")
        elif own and not wanted.value.matches(pods.labels):
            yield Breach(
                wanted,
                f"{wanted.value} does not match the template's labels {dict(pods.labels)}",
            )


@rule(
    "T603",
    "error",
    "A gang's name is too long, or no name of a Service",
    prevents="Its followers never start: the name of their revision does not fit a label.",
    source="kubernetes-sigs/lws#410, #972; no admission check says so.",
    fix=f"shorten it to {LEADER_WORKER_SET_LIMIT} characters, and start it with a letter",
    example=breaks("gang", "LeaderWorkerSet/kimi", "metadata.name", "kimi-k2-" * 7 + "serving"),
)
def gang_name(topology: Topology) -> Iterator[Breach]:
    for workload in topology.workloads:
        name = workload.name
        if workload.kind == "LeaderWorkerSet" and (
            len(name) > LEADER_WORKER_SET_LIMIT + 2
            or not re.fullmatch(r"[a-z]([-a-z0-9]*[a-z0-9])?", name)
        ):
            yield Breach(workload.object.here, f"{name!r} has {len(name)} characters")


@rule(
    "T604",
    "error",
    "A Service has the name of a gang",
    prevents="The controller takes it for its own headless Service, and the leader's address "
    "resolves to nothing.",
    source="LeaderWorkerSet's controller_utils.go looks at the name alone.",
    fix="rename the Service",
    example=Example(
        "gang",
        (
            Edit("Service/kimi-http", "metadata.name", "kimi"),
            Edit("HTTPRoute/kimi", "spec.rules[0].backendRefs[0].name", "kimi"),
        ),
    ),
)
def service_of_gang(topology: Topology) -> Iterator[Breach]:
    for workload in topology.workloads:
        service = topology.find("Service", workload.namespace, workload.name)
        if workload.kind != "LeaderWorkerSet" or service is None:
            continue
        if service.at("spec", "clusterIP").text != "None":
            yield Breach(
                service.here, f"{service} has the name of {workload.object}", workload.object.here
            )


@rule(
    "T605",
    "warning",
    "Nothing asks whether an engine is ready",
    prevents="The pod counts as ready while it loads weights, or after its server died, and gets "
    "requests that fail.",
    source="llm-d/llm-d#1176.",
    fix="give the engine a readinessProbe of its own port, at /health or /v1/models",
    example=breaks("gang", "LeaderWorkerSet/kimi", f"{_LEADER}.readinessProbe", REMOVED),
)
def not_asked(topology: Topology) -> Iterator[Breach]:
    members = {pods for pool in topology.pools for pods in pool.members}
    members |= {pods for service in topology.services for pods in service.backends}
    apart = {pods for pool in topology.disaggregated for pods in pool.members}
    yield from _not_asked(pods for pods in topology.serving if pods in members - apart)


@rule(
    "T618",
    "error",
    "Nothing asks whether a prefill or decode engine is ready",
    prevents="A pod whose server loads weights, or died, is picked all the same: v0.8.0 decodes "
    "alone without a sound, later releases answer long prompts 502.",
    source="Seen run with router v0.8.0, v0.9.0 and v0.10.0: a prefill process that is down in a "
    "ready pod, or dies after its start; llm-d/llm-d#1176.",
    fix="give the engine a readinessProbe of its own port, at /health or /v1/models",
    example=breaks("disaggregated", "Deployment/prefill", f"{_ENGINE}.readinessProbe", REMOVED),
)
def not_asked_apart(topology: Topology) -> Iterator[Breach]:
    for pool in topology.disaggregated:
        yield from _not_asked(pool.running)


def _not_asked(some: Iterable[Pods]) -> Iterator[Breach]:
    for pods in some:
        assert pods.engine is not None
        container = pods.engine.container
        if not container.at["readinessProbe"].present:
            yield Breach(container.here, f"container {container.name!r} has no readinessProbe")


@rule(
    "T606",
    "warning",
    "An engine's probe asks the sidecar",
    prevents="The sidecar answers /health by itself, always with 200: the pod is ready with the "
    "engine down.",
    source="Seen run with router v0.8.0, v0.9.0 and v0.10.0.",
    fix="probe the engine's own port, or /v1/models through the sidecar",
    example=breaks(
        "disaggregated", "Deployment/decode", f"{_ENGINE}.readinessProbe.httpGet.port", 8000
    ),
)
def asks_sidecar(topology: Topology) -> Iterator[Breach]:
    for pods in topology.serving:
        sidecar, engine = pods.sidecar, pods.engine
        if sidecar is None or engine is None:
            continue
        for probe in engine.container.probes:
            path = probe.path.value if probe.path else ""
            if probe.port is None or path != sidecar.reads.sidecar.health_path:
                continue
            if probe.port.value in sidecar.ports and probe.port.value not in engine.ports:
                yield Breach(
                    probe.port, f"{probe.kind} asks the sidecar's {path}", sidecar.container.here
                )


@rule(
    "T607",
    "error",
    "An engine counts other nodes than its gang has",
    prevents="It waits for nodes that never come, or leaves some idle.",
    source="vLLM's --nnodes; LeaderWorkerSet's size counts the leader.",
    fix="let --nnodes be the gang's size",
    example=breaks("gang", "LeaderWorkerSet/kimi", "spec.leaderWorkerTemplate.size", 4),
)
def nodes(topology: Topology) -> Iterator[Breach]:
    for pods in topology.serving:
        count = pods.engine.nodes if pods.engine else None
        size = pods.workload.size
        if count is not None and count.value != size.value:
            yield Breach(
                count, f"--nnodes is {count.value}, and the gang has {size.value} pods", size
            )


@rule(
    "T608",
    "error",
    "A container mounts a volume that its pod does not have",
    prevents="The API server refuses the pod.",
    source="Kubernetes.",
    fix="correct the name, or add the volume",
    example=breaks(
        "disaggregated", "Deployment/qwen-epp", "spec.template.spec.volumes[0].name", "configs"
    ),
)
def volumes(topology: Topology) -> Iterator[Breach]:
    for pods in topology.pods:
        claims = pods.workload.at["volumeClaimTemplates"]
        names = {item["name"].text for item in pods.at.at("spec", "volumes").items()}
        names |= {item.at("metadata", "name").text for item in claims.items()}
        for container in pods.containers:
            for mount in container.at["volumeMounts"].items():
                if mount["name"].text not in names:
                    yield Breach(
                        pods.object.located(mount["name"], mount["name"].text),
                        f"there is no volume {mount['name'].text!r}; there are "
                        f"{', '.join(sorted(filter(None, names))) or 'none'}",
                    )


@rule(
    "T609",
    "warning",
    "An engine is killed while it loads",
    prevents="The liveness probe restarts it before the weights are loaded, again and again.",
    source="kserve/kserve#5062; llm-d's guides allow an hour.",
    fix="give it a startupProbe of at least ten minutes",
    example=Example(
        "disaggregated",
        (
            Edit(
                "Deployment/prefill",
                f"{_ENGINE}.livenessProbe",
                {"httpGet": {"path": "/health", "port": "http"}},
            ),
            Edit("Deployment/prefill", f"{_ENGINE}.startupProbe", REMOVED),
        ),
    ),
)
def killed(topology: Topology) -> Iterator[Breach]:
    for pods in topology.serving:
        assert pods.engine is not None
        container = pods.engine.container
        startup = container.at["startupProbe"]
        probe = startup if startup.present else container.at["livenessProbe"]
        if not probe.present:
            continue
        delay = _seconds(probe["initialDelaySeconds"].value, 0)
        budget = delay + _seconds(probe["periodSeconds"].value, 10) * _seconds(
            probe["failureThreshold"].value, 3
        )
        if budget < 600:
            kind = "startupProbe" if startup.present else "livenessProbe"
            yield Breach(pods.object.located(probe, None), f"{kind} ends it after {budget} seconds")


def _seconds(value: object, default: int) -> int:
    return value if isinstance(value, int) else default


@rule(
    "T610",
    "warning",
    "Devices share too little memory",
    prevents="NCCL and NIXL need /dev/shm, which is 64 MiB unless a volume is mounted: the engine "
    "crashes, or copies slowly.",
    source="vLLM's and llm-d's manifests.",
    fix="mount an emptyDir with medium: Memory at /dev/shm",
    example=breaks("disaggregated", "Deployment/prefill", f"{_ENGINE}.volumeMounts", []),
)
def shared_memory(topology: Topology) -> Iterator[Breach]:
    for pods in topology.serving:
        engine = pods.engine
        assert engine is not None
        if engine.tensor_parallel is None or engine.tensor_parallel.value == 1:
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
            yield Breach(
                engine.container.here,
                f"{engine.tensor_parallel.value} devices share the container's own /dev/shm",
                engine.tensor_parallel,
            )


@rule(
    "T611",
    "error",
    "Two objects have one name",
    prevents="The one that is applied later stays, without a word.",
    source="kubectl apply.",
    fix="rename one of them, or keep one",
    example=Example(
        "disaggregated",
        (),
        "apiVersion: v1\nkind: ServiceAccount\nmetadata: {name: qwen-epp, namespace: llm}\n",
    ),
)
def one_name(topology: Topology) -> Iterator[Breach]:
    found: dict[tuple[str, str, str, str], list[KubeObject]] = defaultdict(list)
    for each in topology.objects:
        if each.name and each.kind:
            found[each.group, each.kind, each.namespace, each.name].append(each)
    for first, *others in found.values():
        for other in others:
            # A file of two environments may hold an object twice; the same one does no harm.
            if other.root.value != first.root.value or other.document.file == first.document.file:
                yield Breach(other.here, f"{other} is written twice", first.here)


_HEALTH = {
    "vllm": (
        "/health",
        "/ping",
        "/v1/models",
        "/metrics",
        "/load",
        "/version",
        "/readyz",
        "/ready",
    ),
    "sglang": (
        "/health",
        "/health_generate",
        "/v1/models",
        "/metrics",
        "/get_model_info",
        "/model_info",
        "/ping",
    ),
}


@rule(
    "T612",
    "warning",
    "A probe asks for a path that the engine does not serve",
    prevents="The engine answers 404, and never gets ready.",
    source="The routes of vLLM and SGLang.",
    fix="probe /health or /v1/models",
    example=breaks(
        "disaggregated", "Deployment/prefill", f"{_ENGINE}.readinessProbe.httpGet.path", "/healthz"
    ),
)
def probe_path(topology: Topology) -> Iterator[Breach]:
    for pods in topology.serving:
        engine = pods.engine
        if engine is None or engine.kind is None:
            continue
        known = _HEALTH[engine.kind]
        # The sidecar hands on what it does not know.
        through = pods.sidecar.container.probes if pods.sidecar else []
        for probe in (*engine.container.probes, *through):
            if probe.path is not None and probe.path.value.partition("?")[0] not in known:
                yield Breach(
                    probe.path,
                    f"{probe.kind} asks for {probe.path.value!r}; {engine.kind} serves "
                    f"{', '.join(known[:3])}",
                )


_SHARED = (
    "--tensor-parallel-size",
    "--pipeline-parallel-size",
    "--data-parallel-size",
    "--data-parallel-size-local",
    "--data-parallel-hybrid-lb",
    "--data-parallel-address",
    "--data-parallel-rpc-port",
    "--enable-expert-parallel",
    "--nnodes",
    "--master-addr",
    "--master-port",
    "--dtype",
    "--kv-cache-dtype",
    "--block-size",
    "--quantization",
    "--max-model-len",
)


@rule(
    "T613",
    "error",
    "The pods of a gang do not agree",
    prevents="They wait for each other, or fail at the first request.",
    source="vLLM and SGLang: all nodes of a model run the same version with the same shape.",
    fix="give leader and followers the same image, model and parallelism",
    example=breaks(
        "gang",
        "LeaderWorkerSet/kimi",
        "spec.leaderWorkerTemplate.workerTemplate.spec.containers[0].image",
        "vllm/vllm-openai:v0.22.0",
    ),
)
def gang_agrees(topology: Topology) -> Iterator[Breach]:
    for leader, follower in _gangs(topology):
        one, other = leader.container, follower.container
        if one.image.value != other.image.value:
            yield Breach(
                other.image,
                f"followers run {other.image.value!r}, the leader {one.image.value!r}",
                one.image,
            )
        if follower.model is None and other.flag(*_SHARED) is None:
            continue  # It joins by Ray, which tells it everything.
        for flag in _SHARED:
            here, there = one.flag(flag), other.flag(flag)
            if (here and here.value) != (there and there.value):
                yield Breach(
                    there or other.here,
                    f"{flag} is {there.value if there else 'not given'} on followers, "
                    f"{here.value if here else 'not given'} on the leader",
                    here or one.here,
                )
        loaded, theirs = leader.model, follower.model
        if loaded is not None and theirs is not None and loaded.value != theirs.value:
            yield Breach(
                theirs, f"followers load {theirs.value!r}, the leader {loaded.value!r}", loaded
            )


def _gangs(topology: Topology) -> Iterator[tuple[Engine, Engine]]:
    """The leader's and the followers' engines; a follower that joins by Ray runs none."""
    leaders = {pods.workload: pods for pods in topology.serving if pods.part == "leader"}
    for pods in topology.serving:
        leader = leaders.get(pods.workload)
        if pods.part == "follower" and leader is not None and leader.engine and pods.engine:
            yield leader.engine, pods.engine


@rule(
    "T614",
    "error",
    "A gang has other ranks than its pods make",
    prevents="It waits for ranks that never come, or has more than it counts.",
    source="vLLM: --data-parallel-size is the gang's size times --data-parallel-size-local.",
    fix="let --data-parallel-size be the gang's size times --data-parallel-size-local",
    example=Example(
        "gang",
        (),
        """\
apiVersion: leaderworkerset.x-k8s.io/v1
kind: LeaderWorkerSet
metadata: {name: more, namespace: llm}
spec:
  leaderWorkerTemplate:
    size: 2
    workerTemplate:
      metadata:
        labels: {model: more}
      spec:
        containers:
          - name: vllm
            image: vllm/vllm-openai:v0.23.0
            args:
              - --model=moonshotai/Kimi-K2
              - --data-parallel-hybrid-lb
              - --data-parallel-size=32
              - --data-parallel-size-local=8
              - --data-parallel-start-rank=$(FIRST_RANK)
            resources: {limits: {nvidia.com/gpu: 8}}
""",
    ),
)
def gang_ranks(topology: Topology) -> Iterator[Breach]:
    for pods in topology.serving:
        engine, size = pods.engine, pods.workload.size
        assert engine is not None
        local = engine.container.flag("--data-parallel-size-local")
        ranks, of_pod = engine.data_parallel, engine.local_ranks
        if local is None or ranks is None or of_pod is None:
            continue
        if of_pod.value and ranks.value != size.value * of_pod.value:
            yield Breach(
                ranks,
                f"{ranks.value} ranks, but {size.value} pods of {of_pod.value} ranks each",
                size,
            )


_OWN = {"--node-rank": "--nnodes", "--data-parallel-start-rank": "--data-parallel-hybrid-lb"}
"""Flags that differ from pod to pod of a gang, and what makes them needed."""

_NUMBER = re.compile(r"\d{1,6}|\$\w+|\$\(\w+\)|\$\{\w+\}|\$\(\([^()]*\)\)")


@rule(
    "T615",
    "error",
    "A gang's follower does not know its place",
    prevents="It takes the leader's place, or another follower's: the gang never starts.",
    source="vLLM: --node-rank and --data-parallel-start-rank are 0 unless they are given.",
    fix="count it from LWS_WORKER_INDEX, which LeaderWorkerSet sets in every pod",
    example=breaks(
        "gang",
        "LeaderWorkerSet/kimi",
        "spec.leaderWorkerTemplate.workerTemplate.spec.containers[0].args[0]",
        "exec vllm serve moonshotai/Kimi-K2 --headless --tensor-parallel-size 8 "
        "--pipeline-parallel-size 2 --nnodes 2",
    ),
)
def place_in_gang(topology: Topology) -> Iterator[Breach]:
    for pods in topology.serving:
        container = pods.engine.container if pods.engine else None
        if container is None or pods.workload.size.value < 2:
            continue
        for flag, needed in _OWN.items():
            given = container.flag(flag)
            if container.flag(needed) is None:
                continue
            if given is None:
                if pods.part != "leader":
                    yield Breach(container.here, f"{flag} is not given", pods.workload.size)
            elif not _NUMBER.fullmatch(given.value):
                yield Breach(given, f"{flag} is {given.value!r}, which is no number")
            elif given.value.isdigit() and pods.part != "leader" and pods.workload.size.value > 2:
                yield Breach(
                    given,
                    f"{flag} is {given.value} in all of {pods.workload.size.value - 1} followers",
                    pods.workload.size,
                )


@rule(
    "T616",
    "warning",
    "An engine's port is declared, but not given to it",
    prevents="A declared port changes nothing: the engine listens on its default.",
    source="vLLM listens on 8000 without --port, SGLang on 30000.",
    fix="give the engine --port",
    example=breaks("disaggregated", "Deployment/decode", f"{_ENGINE}.args[1]", "--seed=0"),
)
def port_not_given(topology: Topology) -> Iterator[Breach]:
    for pods in topology.serving:
        engine = pods.engine
        assert engine is not None
        if engine.container.flag("--port", "--headless") or engine.reads_file:
            continue
        declared = engine.port
        if declared is not None and engine.default_port not in (declared.value, None):
            yield Breach(
                declared,
                f"port {declared.value} is declared, and without --port {engine.kind} listens on "
                f"{engine.default_port}",
                engine.container.here,
            )


@rule(
    "T617",
    "note",
    "Gangs may start in halves",
    prevents="Pods are scheduled one by one: where nodes are short, each of two gangs may hold "
    "half of them and wait for the other's, or a gang may lie across slow links.",
    source="LeaderWorkerSet's KEP-407.",
    fix="set the annotation leaderworkerset.sigs.k8s.io/exclusive-topology, or a scheduler and the "
    "gang scheduling of LeaderWorkerSet's chart",
    example=breaks("gang", "LeaderWorkerSet/kimi", "metadata.annotations", REMOVED),
)
def half_a_gang(topology: Topology) -> Iterator[Breach]:
    loose = [gang for gang in topology.workloads if gang.size.value > 1 and not _is_one(gang)]
    if sum(gang.copies.value for gang in loose) > 1:
        for gang in loose:
            yield Breach(gang.size, f"{gang.copies.value} copies of {gang.size.value} pods each")


def _is_one(gang: Workload) -> bool:
    """Whether something sees to it that a gang is scheduled as one."""
    told = [*gang.object.annotations, *gang.object.labels]
    if any(key.endswith("exclusive-topology") or key.startswith(_QUEUES) for key in told):
        return True
    template = gang.at["leaderWorkerTemplate"]
    pods = [template.at(part, "spec") for part in ("leaderTemplate", "workerTemplate")]
    return any(each["schedulerName"].present or each["affinity"].present for each in pods)


_QUEUES = ("kueue.x-k8s.io/", "scheduling.", "kai.scheduler/")
"""Annotations and labels of what admits a gang as one."""


@rule(
    "T619",
    "warning",
    "An engine is killed while it finishes its requests",
    prevents="The kubelet ends it before --shutdown-timeout has passed, and streams are cut.",
    source="llm-d's guides: terminationGracePeriodSeconds above --shutdown-timeout.",
    fix="set terminationGracePeriodSeconds above --shutdown-timeout",
    example=breaks(
        "disaggregated", "Deployment/prefill", f"{_ENGINE}.args[4]", "--shutdown-timeout=60"
    ),
)
def shut_down(topology: Topology) -> Iterator[Breach]:
    for pods in topology.serving:
        assert pods.engine is not None
        given = pods.engine.container.flag("--shutdown-timeout")
        grace = pods.at.at("spec", "terminationGracePeriodSeconds")
        allowed = _seconds(grace.value, 30)
        wanted = whole_number(given.value) if given is not None else None
        if given is not None and wanted is not None and wanted > allowed:
            yield Breach(
                given,
                f"--shutdown-timeout is {wanted} seconds, and the pod has {allowed}",
                pods.object.located(grace, allowed),
            )
