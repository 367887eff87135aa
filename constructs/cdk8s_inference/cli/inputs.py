"""From files to valid deployments, and to everything that is wrong with the files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cdk8s_inference.checks.document import check_document
from cdk8s_inference.cli import not_objects
from cdk8s_inference.cli.files import Input, unreadable
from cdk8s_inference.document.deployment import Deployment
from cdk8s_inference.document.serving_stack import is_serving_stack
from cdk8s_inference.findings import Finding
from cdk8s_inference.platform import Platform
from cdk8s_inference.source import Document, read

if TYPE_CHECKING:
    from cdk8s_inference.stack.props import StackProps


@dataclass(frozen=True)
class Loaded:
    """A valid deployment and where it came from.

    Attributes:
        deployment: The deployment.
        findings: What was found in its document.
        document: The document, which knows its lines.
        source: The document's file.
    """

    deployment: Deployment
    findings: Sequence[Finding]
    document: Document
    source: Input

    @property
    def name(self) -> str:
        """Its namespace and name."""
        return f"{self.deployment.namespace}/{self.deployment.name}"


@dataclass(frozen=True)
class LoadedStack:
    """A valid serving stack and where it came from.

    Attributes:
        name: The document's name.
        props: What the stack is made from.
        findings: What was found in its document.
        source: The document's file.
    """

    name: str
    props: StackProps
    findings: Sequence[Finding]
    source: Input


def load(
    sources: Sequence[Input],
    platform: Platform,
    namespace: str | None,
    *,
    allow_untested: bool = False,
) -> tuple[list[Loaded], list[LoadedStack], list[Finding]]:
    """Every valid deployment and stack of the inputs, and every finding of all of them."""
    loaded: list[Loaded] = []
    stacks: list[LoadedStack] = []
    findings: list[Finding] = []
    for source in sources:
        try:
            content = source.content()
        except OSError as error:
            findings.append(unreadable(source, error))
            continue
        documents, problems = read(content, source.name)
        if not_objects.is_template(content, documents, problems):
            findings.append(not_objects.template(source.name))
            continue
        findings += problems
        for document in documents:
            if is_serving_stack(document):
                # Without a stack, which few files have, nobody waits for its parts.
                from cdk8s_inference.stack.document import read_stack

                props, found = read_stack(
                    document, gateway=platform.gateway, allow_untested=allow_untested
                )
                if props is not None:
                    name = document.data["metadata"]["name"]
                    stacks.append(LoadedStack(name, props, found, source))
            else:
                deployment, found = check_document(document, platform, namespace=namespace)
                if deployment is not None:
                    loaded.append(Loaded(deployment, found, document, source))
            findings += found
    return loaded, stacks, findings
