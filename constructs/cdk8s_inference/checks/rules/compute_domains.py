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
