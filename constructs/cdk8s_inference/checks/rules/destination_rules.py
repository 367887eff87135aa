"""Istio's DestinationRules: how its gateways speak to the picker."""

from __future__ import annotations

from collections.abc import Iterator

from cdk8s_inference.checks.proxies import providers_of
from cdk8s_inference.checks.rule import rule
from cdk8s_inference.findings import Violation
from cdk8s_inference.findings.example import manifests
from cdk8s_inference.topology import KubeObject, Picker, Pool, Service, Topology

_SOURCE = (
    "Istio's Inference Extension guide: a DestinationRule gives the TLS of the picker, whose own "
    "certificate nobody signed."
)
_ADDED = """\
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {{name: qwen-epp, namespace: llm}}
spec:
  host: {host}
  trafficPolicy: {{tls: {tls}}}
"""


def _secure(topology: Topology) -> Iterator[tuple[Pool, Picker, Service]]:
    """The pools whose pickers serve TLS, with the Services by which gateways ask them."""
    for pool in topology.inference_pools:
        if pool.picker and pool.service and pool.picker.switch("secure-serving").value:
            yield pool, pool.picker, pool.service


def _is_host(found: KubeObject, service: Service) -> bool:
    """Whether a rule is of a Service, which it may name in short."""
    host = found.at("spec", "host").text or ""
    name, namespace = service.object.name, service.object.namespace
    full = f"{name}.{namespace}.svc.cluster.local"
    if host == name:
        return found.namespace == namespace
    if host.startswith("*"):
        return full.endswith(host[1:])
    return host in (f"{name}.{namespace}", f"{name}.{namespace}.svc", full)


@rule(
    "T518",
    "error",
    "A DestinationRule does not let Istio speak TLS to the picker",
    why="The gateway cannot reach the picker, and requests fail.",
    evidence=_SOURCE,
    fix="set trafficPolicy.tls to mode: SIMPLE with insecureSkipVerify: true, or with "
    "caCertificates",
    example=manifests("disaggregated", added=_ADDED.format(host="qwen-epp", tls="{mode: DISABLE}")),
)
def no_tls(topology: Topology) -> Iterator[Violation]:
    for _, picker, service in _secure(topology):
        for found in topology.of_kind("DestinationRule"):
            tls = found.at("spec", "trafficPolicy", "tls")
            ports = found.at("spec", "trafficPolicy", "portLevelSettings")
            if not _is_host(found, service) or ports.present:
                continue
            mode = tls["mode"]
            verified = tls["insecureSkipVerify"].value is True or any(
                tls[key].present for key in ("caCertificates", "credentialName")
            )
            if mode.text not in ("SIMPLE", "MUTUAL"):
                yield Violation(
                    found.value_at(mode, mode.text),
                    f"tls.mode is {mode.text or 'not set'}, and the picker serves TLS",
                    picker.switch("secure-serving"),
                )
            elif not verified and "cert-path" not in picker.flags:
                yield Violation(
                    found.value_at(tls["insecureSkipVerify"], None),
                    "the picker signs its certificate itself, and insecureSkipVerify is not true",
                    picker.switch("secure-serving"),
                )


@rule(
    "T519",
    "warning",
    "No DestinationRule of Istio is of the picker",
    why="Istio speaks plain gRPC to a picker that serves TLS: requests fail.",
    evidence=_SOURCE,
    fix="add a DestinationRule whose host is the picker's Service, with tls mode SIMPLE and "
    "insecureSkipVerify: true",
    example=manifests(
        "disaggregated",
        added=_ADDED.format(host="qwen-ep", tls="{mode: SIMPLE, insecureSkipVerify: true}"),
    ),
)
def no_rule(topology: Topology) -> Iterator[Violation]:
    rules = topology.of_kind("DestinationRule")
    for pool, _, service in _secure(topology):
        if any(_is_host(found, service) for found in rules):
            continue
        istio = [
            told
            for told, provider in providers_of(topology, pool)
            if provider.picker_tls == "DestinationRule"
        ]
        # A rule that is of no Service that was read may be meant for this one.
        lost = [
            found
            for found in rules
            if not any(_is_host(found, each) for each in topology.services)
            and found.at("spec", "trafficPolicy", "tls").present
            and "." not in (found.at("spec", "host").text or "")
        ]
        if istio:
            yield Violation(
                service.object.here,
                f"no DestinationRule that was read has the host {service.object.name}",
                istio[0],
                missing=True,
            )
        elif lost:
            at = lost[0].at("spec", "host")
            yield Violation(
                lost[0].value_at(at, at.text),
                f"no Service {at.text!r} of namespace {lost[0].namespace!r} was read, and no "
                f"DestinationRule is of {service.object}",
                service.object.here,
                missing=True,
            )
