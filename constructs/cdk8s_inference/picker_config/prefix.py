"""How the picker knows what each pod has in its prefix cache."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any
from urllib.parse import urlsplit

from annotated_types import Ge, Interval

from cdk8s_inference.arguments import NonEmpty, checked
from cdk8s_inference.findings import Finding, Violation
from cdk8s_inference.picker_config.block_size import VLLM_BLOCK_TOKENS
from cdk8s_inference.picker_config.plugin import Plugin
from cdk8s_inference.picker_config.rules.block_size import SMALL_BLOCK
from cdk8s_inference.releases import NotInReleaseError, RouterRelease
from cdk8s_inference.releases.connector import ServingEngine

_APPROXIMATE = "approx-prefix-cache-producer"
_PRECISE = "precise-prefix-cache-producer"
_LONGEST_PREFIX_TOKENS = 131072


@checked
@dataclass(frozen=True)
class ApproximatePrefix:
    """From the requests that the picker itself has sent there: nothing to set up.

    It is one process's memory: with several active pickers each knows its own requests alone.

    Attributes:
        block_tokens: The engine's cache block, which :func:`block_size` reads from its flags.
            A release may raise it; see :meth:`findings`.
    """

    block_tokens: int = VLLM_BLOCK_TOKENS

    def __post_init__(self) -> None:
        if self.block_tokens < 1:
            raise ValueError(f"block_tokens is {self.block_tokens}; give at least 1")

    def producers(self, release: RouterRelease) -> list[Plugin]:
        """The plugins that keep the knowledge."""
        parameters = {
            # Told by the engines' metrics otherwise, which a pod lacks until its first scrape.
            "autoTune": False,
            "blockSizeTokens": max(self.block_tokens, release.picker.smallest_block_tokens),
            # v0.8.0 would otherwise see the first 256 blocks alone, and take the rest of a
            # longer prompt for new.
            "maxPrefixTokensToMatch": _LONGEST_PREFIX_TOKENS,
        }
        return [Plugin(release.plugin(_APPROXIMATE).type, parameters)]

    def scorer(self) -> Plugin:
        """Ranks a pod by how much of the prompt it has cached."""
        return Plugin("prefix-cache-scorer")

    def data_sources(self) -> list[tuple[Plugin, Plugin]]:
        """Sources of the picker's data layer and who reads each: none beside the default."""
        return []

    def findings(self, release: RouterRelease) -> list[Finding]:
        """What the release makes of the block size."""
        smallest = release.picker.smallest_block_tokens
        if self.block_tokens >= smallest:
            return []
        violation = Violation(
            None,
            f"the engine caches blocks of {self.block_tokens} tokens, and the picker of "
            f"{release.version} counts blocks of {smallest}: it counts up to {smallest - 1} "
            "tokens of a cached prompt as new",
            fix=f"raise the engine's block size to {smallest}, or leave it so",
        )
        return [SMALL_BLOCK.finding(violation)]


@checked
@dataclass(frozen=True)
class PrecisePrefix:
    """From the engines' own KV cache events: also what several pickers sent, and what was evicted.

    Engines must publish the events (vLLM: ``--kv-events-config``) and a vLLM must render prompts
    to tokens at ``render_url``. Without one the picker has no tokens: it finds no prefix, sends no
    prompt to a prefill pod, and every request is still answered 200.

    Attributes:
        model: The name by which that vLLM calls its model: ``--served-model-name``, else
            ``--model``.
        render_url: Where a vLLM answers ``/v1/completions/render``, such as a Service of
            ``vllm launch render``: ``http://renderer.models:8000``. There is no default: the
            picker's own, ``http://localhost:8000``, has no answer in the pod that is composed.
        block_tokens: Tokens of a block of the index.
        engine: Whose events they are.
        events_port: The port of the engines' event socket (ZMQ).
    """

    model: NonEmpty
    render_url: NonEmpty
    block_tokens: Annotated[int, Ge(1)] = 64
    engine: ServingEngine = "vllm"
    events_port: Annotated[int, Interval(ge=1, le=65535)] = 5557

    def __post_init__(self) -> None:
        url = urlsplit(self.render_url)
        if url.scheme not in ("http", "https") or not url.hostname:
            raise ValueError(
                f"render_url is {self.render_url!r}; give the URL of a vLLM that renders prompts, "
                "such as http://renderer.models:8000"
            )

    def producers(self, release: RouterRelease) -> list[Plugin]:
        """The plugins that keep the knowledge.

        Raises:
            NotInReleaseError: The release has no such producer, or cannot read the engine's
                events.
        """
        tokens = {"modelName": self.model, "vllm": {"url": self.render_url}}
        plugins = [Plugin(release.plugin("token-producer").type, tokens), self._producer()]
        release.plugin(_PRECISE)
        if self.engine not in release.picker.event_engines:
            raise NotInReleaseError(
                f"router {release.version} cannot read KV cache events of {self.engine}, only of "
                f"{', '.join(release.picker.event_engines)}"
            )
        return plugins

    def scorer(self) -> Plugin:
        """Ranks a pod by how much of the prompt it has cached."""
        # Without the name it would read the approximate producer, which the picker then creates.
        return Plugin("prefix-cache-scorer", {"prefixMatchInfoProducerName": self._producer()})

    def data_sources(self) -> list[tuple[Plugin, Plugin]]:
        """Sources of the picker's data layer and who reads each.

        Without it the producer never learns of a pod, and every score is 0.
        """
        return [(Plugin("endpoint-notification-source"), self._producer())]

    def findings(self, release: RouterRelease) -> list[Finding]:
        """None."""
        return []

    def _producer(self) -> Plugin:
        return Plugin(
            _PRECISE,
            {
                "tokenProcessorConfig": {"blockSize": self.block_tokens},
                "kvEventsConfig": {
                    "engineType": self.engine,
                    "podDiscoveryConfig": {"socketPort": self.events_port},
                },
            },
        )


PrefixKnowledge = ApproximatePrefix | PrecisePrefix


def data_layer(sources: Sequence[tuple[Plugin, Plugin]]) -> dict[str, Any]:
    """The data layer that feeds these plugins, beside the metrics that the picker adds itself."""
    return {
        "sources": [
            {
                "pluginRef": source.reference,
                "extractors": [{"pluginRef": reader.reference}],
            }
            for source, reader in sources
        ]
    }
