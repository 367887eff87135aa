"""A pool, the roles of its pods, and the ports on which they meet."""

from __future__ import annotations

from collections.abc import Iterator

from cdk8s_inference.checks.proxies import asking_envoys, gateways_of
from cdk8s_inference.checks.rule import rule
from cdk8s_inference.findings import Violation, shown
from cdk8s_inference.findings.evidence import SEEN_RUN
from cdk8s_inference.findings.example import (
    REMOVED,
    Edit,
    breaks,
    manifests,
)
from cdk8s_inference.topology import KubeObject, Pods, Pool, SourceValue, Topology
from cdk8s_inference.topology.controller_labels import WORKER_INDEX

_ENGINE = "spec.template.spec.containers[0]"
_LEADER = "spec.leaderWorkerTemplate.leaderTemplate.spec.containers[0]"
_FOLLOWER = "spec.leaderWorkerTemplate.workerTemplate.spec.containers[0]"
_ROLE = "spec.template.metadata.labels[llm-d.ai/role]"


def _alive(pods: tuple[Pods, ...], topology: Topology) -> list[Pods]:
    """Those that are to have a copy: none with 0, unless something wakes them."""
    return [
        each
        for each in pods
        if each.workload.copies.value > 0
        or any(scaler.wakes and scaler.scales(each.workload) for scaler in topology.autoscalers)
    ]


@rule(
    "T101",
    "error",
    "No pod of the pool decodes",
    why="The decode filter of the picker matches no pod, and every request is answered 429.",
    evidence=SEEN_RUN,
    fix="label the decode pods llm-d.ai/role: decode, and set their replicas to 1 or more",
    example=breaks("disaggregated", "Deployment/decode", "spec.replicas", 0),
)
def nobody_decodes(topology: Topology) -> Iterator[Violation]:
    for pool in topology.disaggregated:
        if _more_may_join(topology, pool):
            continue
        if pool.members and not _alive(pool.of_role("decode"), topology):
            found = _roles(pool)
            at = pool.of_role("decode")[0].workload.copies if pool.of_role("decode") else found
            yield Violation(at, f"no pod of {pool} decodes; {_summary(pool)}", pool.selector)


@rule(
    "T102",
    "error",
    "No pod of the pool prefills",
    why="Each request is prefilled in the decode pod, with status 200: nothing is disaggregated.",
    evidence=f"{SEEN_RUN} llm-d/llm-d-router#2521.",
    fix="label the prefill pods llm-d.ai/role: prefill, and set their replicas to 1 or more",
    example=breaks("disaggregated", "Deployment/prefill", "spec.replicas", 0),
)
def no_prefill_endpoint(topology: Topology) -> Iterator[Violation]:
    for pool in topology.disaggregated:
        if _more_may_join(topology, pool):
            continue
        if pool.members and not _alive(pool.of_role("prefill"), topology):
            prefill = pool.of_role("prefill")
            at = prefill[0].workload.copies if prefill else _roles(pool)
            yield Violation(at, f"no pod of {pool} prefills; {_summary(pool)}", pool.selector)


def _more_may_join(topology: Topology, pool: Pool) -> bool:
    """Whether a controller, or a placeholder, may give pods the labels that are asked for."""
    if pool.others_may_be_members or any(
        pods.may_gain_label("llm-d.ai/role") for pods in pool.members
    ):
        return True
    return topology.may_select(pool.object, pool.selector.value)


def _roles(pool: Pool) -> SourceValue[str | None]:
    """The role to doubt first: of pods that have no sidecar."""
    suspect = next((each for each in pool.members if each.sidecar is None), pool.members[0])
    return suspect.role


def _role(pods: Pods) -> str:
    return "no role" if pods.role.value is None else f"role {shown(pods.role.value)}"


def _copies(count: int) -> str:
    return f"{count} {'replica' if count == 1 else 'replicas'}"


def _summary(pool: Pool) -> str:
    return "; ".join(
        f"{each.object} has {_role(each)} and {_copies(each.workload.copies.value)}"
        for each in pool.members
    )


