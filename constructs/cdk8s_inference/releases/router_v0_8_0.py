"""Router v0.8.0, the last release under the name llm-d-inference-scheduler.

Seen run, and read in the sources of the tag and of the gateway API inference extension v1.5.0,
which its picker is built on.
"""

from __future__ import annotations

from cdk8s_inference.releases.connector import Connector
from cdk8s_inference.releases.flag import Flag
from cdk8s_inference.releases.permission import Permission
from cdk8s_inference.releases.picker import ConfigFormat, Picker
from cdk8s_inference.releases.plugin_type import (
    Decision,
    Deprecation,
    Parameter,
    PluginType,
    Stages,
)
from cdk8s_inference.releases.router import RouterRelease
from cdk8s_inference.releases.sidecar import Sidecar

_ENGINE_CONFIGS = "use engineConfigs of plugin core-metrics-extractor"
_METRICS_SOURCE = "use the parameters of plugin metrics-data-source"
_ENABLE_TLS = "use --enable-tls"
_SKIP_VERIFY = "use --tls-insecure-skip-verify"
_POOL = "use --inference-pool"

_PICKER_FLAGS = (
    Flag("cert-path", "string", ""),
    Flag("config-file", "string", ""),
    Flag("config-text", "string", ""),
    Flag("disable-endpoint-subset-filter", "bool", False),
    Flag("enable-cert-reload", "bool", False),
    Flag("enable-pprof", "bool", True),
    Flag("endpoint-selector", "string", ""),
    Flag("endpoint-target-ports", "ints", ()),
    Flag("grpc-health-port", "int", 9003),
    Flag("grpc-port", "int", 9002),
    Flag("ha-enable-leader-election", "bool", False),
    Flag("health-checking", "bool", False),
    Flag("metrics-endpoint-auth", "bool", True),
    Flag("metrics-port", "int", 9090),
    Flag("metrics-staleness-threshold", "duration", "2s"),
    Flag("pool-group", "string", "inference.networking.k8s.io"),
    Flag("pool-name", "string", ""),
    Flag("pool-namespace", "string", "", variable="NAMESPACE"),
    Flag("refresh-metrics-interval", "duration", "50ms"),
    Flag("refresh-prometheus-metrics-interval", "duration", "5s"),
    Flag("secure-serving", "bool", True),
    Flag("tracing", "bool", True),
    Flag("v", "int", 2),
    Flag("zap-devel", "bool", True),
    Flag("zap-encoder", "string", ""),
    Flag("zap-log-level", "string", ""),
    Flag("zap-stacktrace-level", "string", ""),
    Flag("zap-time-encoding", "string", ""),
    Flag("cache-info-metric", "string", stage="refused", instead=_ENGINE_CONFIGS),
    Flag("kv-cache-usage-percentage-metric", "string", stage="refused", instead=_ENGINE_CONFIGS),
    Flag("lora-info-metric", "string", stage="refused", instead=_ENGINE_CONFIGS),
    Flag("total-queued-requests-metric", "string", stage="refused", instead=_ENGINE_CONFIGS),
    Flag("total-running-requests-metric", "string", stage="refused", instead=_ENGINE_CONFIGS),
    Flag(
        "model-server-metrics-https-insecure-skip-verify",
        "bool",
        stage="deprecated",
        instead=_METRICS_SOURCE,
    ),
    Flag("model-server-metrics-path", "string", stage="deprecated", instead=_METRICS_SOURCE),
    Flag("model-server-metrics-port", "int", stage="deprecated", instead=_METRICS_SOURCE),
    Flag("model-server-metrics-scheme", "string", stage="deprecated", instead=_METRICS_SOURCE),
)

