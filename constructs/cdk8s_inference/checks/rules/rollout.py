"""Rollouts, disruptions and scaling: whether they can go on, and do no harm."""

from __future__ import annotations

from collections.abc import Iterator

from cdk8s_inference.checks.rule import rule
from cdk8s_inference.findings import Violation, near_name
from cdk8s_inference.findings.example import REMOVED, Edit, breaks, manifests
from cdk8s_inference.topology import Budget, Pods, SourceValue, Topology, Workload
from cdk8s_inference.topology.kube_object import share


@rule(
    "T801",
    "error",
    "A rollout may neither add nor remove a pod",
    why="The API server refuses the workload.",
    evidence="Deployment and LeaderWorkerSet: maxSurge and maxUnavailable exclude 0 and 0.",
    fix="set maxSurge or maxUnavailable to 1 or more",
    example=breaks(
        "disaggregated",
        "Deployment/prefill",
        "spec.strategy.rollingUpdate",
        {"maxSurge": 0, "maxUnavailable": 0},
    ),
)
def stuck(topology: Topology) -> Iterator[Violation]:
    for workload in topology.workloads:
        surge, unavailable = workload.max_surge, workload.max_unavailable
        # A Deployment adds a quarter unless told otherwise, a gang nothing.
        adds = not _is_zero(surge) if surge else workload.kind != "LeaderWorkerSet"
        if unavailable is not None and _is_zero(unavailable) and not adds:
            yield Violation(unavailable, "maxSurge and maxUnavailable are 0", surge)


def _is_zero(amount: SourceValue[int | str]) -> bool:
    return share(amount.value, 100) == 0


_AUTOSCALER = """\
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {{name: {name}, namespace: llm}}
spec:
  minReplicas: 1
  maxReplicas: 8
  scaleTargetRef: {{apiVersion: apps/v1, kind: Deployment, name: {target}}}
"""


@rule(
    "T802",
    "error",
    "The autoscaler's target is misspelled",
    why="The autoscaler only reports an error in its status, and the engine is not scaled.",
    evidence="The target's name and kind must be those of a workload in its namespace.",
    fix="correct scaleTargetRef",
    example=manifests("disaggregated", added=_AUTOSCALER.format(name="decode", target="decod")),
)
def scales_nothing(topology: Topology) -> Iterator[Violation]:
    for kind, name, beside in _unread_targets(topology):
        meant = _meant(name.value, beside)
        if meant is not None:
            yield Violation(
                name,
                f"there is no {kind} {name.value!r} in what was read, but {meant.object}",
                meant.object.here,
            )


@rule(
    "T807",
    "warning",
    "An autoscaler's target was not read",
    why="If it does not exist, the autoscaler only reports an error in its status, and the "
    "engine is not scaled.",
    evidence="The target's name and kind must be those of a workload in its namespace.",
    fix="check the autoscaler together with its target, or correct scaleTargetRef",
    example=manifests("disaggregated", added=_AUTOSCALER.format(name="encode", target="encode")),
)
def target_not_read(topology: Topology) -> Iterator[Violation]:
    for kind, name, beside in _unread_targets(topology):
        if _meant(name.value, beside) is None:
            yield Violation(
                name,
                f"{kind} {name.value!r} was not read; {beside[0].object} was",
                beside[0].object.here,
                missing=True,
            )


def _unread_targets(topology: Topology) -> Iterator[tuple[str, SourceValue[str], list[Workload]]]:
    """What is scaled and was not read: its kind and name, and the workloads beside it that were."""
    for scaler in topology.autoscalers:
        target = scaler.target
        near = [each for each in topology.workloads if each.namespace == target.namespace]
        beside = [each for each in near if not each.is_controlled]
        name = target.name.value
        # Controllers name what they make after their object.
        made = any(each.is_controlled and name.startswith(each.name) for each in near)
        if name and beside and not made and not any(map(scaler.scales, near)):
            yield target.kind, target.name, beside


def _meant(name: str, beside: list[Workload]) -> Workload | None:
    """The workload of that name and another kind, or whose name is misspelled."""
    known = {workload.name: workload for workload in beside}
    meant = name if name in known else near_name(name, known)
    return None if meant is None else known[meant]


@rule(
    "T803",
    "warning",
    "A workload with an autoscaler sets replicas",
    why="Each apply resets the number of replicas, and removes pods that the autoscaler added.",
    evidence="Kubernetes: leave replicas out of a workload that is scaled.",
    fix="remove spec.replicas from the workload",
    example=manifests("disaggregated", added=_AUTOSCALER.format(name="decode", target="decode")),
)
def pulled_two_ways(topology: Topology) -> Iterator[Violation]:
    for workload in topology.workloads:
        scaler = topology.autoscaler(workload)
        if scaler is not None and workload.is_counted:
            yield Violation(
                workload.copies,
                f"{workload.copies.value} copies are written, and {scaler.object} scales it",
                scaler.object.here,
            )


_BUDGET = """\
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata: {{name: {name}, namespace: llm}}
spec:
  selector: {{matchLabels: {{app: {app}}}}}
  maxUnavailable: {allowed}
"""


@rule(
    "T804",
    "warning",
    "A PodDisruptionBudget selects no pods",
    why="A node drain may evict all replicas at once.",
    evidence="Its selector matches no pods of its namespace.",
    fix="select the pods to protect",
    example=manifests(
        "disaggregated", added=_BUDGET.format(name="decode", app="decoder", allowed=1)
    ),
)
def protects_nothing(topology: Topology) -> Iterator[Violation]:
    for budget in topology.budgets:
        namespace = budget.object.namespace
        beside = any(pods.object.namespace == namespace for pods in topology.pods)
        if topology.may_select(budget.object, budget.selector.value):
            continue
        if budget.selector.value and beside and not budget.pods:
            yield Violation(
                budget.selector, f"{budget.selector.value} matches no pods that were read"
            )


