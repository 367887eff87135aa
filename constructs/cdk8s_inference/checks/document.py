"""Everything that is to say about a ModelDeployment document before it is composed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from cdk8s_inference.checks.check import check_topology
from cdk8s_inference.checks.rule import RULES
from cdk8s_inference.document.deployment import Deployment
from cdk8s_inference.document.gang_variables import GANG_VARIABLES
from cdk8s_inference.document.ports import default_port
from cdk8s_inference.document.subject import RUN_RULES, RunSubject, container_port, role
from cdk8s_inference.document.validation import check
from cdk8s_inference.findings import Finding, errors
from cdk8s_inference.platform import Platform
from cdk8s_inference.servers.command_line import uses
from cdk8s_inference.source import Cursor, Document
from cdk8s_inference.topology.document_topology import document_topology

# fmt: off
ENGINE_CODES = (
    "T001", "T004", "T008", "T115",
    "T301", "T302", "T303", "T304", "T305", "T306", "T307", "T308", "T309",
    "T310", "T311", "T314", "T315", "T317", "T318", "T319", "T320", "T321", "T322", "T323",
    "T325", "T326",
    "T607", "T613", "T614", "T615", "T616", "T622", "T634", "T636", "T640", "T641", "T642",
    "T643", "T644", "T645", "T646", "T650", "T651", "T660", "T661", "T662", "T704", "T710",
    "T904",
)
# fmt: on
"""The rules over Kubernetes objects that depend on what a document says of its engines."""

PLAIN_CODES = ("T705",)
"""Those that a platform's settings decide too; with a platform, composed objects tell of them."""

POOL_CODES = ("T417",)
"""Those that also depend on whether there is an endpoint picker."""

_SAME: Mapping[str, Sequence[str]] = {
    "T303": ("W103",),
    "T317": ("W101",),
    "T616": ("D201",),
}
"""Rules over Kubernetes objects, and the codes of documents that say the same more precisely."""

_SETTLED: Mapping[str, str] = {"D201": "T616"}
"""Warnings of documents that are errors where a rule over Kubernetes objects knows the engine."""

_STRONGER: Mapping[str, str] = {"W102": "T302", "W108": "T302"}
"""Warnings of documents, and the errors that replace them where the engine settles it."""

_CACHE_PATH = "/mnt/models"
_SIDE_CHANNEL = "VLLM_NIXL_SIDE_CHANNEL_HOST"


def check_document(
    document: Document, platform: Platform | None = None, *, namespace: str | None = None
) -> tuple[Deployment | None, list[Finding]]:
    """As :func:`cdk8s_inference.document.validation.check`, with the rules about engines as well.

    They are what synthesis refuses too, and here they point into the document.
    """
    codes = ENGINE_CODES if platform else (*ENGINE_CODES, *PLAIN_CODES)
    platform = platform or Platform()
    deployment, findings = check(document, platform, namespace=namespace)
    if deployment is None:
        return None, findings
    template = deployment.spec.template.spec
    pooled = template.serving_mode == "PrefillDecode" or platform.unified_mode == "picker"
    rules = [RULES[code] for code in (*codes, *(POOL_CODES if pooled else ()))]
    complete = _CompletedTemplate(template.model_cache_ref is not None)
    topology = document_topology(document, complete, pooled=pooled)
    found = check_topology(topology, rules=rules)
    # Whether a waiver is of use shows only when all of it is composed.
    findings = without_repeats(findings, [_judged(each) for each in found if each.code != "T002"])
    return None if errors(findings) else deployment, findings


def check_documents(documents: Iterable[Document]) -> list[Finding]:
    """The findings about ModelDeployment documents of one run, by themselves and together."""
    findings: list[Finding] = []
    valid: list[tuple[Deployment, Document]] = []
    for document in documents:
        deployment, found = check_document(document)
        findings += found
        if deployment is not None:
            valid.append((deployment, document))
    return [*findings, *RUN_RULES.findings(RunSubject(valid, Platform()))]


def without_repeats(of_document: Iterable[Finding], of_objects: Iterable[Finding]) -> list[Finding]:
    """Findings about a document and about its objects, each cause once."""
    known, told = list(of_document), list(of_objects)
    codes = {each.code for each in known}
    found = [each for each in told if not codes.intersection(_SAME.get(each.code, ()))]
    settled, places = _places(told), _places(found)
    kept = [each for each in known if (_STRONGER.get(each.code), each.line) not in places]
    judged = [
        replace(each, severity="error") if (_SETTLED.get(each.code), each.line) in settled else each
        for each in kept
    ]
    return [*judged, *found]


def _judged(finding: Finding) -> Finding:
    """A finding about engines, as grave as it is of a document."""
    # Probes and the Service ask the port that is declared.
    fatal = finding.code == "T616" and finding.severity == "warning"
    return replace(finding, severity="error") if fatal else finding


def _places(findings: Iterable[Finding]) -> set[tuple[str, int | None]]:
    """The codes of findings that nobody waived, and the lines that they are about."""
    return {
        (each.code, line)
        for each in findings
        if each.waived is None
        for line in (each.line, *(place.line for place in each.related))
    }


class _CompletedTemplate:
    """Adds to a member's pod template what composition adds and rules read."""

    def __init__(self, cached: bool) -> None:
        self._cached = cached

    def __call__(self, engine: Cursor, member: Cursor) -> Mapping[str, Any]:
        template = member["template"]
        [written] = template.at("spec", "containers").items()
        container: dict[str, Any] = {**written.value, "args": written["args"].strings}
        container["env"] = list(written["env"].value or ())
        if role(member) != "Worker":
            port = container_port(written) or default_port(engine["phase"].text, 1)
            container["ports"] = [{"containerPort": port}]
            named = uses(None, container["args"], "--model", "--model-path")
            if self._cached and not written["command"].strings and not named:
                container["args"].append(f"--model={_CACHE_PATH}")
        if role(member) != "Standalone":
            container["env"][:0] = GANG_VARIABLES
        if all(each.get("name") != _SIDE_CHANNEL for each in container["env"]):
            field = {"fieldRef": {"fieldPath": "status.podIP"}}
            container["env"].append({"name": _SIDE_CHANNEL, "valueFrom": field})
        spec = {**template["spec"].value, "containers": [container]}
        return {**template.value, "spec": spec}
