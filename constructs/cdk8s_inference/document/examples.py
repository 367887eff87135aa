"""What the examples of rules over documents and engines share."""

from __future__ import annotations

from typing import Any

from cdk8s_inference.findings.example import Edit, Example, document, edited, written

ENGINE = "spec.template.spec.engines[0]"
MEMBER = f"{ENGINE}.members[0]"
CONTAINER = f"{MEMBER}.template.spec.containers[0]"
DECODE_CONTAINER = "spec.template.spec.engines[1].members[0].template.spec.containers[0]"
LABELS = f"{MEMBER}.template.metadata.labels"

SCHEMA = "The OpenAPI schema of Modelplane v0.3.1."
CEL_RULE = "A CEL rule of Modelplane's API, v0.3.1."
REFUSED = "Modelplane's API rejects the document."


def unified(path: str, value: Any) -> Example:
    """A change of a document that serves Unified."""
    return document("unified", Edit("ModelDeployment/qwen", path, value))


def prefill_decode(path: str, value: Any) -> Example:
    """A change of a document that serves PrefillDecode."""
    return document("prefill-decode", Edit("ModelDeployment/qwen", path, value))


def multi_node(path: str, value: Any) -> Example:
    """A change of a document with an engine of several nodes."""
    return document("multi-node", Edit("ModelDeployment/kimi", path, value))


def another_engine(name: str, port: int = 8000) -> dict[str, Any]:
    """A further engine for a document."""
    gpu = 'device.attributes["gpu.nvidia.com"].architecture == "Ada Lovelace"'
    container = {
        "name": "engine",
        "image": "vllm/vllm-openai:v0.32.0",
        "args": ["--model=Qwen/Qwen3-8B", f"--port={port}"],
    }
    member = {
        "nodeSelector": {"devices": [{"name": "gpu", "selectors": [{"cel": gpu}]}]},
        "template": {"spec": {"containers": [container]}},
    }
    return {"name": name, "members": [member]}


ARG = "\n                        - "
NIXL = f'{ARG}--kv-transfer-config={{"kv_connector":"NixlConnector","kv_role":"kv_both"}}'
VLLM_IMAGE = "image: vllm/vllm-openai:v0.32.0\n"
TENSORRT_IMAGE = """\
image: nvcr.io/nvidia/tensorrt-llm/release:1.2.0
                      command: [trtllm-serve]
"""
SGLANG_IMAGE = """\
image: lmsysorg/sglang:v0.5.9
                      command: [python3, -m, sglang.launch_server]
"""

DISAGGREGATED = """\
apiVersion: modelplane.ai/v1alpha1
kind: ModelDeployment
metadata: {name: qwen, namespace: ml-team}
spec:
  replicas: 1
  template:
    spec:
      serving: {mode: PrefillDecode}
      modelCacheRef: {name: qwen3-32b}
      engines:
        - name: prefill
          phase: Prefill
          members:
            - nodeSelector:
                devices:
                  - name: gpu
                    selectors: [{cel: device.driver == "gpu.nvidia.com"}]
              template:
                spec:
                  containers:
                    - name: engine
                      image: vllm/vllm-openai:v0.32.0
                      args:
                        - --port=8000
                        - --kv-transfer-config={"kv_connector":"NixlConnector","kv_role":"kv_both"}
        - name: decode
          phase: Decode
          members:
            - nodeSelector:
                devices:
                  - name: gpu
                    selectors: [{cel: device.driver == "gpu.nvidia.com"}]
              template:
                spec:
                  containers:
                    - name: engine
                      image: vllm/vllm-openai:v0.32.0
                      args:
                        - --port=8001
                        - --kv-transfer-config={"kv_connector":"NixlConnector","kv_role":"kv_both"}
"""

DISAGGREGATED_SGLANG = edited(
    DISAGGREGATED,
    *(
        edit
        for phase in ("prefill", "decode")
        for edit in (
            (VLLM_IMAGE, SGLANG_IMAGE),
            (
                NIXL,
                f"{ARG}--host=0.0.0.0{ARG}--disaggregation-mode={phase}{ARG}--enable-metrics",
            ),
        )
    ),
)

PREFILL_ARGS = f"--port=8000{NIXL}"
DECODE_ARGS = f"--port=8001{NIXL}"