_SIDECAR_FLAGS = (
    Flag("cert-path", "string", ""),
    Flag("data-parallel-size", "int", 1),
    Flag("ec-connector", "string", ""),
    Flag("enable-prefiller-sampling", "bool", False),
    Flag("enable-ssrf-protection", "bool", False),
    Flag("enable-tls", "strings", ()),
    Flag("inference-pool", "string", ""),
    Flag("kubeconfig", "string", ""),
    Flag("kv-connector", "string", "", effective="nixlv2"),
    Flag("max-idle-conns-per-host", "int", 1024),
    Flag("pool-group", "string", "inference.networking.k8s.io"),
    Flag("port", "string", "8000"),
    Flag("secure-proxy", "bool", True),
    Flag("tls-insecure-skip-verify", "strings", ()),
    Flag("vllm-port", "string", "8001"),
    Flag("zap-devel", "bool", False),
    Flag("zap-encoder", "string", ""),
    Flag("zap-log-level", "string", ""),
    Flag("zap-stacktrace-level", "string", ""),
    Flag("zap-time-encoding", "string", ""),
    Flag("connector", "string", stage="deprecated", instead="use --kv-connector"),
    Flag("decoder-tls-insecure-skip-verify", "bool", stage="deprecated", instead=_SKIP_VERIFY),
    Flag("decoder-use-tls", "bool", stage="deprecated", instead=_ENABLE_TLS),
    Flag("inference-pool-name", "string", stage="deprecated", instead=_POOL),
    Flag("inference-pool-namespace", "string", stage="deprecated", instead=_POOL),
    Flag("prefiller-tls-insecure-skip-verify", "bool", stage="deprecated", instead=_SKIP_VERIFY),
    Flag("prefiller-use-tls", "bool", stage="deprecated", instead=_ENABLE_TLS),
)

_PLUGIN_REF = (Parameter("pluginRef", "string"),)

_PRIORITY_BAND = (
    Parameter("priority", "int"),
    Parameter("maxBytes", "quantity"),
    Parameter("maxRequests", "quantity"),
    Parameter("fairnessPolicyRef", "string"),
    Parameter("orderingPolicyRef", "string"),
)

_CONFIG_FIELDS = (
    Parameter("featureGates", "list"),
    Parameter(
        "plugins",
        "list",
        fields=(
            Parameter("name", "string"),
            Parameter("type", "string"),
            Parameter("parameters", "object"),
        ),
    ),
    Parameter(
        "schedulingProfiles",
        "list",
        fields=(
            Parameter("name", "string"),
            Parameter("plugins", "list", fields=(*_PLUGIN_REF, Parameter("weight", "float"))),
        ),
    ),
    Parameter("saturationDetector", "object", fields=_PLUGIN_REF),
    Parameter(
        "dataLayer",
        "object",
        fields=(
            Parameter(
                "sources",
                "list",
                fields=(*_PLUGIN_REF, Parameter("extractors", "list", fields=_PLUGIN_REF)),
            ),
        ),
    ),
    Parameter(
        "flowControl",
        "object",
        fields=(
            Parameter("maxBytes", "quantity"),
            Parameter("maxRequests", "quantity"),
            Parameter("defaultRequestTTL", "duration"),
            Parameter("defaultPriorityBand", "object", fields=_PRIORITY_BAND),
            Parameter("priorityBands", "list", fields=_PRIORITY_BAND),
            Parameter("usageLimitPolicyPluginRef", "string"),
        ),
    ),
    Parameter("parser", "object", fields=_PLUGIN_REF),
)

_HEADERS = (
    Parameter("prefillProfile", "string", "prefill"),
    Parameter("encodeProfile", "string", "encode"),
)
_MAX_ENDPOINTS = (Parameter("maxNumOfEndpoints", "int", 1),)
_BY_LABEL = (
    Parameter("label", "string"),
    Parameter("validValues", "list"),
    Parameter("allowsNoLabel", "bool", False),
)
_METRICS_HTTP = (
    Parameter("scheme", "string", "http"),
    Parameter("path", "string", "/metrics"),
    Parameter("insecureSkipVerify", "bool", True),
)
_PRECISE = (
    Parameter("tokenProcessorConfig", "object"),
    Parameter("indexerConfig", "object"),
    Parameter("kvEventsConfig", "object"),
    Parameter("speculativeIndexing", "bool", False),
    Parameter("speculativeTTL", "duration", "2s"),
)
_PREDICTED_LATENCY = (
    Parameter("samplingMean", "float"),
    Parameter("maxDecodeTokenSamplesForPrediction", "int"),
    Parameter("sloBufferFactor", "float"),
    Parameter("contextTTL", "duration"),
    Parameter("streamingMode", "bool"),
    Parameter("endpointRoleLabel", "string"),
)
_NESTED_STAGES = frozenset({"profiles", "deciders"})
_FLAT_STAGES = frozenset(
    {
        "decodeProfile",
        "prefillProfile",
        "encodeProfile",
        "prefillDeciderPluginName",
        "encodeDeciderPluginName",
        "deciderPluginName",
    }
)
_DEPRECATED_HANDLER = Deprecation("v0.7.0", replacement="disagg-profile-handler")

