"""Metrics: those that the picker reads from engines, and those that it serves."""

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
    "The label for the engine type does not match the engine",
    why="The picker looks for the metrics of the labeled engine, or of vLLM without a label, and "
    "does not find them. It has no load of the pod, and scores that depend on load are equal.",
    evidence="The core-metrics-extractor plugin of the picker; the name of the label is the "
    "release's.",
    fix="set the label of the pods to the name of the engine",
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
            continue  # Older pickers read the metrics of one engine; flags set other names.
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
                    f"label {key} is {value!r}, but the engine is {pods.engine.kind}",
                    pods.engine.container.here,
                )


@rule(
    "T417",
    "warning",
    "SGLang serves no metrics",
    why="The picker has no load of the pod, and scores that depend on load are equal.",
    evidence="SGLang serves /metrics only with --enable-metrics.",
    fix="add --enable-metrics to the arguments of SGLang",
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
                yield Violation(engine.container.here, f"{flag} is not set", pool.here)


@rule(
    "T424",
    "warning",
    "A monitor scrapes the picker without credentials",
    why="The picker answers 401, and its metrics are missing in dashboards and autoscalers.",
    evidence=f"{SEEN_RUN} --metrics-endpoint-auth is on by default.",
    fix="set authorization in the endpoint of the monitor, for a ServiceAccount that may get "
    "/metrics, or --metrics-endpoint-auth=false in the picker",
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
def scrape_without_credentials(topology: Topology) -> Iterator[Violation]:
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
                        monitor.value_at(endpoint, None),
                        f"the endpoint has no credentials, and {picker.object} requires them",
                        auth,
                    )


def _endpoints(monitor: KubeObject) -> Iterator[Cursor]:
    name = "podMetricsEndpoints" if monitor.kind == "PodMonitor" else "endpoints"
    yield from monitor.at("spec", name).items()


_CREDENTIALS = ("authorization", "basicAuth", "bearerTokenFile", "bearerTokenSecret", "oauth2")
