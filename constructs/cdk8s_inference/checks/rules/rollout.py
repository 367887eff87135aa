"""Rollouts, disruptions and scaling: whether they can go on, and do no harm."""

from __future__ import annotations

from collections.abc import Iterator

from cdk8s_inference.checks.example import Edit, Example, breaks
from cdk8s_inference.checks.rule import Breach, rule
from cdk8s_inference.checks.slip import slip_of
from cdk8s_inference.topology import Located, Topology, Workload
from cdk8s_inference.topology.located import strings


@rule(
    "T801",
    "error",
    "A rollout may neither add nor remove a pod",
    prevents="The API server refuses the workload.",
    source="Deployment and LeaderWorkerSet: maxSurge and maxUnavailable exclude 0 and 0.",
    fix="let one of maxSurge and maxUnavailable be 1",
    example=breaks(
        "disaggregated",
        "Deployment/prefill",
        "spec.strategy.rollingUpdate",
        {"maxSurge": 0, "maxUnavailable": 0},
    ),
)
def stuck(topology: Topology) -> Iterator[Breach]:
    for workload in topology.workloads:
        deployment = workload.at.at("strategy", "rollingUpdate")
        gang = workload.at.at("rolloutStrategy", "rollingUpdateConfiguration")
        at = gang if workload.kind == "LeaderWorkerSet" else deployment
        surge, unavailable = at["maxSurge"].value, at["maxUnavailable"].value
        zero = (0, "0", "0%")
        if unavailable in zero and (
            surge in zero or (surge is None and workload.kind == "LeaderWorkerSet")
        ):
            yield Breach(workload.object.located(at, None), "maxSurge and maxUnavailable are 0")


@rule(
    "T802",
    "error",
    "An autoscaler's target has another name or kind",
    prevents="It reports an error that nobody looks at, and the engine keeps its size.",
    source="The target's name and kind must be those of a workload in its namespace.",
    fix="correct scaleTargetRef",
    example=Example(
        "disaggregated",
        (),
        """\
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {name: decode, namespace: llm}
spec:
  minReplicas: 1
  maxReplicas: 8
  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: decod}
""",
    ),
)
def scales_nothing(topology: Topology) -> Iterator[Breach]:
    for kind, name, beside in _unread_targets(topology):
        meant = _meant(name.value, beside)
        if meant is not None:
            yield Breach(
                name,
                f"there is no {kind} {name.value!r} in what was read, but {meant.object}",
                meant.object.here,
            )


@rule(
    "T807",
    "warning",
    "An autoscaler's target was not read",
    prevents="Where it does not exist, the autoscaler reports an error that nobody looks at, and "
    "the engine keeps its size.",
    source="The target's name and kind must be those of a workload in its namespace.",
    fix="check the autoscaler together with its target, or correct scaleTargetRef",
    example=Example(
        "disaggregated",
        (),
        """\
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {name: encode, namespace: llm}
spec:
  minReplicas: 1
  maxReplicas: 8
  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: encode}
""",
    ),
)
def target_not_read(topology: Topology) -> Iterator[Breach]:
    for kind, name, beside in _unread_targets(topology):
        if _meant(name.value, beside) is None:
            yield Breach(
                name,
                f"{kind} {name.value!r} was not read; {beside[0].object} was",
                beside[0].object.here,
            )


def _unread_targets(topology: Topology) -> Iterator[tuple[str, Located[str], list[Workload]]]:
    """What is scaled and was not read: its kind and name, and the workloads beside it that were."""
    for scaler in topology.of_kind("HorizontalPodAutoscaler", "ScaledObject"):
        target = scaler.at("spec", "scaleTargetRef")
        kind, name = target["kind"].text or "Deployment", scaler.text(target["name"])
        beside = [w for w in topology.workloads if w.namespace == scaler.namespace]
        known = {(workload.kind, workload.name) for workload in beside}
        if name is not None and beside and (kind, name.value) not in known:
            yield kind, name, beside


def _meant(name: str, beside: list[Workload]) -> Workload | None:
    """The workload of that name and another kind, or whose name is misspelled."""
    known = {workload.name: workload for workload in beside}
    meant = name if name in known else slip_of(name, known)
    return None if meant is None else known[meant]


@rule(
    "T803",
    "warning",
    "An autoscaler and a fixed number of copies pull at one workload",
    prevents="Every apply sets the number back, and kills what was scaled up.",
    source="Kubernetes: leave replicas out of a workload that is scaled.",
    fix="remove spec.replicas from the workload",
    example=Example(
        "disaggregated",
        (),
        """\
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {name: decode, namespace: llm}
spec:
  minReplicas: 1
  maxReplicas: 8
  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: decode}
""",
    ),
)
def pulled_two_ways(topology: Topology) -> Iterator[Breach]:
    for scaler in topology.of_kind("HorizontalPodAutoscaler", "ScaledObject"):
        target = scaler.at("spec", "scaleTargetRef")
        for workload in topology.workloads:
            same = (workload.namespace, workload.name) == (scaler.namespace, target["name"].text)
            written = workload.at["replicas"].present
            if same and written and workload.kind == (target["kind"].text or "Deployment"):
                yield Breach(
                    workload.copies,
                    f"{workload.copies.value} copies are written, and {scaler} scales it",
                    scaler.here,
                )