_HANDLERS = (
    PluginType("single-profile-handler", ("profile handler",)),
    PluginType(
        "disagg-profile-handler",
        ("profile handler",),
        (
            Parameter(
                "profiles",
                "object",
                fields=(
                    Parameter("decode", "string", "decode"),
                    Parameter("prefill", "string", "prefill"),
                    Parameter("encode", "string", "encode"),
                ),
            ),
            Parameter(
                "deciders",
                "object",
                fields=(Parameter("prefill", "string"), Parameter("encode", "string")),
            ),
            *(Parameter(name, "string") for name in sorted(_FLAT_STAGES)),
        ),
        exclusive=(_NESTED_STAGES, _FLAT_STAGES),
        stages=Stages(
            decode=("profiles.decode", "decodeProfile"),
            prefill=("profiles.prefill", "prefillProfile"),
            encode=("profiles.encode", "encodeProfile"),
            prefill_decider=("deciders.prefill", "prefillDeciderPluginName", "deciderPluginName"),
            encode_decider=("deciders.encode", "encodeDeciderPluginName"),
        ),
    ),
    PluginType(
        "pd-profile-handler",
        ("profile handler",),
        (
            Parameter("decodeProfile", "string", "decode"),
            Parameter("prefillProfile", "string", "prefill"),
            Parameter("prefixPluginType", "string"),
            Parameter("prefixPluginName", "string"),
            Parameter("primaryPort", "int", 0),
            Parameter("deciderPluginName", "string", "prefix-based-pd-decider"),
        ),
        deprecation=_DEPRECATED_HANDLER,
        stages=Stages(
            decode=("decodeProfile",),
            prefill=("prefillProfile",),
            prefill_decider=("deciderPluginName",),
            default_prefill_decider="prefix-based-pd-decider",
        ),
    ),
    PluginType(
        "data-parallel-profile-handler",
        ("profile handler",),
        (Parameter("primaryPort", "int", 8000),),
        deprecation=Deprecation("v0.7.0", replacement="a pool with several target ports"),
    ),
    PluginType("disagg-headers-handler", ("header writer",), _HEADERS),
    PluginType(
        "prefill-header-handler",
        ("header writer",),
        _HEADERS,
        deprecation=Deprecation("v0.7.0", replacement="disagg-headers-handler"),
    ),
    PluginType(
        "prefix-based-pd-decider",
        ("decider",),
        (Parameter("nonCachedTokens", "int", 0, minimum=0),),
        # It counts characters, not tokens: four to one.
        decision=Decision(
            thresholds=("nonCachedTokens",),
            never_at_zero=("nonCachedTokens",),
            reads=("prefix cache match",),
        ),
    ),
    PluginType("always-disagg-pd-decider", ("decider",), decision=Decision()),
    PluginType(
        "always-disagg-multimodal-decider", ("decider",), decision=Decision(multimodal=True)
    ),
)

_FILTERS = (
    PluginType("by-label", ("filter",), _BY_LABEL),
    PluginType(
        "by-label-selector",
        ("filter",),
        (
            Parameter("matchLabels", "object"),
            Parameter(
                "matchExpressions",
                "list",
                fields=(
                    Parameter("key", "string"),
                    Parameter("operator", "string"),
                    Parameter("values", "list"),
                ),
            ),
        ),
    ),
    PluginType(
        "decode-filter",
        ("filter",),
        accepts=frozenset({"decode", "prefill-decode", "both", "encode-prefill-decode"}),
        accepts_unlabelled=True,
    ),
    PluginType(
        "prefill-filter",
        ("filter",),
        accepts=frozenset(
            {"prefill", "encode-prefill", "prefill-decode", "both", "encode-prefill-decode"}
        ),
    ),
    PluginType(
        "encode-filter",
        ("filter",),
        accepts=frozenset({"encode", "encode-prefill", "encode-prefill-decode"}),
    ),
    PluginType(
        "prefix-cache-affinity-filter",
        ("filter",),
        (
            Parameter("affinityThreshold", "float", 0.8),
            Parameter("explorationProbability", "float"),
            Parameter("maxTTFTPenaltyMs", "float"),
        ),
        consumes=("prefix cache match",),
    ),
    PluginType(
        "slo-headroom-tier-filter",
        ("filter",),
        (Parameter("epsilonExploreNeg", "float"),),
        consumes=("latency prediction",),
    ),
    PluginType("header-based-testing-filter", ("filter",)),
)

