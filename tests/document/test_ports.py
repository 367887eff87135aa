"""Which port an engine listens on."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cdk8s_inference.document.engine import Engine, Member
from cdk8s_inference.document.model_deployment import DeviceRequest, Phase
from cdk8s_inference.document.ports import (
    DECODE_PORT,
    SERVING_PORT,
    Listening,
    engine_port,
    listening,
    parse_port,
)

GPU = DeviceRequest.of("gpu", "true")


def engine(*args: str, phase: Phase | None = None, command: list[str] | None = None) -> Engine:
    return Engine.standalone(
        "a", image="a", devices=[GPU], args=list(args), command=command, phase=phase
    )


@pytest.mark.parametrize(
    ("text", "port"),
    [
        ("1", 1),
        ("80", 80),
        ("8000", 8000),
        ("65535", 65535),
        ("08000", 8000),
        ("0", None),
        ("00000", None),
        ("65536", None),
        ("99999", None),
        ("100000", None),
        ("9" * 10_000, None),
        ("", None),
        (None, None),
        ("-1", None),
        ("+80", None),
        (" 80", None),
        ("80 ", None),
        ("80\n", None),
        ("8_0", None),
        ("8e3", None),
        ("80.0", None),
        ("0x50", None),
        ("$PORT", None),
        ("http", None),
        ("٨٠", None),
        ("\uff18\uff10", None),
        ("²", None),
        ("\U0001d7d8", None),
    ],
)
def test_parse_port(text: str | None, port: int | None) -> None:
    assert parse_port(text) == port


@settings(deadline=None, max_examples=300, derandomize=True, database=None)
@given(st.integers(-10, 70_000))
def test_ports_are_from_1_to_65535(number: int) -> None:
    assert parse_port(str(number)) == (number if 1 <= number <= 65535 else None)


@settings(deadline=None, max_examples=300, derandomize=True, database=None)
@given(st.text(max_size=6) | st.text(alphabet="0123456789\u0660\u00b2", max_size=6))
def test_no_text_is_too_odd(text: str) -> None:
    port = parse_port(text)
    assert port is None or text.lstrip("0") == str(port)


@pytest.mark.parametrize(
    ("phase", "default"), [(None, SERVING_PORT), ("Prefill", SERVING_PORT), ("Decode", DECODE_PORT)]
)
def test_default_ports(phase: Phase | None, default: int) -> None:
    assert engine_port(engine(phase=phase)) == default
    assert engine_port(engine("--model=m", "--port", phase=phase)) == default
    assert engine_port(engine("--port=9000", phase=phase)) == 9000
    assert engine_port(engine("--port", "9000", phase=phase)) == 9000


def test_serving_ports() -> None:
    assert (SERVING_PORT, DECODE_PORT) == (8000, 8001)


@pytest.mark.parametrize(
    ("command", "args", "port"),
    [
        # As argparse does, of which the engines' parsers are made.
        (["vllm", "--port=1"], ["--port=2", "--port=3"], 3),
        (["vllm", "--port=1"], ["serve"], 1),
        (["sh", "-c", "vllm serve --port 1"], [], 1),
        (["sh", "-c", "vllm serve --port 1"], ["--port=2"], 1),
        (["sh", "-c"], ["vllm serve --port 1", "--port=2"], 1),
        (["sh", "-c"], ['vllm serve "$@"', "--port=2", "--port=3"], 3),
        (["sh", "-c"], ["vllm serve --port 1 --port 2"], 2),
        (["bash", "-lc", "vllm serve \\\n --port=1"], [], 1),
        (["vllm"], ["--port=x", "--port=2"], 2),
        (["vllm"], ["--port=65536"], 8000),
    ],
)
def test_the_last_port_of_the_arguments_wins(
    command: list[str], args: list[str], port: int
) -> None:
    assert engine_port(engine(*args, command=command)) == port


def test_a_gang_listens_on_its_leader() -> None:
    members = [
        Member.of("Worker", image="a", args=["--port=1"], nodes=1),
        Member.of("Leader", image="a", args=["--port=2"], devices=[GPU]),
    ]
    assert engine_port(Engine(name="a", members=members)) == 2
    assert engine_port(Engine(name="a", phase="Decode", members=members[::-1])) == 2


def test_ranks_listen_side_by_side_and_a_supervisor_knows_of_all() -> None:
    def said(*args: str, **fields: Any) -> Listening:
        return listening(Engine.standalone("a", image="i", args=args, devices=[GPU], **fields))

    assert said("--port=9000", ranks=3) == Listening((9000, 9001, 9002), 9000)
    assert said(phase="Decode", ranks=2) == Listening((8200, 8201), 8200)
    supervised = ("--data-parallel-supervisor-port=1", "--data-parallel-supervisor-port", "8208")
    assert said(*supervised, ranks=2).health == 8208
    assert said("--data-parallel-supervisor-port=soon", ranks=2).health == 8000
    assert said(*supervised).health == 8000
