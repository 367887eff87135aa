from __future__ import annotations

import pytest

from tests.checks.rendered import codes
from tests.kit import examples

_NEW, _OLD = "vllm/vllm-openai:v0.11.1", "vllm/vllm-openai:v0.11.0"
_MODEL = "Qwen/Qwen3-32B"


def told(image: str, args: list[str], command: list[str] | None = None) -> set[str]:
    objects = examples.base("disaggregated")
    for each in objects:
        if each["metadata"]["name"] in ("prefill", "decode"):
            container = each["spec"]["template"]["spec"]["containers"][0]
            kept = [arg for arg in container["args"] if not arg.startswith("--model")]
            container |= {"image": image, "args": [*args, *kept]}
            if command is not None:
                container["command"] = command
    return codes(objects) & {"T646", "T669"}


@pytest.mark.parametrize(
    ("args", "new", "old"),
    [
        ([f"--model={_MODEL}"], set(), set()),
        ([_MODEL], set(), {"T646"}),
        (["--enforce-eager", _MODEL], set(), {"T646"}),
        (["--max-model-len", "4096", _MODEL], set(), {"T646"}),
        (["--served-model-name", "a", "b"], {"T646"}, {"T646"}),
        (["--max-model-len", "4096"], {"T646"}, {"T646"}),
        (["serve", _MODEL], {"T669"}, {"T669"}),
        (["vllm", "serve", _MODEL], {"T669"}, {"T669"}),
        (["bash", "-c", f"vllm serve {_MODEL}"], {"T669"}, {"T669"}),
    ],
    ids=str,
)
def test_what_images_of_vllm_take(args: list[str], new: set[str], old: set[str]) -> None:
    assert told(_NEW, args) == new
    assert told(_OLD, args) == old


def test_a_command_replaces_the_program_of_the_image() -> None:
    assert told(_OLD, [_MODEL], ["vllm", "serve"]) == set()
    assert told(_NEW, ["serve", _MODEL], ["vllm"]) == set()


def test_images_of_others_start_what_they_like() -> None:
    assert told("example.com/vllm:v0.11.1", ["serve", _MODEL]) == set()
