"""The flags that servers know."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cdk8s_inference.servers import SERVERS, SGLANG, VLLM, FlagNames, Flags, Server

TENSOR = "--tensor-parallel-size"


def flags(server: Server, release: str | None = None) -> Flags:
    found = server.flags(release)
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("server", "name", "expected", "negated"),
    [
        (VLLM, TENSOR, TENSOR, False),
        (VLLM, "--tensor_parallel_size", TENSOR, False),
        (VLLM, "-tp", TENSOR, False),
        (VLLM, "--tensor-p", TENSOR, False),
        (VLLM, "--no-enable-prefix-caching", "--enable-prefix-caching", True),
        (VLLM, "--kv-transfer-config.kv_role", "--kv-transfer-config", False),
        (VLLM, "--port.x", None, False),
        (VLLM, "--enable", None, False),
        (VLLM, "--tensor-paralel-size", None, False),
        (SGLANG, "--tp", TENSOR, False),
        (SGLANG, "--tp-size", TENSOR, False),
        (SGLANG, "--model", "--model-path", False),
        (SGLANG, "--tensor_parallel_size", None, False),
        (SGLANG, "-tp", None, False),
    ],
)
def test_names_of_a_flag(server: Server, name: str, expected: str | None, negated: bool) -> None:
    found = flags(server, "0.23.0" if server is VLLM else "0.5.9").match(name)
    assert (found.flag.name if found else None) == expected
    assert found is None or found.negated is negated


def test_fields_of_a_json_flag() -> None:
    found = flags(VLLM).match("--kv_transfer_config.kv_connector_extra_config.backends+")
    assert found is not None
    assert found.field == ("kv_connector_extra_config", "backends")
    assert "kv_role" in found.flag.fields


def test_flags_come_and_go_by_release() -> None:
    def known(release: str, name: str) -> bool:
        return flags(VLLM, release).find(name) is not None

    assert [known(each, "--shutdown-timeout") for each in ("0.11.0", "0.23.0")] == [False, True]
    assert [known(each, "--swap-space") for each in ("0.11.0", "0.23.0")] == [True, False]
    assert [known(each, "-ep") for each in ("0.11.0", "0.23.0")] == [False, True]
    assert known("0.33.0", "--disable-lora")
    assert not known("0.32.0", "--disable-lora")


@pytest.mark.parametrize(
    ("release", "read_by", "exact"),
    [
        ("0.23.0", "0.23.0", True),
        ("0.23.7", "0.23.0", True),
        ("0.99.0", "0.33.0", False),
        ("0.1.0", "0.10.2", False),
        (None, "0.33.0", False),
    ],
)
def test_another_release_is_read_by_the_nearest(
    release: str | None, read_by: str, exact: bool
) -> None:
    found = flags(VLLM, release)
    assert (found.release, found.exact) == (read_by, exact)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("--tensor-paralel-size", TENSOR),
        ("--max_modl_len", "--max-model-len"),
        ("--kv-transfr-config.kv_role", "--kv-transfer-config"),
        ("--frobnicate", None),
    ],
)
def test_the_name_that_a_mistyped_one_is_most_like(name: str, expected: str | None) -> None:
    assert flags(VLLM, "0.23.0").near(name) == expected


def test_types_and_defaults() -> None:
    known = flags(VLLM, "0.23.0")
    facts = {
        name: known.find(name) for name in ("--port", "--enable-lora", "--headless", "--dtype")
    }
    kinds = {name: (flag.kind, flag.default) for name, flag in facts.items() if flag}
    assert kinds == {
        "--port": ("int", 8000),
        "--enable-lora": ("bool", None),
        "--headless": ("switch", None),
        "--dtype": ("str", "auto"),
    }
    assert facts["--dtype"] is not None
    assert "bfloat16" in facts["--dtype"].choices


@pytest.mark.parametrize("server", [each for each in SERVERS if each.flag_file], ids=str)
def test_every_flag_that_code_asks_for_is_known(server: Server) -> None:
    names = [value for value in vars(server.names).values() if isinstance(value, str)]
    known = flags(server)
    assert [name for name in (*names, *server.telling_flags) if known.find(name) is None] == []


@pytest.mark.parametrize("server", [each for each in SERVERS if each.flag_file], ids=str)
def test_defaults_agree_with_the_flags(server: Server) -> None:
    port = flags(server).find(server.names.port or "")
    assert port is not None
    assert port.default == server.port


def test_a_server_without_a_data_file_refuses_no_flag() -> None:
    assert [each.name for each in SERVERS if each.flags() is None] == [
        "trtllm",
        "llm-d-inference-sim",
        "lmcache",
        "mooncake",
        "dynamo-vllm",
        "dynamo-sglang",
        "dynamo-trtllm",
    ]
    assert FlagNames().port is None


@given(st.text(max_size=20))
def test_any_name_is_looked_up(name: str) -> None:
    known = flags(VLLM)
    found = known.match(f"--{name}")
    assert found is None or found.flag in list(known)
