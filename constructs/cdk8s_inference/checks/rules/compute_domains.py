"""ComputeDomains, whose IMEX channels share GPU memory between nodes."""

from __future__ import annotations

from collections.abc import Iterator

from cdk8s_inference.checks.rule import rule
from cdk8s_inference.findings import Edit, Violation
from cdk8s_inference.findings.example import manifests
from cdk8s_inference.topology import Engine, Topology

_DOMAIN = """\
apiVersion: resource.nvidia.com/v1beta1
kind: ComputeDomain
metadata: {name: nvl, namespace: llm}
spec:
  numNodes: 2
  channel: {resourceClaimTemplate: {name: nvl-channel}}
"""


@rule(
    "T711",
    "warning",
    "A pod with one GPU takes an IMEX channel",
    why="The pod waits until the ComputeDomain's nodes have joined, and can start only on nodes "
    "with multi-node NVLink. One GPU shares no memory with another node's.",
    evidence="NVIDIA's DRA driver: a channel is prepared once spec.numNodes nodes run the domain's "
    "daemon.",
    fix="remove the channel's claim from the pod, unless it transfers KV caches over NVLink",
    example=manifests(
        "disaggregated",
        Edit(
            "Deployment/decode",
            "spec.template.spec.resourceClaims[1]",
            {"name": "imex", "resourceClaimTemplateName": "nvl-channel"},
        ),
        Edit(
            "Deployment/decode",
            "spec.template.spec.containers[0].resources.claims[1]",
            {"name": "imex"},
        ),
        Edit("Deployment/decode", "spec.template.spec.containers[0].args[2]", "--seed=0"),
        Edit("Deployment/prefill", "spec.template.spec.containers[0].args[2]", "--seed=0"),
        Edit("ResourceClaimTemplate/two-gpus", "spec.spec.devices.requests[0].exactly.count", 1),
        added=_DOMAIN,
    ),
)
def channel_of_one_gpu(topology: Topology) -> Iterator[Violation]:
    channels = {
        (domain.namespace, name.value): domain
        for domain in topology.of_kind("ComputeDomain")
        if (name := domain.text(domain.at("spec", "channel", "resourceClaimTemplate", "name")))
    }
    for pods in topology.serving if channels else ():
        engine = pods.engine
        if engine is None or pods.workload.size.value > 1:
            continue
        sizes = (engine.tensor_parallel, engine.pipeline_parallel, engine.data_parallel)
        if any(size is None or size.value > 1 for size in sizes) or _shares_memory(engine):
            continue
        for claim in pods.claims:
            template = claim.template
            key = (pods.object.namespace, template.value if template else "")
            if template is not None and (domain := channels.get(key)) is not None:
                yield Violation(
                    template,
                    f"{pods.object} has one GPU, and takes a channel of {domain}",
                    domain.here,
                )


def _shares_memory(engine: Engine) -> bool:
    """Whether UCX is told to reach other nodes' GPUs over NVLink."""
    transports = engine.container.environment.get("UCX_TLS")
    return transports is not None and "cuda_ipc" in (transports.value or "cuda_ipc")


@rule(
    "T665",
    "warning",
    "A ComputeDomain waits for more nodes than its pods run on",
    why="Before release 25.8 of NVIDIA's DRA driver, pods wait until that many nodes have joined: "
    "none of them starts. Later the domain never gets ready, and its pods start.",
    evidence="NVIDIA's DRA driver: spec.numNodes of a ComputeDomain, which a pod joins by its "
    "channel's claim, one for each node.",
    fix="set numNodes to the number of pods that use the domain, or from 25.8 on to 0",
    example=manifests(
        "gang",
        *(
            Edit(
                "LeaderWorkerSet/kimi", f"spec.leaderWorkerTemplate.{part}Template.spec.{path}", at
            )
            for part in ("leader", "worker")
            for path, at in (
                ("resourceClaims", [{"name": "imex", "resourceClaimTemplateName": "nvl-channel"}]),
                ("containers[0].resources.claims", [{"name": "imex"}]),
            )
        ),
        added=_DOMAIN.replace("numNodes: 2", "numNodes: 8"),
    ),
)
def waits_for_nodes(topology: Topology) -> Iterator[Violation]:
    for domain in topology.of_kind("ComputeDomain"):
        wanted = domain.number(domain.at("spec", "numNodes"))
        name = domain.at("spec", "channel", "resourceClaimTemplate", "name").text
        users = [
            pods
            for pods in topology.pods
            if pods.object.namespace == domain.namespace
            and any(each.template and each.template.value == name for each in pods.claims)
        ]
        scaled = any(topology.autoscaler(pods.workload) or pods.may_gain("nodes") for pods in users)
        count = sum(pods.workload.copies.value * pods.per_copy for pods in users)
        if wanted is not None and users and not scaled and count < wanted.value:
            yield Violation(
                wanted,
                f"numNodes is {wanted.value}, and the pods that use {domain} are {count}",
                users[0].here,
            )
