"""Engines and pools that do not go together."""

from __future__ import annotations

from cdk8s_inference.checks.code import Code
from cdk8s_inference.checks.example import edited
from cdk8s_inference.checks.sample import Sample, python, written
from cdk8s_inference.checks.sources import SEEN

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


def _document(*edits: tuple[str, str], mended: str = _DOCUMENT) -> Sample:
    return written("document", edited(mended, *edits), mended)


_PREFILL, _DECODE = f"--port=8000{_NIXL}", f"--port=8001{_NIXL}"

_AGAIN = "Prefill runs, nothing is handed over, and decode computes it all again, with status 200."
_NOBODY = (
    f"{SEEN}: behind a pool of two ports, with one of them listened on, half of the requests "
    "are answered 503."
)

CODES: tuple[Code, ...] = (
    Code(
        "W101",
        "No engine says how it hands its KV cache over",
        prevents=f"{_AGAIN} Unless a configuration file says it: those are not read here.",
        source="vLLM without --kv-transfer-config has no connector; ai-dynamo/dynamo#11467.",
        fix="give both engines --kv-transfer-config, or name SidecarOptions.connector",
        sample=_document((_PREFILL, "--port=8000"), (_DECODE, "--port=8001")),
        severity="warning",
    ),
    Code(
        "W102",
        "One engine says nothing of handing its KV cache over, and another does",
        prevents=_AGAIN,
        source="vLLM without --kv-transfer-config has no connector; ai-dynamo/dynamo#11467.",
        fix="give both engines the same --kv-transfer-config",
        sample=_document((_DECODE, "--port=8001")),
        severity="warning",
    ),
    Code(
        "W103",
        "Engines of one pool hand over by different transports",
        prevents="The handshake fails at the first request, or nothing is handed over and decode "
        "computes it all again.",
        source="ai-dynamo/dynamo#10027.",
        fix="give prefill and decode the same connector",
        sample=_document((_DECODE, _DECODE.replace("NixlConnector", "MooncakeConnector"))),
        severity="error",
    ),
    Code(
        "W104",
        "The connector chosen is not the engines' transport",
        prevents=f"{_AGAIN} With mooncake in front of engines that speak NIXL, long prompts are "
        "answered 502.",
        source=f"{SEEN}; 502 with the latter two.",
        fix="leave SidecarOptions.connector out, or choose that of the engines",
        sample=python(
            _with("platform", 'Platform(sidecar=SidecarOptions(connector="mooncake"))'),
            _with("platform", 'Platform(sidecar=SidecarOptions(connector="nixlv2"))'),
        ),
        severity="error",
    ),
    Code(
        "W105",
        "The router's release has no connector for the engine's transport",
        prevents="With a connector that it does not know the sidecar exits at its start, with code "
        "0, and every request is answered 503. With one of another transport nothing is handed "
        "over, and decode computes it all again, with status 200.",
        source=f"{SEEN}.",
        fix="use a connector that the release has, or a release that has it",
        sample=_document(
            ("NixlConnector", "P2pNcclConnector"), ("NixlConnector", "P2pNcclConnector")
        ),
    ),
    Code(
        "W106",
        "The sidecar has no connector for TensorRT-LLM",
        prevents="Nothing is handed over, and decode computes every prompt again.",
        source="The connectors of router v0.8.0, v0.9.0 and v0.10.0 speak to vLLM and SGLang "
        "alone; read in its sources.",
        fix="serve it in mode Unified, or take vLLM or SGLang for prefill and decode",
        sample=_document(
            *((_VLLM_IMAGE, _TENSORRT_IMAGE), (_NIXL, "")),
            *((_VLLM_IMAGE, _TENSORRT_IMAGE), (_NIXL, "")),
        ),
        severity="error",
    ),
    Code(
        "W107",
        "SGLang runs in another mode than its phase",
        prevents="The engine waits for the other side of a handover that never comes, and requests "
        "fail.",
        source="SGLang's --disaggregation-mode; not seen run.",
        fix="give it the mode of its phase",
        sample=_document(
            ("--disaggregation-mode=decode", "--disaggregation-mode=prefill"),
            mended=_SGLANG_DOCUMENT,
        ),
        severity="error",
    ),
    Code(
        "W108",
        "--kv-transfer-config cannot be read",
        prevents="The sidecar is given nixlv2, whatever the engine hands over by. JSON that vLLM "
        "cannot read either ends the engine at its start.",
        source="vLLM takes it as JSON.",
        fix="write it as JSON with kv_connector, or name SidecarOptions.connector",
        sample=_document((_DECODE, _DECODE.replace('"', "'"))),
        severity="warning",
    ),
    Code(
        "W109",
        "SGLang has no --disaggregation-mode",
        prevents="The engine serves alone. On decode it computes every prompt again, with status "
        "200; on prefill what it computes is handed to nobody.",
        source="SGLang's --disaggregation-mode is null by default.",
        fix="give prefill --disaggregation-mode=prefill and decode --disaggregation-mode=decode",
        sample=_document((f"{_ARG}--disaggregation-mode=decode", ""), mended=_SGLANG_DOCUMENT),
        severity="warning",
    ),
    Code(
        "W110",
        "SGLang is asked to prefill on decode",
        prevents="A decode engine of SGLang cannot prefill: each prompt that the picker does not "
        "disaggregate, such as a short or cached one, is answered 400.",
        source="llm-d's documentation of SGLang; sgl-project/sglang#14628.",
        fix="use DisaggregatedConfig.always(), or AlwaysDisaggregate() as the decider",
        sample=python(
            edited(_SGLANG, ("DisaggregatedConfig.always()", "DisaggregatedConfig.prefix_aware()")),
            _SGLANG,
        ),
        severity="error",
    ),
    Code(
        "W111",
        "Prefill engines have different bootstrap ports",
        prevents="The sidecar knows one port for all: prompts that an engine with another one "
        "prefills are never handed over, and fail.",
        source="Seen run with router v0.9.0 and v0.10.0: where nothing listens on the bootstrap "
        "port, the sidecar's mooncake connector answers 502.",
        fix="give all prefill engines the same bootstrap port",
        sample=python(edited(_SGLANG, ("bootstrap-port=8998", "bootstrap-port=9998")), _SGLANG),
        severity="error",
    ),
    Code(
        "W112",
        "The picker's configuration does not fit how the engines serve",
        prevents="Over prefill and decode pods, a configuration for whole requests lets prefill "
        "pods answer users, and disaggregates nothing, with status 200.",
        source=f"{SEEN}.",
        fix="give a DisaggregatedConfig for PrefillDecode, and a UnifiedConfig behind a picker "
        "for Unified",
        sample=python(
            _with("picker_config", "UnifiedConfig.prefix_aware()"),
            _with("picker_config", "DisaggregatedConfig.prefix_aware()"),
        ),
        severity="error",
    ),
    Code(
        "W113",
        "Encode engines are never asked",
        prevents="Encode engines stay idle, and whoever prefills encodes the images as well, with "
        "status 200.",
        source=f"{SEEN}: without a decider for encode the picker logs once that the stage is "
        "disabled.",
        fix="set DisaggregatedConfig.encode, or leave picker_config out",
        sample=python(
            _with("picker_config", "DisaggregatedConfig.prefix_aware()", _ENCODE), _ENCODE
        ),
        severity="error",
    ),
    Code(
        "W201",
        "Engines of one pool have different numbers of ranks",
        prevents="The picker sends to every port of the pool, also where nothing listens, and "
        "those requests are answered 503.",
        source=_NOBODY,
        fix="give all engines of a pool the same ranks",
        sample=python(edited(_PREFILL_AND_DECODE, _TWO_RANKS), _RANKS),
        severity="error",
    ),
    Code(
        "W202",
        "The ports of ranks overlap, or do not exist",
        prevents="The sidecar takes the pool's ports, one for each rank. Where the engine listens "
        "on one of them as well, a prompt is prefilled, and then answered 503.",
        source=f"{SEEN}, with the sidecar on its engine's port.",
        fix="give the decode engine a --port beyond those of the pool, such as 8200",
        sample=python(edited(_RANKS, ("--port=8200", "--port=8001")), _RANKS),
        severity="error",
    ),
    Code(
        "W203",
        "Every pod is to serve, and there are no followers",
        prevents="Every pod of a standalone engine serves already: who wrote the value thought of "
        "a gang.",
        source="An engine's followers are its members of role Worker.",
        fix="leave serving_pods out, or give the engine a leader and a worker",
        sample=python(
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
    Code(
        "W204",
        "Every pod is to serve, and not every pod can",
        prevents="The picker sends to followers where nothing listens, and those requests are "
        "answered 503.",
        source=f"{_NOBODY} vLLM starts no API server with --headless.",
        fix="give followers the leader's --port, without --headless, or let the leader alone serve",
        sample=python(
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
    Code(
        "W205",
        "A Service leads to one rank of several",
        prevents="The first rank gets every request, and the others stay idle.",
        source="Each rank listens on its own port, and the Service has one.",
        fix='set Platform(unified_mode="picker"): a pool has up to eight ports',
        sample=python(
            _UNIFIED_RANKS, _with("platform", 'Platform(unified_mode="picker")', _UNIFIED_RANKS)
        ),
        severity="error",
    ),
    Code(
        "W206",
        "Devices are claimed twice, from the device plugin and by DRA",
        prevents="Two allocators hand out the same devices without knowing of each other: a pod "
        "gets twice as many, or shares one with another pod and runs out of memory.",
        source="Kubernetes allocates extended resources and resource claims apart.",
        fix="keep one of them",
        sample=python(
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
    Code(
        "W207",
        "The engine has other ranks than it is said to have",
        prevents="The pool has a port for each rank that is said, and the picker sends to all of "
        "them: requests to a port without a rank are answered 503.",
        source=_NOBODY,
        fix="give --data-parallel-size-local and ranks the same number",
        sample=python(edited(_RANKS, ("size-local=2", "size-local=1")), _RANKS),
        severity="error",
    ),
    Code(
        "W301",
        "The pool is to fail open",
        prevents="While the picker is away, the gateway sends requests to any pod of the pool: "
        "prefill pods answer users, and nothing is disaggregated, with status 200.",
        source="What FailOpen means in an InferencePool; not seen run.",
        fix="leave PickerOptions.failure_mode at FailClose, or accept that",
        sample=python(
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