_SCORERS = (
    PluginType(
        "active-request-scorer",
        ("scorer",),
        (
            Parameter("requestTimeout", "duration"),
            Parameter("idleThreshold", "int", 0),
            Parameter("maxBusyScore", "float", 1.0),
        ),
    ),
    PluginType(
        "context-length-aware",
        ("scorer", "filter"),
        (
            Parameter("label", "string", "llm-d.ai/context-length-range"),
            Parameter("enableFiltering", "bool", False),
        ),
    ),
    PluginType("kv-cache-utilization-scorer", ("scorer",)),
    PluginType(
        "latency-scorer",
        ("scorer",),
        (
            Parameter("ttftWeight", "float"),
            Parameter("tpotWeight", "float"),
            Parameter("headroomSelectionStrategy", "string"),
            Parameter("compositeKVWeight", "float"),
            Parameter("compositeQueueWeight", "float"),
            Parameter("compositePrefixWeight", "float"),
        ),
        consumes=("latency prediction", "prefix cache match"),
    ),
    PluginType("load-aware-scorer", ("scorer",), (Parameter("threshold", "int", 128),)),
    PluginType("lora-affinity-scorer", ("scorer",)),
    PluginType(
        "no-hit-lru-scorer",
        ("scorer",),
        (
            Parameter("prefixPluginType", "string", "prefix-cache-scorer"),
            Parameter("prefixPluginName", "string", "prefix-cache-scorer"),
            Parameter("lruSize", "int", 1024),
        ),
        consumes=("prefix cache match",),
    ),
    PluginType("precise-prefix-cache-scorer", ("scorer",), _PRECISE),
    PluginType(
        "predicted-latency-scorer",
        ("scorer",),
        (
            Parameter("samplingMean", "float"),
            Parameter("maxSampledTokens", "int"),
            Parameter("sloBufferFactor", "float"),
            Parameter("negHeadroomTTFTWeight", "float"),
            Parameter("negHeadroomTPOTWeight", "float"),
            Parameter("headroomTTFTWeight", "float"),
            Parameter("headroomTPOTWeight", "float"),
            Parameter("headroomSelectionStrategy", "string"),
            Parameter("compositeKVWeight", "float"),
            Parameter("compositeQueueWeight", "float"),
            Parameter("compositePrefixWeight", "float"),
            Parameter("epsilonExploreSticky", "float"),
            Parameter("epsilonExploreNeg", "float"),
            Parameter("affinityGateTau", "float"),
            Parameter("affinityGateTauGlobal", "float"),
            Parameter("affinityMaxTTFTPenaltyMs", "float"),
            Parameter("contextTTL", "duration"),
            Parameter("selectionMode", "string"),
            Parameter("streamingMode", "bool"),
            Parameter("endpointRoleLabel", "string"),
        ),
    ),
    # It hands its own parameters to the producer that it brings: instantiatePlugins in the config
    # loader of the Inference Extension v1.5.0, which this release is built with.
    PluginType(
        "prefix-cache-scorer",
        ("scorer",),
        consumes=("prefix cache match",),
        brings=("approx-prefix-cache-producer",),
    ),
    PluginType("queue-scorer", ("scorer",)),
    PluginType("running-requests-size-scorer", ("scorer",)),
    PluginType("session-affinity-scorer", ("scorer",)),
    PluginType(
        "token-load-scorer",
        ("scorer",),
        (Parameter("queueThresholdTokens", "int", 4194304),),
        consumes=("inflight load",),
    ),
)

_PICKERS = (
    PluginType("max-score-picker", ("picker",), _MAX_ENDPOINTS),
    PluginType("random-picker", ("picker",), _MAX_ENDPOINTS),
    PluginType("weighted-random-picker", ("picker",), _MAX_ENDPOINTS),
)