@rule(
    "T103",
    "error",
    "A pod decodes without the pd-sidecar",
    why="The picker sends users' requests to the pod, and no sidecar in it calls a prefill "
    "pod: requests are served decode-only, or by prefill pods.",
    evidence=SEEN_RUN,
    fix="add the pd-sidecar to decode pods; label pods that only prefill llm-d.ai/role: prefill",
    example=breaks("disaggregated", "Deployment/prefill", _ROLE, "both"),
)
def decodes_without_sidecar(topology: Topology) -> Iterator[Violation]:
    for pool in topology.disaggregated:
        for pods in pool.of_role("decode"):
            if pods.may_gain("containers", "flags"):
                continue
            if pods.sidecar is None and pods.engine is not None:
                yield Violation(
                    pods.role,
                    f"{pods.object} has {_role(pods)}, with which it decodes, and no pd-sidecar",
                    pool.disaggregates,
                )


@rule(
    "T104",
    "error",
    "The role label has an unknown value",
    why="No role filter of the picker matches the pod: it never gets a request.",
    evidence=SEEN_RUN,
    fix="use a value in lower case: prefill, decode, prefill-decode or encode",
    example=manifests(
        "disaggregated",
        added="""\
apiVersion: apps/v1
kind: Deployment
metadata: {name: more, namespace: llm}
spec:
  selector: {matchLabels: {app: more}}
  template:
    metadata:
      labels: {app: more, model: qwen, llm-d.ai/role: Prefill}
    spec:
      containers:
        - name: vllm
          image: vllm/vllm-openai:v0.32.0
          args: [--model=Qwen/Qwen3-32B]
          readinessProbe:
            httpGet: {path: /health, port: 8000}
          resources: {limits: {nvidia.com/gpu: 1}}
""",
    ),
)
def unknown_role(topology: Topology) -> Iterator[Violation]:
    for pool in topology.pools:
        filters = [kind.accepts for kind in pool.release.plugins_for("filter") if kind.accepts]
        if not filters:  # Its picker passes over roles.
            continue
        for pods in pool.members:
            role = pods.role.value
            if role is not None and not any(role in accepted for accepted in filters):
                known = ", ".join(sorted(frozenset().union(*filters)))
                yield Violation(pods.role, f"role {role!r} is none of {known}", pool.selector)


@rule(
    "T105",
    "error",
    "The selector matches no pods",
    why="The pool is empty, and every request is answered 503.",
    evidence=SEEN_RUN,
    fix="select labels that the serving pods have, in the pool's own namespace",
    example=breaks("gang", "Service/kimi-http", "spec.selector", {"model": "kimmi"}),
)
def selects_nothing(topology: Topology) -> Iterator[Violation]:
    taken = {pods for pool in topology.pools for pods in pool.members}
    taken |= {pods for service in topology.services for pods in service.backends}
    idle = [pods for pods in topology.serving if pods not in taken and pods.part != "follower"]
    for pool in topology.pools:
        wanted = pool.selector.value
        if pool.members or not idle:
            continue
        if topology.may_select(pool.object, wanted):
            continue
        same = next((p for p in idle if p.selected_by(wanted)), None)
        other = same or idle[0]
        where = f"pods of namespace {other.object.namespace!r}" if same else "no pods"
        yield Violation(
            pool.selector,
            f"{wanted} matches {where}; {other.object} has {dict(other.labels)}",
            other.here,
        )
    routed = {
        (reference.namespace, reference.name.value)
        for route in topology.routes
        for reference in route.all_backends()
        if reference.kind == "Service"
    }
    for service in topology.services:
        key = (service.object.namespace, service.object.name)
        if topology.may_select(service.object, service.selector.value):
            continue
        if service.selector.value and not service.backends and key in routed and idle:
            yield Violation(
                service.selector,
                f"{service.selector.value} matches no pods; {idle[0].object} has "
                f"{dict(idle[0].labels)}",
                idle[0].here,
            )


