"""Gangs: whether the pods of a LeaderWorkerSet find each other, and make one engine."""

from __future__ import annotations

import re
from collections.abc import Iterator

from cdk8s_inference.checks.rule import rule
from cdk8s_inference.findings import Violation
from cdk8s_inference.findings.example import REMOVED, Edit, breaks, manifests
from cdk8s_inference.names import LEADER_WORKER_SET_LIMIT
from cdk8s_inference.servers import VLLM
from cdk8s_inference.source import Cursor
from cdk8s_inference.topology import Engine, SourceValue, Topology, Workload


@rule(
    "T603",
    "error",
    "The name of a gang is too long, or no valid Service name",
    why="Followers never start: the name of their revision is too long for a label.",
    evidence="kubernetes-sigs/lws#410, #972; no admission check says so.",
    fix=f"shorten it to {LEADER_WORKER_SET_LIMIT} characters, and start it with a letter",
    example=breaks("gang", "LeaderWorkerSet/kimi", "metadata.name", "kimi-k2-" * 7 + "serving"),
)
def gang_name(topology: Topology) -> Iterator[Violation]:
    for workload in topology.workloads:
        name = workload.name
        if workload.kind == "LeaderWorkerSet" and (
            len(name) > LEADER_WORKER_SET_LIMIT + 2
            or not re.fullmatch(r"[a-z]([-a-z0-9]*[a-z0-9])?", name)
        ):
            yield Violation(workload.object.here, f"{name!r} has {len(name)} characters")


@rule(
    "T604",
    "error",
    "A Service has the same name as a gang",
    why="The LeaderWorkerSet controller takes it for its own headless Service, and the "
    "leader's address does not resolve.",
    evidence="LeaderWorkerSet's controller_utils.go looks at the name alone.",
    fix="rename the Service",
    example=manifests(
        "gang",
        Edit("Service/kimi-http", "metadata.name", "kimi"),
        Edit("HTTPRoute/kimi", "spec.rules[0].backendRefs[0].name", "kimi"),
    ),
)
def service_of_gang(topology: Topology) -> Iterator[Violation]:
    for workload in topology.workloads:
        service = topology.find("Service", workload.namespace, workload.name)
        if workload.kind != "LeaderWorkerSet" or service is None:
            continue
        if service.at("spec", "clusterIP").text != "None":
            yield Violation(
                service.here, f"{service} has the name of {workload.object}", workload.object.here
            )


@rule(
    "T607",
    "error",
    "--nnodes is not the size of the gang",
    why="The engine waits for nodes that do not exist, or some pods are idle.",
    evidence="vLLM's --nnodes; LeaderWorkerSet's size counts the leader.",
    fix="set --nnodes to the gang's size",
    example=breaks("gang", "LeaderWorkerSet/kimi", "spec.leaderWorkerTemplate.size", 4),
)
def nodes(topology: Topology) -> Iterator[Violation]:
    for pods in topology.serving:
        engine, size = pods.engine, pods.workload.size
        count = engine.nodes if engine and not pods.may_gain("nodes") else None
        if engine is not None and count is not None and count.value != size.value:
            flag = engine.names.nodes
            yield Violation(
                count, f"{flag} is {count.value}, and the gang has {size.value} pods", size
            )


@rule(
    "T613",
    "error",
    "Leader and followers of a gang differ",
    why="They wait for each other, or fail at the first request.",
    evidence="vLLM and SGLang: all nodes of a model run the same version with the same shape.",
    fix="use the same image, model and parallelism for leader and followers",
    example=breaks(
        "gang",
        "LeaderWorkerSet/kimi",
        "spec.leaderWorkerTemplate.workerTemplate.spec.containers[0].image",
        "vllm/vllm-openai:v0.22.0",
    ),
)
def gang_agrees(topology: Topology) -> Iterator[Violation]:
    for leader, follower in _gangs(topology):
        one, other = leader.container, follower.container
        if one.image.value != other.image.value:
            yield Violation(
                other.image,
                f"followers run {other.image.value!r}, the leader {one.image.value!r}",
                one.image,
            )
        shared = (leader.server or VLLM).gang_flags
        if follower.model is None and follower.flag(*shared) is None:
            continue  # It joins by Ray, which tells it everything.
        for flag in shared:
            here, there = leader.flag(flag), follower.flag(flag)
            if (here and here.value) != (there and there.value):
                yield Violation(
                    there or other.here,
                    f"{flag} is {there.value if there else 'not given'} on followers, "
                    f"{here.value if here else 'not given'} on the leader",
                    here or one.here,
                )
        loaded, theirs = leader.model, follower.model
        if loaded is not None and theirs is not None and loaded.value != theirs.value:
            yield Violation(
                theirs, f"followers load {theirs.value!r}, the leader {loaded.value!r}", loaded
            )


