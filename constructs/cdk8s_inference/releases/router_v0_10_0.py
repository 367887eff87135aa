"""Router v0.10.0: what it changed in v0.9.0.

It drains, answers on the standby too, and tells alpha plugins from the others. Seen run, and
read in the sources of the tag.
"""

from __future__ import annotations

from dataclasses import replace
from operator import attrgetter

from cdk8s_inference.releases.connector import Connector
from cdk8s_inference.releases.flag import Flag
from cdk8s_inference.releases.plugin_type import Decision, Parameter, PluginType
from cdk8s_inference.releases.revision import revised
from cdk8s_inference.releases.router_v0_9_0 import ROUTER_V0_9_0

_BEFORE = ROUTER_V0_9_0
_NAME = attrgetter("name")
_TYPE = attrgetter("type")

_PREFIX_MATCH_PRODUCER = Parameter(
    "prefixMatchInfoProducerName", "string", reads="prefix cache match"
)
_INFLIGHT_PRODUCER = Parameter("inFlightLoadProducerName", "string", reads="inflight load")
_TOPOLOGY_PRODUCER = Parameter("topologyProducerName", "string")
_CLIENT_TLS = (
    Parameter("caCertPath", "string"),
    Parameter("clientCertPath", "string"),
    Parameter("clientKeyPath", "string"),
)
_INTERVAL = Parameter("interval", "duration")
_SESSION = (
    Parameter("strategy", "string", "encoded_endpoint_header"),
    Parameter("encodedEndpointHeaderConfig", "object", fields=(Parameter("header", "string"),)),
    Parameter("sessionIdConfig", "object"),
    Parameter("profileName", "string"),
)


def _extended(type: str, *parameters: Parameter) -> PluginType:
    """The plugin of the release before, with further parameters, or some of its own changed."""
    before = _BEFORE.plugin(type)
    return replace(before, parameters=revised(before.parameters, *parameters, key=_NAME))


def _handler() -> PluginType:
    before = _extended("disagg-profile-handler", Parameter("stageOrder", "string", "decode-first"))
    assert before.stages is not None
    return replace(before, stages=replace(before.stages, order="stageOrder"))


_CHANGED = (
    _handler(),
    # It counts every token of a prompt against promptTokens, cached ones as well.
    replace(
        _extended("prefix-based-pd-decider", Parameter("promptTokens", "int", 0, minimum=0)),
        decision=Decision(
            thresholds=("nonCachedTokens", "promptTokens"),
            never_at_zero=("nonCachedTokens",),
            reads=("prefix cache match", "tokenized prompt"),
        ),
    ),
    replace(_BEFORE.plugin("session-affinity-filter"), parameters=_SESSION, stage="alpha"),
    replace(_BEFORE.plugin("session-affinity-scorer"), parameters=_SESSION, stage="alpha"),
    replace(_BEFORE.plugin("agent-identity"), stage="alpha"),
    _extended(
        "prefix-cache-scorer",
        Parameter("matchLengthWeight", "float", 0.0),
        Parameter("matchLengthScaleTokens", "int", 8192),
    ),
    _extended(
        "inflight-load-producer",
        Parameter("outputRatio", "float", 1.5),
        Parameter("maxEstimatedOutputTokens", "int"),
        Parameter("syncCrossReplicaState", "bool"),
    ),
    replace(
        _extended(
            "predicted-latency-producer",
            _INFLIGHT_PRODUCER,
            Parameter("useEncoderCacheFeatures", "bool"),
            Parameter("encoderCacheMatchInfoProducerName", "string"),
        ),
        consumes=("prefix cache match", "inflight load", "tokenized prompt"),
    ),
    _extended("metrics-data-source", Parameter("port", "int"), *_CLIENT_TLS, _INTERVAL),
    _extended("models-data-source", *_CLIENT_TLS, _INTERVAL),
)

