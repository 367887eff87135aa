"""Engines and pools that do not go together."""

from __future__ import annotations

from cdk8s_inference.findings.evidence import SEEN
from cdk8s_inference.findings.example import Example, edited, python, written
from cdk8s_inference.findings.rule import AnyRule, Rule

_ARG = "\n                        - "
_NIXL = f'{_ARG}--kv-transfer-config={{"kv_connector":"NixlConnector","kv_role":"kv_both"}}'
_VLLM_IMAGE = "image: vllm/vllm-openai:v0.23.0\n"
_TENSORRT_IMAGE = """\
image: nvcr.io/nvidia/tensorrt-llm/release:1.2.0
                      command: [trtllm-serve]
"""
_SGLANG_IMAGE = """\
image: lmsysorg/sglang:v0.5.9
                      command: [python3, -m, sglang.launch_server]
"""

_DOCUMENT = """\
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
                      image: vllm/vllm-openai:v0.23.0
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
                      image: vllm/vllm-openai:v0.23.0
                      args:
                        - --port=8001
                        - --kv-transfer-config={"kv_connector":"NixlConnector","kv_role":"kv_both"}
"""

_SGLANG_DOCUMENT = edited(
    _DOCUMENT,
    *(
        edit
        for phase in ("prefill", "decode")
        for edit in (
            (_VLLM_IMAGE, _SGLANG_IMAGE),
            (_NIXL, f"{_ARG}--disaggregation-mode={phase}"),
        )
    ),
)

_PREFILL_AND_DECODE = """\
gpu = DeviceRequest.of("gpu", 'device.driver == "gpu.nvidia.com"')
image = "vllm/vllm-openai:v0.23.0"
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

_SGLANG = """\
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

_TWO_RANKS = (
    "nixl],\n            devices=[gpu],",
    'nixl, "--data-parallel-size-local=2"],\n            devices=[gpu],\n            ranks=2,',
)
_RANKS = edited(_PREFILL_AND_DECODE, _TWO_RANKS, _TWO_RANKS)

