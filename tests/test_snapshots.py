"""What comes out, to be read: one file for each serving mode, workload kind and cache."""

from __future__ import annotations

from typing import Any

import pytest
from syrupy.assertion import SnapshotAssertion
from syrupy.extensions.single_file import SingleFileSnapshotExtension, WriteMode

from cdk8s_inference import App, Engine, ModelDeployment, Platform, PodSettings
from tests.document import builders
from tests.document.builders import CEL, NIXL, document, gang, standalone
from tests.kit.synth import synthesized

Json = dict[str, Any]

PREFILL, DECODE = ("--port=8000", NIXL), ("--port=8001", NIXL)
SERVE = (
    "exec vllm serve /mnt/models --port={port} --pipeline-parallel-size=3 --nnodes=3 "
    "--node-rank=$(MODELPLANE_RANK) --master-addr=$(MODELPLANE_LEADER_ADDRESS)"
)
HANDING_OVER = (
    f"{SERVE} --kv-transfer-config.kv_connector=NixlConnector --kv-transfer-config.kv_role=kv_both"
)


def spread(name: str, *, port: int = 8000, **fields: Any) -> Json:
    """A gang of three nodes that keeps its flags in a script, all of them with devices."""
    found = gang(name, **fields)
    for member in found["members"]:
        member["nodeSelector"] = {
            "devices": [{"name": "gpu", "count": 8, "selectors": [{"cel": CEL}]}]
        }
        container = member["template"]["spec"]["containers"][0]
        container["command"] = ["/bin/sh", "-c"]
        script = HANDING_OVER if "phase" in fields else SERVE
        container["args"] = [script.format(port=port)]
    return found


ENGINES = {
    "unified-standalone": [standalone("qwen", "--max-model-len=32768", copies=2)],
    "unified-gang": [spread("kimi")],
    "unified-both": [standalone("small", "--port=8000"), spread("large")],
    "prefill-decode-standalone": [
        standalone("prefill", *PREFILL, phase="Prefill", copies=2),
        standalone("decode", *DECODE, phase="Decode"),
    ],
    "prefill-decode-gang": [
        spread("prefill", phase="Prefill"),
        spread("decode", port=8001, phase="Decode"),
    ],
    "prefill-decode-both": [
        standalone("prefill", *PREFILL, phase="Prefill", copies=2),
        spread("decode", port=8001, phase="Decode"),
    ],
}


def deployment(engines: str, *, cached: bool) -> Json:
    replica: Json = {"modelCacheRef": {"name": "weights"}} if cached else {}
    if engines.startswith("prefill-decode"):
        replica["serving"] = {"mode": "PrefillDecode"}
    return document(*ENGINES[engines], **replica)


CASES = {
    **{
        f"{engines}-{cache}": (deployment(engines, cached=cache == "cache"), Platform())
        for engines in ENGINES
        for cache in ("cache", "no-cache")
    },
    # Beside prefill-decode-standalone-cache, which has what pods get by default.
    "prefill-decode-standalone-cache-hardened": (
        deployment("prefill-decode-standalone", cached=True),
        Platform(pods=PodSettings.hardened()),
    ),
    "unified-picker": (deployment("unified-both", cached=True), Platform(unified_mode="picker")),
    "everything": (
        builders.everything_current(),
        Platform(
            node_pool="h100",
            device_classes={"nic": "rdma.example.com"},
            cache_claims={"cache.v1": "weights"},
        ),
    ),
}


class YamlFile(SingleFileSnapshotExtension):
    """One YAML file for a case, with exactly what is written for it."""

    _write_mode = WriteMode.TEXT
    file_extension = "yaml"


@pytest.mark.parametrize(("found", "platform"), CASES.values(), ids=CASES)
def test_written(found: Json, platform: Platform, snapshot: SnapshotAssertion) -> None:
    app = App()
    ModelDeployment.from_document(app, "qwen", found, platform=platform)
    synthesized(app)
    assert app.synth_yaml() == snapshot(extension_class=YamlFile)


def test_the_least(snapshot: SnapshotAssertion) -> None:
    """An engine of which nothing is said but its image and model."""
    app = App()
    image = "ghcr.io/llm-d/llm-d-inference-sim:v0.10.2"
    engine = Engine.standalone("sim", image=image, args=["--model=Qwen/Qwen3-8B"])
    ModelDeployment(app, "bare", name="bare", namespace="ml-team", engines=[engine])
    synthesized(app)
    assert app.synth_yaml() == snapshot(extension_class=YamlFile)
