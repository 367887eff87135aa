from __future__ import annotations

import pytest

from cdk8s_inference.findings.near_names import near_name


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("quen", "qwen"),
        ("two-gpu", "two-gpus"),
        ("inferense", "inference"),
        ("llama-decodee", "llama-decode"),
        ("qwenepp", "qwen-epp"),
        ("qewn-epp", "qwen-epp"),
    ],
)
def test_one_edit_away(name: str, meant: str) -> None:
    assert near_name(name, ["other", meant]) == meant


@pytest.mark.parametrize(
    ("name", "read"),
    [
        ("qwen-1", "qwen-0"),
        ("llama-70b", "llama-7b"),
        ("pool-b", "pool-a"),
        ("gpus-x", "gpus"),
        ("gpu-east", "gpu-west"),
        ("qwen-decode", "qwen-prefill"),
        ("", "qwen"),
        ("qwen", ""),
    ],
)
def test_two_names(name: str, read: str) -> None:
    assert near_name(name, [read]) is None


def test_nothing_was_read() -> None:
    assert near_name("qwen", []) is None
