"""Asks engines over HTTP from a host of a test network, and hands over as the pd-sidecar does."""

from __future__ import annotations

import ctypes
import http.client
import json
import os
import re
import secrets
import socket
import uuid
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from tests.acceptance.host import Host

NEW_NETWORK = 0x40000000
"""``CLONE_NEWNET``, for ``setns``."""

TOKENS = 16
MODEL = "/mnt/models"
"""The name by which composed engines serve what their cache holds."""

SGLANG_MODEL = "Qwen/Qwen3-8B"
"""The name by which those of the example with SGLang do."""
ASKED = {
    "do_remote_decode": True,
    "do_remote_prefill": False,
    "remote_engine_id": None,
    "remote_block_ids": None,
    "remote_host": None,
    "remote_port": None,
}
"""What the sidecar's nixlv2 connector tells prefill."""

BOOTSTRAP_PORT = 8998
"""Where the sidecar's sglang connector says that prefill's bootstrap server is, if not told."""

Params = Mapping[str, Any] | None
_COUNTER = re.compile(r"^((?:vllm|sglang):\w+)(?:\{([^}]*)\})? (\S+)$")
_SOURCE = re.compile(r'\b(?:source|mode)="(\w+)"')


@dataclass(frozen=True)
class Answer:
    """What a request got.

    Attributes:
        status: Its HTTP status; 0 where none came in time, or the connection ended.
        text: The text that was generated, or what is said of an error.
        error: Whether it is an error, also one that a stream tells after status 200.
        params: ``kv_transfer_params``, as prefill answers them.
    """

    status: int
    text: str
    error: bool = False
    params: Params = None


class Client:
    """A host that sends requests."""

    def __init__(self, host: Host) -> None:
        """Takes the host."""
        descriptor = os.open(host.network, os.O_RDONLY)
        self._threads = ThreadPoolExecutor(8, initializer=_enter, initargs=(descriptor,))

    def start(self, work: Callable[[], Answer]) -> Callable[[], Answer]:
        """Sends something in the background; the result gives its answer."""
        return self._threads.submit(work).result

    def call(
        self,
        url: str,
        body: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        seconds: float = 60,
    ) -> tuple[int, str]:
        """Status and body of a request; status 0 where it fails."""
        try:
            return self._threads.submit(_call, url, body, headers or {}, seconds).result()
        except (OSError, http.client.HTTPException) as problem:
            return 0, repr(problem)

    def ask(
        self,
        url: str,
        prompt: str,
        *,
        tokens: int = TOKENS,
        chat: bool = False,
        stream: bool = False,
        params: Params = None,
        more: Mapping[str, Any] = MappingProxyType({}),
        headers: Mapping[str, str] | None = None,
        seconds: float = 60,
    ) -> Answer:
        """Has a prompt completed, with the most probable token each time.

        Args:
            url: Who is asked.
            prompt: The prompt.
            tokens: How many are generated.
            chat: Whether it is a chat.
            stream: Whether the answer is streamed.
            params: ``kv_transfer_params``.
            more: Other keys of the request.
            headers: Of the request.
            seconds: How long the answer is waited for.
        """
        said = {"messages": [{"role": "user", "content": prompt}]} if chat else {"prompt": prompt}
        body: dict[str, Any] = {"model": MODEL, "max_tokens": tokens, "temperature": 0, **said}
        if stream:
            body["stream"] = True
        if params is not None:
            body["kv_transfer_params"] = dict(params)
        body.update(more)
        path = "/v1/chat/completions" if chat else "/v1/completions"
        status, text = self.call(f"{url}{path}", body, headers, seconds)
        return _answer(status, text, stream=stream)

    def hand_over(
        self,
        prefill: str,
        decode: str,
        prompt: str,
        *,
        between: Callable[[Params], Params] = lambda params: params,
        chat: bool = False,
        stream: bool = False,
        seconds: float = 60,
    ) -> tuple[Answer, Answer | None]:
        """One token from prefill, the rest from decode with what prefill answered."""
        headers = {"X-Request-Id": str(uuid.uuid4())}
        first = self.ask(prefill, prompt, tokens=1, chat=chat, params=ASKED, headers=headers)
        if first.status != 200:
            return first, None
        params = between(first.params)
        return first, self.ask(
            decode,
            prompt,
            chat=chat,
            stream=stream,
            params=params,
            headers=headers,
            seconds=seconds,
        )

    def hand_over_at_once(
        self,
        prefill: str,
        decode: str,
        prompt: str,
        *,
        more: Mapping[str, Any],
        chat: bool = False,
        stream: bool = False,
        seconds: float = 60,
    ) -> tuple[Callable[[], Answer], Answer]:
        """Both at once, each told of the room in which they meet: as SGLang hands over.

        Returns:
            What waits for prefill's answer, and decode's.
        """
        host = prefill.removeprefix("http://").partition(":")[0]
        room = {"bootstrap_port": BOOTSTRAP_PORT, "bootstrap_room": secrets.randbits(62)}
        told = {**more, **room, "bootstrap_host": host}

        def ask(url: str) -> Answer:
            return self.ask(url, prompt, chat=chat, stream=stream, more=told, seconds=seconds)

        return self.start(lambda: ask(prefill)), ask(decode)

    def counters(self, url: str) -> dict[str, float]:
        """An engine's counters, those of several sources or modes apart: ``name{source}``."""
        found: dict[str, float] = {}
        for line in self.call(f"{url}/metrics")[1].splitlines():
            if (hit := _COUNTER.match(line)) and not hit[1].endswith(("_bucket", "_created")):
                source = _SOURCE.search(hit[2] or "")
                name = f"{hit[1]}{{{source[1]}}}" if source else hit[1]
                found[name] = found.get(name, 0) + float(hit[3])
        return found


def _enter(descriptor: int) -> None:
    if ctypes.CDLL(None, use_errno=True).setns(descriptor, NEW_NETWORK) != 0:
        raise OSError(ctypes.get_errno(), "setns")


def _call(
    url: str, body: Mapping[str, Any] | None, headers: Mapping[str, str], seconds: float
) -> tuple[int, str]:
    host, _, path = url.removeprefix("http://").partition("/")
    name, _, port = host.partition(":")
    link = http.client.HTTPConnection(name, int(port), timeout=seconds)
    # By the thread's own network.
    link.sock = socket.create_connection((name, int(port)), timeout=seconds)
    try:
        sent = None if body is None else json.dumps(body)
        kind = {"Content-Type": "application/json"} if body is not None else {}
        link.request("GET" if body is None else "POST", f"/{path}", sent, {**kind, **headers})
        answer = link.getresponse()
        return answer.status, answer.read().decode(errors="replace")
    finally:
        link.close()


def _answer(status: int, text: str, *, stream: bool) -> Answer:
    if status != 200:
        return Answer(status, text, error=True)
    if stream:
        events = [line[6:] for line in text.splitlines() if line.startswith("data: {")]
        pieces = [json.loads(event) for event in events]
        failed = any("error" in piece for piece in pieces)
        choices = [choice for piece in pieces for choice in piece.get("choices", ())]
        return Answer(status, "".join(map(_said, choices)), failed or "[DONE]" not in text)
    whole = json.loads(text)
    if "choices" not in whole:
        return Answer(status, text, error=True)
    (choice,) = whole["choices"]
    failed = choice["finish_reason"] == "error"
    return Answer(status, _said(choice), failed, whole.get("kv_transfer_params"))


def _said(choice: Mapping[str, Any]) -> str:
    message = choice.get("message") or choice.get("delta") or {}
    return str(choice.get("text") or message.get("content") or "")
