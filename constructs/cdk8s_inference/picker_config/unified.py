"""UnifiedConfig: one pod for the whole request."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from cdk8s_inference.arguments import checked
from cdk8s_inference.findings import Finding
from cdk8s_inference.picker_config.block_size import VLLM_BLOCK_TOKENS
from cdk8s_inference.picker_config.composition import composed
from cdk8s_inference.picker_config.config import ComposedConfig
from cdk8s_inference.picker_config.plugin import Plugin
from cdk8s_inference.picker_config.prefix import (
    ApproximatePrefix,
    PrecisePrefix,
    PrefixKnowledge,
)
from cdk8s_inference.picker_config.profile import Profile
from cdk8s_inference.releases import RouterRelease


@checked
@dataclass(frozen=True, kw_only=True)
class UnifiedConfig(ComposedConfig):
    """A configuration for a pool whose pods each prefill and decode.

    Attributes:
        profile: Picks the pod.
        prefix: How the picker knows what each pod has cached.
        plugins: Further plugins that no profile runs.
    """

    disaggregates: ClassVar[bool] = False

    profile: Profile
    prefix: PrefixKnowledge = ApproximatePrefix()
    plugins: Sequence[Plugin] = ()

    @classmethod
    @checked
    def prefix_aware(cls, *, block_tokens: int = VLLM_BLOCK_TOKENS) -> UnifiedConfig:
        """For chats and shared system prompts: a pod that knows the prefix, then a short queue.

        Args:
            block_tokens: The engine's cache block; see :func:`block_size`.
        """
        return cls._by_prefix(ApproximatePrefix(block_tokens))

    @classmethod
    @checked
    def precise_prefix(cls, prefix: PrecisePrefix) -> UnifiedConfig:
        """As :meth:`prefix_aware`, by the KV cache events that the engines publish.

        Args:
            prefix: The model, and where to ask.
        """
        return cls._by_prefix(prefix)

    @classmethod
    @checked
    def load_aware(cls) -> UnifiedConfig:
        """For prompts that share no prefixes: the pod with most room and fewest requests."""
        return cls(
            profile=Profile(
                (
                    (Plugin("kv-cache-utilization-scorer"), 2),
                    (Plugin("queue-scorer"), 2),
                    (Plugin("active-request-scorer"), 1),
                )
            )
        )

    @classmethod
    def _by_prefix(cls, prefix: PrefixKnowledge) -> UnifiedConfig:
        return cls(
            profile=Profile(((prefix.scorer(), 2), (Plugin("queue-scorer"), 1))), prefix=prefix
        )

    def document(self, release: RouterRelease) -> Mapping[str, Any]:
        """The configuration as plain data for a release.

        Raises:
            NotInReleaseError: The release lacks what it needs.
        """
        return composed(
            release,
            handlers=[Plugin("single-profile-handler")],
            profiles={"default": (None, self.profile)},
            prefix=self.prefix,
            further=self.plugins,
        )

    def notes(self, release: RouterRelease) -> list[Finding]:
        """What a release makes of the values, where that is not what they say."""
        used = self.prefix.scorer() in [scorer for scorer, _ in self.profile.scorers]
        return self.prefix.findings(release) if used else []
