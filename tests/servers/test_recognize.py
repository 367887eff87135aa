"""What a container runs."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cdk8s_inference.servers import engine_of, recognize

VLLM_IMAGE = "vllm/vllm-openai:v0.23.0"
NIXL = '--kv-transfer-config={"kv_connector":"NixlConnector","kv_role":"kv_both"}'
SLEEP = ["sleep", "infinity"]


@pytest.mark.parametrize(
    ("command", "args", "image", "expected"),
    [
        # Images alone.
        ([], [], VLLM_IMAGE, "vllm"),
        ([], [], "ghcr.io/llm-d/llm-d-cuda:v0.6.0", "vllm"),
        ([], [], "example.com/vllm-rbln:1", "vllm"),
        ([], [], "lmsysorg/sglang:v0.5", "sglang"),
        ([], [], "nvcr.io/nvidia/tensorrt-llm/release:1.0", "trtllm"),
        ([], [], "ghcr.io/llm-d/llm-d-inference-sim:v0.10.2", "llm-d-inference-sim"),
        ([], [], "lmcache/standalone:v0.4.2", "lmcache"),
        ([], [], "registry/engine:1", None),
        ([], [], "ghcr.io/vllm-project/guidellm:latest", None),
        # Arguments of the image's own program.
        ([], ["--model=Qwen/Qwen3-8B", "--port=8000"], VLLM_IMAGE, "vllm"),
        ([], ["Qwen/Qwen3-8B"], VLLM_IMAGE, "vllm"),
        ([], ["serve", "Qwen/Qwen3-8B"], VLLM_IMAGE, "vllm"),
        ([], ["--served-model-name", "vllm", "--model=sglang"], "lmsysorg/sglang:1", "sglang"),
        # Programs and modules.
        (["vllm", "serve", "m"], [], "i", "vllm"),
        (["/opt/venv/bin/vllm"], ["serve", "m"], "i", "vllm"),
        (["vllm", "--help"], [], "i", "vllm"),
        (["vllm", "$(SUBCOMMAND)"], [], "i", "vllm"),
        (["python3", "-m", "vllm.entrypoints.openai.api_server"], [], "i", "vllm"),
        (["python", "-m", "vllm.entrypoints.cli.main", "serve", "m"], [], "i", "vllm"),
        (["sglang", "serve"], ["--model-path", "m"], "i", "sglang"),
        (["python3.12", "-m", "sglang.launch_server"], [], "i", "sglang"),
        (["/usr/bin/trtllm-serve", "m"], [], "registry/vllm:1", "trtllm"),
        (["mpirun", "-n", "2", "trtllm-llmapi-launch", "trtllm-serve"], [], "i", "trtllm"),
        (["numactl", "--cpunodebind=0", "--", "vllm", "serve", "m"], [], "i", "vllm"),
        (["env", "HF_HOME=/m", "vllm", "serve", "m"], [], "i", "vllm"),
        (["/app/llm-d-inference-sim"], ["--model=m"], "i", "llm-d-inference-sim"),
        (["python3", "-m", "lmcache.v1.multiprocess.server"], [], VLLM_IMAGE, "lmcache"),
        (["lmcache", "server", "--port", "5555"], [], VLLM_IMAGE, "lmcache"),
        (["mooncake_master", "--rpc_port=50051"], [], VLLM_IMAGE, "mooncake"),
        # Scripts.
        (["sh", "-c", "python3 -m sglang.launch_server --port 8000"], [], "i", "sglang"),
        (["sh", "-c", "pip install x && exec vllm serve m"], [], "i", "vllm"),
        (["bash", "-lc"], ["ulimit -l unlimited; vllm serve m & wait"], "i", "vllm"),
        (["bash", "-c", "ray start --head --port=6379; vllm serve m"], [], "i", "vllm"),
        # Flags that only one server has.
        (["/start"], ["--disaggregation-mode=decode"], "i", "sglang"),
        (["/start"], [NIXL], "i", "vllm"),
        (["/start"], ["--kv_transfer_config.kv_connector", "NixlConnector"], "i", "vllm"),
        # A program before a flag: what vLLM makes of another server's flag is vLLM's.
        (["vllm", "serve"], ["--disaggregation-mode=decode"], "i", "vllm"),
        # A variable names no program.
        (["bash", "-c", "HF_HOME=/m exec $SERVER --port 8000"], [], VLLM_IMAGE, "vllm"),
        # Another program in an engine's image.
        (SLEEP, [], VLLM_IMAGE, None),
        ([], SLEEP, VLLM_IMAGE, None),
        (["python", "benchmark.py"], [], VLLM_IMAGE, None),
        (["python3"], ["-c", "import vllm"], VLLM_IMAGE, None),
        (["/bin/sh", "-c", "curl http://vllm:8000/v1/models"], [], VLLM_IMAGE, None),
        (["vllm", "bench", "serve", "--model", "m"], [], VLLM_IMAGE, None),
        (["vllm", "launch", "render", "m", "--port=8100"], [], VLLM_IMAGE, None),
        (["vllm"], ["run-batch", "-i", "in", "-o", "out"], VLLM_IMAGE, None),
        (["vllm", "chat"], [], VLLM_IMAGE, None),
        (["sglang", "version"], [], "i", None),
        (["python", "-m", "sglang.bench_serving"], [], "lmsysorg/sglang:v0.5", None),
        (["bash", "-c", "ray start --address=$LEADER:6379 --block"], [], VLLM_IMAGE, None),
        (["ray", "start", "--head", "--block"], [], VLLM_IMAGE, None),
        (["tritonserver"], [], "nvcr.io/nvidia/tritonserver:25.01-trtllm-python-py3", None),
        ([], [], "ghcr.io/someone/vllm-mock:latest", None),
        # Programs that take an engine's flags, and serve otherwise.
        (["python3", "-m", "sglang_router.launch_router"], [], "lmsysorg/sglang:v0.5", None),
        (["python3"], ["-m", "dynamo.frontend"], "ai-dynamo/vllm-runtime:1", None),
        (["python3", "-m", "dynamo.mocker"], [], "ai-dynamo/vllm-runtime:1", None),
        # Dynamo's workers, whose engine's flags alone would tell another server.
        (["python3", "-m", "dynamo.vllm"], ["--disaggregation-mode", "decode"], "i", "dynamo-vllm"),
        (["sh", "-c", "python3 -m dynamo.sglang --tp-size 8"], [], "sglang", "dynamo-sglang"),
        # A model that is named for an engine.
        (["serve"], ["--model", "/models/sglang"], "i", None),
        (["serve"], ["--served-model-name", "vllm"], "i", None),
    ],
)
def test_what_a_container_runs(
    command: list[str], args: list[str], image: str, expected: str | None
) -> None:
    found = recognize(command, args, image)
    assert (found.server.name if found else None) == expected


def test_a_cache_server_is_no_engine() -> None:
    assert engine_of(["mooncake_master"], [], "i") is None
    assert recognize(["mooncake_master"], [], "i") is not None


def flags(command: list[str], args: list[str] | None = None) -> list[tuple[str, str | None]]:
    found = recognize(command, args or [], "i")
    assert found is not None
    return [(flag.name, flag.value) for flag in found.given]


def test_flags_of_other_programs_are_not_the_servers() -> None:
    script = "until curl --retry 5 http://x; do sleep 1; done; numactl --all vllm serve m --port 81"
    assert flags(["bash", "-c", script]) == [("--port", "81")]


def test_a_script_hands_its_arguments_on() -> None:
    assert flags(["sh", "-c", 'exec vllm serve m "$@"', "--"], ["--port=81"]) == [("--port", "81")]


@settings(max_examples=50)
@given(st.lists(st.text(max_size=30), max_size=4), st.lists(st.text(max_size=30), max_size=4))
def test_any_words_are_read(command: list[str], args: list[str]) -> None:
    found = recognize(command, args, VLLM_IMAGE)
    assert found is None or found.server.images
