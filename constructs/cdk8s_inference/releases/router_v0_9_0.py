"""Router v0.9.0: what it changed in v0.8.0.

The first release that is one repository and one name: its own configuration apiVersion, lease
and metrics. Seen run, and read in the sources of the tag.
"""

from __future__ import annotations

from dataclasses import replace
from operator import attrgetter

from cdk8s_inference.releases.connector import Connector
from cdk8s_inference.releases.flag import Flag
from cdk8s_inference.releases.permission import Permission
from cdk8s_inference.releases.plugin_type import Decision, Deprecation, Parameter, PluginType
from cdk8s_inference.releases.revision import revised
from cdk8s_inference.releases.router_v0_8_0 import ROUTER_V0_8_0

_BEFORE = ROUTER_V0_8_0
_NAME = attrgetter("name")
_TYPE = attrgetter("type")

_PREFIX_MATCH_PRODUCER = Parameter(
    "prefixMatchInfoProducerName", "string", reads="prefix cache match"
)
_INFLIGHT_PRODUCER = Parameter("inFlightLoadProducerName", "string", reads="inflight load")
_LATENCY_PRODUCER = Parameter(
    "latencyPredictionInfoProducerName", "string", reads="latency prediction"
)
_SESSION = (Parameter("headerName", "string"), Parameter("profileName", "string"))


def _extended(type: str, *parameters: Parameter) -> PluginType:
    """The plugin of the release before, with further parameters, or some of its own changed."""
    before = _BEFORE.plugin(type)
    return replace(before, parameters=revised(before.parameters, *parameters, key=_NAME))


_HANDLERS = (
    # It writes the headers itself.
    replace(
        _BEFORE.plugin("disagg-profile-handler"),
        roles=("profile handler", "header writer"),
        consumes=("prefix cache match", "tokenized prompt"),
    ),
    replace(
        _extended("pd-profile-handler", _PREFIX_MATCH_PRODUCER),
        consumes=("prefix cache match", "tokenized prompt"),
    ),
    *(
        replace(
            _BEFORE.plugin(type),
            deprecation=Deprecation("v0.9.0", "v0.11.0", "disagg-profile-handler"),
        )
        for type in ("disagg-headers-handler", "prefill-header-handler")
    ),
    # It counts the tokens of the tokenized prompt.
    replace(
        _BEFORE.plugin("prefix-based-pd-decider"),
        decision=Decision(
            thresholds=("nonCachedTokens",),
            never_at_zero=("nonCachedTokens",),
            reads=("prefix cache match", "tokenized prompt"),
        ),
    ),
)

_FILTERS = (
    replace(_BEFORE.plugin("by-label-selector"), type="label-selector-filter"),
    *(
        replace(
            _BEFORE.plugin(type),
            deprecation=Deprecation("v0.9.0", "v0.11.0", "label-selector-filter"),
        )
        for type in ("by-label", "by-label-selector")
    ),
    PluginType("session-affinity-filter", ("filter",), _SESSION),
    replace(
        _extended(
            "prefix-cache-affinity-filter",
            Parameter("maxTTFTPenaltyMs", "float", 18000),
            Parameter("ttftSource", "string"),
            Parameter("peakPrefillThroughput", "float", 15928),
            _PREFIX_MATCH_PRODUCER,
            _LATENCY_PRODUCER,
            _INFLIGHT_PRODUCER,
        ),
        consumes=("prefix cache match", "inflight load"),
    ),
    _extended("slo-headroom-tier-filter", _LATENCY_PRODUCER),
)

