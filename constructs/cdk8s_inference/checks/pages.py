"""A page for each rule, and an index of all rules."""

from __future__ import annotations

from cdk8s_inference.checks.registry import all_rules
from cdk8s_inference.findings.explanation import as_markdown
from cdk8s_inference.findings.rule import AnyRule

_FAMILIES: dict[str | tuple[str, ...], str] = {
    "T0": "The check itself",
    "T1": "Pools, roles and ports",
    "T2": "The pd-sidecar",
    "T3": "KV transfer between prefill and decode",
    "T4": "The endpoint picker",
    ("T50", "T51"): "Routes and gateways",
    ("T52", "T53"): "Installed components and permissions",
    ("T54", "T55"): "The Envoy beside a picker",
    "T6": "Workloads",
    "T7": "Devices",
    "T8": "Rollouts, disruption budgets and scaling",
    "T9": "Security",
    "P1": "Picker configurations that do not start",
    "P2": "Picker configurations that reject every request",
    "P3": "Picker configurations that never disaggregate",
    "P4": "Picker configurations that send users to prefill pods",
    "P5": "Picker configurations with an unexpected effect",
    "W1": "KV transfer of engines",
    "W2": "Engines and pools that are incompatible",
    "W3": "Pools",
    "G1": "Gateways",
    "K0": "Schemas of Kubernetes' API and of CRDs",
    "D0": "Files and documents",
    "D1": "ModelDeployments that cannot be composed",
    "D2": "ModelDeployments with an unexpected effect",
    "S0": "ServingStack documents",
    "S1": "Serving stacks",
    "A0": "Python calls",
}

_HEAD = """\
# Rules

The rules of `cdk8s-inference check` and `cdk8s-inference synth`. `cdk8s-inference explain CODE`
shows a rule in a terminal.

- **error**: it does not work. `synth` writes nothing.
- **warning**: it works, but worse than expected.
- **note**: for information.

A rule without a severity depends on the case. For example, an endpoint picker that never
disaggregates is an error if the prefill and decode pods of its pool are checked with it, and a
warning if only its configuration is checked.

Each example is run as a test. The files that examples name are in
`constructs/cdk8s_inference/findings/examples`. `make docs` generates these pages.
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
            parts.append(
                f"## {title}\n\n| Code | Severity | What it detects |\n| --- | --- | --- |\n"
            )
            parts[-1] += "\n".join(rows) + "\n"
    return "\n".join(parts)


def _row(rule: AnyRule) -> str:
    return f"| [{rule.code}]({rule.code}.md) | {rule.severity or ''} | {rule.title} |"