_PRODUCERS = (
    PluginType(
        "approx-prefix-cache-producer",
        ("producer",),
        (
            Parameter("autoTune", "bool", True),
            Parameter("blockSizeTokens", "int", 16),
            Parameter("blockSize", "int"),
            Parameter("maxPrefixBlocksToMatch", "int", 256),
            Parameter("maxPrefixTokensToMatch", "int", 0, minimum=0),
            Parameter("lruCapacityPerServer", "int", 31250),
        ),
        produces=("prefix cache match",),
    ),
    PluginType("inflight-load-producer", ("producer",), produces=("inflight load",)),
    PluginType(
        "predicted-latency-producer",
        ("producer",),
        (*_PREDICTED_LATENCY, Parameter("predictInPrepareData", "bool")),
        produces=("latency prediction",),
        consumes=("prefix cache match",),
    ),
    PluginType(
        "tokenizer",
        ("producer",),
        (Parameter("udsTokenizerConfig", "object"), Parameter("modelName", "string")),
        produces=("tokenized prompt",),
    ),
)

_OTHERS = (
    PluginType("openai-parser", ("parser",)),
    PluginType("passthrough-parser", ("parser",), opaque=True),
    PluginType("vllmgrpc-parser", ("parser",)),
    PluginType("metrics-data-source", ("data source",), _METRICS_HTTP),
    PluginType(
        "models-data-source",
        ("data source",),
        (
            Parameter("scheme", "string", "http"),
            Parameter("path", "string", "/v1/models"),
            Parameter("insecureSkipVerify", "bool", True),
        ),
    ),
    PluginType("endpoint-notification-source", ("data source",)),
    PluginType(
        "k8s-notification-source",
        ("data source",),
        (
            Parameter("group", "string"),
            Parameter("version", "string"),
            Parameter("kind", "string"),
        ),
    ),
    PluginType(
        "core-metrics-extractor",
        ("extractor",),
        (
            Parameter("engineLabelKey", "string", "inference.networking.k8s.io/engine-type"),
            Parameter("defaultEngine", "string", "vllm"),
            Parameter("engineConfigs", "list"),
        ),
    ),
    PluginType("model-server-protocol-models", ("extractor",)),
    PluginType(
        "concurrency-detector",
        ("saturation detector", "filter"),
        (
            Parameter("maxConcurrency", "int", 100),
            Parameter("headroom", "float", 0.0),
            Parameter("concurrencyMode", "string", "requests"),
            Parameter("maxTokenConcurrency", "int", 1000000),
        ),
    ),
    PluginType(
        "utilization-detector",
        ("saturation detector", "filter"),
        (
            Parameter("queueDepthThreshold", "int", 5),
            Parameter("kvCacheUtilThreshold", "float", 0.8),
            Parameter("metricsStalenessThreshold", "duration", "200ms"),
            Parameter("headroom", "float", 0.0),
        ),
    ),
    PluginType("latency-slo-admitter", ("admitter",), consumes=("latency prediction",)),
    PluginType("global-strict-fairness-policy", ("fairness policy",)),
    PluginType("round-robin-fairness-policy", ("fairness policy",)),
    PluginType("edf-ordering-policy", ("ordering policy",)),
    PluginType("fcfs-ordering-policy", ("ordering policy",)),
    PluginType("slo-deadline-ordering-policy", ("ordering policy",)),
    PluginType(
        "static-usage-limit-policy", ("usage limit policy",), (Parameter("threshold", "float"),)
    ),
    PluginType("request-attribute-reporter", ("reporter",), (Parameter("attributes", "list"),)),
    PluginType("destination-endpoint-served-verifier", ("reporter",)),
)

