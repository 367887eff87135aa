"""Where a picker asks for the tokens of a prompt."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from cdk8s_inference.picker_config.document import Listed, PickerDocument
from cdk8s_inference.releases.plugin_type import RequestData
from cdk8s_inference.source import Cursor

_TOKENS: RequestData = "tokenized prompt"
_DEFAULT_URL = "http://localhost:8000"
_DEFAULT_SOCKET = "/tmp/tokenizer/tokenizer-uds.socket"


@dataclass(frozen=True)
class Tokenizer:
    """A server that a plugin sends each prompt to, and that answers with its tokens.

    Attributes:
        plugin: The plugin.
        at: Where the address is written, or the plugin where it is not.
        address: A URL of vLLM, or the path of a Unix socket.
        model: The model that the plugin names.
    """

    plugin: Listed
    at: Cursor
    address: str
    model: Cursor | None

    @property
    def is_socket(self) -> bool:
        """Whether it is a Unix socket."""
        return self.address.startswith("/")


def tokenizers(document: PickerDocument) -> Iterator[Tokenizer]:
    """The tokenizers that a configuration names, by default too; none where tokens are estimated.

    The defaults are those of llm-d-router: a socket in v0.8.0, vLLM on localhost from v0.9.0 on
    where a model is named.
    """
    for plugin in document.registered():
        known = plugin.known
        if known is None or _TOKENS not in known.produces:
            continue
        address = _address(plugin, asks_vllm=known.parameter("vllm") is not None)
        if address is not None:
            at, text = address
            yield Tokenizer(plugin, at, text, plugin.written("modelName"))


def _address(plugin: Listed, *, asks_vllm: bool) -> tuple[Cursor, str] | None:
    uds = plugin.written("udsTokenizerConfig")
    socket = plugin.written("udsTokenizerConfig.socketFile")
    if socket is not None and socket.text:
        tcp = plugin.written("udsTokenizerConfig.useTCP")
        return None if tcp is not None and tcp.value else (socket, socket.text)
    if not asks_vllm:
        return (uds or plugin.at, _DEFAULT_SOCKET) if plugin.value("modelName") else None
    url = plugin.written("vllm.url")
    if url is not None and url.value:
        return None if url.text is None else (url, url.text)
    vllm = plugin.written("vllm")
    if vllm is None and not plugin.value("modelName"):
        return None
    return vllm or plugin.at, _DEFAULT_URL
