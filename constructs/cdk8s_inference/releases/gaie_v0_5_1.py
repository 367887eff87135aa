"""GAIE v0.5.1, the last release whose picker has flags such as ``-poolName``.

It knows the InferencePool of the group inference.networking.x-k8s.io alone. Read in the sources
of the tag (cmd/epp/runner, pkg/epp/server, pkg/epp/common/config/loader); flags seen run.
"""

from __future__ import annotations

from cdk8s_inference.releases.flag import Flag
from cdk8s_inference.releases.gaie import GaieRelease
from cdk8s_inference.releases.permission import Permission
from cdk8s_inference.releases.picker import ConfigFormat, Picker
from cdk8s_inference.releases.plugin_type import Parameter, PluginType


def _camel(flag: Flag) -> Flag:
    """The flag as this release writes it: ``poolName``."""
    first, *words = flag.name.split("-")
    spelling = first + "".join(word.capitalize() for word in words)
    return Flag(flag.name, flag.kind, flag.default, spelling=spelling, variable=flag.variable)


_FLAGS = (
    *map(
        _camel,
        (
            Flag("cert-path", "string", ""),
            Flag("config-file", "string", ""),
            Flag("config-text", "string", ""),
            Flag(
                "destination-endpoint-hint-key",
                "string",
                "x-gateway-destination-endpoint",
                variable="DESTINATION_ENDPOINT_HINT_KEY",
            ),
            Flag("enable-pprof", "bool", True),
            Flag("grpc-health-port", "int", 9003, variable="GRPC_HEALTH_PORT"),
            Flag("grpc-port", "int", 9002, variable="GRPC_PORT"),
            Flag("health-checking", "bool", False),
            Flag("kv-cache-usage-percentage-metric", "string", "vllm:gpu_cache_usage_perc"),
            Flag("lora-info-metric", "string", "vllm:lora_requests_info"),
            Flag("metrics-port", "int", 9090),
            Flag(
                "model-server-metrics-https-insecure-skip-verify",
                "bool",
                True,
                variable="MODEL_SERVER_METRICS_HTTPS_INSECURE_SKIP_VERIFY",
            ),
            Flag(
                "model-server-metrics-path",
                "string",
                "/metrics",
                variable="MODEL_SERVER_METRICS_PATH",
            ),
            Flag("model-server-metrics-port", "int", 0, variable="MODEL_SERVER_METRICS_PORT"),
            Flag(
                "model-server-metrics-scheme",
                "string",
                "http",
                variable="MODEL_SERVER_METRICS_SCHEME",
            ),
            Flag("pool-name", "string", "", variable="POOL_NAME"),
            Flag("pool-namespace", "string", "default", variable="POOL_NAMESPACE"),
            Flag(
                "refresh-metrics-interval", "duration", "50ms", variable="REFRESH_METRICS_INTERVAL"
            ),
            Flag("refresh-prometheus-metrics-interval", "duration", "5s"),
            Flag("secure-serving", "bool", True, variable="SECURE_SERVING"),
            Flag("total-queued-requests-metric", "string", "vllm:num_requests_waiting"),
        ),
    ),
    Flag(
        "destination-endpoint-hint-metadata-namespace",
        "string",
        "envoy.lb",
        spelling="DestinationEndpointHintMetadataNamespace",
    ),
    Flag("kubeconfig", "string", ""),
    Flag("v", "int", 2),
    Flag("zap-devel", "bool", True),
    Flag("zap-encoder", "string", ""),
    Flag("zap-log-level", "string", ""),
    Flag("zap-stacktrace-level", "string", ""),
    Flag("zap-time-encoding", "string", ""),
)

_MAX_ENDPOINTS = (Parameter("maxNumOfEndpoints", "int", 1),)