@rule(
    "T106",
    "error",
    "The pool selects pods that take no requests",
    why="The picker sends a share of the requests to pods that have no HTTP server, and these "
    "requests fail.",
    evidence="llm-d/llm-d#2212. Followers of a gang compute for their leader, and serve nobody.",
    fix="select a label that only serving pods have: no followers, pickers or renderers",
    example=breaks(
        "disaggregated", "Deployment/qwen-epp", "spec.template.metadata.labels.model", "qwen"
    ),
)
def selects_followers(topology: Topology) -> Iterator[Violation]:
    selecting = [(pool.object, pool.selector, pool.members, True) for pool in topology.pools]
    for service in topology.services:
        if any(pods.engine is not None for pods in service.backends):
            selecting.append((service.object, service.selector, service.backends, False))
    for owner, at, members, is_pool in selecting:
        leads = any(pods.part == "leader" for pods in members)
        for pods in members:
            headless = owner.at("spec", "clusterIP").text == "None"
            own = pods.engine is not None and pods.engine.serves_by_itself
            if pods.part == "follower" and leads and not headless and not own:
                yield Violation(at, f"{at.value} matches the followers of {pods.object}", pods.here)
            elif is_pool and pods.picker_container is not None and pods.engine is None:
                yield Violation(at, f"{at.value} matches the picker {pods.object}", pods.here)
            elif is_pool and pods.engine is None:
                others = (container.other_program for container in pods.staying)
                program = next((each for each in others if each is not None), None)
                if program is not None:
                    yield Violation(
                        at, f"{at.value} matches {pods.object}, which runs {program}", pods.here
                    )


@rule(
    "T107",
    "warning",
    "Serving pods with a role are in no pool",
    why="The pods run, but get no requests.",
    evidence="The picker looks for pods by the pool's selector alone.",
    fix="add the labels that the pool selects to the pods",
    example=manifests(
        "disaggregated",
        added="""\
apiVersion: apps/v1
kind: Deployment
metadata: {name: more, namespace: llm}
spec:
  selector: {matchLabels: {app: more}}
  template:
    metadata:
      labels: {app: more, model: quen, llm-d.ai/role: prefill}
    spec:
      containers:
        - name: vllm
          image: vllm/vllm-openai:v0.32.0
          args: [--model=Qwen/Qwen3-32B]
          readinessProbe:
            httpGet: {path: /health, port: 8000}
          resources: {limits: {nvidia.com/gpu: 1}}
""",
    ),
)
def in_no_pool(topology: Topology) -> Iterator[Violation]:
    taken = {pods for pool in topology.pools for pods in pool.members}
    for pods in topology.serving:
        if pods in taken or pods.part == "follower" or pods.role.value is None:
            continue
        beside = [p for p in topology.pools if p.namespace == pods.object.namespace]
        if any(pods.may_be_selected(pool.object, pool.selector.value) for pool in beside):
            continue
        pool = next((pool for pool in beside if pool.members), None)
        if pool is not None:
            yield Violation(
                pods.role,
                f"{pods.object} has role {pods.role.value!r} and labels {dict(pods.labels)}, which "
                "no pool selects",
                pool.selector,
            )


@rule(
    "T108",
    "error",
    "The pool has too many ports, or one port twice",
    why="The API server refuses the pool.",
    evidence="InferencePool v1 takes 1 to 8 ports, each once; before v1.1.0 of its CRD only one.",
    fix="list 1 to 8 different ports",
    example=breaks(
        "disaggregated",
        "InferencePool/qwen",
        "spec.targetPorts",
        [{"number": 8000}, {"number": 8000}],
    ),
)
def pool_ports(topology: Topology) -> Iterator[Violation]:
    crds = topology.of_kind("CustomResourceDefinition")
    limits = [each for crd in crds for each in _port_limits(crd)]
    for pool in topology.inference_pools:
        numbers = [port.value for port in pool.ports]
        at = pool.object.value_at(pool.object.at("spec", "targetPorts"), numbers)
        limit = min(limits, key=lambda each: each.value, default=pool.here.of(8))
        if not 1 <= len(numbers) <= limit.value or len(set(numbers)) != len(numbers):
            yield Violation(at, f"has {len(numbers)} ports: {numbers}", limit if limits else None)


def _port_limits(crd: KubeObject) -> Iterator[SourceValue[int]]:
    """How many ports a CRD of pools takes, in each of its versions."""
    if crd.name != "inferencepools.inference.networking.k8s.io":
        return
    for version in crd.at("spec", "versions").items():
        schema = version.at("schema", "openAPIV3Schema", "properties", "spec", "properties")
        limit = crd.number(schema.at("targetPorts", "maxItems"))
        if limit is not None:
            yield limit


