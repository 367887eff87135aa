"""Credentials that manifests show to everybody who may read them."""

from __future__ import annotations

import re
from collections.abc import Iterator

from cdk8s_inference.checks.rule import rule
from cdk8s_inference.findings import Violation
from cdk8s_inference.findings.example import Edit, breaks, manifests
from cdk8s_inference.findings.secret import TOKEN
from cdk8s_inference.topology import SourceValue, Topology

_PLACEHOLDER = re.compile(r"(?i)[<>{}$]|x{4,}|your|change|example|dummy|secret|token|empty|none")


@rule(
    "T904",
    "error",
    "A token is in clear text",
    why="Who may read the manifests, the pod or its logs has it, and the repository keeps it.",
    evidence="Kubernetes: pods are readable to far more people than Secrets.",
    fix="put it into a Secret, take it by env[].valueFrom.secretKeyRef, and revoke this one",
    example=breaks(
        "disaggregated",
        "Deployment/decode",
        "spec.template.spec.containers[0].env[1]",
        {"name": "HF_TOKEN", "value": "hf_" + "aB3dE6gH9jK2mN5p"},
    ),
)
def clear_token(topology: Topology) -> Iterator[Violation]:
    for pods in topology.pods:
        for container in pods.containers:
            for name, variable in container.environment.items():
                if variable.value and _is_token(variable.value):
                    yield Violation(_field(variable, "value"), f"variable {name} holds a token")
            for key in ("command", "args"):
                for item in container.at[key].items():
                    if item.text and _is_token(item.text):
                        yield Violation(
                            pods.object.value_at(item, None), "the argument holds a token"
                        )


@rule(
    "T905",
    "warning",
    "An API key is in clear text",
    why="Who may read the manifests, the pod or its logs can call the server.",
    evidence="Kubernetes: pods are readable to far more people than Secrets.",
    fix="put it into a Secret, and give the server its name in env, as VLLM_API_KEY for vLLM",
    example=manifests(
        "disaggregated",
        *(
            Edit(
                f"Deployment/{name}",
                "spec.template.spec.containers[0].args[4]",
                "--api-key=correct-horse",
            )
            for name in ("prefill", "decode")
        ),
    ),
)
def clear_api_key(topology: Topology) -> Iterator[Violation]:
    for pods in topology.serving:
        assert pods.engine is not None
        for flag in pods.engine.server.secret_flags if pods.engine.server else ():
            given = pods.engine.flag(flag)
            if given is None or _PLACEHOLDER.search(given.value) or _is_token(given.value):
                continue
            yield Violation(given.of(None), f"{flag} is given its value here")


def _is_token(text: str) -> bool:
    found = TOKEN.search(text)
    # hf_xxxxxxxxxxxx stands for a token.
    return found is not None and len(set(found[0].partition("_")[2] or found[0])) > 4


def _field(value: SourceValue[str | None], key: str) -> SourceValue[None]:
    return SourceValue(None, value.object, (*value.path, key))
