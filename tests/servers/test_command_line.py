"""Reading flags from commands, arguments and the shell scripts in them."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cdk8s_inference.servers.command_line import FlagUse, last_use, uses, words


def values(*args: str, command: list[str] | None = None) -> list[str | None]:
    return [use.value for use in uses(command, list(args), "--port")]


def in_script(script: str) -> list[str | None]:
    return values(command=["sh", "-c", script])


@pytest.mark.parametrize(
    ("args", "found"),
    [
        ([], []),
        (["--port=8001"], ["8001"]),
        (["--port", "8001"], ["8001"]),
        (["--port="], [""]),
        (["--port"], [None]),
        (["--port", ""], [""]),
        (["--port=a=b"], ["a=b"]),
        (["--port= 8001 "], [" 8001 "]),
        (["serve", "--port=1", "--port", "2", "--port=3"], ["1", "2", "3"]),
        (["--ports=1", "--port-x=1", "-port=1", "--Port=1", "port=1", "a--port=1"], []),
        # An argument is one word, whatever is in it.
        (["--port 8001"], []),
        (["exec --port=8001"], []),
        ([" --port=8001"], []),
        (["'--port=8001'"], []),
    ],
)
def test_spellings(args: list[str], found: list[str | None]) -> None:
    assert values(*args) == found
    assert values(command=args) == found


def test_several_names_are_one_flag() -> None:
    args = ["-tp=1", "--tensor-parallel-size", "2", "--tp=3"]
    assert [use.value for use in uses(None, args, "--tensor-parallel-size", "-tp")] == ["1", "2"]
    assert uses(None, args) == []


def test_nothing_is_written() -> None:
    assert uses(None, None, "--port") == []
    assert uses([], [], "--port") == []
    assert uses([""], [""], "--port") == []


def test_places() -> None:
    command = ["vllm", "serve", "--port=1"]
    assert uses(command, ["--port", "2", "--port=3"], "--port") == [
        FlagUse("2", ("args", 0)),
        FlagUse("3", ("args", 2)),
        FlagUse("1", ("command", 2)),
    ]


def test_a_value_may_be_the_first_argument() -> None:
    assert uses(["vllm", "--port"], ["8001"], "--port") == [FlagUse("8001", ("command", 1))]


@pytest.mark.parametrize(
    "shell",
    [
        ["sh", "-c"],
        ["/bin/sh", "-c"],
        ["bash", "-c"],
        ["/usr/bin/bash", "-lc"],
        ["bash", "-l", "-c"],
        ["bash", "-ec"],
        ["bash", "-euxo", "pipefail", "-c"],
        ["bash", "-ce"],
        ["bash", "-cl"],
        ["bash", "-ceuo", "pipefail"],
        ["bash", "--norc", "-c"],
        ["bash", "--login", "--noprofile", "--norc", "-ec"],
        ["ash", "-c"],
        ["dash", "-c"],
        ["zsh", "-c"],
        ["/usr/bin/env", "bash", "-c"],
        ["tini", "--", "sh", "-c"],
    ],
    ids=" ".join,
)
def test_scripts_of_shells(shell: list[str]) -> None:
    script = "exec vllm serve m --port=8001"
    where = len(shell)
    assert uses([*shell, script], None, "--port") == [FlagUse("8001", ("command", where))]
    assert uses([*shell, script, "--", "a"], [], "--port") == [FlagUse("8001", ("command", where))]


@pytest.mark.parametrize(
    "command",
    [
        ["vllm", "-c", "serve --port=8001"],
        ["python3", "-c", "f(' --port=8001')"],
        ["sh", "serve --port=8001"],
        ["sh", "-x", "serve --port=8001"],
        ["-c", "serve --port=8001"],
        ["sh", "start.sh", "-c", "serve --port=8001"],
        ["sh", "-c"],
    ],
)
def test_what_is_no_script_is_not_split(command: list[str]) -> None:
    assert uses(command, None, "--port") == []


@pytest.mark.parametrize("shell", [["sh", "-c"], ["/bin/bash", "-lc"]], ids=" ".join)
def test_the_script_may_be_the_first_argument(shell: list[str]) -> None:
    assert uses(shell, ["vllm serve --port 8001", "--port=1"], "--port") == [
        FlagUse("8001", ("args", 0))
    ]


@pytest.mark.parametrize("passed", ['"$@"', "$*", "${@}", "$1", "${1}"])
def test_a_script_may_pass_its_arguments_on(passed: str) -> None:
    # What follows the script is $0, the shell's own name.
    assert uses(["sh", "-c", f"vllm serve {passed}"], ["--port=1", "--port=2"], "--port") == [
        FlagUse("2", ("args", 1))
    ]


def test_the_shell_and_its_script_may_be_arguments() -> None:
    # Of an image without an entrypoint.
    assert uses(None, ["sh", "-c", "vllm serve --port=8001"], "--port") == [
        FlagUse("8001", ("args", 2))
    ]


def test_arguments_after_a_script_come_first() -> None:
    command = ["bash", "-c", 'exec vllm serve --port=1 "$@"', "vllm"]
    assert uses(command, ["--port=2"], "--port") == [
        FlagUse("2", ("args", 0)),
        FlagUse("1", ("command", 2)),
    ]


@pytest.mark.parametrize(
    ("script", "found"),
    [
        ("", []),
        ("vllm serve m", []),
        ("vllm serve --port=8001", ["8001"]),
        ("vllm serve --port 8001", ["8001"]),
        ("vllm serve \\\n  --port \\\n  8001 \\\n  --x", ["8001"]),
        ("vllm serve\n\n\t--port=8001\n", ["8001"]),
        ("vllm serve '--port=8001'", ["8001"]),
        ('vllm serve "--port=8001"', ["8001"]),
        ('vllm serve --port="8001"', ["8001"]),
        ("vllm serve --port='80''01'", ["8001"]),
        ("vllm serve --port '8001'", ["8001"]),
        ('vllm serve --"port"=8001', ["8001"]),
        ("vllm serve --po\\rt=8001", ["8001"]),
        ("vllm serve --port=8001;", ["8001"]),
        ("vllm serve --port=8001; sleep 1", ["8001"]),
        ("vllm serve --port=8001&", ["8001"]),
        ("vllm serve --port=8001&& true", ["8001"]),
        ("vllm serve --port 8001|tee log", ["8001"]),
        ("vllm serve --port 8001>log 2>&1", ["8001"]),
        ("(vllm serve --port=8001)", ["8001"]),
        ("a --port=6379; vllm serve --port=8001", ["6379", "8001"]),
        ("ray start --port=6379; vllm serve --port=8001", ["8001"]),
        ("ray start --port 6379 && exec vllm serve --port 8001", ["8001"]),
        ("if x; then /opt/ray/bin/ray start --head --port=6379; fi; vllm", []),
        ("vllm serve --distributed-executor-backend ray --port=8001", ["8001"]),
        ("vllm serve --port=1\nvllm serve --port\n2", ["1", None]),
        ("vllm serve --port=1; # ; vllm serve --port=2", ["1"]),
        ("vllm serve --po\\\nrt=1", ["1"]),
        ("vllm serve --port ''", [""]),
        ('vllm serve --port="\\$PORT"', ["$PORT"]),
        ("if true; then vllm serve --port=1; else vllm serve --port=2; fi", ["1", "2"]),
        ("# --port=1\nvllm serve --port=2", ["2"]),
        ("vllm serve --port=2 # --port=1\n", ["2"]),
        ("vllm serve m#1 --port=2", ["2"]),
        ("curl http://a/#b; vllm serve --port=2", ["2"]),
        ("vllm serve --port=2#3", ["2#3"]),
        ("echo '# a' --port=2", ["2"]),
        ("echo $#; vllm serve --port=2", ["2"]),
        ("echo 'vllm serve --port=1'", []),
        ('echo "a \\" --port=1"', []),
        ("""vllm serve --hf-overrides '{"a": "--port"}' --port=2""", ["2"]),
        ("vllm serve --port=$PORT", ["$PORT"]),
        ('vllm serve --port="${PORT:-8001}"', ["${PORT:-8001}"]),
        ("vllm serve --port", [None]),
        ("eval vllm serve --port 8001", ["8001"]),
        ('eval "exec vllm serve "m" \\\n  --port 8001 ${X} $@"', ["8001"]),
        ("""eval "vllm serve --x='--port=1' --port=2" """, ["2"]),
        ('eval "eval vllm serve --port=1"', ["1"]),
        ("eval", []),
        # The shell would refuse an open quote; what stands before it is still worth reading.
        ("vllm serve --port=1 --x='", ["1"]),
        ("vllm serve --port=1 \\", ["1"]),
    ],
)
def test_scripts(script: str, found: list[str | None]) -> None:
    assert in_script(script) == found


def test_a_value_does_not_come_from_the_next_command() -> None:
    for between in ("; ", " && ", " | ", "\n", " \n\t", ") "):
        assert in_script(f"vllm serve --port{between}8001") == [None]


def test_a_script_of_several_lines() -> None:
    script = """
