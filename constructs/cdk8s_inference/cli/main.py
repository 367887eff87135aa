"""``cdk8s-inference``: its commands and their options."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Sequence
from pathlib import Path

import click

from cdk8s_inference.cli.report import FORMATS, Format, report
from cdk8s_inference.cli.synth import Input, compose, load, write
from cdk8s_inference.findings import errors
from cdk8s_inference.platform import DEFAULT_DEVICE_CLASS, Gateway, Platform, UnifiedMode

EXIT_INVALID_INPUT = 1

_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
_SUBDOMAIN = re.compile(
    r"(?=.{1,253}\Z)[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*"
)
_LABEL_VALUE = re.compile(r"[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?")


def _namespace(_: click.Context, __: click.Parameter, value: str | None) -> str | None:
    if value is not None and not _LABEL.fullmatch(value):
        raise click.BadParameter(f"{value!r} is not a namespace's name")
    return value


def _gateway(_: click.Context, __: click.Parameter, value: str) -> Gateway:
    namespace, slash, name = value.partition("/")
    if not (slash and _LABEL.fullmatch(namespace) and _SUBDOMAIN.fullmatch(name)):
        raise click.BadParameter(f"{value!r} is not NAMESPACE/NAME")
    return Gateway(namespace, name)


def _node_pool(_: click.Context, __: click.Parameter, value: str | None) -> str | None:
    if value is not None and not _LABEL_VALUE.fullmatch(value):
        raise click.BadParameter(f"{value!r} is not a label value")
    return value


def _device_classes(_: click.Context, __: click.Parameter, values: Sequence[str]) -> dict[str, str]:
    classes: dict[str, str] = {}
    for value in values:
        request, equals, device_class = value.partition("=")
        if not (equals and _LABEL.fullmatch(request) and _SUBDOMAIN.fullmatch(device_class)):
            raise click.BadParameter(f"{value!r} is not REQUEST=CLASS")
        if classes.setdefault(request, device_class) != device_class:
            raise click.BadParameter(
                f"request {request!r} has two classes: {classes[request]} and {device_class}"
            )
    return classes


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="cdk8s-inference")
def main() -> None:
    """Compose large-language-model serving on Kubernetes."""


@main.command()
@click.argument("files", metavar="FILE...", nargs=-1, required=True, type=click.Path())
@click.option(
    "-o",
    "--output",
    type=click.Path(file_okay=False, path_type=Path),
    help="Write a file for each deployment into this folder. Other files there stay.",
)
@click.option("--stdout", is_flag=True, help="Write the manifests to standard output.")
@click.option(
    "-n",
    "--namespace",
    callback=_namespace,
    help="Namespace of every object.  [default: the document's]",
)
@click.option(
    "--gateway",
    metavar="NAMESPACE/NAME",
    default=f"{Gateway().namespace}/{Gateway().name}",
    show_default=True,
    callback=_gateway,
    help="Gateway that the HTTPRoutes attach to.",
)
@click.option(
    "--node-pool",
    metavar="POOL",
    callback=_node_pool,
    help="Pin every engine pod to nodes labelled modelplane.ai/pool=POOL.",
)
@click.option(
    "--device-class",
    "device_classes",
    metavar="REQUEST=CLASS",
    multiple=True,
    callback=_device_classes,
    help="DeviceClass of a device request; give it once for each.  "
    f"[default: {DEFAULT_DEVICE_CLASS} for all]",
)
@click.option(
    "--unified",
    "unified_mode",
    type=click.Choice(["service", "picker"]),
    default="service",
    show_default=True,
    help="What fronts a Unified deployment.",
)
@click.option(
    "--format",
    "format",
    type=click.Choice(FORMATS),
    default="text",
    show_default=True,
    help="How findings are written, to standard error.",
)
def synth(
    files: tuple[str, ...],
    output: Path | None,
    stdout: bool,
    namespace: str | None,
    gateway: Gateway,
    node_pool: str | None,
    device_classes: dict[str, str],
    unified_mode: UnifiedMode,
    format: Format,
) -> None:
    """Turn ModelDeployment documents into manifests to apply.

    Each FILE holds one or more documents, in YAML or JSON; - is standard input. All findings of
    all documents are reported; nothing is written unless all of them are good.

    Exit status: 0 written, 1 the input is wrong, 2 wrong usage.
    """
    if stdout == (output is not None):
        raise click.UsageError("Give either --output DIR or --stdout.")
    platform = Platform(
        gateway=gateway,
        node_pool=node_pool,
        device_classes=device_classes,
        unified_mode=unified_mode,
    )
    deployments, findings = load([Input.named(name) for name in files], platform, namespace)
    report(findings, format, sys.stderr)
    if errors(findings):
        sys.exit(EXIT_INVALID_INPUT)
    manifests = compose(deployments, platform)
    if output is None:
        click.echo("---\n".join(manifests.values()), nl=False)
        return
    try:
        write(manifests, output)
    except OSError as error:
        raise click.UsageError(
            f"Cannot write to {os.fspath(output)!r}: {error.strerror}."
        ) from None
