"""How the pods of a gang are placed and replaced."""

from __future__ import annotations

from collections.abc import Iterator

from cdk8s_inference.document.examples import PYTHON_GANG
from cdk8s_inference.document.subject import ENGINE_RULES, EngineSubject, role
from cdk8s_inference.findings.example import edited, python
from cdk8s_inference.findings.rule import Violation

_IN_PLACE = '            serving_pods="every",\n            rollout=Rollout.in_place(),\n'
_RECREATED = _IN_PLACE.replace(".in_place()", '(strategy="Recreate")')
_SERVING = '            serving_pods="every",\n'


@ENGINE_RULES.rule(
    "D140",
    "error",
    "A gang has a rollout setting that only a Deployment has",
    why="A LeaderWorkerSet has no field for it: the setting would have no effect.",
    evidence="The API of LeaderWorkerSet v1: rolloutStrategy has the type RollingUpdate alone, "
    "maxSurge and maxUnavailable.",
    fix="remove it; max_surge and max_unavailable count gangs",
    example=python(
        edited(PYTHON_GANG, (_SERVING, _RECREATED)), edited(PYTHON_GANG, (_SERVING, _IN_PLACE))
    ),
)
def rollout_of_a_gang(subject: EngineSubject) -> Iterator[Violation]:
    if not any(role(member) == "Leader" for member in subject.members):
        return
    rollout = subject.engine["rollout"]
    if rollout["strategy"].text == "Recreate":
        yield Violation(rollout["strategy"], "the engine is a gang, which has no strategy Recreate")
    for name in ("min_ready_seconds", "revision_history_limit"):
        if rollout[name].value is not None:
            yield Violation(rollout[name], f"the engine is a gang, which has no {name}")


_SUBGROUPS = "            gang=GangPlacement(subgroup_size={size}),\n"


@ENGINE_RULES.rule(
    "D142",
    "error",
    "The subgroups of a gang do not divide it",
    why="LeaderWorkerSet's webhook refuses the gang.",
    evidence="LeaderWorkerSet v0.10.0: size, or size without the leader, must be divisible by "
    "subGroupSize; LeaderExcluded needs the second.",
    fix="give a subgroup_size that divides the pods of the gang, or those without the leader",
    example=python(
        edited(PYTHON_GANG, (_SERVING, _SERVING + _SUBGROUPS.format(size=3))),
        edited(PYTHON_GANG, (_SERVING, _SERVING + _SUBGROUPS.format(size=2))),
    ),
)
def subgroups(subject: EngineSubject) -> Iterator[Violation]:
    own, common = subject.engine["gang"], subject.platform.gang
    size = own["subgroup_size"].value or common.subgroup_size
    kind = own["subgroup_type"].text or common.subgroup_type
    workers = [member for member in subject.members if role(member) == "Worker"]
    if not workers or not isinstance(size, int):
        return
    nodes = workers[0].at("worker", "nodes").value
    followers = nodes if isinstance(nodes, int) else 1
    if followers % size and (kind == "LeaderExcluded" or (followers + 1) % size):
        yield Violation(
            own["subgroup_size"],
            f"subgroups of {size} pods do not divide {followers + 1} pods, or {followers} "
            "without the leader",
        )
