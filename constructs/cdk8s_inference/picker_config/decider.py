"""What decides whether a prompt is prefilled on another pod than the one that decodes it."""

from __future__ import annotations

from dataclasses import dataclass

from cdk8s_inference.arguments import checked
from cdk8s_inference.picker_config.plugin import Plugin
from cdk8s_inference.releases import RouterRelease


@checked
@dataclass(frozen=True)
class PrefixThreshold:
    """Prefills elsewhere what is long enough, and not in the decode pod's prefix cache.

    The decode engine must be able to prefill by itself, as vLLM can: it does so for every
    request under the threshold. An SGLang engine in decode mode cannot.

    Attributes:
        non_cached_tokens: How many tokens outside the prefix cache a prompt must have. The
            plugin's own default, 0, would never disaggregate. v0.8.0 counts four characters as
            a token.
        prompt_tokens: How many tokens a prompt must have altogether; 0 asks for none.
    """

    non_cached_tokens: int = 16
    prompt_tokens: int = 0

    def __post_init__(self) -> None:
        if self.non_cached_tokens < 1:
            raise ValueError(
                f"non_cached_tokens is {self.non_cached_tokens}, which would never disaggregate; "
                "give at least 1, or AlwaysDisaggregate()"
            )
        if self.prompt_tokens < 0:
            raise ValueError(f"prompt_tokens is {self.prompt_tokens}; give 0 or more")

    def plugin(self, release: RouterRelease) -> Plugin:
        """The decider as a plugin of a release.

        Raises:
            NotInReleaseError: The release lacks it.
        """
        parameters = {"nonCachedTokens": self.non_cached_tokens}
        if self.prompt_tokens:
            parameters["promptTokens"] = self.prompt_tokens
        return Plugin(release.plugin("prefix-based-pd-decider").type, parameters)


@checked
@dataclass(frozen=True)
class AlwaysDisaggregate:
    """Prefills every prompt elsewhere, short and cached ones too.

    For decode engines that cannot prefill, such as SGLang's, and for measurements.
    """

    def plugin(self, release: RouterRelease) -> Plugin:
        """The decider as a plugin of a release.

        Raises:
            NotInReleaseError: The release lacks it.
        """
        return Plugin(release.plugin("always-disagg-pd-decider").type)


Decider = PrefixThreshold | AlwaysDisaggregate