_SCORERS = (
    replace(_extended("active-request-scorer", _INFLIGHT_PRODUCER), consumes=("inflight load",)),
    replace(_BEFORE.plugin("context-length-aware"), consumes=("tokenized prompt",)),
    _extended("latency-scorer", _LATENCY_PRODUCER, _PREFIX_MATCH_PRODUCER),
    PluginType(
        "mm-embeddings-cache-scorer",
        ("scorer",),
        (Parameter("producerName", "string", reads="encoder cache match"),),
        consumes=("encoder cache match",),
    ),
    _extended("no-hit-lru-scorer", _PREFIX_MATCH_PRODUCER),
    replace(
        _BEFORE.plugin("precise-prefix-cache-scorer"),
        roles=("scorer", "producer"),
        produces=("prefix cache match",),
        deprecation=Deprecation(
            "v0.9.0", replacement="precise-prefix-cache-producer and prefix-cache-scorer"
        ),
    ),
    replace(_extended("prefix-cache-scorer", _PREFIX_MATCH_PRODUCER), brings=()),
    replace(_BEFORE.plugin("session-affinity-scorer"), parameters=_SESSION),
    replace(
        _extended("token-load-scorer", _INFLIGHT_PRODUCER),
        consumes=("inflight load", "uncached tokens"),
    ),
)

_PRODUCERS = (
    replace(
        _extended(
            "approx-prefix-cache-producer",
            Parameter("maxPrefixBlocksToMatch", "int", 2048),
            # While it is above 0 the blocks do not count.
            Parameter("maxPrefixTokensToMatch", "int", 131072, minimum=0),
        ),
        consumes=("tokenized prompt",),
    ),
    PluginType(
        "inflight-load-producer",
        ("producer",),
        (
            Parameter("addEstimatedOutputTokens", "bool", False),
            Parameter("prefixMatchInfoProducerName", "string"),
        ),
        produces=("inflight load", "uncached tokens"),
        consumes=("tokenized prompt",),
    ),
    PluginType(
        "mm-embeddings-cache-producer",
        ("producer",),
        (Parameter("cacheSizeInMBPerServer", "int", 4096),),
        produces=("encoder cache match",),
        consumes=("tokenized prompt",),
    ),
    PluginType(
        "precise-prefix-cache-producer",
        ("producer",),
        _BEFORE.plugin("precise-prefix-cache-scorer").parameters,
        produces=("prefix cache match",),
        consumes=("tokenized prompt",),
    ),
    replace(
        _BEFORE.plugin("predicted-latency-producer"),
        parameters=revised(
            _BEFORE.plugin("predicted-latency-producer").parameters,
            Parameter("predictInProduce", "bool"),
            _PREFIX_MATCH_PRODUCER,
            without=("predictInPrepareData",),
            key=_NAME,
        ),
        consumes=("prefix cache match", "tokenized prompt"),
    ),
    PluginType(
        "session-id-producer",
        ("producer",),
        (Parameter("headerName", "string"), Parameter("cookieName", "string")),
        produces=("session id",),
    ),
    # Without parameters it estimates; with modelName it asks vLLM's /render.
    PluginType(
        "token-producer",
        ("producer",),
        (
            Parameter("udsTokenizerConfig", "object"),
            Parameter("vllm", "object"),
            Parameter("estimate", "object"),
            Parameter("modelName", "string"),
        ),
        produces=("tokenized prompt",),
    ),
    replace(
        _extended("tokenizer", Parameter("vllm", "object"), Parameter("estimate", "object")),
        deprecation=Deprecation("v0.9.0", "v0.11.0", "token-producer"),
    ),
)

_OTHERS = (
    PluginType("anthropic-parser", ("parser",)),
    PluginType("vertexai-parser", ("parser",)),
    PluginType("vllmhttp-parser", ("parser",)),
    _extended(
        "core-metrics-extractor", Parameter("engineLabelKey", "string", "llm-d.ai/engine-type")
    ),
    PluginType("models-data-extractor", ("extractor",)),
    PluginType(
        "file-discovery",
        ("discovery",),
        (Parameter("path", "string"), Parameter("watchFile", "bool")),
    ),
    replace(_extended("concurrency-detector", _INFLIGHT_PRODUCER), consumes=("inflight load",)),
    _extended("latency-slo-admitter", _LATENCY_PRODUCER),
    PluginType(
        "probabilistic-admitter",
        ("admitter",),
        (
            Parameter("queueDepthThreshold", "int", 5),
            Parameter("kvCacheUtilThreshold", "float", 0.8),
            Parameter("power", "float", 5.0),
            Parameter("k", "float", 300.0),
        ),
    ),
    PluginType(
        "program-aware-fairness",
        ("fairness policy",),
        (
            Parameter("strategy", "string"),
            Parameter("evictionTtlSeconds", "float"),
            Parameter("evictionSweepSeconds", "float"),
            Parameter("lasWeightService", "float"),
            Parameter("lasWeightHeadWait", "float"),
            Parameter("lasDecayFactor", "float"),
            Parameter("lasHalfLifeSeconds", "float"),
        ),
    ),
    PluginType("agent-identity", ("reporter",), (Parameter("additionalSessionHeaders", "list"),)),
)