def _gangs(topology: Topology) -> Iterator[tuple[Engine, Engine]]:
    """The leader's and the followers' engines; a follower that joins by Ray runs none."""
    leaders = {pods.workload: pods for pods in topology.serving if pods.part == "leader"}
    for pods in topology.serving:
        leader = leaders.get(pods.workload)
        if pods.may_gain("nodes", "flags"):
            continue
        if pods.part == "follower" and leader is not None and leader.engine and pods.engine:
            yield leader.engine, pods.engine


@rule(
    "T614",
    "error",
    "The number of data-parallel ranks is not that of the gang's pods",
    why="The engine waits for ranks that do not exist, or has more ranks than it expects.",
    evidence="vLLM: --data-parallel-size is the gang's size times --data-parallel-size-local.",
    fix="set --data-parallel-size to the gang's size times --data-parallel-size-local",
    example=manifests(
        "gang",
        added="""\
apiVersion: leaderworkerset.x-k8s.io/v1
kind: LeaderWorkerSet
metadata: {name: more, namespace: llm}
spec:
  rolloutStrategy: {type: RollingUpdate, rollingUpdateConfiguration: {maxUnavailable: 1}}
  leaderWorkerTemplate:
    size: 2
    workerTemplate:
      metadata:
        labels: {model: more}
      spec:
        containers:
          - name: vllm
            image: vllm/vllm-openai:v0.32.0
            args:
              - --model=moonshotai/Kimi-K2
              - --data-parallel-hybrid-lb
              - --data-parallel-size=32
              - --data-parallel-size-local=8
              - --data-parallel-start-rank=$(LWS_WORKER_INDEX)
              - --data-parallel-address=$(LWS_LEADER_ADDRESS)
            resources: {limits: {nvidia.com/gpu: 8}}
""",
    ),
)
def gang_ranks(topology: Topology) -> Iterator[Violation]:
    for pods in topology.serving:
        engine, size = pods.engine, pods.workload.size
        assert engine is not None
        local = engine.flag(engine.names.local_ranks)
        ranks, of_pod = engine.data_parallel, engine.local_ranks
        if local is None or ranks is None or of_pod is None or pods.may_gain("nodes"):
            continue
        if of_pod.value and ranks.value != size.value * of_pod.value:
            yield Violation(
                ranks,
                f"{ranks.value} ranks, but {size.value} pods of {of_pod.value} ranks each",
                size,
            )


@rule(
    "T615",
    "error",
    "A follower has no rank of its own",
    why="It uses the leader's rank, or another follower's: the gang never starts.",
    evidence="vLLM: --node-rank and --data-parallel-start-rank are 0 unless they are given.",
    fix="compute it from LWS_WORKER_INDEX, which LeaderWorkerSet sets in every pod",
    example=breaks(
        "gang",
        "LeaderWorkerSet/kimi",
        "spec.leaderWorkerTemplate.workerTemplate.spec.containers[0].args[0]",
        "exec vllm serve moonshotai/Kimi-K2 --headless --tensor-parallel-size 8 "
        "--pipeline-parallel-size 2 --nnodes 2 --master-addr $(LWS_LEADER_ADDRESS)",
    ),
)
def place_in_gang(topology: Topology) -> Iterator[Violation]:
    for pods in topology.serving:
        engine = pods.engine
        if engine is None or pods.workload.size.value < 2 or pods.may_gain("nodes"):
            continue
        container = engine.container
        for flag, needed in _places(engine):
            given = engine.flag(flag)
            if engine.flag(needed) is None:
                continue
            if given is None:
                if pods.part != "leader":
                    yield Violation(container.here, f"{flag} is not given", pods.workload.size)
            elif not _NUMBER.fullmatch(given.value):
                yield Violation(given, f"{flag} is {given.value!r}, which is no number")
            elif given.value == "0" and pods.part == "follower":
                yield Violation(given, f"{flag} is 0 in followers, and 0 is the leader's")
            elif given.value.isdigit() and pods.part != "leader" and pods.workload.size.value > 2:
                yield Violation(
                    given,
                    f"{flag} is {given.value} in all of {pods.workload.size.value - 1} followers",
                    pods.workload.size,
                )
            elif flag == engine.names.start_rank:
                yield from _steps(engine, given)


