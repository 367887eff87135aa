"""GAIE v1.3.0 and v1.3.1: what they changed in v1.2.1.

Flags are parsed by pflag, which takes one dash for flags of one letter. v1.3.0 never asks which
CRDs are installed, and so reads no objective; v1.3.1 does. Read in the sources of the tags; flags
of v1.3.1 seen run.
"""

from __future__ import annotations

from dataclasses import replace
from operator import attrgetter

from cdk8s_inference.releases.flag import Flag
from cdk8s_inference.releases.gaie_v1_2_0 import GAIE_V1_2_1
from cdk8s_inference.releases.permission import Permission
from cdk8s_inference.releases.plugin_type import Parameter, PluginType
from cdk8s_inference.releases.revision import revised

_BEFORE = GAIE_V1_2_1
_NAME = attrgetter("name")
_PLUGIN_REF = (Parameter("pluginRef", "string"),)
_POOL_AND_PODS = tuple(
    each for each in _BEFORE.picker.watches if each.resources != ("inferenceobjectives",)
)

GAIE_V1_3_0 = replace(
    _BEFORE,
    version="v1.3.0",
    picker=replace(
        _BEFORE.picker,
        image="registry.k8s.io/gateway-api-inference-extension/epp:v1.3.0",
        flags=revised(
            _BEFORE.picker.flags,
            Flag("disable-endpoint-subset-filter", "bool", False),
            Flag("enable-cert-reload", "bool", False),
            Flag("endpoint-target-ports", "ints", ()),
            Flag("kv-cache-usage-percentage-metric", "string", "vllm:kv_cache_usage_perc"),
            Flag(
                "model-server-metrics-port",
                "int",
                stage="deprecated",
                instead="let engines serve metrics on the pool's port",
            ),
            Flag("total-running-requests-metric", "string", "vllm:num_requests_running"),
            without=("kubeconfig",),
            key=_NAME,
        ),
        single_dash=False,
        config=replace(
            _BEFORE.picker.config,
            fields=revised(
                _BEFORE.picker.config.fields,
                Parameter(
                    "data",
                    "object",
                    fields=(
                        Parameter(
                            "sources",
                            "list",
                            fields=(
                                *_PLUGIN_REF,
                                Parameter("extractors", "list", fields=_PLUGIN_REF),
                            ),
                        ),
                    ),
                ),
                key=_NAME,
            ),
            gates={**_BEFORE.picker.config.gates, "prepareDataPlugins": False},
        ),
        plugins=revised(
            _BEFORE.picker.plugins,
            PluginType("running-requests-size-scorer", ("scorer",)),
            PluginType(
                "predicted-latency-scorer",
                ("scorer",),
                (
                    Parameter("samplingMean", "float", 1000.0),
                    Parameter("maxSampledTokens", "int", 5),
                    Parameter("sloBufferFactor", "float", 1.0),
                    Parameter("negHeadroomTTFTWeight", "float", 0.8),
                    Parameter("negHeadroomTPOTWeight", "float", 0.2),
                    Parameter("headroomTTFTWeight", "float", 0.8),
                    Parameter("headroomTPOTWeight", "float", 0.2),
                    Parameter("headroomSelectionStrategy", "string", "least"),
                    Parameter("compositeKVWeight", "float", 1.0),
                    Parameter("compositeQueueWeight", "float", 1.0),
                    Parameter("compositePrefixWeight", "float", 1.0),
                    Parameter("epsilonExploreSticky", "float", 0.01),
                    Parameter("epsilonExploreNeg", "float", 0.01),
                    Parameter("affinityGateTau", "float", 0.8),
                    Parameter("affinityGateTauGlobal", "float", 0.99),
                    Parameter("selectionMode", "string", "linear"),
                    Parameter("streamingMode", "bool", True),
                ),
            ),
            PluginType(
                "metrics-data-source",
                ("data source",),
                (
                    Parameter("scheme", "string", "http"),
                    Parameter("path", "string", "/metrics"),
                    Parameter("insecureSkipVerify", "bool", True),
                ),
            ),
            # Its field for queued requests has no JSON name of its own in v1.3.
            PluginType(
                "model-server-protocol-metrics",
                ("extractor",),
                (
                    Parameter("queueRequestsSpec", "string", "vllm:num_requests_waiting"),
                    Parameter("runningRequestsSpec", "string", "vllm:num_requests_running"),
                    Parameter("kvUsageSpec", "string", "vllm:kv_cache_usage_perc"),
                    Parameter("loraSpec", "string", "vllm:lora_requests_info"),
                    Parameter("cacheInfoSpec", "string", "vllm:cache_config_info"),
                ),
            ),
            key=attrgetter("type"),
        ),
        watches=_POOL_AND_PODS,
        metrics={
            **_BEFORE.picker.metrics,
            "inference_extension_model_rewrite_decisions_total": "counter",
            "inference_extension_scheduler_attempts_total": "counter",
        },
    ),
)
GAIE_V1_3_1 = replace(
    GAIE_V1_3_0,
    version="v1.3.1",
    picker=replace(
        GAIE_V1_3_0.picker,
        image="registry.k8s.io/gateway-api-inference-extension/epp:v1.3.1",
        watches=(
            *_POOL_AND_PODS,
            Permission(
                ("list", "watch"),
                "inference.networking.x-k8s.io",
                ("inferenceobjectives", "inferencemodelrewrites"),
                if_installed=True,
            ),
        ),
    ),
)
