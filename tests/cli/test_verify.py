from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest
from jsonschema_rs import Draft202012Validator

from tests.cli.console import run
from tests.kit import examples
from tests.kit.http_server import QuietServer
from tests.kit.live import Served, live

SECRET = "of-nobody-1234567"


class Deployment:
    """Answers prompts, and counts as a gateway with a prefill and a decode engine."""

    def __init__(
        self, *, apart: bool = True, status: int = 200, seconds: float = 0, echo: str = ""
    ) -> None:
        self.apart, self.status, self.seconds, self.echo = apart, status, seconds, echo
        self.prefill = self.decode = 0
        self.prompts: list[str] = []
        self.sent: list[str | None] = []

    def metrics(self, part: str) -> str:
        count = self.prefill if part == "prefill" else self.decode
        return f'vllm:request_success_total{{finished_reason="length"}} {count}\n'

    def answer(self, body: Any) -> None:
        long = len(body["prompt"].split()) > 1
        self.prompts.append(body["prompt"])
        self.prefill += long and self.apart
        self.decode += 1


@contextmanager
def serving(deployment: Deployment) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.path.endswith("/v1/models"):
                self._say(200, '{"data": [{"id": "m"}]}')
            else:
                self._say(200, deployment.metrics(self.path.strip("/")))

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            deployment.sent.append(self.headers.get("Authorization"))
            time.sleep(deployment.seconds)
            if deployment.status == 200:
                deployment.answer(body)
            sent = self.headers.get("Authorization", "").removeprefix("Bearer ")
            self._say(
                deployment.status,
                f"{deployment.echo}{sent}" if deployment.echo else '{"choices": []}',
            )

        def _say(self, status: int, text: str) -> None:
            self.send_response(status)
            self.end_headers()
            self.wfile.write(text.encode())

        def log_message(self, *_: object) -> None:
            pass

    server = QuietServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


def of_schema(text: str) -> Any:
    """The one deployment of an output, which is as the schema says."""
    folder = Path(__file__).parents[2] / "docs"
    schema, findings = (
        (folder / name).read_text() for name in ("verify.schema.json", "findings.schema.json")
    )
    whole = json.loads(schema.replace("findings.schema.json#", "#"))
    whole["$defs"] |= json.loads(findings)["$defs"]
    found = json.loads(text)
    assert list(Draft202012Validator(whole).iter_errors(found)) == []
    return found[0]


def at(url: str) -> list[str]:
    metrics = [f"--engine-metrics={part}={url}/{part}" for part in ("prefill", "decode")]
    return ["verify", f"--address={url}", *metrics]


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cdk8s_inference.verify.probing._PAUSE", 0.01)
    monkeypatch.setattr("cdk8s_inference.verify.probing._SETTLING_SECONDS", 0.1)


def test_a_good_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KEY", SECRET)
    deployment = Deployment()
    with serving(deployment) as url:
        result = run(*at(url), "--token-variable=KEY", "--words=20")
    assert result.exit_code == 0, result.output
    assert ": disaggregates: for 3 long prompts prefill engines counted 3" in result.stdout
    assert f"prefill {url}/prefill: vllm:request_success_total 0 -> 3" in result.stdout
    assert "sent: 1 short prompt and 3 long ones of 20 words, 8 tokens" in result.stdout
    assert len(deployment.prompts) == 4 == len(set(deployment.prompts))
    assert set(deployment.sent) == {f"Bearer {SECRET}"}
    assert SECRET not in result.output


@pytest.mark.parametrize("before", [20, 390])
def test_a_token_that_is_sent_back_is_not_shown(
    before: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No part of it either, where what a server says is cut."""
    monkeypatch.setenv("KEY", SECRET)
    with serving(Deployment(status=401, echo="x" * before)) as url:
        result = run(*at(url), "--token-variable=KEY", "--model=m", "--json")
    assert "xx***" in of_schema(result.stdout)["reason"]
    assert SECRET[:5] not in result.output


def test_one_that_prefills_on_decode() -> None:
    with serving(Deployment(apart=False)) as url:
        result = run(*at(url), "--json")
    found = of_schema(result.stdout)
    assert (result.exit_code, found["verdict"]) == (1, "decode-only")
    assert found["load"] == {"requests": 3, "words": 512, "max_tokens": 8}
    assert {each["status"] for each in found["answers"]} == {200}


def test_one_that_refuses() -> None:
    with serving(Deployment(status=503)) as url:
        result = run(*at(url))
    assert result.exit_code == 1
    assert "does not answer: 4 of 4 prompts failed; the short one: status 503" in result.stdout


def test_one_that_never_answers_is_given_up() -> None:
    begun = time.monotonic()
    with serving(Deployment(seconds=20)) as url:
        result = run(*at(url), "--timeout=0.3", "--model=m")
    assert time.monotonic() - begun < 10
    assert result.exit_code == 1
    assert "the short one: no answer within" in result.stdout


def test_nobody_listens() -> None:
    result = run(*at("http://127.0.0.1:9"), "--model=m")
    assert result.exit_code == 1
    assert "the short one: the connection was refused" in result.stdout


def test_a_cluster_says_where_and_why(tmp_path: Path) -> None:
    served = Served(examples.broken("T201"))
    with live(served, tmp_path) as config, serving(Deployment(status=503)) as url:
        result = run("verify", "--kubeconfig", config, f"--address={url}", "--json")
    found = of_schema(result.stdout)
    assert (result.exit_code, found["verdict"]) == (1, "does not answer")
    assert found["deployment"] == "llm/qwen"
    assert [each["code"] for each in found["findings"]] == ["T201"]


def test_without_an_address_nothing_is_sent(tmp_path: Path) -> None:
    with live(Served(examples.base("disaggregated")), tmp_path) as config:
        result = run("verify", "--kubeconfig", config)
    assert result.exit_code == 1
    assert "give --address URL" in result.stdout


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--address=nowhere",), "is no URL such as"),
        (("--address=http://a/llm/qwen?x=y",), "has a query"),
        (("--picker-metrics=http://b/#x", "--address=http://a"), "has a query or fragment"),
        (("--engine-metrics=prefill=http://a:1",), "need --address"),
        (("--address=http://a", "--engine-metrics=other=http://a"), "is not prefill=URL"),
        (("x", "--address=http://a", "--engine-metrics=decode=http://a"), "takes no NAME"),
        (("--token-variable=ABSENT_HERE",), "ABSENT_HERE is not set"),
    ],
)
def test_usage(arguments: tuple[str, ...], said: str) -> None:
    result = run("verify", *arguments)
    assert (result.exit_code, said in result.stderr) == (2, True), result.output


@pytest.mark.parametrize("option", ["--address=", "--picker-metrics=", "--engine-metrics=decode="])
def test_an_address_with_a_password_is_refused_and_not_shown(option: str) -> None:
    result = run("verify", f"{option}http://user:{SECRET}@gateway")
    assert result.exit_code == 2
    assert "--token-variable" in result.stderr
    assert SECRET not in result.output


def test_a_name_that_is_not_there(tmp_path: Path) -> None:
    with live(Served(examples.base("disaggregated")), tmp_path) as config:
        result = run("verify", "other", "--kubeconfig", config)
    assert result.exit_code == 2
    assert "There is no deployment other; there is qwen" in result.stderr
