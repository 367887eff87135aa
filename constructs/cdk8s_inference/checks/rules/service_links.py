"""Variables that Kubernetes gives to pods for each Service of their namespace."""

from __future__ import annotations

from collections.abc import Iterator

from cdk8s_inference.checks.rule import rule
from cdk8s_inference.findings import Violation
from cdk8s_inference.findings.example import manifests
from cdk8s_inference.servers.vllm import PORT_VARIABLE
from cdk8s_inference.topology import Topology


@rule(
    "T620",
    "error",
    "A Service named vllm sets VLLM_PORT in vLLM's pods",
    why="Kubernetes gives the pods VLLM_PORT=tcp://ADDRESS:PORT, which vLLM reads as its own "
    "setting: it refuses the value, and exits at every start after the Service exists.",
    evidence="vLLM's envs.py (VLLM_PORT that is a URI is refused) and its Kubernetes guide; "
    "Kubernetes: service links.",
    fix="rename the Service, or set enableServiceLinks: false in the pods",
    example=manifests(
        "disaggregated",
        added="""\
apiVersion: v1
kind: Service
metadata: {name: vllm, namespace: llm}
spec:
  selector: {app: decode}
  ports: [{name: http, port: 80, targetPort: 8000}]
""",
    ),
)
def vllm_port(topology: Topology) -> Iterator[Violation]:
    for service in topology.services:
        if service.object.name != "vllm" or not _has_variables(service.object.at("spec").value):
            continue
        reached = [
            pods
            for pods in topology.serving
            if pods.engine is not None
            and pods.engine.kind == "vllm"
            and not pods.engine.is_simulator
            and pods.object.namespace == service.object.namespace
            and pods.at.at("spec", "enableServiceLinks").value is not False
            and PORT_VARIABLE not in pods.engine.container.environment
        ]
        if reached:
            more = f" and {len(reached) - 1} more" if len(reached) > 1 else ""
            yield Violation(
                service.object.here,
                f"the Service's name gives {reached[0].object}{more} the variable {PORT_VARIABLE}",
                reached[0].here,
            )


def _has_variables(spec: object) -> bool:
    """A headless Service, and one that is a name elsewhere, have none."""
    if not isinstance(spec, dict):
        return False
    return spec.get("clusterIP") != "None" and spec.get("type") != "ExternalName"
