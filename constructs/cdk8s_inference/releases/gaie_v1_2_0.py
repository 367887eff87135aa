"""GAIE v1.2.0 and v1.2.1: what they changed in v1.1.0.

Read in the sources of the tags; flags of v1.2.1 seen run.
"""

from __future__ import annotations

from dataclasses import replace
from operator import attrgetter

from cdk8s_inference.releases.flag import Flag
from cdk8s_inference.releases.gaie_v1_1_0 import GAIE_V1_1_0
from cdk8s_inference.releases.plugin_type import Parameter, PluginType
from cdk8s_inference.releases.revision import revised

_BEFORE = GAIE_V1_1_0
_NAME = attrgetter("name")
_PREFIX = _BEFORE.plugin("prefix-cache-scorer")

GAIE_V1_2_0 = replace(
    _BEFORE,
    version="v1.2.0",
    picker=replace(
        _BEFORE.picker,
        image="registry.k8s.io/gateway-api-inference-extension/epp:v1.2.0",
        flags=revised(
            _BEFORE.picker.flags,
            Flag("endpoint-selector", "string", ""),
            Flag("endpoint-target-ports", "string", ""),
            key=_NAME,
        ),
        config=replace(
            _BEFORE.picker.config,
            fields=revised(
                _BEFORE.picker.config.fields,
                Parameter("featureGates", "list"),
                Parameter(
                    "saturationDetector",
                    "object",
                    fields=(
                        Parameter("queueDepthThreshold", "int", 5),
                        Parameter("kvCacheUtilThreshold", "float", 0.8),
                        Parameter("metricsStalenessThreshold", "duration", "200ms"),
                    ),
                ),
                key=_NAME,
            ),
            gates={"dataLayer": False, "flowControl": False},
        ),
        plugins=revised(
            _BEFORE.picker.plugins,
            replace(
                _PREFIX,
                parameters=revised(
                    _PREFIX.parameters, Parameter("autoTune", "bool", True), key=_NAME
                ),
            ),
            PluginType("destination-endpoint-served-verifier", ("reporter",)),
            key=attrgetter("type"),
        ),
        metrics={
            **_BEFORE.picker.metrics,
            "inference_objective_inference_request_metric": "gauge",
            "inference_objective_prompt_cached_tokens": "histogram",
            "inference_objective_request_predicted_tpot_seconds": "histogram",
            "inference_objective_request_predicted_ttft_seconds": "histogram",
            "inference_objective_request_slo_violation_total": "counter",
            "inference_objective_request_tpot_prediction_duration_seconds": "histogram",
            "inference_objective_request_tpot_seconds": "histogram",
            "inference_objective_request_ttft_prediction_duration_seconds": "histogram",
            "inference_objective_request_ttft_seconds": "histogram",
        },
    ),
)
GAIE_V1_2_1 = GAIE_V1_2_0.patched("v1.2.1")
