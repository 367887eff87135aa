"""DisaggregatedConfig: one pod prefills, another decodes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cdk8s_inference.arguments import checked
from cdk8s_inference.findings import Finding
from cdk8s_inference.picker_config.block_size import VLLM_BLOCK_TOKENS
from cdk8s_inference.picker_config.composition import composed
from cdk8s_inference.picker_config.config import ComposedConfig
from cdk8s_inference.picker_config.decider import (
    AlwaysDisaggregate,
    Decider,
    PrefixThreshold,
)
from cdk8s_inference.picker_config.plugin import Plugin
from cdk8s_inference.picker_config.prefix import (
    ApproximatePrefix,
    PrecisePrefix,
    PrefixKnowledge,
)
from cdk8s_inference.picker_config.profile import Profile
from cdk8s_inference.releases import RouterRelease

_HANDLER = "disagg-profile-handler"
_HEADER_WRITER = "disagg-headers-handler"


@checked
@dataclass(frozen=True, kw_only=True)
class DisaggregatedConfig(ComposedConfig):
    """A configuration for a pool of prefill and decode pods, which always disaggregates.

    What quietly switches disaggregation off cannot be said: the profiles have the names that
    the handler looks for and the filters of their roles, the handler has a decider that accepts
    prompts, and whatever a release wants besides is added when it is rendered for that release.

    Attributes:
        decider: Which prompts are prefilled elsewhere.
        prefill: Picks the prefill pod.
        decode: Picks the decode pod, which answers.
        encode: Picks encode pods for requests with images, video or audio; None without such
            pods.
        prefix: How the picker knows what each pod has cached.
        plugins: Further plugins that no profile runs, such as a saturation detector.
    """

    decider: Decider = PrefixThreshold()
    prefill: Profile
    decode: Profile
    encode: Profile | None = None
    prefix: PrefixKnowledge = ApproximatePrefix()
    plugins: Sequence[Plugin] = ()

    @classmethod
    @checked
    def prefix_aware(
        cls, decider: PrefixThreshold | None = None, *, block_tokens: int = VLLM_BLOCK_TOKENS
    ) -> DisaggregatedConfig:
        """For vLLM, unless something speaks for another: prefers pods that know the prefix.

        Long new prompts are prefilled elsewhere; short or cached ones where they are decoded,
        which saves the transfer. Among equals a short queue decides.

        Args:
            decider: From which length on; by default from one block of the engine on, since a
                shorter rest of a prompt is never cached.
            block_tokens: The engine's cache block; see :func:`block_size`.
        """
        return cls._by_prefix(
            decider or PrefixThreshold(block_tokens), ApproximatePrefix(block_tokens)
        )

    @classmethod
    @checked
    def always(cls, *, block_tokens: int = VLLM_BLOCK_TOKENS) -> DisaggregatedConfig:
        """For SGLang, whose decode engines cannot prefill, and for measuring the two apart.

        Args:
            block_tokens: The engine's cache block; see :func:`block_size`.
        """
        return cls._by_prefix(AlwaysDisaggregate(), ApproximatePrefix(block_tokens))

    @classmethod
    @checked
    def load_aware(
        cls, decider: Decider | None = None, *, block_tokens: int = VLLM_BLOCK_TOKENS
    ) -> DisaggregatedConfig:
        """For prompts that share no prefixes, such as documents read once: spreads the load.

        Prefill goes to the shortest queue, decode to the pod with most room for KV cache and
        fewest running requests.

        Args:
            decider: Which prompts are prefilled elsewhere; as for :meth:`prefix_aware`.
            block_tokens: The engine's cache block; see :func:`block_size`.
        """
        return cls(
            decider=decider or PrefixThreshold(block_tokens),
            prefill=Profile(((Plugin("queue-scorer"), 1), (Plugin("load-aware-scorer"), 1))),
            decode=Profile(
                ((Plugin("kv-cache-utilization-scorer"), 2), (Plugin("active-request-scorer"), 1))
            ),
            prefix=ApproximatePrefix(block_tokens),
        )

    @classmethod
    @checked
    def precise_prefix(
        cls, prefix: PrecisePrefix, decider: PrefixThreshold | None = None
    ) -> DisaggregatedConfig:
        """For long shared prefixes on engines that publish KV cache events.

        Like :meth:`prefix_aware`, but it knows what was evicted and what other pickers sent. It
        needs a vLLM that renders prompts to tokens.

        Args:
            prefix: The model, and where to ask.
            decider: From which length on, by what the picker itself has sent; as for
                :meth:`prefix_aware`.
        """
        return cls._by_prefix(decider or PrefixThreshold(prefix.block_tokens), prefix)

    @classmethod
    def _by_prefix(cls, decider: Decider, prefix: PrefixKnowledge) -> DisaggregatedConfig:
        profile = Profile(((prefix.scorer(), 2), (Plugin("queue-scorer"), 1)))
        return cls(decider=decider, prefill=profile, decode=profile, prefix=prefix)

    def document(self, release: RouterRelease) -> Mapping[str, Any]:
        """The configuration as plain data for a release.

        Raises:
            NotInReleaseError: The release lacks what it needs.
        """
        deciders = {"prefill": self.decider.plugin(release)}
        profiles: dict[str, tuple[Plugin | None, Profile]] = {
            "prefill": (Plugin("prefill-filter"), self.prefill),
            # Without its filter this profile would hand users to prefill pods.
            "decode": (Plugin("decode-filter"), self.decode),
        }
        if self.encode is not None:
            profiles = {"encode": (Plugin("encode-filter"), self.encode), **profiles}
            decider = release.plugin("always-disagg-multimodal-decider")
            deciders["encode"] = Plugin(decider.type)
        # The deciders entry is what switches a stage on: without it the stage is skipped.
        handlers = [Plugin(_HANDLER, {"deciders": deciders})]
        if "header writer" not in release.plugin(_HANDLER).roles:
            handlers.append(Plugin(release.plugin(_HEADER_WRITER).type))
        return composed(
            release, handlers=handlers, profiles=profiles, prefix=self.prefix, further=self.plugins
        )

    def notes(self, release: RouterRelease) -> list[Finding]:
        """What a release makes of the values, where that is not what they say."""
        return self.prefix.findings(release)
