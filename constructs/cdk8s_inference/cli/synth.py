"""``cdk8s-inference synth``: its options, and what it does with them."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar, get_args

import click
from click.core import ParameterSource

from cdk8s_inference.checks.coverage import plural
from cdk8s_inference.cli.compose import DELIVERIES, CannotCompose, compose, compose_stack, images_of
from cdk8s_inference.cli.configuration import Configuration
from cdk8s_inference.cli.failure import writing
from cdk8s_inference.cli.files import Input, inputs, unreadable
from cdk8s_inference.cli.inputs import load
from cdk8s_inference.cli.options import policy_of, selection
from cdk8s_inference.cli.output import file_names, stack_file_names, write
from cdk8s_inference.cli.parallel import usable_cpus
from cdk8s_inference.cli.progress import with_progress
from cdk8s_inference.cli.report import FORMATS, Format, is_failure, report
from cdk8s_inference.cli.stdout import to_stdout
from cdk8s_inference.cli.watch import watchable
from cdk8s_inference.document.structure import no_document
from cdk8s_inference.document.subject import RUN_RULES, RunSubject
from cdk8s_inference.findings import Finding, InvalidInput, errors
from cdk8s_inference.gateways import ENVOY_AI_GATEWAY, GATEWAY_PROVIDERS
from cdk8s_inference.names import LABEL, QUALIFIED_NAME, SUBDOMAIN
from cdk8s_inference.platform import (
    DEFAULT_DEVICE_CLASS,
    Gateway,
    Platform,
    Simulation,
    UnifiedMode,
)
from cdk8s_inference.platform.document import read_image_digests, unlisted_images
from cdk8s_inference.releases import ROUTER_NEWEST, ROUTER_RELEASES, router_release
from cdk8s_inference.source import Document, single

if TYPE_CHECKING:
    from cdk8s_inference.cli.manifest_cache import ManifestCache

EXIT_INVALID_INPUT = 1

T = TypeVar("T")

_DEFAULT_GATEWAY = f"{Gateway().namespace}/{Gateway().name}"


def _output(_: click.Context, __: click.Parameter, value: str | None) -> Path | None:
    if value == "":  # As of a variable that is not set. Path would take it for this folder.
        raise click.BadParameter("names no folder; . is the current one")
    return None if value is None else Path(value)


def _namespace(_: click.Context, __: click.Parameter, value: str | None) -> str | None:
    if value is not None and not LABEL.fullmatch(value):
        raise click.BadParameter(
            f"{value!r} is no namespace: use up to 63 lower case letters, digits and '-'"
        )
    return value


def _gateway(_: click.Context, __: click.Parameter, value: str) -> Gateway:
    namespace, slash, name = value.partition("/")
    if not (slash and LABEL.fullmatch(namespace) and SUBDOMAIN.fullmatch(name)):
        raise click.BadParameter(
            f"{value!r} is not NAMESPACE/NAME, such as {_DEFAULT_GATEWAY}, with names of objects"
        )
    return Gateway(namespace, name)


def _node_pool(_: click.Context, __: click.Parameter, value: str | None) -> str | None:
    if value is not None and not QUALIFIED_NAME.fullmatch(value):
        raise click.BadParameter(
            f"{value!r} is no label value: use up to 63 letters, digits, '-', '_' and '.', edged "
            "by letters or digits"
        )
    return value


def _device_classes(_: click.Context, __: click.Parameter, values: Sequence[str]) -> dict[str, str]:
    classes: dict[str, str] = {}
    for value in values:
        request, equals, device_class = value.partition("=")
        if not (equals and LABEL.fullmatch(request) and SUBDOMAIN.fullmatch(device_class)):
            raise click.BadParameter(
                f"{value!r} is not REQUEST=CLASS, such as gpu={DEFAULT_DEVICE_CLASS}, with names "
                "of a device request and a DeviceClass"
            )
        if classes.setdefault(request, device_class) != device_class:
            raise click.BadParameter(
                f"request {request!r} has two classes: {classes[request]} and {device_class}"
            )
    return classes


@click.command()
@click.argument("files", metavar="FILE...", nargs=-1, required=True, type=click.Path())
@click.option(
    "-o",
    "--output",
    metavar="DIR",
    type=click.Path(file_okay=False),
    callback=_output,
    help="Write a file for each deployment, three for a stack, into this folder. Other files "
    "there stay, also those of earlier runs without --prune.",
)
@click.option("--stdout", is_flag=True, help="Write the manifests to standard output.")
@click.option(
    "--platform",
    "platform_file",
    metavar="FILE",
    type=click.Path(),
    help="What the documents have no field for: requests, volumes, security, the picker and so on. "
    "The other options replace what it says.",
)
@click.option(
    "--image-digests",
    "digests_file",
    metavar="FILE",
    type=click.Path(),
    help="Run images by their digests: a YAML or JSON object of sha256:... by image.",
)
@click.option(
    "-n",
    "--namespace",
    callback=_namespace,
    help="Namespace of every object.  [default: the document's]",
)
@click.option(
    "--gateway",
    metavar="NAMESPACE/NAME",
    default=_DEFAULT_GATEWAY,
    show_default=True,
    callback=_gateway,
    help="Gateway that the HTTPRoutes attach to, and that a ServingStack composes.",
)
@click.option(
    "--gateway-provider",
    "provider",
    type=click.Choice(tuple(GATEWAY_PROVIDERS)),
    default=ENVOY_AI_GATEWAY.name,
    show_default=True,
    help="What implements the gateway: routes get what it needs, and a ServingStack installs it.",
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
    type=click.Choice(get_args(UnifiedMode)),
    default="service",
    show_default=True,
    help="What fronts a Unified deployment.",
)
@click.option(
    "--router-release",
    "router",
    type=click.Choice([release.version for release in ROUTER_RELEASES]),
    default=ROUTER_NEWEST.version,
    show_default=True,
    help="Release of the llm-d router whose endpoint picker and pd-sidecar run.",
)
@click.option(
    "--simulate",
    is_flag=True,
    help="Compose a twin of each deployment that needs no accelerator: llm-d-inference-sim in "
    "place of engines, all else the same.",
)
@click.option(
    "--delivery",
    type=click.Choice(tuple(DELIVERIES)),
    default="flux",
    show_default=True,
    help="What installs the charts of a ServingStack.",
)
@click.option(
    "--allow-untested",
    is_flag=True,
    help="Compose a ServingStack whose releases are not known to work together.",
)
@click.option(
    "--prune",
    is_flag=True,
    help="Remove files that an earlier run wrote to the folder of --output, and this one does not.",
)
@click.option("--strict", is_flag=True, help="Write nothing on warnings too.")
@selection
@click.option(
    "-j",
    "--jobs",
    metavar="N",
    type=click.IntRange(min=1),
    help="Processes that compose many documents, on Linux.  [default: the CPUs]",
)
@click.option(
    "--cache",
    metavar="DIR",
    type=click.Path(file_okay=False, path_type=Path),
    help="Keep manifests in this folder, and compose only documents of which something changed: "
    "their content, the options, the day, the installed packages. Remove it to clear it.",
)
@click.option("-q", "--quiet", is_flag=True, help="Show no progress on a terminal.")
@click.option(
    "--format",
    "format",
    type=click.Choice(FORMATS),
    default="text",
    show_default=True,
    help="How findings are written, to standard error.",
)
@watchable("files")
def synth(
    files: tuple[str, ...],
    output: Path | None,
    stdout: bool,
    platform_file: str | None,
    digests_file: str | None,
    namespace: str | None,
    gateway: Gateway,
    provider: str,
    node_pool: str | None,
    device_classes: dict[str, str],
    unified_mode: UnifiedMode,
    router: str,
    simulate: bool,
    delivery: str,
    allow_untested: bool,
    prune: bool,
    strict: bool,
    config: Configuration,
    select: tuple[str, ...],
    ignore: tuple[str, ...],
    jobs: int | None,
    cache: Path | None,
    quiet: bool,
    format: Format,
) -> None:
    """Turn ModelDeployment and ServingStack documents into manifests to apply.

    Each FILE holds one or more documents, in YAML or JSON; - is standard input. All findings of
    all documents are reported; nothing is written unless all of them are good.

    Exit status: 0 written, 1 the input is wrong, 2 wrong usage, or a machine that cannot do it.
    """
    if stdout == (output is not None):
        raise click.UsageError("Give either --output DIR or --stdout.")
    if prune and stdout:
        raise click.UsageError("--prune needs --output DIR.")
    policy = policy_of(config, select, ignore)
    platform, findings = _of_file(
        platform_file, lambda file: (Platform.from_file(file), []), Platform()
    )
    digests, found = _of_file(digests_file, _digests, None)
    findings += found
    if errors(findings):
        _refuse(findings, format)
    route_to = platform.gateway
    if _given("gateway"):
        route_to = replace(route_to, namespace=gateway.namespace, name=gateway.name)
    if _given("provider"):
        route_to = replace(route_to, provider=GATEWAY_PROVIDERS[provider])
    chosen: dict[str, Any] = {
        "node_pool": node_pool,
        "unified_mode": unified_mode,
        "router": router_release(router),
        "simulate": platform.simulate or Simulation(),
    }
    platform = replace(
        platform,
        gateway=route_to,
        device_classes={**platform.device_classes, **device_classes},
        image_digests={**platform.image_digests, **(digests.by_image if digests else {})},
        **{option: value for option, value in chosen.items() if _given(option)},
    )
    loaded, stacks, findings = load(
        inputs(files), platform, namespace, allow_untested=allow_untested
    )
    if not (loaded or stacks or errors(findings)):
        findings.append(no_document())
    if errors(findings):
        _refuse(findings, format)
    run = RunSubject([(item.deployment, item.document) for item in loaded], platform)
    findings += RUN_RULES.findings(run)
    if errors(reported := policy.applied(findings)):
        _refuse(reported, format)
    try:
        parts = [compose_stack(stack, delivery) for stack in stacks]
    except CannotCompose as error:
        raise click.UsageError(str(error)) from None
    kept = None if cache is None else _kept(cache, platform)
    composing = compose(loaded, platform, jobs or usable_cpus(), kept)
    composed = list(with_progress(composing, len(loaded), "deployment", quiet=quiet))
    texts = [each.text for each in composed]
    checked = [finding for each in composed for finding in each.findings]
    if digests is not None:
        run_images = {image for text in texts for image in images_of(text)}
        checked += unlisted_images(digests.document, run_images)
    findings = policy.applied([*findings, *checked])
    if is_failure(findings, strict=strict):
        _refuse(findings, format)
    if output is None:
        with writing("standard output"):
            to_stdout([*(text for part in parts for text in part if text), *texts])
        report(findings, format, None)
        return
    manifests = dict(zip(file_names(loaded), texts, strict=True))
    for names, part in zip(stack_file_names(stacks), parts, strict=True):
        # Without a gateway there is nothing in its file, which kubectl would refuse.
        manifests |= {name: text for name, text in zip(names, part, strict=True) if text}
    with writing(f"{str(output)!r}, nothing changed there"):
        removed = write(manifests, output, prune=prune)
    outcome = f"{_composed(len(stacks), len(loaded))} written to {output}"
    if removed:
        outcome += f", {plural(len(removed), 'file')} of an earlier run removed"
    report(findings, format, outcome)


def _kept(folder: Path, platform: Platform) -> ManifestCache:
    from cdk8s_inference.cli.manifest_cache import ManifestCache

    cache = ManifestCache(folder, platform)
    cache.remove_old()
    return cache


def _given(option: str) -> bool:
    """Whether an option is on the command line, or in the environment."""
    source = click.get_current_context().get_parameter_source(option)
    return source is not ParameterSource.DEFAULT


@dataclass(frozen=True)
class _Digests:
    """A file of digests, and what it says."""

    document: Document
    by_image: Mapping[str, str]


def _digests(file: str) -> tuple[_Digests, list[Finding]]:
    document = single(file)
    by_image, findings = read_image_digests(document)
    return _Digests(document, by_image), findings


def _of_file(
    file: str | None, read: Callable[[str], tuple[T, list[Finding]]], without: T
) -> tuple[T, list[Finding]]:
    """What an optional file says, and what is wrong with it."""
    if file is None:
        return without, []
    try:
        return read(file)
    except InvalidInput as error:
        return without, list(error.findings)
    except OSError as error:
        return without, [unreadable(Input(file), error)]


def _refuse(findings: Sequence[Finding], format: Format) -> NoReturn:
    """Ends a run that writes nothing."""
    report(findings, format, "nothing written")
    sys.exit(EXIT_INVALID_INPUT)


def _composed(stacks: int, deployments: int) -> str:
    """What was composed, such as ``1 serving stack and 2 deployments``."""
    counted = ((stacks, "serving stack"), (deployments, "deployment"))
    return " and ".join(plural(count, noun) for count, noun in counted if count)
