"""Names: of engines, devices and variables, of objects, and the namespace."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from cdk8s_inference import names
from cdk8s_inference.document.examples import (
    CONTAINER,
    ENGINE,
    another_engine,
    prefill_decode,
    unified,
)
from cdk8s_inference.document.subject import (
    DEPLOYMENT_RULES,
    ENGINE_RULES,
    NAMES_RULES,
    DeploymentSubject,
    EngineSubject,
    NamesSubject,
)
from cdk8s_inference.findings import shown
from cdk8s_inference.findings.example import REMOVED, Edit, document
from cdk8s_inference.findings.rule import Violation
from cdk8s_inference.source import Cursor

DEFAULT_NAMESPACE = "default"

_LONG = "qwen3-coder-with-the-prompt-cache-of-the-chat-team-in-frankfurt"


@ENGINE_RULES.rule(
    "D011",
    "error",
    "Two items of a list have the same name",
    why="Engines of one name would be one workload. The API server rejects device requests of "
    "one name, and a LeaderWorkerSet with a duplicate variable; for a Deployment it warns.",
    evidence="Modelplane's lists are keyed by name. Variables: seen run with kube-apiserver v1.35.",
    fix="use a different name for each",
    example=unified(f"{CONTAINER}.env[1]", {"name": "HF_TOKEN", "value": "none"}),
)
def duplicate_names(subject: EngineSubject) -> Iterator[Violation]:
    for other in subject.earlier:
        if other["name"].text is not None and other["name"].text == subject.engine["name"].text:
            yield _duplicate(subject.engine, "engine", other)
            break
    for member in subject.members:
        yield from _duplicates(member.at("nodeSelector", "devices"), "device request")
    for container in subject.containers:
        yield from _duplicates(container["env"], "environment variable")


def _duplicates(items: Cursor, noun: str) -> Iterator[Violation]:
    first: dict[str, Cursor] = {}
    for item in items.items():
        if (name := item["name"].text) is None:
            continue
        if name in first:
            yield _duplicate(item, noun, first[name])
        first.setdefault(name, item)


def _duplicate(item: Cursor, noun: str, first: Cursor) -> Violation:
    message = f"duplicate {noun} name {shown(item['name'].value)}, first used at {first.place.path}"
    return Violation(item["name"], message, first["name"])


@DEPLOYMENT_RULES.rule(
    "D128",
    "error",
    "An engine has the name of the endpoint picker",
    why="Both are a Deployment of one name: the one that is applied later replaces the other.",
    evidence="The picker's objects are named after the replica with the suffix -epp, and an "
    "engine's objects with the engine's name.",
    fix="rename the engine",
    example=prefill_decode(f"{ENGINE}.name", "epp"),
)
def picker_name(deployment: DeploymentSubject) -> Iterator[Violation]:
    if not deployment.has_picker:
        return
    for engine in deployment.engines:
        if engine["name"].value == names.PICKER_SUFFIX:
            yield Violation(
                engine["name"],
                f"engine {names.PICKER_SUFFIX!r} has the name of the endpoint picker",
            )


@NAMES_RULES.rule(
    "D133",
    "error",
    "Two objects of one deployment have the same name",
    why="The object that is applied later replaces the other: an engine is missing, without an "
    "error.",
    evidence="Names over 63 characters, over 49 for a LeaderWorkerSet, are shortened and end in a "
    "hash. Another engine can have such a name.",
    fix="rename the deployment or an engine",
    example=document(
        "unified",
        Edit("ModelDeployment/qwen", f"{ENGINE}.name", _LONG),
        Edit(
            "ModelDeployment/qwen",
            "spec.template.spec.engines[1]",
            another_engine(names.workload("qwen-0", _LONG, gang=False).removeprefix("qwen-0-")),
        ),
    ),
)
def object_names(subject: NamesSubject) -> Iterator[Violation]:
    keys = Counter(subject.deployment.object_keys(subject.platform))
    repeated = [f"{kind} {name}" for (kind, name), count in keys.items() if count > 1]
    if repeated:
        yield Violation(
            subject.root.at("metadata", "name"),
            f"several objects have the same name: {', '.join(repeated[:5])}",
        )


@DEPLOYMENT_RULES.rule(
    "D205",
    "warning",
    "The document has no namespace",
    why="Its objects go to the namespace default, whatever kubectl's context is, without the "
    "Secrets, quotas and permissions of the intended namespace.",
    evidence="Kubernetes leaves the namespace to the client. This client uses default.",
    fix="set metadata.namespace, or use --namespace",
    example=unified("metadata.namespace", REMOVED),
)
def no_namespace(deployment: DeploymentSubject) -> Iterator[Violation]:
    namespace = deployment.root.at("metadata", "namespace")
    if not namespace.present and deployment.namespace is None:
        yield Violation(
            namespace,
            f"metadata.namespace is not set: the objects go to namespace {DEFAULT_NAMESPACE!r}",
        )
