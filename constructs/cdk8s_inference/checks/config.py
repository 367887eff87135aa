"""The pickers' configurations, judged by what their releases do with them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from cdk8s_inference.findings import Finding
from cdk8s_inference.source import has_placeholder
from cdk8s_inference.topology import KubeObject, Picker, SourceValue, Topology

_FAILING = frozenset(
    {"does not start", "every request fails", "prefill pods serve users", "never disaggregates"}
)


def config_findings(topology: Topology) -> Iterator[tuple[Finding, KubeObject]]:
    """The findings of each configuration, at the object that holds its text.

    What makes the picker fail, or keeps it from disaggregating, is an error here: that the pool
    has prefill and decode pods says that it is meant to.
    """
    # Half of the time that a check takes, and of no use without a picker.
    from cdk8s_inference.picker_config.standalone import KIND, standalone_findings
    from cdk8s_inference.picker_config.verdict import assess

    for found in topology.of_kind(KIND):
        for finding in standalone_findings(found.document):
            yield replace(finding, object=str(found)), found
    for picker in topology.pickers:
        config = picker.config
        if config is None or has_placeholder(config.value):
            continue
        pools = [pool for pool in topology.pools if pool.picker is picker]
        flag = picker.release.picker.experimental_flag
        verdict = assess(
            config.value,
            picker.release,
            disaggregated=any(pool.disaggregates for pool in pools),
            experimental=bool(flag) and picker.switch(flag or "").value,
        )
        failing = verdict.outcome in _FAILING
        for finding in verdict.findings:
            serious = failing and finding.severity == "warning" and finding.code < "P5"
            severity = "error" if serious else finding.severity
            if severity == "error" and not picker.release.picker.config.seen_run:
                severity = "warning"
            severity = picker.assumed_severity or severity
            yield _placed(replace(finding, severity=severity), config, picker), config.object


def _placed(finding: Finding, config: SourceValue[str], picker: Picker) -> Finding:
    """The finding at the text's own place: a block of text starts a line after its key."""
    place = config.place
    line = place.line
    if line is not None and finding.line is not None and "\n" in config.value:
        line += finding.line
    return replace(
        finding,
        file=place.file,
        line=line,
        object=place.object,
        path=": ".join(part for part in (place.path, finding.path) if part),
        related=(picker.container.image.place,),
    )