_BUDGET = """\
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata: {{name: decode, namespace: llm}}
spec:
  selector: {{matchLabels: {{app: {app}}}}}
  maxUnavailable: {allowed}
"""


@rule(
    "T804",
    "warning",
    "A disruption budget protects no pods",
    prevents="A drain of nodes takes all copies at once.",
    source="Its selector matches no pods of its namespace.",
    fix="select the pods to protect",
    example=Example("disaggregated", (), _BUDGET.format(app="decoder", allowed=1)),
)
def protects_nothing(topology: Topology) -> Iterator[Breach]:
    for budget in topology.of_kind("PodDisruptionBudget"):
        at = budget.at("spec", "selector", "matchLabels")
        wanted = strings(at)
        beside = [pods for pods in topology.pods if pods.object.namespace == budget.namespace]
        if wanted and beside and not any(wanted.items() <= p.labels.items() for p in beside):
            yield Breach(budget.located(at, wanted), f"{wanted} matches no pods that were read")


@rule(
    "T805",
    "warning",
    "A disruption budget allows no disruption",
    prevents="Nodes cannot be drained, and upgrades of the cluster wait.",
    source="Kubernetes: an eviction waits until the budget allows one.",
    fix="allow one pod to be away",
    example=Example("disaggregated", (), _BUDGET.format(app="decode", allowed=0)),
)
def allows_nothing(topology: Topology) -> Iterator[Breach]:
    for budget in topology.of_kind("PodDisruptionBudget"):
        at = budget.at("spec", "maxUnavailable")
        if at.value in (0, "0", "0%"):
            yield Breach(budget.located(at, at.value), "maxUnavailable is 0")
        least = budget.number(budget.at("spec", "minAvailable"))
        wanted = strings(budget.at("spec", "selector", "matchLabels"))
        for pods in topology.pods:
            chosen = pods.object.namespace == budget.namespace and wanted
            if chosen and least is not None and wanted.items() <= pods.labels.items():
                copies = pods.workload.copies
                if least.value >= copies.value:
                    yield Breach(
                        least, f"minAvailable is {least.value} of {copies.value} copies", copies
                    )


@rule(
    "T806",
    "warning",
    "A rollout of pickers waits for a second one that never gets ready",
    prevents="With leader election the standby is not ready: a rolling update stops at it.",
    source="kubernetes-sigs/gateway-api-inference-extension#1619.",
    fix="use strategy Recreate, or from router v0.10.0 on probe readiness for the service liveness",
    example=Example(
        "disaggregated",
        (
            Edit(
                "Deployment/qwen-epp",
                "spec.template.spec.containers[0].args[3]",
                "--ha-enable-leader-election",
            ),
            Edit(
                "Role/qwen-epp",
                "rules[3]",
                {
                    "apiGroups": ["coordination.k8s.io"],
                    "resources": ["leases"],
                    "verbs": ["get", "create", "update"],
                },
            ),
            Edit(
                "Deployment/qwen-epp",
                "spec.strategy.rollingUpdate",
                {"maxUnavailable": 0, "maxSurge": 1},
            ),
        ),
    ),
)
def standby(topology: Topology) -> Iterator[Breach]:
    for picker in topology.pickers:
        strategy = picker.object.at("spec", "strategy")
        leaders = picker.switch("ha-enable-leader-election")
        unavailable = strategy.at("rollingUpdate", "maxUnavailable")
        asks = picker.container.at.at("readinessProbe", "grpc", "service").text
        if (
            leaders.value
            and strategy["type"].text != "Recreate"
            and unavailable.value in (0, "0", "0%")
            and asks != "liveness"
        ):
            yield Breach(
                picker.object.located(unavailable, unavailable.value),
                "the old leader stays until the new one is ready, which it is as leader alone",
                leaders,
            )


@rule(
    "T808",
    "note",
    "A rollout of gangs goes one by one",
    prevents="Where the cluster's StatefulSets do not know maxUnavailable, it is 1 whatever is "
    "written: as many cold starts after each other as there are gangs.",
    source="kubernetes-sigs/lws#315: the feature gate MaxUnavailableStatefulSet.",
    fix="see that the gate is on in the cluster, or reckon with the time",
    example=breaks(
        "gang",
        "LeaderWorkerSet/kimi",
        "spec.rolloutStrategy",
        {"type": "RollingUpdate", "rollingUpdateConfiguration": {"maxUnavailable": 2}},
    ),
)
def one_by_one(topology: Topology) -> Iterator[Breach]:
    for workload in topology.workloads:
        at = workload.at.at("rolloutStrategy", "rollingUpdateConfiguration", "maxUnavailable")
        many = workload.object.number(at)
        if many is not None and many.value > 1:
            yield Breach(many, f"maxUnavailable is {many.value}")
