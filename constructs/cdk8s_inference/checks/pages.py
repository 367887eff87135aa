"""The rules as pages, and an index of every code."""

from __future__ import annotations

from cdk8s_inference.checks.registry import all_rules
from cdk8s_inference.findings.explanation import as_markdown
from cdk8s_inference.findings.rule import AnyRule

_FAMILIES: dict[str | tuple[str, ...], str] = {
    "T0": "The check itself",
    "T1": "Pools, roles and ports",
    "T2": "The pd-sidecar",
    "T3": "The contract between prefill and decode",
    "T4": "The endpoint picker",
    ("T50", "T51"): "Routes and gateways",
    ("T52", "T53"): "What serving stands on",
    "T6": "Workloads",
    "T7": "Devices",
    "T8": "Rollouts, disruptions and scaling",
    "T9": "Security",
    "P1": "Picker configurations that do not start",
    "P2": "Picker configurations that refuse every request",
    "P3": "Picker configurations that never disaggregate",
    "P4": "Picker configurations that send users elsewhere",
    "P5": "Picker configurations that work otherwise than they look",
    "W1": "Engines that cannot hand over",
    "W2": "Engines and pools that do not fit",
    "W3": "Pools",
    "G1": "Gateways",
    "D0": "Files and documents",
    "D1": "ModelDeployments that cannot be composed",
    "D2": "ModelDeployments that work otherwise than they look",
    "S0": "ServingStack documents",
    "S1": "Serving stacks",
}

_HEAD = """\
# Rules

What `cdk8s-inference check` finds in manifests and documents, and what synthesis refuses.
`cdk8s-inference explain CODE` says the same in a terminal. An error will not work; a warning works
worse than it looks; a note is to know. Each code has a page, with an example that is run as a test;
the files that an example names are in `constructs/cdk8s_inference/findings/examples`.

This page is written by `make docs`.

A code without a severity has one by case. A picker that never disaggregates, or whose prefill pods
answer users, is an error where prefill and decode pods of its pool are read with it, and a warning
where its configuration is judged alone.
"""


def pages() -> dict[str, str]:
    """The text of each page, by its file's name."""
    found = {f"{code}.md": as_markdown(rule) for code, rule in all_rules().items()}
    return {"README.md": _index(), **found}


def _index() -> str:
    parts = [_HEAD]
    for family, title in _FAMILIES.items():
        rows = [_row(rule) for code, rule in all_rules().items() if code.startswith(family)]
        if rows:
            parts.append(f"## {title}\n\n| Code | Severity | What |\n| --- | --- | --- |\n")
            parts[-1] += "\n".join(rows) + "\n"
    return "\n".join(parts)


def _row(rule: AnyRule) -> str:
    return f"| [{rule.code}]({rule.code}.md) | {rule.severity or ''} | {rule.title} |"