_ALPHA = (
    PluginType(
        "burst-prefix-cache-producer",
        ("producer",),
        (
            Parameter("windowDurationMs", "int", 100),
            Parameter("maxPerReplica", "int"),
            Parameter("blockSizeTokens", "int", 64),
            Parameter("maxPrefixTokensToMatch", "int"),
            Parameter("minColocateBlocks", "int", 0),
            Parameter("maxBatchSize", "int", 1000),
            Parameter("balanceBy", "string"),
        ),
        stage="alpha",
        produces=("prefix cache match",),
        consumes=("tokenized prompt",),
    ),
    PluginType(
        "dcgm-data-source",
        ("data source",),
        (
            Parameter("scheme", "string", "http"),
            Parameter("path", "string", "/metrics"),
            Parameter("port", "int", 9400),
            Parameter("insecureSkipVerify", "bool"),
            Parameter("useNodeAddress", "bool"),
            _INTERVAL,
        ),
        stage="alpha",
    ),
    PluginType("dcgm-extractor", ("extractor",), stage="alpha"),
    PluginType(
        "disaggregatedset-rollout-screener",
        ("screener",),
        (
            Parameter("scope", "object", fields=(Parameter("labelSelector", "string"),)),
            Parameter(
                "headerSelectors",
                "list",
                fields=(
                    Parameter("name", "string"),
                    Parameter("headerName", "string"),
                    Parameter("labelKey", "string"),
                    Parameter("mode", "string"),
                ),
            ),
            Parameter(
                "revisionGating",
                "object",
                fields=(
                    Parameter("revisionLabelKey", "string", "disaggregatedset.x-k8s.io/revision"),
                    Parameter("roleLabelKey", "string", "disaggregatedset.x-k8s.io/role"),
                    Parameter("mode", "string"),
                    Parameter("requireRoles", "object", fields=(Parameter("values", "list"),)),
                ),
            ),
        ),
        stage="alpha",
    ),
    PluginType(
        "endpoint-attribute-filter",
        ("filter",),
        (
            Parameter("attribute", "string"),
            Parameter("onMissing", "string"),
            Parameter("fallbackOnEmpty", "bool"),
            Parameter("algorithm", "object"),
        ),
        stage="alpha",
    ),
    PluginType(
        "endpoint-attribute-scorer",
        ("scorer",),
        (Parameter("attributeKey", "string"), Parameter("algorithm", "object")),
        stage="alpha",
    ),
    PluginType(
        "header-label-affinity-scorer",
        ("scorer",),
        (Parameter("headerName", "string"), Parameter("labelKey", "string")),
        stage="alpha",
    ),
    PluginType(
        "header-profile-handler",
        ("profile handler",),
        (
            Parameter("headerName", "string", "EPP-Profile"),
            Parameter("defaultProfile", "string", "decode"),
        ),
        stage="alpha",
    ),
    PluginType(
        "multicluster-approx-prefix-cache-producer",
        ("producer",),
        _BEFORE.plugin("approx-prefix-cache-producer").parameters,
        stage="alpha",
        consumes=("tokenized prompt",),
    ),
    PluginType(
        "multicluster-file-discovery",
        ("discovery",),
        (Parameter("path", "string"), Parameter("watchFile", "bool")),
        stage="alpha",
    ),
    PluginType("multicluster-kv-cache-utilization-scorer", ("scorer",), stage="alpha"),
    PluginType(
        "multicluster-metrics-data-source",
        ("data source",),
        (
            Parameter("scheme", "string", "https"),
            Parameter("path", "string", "/metrics"),
            Parameter("port", "int"),
            Parameter("insecureSkipVerify", "bool"),
            *_CLIENT_TLS,
            _INTERVAL,
        ),
        stage="alpha",
    ),
    PluginType(
        "multicluster-metrics-extractor",
        ("extractor",),
        (
            Parameter(
                "kvCacheUtilizationMetric", "string", "llm_d_epp_average_kv_cache_utilization"
            ),
            Parameter("queueSizeMetric", "string", "llm_d_epp_average_queue_size"),
        ),
        stage="alpha",
    ),
    PluginType(
        "multicluster-prefix-cache-scorer",
        ("scorer",),
        (_PREFIX_MATCH_PRODUCER,),
        stage="alpha",
    ),
    PluginType("multicluster-queue-scorer", ("scorer",), stage="alpha"),
    PluginType("multicluster-session-affinity-filter", ("filter",), _SESSION, stage="alpha"),
    PluginType(
        "p2p-source-producer",
        ("producer",),
        (
            _PREFIX_MATCH_PRODUCER,
            Parameter("minCachedTokenDelta", "int", 1),
            Parameter("prefillProfileName", "string", "prefill"),
        ),
        stage="alpha",
        consumes=("prefix cache match",),
    ),
    PluginType(
        "priority-holdback-policy",
        ("usage limit policy",),
        (
            Parameter("shape", "string"),
            Parameter("domain", "string"),
            Parameter("minCeiling", "float"),
            Parameter("maxCeiling", "float", 1.0),
        ),
        stage="alpha",
    ),
    PluginType("priority-then-time-eviction-order-policy", ("eviction order",), stage="alpha"),
    PluginType("sheddable-eviction-filter", ("eviction filter",), stage="alpha"),
    PluginType("soft-reflective-ceiling-policy", ("usage limit policy",), stage="alpha"),
    PluginType(
        "topology-affinity-filter",
        ("filter",),
        (Parameter("minAffinity", "string"), _TOPOLOGY_PRODUCER),
        stage="alpha",
    ),
    PluginType("topology-affinity-scorer", ("scorer",), (_TOPOLOGY_PRODUCER,), stage="alpha"),
    PluginType("topology-extractor", ("extractor",), stage="alpha"),
    PluginType(
        "utilization-filter",
        ("filter",),
        (
            Parameter(
                "conditions",
                "list",
                fields=(Parameter("metric", "string"), Parameter("maxValue", "float")),
            ),
            Parameter("fallbackOnEmpty", "bool"),
            _INFLIGHT_PRODUCER,
        ),
        stage="alpha",
        consumes=("inflight load",),
    ),
)