_PLUGINS = (
    PluginType("single-profile-handler", ("profile handler",)),
    PluginType(
        "decision-tree-filter",
        ("filter",),
        (
            Parameter("current", "object"),
            Parameter("nextOnSuccess", "object"),
            Parameter("nextOnFailure", "object"),
            Parameter("nextOnSuccessOrFailure", "object"),
        ),
    ),
    PluginType("header-based-testing-filter", ("filter",)),
    PluginType("least-kv-cache-filter", ("filter",)),
    PluginType("least-queue-filter", ("filter",)),
    PluginType("lora-affinity-filter", ("filter",), (Parameter("threshold", "float", 0.999),)),
    PluginType("low-queue-filter", ("filter",), (Parameter("threshold", "int", 128),)),
    PluginType("kv-cache-scorer", ("scorer",)),
    PluginType("queue-scorer", ("scorer",)),
    PluginType(
        "prefix-cache-scorer",
        ("scorer",),
        (
            Parameter("hashBlockSize", "int", 64),
            Parameter("maxPrefixBlocksToMatch", "int", 256),
            Parameter("lruCapacityPerServer", "int", 31250),
        ),
    ),
    PluginType("max-score-picker", ("picker",), _MAX_ENDPOINTS),
    PluginType("random-picker", ("picker",), _MAX_ENDPOINTS),
)

GAIE_V0_5_1 = GaieRelease(
    version="v0.5.1",
    picker=Picker(
        image="registry.k8s.io/gateway-api-inference-extension/epp:v0.5.1",
        flags=_FLAGS,
        single_dash=True,
        always={
            "ha-enable-leader-election": False,
            "metrics-endpoint-auth": True,
            "pool-group": "inference.networking.x-k8s.io",
            "tracing": False,
        },
        config=ConfigFormat(
            api_versions=("inference.networking.x-k8s.io/v1alpha1",),
            fields=(
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
                        Parameter(
                            "plugins",
                            "list",
                            fields=(Parameter("pluginRef", "string"), Parameter("weight", "int")),
                        ),
                    ),
                ),
            ),
            deprecated_fields={},
            gates={},
            gate_values=False,
            strict_parameters=False,
            declares_before_use=True,
            additive_data_layer=False,
            default_producers={},
            undeclared=(),
            undeclared_parsers=False,
            seen_run=False,
        ),
        plugins=_PLUGINS,
        smallest_block_tokens=1,
        needs_config=True,
        pool_groups=("inference.networking.x-k8s.io",),
        watches=(
            Permission(("list", "watch"), "", ("pods",)),
            Permission(("list", "watch"), "inference.networking.x-k8s.io", ("inferencepools",)),
            Permission(("list", "watch"), "inference.networking.x-k8s.io", ("inferencemodels",)),
        ),
        leader_election=(),
        metrics_review=(
            Permission(("create",), "authentication.k8s.io", ("tokenreviews",)),
            Permission(("create",), "authorization.k8s.io", ("subjectaccessreviews",)),
        ),
        metrics_reader=(Permission(("get",), urls=("/metrics",)),),
        lease="",
        readiness_service="",
        liveness_service="",
        standby_answers=False,
        drain_flag=None,
        stop_seconds=30,
        experimental_flag=None,
        engine_label="inference.networking.k8s.io/engine-type",
        engines=("vllm",),
        event_engines=(),
        metrics={
            "inference_extension_info": "gauge",
            "inference_extension_prefix_indexer_hit_bytes": "histogram",
            "inference_extension_prefix_indexer_hit_ratio": "histogram",
            "inference_extension_prefix_indexer_size": "gauge",
            "inference_extension_request_control_plugin_duration_seconds": "histogram",
            "inference_extension_scheduler_e2e_duration_seconds": "histogram",
            "inference_extension_scheduler_plugin_duration_seconds": "histogram",
            "inference_model_input_tokens": "histogram",
            "inference_model_normalized_time_per_output_token_seconds": "histogram",
            "inference_model_output_tokens": "histogram",
            "inference_model_request_duration_seconds": "histogram",
            "inference_model_request_error_total": "counter",
            "inference_model_request_sizes": "histogram",
            "inference_model_request_total": "counter",
            "inference_model_response_sizes": "histogram",
            "inference_model_running_requests": "gauge",
            "inference_pool_average_kv_cache_utilization": "gauge",
            "inference_pool_average_queue_size": "gauge",
            "inference_pool_per_pod_queue_size": "gauge",
            "inference_pool_ready_pods": "gauge",
        },
    ),
)