@rule(
    "T109",
    "error",
    "The sidecar does not listen on a port of the pool",
    why="Requests to that port are answered 503, or reach the engine directly: decode-only.",
    evidence=SEEN_RUN,
    fix="set the sidecar's --port to the pool's targetPort, and the engine's --port to another",
    example=breaks(
        "disaggregated",
        "Deployment/decode",
        "spec.template.spec.initContainers[0].args[0]",
        "--port=9000",
    ),
)
def sidecar_port(topology: Topology) -> Iterator[Violation]:
    for pool, missing, members in _without_listener(topology):
        for pods in members:
            sidecar, engine = pods.sidecar, pods.engine
            if sidecar is None or sidecar.port is None:
                continue
            bypassed = engine is not None and missing[0].value in engine.ports
            where = ", where the engine listens: the sidecar is bypassed" if bypassed else ""
            yield Violation(
                sidecar.port,
                f"the sidecar listens on {_range(sidecar.ports)}, but the pool sends requests to "
                f"{_listed(missing)}{where}",
                missing[0],
                cause=missing[0],
                fix=_RANKS if len(pool.ports) > 1 else None,
            )


@rule(
    "T110",
    "error",
    "The engine does not listen on a port of the pool",
    why="Requests to that port fail. On a prefill pod, the sidecar answers 502, or "
    "falls back to decode-only (router v0.8.0).",
    evidence=SEEN_RUN,
    fix="set the engine's --port to the pool's targetPort",
    example=manifests(
        "disaggregated",
        Edit("Deployment/prefill", f"{_ENGINE}.args[1]", "--port=8001"),
        Edit("Deployment/prefill", f"{_ENGINE}.ports[0].containerPort", 8001),
    ),
)
def engine_port(topology: Topology) -> Iterator[Violation]:
    for pool, missing, members in _without_listener(topology):
        ranks = len(pool.ports) > 1
        if ranks and any(pods.sidecar is not None for pods in members):
            continue  # The same ports are missing behind a sidecar: T109 says so.
        for pods in members:
            engine = pods.engine
            if pods.sidecar is None and engine is not None and engine.port is not None:
                yield Violation(
                    engine.port,
                    f"the engine listens on {_range(engine.ports)}, but the pool sends requests to "
                    f"{_listed(missing)}",
                    missing[0],
                    cause=missing[0],
                    fix=_RANKS if ranks else None,
                )


_RANKS = (
    "list only ports that are listened on in targetPorts, or give each data-parallel rank a port: "
    "the engine by --data-parallel-multi-port-external-lb, the sidecar by --data-parallel-size"
)


def _without_listener(
    topology: Topology,
) -> Iterator[tuple[Pool, tuple[SourceValue[int], ...], list[Pods]]]:
    """The ports of pools that are not listened on, with the members that lack the same ones."""
    for pool in topology.pools:
        lacking: dict[tuple[SourceValue[int], ...], list[Pods]] = {}
        for pods in pool.members:
            missing = tuple(port for port in pool.ports if not _may_listen(pods, port.value))
            if missing:
                lacking.setdefault(missing, []).append(pods)
        for missing, members in lacking.items():
            yield pool, missing, members


def _may_listen(pods: Pods, port: int) -> bool:
    """Whether pods listen on a port, as far as what runs in them is known."""
    sidecar, engine = pods.sidecar, pods.engine
    if sidecar is not None:
        return sidecar.port is None or port in sidecar.ports
    if engine is None or engine.port is None or port in engine.ports:
        return True
    if pods.may_gain("flags", "ports", "containers"):
        return True
    return any(
        port == declared.value
        for container in pods.staying
        if container is not engine.container
        for declared in container.ports
    )


def _listed(ports: tuple[SourceValue[int], ...]) -> str:
    numbers = tuple(port.value for port in ports)
    in_a_row = len(numbers) > 2 and numbers == tuple(range(numbers[0], numbers[0] + len(numbers)))
    return _range(numbers) if in_a_row else ", ".join(map(str, numbers))


def _range(ports: tuple[int, ...]) -> str:
    return str(ports[0]) if len(ports) == 1 else f"{ports[0]} to {ports[-1]}"


