"""How the pods of an engine are replaced."""

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
