"""Everything that is to say about a ModelDeployment document before it is composed."""

from __future__ import annotations

from cdk8s_inference.checks.check import check_topology
from cdk8s_inference.checks.rule import RULES
from cdk8s_inference.document.deployment import Deployment
from cdk8s_inference.document.validation import check
from cdk8s_inference.findings import Finding, errors
from cdk8s_inference.platform import Platform
from cdk8s_inference.source import Document
from cdk8s_inference.topology.document_topology import document_topology

DECIDED = (
    "T004",
    *("T304", "T305", "T306", "T307", "T308", "T309", "T310", "T311", "T314", "T318"),
    *("T607", "T613", "T614", "T615", "T710"),
)
"""The rules that what engines are told decides alone. The others are about what composition adds,
or a code of documents says the same of it."""


def check_document(
    document: Document, platform: Platform | None = None, *, namespace: str | None = None
) -> tuple[Deployment | None, list[Finding]]:
    """As :func:`cdk8s_inference.document.validation.check`, with the rules about engines as well.

    They are what synthesis refuses too, and here they point into the document.
    """
    deployment, findings = check(document, platform, namespace=namespace)
    if deployment is None:
        return None, findings
    rules = [RULES[code] for code in DECIDED]
    found = check_topology(document_topology(document), rules=rules)
    # Whether a waiver is used is known when all objects are composed.
    findings = [*findings, *(each for each in found if each.code != "T002")]
    return None if errors(findings) else deployment, findings