_FLOW_CONTROL = next(field for field in _BEFORE.picker.config.fields if field.name == "flowControl")
_PLUGIN_REF = (Parameter("pluginRef", "string"),)

_CONFIG_FIELDS = revised(
    _BEFORE.picker.config.fields,
    Parameter(
        "dataLayer",
        "object",
        fields=(
            Parameter("injectDefaults", "bool", True),
            Parameter(
                "sources",
                "list",
                fields=(*_PLUGIN_REF, Parameter("extractors", "list", fields=_PLUGIN_REF)),
            ),
            Parameter("discovery", "object", fields=_PLUGIN_REF),
        ),
    ),
    replace(
        _FLOW_CONTROL,
        fields=(
            *_FLOW_CONTROL.fields,
            Parameter(
                "defaultNegativePriorityBand",
                "object",
                fields=next(
                    field.fields
                    for field in _FLOW_CONTROL.fields
                    if field.name == "defaultPriorityBand"
                ),
            ),
            Parameter("saturationDetector", "object", fields=_PLUGIN_REF),
        ),
    ),
    Parameter(
        "requestHandler", "object", fields=(Parameter("parsers", "list", fields=_PLUGIN_REF),)
    ),
    key=_NAME,
)

ROUTER_V0_9_0 = replace(
    _BEFORE,
    version="v0.9.0",
    picker=replace(
        _BEFORE.picker,
        image="ghcr.io/llm-d/llm-d-router-endpoint-picker:v0.9.0",
        flags=revised(
            _BEFORE.picker.flags,
            Flag("enable-grpc-stream-metrics", "bool", False),
            Flag("grpc-max-recv-msg-size", "string", ""),
            Flag("grpc-max-send-msg-size", "string", ""),
            key=_NAME,
        ),
        config=replace(
            _BEFORE.picker.config,
            api_versions=("llm-d.ai/v1alpha1", "inference.networking.x-k8s.io/v1alpha1"),
            fields=_CONFIG_FIELDS,
            deprecated_fields={
                "saturationDetector": "flowControl.saturationDetector",
                "parser": "requestHandler.parsers",
            },
            gates={"dataLayer": False, "flowControl": False},
            strict_parameters=True,
            additive_data_layer=True,
            default_producers={
                "encoder cache match": "mm-embeddings-cache-producer",
                "inflight load": "inflight-load-producer",
                "latency prediction": "predicted-latency-producer",
                "prefix cache match": "approx-prefix-cache-producer",
                "session id": "session-id-producer",
                "tokenized prompt": "token-producer",
            },
            undeclared=(
                *_BEFORE.picker.config.undeclared,
                "anthropic-parser",
                "vllmhttp-parser",
            ),
            undeclared_parsers=True,
        ),
        plugins=revised(
            _BEFORE.picker.plugins,
            *_HANDLERS,
            *_FILTERS,
            *_SCORERS,
            *_PRODUCERS,
            *_OTHERS,
            without=("model-server-protocol-models", "predicted-latency-scorer"),
            key=_TYPE,
        ),
        # It keeps one entry per pod and block, so that small blocks would cost gigabytes.
        smallest_block_tokens=64,
        watches=(
            *_BEFORE.picker.watches,
            Permission(
                ("list", "watch"),
                "llm-d.ai",
                ("inferenceobjectives", "inferencemodelrewrites"),
                if_installed=True,
            ),
        ),
        lease="epp-{namespace}-{pool}.llm-d.ai",
        engine_label="llm-d.ai/engine-type",
        engines=(*_BEFORE.picker.engines, "triton"),
        metrics={
            **_BEFORE.picker.metrics,
            "inference_objective_prompt_cached_tokens": "histogram",
            "llm_d_epp_average_kv_cache_utilization": "gauge",
            "llm_d_epp_average_queue_size": "gauge",
            "llm_d_epp_average_running_requests": "gauge",
            "llm_d_epp_disagg_decision_total": "counter",
            "llm_d_epp_info": "gauge",
            "llm_d_epp_per_endpoint_queue_size": "gauge",
            "llm_d_epp_plugin_duration_seconds": "histogram",
            "llm_d_epp_prefix_indexer_hit_bytes": "histogram",
            "llm_d_epp_prefix_indexer_hit_ratio": "histogram",
            "llm_d_epp_prefix_indexer_size": "gauge",
            "llm_d_epp_ready_endpoints": "gauge",
            "llm_d_epp_request_cached_tokens": "histogram",
            "llm_d_epp_request_duration_seconds": "histogram",
            "llm_d_epp_request_input_tokens": "histogram",
            "llm_d_epp_request_ntpot_seconds": "histogram",
            "llm_d_epp_request_output_tokens": "histogram",
            "llm_d_epp_request_running": "gauge",
            "llm_d_epp_request_size_bytes": "histogram",
            "llm_d_epp_request_streaming_itl_seconds": "histogram",
            "llm_d_epp_request_streaming_tpot_seconds": "histogram",
            "llm_d_epp_request_total": "counter",
            "llm_d_epp_request_ttft_seconds": "histogram",
            "llm_d_epp_response_size_bytes": "histogram",
            "llm_d_epp_scheduler_attempts_total": "counter",
            "llm_d_epp_scheduler_e2e_duration_seconds": "histogram",
        },
    ),
    simulator="ghcr.io/llm-d/llm-d-inference-sim:v0.9.2",
    sidecar=replace(
        _BEFORE.sidecar,
        image="ghcr.io/llm-d/llm-d-router-disagg-sidecar:v0.9.0",
        flags=revised(
            _BEFORE.sidecar.flags,
            Flag("configuration", "string", ""),
            Flag("configuration-file", "string", ""),
            Flag("decode-chunk-size", "int", 0),
            Flag("mooncake-bootstrap-port", "int", 8998),
            Flag("moriio-decode-handshake-port", "int", 6301),
            Flag("moriio-decode-hosts", "strings", ()),
            Flag("moriio-decode-notify-port", "int", 61005),
            Flag("moriio-dp-size", "int", 1),
            Flag("moriio-dp-size-local", "int", 0),
            Flag("moriio-local-pod-ip", "string", ""),
            Flag("moriio-parallel-dispatch", "bool", False),
            Flag("moriio-prefill-handshake-port", "int", 6301),
            Flag("moriio-prefill-notify-port", "int", 61005),
            Flag("moriio-remote-hosts", "strings", ()),
            Flag("moriio-tp-size", "int", 1),
            Flag("moriio-write-mode", "bool", False),
            Flag("prefill-max-retries", "int", 0),
            Flag("prefill-retry-backoff", "duration", "200ms"),
            Flag("tracing", "bool", False),
            without=("inference-pool-name", "inference-pool-namespace", "kubeconfig"),
            key=_NAME,
        ),
        connectors=(
            *_BEFORE.sidecar.connectors,
            Connector(
                "mooncake",
                "vllm",
                ("MooncakeConnector",),
                flags=("mooncake-bootstrap-port",),
                bootstrap_port_flag="mooncake-bootstrap-port",
                bootstrap_port=8998,
            ),
        ),
        encoder_connectors=(*_BEFORE.sidecar.encoder_connectors, "ec-nixl"),
        prefill_failure="returns an error",
    ),
)
