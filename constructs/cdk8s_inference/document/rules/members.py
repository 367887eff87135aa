"""Members of an engine, and their containers."""

from __future__ import annotations

from collections.abc import Iterator

from cdk8s_inference.document.examples import (
    CEL_RULE,
    CONTAINER,
    MEMBER,
    REFUSED,
    multi_node,
    unified,
)
from cdk8s_inference.document.subject import (
    DEPLOYMENT_RULES,
    ENGINE_RULES,
    DeploymentSubject,
    EngineSubject,
    role,
)
from cdk8s_inference.findings import shown, shown_list
from cdk8s_inference.findings.example import REMOVED
from cdk8s_inference.findings.rule import Violation


@ENGINE_RULES.rule(
    "D105",
    "error",
    "The members of an engine are neither one Standalone nor one Leader and one Worker",
    why=f"{REFUSED} Workers without a leader have no address to join.",
    evidence=f"{CEL_RULE} A member without a role is Standalone.",
    fix="write one Standalone member, or one Leader and one Worker; worker.nodes is the number "
    "of Worker pods",
    example=multi_node(f"{MEMBER}.role", REMOVED),
)
def member_roles(subject: EngineSubject) -> Iterator[Violation]:
    roles = [role(member) for member in subject.members]
    if roles and roles != ["Standalone"] and sorted(roles) != ["Leader", "Worker"]:
        yield Violation(
            subject.engine["members"],
            "the members must be one Standalone, or one Leader and one Worker; found "
            + shown_list(shown(role) for role in roles),
        )


@ENGINE_RULES.rule(
    "D107",
    "error",
    "A member that is not a Worker sets worker",
    why=f"{REFUSED} The engine would have another number of pods than the document appears to say.",
    evidence=CEL_RULE,
    fix="set worker on the Worker only",
    example=multi_node(f"{MEMBER}.worker", {"nodes": 3}),
)
def worker_settings(subject: EngineSubject) -> Iterator[Violation]:
    for member in subject.members:
        if member["worker"].present and role(member) != "Worker":
            yield Violation(
                member["worker"], f"worker is set on a member with role {shown(role(member))}"
            )


@ENGINE_RULES.rule(
    "D108",
    "error",
    "The container is not named engine",
    why=f"{REFUSED} Devices, the model cache and ports are added to the container of that name.",
    evidence=CEL_RULE,
    fix="name the container engine",
    example=unified(f"{CONTAINER}.name", "vllm"),
)
def container_name(subject: EngineSubject) -> Iterator[Violation]:
    for container in subject.containers:
        name = container["name"]
        if name.present and name.value != "engine":
            yield Violation(name, f"the container is named {shown(name.value)}, not 'engine'")


@DEPLOYMENT_RULES.rule(
    "D210",
    "warning",
    "A multi-node engine has no model cache",
    why="Each pod downloads the weights at every start and restart, and the group waits for the "
    "slowest.",
    evidence="Modelplane documents modelCacheRef as required for several nodes, and its schema "
    "accepts a document without it.",
    fix="set modelCacheRef to a cache that every pod can mount",
    example=multi_node("spec.template.spec.modelCacheRef", REMOVED),
)
def cache_of_multi_node(deployment: DeploymentSubject) -> Iterator[Violation]:
    if deployment.replica["modelCacheRef"].present:
        return
    for engine in deployment.engines:
        if any(role(member) == "Leader" for member in engine["members"].items()):
            yield Violation(
                engine,
                "the engine has several nodes, and modelCacheRef is not set: each pod downloads "
                "the weights",
            )
