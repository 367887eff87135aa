"""The endpoint picker's configuration, and what a release makes of it."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, ClassVar

import yaml

from cdk8s_inference.arguments import NonEmpty, checked
from cdk8s_inference.findings import Finding, InvalidInput, warn
from cdk8s_inference.picker_config.verdict import (
    SILENT_CODES,
    Verdict,
    assess,
    assess_document,
)
from cdk8s_inference.releases import RouterRelease


class PickerConfig(ABC):
    """An EndpointPickerConfig, in whatever form it is kept.

    Attributes:
        refused_codes: Findings that refuse it, beside those that are errors.
        experimental: Whether the picker runs with alpha plugins allowed, which needs its flag
            :attr:`~cdk8s_inference.releases.router.Picker.experimental_flag`.
    """

    refused_codes: ClassVar[frozenset[str]] = frozenset()
    experimental: bool

    @abstractmethod
    def text(self, release: RouterRelease) -> str:
        """The configuration as YAML for a release, unchecked.

        Raises:
            NotInReleaseError: The release lacks what it needs.
        """

    @abstractmethod
    def verdict(self, release: RouterRelease) -> Verdict:
        """What a picker of the release does with it, as far as that can be told.

        Raises:
            NotInReleaseError: The release lacks what it needs.
        """

    def refusals(self, release: RouterRelease) -> list[Finding]:
        """Why it cannot be used with a release; nothing where it can.

        Raises:
            NotInReleaseError: The release lacks what it needs.
        """
        return [
            finding
            for finding in self.verdict(release).findings
            if finding.severity == "error" or finding.code in self.refused_codes
        ]

    @checked
    def render(self, release: RouterRelease) -> str:
        """The configuration as YAML for a release, checked.

        What works worse than it looks is raised as :class:`InferenceWarning`.

        Raises:
            InvalidInput: With it a picker of the release would not start, or would refuse every
                request; of a composed configuration also what would quietly do otherwise.
            NotInReleaseError: The release lacks what it needs.
        """
        if refused := self.refusals(release):
            raise InvalidInput(refused)
        warn(self.verdict(release).findings)
        return self.text(release)


@dataclass(frozen=True, kw_only=True)
class ComposedConfig(PickerConfig):
    """A configuration that is composed of values; see its subclasses.

    Attributes:
        disaggregates: Whether it is for a pool of prefill and decode pods.
        experimental: Whether the picker runs with alpha plugins allowed.
    """

    refused_codes: ClassVar[frozenset[str]] = SILENT_CODES
    disaggregates: ClassVar[bool] = True

    experimental: bool = False

    @abstractmethod
    def document(self, release: RouterRelease) -> Mapping[str, Any]:
        """The configuration as plain data for a release.

        Raises:
            NotInReleaseError: The release lacks what it needs.
        """

    def notes(self, release: RouterRelease) -> list[Finding]:
        """What a release makes of the values, where that is not what they say."""
        return []

    def text(self, release: RouterRelease) -> str:
        """The configuration as YAML for a release, unchecked.

        Raises:
            NotInReleaseError: The release lacks what it needs.
        """
        return yaml.dump(self.document(release), Dumper=yaml.CSafeDumper, sort_keys=False)

    def verdict(self, release: RouterRelease) -> Verdict:
        """What a picker of the release does with it.

        Raises:
            NotInReleaseError: The release lacks what it needs.
        """
        document = json.dumps(self.document(release))
        found = _assessed(document, release, self.disaggregates, self.experimental)
        return found.with_findings(self.notes(release))


# Most deployments of an app have the same configuration, and each asks four times.
@lru_cache(maxsize=256)
def _assessed(
    document: str, release: RouterRelease, disaggregated: bool, experimental: bool
) -> Verdict:
    return assess_document(
        json.loads(document),
        release,
        disaggregated=disaggregated,
        experimental=experimental,
    )


@checked
@dataclass(frozen=True)
class RawPickerConfig(PickerConfig):
    """A configuration as text, for what the typed ones cannot say. It is used as it is written.

    Attributes:
        content: YAML of an EndpointPickerConfig, in the apiVersion of the release that will run.
        for_disaggregation: Whether the pool has prefill and decode pods.
        experimental: Whether the picker runs with alpha plugins allowed.
    """

    content: NonEmpty
    for_disaggregation: bool = True
    experimental: bool = False

    def text(self, release: RouterRelease) -> str:
        """The content."""
        return self.content

    def verdict(self, release: RouterRelease) -> Verdict:
        """What a picker of the release does with it, as far as that can be told."""
        return assess(
            self.content,
            release,
            disaggregated=self.for_disaggregation,
            experimental=self.experimental,
        )
