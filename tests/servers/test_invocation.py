"""Flags and variables as a server reads them."""

from __future__ import annotations

import pytest

from cdk8s_inference.servers import SGLANG, VLLM, Invocation, Server, flags_given


def given(
    *args: str, server: Server | None = VLLM, release: str | None = "0.23.0", **env: str | None
) -> Invocation:
    return Invocation(server, release, flags_given(None, args), env)


def test_the_last_use_counts() -> None:
    assert given("--port=1", "--port", "2").number("--port") == 2


def test_a_default_holds_where_a_flag_is_not_given() -> None:
    assert given().number("--port") == 8000
    assert given().text("--port") is None
    assert given(server=None).number("--port") is None


@pytest.mark.parametrize("value", ["$(PORT)", "http", "{{ .port }}", ""])
def test_what_cannot_be_read_is_no_default(value: str) -> None:
    assert given(f"--port={value}").number("--port") is None


def test_other_spellings_of_a_flag() -> None:
    assert given("-tp", "4").number("--tensor-parallel-size") == 4
    assert given("--tensor_parallel_size=4").number("-tp") == 4
    assert given("--tp", "4", server=SGLANG).number("--tensor-parallel-size") == 4
    assert given("--max_model_len=5", server=None).number("--max-model-len") == 5


def test_switches() -> None:
    assert given("--headless", "8").text("--headless") == "true"
    assert given("--enable-lora").on("--enable-lora")
    assert not given("--enable-lora", "--no-enable-lora").on("--enable-lora")
    assert not given().on("--headless")
    assert given().on("--use-tqdm-on-load")


def test_a_flag_without_its_value() -> None:
    assert given("--port", "--host=x").number("--port") is None
    assert given("--unknown").text("--unknown") == "true"


def test_json() -> None:
    name = "--kv-transfer-config"
    assert given(f'{name}={{"kv_role":"kv_both"}}').json(name) == {"kv_role": "kv_both"}
    assert given(f"{name}.kv_role", "kv_both", f"{name}.kv_port=1").json(name) == {
        "kv_role": "kv_both",
        "kv_port": 1,
    }
    nested = given(f"{name}.kv_connector_extra_config.backends=[1]").json(name)
    assert nested == {"kv_connector_extra_config": {"backends": [1]}}
    for text in ("", "[]", "{", "$(CONFIG)"):
        assert given(f"{name}={text}").json(name) is None


def test_unknown_flags() -> None:
    written = ["--prot=8001", "--port=1", "--$(FLAG)", "--kv-transfer-config.x=1", "-x", "--"]
    assert [each.name for each in given(*written).unknown()] == ["--prot"]
    assert given(*written, server=None).unknown() == []


def test_variables() -> None:
    found = given(A="7", B=None)
    assert (found.variable("A"), found.variable("B", "x"), found.variable("C", "x")) == (
        "7",
        None,
        "x",
    )
    assert [found.variable_number(name, 5) for name in "ABC"] == [7, None, 5]
