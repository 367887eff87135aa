"""What is secret in plain data, and that messages do not show it."""

from __future__ import annotations

from typing import Any

import pytest

from cdk8s_inference.findings import Finding, Place
from cdk8s_inference.findings.secret import is_secret_name, masked
from cdk8s_inference.source import Cursor
from cdk8s_inference.source.secrets import secrets, without_secrets

TOKEN = "hf_SECRETSECRET"


def env(name: str, value: Any, key: str = "value") -> Any:
    return {"env": [{"name": name, key: value}]}


@pytest.mark.parametrize(
    "name",
    [
        "token",
        "HF_TOKEN",
        "HUGGING_FACE_HUB_TOKEN",
        "--hf-token",
        "--api-key",
        "VLLM_API_KEY",
        "apiKey",
        "OPENAI_API_KEY",
        "clientSecret",
        "db-password",
        "AWS_SECRET_ACCESS_KEY",
        "Authorization",
        "privateKey",
    ],
)
def test_names_of_secrets(name: str) -> None:
    assert is_secret_name(name)


@pytest.mark.parametrize(
    "name",
    [
        "",
        "secretName",
        "secretKeyRef",
        "imagePullSecrets",
        "maxTokens",
        "--max-num-batched-tokens",
        "--long-prefill-token-threshold",
        "--speculative-token-map",
        "tokenizer",
        "TOKEN_FILE",
        "key",
        "--ssl-keyfile",
        "monkey",
    ],
)
def test_names_of_others(name: str) -> None:
    assert not is_secret_name(name)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (f"set to '{TOKEN}'", "set to '***'"),
        ("'--api-key=correct-horse' is one argument", "'--api-key=***' is one argument"),
        ("--hf-token x1 --port 1", "--hf-token *** --port 1"),
        ("HF_TOKEN=x vllm serve", "HF_TOKEN=*** vllm serve"),
        ('{"password": "a b", "c": 1}', '{"password": "***", "c": 1}'),
        ("proxy http://me:pass@host/x", "proxy http://***@host/x"),
        ("sk-proj-0123456789abcdef", "***"),
        ("eyJhbGciOiJI.eyJzdWIiOiIx.c2ln", "***"),
        # Not these.
        ("the token is missing", "the token is missing"),
        ("--api-key is given", "--api-key is given"),
        ("--api-key=$(KEY)", "--api-key=$(KEY)"),
        ("hf-internal-testing/tiny-random", "hf-internal-testing/tiny-random"),
        ("http://host:80/x", "http://host:80/x"),
    ],
)
def test_texts(text: str, shown: str) -> None:
    assert masked(text) == shown


@pytest.mark.parametrize(
    ("value", "texts"),
    [
        (env("HF_TOKEN", "x"), ["x"]),
        (env("HF_TOKEN", "x", "vaule"), ["x"]),
        (env("ANY", 12345), ["12345"]),
        (env("ANY", ["x"]), ["x"]),
        (env("VLLM_API_KEY", "x"), ["x"]),
        (env("VLLM_NIXL_SIDE_CHANNEL_HOST", "127.0.0.1"), []),
        (env("HF_TOKEN", "$(OTHER)"), []),
        (env("HF_TOKEN", {"secretKeyRef": {"name": "a", "key": "b"}}, "valueFrom"), []),
        ({"args": ["--api-key", "x", "y"]}, ["x"]),
        ({"args": ["--api-key=x", "--port=1"]}, ["x"]),
        ({"args": ["vllm serve m --hf-token abc --port 1"]}, ["abc"]),
        ({"httpHeaders": [{"name": "Authorization", "value": "x"}]}, ["x"]),
        ({"kind": "Secret", "data": {"a": "eA=="}, "stringData": {"b": "x"}}, ["eA==", "x"]),
        ({"note": f"is {TOKEN}"}, [f"is {TOKEN}"]),
        ({"password": True, "token": None, "secret": {"name": "a"}, "apiKey": "EMPTY"}, []),
    ],
)
def test_values(value: Any, texts: list[str]) -> None:
    assert [each.text for each in secrets(Cursor(value))] == texts


def told(message: str, path: str, value: Any) -> str:
    finding = Finding("D000", "error", path, message, "none")
    [found] = without_secrets([finding], [Cursor(value)])
    return found.message


def test_a_secret_is_masked_wherever_a_message_has_it() -> None:
    args = {"args": ["--api-key", "correct-horse-battery"]}
    assert told("'correct-horse-battery' holds", "args[1]", args) == "'***' holds"
    assert told("the container runs correct-horse-battery", "x", args) == "the container runs ***"
    assert told("'correct-hor...", "x", args) == "'***..."


def test_quoted_and_cut_short() -> None:
    value = {"password": "pass'\"word\n" * 20}
    assert told(f"is {value['password']!r:.60} long", "x", value) == "is '*** long"


def test_a_short_secret_is_masked_in_its_own_place() -> None:
    assert told("must be a string: 1", "env[0].value", env("X", 1)) == "must be a string: ***"
    assert told("1 of 1 pods", "spec.replicas", env("X", 1)) == "1 of 1 pods"
    listed = {"kind": "List", "items": [env("X", 1)]}
    assert told("is 1", "env[0].value", listed) == "is ***"


def test_consequences_and_other_places() -> None:
    value = env("X", "value-of-x")
    inner = Finding("D001", "error", "a", "has value-of-x", "none")
    related = (Place("", "env[0].value"),)
    finding = Finding(
        "D000", "error", "b", "is value-of-x", "", related=related, consequences=(inner,)
    )
    [found] = without_secrets([finding], [Cursor(value)])
    assert found.message == "is ***"
