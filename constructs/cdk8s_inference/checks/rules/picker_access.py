"""The endpoint picker's ServiceAccount, permissions and token, and the objects that it reads."""

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
    "The picker has no permission for resources that it watches",
    why="The picker starts, answers 503 to every request, and exits after two minutes. Its error "
    "often names another kind than the one without permission.",
    evidence=f"{SEEN_RUN} Role rules for CRDs that are not installed have no effect.",
    fix="bind its ServiceAccount to a Role that allows list and watch for these resources",
    example=breaks("disaggregated", "Role/qwen-epp", "rules[0].resources", ["services"]),
    after=("T427",),
)
def missing_permissions(topology: Topology) -> Iterator[Violation]:
    for picker in topology.pickers:
        needed = [each for each in picker.watches if not each.if_installed]
        if picker.switch("ha-enable-leader-election").value:
            needed += picker.release.picker.leader_election
        # Every release reads pods and its pool.
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
    "The picker has no permission for resources of optional CRDs",
    why="When the CRD is installed, the picker answers 503 to every request.",
    evidence=f"{SEEN_RUN} llm-d/llm-d-benchmark#740.",
    fix="allow list and watch for these resources too; Role rules for CRDs that are not installed "
    "have no effect",
    example=breaks("disaggregated", "Role/qwen-epp", "rules[2].apiGroups", ["llm-d.ai"]),
)
def missing_optional_permissions(topology: Topology) -> Iterator[Violation]:
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
    missing = [each for each in access.lacks(needed) if each != "events"]
    # Where a role of the account was not read, it may grant them.
    if missing and access.roles and (topology.complete or not access.unread):
        yield Violation(
            account,
            f"ServiceAccount {namespace}/{account.value} has no permission to read "
            f"{', '.join(missing)}",
            access.roles[0].object.here,
            severity=severity,
        )


@rule(
    "T421",
    "warning",
    "No role of the picker's ServiceAccount was read",
    why="A picker without permissions answers 503 to every request, and exits after two minutes.",
    evidence=SEEN_RUN,
    fix="check the picker together with its roles and role bindings, or correct their names",
    example=breaks("disaggregated", "RoleBinding/qwen-epp", "roleRef.name", "epp"),
)
def permissions_not_read(topology: Topology) -> Iterator[Violation]:
    for picker in topology.pickers:
        account, namespace = picker.pods.account, picker.object.namespace
        access = topology.access(namespace, account.value)
        needed = [each for each in picker.watches if not each.if_installed]
        lacking = [each for each in access.lacks(needed) if each != "events"]
        if access.roles and access.unread and lacking and not topology.complete:
            role = access.unread[0]
            yield Violation(
                account,
                f"what {role.kind} {role.name.value} grants ServiceAccount {namespace}/"
                f"{account.value} was not read, and no other role grants {', '.join(lacking)}",
                role.name,
                missing=True,
            )
        elif not access.roles and lacking and (access.beside or topology.complete):
            beside = [access.beside] if access.beside else []
            yield Violation(
                account,
                f"no role that is bound to ServiceAccount {namespace}/{account.value} was read"
                + "".join(f"; {each} was read" for each in beside),
                [each.here for each in beside],
                missing=True,
            )


@rule(
    "T414",
    "error",
    "The picker has no token for the API server",
    why="The picker cannot read its pool, and every request is answered 503.",
    evidence=SEEN_RUN,
    fix="remove automountServiceAccountToken: false from the pod template or the ServiceAccount",
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
            yield Violation(
                picker.object.value_at(own, False),
                "automountServiceAccountToken of the pod is false",
            )
        elif own.value is None and account is not None:
            at = account.at("automountServiceAccountToken")
            if at.value is False:
                yield Violation(
                    account.value_at(at, False),
                    f"automountServiceAccountToken of {account} is false",
                )


@rule(
    "T419",
    "warning",
    "The ServiceAccount of a picker or sidecar was not read",
    why="If the ServiceAccount does not exist, no pod of the workload is created.",
    evidence="Kubernetes rejects a pod whose ServiceAccount does not exist.",
    fix="correct serviceAccountName, or check the workload together with its ServiceAccount",
    example=manifests(
        "disaggregated",
        Edit(_PICKER, "spec.template.spec.serviceAccountName", "epp"),
        Edit("RoleBinding/qwen-epp", "subjects[0].name", "epp"),
    ),
)
def no_account(topology: Topology) -> Iterator[Violation]:
    accounts = topology.of_kind("ServiceAccount")
    subjects = {subject for each in topology.bindings for subject in each.subjects}
    for pods in topology.pods:
        if pods.picker_container is None and pods.sidecar is None:
            continue
        account, namespace = pods.account, pods.object.namespace
        subject = ("ServiceAccount", namespace, account.value)
        bound = subject in subjects
        if account.value == "default" or not (accounts or bound or topology.complete):
            continue  # Kubernetes creates the account "default" in every namespace.
        if topology.find("ServiceAccount", namespace, account.value) is None:
            yield Violation(
                account,
                f"ServiceAccount {namespace}/{account.value} was not read"
                + "".join(f"; {each} was read" for each in accounts[:1]),
                [each.here for each in accounts[:1]],
                missing=True,
            )


@rule(
    "T423",
    "warning",
    "The picker does not read an InferenceObjective or InferenceModelRewrite",
    why="The object is accepted but has no effect: requests keep the default priority, and models "
    "keep their names.",
    evidence="llm-d/llm-d-router#1449: from v0.9.0 on the router's picker reads only the group "
    "llm-d.ai if its CRDs are installed; v0.8.0 reads only the older group. Read in the source of "
    "the Inference Extension: its picker reads InferenceModels before v1.0, InferenceObjectives "
    "from v1.0 on except in v1.3.0, and InferenceModelRewrites from v1.3.1 on.",
    fix="use the API group that the picker's release reads",
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
def objects_not_read(topology: Topology) -> Iterator[Violation]:
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
                f"{pickers[0].release.title} does not read {resource} of group {each.group}",
                pickers[0].container.image,
                severity=pickers[0].assumed_severity,
            )
        elif each.group == _LEGACY and new and (reads_new or not pickers):
            yield Violation(
                each.here,
                f"{each} is of group {_LEGACY}, but {new[0]} of llm-d.ai",
                new[0].here,
            )


_LEGACY = "inference.networking.x-k8s.io"


def _reads(picker: Picker, group: str, resource: str = "") -> bool:
    return any(
        permission.api_group == group and (not resource or resource in permission.resources)
        for permission in picker.watches
    )