def _steps(engine: Engine, given: SourceValue[str]) -> Iterator[Violation]:
    """A first rank that is another multiple of the pod's place than its pods have ranks."""
    match, local = _MULTIPLE.fullmatch(given.value), engine.local_ranks
    if match is not None and local is not None and int(match[1]) != local.value:
        yield Violation(
            given,
            f"the first rank is {match[1]} times the pod's place, and each pod has {local.value}",
            local,
        )


_MULTIPLE = re.compile(r"\$\(\(\s*\$?LWS_WORKER_INDEX\s*\*\s*(\d{1,4})\s*\)\)")


def _places(engine: Engine) -> Iterator[tuple[str, str]]:
    """Flags that differ from pod to pod of a gang, and what makes them needed."""
    names = engine.names
    if names.node_rank and names.nodes:
        yield names.node_rank, names.nodes
    if names.start_rank and names.every_pod_serves:
        yield names.start_rank, names.every_pod_serves[0]


_NUMBER = re.compile(r"\d{1,6}|\$\w+|\$\(\w+\)|\$\{\w+\}|\$\(\([^()]*\)\)")


@rule(
    "T666",
    "error",
    "The leader waits for followers that wait for it",
    why="With startupPolicy LeaderReady followers are created once the leader is Ready, and the "
    "leader is Ready once they have joined it: the gang never starts.",
    evidence="LeaderWorkerSet's pod_controller.go; vLLM and SGLang serve once every node of the "
    "model has joined.",
    fix="set startupPolicy: LeaderCreated, which is the default",
    example=breaks("gang", "LeaderWorkerSet/kimi", "spec.startupPolicy", "LeaderReady"),
)
def waits_for_its_followers(topology: Topology) -> Iterator[Violation]:
    for pods in topology.serving:
        engine, policy = pods.engine, pods.workload.at["startupPolicy"]
        ranks = engine.ranks if engine is not None else None
        if engine is None or ranks is None or pods.part not in ("leader", "gang"):
            continue
        asked = engine.container.at["readinessProbe"].present
        if policy.text == "LeaderReady" and asked and ranks.rendezvous:
            yield Violation(
                pods.object.value_at(policy, policy.text),
                f"the leader serves once {pods.workload.size.value} pods have joined, and "
                "followers start once it is Ready",
                engine.flag(engine.names.nodes, engine.names.data_parallel)
                or engine.container.here,
            )


@rule(
    "T617",
    "note",
    "A gang may be scheduled partially",
    why="Pods are scheduled one by one: two gangs may each hold half of the nodes and wait for "
    "the rest, or a gang may span slow links.",
    evidence="LeaderWorkerSet's KEP-407.",
    fix="set the annotation leaderworkerset.sigs.k8s.io/exclusive-topology, or a scheduler and the "
    "gang scheduling of LeaderWorkerSet's chart",
    example=breaks("gang", "LeaderWorkerSet/kimi", "metadata.annotations", REMOVED),
)
def half_a_gang(topology: Topology) -> Iterator[Violation]:
    gangs = [each for each in topology.workloads if each.size.value > 1 and not each.is_controlled]
    loose = [gang for gang in gangs if not _is_one(gang)]
    if sum(gang.copies.value for gang in loose) > 1:
        for gang in loose:
            copies = f"{gang.copies.value} {'copy' if gang.copies.value == 1 else 'copies'}"
            yield Violation(gang.size, f"{copies} of {gang.size.value} pods each")


def _is_one(gang: Workload) -> bool:
    """Whether something sees to it that a gang is scheduled as one."""
    told = [*gang.object.annotations, *gang.object.labels]
    if any(key.endswith("exclusive-topology") or key.startswith(_QUEUES) for key in told):
        return True
    template = gang.at["leaderWorkerTemplate"]
    pods = [template.at(part, "spec") for part in ("leaderTemplate", "workerTemplate")]
    return any(each["schedulerName"].present or _keeps_together(each) for each in pods)


def _keeps_together(pod: Cursor) -> bool:
    """Whether pods run only beside others of their gang: an affinity to a label of gangs."""
    terms = pod.at("affinity", "podAffinity", "requiredDuringSchedulingIgnoredDuringExecution")
    for term in terms.items():
        selector = term["labelSelector"]
        keys = [
            *term["matchLabelKeys"].strings,
            *(key for key, _ in selector["matchLabels"].fields()),
            *(each["key"].text or "" for each in selector["matchExpressions"].items()),
        ]
        if any(key.startswith(_GANG_LABELS) for key in keys):
            return True
    return False


_GANG_LABELS = ("leaderworkerset.sigs.k8s.io/", "leaderworkerset.x-k8s.io/")

_QUEUES = ("kueue.x-k8s.io/", "scheduling.", "kai.scheduler/")
"""Annotations and labels of what admits a gang as one."""
