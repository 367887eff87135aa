"""The model that an engine loads."""

from __future__ import annotations

from collections.abc import Iterator

from cdk8s_inference.checks.rule import rule
from cdk8s_inference.findings import Edit, Severity, Violation
from cdk8s_inference.findings.example import manifests
from cdk8s_inference.servers import VLLM
from cdk8s_inference.topology import Topology

_ARGS = "spec.template.spec.containers[0].args"
_KV = '--kv-transfer-config={"kv_connector":"NixlConnector","kv_role":"kv_both"}'


@rule(
    "T646",
    "error",
    "No model is given to vLLM",
    why="It downloads and serves the default of its release, a small model for demonstrations: "
    "every answer is another model's than the one that was meant.",
    evidence="vLLM's ModelConfig.model has a default, Qwen/Qwen3-0.6B since 0.8.5; read in its "
    "source. From v0.11.1 on its images take a model without the flag too. Before, they ignored "
    "it, or did not start: vllm-project/vllm#32292, docker/Dockerfile.",
    fix="give it --model",
    example=manifests(
        "disaggregated",
        Edit("Deployment/prefill", _ARGS, ["--port=8000", "--tensor-parallel-size=2", _KV]),
        Edit("Deployment/decode", _ARGS, ["--port=8001", "--tensor-parallel-size=2", _KV]),
    ),
)
def no_model(topology: Topology) -> Iterator[Violation]:
    for pods in topology.serving:
        engine = pods.engine
        if engine is None or engine.server is not VLLM or not engine.is_started_as_written:
            continue
        if engine.model is not None or any("$" in word.value for word in engine.container.words):
            continue
        ignored = engine.argument
        if ignored is not None:
            image = engine.container.image
            said = f"{pods.object} names {ignored.value!r} without --model, which its image ignores"
            yield Violation(ignored, said, image)
            continue
        # Who gives vLLM no argument at all may mean its default, or a base that others complete.
        severity: Severity = "error" if engine.invocation.given else "warning"
        yield Violation(engine.container.here, f"{pods.object} names no model", severity=severity)
