"""Metrics: whether the picker reads those of engines, and others may read its own."""

from __future__ import annotations

from collections.abc import Iterator

from cdk8s_inference.checks.rule import rule
from cdk8s_inference.findings import Violation
from cdk8s_inference.findings.evidence import SEEN_RUN
from cdk8s_inference.findings.example import REMOVED, breaks, manifests
from cdk8s_inference.source import Cursor
from cdk8s_inference.topology import KubeObject, Topology
from cdk8s_inference.topology.kube_object import strings


@rule(
    "T416",
    "warning",
    "The picker does not know the engine's metrics",
    why="It reads vLLM's names from another engine: load is unknown, and picks are ties.",
    evidence="The picker's core-metrics-extractor; the label is the release's.",
    fix="label the pods with the engine's name",
    example=breaks(
        "sglang",
        "Deployment/decode",
        "spec.template.metadata.labels[llm-d.ai/engine-type]",
        REMOVED,
    ),
)
def engine_type(topology: Topology) -> Iterator[Violation]:
    for pool in topology.pools:
        if pool.picker is None or len(pool.picker.release.picker.engines) < 2:
            continue  # Older pickers know one engine's metrics; their flags name any other's.
        key = pool.picker.release.picker.engine_label
        old = "inference.networking.k8s.io/engine-type"
        for pods in pool.running:
            assert pods.engine is not None
            label = pods.label(key)
            if label.value is None and pods.may_gain_label(key):
                continue
            value = label.value or pods.labels.get(old) or "vllm"
            if pods.engine.kind not in (value, None):
                yield Violation(
                    label,
                    f"label {key} is {value!r}, and the engine is {pods.engine.kind}",
                    pods.engine.container.here,
                )


@rule(
    "T417",
    "warning",
    "SGLang shows no metrics",
    why="The picker knows no load of it, and its picks are ties.",
    evidence="SGLang serves /metrics with --enable-metrics alone.",
    fix="give SGLang --enable-metrics",
    example=breaks(
        "sglang", "Deployment/decode", "spec.template.spec.containers[0].args[5]", "--log-requests"
    ),
)
def sglang_metrics(topology: Topology) -> Iterator[Violation]:
    for pool in topology.pools:
        for pods in pool.running:
            engine = pods.engine
            assert engine is not None
            if pods.may_gain("flags"):
                continue
            flag = engine.names.metrics
            if flag is not None and engine.flag(flag) is None:
                yield Violation(engine.container.here, f"{flag} is not given", pool.here)


@rule(
    "T424",
    "warning",
    "The picker refuses scrapes",
    why="Its metrics are answered 401: dashboards and autoscalers that read them see nothing.",
    evidence=f"{SEEN_RUN} --metrics-endpoint-auth is on by default.",
    fix="give the monitor's endpoint an authorization whose account may get /metrics, or the "
    "picker --metrics-endpoint-auth=false",
    example=manifests(
        "disaggregated",
        added="""\
apiVersion: monitoring.coreos.com/v1
kind: PodMonitor
metadata: {name: qwen-epp, namespace: llm}
spec:
  selector: {matchLabels: {app: qwen-epp}}
  podMetricsEndpoints: [{portNumber: 9090}]
""",
    ),
)
def refused_scrapes(topology: Topology) -> Iterator[Violation]:
    for monitor in topology.of_kind("PodMonitor", "ServiceMonitor"):
        wanted = strings(monitor.at("spec", "selector", "matchLabels"))
        for picker in topology.pickers:
            labels = [picker.pods.labels]
            if monitor.kind == "ServiceMonitor":
                behind = (each for each in topology.services if picker.pods in each.backends)
                labels = [service.object.labels for service in behind]
            same = monitor.namespace == picker.object.namespace
            chosen = any(wanted.items() <= each.items() for each in labels)
            auth = picker.switch("metrics-endpoint-auth")
            if not (same and wanted and chosen and auth.value):
                continue
            for endpoint in _endpoints(monitor):
                if not any(endpoint[key].present for key in _CREDENTIALS):
                    yield Violation(
                        monitor.value_at(endpoint, None), "the endpoint gives no credentials", auth
                    )


def _endpoints(monitor: KubeObject) -> Iterator[Cursor]:
    name = "podMetricsEndpoints" if monitor.kind == "PodMonitor" else "endpoints"
    yield from monitor.at("spec", name).items()


_CREDENTIALS = ("authorization", "basicAuth", "bearerTokenFile", "bearerTokenSecret", "oauth2")