def disaggregated(*edits: tuple[str, str], fixed: str = DISAGGREGATED) -> Example:
    """An example of a document that serves PrefillDecode, with texts replaced."""
    return written("document", edited(fixed, *edits), fixed)


PYTHON_DISAGGREGATED = """\
gpu = DeviceRequest.of("gpu", 'device.driver == "gpu.nvidia.com"')
image = "vllm/vllm-openai:v0.32.0"
nixl = '--kv-transfer-config={"kv_connector":"NixlConnector","kv_role":"kv_both"}'

ModelDeployment(
    App(),
    "qwen",
    name="qwen",
    namespace="ml-team",
    model_cache="qwen3-32b",
    serving_mode="PrefillDecode",
    engines=[
        Engine.standalone(
            "prefill",
            phase="Prefill",
            image=image,
            args=["--port=8000", nixl],
            devices=[gpu],
        ),
        Engine.standalone(
            "decode",
            phase="Decode",
            image=image,
            args=["--port=8200", nixl],
            devices=[gpu],
        ),
    ],
)
"""

PYTHON_SGLANG = """\
gpu = DeviceRequest.of("gpu", 'device.driver == "gpu.nvidia.com"')
image = "lmsysorg/sglang:v0.5.9"

ModelDeployment(
    App(),
    "qwen",
    name="qwen",
    namespace="ml-team",
    model_cache="qwen3-32b",
    serving_mode="PrefillDecode",
    engines=[
        Engine.standalone(
            "short-prompts",
            phase="Prefill",
            image=image,
            args=[
                "--host=0.0.0.0",
                "--port=8000",
                "--disaggregation-mode=prefill",
                "--disaggregation-bootstrap-port=8998",
            ],
            devices=[gpu],
        ),
        Engine.standalone(
            "long-prompts",
            phase="Prefill",
            image=image,
            args=[
                "--host=0.0.0.0",
                "--port=8000",
                "--disaggregation-mode=prefill",
                "--disaggregation-bootstrap-port=8998",
            ],
            devices=[gpu],
        ),
        Engine.standalone(
            "decode",
            phase="Decode",
            image=image,
            args=["--port=8200", "--disaggregation-mode=decode"],
            devices=[gpu],
        ),
    ],
    picker_config=DisaggregatedConfig.always(),
)
"""

PYTHON_ENCODE = edited(
    PYTHON_DISAGGREGATED,
    (
        "    engines=[\n",
        """\
    engines=[
        Engine.standalone(
            "encode",
            phase="Encode",
            image=image,
            args=["--port=8000"],
            devices=[gpu],
        ),
""",
    ),
)

PYTHON_UNIFIED = """\
gpu = DeviceRequest.of("gpu", 'device.driver == "gpu.nvidia.com"')

ModelDeployment(
    App(),
    "qwen",
    name="qwen",
    namespace="ml-team",
    engines=[
        Engine.standalone(
            "qwen",
            image="vllm/vllm-openai:v0.32.0",
            args=["--model=Qwen/Qwen3-32B", "--port=8000"],
            devices=[gpu],
        ),
    ],
)
"""

PYTHON_GANG = """\
gpus = DeviceRequest.of("gpu", 'device.driver == "gpu.nvidia.com"', count=8)
image = "vllm/vllm-openai:v0.32.0"
args = ["--port=8000", "--data-parallel-hybrid-lb"]

ModelDeployment(
    App(),
    "kimi",
    name="kimi",
    namespace="ml-team",
    model_cache="kimi-k2",
    platform=Platform(unified_mode="picker"),
    engines=[
        Engine(
            name="kimi",
            serving_pods="every",
            members=[
                Member.of("Leader", image=image, args=args, devices=[gpus]),
                Member.of("Worker", image=image, args=args, devices=[gpus], nodes=1),
            ],
        ),
    ],
)
"""

TWO_RANKS = (
    "nixl],\n            devices=[gpu],",
    'nixl, "--data-parallel-size-local=2"],\n            devices=[gpu],\n            ranks=2,',
)
PYTHON_RANKS = edited(PYTHON_DISAGGREGATED, TWO_RANKS, TWO_RANKS)


def with_argument(name: str, value: str, text: str = PYTHON_DISAGGREGATED) -> str:
    """Python code of a deployment with a further argument."""
    return edited(text, ("    ],\n)\n", f"    ],\n    {name}={value},\n)\n"))