ROUTER_V0_8_0 = RouterRelease(
    version="v0.8.0",
    picker=Picker(
        image="ghcr.io/llm-d/llm-d-inference-scheduler:v0.8.0",
        flags=_PICKER_FLAGS,
        single_dash=False,
        always={},
        config=ConfigFormat(
            api_versions=("inference.networking.x-k8s.io/v1alpha1",),
            fields=_CONFIG_FIELDS,
            deprecated_fields={},
            gates={"dataLayer": False, "enableLegacyMetrics": False, "flowControl": False},
            gate_values=False,
            strict_parameters=False,
            declares_before_use=True,
            additive_data_layer=False,
            default_producers={},
            undeclared=(
                "max-score-picker",
                "single-profile-handler",
                "fcfs-ordering-policy",
                "global-strict-fairness-policy",
                "static-usage-limit-policy",
                "openai-parser",
                "utilization-detector",
                "metrics-data-source",
                "core-metrics-extractor",
            ),
            undeclared_parsers=False,
            seen_run=True,
        ),
        plugins=(*_HANDLERS, *_FILTERS, *_SCORERS, *_PICKERS, *_PRODUCERS, *_OTHERS),
        smallest_block_tokens=1,
        needs_config=False,
        pool_groups=("inference.networking.k8s.io",),
        watches=(
            Permission(("list", "watch"), "", ("pods",)),
            Permission(("list", "watch"), "inference.networking.k8s.io", ("inferencepools",)),
            Permission(
                ("list", "watch"),
                "inference.networking.x-k8s.io",
                ("inferenceobjectives", "inferencemodelrewrites"),
                if_installed=True,
            ),
        ),
        leader_election=(
            Permission(("get", "create", "update"), "coordination.k8s.io", ("leases",)),
            Permission(("create", "patch"), "", ("events",)),
        ),
        metrics_review=(
            Permission(("create",), "authentication.k8s.io", ("tokenreviews",)),
            Permission(("create",), "authorization.k8s.io", ("subjectaccessreviews",)),
        ),
        metrics_reader=(Permission(("get",), urls=("/metrics",)),),
        lease="epp-{namespace}-{pool}.gateway-api-inference-extension.sigs.k8s.io",
        readiness_service="readiness",
        liveness_service="liveness",
        standby_answers=False,
        drain_flag=None,
        stop_seconds=30,
        experimental_flag=None,
        engine_label="inference.networking.k8s.io/engine-type",
        engines=("vllm", "sglang", "trtllm-serve", "triton-tensorrt-llm"),
        event_engines=("vllm",),
        metrics={
            "inference_extension_info": "gauge",
            "inference_extension_plugin_duration_seconds": "histogram",
            "inference_extension_prefix_indexer_hit_bytes": "histogram",
            "inference_extension_prefix_indexer_hit_ratio": "histogram",
            "inference_extension_prefix_indexer_size": "gauge",
            "inference_extension_scheduler_attempts_total": "counter",
            "inference_extension_scheduler_e2e_duration_seconds": "histogram",
            "inference_objective_input_tokens": "histogram",
            "inference_objective_normalized_time_per_output_token_seconds": "histogram",
            "inference_objective_output_tokens": "histogram",
            "inference_objective_request_duration_seconds": "histogram",
            "inference_objective_request_sizes": "histogram",
            "inference_objective_request_total": "counter",
            "inference_objective_response_sizes": "histogram",
            "inference_objective_running_requests": "gauge",
            "inference_pool_average_kv_cache_utilization": "gauge",
            "inference_pool_average_queue_size": "gauge",
            "inference_pool_average_running_requests": "gauge",
            "inference_pool_per_pod_queue_size": "gauge",
            "inference_pool_ready_pods": "gauge",
            "llm_d_inference_scheduler_disagg_decision_total": "counter",
        },
    ),
    simulator="ghcr.io/llm-d/llm-d-inference-sim:v0.8.2",
    sidecar=Sidecar(
        image="ghcr.io/llm-d/llm-d-routing-sidecar:v0.8.0",
        flags=_SIDECAR_FLAGS,
        engine_port_flag="vllm-port",
        connectors=(
            Connector("nixlv2", "vllm", ("NixlConnector",)),
            Connector("shared-storage", "vllm", ("SharedStorageConnector",)),
            Connector(
                "sglang",
                "sglang",
                ("nixl", "mooncake", "mori"),
                bootstrap_port_env="SGLANG_BOOTSTRAP_PORT",
                bootstrap_port=8998,
            ),
        ),
        encoder_connectors=("ec-example",),
        ssrf_protection=(
            Permission(("get", "list", "watch"), "", ("pods",)),
            Permission(
                ("get", "list", "watch"), "inference.networking.k8s.io", ("inferencepools",)
            ),
        ),
        guards_v1_pools=False,
        prefill_failure="decodes locally",
        health_path="/health",
        engine_path="/v1/models",
        metrics={},
    ),
)
