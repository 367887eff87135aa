"""``cdk8s-inference verify``: whether what runs disaggregates, seen by what it counts."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any
from urllib.parse import urlsplit

import click

from cdk8s_inference.cli.failure import writing
from cdk8s_inference.cli.live_input import LiveInput, said_once
from cdk8s_inference.cli.options import cluster_access
from cdk8s_inference.cli.report import styled
from cdk8s_inference.cli.stdout import say
from cdk8s_inference.findings import Finding
from cdk8s_inference.findings.terminal import escaped
from cdk8s_inference.topology import ServedModel, read_topology
from cdk8s_inference.verify import Change, Evidence, Load, Target, Verdict, decide, probe
from cdk8s_inference.verify.exchange import Direct
from cdk8s_inference.verify.target import Counted

FORMAT = 1
"""The version of the JSON; it changes where a key changes its meaning."""

_PARTS = ("prefill", "decode", "engine")
_SHOWN = ("requests", "prompt tokens", "handed over", "sent", "decided apart", "decided alone")
_COLORS = {"does not answer": "red", "decode-only": "red", "unknown": "yellow"}


@dataclass(frozen=True)
class Verified:
    """What came of a deployment.

    Attributes:
        target: What was asked.
        evidence: What it answered and counted.
        verdict: What follows.
        findings: What explains it, where it does not do what it is meant to.
        unread: What of the cluster could not be read.
    """

    target: Target
    evidence: Evidence
    verdict: Verdict
    findings: Sequence[Finding] = ()
    unread: Sequence[str] = ()


def _url(_: click.Context, parameter: click.Parameter, value: str | None) -> str | None:
    if value is not None:
        _require_plain(value)
        if not _is_url(value):
            raise click.BadParameter(
                f"{value!r} is no URL such as http://10.0.0.1:8080/ml-team/qwen"
            )
    return value


def _is_url(text: str) -> bool:
    try:
        found = urlsplit(text)
        return found.scheme in ("http", "https") and bool(found.hostname) and found.port != 0
    except ValueError:
        return False


def _require_plain(url: str) -> None:
    """Refuses a URL that has more than a scheme, a host, a port and a path.

    Raises:
        click.BadParameter: It has; a password is not repeated.
    """
    if "@" in url:
        raise click.BadParameter(
            "a URL with a user or a password is shown in the outcome; name the variable that has "
            "the token with --token-variable"
        )
    if "?" in url or "#" in url:
        raise click.BadParameter(f"{url!r} has a query or fragment; end it with its path")


def _metrics(
    _: click.Context, parameter: click.Parameter, value: tuple[str, ...]
) -> tuple[tuple[str, str], ...]:
    found = tuple(each.partition("=")[::2] for each in value)
    for part, url in found:
        _require_plain(url)
        if part not in _PARTS or not _is_url(url):
            raise click.BadParameter(
                f"{part}={url} is not prefill=URL, decode=URL or engine=URL, the last for an "
                "engine whose role is not known"
            )
    return found


@click.command()
@click.argument("names", metavar="[NAME]...", nargs=-1)
@cluster_access
@click.option(
    "--address",
    metavar="URL",
    callback=_url,
    help="Where the deployment answers, with its path, up to /v1.  [default: the address of its "
    "gateway, with the path of its route]",
)
@click.option(
    "--engine-metrics",
    metavar="ROLE=URL",
    multiple=True,
    callback=_metrics,
    help="An engine's metrics, with prefill, decode or engine as its role; once for each engine. "
    "Then no cluster is read.",
)
@click.option("--picker-metrics", metavar="URL", callback=_url, help="The picker's metrics.")
@click.option("--model", metavar="NAME", help="The model.  [default: what the engines serve]")
@click.option(
    "--token-variable",
    metavar="NAME",
    help="The environment variable that has the token which the deployment asks for.",
)
@click.option(
    "--via",
    type=click.Choice(["auto", "api-server", "port-forward", "direct"]),
    default="auto",
    show_default=True,
    help="How pods and Services are reached: through the API server's proxy, through port-forwards "
    "(a gateway's own pods as well), or at their own addresses. auto: direct within a pod, "
    "otherwise api-server.",
)
@click.option(
    "--requests",
    type=click.IntRange(1, 50),
    default=Load.requests,
    show_default=True,
    help="How many long prompts are sent to each deployment.",
)
@click.option(
    "--words",
    type=click.IntRange(2, 100_000),
    default=Load.words,
    show_default=True,
    help="How many words a long prompt has, of two to five tokens each.",
)
@click.option(
    "--max-tokens",
    type=click.IntRange(2, 1000),
    default=Load.max_tokens,
    show_default=True,
    help="How many tokens an answer may have.",
)
@click.option(
    "--timeout",
    type=click.FloatRange(0.1, 3600),
    default=60.0,
    show_default=True,
    help="Seconds for each deployment.",
)
@click.option(
    "--format",
    "format",
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
    help="How the outcome is written, to standard output.",
)
@click.option("--json", "as_json", is_flag=True, help="The same as --format json.")
def verify(
    names: tuple[str, ...],
    context: str | None,
    kubeconfig: str | None,
    namespace: str | None,
    all_namespaces: bool,
    address: str | None,
    engine_metrics: tuple[tuple[str, str], ...],
    picker_metrics: str | None,
    model: str | None,
    token_variable: str | None,
    via: str,
    requests: int,
    words: int,
    max_tokens: int,
    timeout: float,
    format: str,
    as_json: bool,
) -> None:
    """Say whether deployments that run disaggregate, by what their engines count.

    Each NAME is the name of an InferencePool, or of the Service or workload where there is no pool;
    by default all of a namespace are asked. A short prompt is sent, and then long ones that nobody
    has sent before, one after the other. The objects of the cluster are read, and never changed.

    Exit status: 0 each does what it is meant to do, 1 some do not, 2 wrong usage, or no cluster.
    """
    load = Load(requests, words, max_tokens)
    token = None if token_variable is None else _token(token_variable)
    if engine_metrics or picker_metrics:
        if address is None:
            raise click.UsageError("--engine-metrics and --picker-metrics need --address.")
        given = (context, kubeconfig, namespace, all_namespaces or None, names or None)
        if any(each is not None for each in given):
            raise click.UsageError("--engine-metrics reads no cluster, and takes no NAME.")
        target = _given_target(address, _headers(token), engine_metrics, picker_metrics, model)
        evidence = probe(target, load, timeout, token)
        found = [Verified(target, evidence, decide(evidence))]
    else:
        live = LiveInput(context, kubeconfig, namespace, all_namespaces)
        found = _of_cluster(live, names, address, token, model, via, load, timeout)
    if as_json or format == "json":
        text = json.dumps([_as_dict(each) for each in found], indent=2) + "\n"
    else:
        text = "".join(map(_text, found))
    with writing("standard output"):
        say(text, nl=False)
    sys.exit(0 if all(each.verdict.is_good for each in found) else 1)


def _token(variable: str) -> str:
    token = os.environ.get(variable, "").strip()
    if not token:
        raise click.UsageError(f"--token-variable: {variable} is not set.")
    return token


def _headers(token: str | None) -> Mapping[str, str]:
    return {} if token is None else {"Authorization": f"Bearer {token}"}


def _given_target(
    address: str,
    headers: Mapping[str, str],
    engines: Sequence[tuple[str, str]],
    picker: str | None,
    model: str | None,
) -> Target:
    base = address.rstrip("/")
    given = [*engines, *([("picker", picker)] if picker else [])]
    counted = tuple(Counted(url, part, [Direct(url)], "") for part, url in given)  # type: ignore[arg-type]
    return Target(base, base, Direct(base, headers), counted, model, meant_apart=True)


def _of_cluster(
    live: LiveInput,
    names: Sequence[str],
    address: str | None,
    token: str | None,
    model: str | None,
    via: str,
    load: Load,
    timeout: float,
) -> list[Verified]:
    from cdk8s_inference.checks import check_topology
    from cdk8s_inference.cluster import ADMITTED
    from cdk8s_inference.verify.causes import causes
    from cdk8s_inference.verify.live_targets import LiveCluster

    connection, objects = live.read(timeout)
    topology = read_topology(objects.documents, api=ADMITTED)
    chosen = _chosen(topology.served_models, names)
    if address is not None and len(chosen) > 1:
        listed = ", ".join(each.name for each in chosen)
        raise click.UsageError(f"--address is of one deployment; name one of {listed}.")
    cluster = LiveCluster(connection, objects, _way(via, connection.in_cluster), _headers(token))
    findings = check_topology(topology)
    found = []
    for served, target in zip(chosen, cluster.targets(chosen, address, model), strict=True):
        why = causes(findings, served)
        errors = tuple(dict.fromkeys(each.code for each in why if each.severity == "error"))
        evidence = replace(probe(target, load, timeout, token), errors=errors)
        verdict = decide(evidence)
        shown = () if verdict.is_good else why
        found.append(Verified(target, evidence, verdict, shown, objects.unread))
    return found


def _way(via: str, in_cluster: bool) -> Any:
    if via != "auto":
        return via
    return "direct" if in_cluster else "api-server"


def _chosen(models: Sequence[ServedModel], names: Sequence[str]) -> list[ServedModel]:
    """The deployments of some names, or all that something leads to."""
    served = [each for each in models if each.pool is not None or each.services]
    if not names:
        if not served:
            raise click.UsageError("No deployment is there: no pool, and no Service of an engine.")
        return served
    for name in names:
        if not any(name in (each.name, f"{each.namespace}/{each.name}") for each in served):
            listed = ", ".join(each.name for each in served) or "none"
            raise click.UsageError(f"There is no deployment {name}; there is {listed}.")
    wanted = {*names}
    return [
        each
        for each in served
        if not wanted.isdisjoint({each.name, f"{each.namespace}/{each.name}"})
    ]


def _as_dict(found: Verified) -> dict[str, Any]:
    evidence = found.evidence
    return {
        "version": FORMAT,
        "deployment": found.target.name,
        "address": found.target.address or None,
        "verdict": found.verdict.outcome,
        "reason": found.verdict.reason,
        "load": asdict(evidence.load),
        "answers": [asdict(each) for each in evidence.answers],
        "counters": [asdict(each) for each in evidence.changes],
        "unread": list(evidence.unread),
        "findings": [each.as_dict() for each in found.findings],
    }


def _text(found: Verified) -> str:
    evidence, outcome = found.evidence, found.verdict.outcome
    label = click.style(outcome, fg=_COLORS.get(outcome, "green"), bold=True)
    lines = [f"{escaped(found.target.name)}: {label}: {escaped(found.verdict.reason)}"]
    where = f" to {escaped(found.target.address)}" if found.target.address else ""
    answered = sum(each.answered for each in evidence.answers)
    lines.append(f"    sent: {evidence.load}{where}; {answered} answered")
    lines += [_counter(each) for each in evidence.changes if each.meaning in _SHOWN]
    lines += [f"    not read: {escaped(each)}" for each in evidence.unread]
    for each in map(said_once, found.findings):
        text = styled(each, str(each))
        lines += [f"    {line}" for line in text.split("\n")]
    if not found.verdict.is_good and not found.findings:
        lines.append("    no rule of check explains it")
        if found.unread:
            lines.append(f"    not read of the cluster: {escaped(', '.join(found.unread))}")
    return "".join(f"{line}\n" for line in lines)


def _counter(change: Change) -> str:
    values = f"{change.before:g} -> {change.after:g}"
    return f"    {change.part} {escaped(change.server)}: {escaped(change.counter)} {values}"
