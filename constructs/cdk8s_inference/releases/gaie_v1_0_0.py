"""GAIE v1.0.0 to v1.0.2: what they changed in v0.5.1.

Flags such as ``--pool-name``, the InferencePool of inference.networking.k8s.io beside the older
one, leader election, and objectives in place of models. Read in the sources of the tags;
flags of v1.0.2 seen run.
"""

from __future__ import annotations

from dataclasses import replace
from operator import attrgetter

from cdk8s_inference.releases.flag import Flag
from cdk8s_inference.releases.gaie_v0_5_1 import GAIE_V0_5_1
from cdk8s_inference.releases.permission import Permission
from cdk8s_inference.releases.plugin_type import PluginType
from cdk8s_inference.releases.revision import revised

_BEFORE = GAIE_V0_5_1
_LEGACY = "inference.networking.x-k8s.io"

GAIE_V1_0_0 = replace(
    _BEFORE,
    version="v1.0.0",
    picker=replace(
        _BEFORE.picker,
        image="registry.k8s.io/gateway-api-inference-extension/epp:v1.0.0",
        flags=revised(
            [Flag(each.name, each.kind, each.default) for each in _BEFORE.picker.flags],
            Flag("ha-enable-leader-election", "bool", False),
            Flag("metrics-staleness-threshold", "duration", "2s"),
            Flag("pool-group", "string", "inference.networking.k8s.io"),
            without=(
                "destination-endpoint-hint-key",
                "destination-endpoint-hint-metadata-namespace",
            ),
            key=attrgetter("name"),
        ),
        always={"metrics-endpoint-auth": True, "tracing": False},
        config=replace(
            _BEFORE.picker.config, undeclared=("max-score-picker", "single-profile-handler")
        ),
        plugins=revised(
            _BEFORE.picker.plugins,
            PluginType("kv-cache-utilization-scorer", ("scorer",)),
            PluginType("lora-affinity-scorer", ("scorer",)),
            replace(_BEFORE.plugin("max-score-picker"), type="weighted-random-picker"),
            without=(
                "decision-tree-filter",
                "kv-cache-scorer",
                "least-kv-cache-filter",
                "least-queue-filter",
                "lora-affinity-filter",
                "low-queue-filter",
            ),
            key=attrgetter("type"),
        ),
        pool_groups=("inference.networking.k8s.io", _LEGACY),
        watches=(
            Permission(("list", "watch"), "", ("pods",)),
            Permission(("list", "watch"), "inference.networking.k8s.io", ("inferencepools",)),
            Permission(("list", "watch"), _LEGACY, ("inferenceobjectives",)),
        ),
        leader_election=(
            Permission(("get", "create", "update"), "coordination.k8s.io", ("leases",)),
            Permission(("create", "patch"), "", ("events",)),
        ),
        lease="epp-{namespace}-{pool}.gateway-api-inference-extension.sigs.k8s.io",
        readiness_service="readiness",
        liveness_service="liveness",
        metrics={
            name: kind
            for name, kind in {
                **_BEFORE.picker.metrics,
                "inference_extension_plugin_duration_seconds": "histogram",
            }.items()
            if not name.endswith(
                ("request_control_plugin_duration_seconds", "scheduler_plugin_duration_seconds")
            )
        },
    ),
)
GAIE_V1_0_1, GAIE_V1_0_2 = (GAIE_V1_0_0.patched(version) for version in ("v1.0.1", "v1.0.2"))