@rule(
    "T111",
    "warning",
    "Every pod of a gang is in the pool",
    why="If only the first pod of a gang serves, requests to the others fail.",
    evidence="LeaderWorkerSet without a leaderTemplate gives all pods the same labels.",
    fix="add a leaderTemplate, and put the selected label on its pods only",
    example=manifests(
        "gang",
        Edit("Service/kimi-http", "spec.selector", {"model": "kimi"}),
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
        labels: {model: kimi}
      spec:
        containers:
          - name: vllm
            image: vllm/vllm-openai:v0.32.0
            args:
              - --model=moonshotai/Kimi-K2
              - --tensor-parallel-size=16
              - --nnodes=2
              - --node-rank=$(LWS_WORKER_INDEX)
              - --master-addr=$(LWS_LEADER_ADDRESS)
            readinessProbe:
              httpGet: {path: /health, port: 8000}
            resources: {limits: {nvidia.com/gpu: 8}}
            volumeMounts: [{name: shm, mountPath: /dev/shm}]
        volumes: [{name: shm, emptyDir: {medium: Memory}}]
""",
    ),
)
def whole_gang(topology: Topology) -> Iterator[Violation]:
    selected = [
        *((pool.selector, pool.members) for pool in topology.pools),
        *((service.selector, service.backends) for service in topology.services),
    ]
    members = {
        pods
        for selector, chosen in selected
        # One that asks for the index of a worker selects one pod of each gang.
        if WORKER_INDEX not in selector.value.keys
        for pods in chosen
    }
    for pods in topology.serving:
        engine = pods.engine
        if pods.part != "gang" or engine is None or pods not in members:
            continue
        if pods.may_gain("nodes"):
            continue
        if not engine.serves_by_itself:
            yield Violation(
                pods.workload.size,
                f"all {pods.workload.size.value} pods of {pods.object} are selected, and nothing "
                "says that each serves by itself",
                engine.container.here,
            )


@rule(
    "T112",
    "warning",
    "The gateway ignores the pool's failureMode FailOpen",
    why="When the picker is down, every request fails.",
    evidence="Seen run with Envoy AI Gateway; envoyproxy/ai-gateway#2502, "
    "llm-d/llm-d-router#2051. Istio and GKE honor FailOpen. An Envoy beside the picker does as its "
    "own failure_mode_allow says. Where the gateway was not read, this is a note.",
    fix="write FailClose, and run two pickers with leader election",
    example=breaks(
        "disaggregated", "InferencePool/qwen", "spec.endpointPickerRef.failureMode", "FailOpen"
    ),
)
def fail_open(topology: Topology) -> Iterator[Violation]:
    for pool in topology.inference_pools:
        mode = pool.object.text(pool.object.at("spec", "endpointPickerRef", "failureMode"))
        if mode is None or mode.value != "FailOpen":
            continue
        proxies = asking_envoys(topology, pool.object.namespace)
        gateways = gateways_of(topology, pool)
        refusing = [each for each in proxies if not each.fails_open]
        if refusing:
            yield Violation(
                mode,
                "failureMode is FailOpen, but failure_mode_allow is not true in the Envoy "
                "beside the picker",
                refusing[0].envoy.file,
            )
        elif not proxies and not gateways:
            yield Violation(
                mode,
                "failureMode is FailOpen, which not every gateway honors; none was read",
                severity="note",
            )
        for gateway, provider in gateways:
            if provider is not None and "FailOpen" not in provider.failure_modes:
                yield Violation(
                    mode,
                    f"failureMode is FailOpen, but {provider} always does "
                    f"{provider.failure_modes[0]}",
                    gateway.class_name,
                )


@rule(
    "T113",
    "error",
    "The pool's reference to its picker is invalid",
    why="The API server refuses the pool.",
    evidence="InferencePool v1: a Service's name and port; failureMode is FailOpen or FailClose.",
    fix="set name and port.number of the picker's Service, and failureMode to FailOpen or "
    "FailClose",
    example=breaks(
        "disaggregated", "InferencePool/qwen", "spec.endpointPickerRef.failureMode", "Open"
    ),
)
def picker_reference(topology: Topology) -> Iterator[Violation]:
    for pool in topology.inference_pools:
        at = pool.object.at("spec", "endpointPickerRef")
        if not at.present:
            continue
        mode, kind = at["failureMode"], at["kind"]
        if mode.present and mode.text not in ("FailOpen", "FailClose"):
            yield Violation(pool.object.value_at(mode, mode.value), f"failureMode {mode.value!r}")
        if kind.present and kind.text != "Service":
            yield Violation(pool.object.value_at(kind, kind.value), f"kind {kind.value!r}")
        for field in (("name",), ("port", "number")):
            if not at.at(*field).present:
                yield Violation(pool.object.value_at(at, None), f"it has no {'.'.join(field)}")


@rule(
    "T114",
    "warning",
    "Pods of a gang that serve by themselves are in no pool",
    why="Their data-parallel ranks get no requests, and their devices are idle.",
    evidence="vLLM's hybrid and external load balancing: every pod has an API for its own ranks.",
    fix="add the label that the pool selects to the leader and the followers",
    example=manifests(
        "gang",
        Edit(
            "LeaderWorkerSet/kimi",
            f"{_LEADER}.args[0]",
            "exec vllm serve moonshotai/Kimi-K2 --port 8000 --data-parallel-hybrid-lb "
            "--data-parallel-size 16 --data-parallel-size-local 8 "
            "--data-parallel-start-rank $((LWS_WORKER_INDEX * 8)) "
            "--data-parallel-address $(LWS_LEADER_ADDRESS)",
        ),
        Edit(
            "LeaderWorkerSet/kimi",
            f"{_FOLLOWER}.args[0]",
            "exec vllm serve moonshotai/Kimi-K2 --port 8000 --data-parallel-hybrid-lb "
            "--data-parallel-size 16 --data-parallel-size-local 8 "
            "--data-parallel-start-rank $((LWS_WORKER_INDEX * 8)) "
            "--data-parallel-address $(LWS_LEADER_ADDRESS)",
        ),
    ),
)
def idle_followers(topology: Topology) -> Iterator[Violation]:
    members = {pods for pool in topology.pools for pods in pool.members}
    members |= {pods for service in topology.services for pods in service.backends}
    led = {pods.workload for pods in members if pods.part in ("leader", "follower")}
    for pods in topology.serving:
        alone = pods.workload in led and pods not in members
        if pods.may_gain("labels"):
            continue
        engine = pods.engine
        # A follower of a simulated gang only takes its place.
        if alone and engine and engine.serves_by_itself and not engine.is_simulator:
            yield Violation(
                engine.container.here,
                f"the {pods.part} of {pods.object} serves by itself, and nothing selects it",
                pods.workload.size,
            )


@rule(
    "T116",
    "error",
    "The pool names no endpoint picker",
    why="Nobody asks the picker: the API server refuses the pool, or the gateway spreads requests "
    "over prefill and decode pods alike.",
    evidence="InferencePool v1: endpointPickerRef is required before v1.6.0 of its CRD, and names "
    "the picker from then on as well. Where the pool does not disaggregate, this is a warning.",
    fix="set endpointPickerRef to the name and port of the picker's Service",
    example=breaks("disaggregated", "InferencePool/qwen", "spec.endpointPickerRef", REMOVED),
)
def no_picker_reference(topology: Topology) -> Iterator[Violation]:
    for pool in topology.inference_pools:
        spec = pool.object.at("spec")
        named = spec["endpointPickerRef"].present or spec["extensionRef"].present
        if not named and (pool.members or pool.picker):
            apart = pool in topology.disaggregated
            yield Violation(
                pool.object.value_at(spec["endpointPickerRef"], None),
                "the pool has no endpointPickerRef",
                pool.picker.container.here if pool.picker else None,
                severity=None if apart else "warning",
            )


@rule(
    "T117",
    "warning",
    "A disaggregated pool selects pods without a role that run no model server",
    why="The picker takes a pod without a role for a decode pod, and sends it requests.",
    evidence="decode-filter accepts pods without llm-d.ai/role.",
    fix="select a label that only the model servers have",
    example=manifests(
        "disaggregated",
        added="""\
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: llm}
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web, model: qwen}}
    spec:
      containers:
        - name: web
          image: nginx:1.29
""",
    ),
)
def stray_pods(topology: Topology) -> Iterator[Violation]:
    for pool in topology.disaggregated:
        for pods in pool.strays:
            yield Violation(
                pods.role,
                f"{pods.object} has no role and runs no model server that is known",
                pool.selector,
            )