set -euo pipefail
# The leader's --port=1 is Ray's.
ray start --head --port=6379 &
until ray status; do
  sleep 1   # don't hurry: --port=3
done
exec vllm serve m \\
  --tensor-parallel-size 8 \\
  --port 8001
"""
    assert in_script(script) == ["8001"]


@pytest.mark.parametrize("word", ["'{}'", '"{}"', "{}"])
@pytest.mark.parametrize("text", ["x", "\\x", "\\'", '\\"', "''", '""'])
def test_a_script_may_be_long(word: str, text: str) -> None:
    script = f"vllm serve --port=1 {word.format(text * 100_000)}"
    assert in_script(script) == ["1"]


@settings(deadline=None, max_examples=300, derandomize=True, database=None)
@given(
    st.lists(st.text(alphabet="-c'\"\\\n \t#$(){};&|=abport1é", max_size=30), max_size=5),
    st.lists(st.text(max_size=10), max_size=3),
)
def test_no_text_is_too_odd(command: list[str], args: list[str]) -> None:
    for use in uses(["sh", "-c", *command], [*args, "--port"], "--port"):
        assert use.place[0] in ("command", "args")


def test_a_parser_takes_the_last_and_arguments_follow_the_command() -> None:
    assert last_use(["serve", "--a=1"], ["--a=2", "--a=3"], "--a") == FlagUse("3", ("args", 1))
    assert last_use(["serve", "--a=1"], ["--b=2"], "--a") == FlagUse("1", ("command", 1))
    assert last_use(None, None, "--a") is None


def test_words_are_those_of_scripts_too() -> None:
    assert words(["env", "A=1", "serve"], ["-x"]) == ["env", "A=1", "serve", "-x"]
    assert words(["sh", "-c", "exec 'serve' m; true"], ["end"]) == ["exec", "serve", "m", "true"]
