"""GAIE v1.4.0: what it changed in v1.3.1.

It configures itself where it is given no configuration, and knows SGLang's metrics. Read in the
sources of the tag.
"""

from __future__ import annotations

from dataclasses import replace
from operator import attrgetter

from cdk8s_inference.releases.flag import Flag
from cdk8s_inference.releases.gaie_v1_3_0 import GAIE_V1_3_1
from cdk8s_inference.releases.plugin_type import Parameter, PluginType
from cdk8s_inference.releases.revision import revised

_BEFORE = GAIE_V1_3_1
_NAME = attrgetter("name")
_ENGINE_CONFIGS = "use engineConfigs of plugin model-server-protocol-metrics"
_PREFIX = _BEFORE.plugin("prefix-cache-scorer")
_LATENCY = _BEFORE.plugin("predicted-latency-scorer")
_PRIORITY_BAND = (
    Parameter("priority", "int"),
    Parameter("maxBytes", "int"),
    Parameter("fairnessPolicyRef", "string"),
    Parameter("orderingPolicyRef", "string"),
)
_CONFIG_PROFILES = next(
    each for each in _BEFORE.picker.config.fields if each.name == "schedulingProfiles"
)

GAIE_V1_4_0 = replace(
    _BEFORE,
    version="v1.4.0",
    picker=replace(
        _BEFORE.picker,
        image="registry.k8s.io/gateway-api-inference-extension/epp:v1.4.0",
        flags=revised(
            _BEFORE.picker.flags,
            *(
                Flag(f"{name}-metric", "string", stage="refused", instead=_ENGINE_CONFIGS)
                for name in (
                    "cache-info",
                    "kv-cache-usage-percentage",
                    "lora-info",
                    "total-queued-requests",
                    "total-running-requests",
                )
            ),
            key=_NAME,
        ),
        config=replace(
            _BEFORE.picker.config,
            fields=revised(
                _BEFORE.picker.config.fields,
                replace(
                    _CONFIG_PROFILES,
                    fields=(
                        Parameter("name", "string"),
                        Parameter(
                            "plugins",
                            "list",
                            fields=(Parameter("pluginRef", "string"), Parameter("weight", "float")),
                        ),
                    ),
                ),
                Parameter(
                    "flowControl",
                    "object",
                    fields=(
                        Parameter("maxBytes", "int"),
                        Parameter("defaultRequestTTL", "duration"),
                        Parameter("defaultPriorityBand", "object", fields=_PRIORITY_BAND),
                        Parameter("priorityBands", "list", fields=_PRIORITY_BAND),
                    ),
                ),
                key=_NAME,
            ),
            undeclared=(
                *_BEFORE.picker.config.undeclared,
                "fcfs-ordering-policy",
                "global-strict-fairness-policy",
            ),
        ),
        plugins=revised(
            _BEFORE.picker.plugins,
            replace(
                _PREFIX,
                parameters=revised(
                    _PREFIX.parameters,
                    Parameter("blockSizeTokens", "int", 16),
                    Parameter("blockSize", "int"),
                    key=_NAME,
                ),
            ),
            replace(
                _LATENCY,
                parameters=revised(
                    _LATENCY.parameters,
                    Parameter("maxSampledTokens", "int", 0),
                    Parameter("contextTTL", "duration"),
                    Parameter("endpointRoleLabel", "string"),
                    key=_NAME,
                ),
            ),
            PluginType(
                "model-server-protocol-metrics",
                ("extractor",),
                (
                    Parameter(
                        "engineLabelKey", "string", "inference.networking.k8s.io/engine-type"
                    ),
                    Parameter("defaultEngine", "string", "vllm"),
                    Parameter("engineConfigs", "list"),
                ),
            ),
            PluginType("edf-ordering-policy", ("ordering policy",)),
            PluginType("fcfs-ordering-policy", ("ordering policy",)),
            PluginType("global-strict-fairness-policy", ("fairness policy",)),
            PluginType("round-robin-fairness-policy", ("fairness policy",)),
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
                "request-attribute-reporter", ("reporter",), (Parameter("attributes", "list"),)
            ),
            key=attrgetter("type"),
        ),
        needs_config=False,
        engines=("vllm", "sglang"),
        metrics={
            **_BEFORE.picker.metrics,
            "inference_extension_flow_control_dispatch_cycle_duration_seconds": "histogram",
            "inference_extension_flow_control_queue_bytes": "gauge",
            "inference_extension_flow_control_request_enqueue_duration_seconds": "histogram",
        },
    ),
)