def _config_fields() -> tuple[Parameter, ...]:
    fields = {field.name: field for field in _BEFORE.picker.config.fields}
    data_layer, flow_control = fields["dataLayer"], fields["flowControl"]
    return revised(
        _BEFORE.picker.config.fields,
        replace(
            data_layer,
            fields=(
                *data_layer.fields,
                Parameter("crossReplicaSyncerPluginRef", "string"),
                Parameter("crossReplicaSyncInterval", "duration"),
            ),
        ),
        replace(
            flow_control, fields=(*flow_control.fields, Parameter("enableEviction", "bool", False))
        ),
        key=_NAME,
    )


ROUTER_V0_10_0 = replace(
    _BEFORE,
    version="v0.10.0",
    picker=replace(
        _BEFORE.picker,
        image="ghcr.io/llm-d/llm-d-router-endpoint-picker:v0.10.0",
        flags=revised(
            _BEFORE.picker.flags,
            Flag("allow-experimental-plugins", "bool", False),
            Flag("drain-timeout", "duration", "30s"),
            Flag("emit-endpoint-scores", "bool", False),
            Flag("metrics-cert-dir", "string", ""),
            Flag("metrics-client-ca-file", "string", ""),
            Flag("tls-cipher-suites", "strings", ()),
            Flag("tls-min-version", "string", ""),
            without=(
                "model-server-metrics-https-insecure-skip-verify",
                "model-server-metrics-path",
                "model-server-metrics-port",
                "model-server-metrics-scheme",
            ),
            key=_NAME,
        ),
        config=replace(
            _BEFORE.picker.config,
            fields=_config_fields(),
            gates={"flowControl": False, "haPopulateNonLeaderDatastore": True},
            gate_values=True,
            declares_before_use=False,
        ),
        plugins=revised(_BEFORE.picker.plugins, *_CHANGED, *_ALPHA, key=_TYPE),
        standby_answers=True,
        drain_flag="drain-timeout",
        event_engines=("vllm", "sglang"),
        experimental_flag="allow-experimental-plugins",
        metrics={
            **_BEFORE.picker.metrics,
            "llm_d_epp_request_processing_duration_seconds": "histogram",
            "llm_d_epp_response_processing_duration_seconds": "histogram",
            "llm_d_epp_std_dev_kv_cache_utilization": "gauge",
            "llm_d_epp_std_dev_queue_size": "gauge",
            "llm_d_epp_std_dev_running_requests": "gauge",
        },
    ),
    simulator="ghcr.io/llm-d/llm-d-inference-sim:v0.10.2",
    sidecar=replace(
        _BEFORE.sidecar,
        image="ghcr.io/llm-d/llm-d-router-disagg-sidecar:v0.10.0",
        flags=revised(
            _BEFORE.sidecar.flags,
            Flag("enable-p2p-pull", "bool", False),
            Flag("kv-connector", "string", "nixlv2"),
            Flag("metrics-port", "int", 0),
            Flag("model-server-port", "string", "8200"),
            Flag("moriio-parallel-decode-wait-timeout", "duration", "30s"),
            Flag("p2p-connector-port", "int", 7777),
            Flag("vllm-port", "string", stage="deprecated", instead="use --model-server-port"),
            without=(
                "connector",
                "decoder-tls-insecure-skip-verify",
                "decoder-use-tls",
                "prefiller-tls-insecure-skip-verify",
                "prefiller-use-tls",
            ),
            key=_NAME,
        ),
        engine_port_flag="model-server-port",
        guards_v1_pools=True,
        connectors=(
            *_BEFORE.sidecar.connectors,
            Connector(
                "offloading",
                "vllm",
                ("OffloadingConnector",),
                flags=("p2p-connector-port",),
                bootstrap_port_flag="p2p-connector-port",
                bootstrap_port=7777,
            ),
        ),
        metrics={
            "moriio_dns_ip_changed_total": "counter",
            "moriio_dns_lookup_failures_total": "counter",
            "moriio_dns_reresolve_total": "counter",
        },
    ),
)
