"""Dynamo's workers: engines that take requests from Dynamo's frontend, not over HTTP.

Read in ai-dynamo/dynamo, ``components/src/dynamo`` and ``examples/backends``: a worker takes the
flags of its engine and some of its own, registers with the frontend, and sets up the hand-over of
KV caches by itself. So nothing is known here of where it listens, and rules about HTTP ports and
``--kv-transfer-config`` say nothing of it. Its frontend and router are no engines.
"""

from __future__ import annotations

from dataclasses import replace

from cdk8s_inference.servers import sglang, tensorrt_llm, vllm
from cdk8s_inference.servers.server import FlagNames, Program, Server, ServerName

PACKAGE = "dynamo"
IMAGES = "ai-dynamo/"
"""The folder of its images, which hold an engine, the workers and the frontend."""


def _worker(name: ServerName, title: str, engine: Server, names: FlagNames) -> Server:
    return Server(
        name=name,
        title=title,
        programs=(),
        modules=(Program(f"{PACKAGE}.{engine.name}"),),
        grammar=engine.grammar,
        names=replace(names, host=None, port=None, kv_transfer=None, config_file=None),
        directories=engine.directories,
        shared_memory=engine.shared_memory,
        secret_flags=engine.secret_flags,
    )


WORKERS = (
    _worker("dynamo-vllm", "Dynamo with vLLM", vllm.SERVER, vllm.SERVER.names),
    _worker("dynamo-sglang", "Dynamo with SGLang", sglang.SERVER, sglang.SERVER.names),
    _worker(
        "dynamo-trtllm",
        "Dynamo with TensorRT-LLM",
        tensorrt_llm.SERVER,
        FlagNames(
            model="--model-path",
            served_model="--served-model-name",
            tensor_parallel="--tensor-parallel-size",
            pipeline_parallel="--pipeline-parallel-size",
        ),
    ),
)
