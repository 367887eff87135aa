"""What the endpoint picker may read of the API server."""

from __future__ import annotations

from collections.abc import Iterator

from cdk8s_inference.checks.rule import rule
from cdk8s_inference.findings import Severity, Violation
from cdk8s_inference.findings.evidence import SEEN_RUN
from cdk8s_inference.findings.example import Edit, breaks, manifests
from cdk8s_inference.releases.permission import Permission
from cdk8s_inference.topology import Picker, Topology

_PICKER = "Deployment/qwen-epp"


@rule(
    "T407",
    "error",
    "The picker may not read what it watches",
    why="The process starts, answers 503 to every request, and exits after two minutes with "
    "the name of a kind that is often not the forbidden one.",
    evidence=f"{SEEN_RUN} Rules for absent CRDs do no harm.",
    fix="bind its ServiceAccount to a Role that allows list and watch of all of them",
    example=breaks("disaggregated", "Role/qwen-epp", "rules[0].resources", ["services"]),
    after=("T427",),
)
def may_not_read(topology: Topology) -> Iterator[Violation]:
    for picker in topology.pickers:
        needed = [each for each in picker.watches if not each.if_installed]
        if picker.switch("ha-enable-leader-election").value:
            needed += picker.release.picker.leader_election
        # Whatever its release is, it reads pods and its pool.
        certain = [each for each in needed if each.resources in _ALWAYS]
        if picker.match.assumed is None:
            certain = needed
        yield from _missing(topology, picker, certain)
        assumed = [each for each in needed if each not in certain]
        yield from _missing(topology, picker, assumed, severity="note")


_ALWAYS = (("pods",), ("inferencepools",), ("leases",))


@rule(
    "T418",
    "warning",
    "The picker may not read kinds that may be installed",
    why="Once the CRD of such a kind is installed, it answers 503 to every request.",
    evidence=f"{SEEN_RUN} llm-d/llm-d-benchmark#740.",
    fix="allow list and watch of them too: rules for absent CRDs do no harm",
    example=breaks("disaggregated", "Role/qwen-epp", "rules[2].apiGroups", ["llm-d.ai"]),
)
def may_not_read_all(topology: Topology) -> Iterator[Violation]:
    for picker in topology.pickers:
        needed = [each for each in picker.watches if each.if_installed]
        yield from _missing(topology, picker, needed, severity=picker.assumed_severity)


def _missing(
    topology: Topology,
    picker: Picker,
    needed: list[Permission],
    severity: Severity | None = None,
) -> Iterator[Violation]:
    if "endpoint-selector" in picker.flags:
        needed = [each for each in needed if each.api_group == ""]  # There is no pool to read.
    account, namespace = picker.pods.account, picker.object.namespace
    access = topology.access(namespace, account.value)
    missing = [
        f"{permission.api_group}/{resource}".lstrip("/")
        for permission in needed
        for resource in permission.resources
        if resource != "events"
        and not all(
            access.allows(verb, permission.api_group, resource) for verb in permission.verbs
        )
    ]
    # Without any role of its account among what was read, permissions are given elsewhere.
    if missing and access.roles:
        yield Violation(
            account,
            f"ServiceAccount {namespace}/{account.value} may not read {', '.join(missing)}",
            access.roles[0].object.here,
            severity=severity,
        )


@rule(
    "T421",
    "warning",
    "The picker's permissions were not read",
    why="Where its account has none, it answers 503 to every request, and exits after two minutes.",
    evidence=SEEN_RUN,
    fix="check the picker together with its roles and bindings, or correct their names",
    example=breaks("disaggregated", "RoleBinding/qwen-epp", "roleRef.name", "epp"),
)
def permissions_not_read(topology: Topology) -> Iterator[Violation]:
    for picker in topology.pickers:
        account, namespace = picker.pods.account, picker.object.namespace
        access = topology.access(namespace, account.value)
        if not access.roles and (access.beside or topology.complete):
            beside = access.beside[:1]
            yield Violation(
                account,
                f"no role that ServiceAccount {namespace}/{account.value} has was read"
                + "".join(f"; {each} was" for each in beside),
                [each.here for each in beside],
                missing=True,
            )


