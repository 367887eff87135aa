"""From files to valid deployments, and to everything that is wrong with the files."""

from __future__ import annotations

import errno
import os
import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass

from cdk8s_inference.findings import Finding
from cdk8s_inference.platform import Platform
from cdk8s_inference.spec.document import Deployment, check
from cdk8s_inference.spec.serving_stack import is_serving_stack
from cdk8s_inference.spec.source import MAX_BYTES, Document, read
from cdk8s_inference.stack.document import read_stack
from cdk8s_inference.stack.props import StackProps

STDIN = "-"


@dataclass(frozen=True)
class Input:
    """A file, or standard input.

    Attributes:
        argument: How the command line names it; ``-`` is standard input.
    """

    argument: str

    @property
    def name(self) -> str:
        """What findings call it."""
        return "<stdin>" if self.argument == STDIN else self.argument

    @property
    def stem(self) -> str:
        """Its name without folder and suffixes, as part of a file name of any file system."""
        name = "stdin" if self.argument == STDIN else os.path.basename(self.argument)
        return re.sub(r"[^a-z0-9_-]+", "-", name.lower().split(".")[0])[:64] or "document"

    def content(self) -> bytes:
        """Its bytes, one more than is allowed at most.

        Raises:
            OSError: It cannot be read.
        """
        if self.argument != STDIN:
            with open(self.argument, "rb") as file:
                return file.read(MAX_BYTES + 1)
        if sys.stdin is None:
            raise OSError(errno.EBADF, "standard input is closed")
        return sys.stdin.buffer.read(MAX_BYTES + 1)


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


def inputs(arguments: Sequence[str]) -> list[Input]:
    """The inputs that a command line names. A file that it names twice is read once."""
    unique: dict[str, Input] = {}
    for argument in arguments:
        key = argument if argument == STDIN else os.path.realpath(argument)
        unique.setdefault(key, Input(argument))
    return list(unique.values())


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
            findings.append(_unreadable(source, error))
            continue
        documents, problems = read(content, source.name)
        findings += problems
        for document in documents:
            if is_serving_stack(document):
                props, found = read_stack(
                    document, gateway=platform.gateway, allow_untested=allow_untested
                )
                if props is not None:
                    name = document.data["metadata"]["name"]
                    stacks.append(LoadedStack(name, props, found, source))
            else:
                deployment, found = check(document, platform, namespace=namespace)
                if deployment is not None:
                    loaded.append(Loaded(deployment, found, document, source))
            findings += found
    return loaded, stacks, findings


def _unreadable(source: Input, error: OSError) -> Finding:
    if isinstance(error, IsADirectoryError):
        fix = f"give the files in it: {os.path.join(source.argument, '*')}"
    elif isinstance(error, FileNotFoundError):
        fix = "name a file that exists"
    else:
        fix = "name a file that you may read"
    reason = error.strerror or str(error)
    return Finding("D001", "error", "", f"cannot be read: {reason}", fix, source.name)
