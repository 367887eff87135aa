"""GAIE v1.1.0: what it changed in v1.0.2. Read in the sources of the tag; flags seen run."""

from __future__ import annotations

from dataclasses import replace
from operator import attrgetter

from cdk8s_inference.releases.flag import Flag
from cdk8s_inference.releases.gaie_v1_0_0 import GAIE_V1_0_2
from cdk8s_inference.releases.plugin_type import Parameter
from cdk8s_inference.releases.revision import revised

_BEFORE = GAIE_V1_0_2
_PREFIX = _BEFORE.plugin("prefix-cache-scorer")

GAIE_V1_1_0 = replace(
    _BEFORE,
    version="v1.1.0",
    picker=replace(
        _BEFORE.picker,
        image="registry.k8s.io/gateway-api-inference-extension/epp:v1.1.0",
        flags=revised(
            _BEFORE.picker.flags,
            Flag("cache-info-metric", "string", "vllm:cache_config_info"),
            Flag("metrics-endpoint-auth", "bool", True),
            Flag("pool-namespace", "string", "", variable="NAMESPACE"),
            Flag("tracing", "bool", True),
            key=attrgetter("name"),
        ),
        always={},
        plugins=revised(
            _BEFORE.picker.plugins,
            replace(
                _PREFIX,
                parameters=revised(
                    _PREFIX.parameters,
                    Parameter("blockSize", "int", 64),
                    without=("hashBlockSize",),
                    key=attrgetter("name"),
                ),
            ),
            key=attrgetter("type"),
        ),
        metrics={
            **{
                name.replace("inference_model_", "inference_objective_"): kind
                for name, kind in _BEFORE.picker.metrics.items()
            },
            "inference_extension_flow_control_queue_size": "gauge",
            "inference_extension_flow_control_request_queue_duration_seconds": "histogram",
        },
    ),
)