@rule(
    "T414",
    "error",
    "The picker has no token for the API server",
    why="It cannot read its pool, and every request is answered 503.",
    evidence=SEEN_RUN,
    fix="remove automountServiceAccountToken: false from the picker's pod",
    example=breaks(
        "disaggregated", _PICKER, "spec.template.spec.automountServiceAccountToken", False
    ),
)
def no_token(topology: Topology) -> Iterator[Violation]:
    for picker in topology.pickers:
        own = picker.pods.at.at("spec", "automountServiceAccountToken")
        name = picker.pods.account.value
        account = topology.find("ServiceAccount", picker.object.namespace, name)
        if own.value is False:
            yield Violation(picker.object.value_at(own, False), "the pod mounts no token")
        elif own.value is None and account is not None:
            at = account.at("automountServiceAccountToken")
            if at.value is False:
                yield Violation(account.value_at(at, False), f"{account} mounts no token")


@rule(
    "T419",
    "warning",
    "The picker's ServiceAccount was not read",
    why="Without it no pod of the picker is made.",
    evidence="Kubernetes: a pod's ServiceAccount must be there first.",
    fix="correct serviceAccountName, or check the picker together with its account",
    example=manifests(
        "disaggregated",
        Edit(_PICKER, "spec.template.spec.serviceAccountName", "epp"),
        Edit("RoleBinding/qwen-epp", "subjects[0].name", "epp"),
    ),
)
def no_account(topology: Topology) -> Iterator[Violation]:
    accounts = topology.of_kind("ServiceAccount")
    for picker in topology.pickers:
        account, namespace = picker.pods.account, picker.object.namespace
        if account.value == "default" or not (accounts or topology.complete):
            continue  # Kubernetes makes the account "default" itself.
        if topology.find("ServiceAccount", namespace, account.value) is None:
            yield Violation(
                account,
                f"ServiceAccount {namespace}/{account.value} is not among what was read"
                + "".join(f"; {each} is" for each in accounts[:1]),
                [each.here for each in accounts[:1]],
                missing=True,
            )


@rule(
    "T423",
    "warning",
    "The picker passes over objectives or rewrites",
    why="They are accepted, and change nothing: requests keep the default priority, and "
    "models their names.",
    evidence="llm-d/llm-d-router#1449: from v0.9.0 on the picker reads them of the group llm-d.ai "
    "where that is installed, and of no other; v0.8.0 knows the old group alone. The Inference "
    "Extension's picker reads InferenceModels before v1.0, objectives from v1.0 on (v1.3.0 none), "
    "and rewrites from v1.3.1 on, as its sources say.",
    fix="write them for the group that the picker's release reads",
    example=manifests(
        "disaggregated",
        added="""\
apiVersion: inference.networking.x-k8s.io/v1alpha2
kind: InferenceObjective
metadata: {name: batch, namespace: llm}
spec: {priority: -1, poolRef: {name: qwen}}
---
apiVersion: llm-d.ai/v1alpha2
kind: InferenceObjective
metadata: {name: chat, namespace: llm}
spec: {priority: 1, poolRef: {name: qwen}}
""",
    ),
)
def passed_over(topology: Topology) -> Iterator[Violation]:
    kinds = ("InferenceObjective", "InferenceModelRewrite", "InferenceModel")
    new = [each for each in topology.of_kind(*kinds) if each.group == "llm-d.ai"]
    new += [
        crd
        for crd in topology.of_kind("CustomResourceDefinition")
        if crd.at("spec", "group").text == "llm-d.ai"
        and crd.at("spec", "names", "kind").text in kinds
    ]
    for each in topology.of_kind(*kinds):
        pickers = [
            picker for picker in topology.pickers if picker.object.namespace == each.namespace
        ]
        reads_new = [picker for picker in pickers if _reads(picker, "llm-d.ai")]
        resource = f"{each.kind.lower()}s"
        if pickers and not any(_reads(picker, each.group, resource) for picker in pickers):
            yield Violation(
                each.here,
                f"{pickers[0].release.title} reads no {resource} of group {each.group}",
                pickers[0].container.image,
                severity=pickers[0].assumed_severity,
            )
        elif each.group == _LEGACY and new and (reads_new or not pickers):
            yield Violation(
                each.here, f"{each} is of group {_LEGACY}, {new[0]} of llm-d.ai", new[0].here
            )


_LEGACY = "inference.networking.x-k8s.io"


def _reads(picker: Picker, group: str, resource: str = "") -> bool:
    return any(
        permission.api_group == group and (not resource or resource in permission.resources)
        for permission in picker.watches
    )
