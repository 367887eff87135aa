"""The API of the cluster that is meant, as the command line says it."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from typing import Any

import click

from cdk8s_inference.cli.failure import Failure
from cdk8s_inference.cli.files import SUFFIXES
from cdk8s_inference.schemas import RELEASES, ClusterApi
from cdk8s_inference.source import read


def release(_: click.Context, __: click.Parameter, value: str | None) -> str | None:
    """The callback of an option that is a release of Kubernetes."""
    try:
        return None if value is None else known_release(value)
    except ValueError as error:
        raise click.BadParameter(str(error)) from None


def known_release(value: str) -> str:
    """A release of Kubernetes, as people write it: ``1.34``, ``v1.34`` or ``v1.34.2``.

    Raises:
        ValueError: Its API is not known.
    """
    short = ".".join(value.removeprefix("v").split(".")[:2])
    if short not in RELEASES:
        known = ", ".join(sorted(RELEASES))
        raise ValueError(f"{value!r} is no release whose API is known: {known}")
    return short


def cluster_api(kubernetes: str | None, folders: Iterable[str]) -> ClusterApi:
    """The API of a cluster of a release, with the CRDs in some folders.

    Raises:
        click.UsageError: A folder holds no CRD, or a file of it cannot be read.
    """
    crds: dict[tuple[str, str], Any] = {}
    for folder in folders:
        found = dict(_schemas(folder))
        if not found:
            raise click.UsageError(f"{folder} holds no CustomResourceDefinition.")
        crds |= found
    return ClusterApi(kubernetes, crds)


def _schemas(folder: str) -> Iterator[tuple[tuple[str, str], Any]]:
    for file in sorted(_files(folder)):
        try:
            with open(file, "rb") as stream:
                documents, problems = read(
                    stream.read(), file, may_be_empty=True, with_schemas=True
                )
        except OSError as error:
            raise Failure(f"Cannot read {file!r}", error) from None
        if problems:
            raise click.UsageError("\n".join(map(str, problems)))
        for document in documents:
            root = document.root
            if root["kind"].text != "CustomResourceDefinition":
                continue
            group, kind = root.at("spec", "group").text, root.at("spec", "names", "kind").text
            for version in root.at("spec", "versions").items():
                schema = version.at("schema", "openAPIV3Schema").value
                if isinstance(schema, dict):
                    yield (f"{group}/{version['name'].text}", kind or ""), schema


def _files(folder: str) -> Iterator[str]:
    if not os.path.isdir(folder):
        yield folder
    for parent, _, names in os.walk(folder):
        yield from (os.path.join(parent, name) for name in names if name.endswith(SUFFIXES))
