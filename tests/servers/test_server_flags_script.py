"""The script that takes a release's flags into data."""

from __future__ import annotations

import json
import runpy
from pathlib import Path
from typing import Any

from cdk8s_inference.servers import SERVERS

ROOT = Path(__file__).resolve().parents[2]
DATA = ROOT / "constructs" / "cdk8s_inference" / "servers" / "data"
SCRIPT = runpy.run_path(str(ROOT / "scripts" / "server-flags"))

CLI_ARGS = """
@config
class FrontendArgs:
    host: str | None = None
    port: int = 8000
    ssl_modes: list[str] = field(default_factory=lambda: ["a"])

    @classmethod
    def add_cli_args(cls, parser):
        frontend_kwargs = get_kwargs(FrontendArgs)
        frontend_kwargs["ssl_modes"]["type"] = json.loads
        del frontend_kwargs["ssl_modes"]["nargs"]
        for key, value in frontend_kwargs.items():
            group.add_argument(f"--{key.replace('_', '-')}", **value)


def make_arg_parser(parser):
    parser.add_argument("model_tag", nargs="?")
    parser.add_argument("--headless", action="store_true", help="prose")
"""
ARG_UTILS = """
class EngineArgs:
    @staticmethod
    def add_cli_args(parser):
        kwargs = get_kwargs(ModelConfig)
        group.add_argument("--dtype", "-d", **kwargs["dtype"])
        group.add_argument("--max-num-seqs", **{**kwargs["seqs"], "default": None})
        group.add_argument("--kv-transfer-config", **kwargs["transfer"])
        parser.add_argument("--enable-x", action=argparse.BooleanOptionalAction, default=True)


class AsyncEngineArgs(EngineArgs):
    @staticmethod
    def add_cli_args(parser):
        pass
"""
CONFIG = """
Dtype = Literal["auto", "half"]


@config
class TransferConfig:
    role: str | None = None
    ip: str = "x"


@config
class ModelConfig:
    dtype: Dtype = "auto"
    seqs: int = Field(default=128, ge=1)
    transfer: TransferConfig | None = None
"""


def test_flags_of_vllm(tmp_path: Path) -> None:
    for name, text in {
        "entrypoints/openai/cli_args.py": CLI_ARGS,
        "engine/arg_utils.py": ARG_UTILS,
        "config/model.py": CONFIG,
    }.items():
        file = tmp_path / "vllm" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    found = {
        name: SCRIPT["plain"](name, facts) for name, facts in SCRIPT["vllm_flags"](tmp_path).items()
    }
    assert found == {
        "--headless": {"kind": "switch"},
        "--host": {"kind": "str"},
        "--port": {"kind": "int", "default": 8000},
        "--ssl-modes": {"kind": "json", "default": ["a"]},
        "--dtype": {"kind": "str", "choices": ["auto", "half"], "default": "auto", "short": ["-d"]},
        "--max-num-seqs": {"kind": "int"},
        "--kv-transfer-config": {"kind": "json", "fields": ["ip", "role"]},
        "--enable-x": {"kind": "bool", "default": True},
    }


SERVER_ARGS = """
class ServerArgs:
    model_path: A[str, Arg(help="prose", aliases=["--model"])]
    host: str = "127.0.0.1"
    port: A[int, "prose"] = 30000
    mode: A[Literal["null", "decode"], "prose"] = "null"
    hidden: A[bool, Arg(no_cli=True)] = False
    enable_metrics: A[bool, "prose"] = False

    @staticmethod
    def add_cli_args(parser):
        parser.add_argument("--host", type=str, default=ServerArgs.host, help="prose")
        parser.add_argument("--tensor-parallel-size", "--tp-size", type=int, default=1)
        parser.add_argument("--bs", type=int, nargs="+")
        parser.add_argument("--old", action=DeprecatedStoreConstAction, const_value=True)
        parser.add_argument("--older", action=DeprecatedStoreConstAction, nargs=None)
"""


def test_flags_of_sglang(tmp_path: Path) -> None:
    file = tmp_path / "sglang" / "srt" / "server_args.py"
    file.parent.mkdir(parents=True)
    file.write_text(SERVER_ARGS)
    found = {
        name: SCRIPT["plain"](name, facts)
        for name, facts in SCRIPT["sglang_flags"](tmp_path).items()
    }
    assert found == {
        "--model-path": {"kind": "str", "aliases": ["--model"]},
        "--port": {"kind": "int", "default": 30000},
        "--mode": {"kind": "str", "choices": ["decode", "null"], "default": "null"},
        "--enable-metrics": {"kind": "switch"},
        "--host": {"kind": "str", "default": "127.0.0.1"},
        "--tensor-parallel-size": {"kind": "int", "default": 1, "aliases": ["--tp-size"]},
        "--bs": {"kind": "list"},
        "--old": {"kind": "switch"},
        "--older": {"kind": "str"},
    }


def test_releases_are_merged_and_taken_apart_again() -> None:
    flag = {"kind": "int", "default": 1}
    releases: dict[str, Any] = {
        "0.9.0": {"--a": flag, "--b": flag},
        "0.10.0": {"--a": {"kind": "int", "default": 2}, "--b": flag, "--c": flag},
        "0.11.0": {"--a": {"kind": "int", "default": 2}, "--c": flag},
    }
    data = SCRIPT["compact"](releases)
    assert data["flags"] == {
        "--a": [{**flag, "until": "0.10.0"}, {"kind": "int", "default": 2, "since": "0.10.0"}],
        "--b": [{**flag, "until": "0.11.0"}],
        "--c": [{**flag, "since": "0.10.0"}],
    }
    assert SCRIPT["by_release"](data) == releases


def test_the_data_are_as_the_script_writes_them() -> None:
    for server in SERVERS:
        if server.flag_file:
            text = (DATA / f"{server.flag_file}.json").read_text()
            assert SCRIPT["text"](SCRIPT["compact"](SCRIPT["by_release"](json.loads(text)))) == text