@rule(
    "T805",
    "warning",
    "A PodDisruptionBudget allows no disruption",
    why="Nodes cannot be drained, and cluster upgrades wait.",
    evidence="Kubernetes: an eviction waits until the budget allows one.",
    fix="allow one pod to be unavailable",
    example=manifests(
        "disaggregated", added=_BUDGET.format(name="decode", app="decode", allowed=0)
    ),
)
def allows_nothing(topology: Topology) -> Iterator[Violation]:
    for budget in topology.budgets:
        limit, allowed = budget.limit, budget.allowed
        if limit is not None and allowed is not None and allowed.value == 0:
            known = f" of {budget.count} pods" if budget.pods else ""
            yield Violation(
                limit,
                f"{limit.path[-1]} is {limit.value}{known}",
                budget.pods[0].workload.copies if budget.pods else None,
            )


@rule(
    "T810",
    "warning",
    "Two PodDisruptionBudgets select the same pods",
    why="The API server refuses to evict a pod that more than one budget selects: nodes cannot be "
    "drained, and cluster upgrades wait.",
    evidence="Kubernetes, the eviction subresource: status 500 for a pod with more than one "
    "PodDisruptionBudget.",
    fix="delete one of the budgets, or narrow its selector",
    example=manifests(
        "disaggregated",
        added="---\n".join(
            _BUDGET.format(name=name, app="decode", allowed=1) for name in ("decode", "qwen-decode")
        ),
    ),
)
def budgets_overlap(topology: Topology) -> Iterator[Violation]:
    selected: dict[Pods, Budget] = {}
    for budget in topology.budgets:
        others = {pods: selected.setdefault(pods, budget) for pods in budget.pods}
        for pods, other in others.items():
            # The same name in two files is one object twice, or alternatives: T611.
            if other.object.name != budget.object.name:
                what = f"{pods.object} is also selected by {other.object}"
                yield Violation(budget.selector, what, other.selector)
                break


@rule(
    "T806",
    "warning",
    "A rollout of pickers waits for a second one that never gets ready",
    why="With leader election the standby is not ready: a rolling update stops at it.",
    evidence="kubernetes-sigs/gateway-api-inference-extension#1619.",
    fix="use strategy Recreate, or from router v0.10.0 on probe readiness for the service liveness",
    example=manifests(
        "disaggregated",
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
)
def standby(topology: Topology) -> Iterator[Violation]:
    for picker in topology.pickers:
        workload = picker.pods.workload
        unavailable = workload.max_unavailable
        leaders = picker.switch("ha-enable-leader-election")
        asks = {
            probe.service.value
            for probe in picker.container.probes
            if probe.kind == "readinessProbe" and probe.service is not None
        }
        if (
            leaders.value
            and not workload.recreates
            and unavailable is not None
            and _is_zero(unavailable)
            and "liveness" not in asks
        ):
            yield Violation(
                unavailable,
                "the old leader stays until the new one is ready, which it is as leader alone",
                leaders,
            )


@rule(
    "T808",
    "note",
    "Gangs are rolled out one at a time",
    why="In clusters whose StatefulSets do not support maxUnavailable it is 1, whatever is "
    "set: gangs restart one after the other.",
    evidence="kubernetes-sigs/lws#315: the feature gate MaxUnavailableStatefulSet.",
    fix="see that the gate is on in the cluster, or reckon with the time",
    example=breaks(
        "gang",
        "LeaderWorkerSet/kimi",
        "spec.rolloutStrategy",
        {"type": "RollingUpdate", "rollingUpdateConfiguration": {"maxUnavailable": 2}},
    ),
)
def one_by_one(topology: Topology) -> Iterator[Violation]:
    for workload in topology.workloads:
        at = workload.at.at("rolloutStrategy", "rollingUpdateConfiguration", "maxUnavailable")
        many = workload.object.number(at)
        if many is not None and many.value > 1:
            yield Violation(many, f"maxUnavailable is {many.value}")


@rule(
    "T809",
    "warning",
    "A LeaderWorkerSet has no rollingUpdateConfiguration",
    why="Only LeaderWorkerSet's webhook fills it in. An object that is stored before the webhook "
    "is registered, as when the operator and its users are applied together, never starts: the "
    "controller panics each time it reads it, until the field is set.",
    evidence="Read in LeaderWorkerSet's controller, v0.7.0 to v0.10.0, and seen run with v0.10.0; "
    "kubernetes-sigs/lws#593, #931. Its CRD has no default for spec.rolloutStrategy.",
    fix="set spec.rolloutStrategy to {type: RollingUpdate, rollingUpdateConfiguration: "
    "{maxUnavailable: 1, maxSurge: 0}}",
    example=breaks("gang", "LeaderWorkerSet/kimi", "spec.rolloutStrategy", REMOVED),
)
def left_to_a_webhook(topology: Topology) -> Iterator[Violation]:
    for gang in topology.of_kind("LeaderWorkerSet"):
        at = gang.at("spec", "rolloutStrategy", "rollingUpdateConfiguration")
        if not at.present:
            yield Violation(gang.here, "spec.rolloutStrategy is left to the webhook's default")