_ENCODE = edited(
    _PREFILL_AND_DECODE,
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

_GANG = """\
gpus = DeviceRequest.of("gpu", 'device.driver == "gpu.nvidia.com"', count=8)
image = "vllm/vllm-openai:v0.23.0"
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

_UNIFIED = """\
gpu = DeviceRequest.of("gpu", 'device.driver == "gpu.nvidia.com"')

ModelDeployment(
    App(),
    "qwen",
    name="qwen",
    namespace="ml-team",
    engines=[
        Engine.standalone(
            "qwen",
            image="vllm/vllm-openai:v0.23.0",
            args=["--model=Qwen/Qwen3-32B", "--port=8000"],
            devices=[gpu],
        ),
    ],
)
"""


def _with(argument: str, value: str, text: str = _PREFILL_AND_DECODE) -> str:
    return edited(text, ("    ],\n)\n", f"    ],\n    {argument}={value},\n)\n"))


_UNIFIED_RANKS = edited(_UNIFIED, ("devices=[gpu],", "devices=[gpu],\n            ranks=2,"))
_ON_ISTIO = "from cdk8s_inference.gateways import ISTIO\n\n" + _with(
    "platform", "Platform(\n        gateway=Gateway(provider=ISTIO),\n    )"
)


def _document(*edits: tuple[str, str], mended: str = _DOCUMENT) -> Example:
    return written("document", edited(mended, *edits), mended)


_PREFILL, _DECODE = f"--port=8000{_NIXL}", f"--port=8001{_NIXL}"

_AGAIN = "Prefill runs, nothing is handed over, and decode computes it all again, with status 200."
_NOBODY = (
    f"{SEEN}: behind a pool of two ports, with one of them listened on, half of the requests "
    "are answered 503."
)

CODES: tuple[AnyRule, ...] = (
    Rule(
        "W101",
        "No engine says how it hands its KV cache over",
        why=f"{_AGAIN} Unless a configuration file says it: those are not read here.",
        evidence="vLLM without --kv-transfer-config has no connector; ai-dynamo/dynamo#11467.",
        fix="give both engines --kv-transfer-config, or name SidecarOptions.connector",
        example=_document((_PREFILL, "--port=8000"), (_DECODE, "--port=8001")),
        severity="warning",
    ),
    Rule(
        "W102",
        "One engine says nothing of handing its KV cache over, and another does",
        why=_AGAIN,
        evidence="vLLM without --kv-transfer-config has no connector; ai-dynamo/dynamo#11467.",
        fix="give both engines the same --kv-transfer-config",
        example=_document((_DECODE, "--port=8001")),
        severity="warning",
    ),
    Rule(
        "W103",
        "Engines of one pool hand over by different transports",
        why="The handshake fails at the first request, or nothing is handed over and decode "
        "computes it all again.",
        evidence="ai-dynamo/dynamo#10027.",
        fix="give prefill and decode the same connector",
        example=_document((_DECODE, _DECODE.replace("NixlConnector", "MooncakeConnector"))),
        severity="error",
    ),
    Rule(
        "W104",
        "The connector chosen is not the engines' transport",
        why=f"{_AGAIN} With mooncake in front of engines that speak NIXL, long prompts are "
        "answered 502.",
        evidence=f"{SEEN}; 502 with the latter two.",
        fix="leave SidecarOptions.connector out, or choose that of the engines",
        example=python(
            _with("platform", 'Platform(sidecar=SidecarOptions(connector="mooncake"))'),
            _with("platform", 'Platform(sidecar=SidecarOptions(connector="nixlv2"))'),
        ),
        severity="error",
    ),
    Rule(
        "W105",
        "The router's release has no connector for the engine's transport",
        why="With a connector that it does not know the sidecar exits at its start, with code "
        "0, and every request is answered 503. With one of another transport nothing is handed "
        "over, and decode computes it all again, with status 200.",
        evidence=f"{SEEN}.",
        fix="use a connector that the release has, or a release that has it",
        example=_document(
            ("NixlConnector", "P2pNcclConnector"), ("NixlConnector", "P2pNcclConnector")
        ),
    ),
    Rule(
        "W106",
        "The sidecar has no connector for TensorRT-LLM",
        why="Nothing is handed over, and decode computes every prompt again.",
        evidence="The connectors of router v0.8.0, v0.9.0 and v0.10.0 speak to vLLM and SGLang "
        "alone; read in its sources.",
        fix="serve it in mode Unified, or take vLLM or SGLang for prefill and decode",
        example=_document(
            *((_VLLM_IMAGE, _TENSORRT_IMAGE), (_NIXL, "")),
            *((_VLLM_IMAGE, _TENSORRT_IMAGE), (_NIXL, "")),
        ),
        severity="error",
    ),
    Rule(
        "W107",
        "SGLang runs in another mode than its phase",
        why="The engine waits for the other side of a handover that never comes, and requests "
        "fail.",
        evidence="SGLang's --disaggregation-mode; not seen run.",
        fix="give it the mode of its phase",
        example=_document(
            ("--disaggregation-mode=decode", "--disaggregation-mode=prefill"),
            mended=_SGLANG_DOCUMENT,
        ),
        severity="error",
    ),
    Rule(
        "W108",
        "--kv-transfer-config cannot be read",
        why="The sidecar is given nixlv2, whatever the engine hands over by. JSON that vLLM "
        "cannot read either ends the engine at its start.",
        evidence="vLLM takes it as JSON.",
        fix="write it as JSON with kv_connector, or name SidecarOptions.connector",
        example=_document((_DECODE, _DECODE.replace('"', "'"))),
        severity="warning",
    ),
    Rule(
        "W109",
        "SGLang has no --disaggregation-mode",
        why="The engine serves alone. On decode it computes every prompt again, with status "
        "200; on prefill what it computes is handed to nobody.",
        evidence="SGLang's --disaggregation-mode is null by default.",
        fix="give prefill --disaggregation-mode=prefill and decode --disaggregation-mode=decode",
        example=_document((f"{_ARG}--disaggregation-mode=decode", ""), mended=_SGLANG_DOCUMENT),
        severity="warning",
    ),
    Rule(
        "W110",
        "SGLang is asked to prefill on decode",
        why="A decode engine of SGLang cannot prefill: each prompt that the picker does not "
        "disaggregate, such as a short or cached one, is answered 400.",
        evidence="llm-d's documentation of SGLang; sgl-project/sglang#14628.",
        fix="use DisaggregatedConfig.always(), or AlwaysDisaggregate() as the decider",
        example=python(
            edited(_SGLANG, ("DisaggregatedConfig.always()", "DisaggregatedConfig.prefix_aware()")),
            _SGLANG,
        ),
        severity="error",
    ),
    Rule(
        "W111",
        "Prefill engines have different bootstrap ports",
        why="The sidecar knows one port for all: prompts that an engine with another one "
        "prefills are never handed over, and fail.",
        evidence="Seen run with router v0.9.0 and v0.10.0: where nothing listens on the bootstrap "
        "port, the sidecar's mooncake connector answers 502.",
        fix="give all prefill engines the same bootstrap port",
        example=python(edited(_SGLANG, ("bootstrap-port=8998", "bootstrap-port=9998")), _SGLANG),
        severity="error",
    ),
    Rule(
        "W112",
        "The picker's configuration does not fit how the engines serve",
        why="Over prefill and decode pods, a configuration for whole requests lets prefill "
        "pods answer users, and disaggregates nothing, with status 200.",
        evidence=f"{SEEN}.",
        fix="give a DisaggregatedConfig for PrefillDecode, and a UnifiedConfig behind a picker "
        "for Unified",
        example=python(
            _with("picker_config", "UnifiedConfig.prefix_aware()"),
            _with("picker_config", "DisaggregatedConfig.prefix_aware()"),
        ),
        severity="error",
    ),
    Rule(
        "W113",
        "Encode engines are never asked",
        why="Encode engines stay idle, and whoever prefills encodes the images as well, with "
        "status 200.",
        evidence=f"{SEEN}: without a decider for encode the picker logs once that the stage is "
        "disabled.",
        fix="set DisaggregatedConfig.encode, or leave picker_config out",
        example=python(
            _with("picker_config", "DisaggregatedConfig.prefix_aware()", _ENCODE), _ENCODE
        ),
        severity="error",
    ),
    Rule(
        "W201",
        "Engines of one pool have different numbers of ranks",
        why="The picker sends to every port of the pool, also where nothing listens, and "
        "those requests are answered 503.",
        evidence=_NOBODY,
        fix="give all engines of a pool the same ranks",
        example=python(edited(_PREFILL_AND_DECODE, _TWO_RANKS), _RANKS),
        severity="error",
    ),
    Rule(
        "W202",
        "The ports of ranks overlap, or do not exist",
        why="The sidecar takes the pool's ports, one for each rank. Where the engine listens "
        "on one of them as well, a prompt is prefilled, and then answered 503.",
        evidence=f"{SEEN}, with the sidecar on its engine's port.",
        fix="give the decode engine a --port beyond those of the pool, such as 8200",
        example=python(edited(_RANKS, ("--port=8200", "--port=8001")), _RANKS),
        severity="error",
    ),
    Rule(
        "W203",
        "Every pod is to serve, and there are no followers",
        why="Every pod of a standalone engine serves already: who wrote the value thought of "
        "a gang.",
        evidence="An engine's followers are its members of role Worker.",
        fix="leave serving_pods out, or give the engine a leader and a worker",
        example=python(
            edited(
                _GANG,
                ('                Member.of("Leader",', '                Member.of("Standalone",'),
                (
                    '                Member.of("Worker", image=image, args=args, devices=[gpus], '
                    "nodes=1),\n",
                    "",
                ),
            ),
            _GANG,
        ),
        severity="error",
    ),
    Rule(
        "W204",
        "Every pod is to serve, and not every pod can",
        why="The picker sends to followers where nothing listens, and those requests are "
        "answered 503.",
        evidence=f"{_NOBODY} vLLM starts no API server with --headless.",
        fix="give followers the leader's --port, without --headless, or let the leader alone serve",
        example=python(
            edited(
                _GANG,
                (
                    '"Worker", image=image, args=args',
                    '"Worker", image=image, args=[*args, "--headless"]',
                ),
            ),
            _GANG,
        ),
        severity="error",
    ),
    Rule(
        "W205",
        "A Service leads to one rank of several",
        why="The first rank gets every request, and the others stay idle.",
        evidence="Each rank listens on its own port, and the Service has one.",
        fix='set Platform(unified_mode="picker"): a pool has up to eight ports',
        example=python(
            _UNIFIED_RANKS, _with("platform", 'Platform(unified_mode="picker")', _UNIFIED_RANKS)
        ),
        severity="error",
    ),
    Rule(
        "W206",
        "Devices are claimed twice, from the device plugin and by DRA",
        why="Two allocators hand out the same devices without knowing of each other: a pod "
        "gets twice as many, or shares one with another pod and runs out of memory.",
        evidence="Kubernetes allocates extended resources and resource claims apart.",
        fix="keep one of them",
        example=python(
            edited(
                _UNIFIED,
                (
                    "devices=[gpu],",
                    'devices=[gpu],\n            resources={"nvidia.com/gpu": 1},',
                ),
            ),
            _UNIFIED,
        ),
        severity="error",
    ),
    Rule(
        "W207",
        "The engine has other ranks than it is said to have",
        why="The pool has a port for each rank that is said, and the picker sends to all of "
        "them: requests to a port without a rank are answered 503.",
        evidence=_NOBODY,
        fix="give --data-parallel-size-local and ranks the same number",
        example=python(edited(_RANKS, ("size-local=2", "size-local=1")), _RANKS),
        severity="error",
    ),
    Rule(
        "W301",
        "The pool is to fail open",
        why="While the picker is away, the gateway sends requests to any pod of the pool: "
        "prefill pods answer users, and nothing is disaggregated, with status 200.",
        evidence="What FailOpen means in an InferencePool; not seen run.",
        fix="leave PickerOptions.failure_mode at FailClose, or accept that",
        example=python(
            edited(
                _ON_ISTIO,
                (
                    "(provider=ISTIO),\n",
                    '(provider=ISTIO),\n        picker=PickerOptions(failure_mode="FailOpen"),\n',
                ),
            ),
            _ON_ISTIO,
        ),
        severity="warning",
    ),
)
