"""Pod Security admits what engines, sidecars, pickers and proxies are by default, and hardened."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from cdk8s_inference import (
    App,
    DeviceRequest,
    Engine,
    Gateway,
    Member,
    ModelDeployment,
    Platform,
    PodSettings,
)
from cdk8s_inference.gateways import ENVOY_AI_GATEWAY, STANDALONE, GatewayProvider
from tests.acceptance.cluster import Cluster, Object, namespace
from tests.acceptance.control_plane import api_server
from tests.acceptance.counts import COUNTS
from tests.document.builders import NIXL

GPU = DeviceRequest.of("gpu", 'device.driver == "gpu.nvidia.com"')
BOOTSTRAP = PodSettings(init_containers=[{"name": "fetch", "image": "fetcher"}])

STANDARDS = ("baseline", "restricted")


@pytest.fixture(scope="module")
def guarded(own_control_plane: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """An API server with a namespace for each Pod Security Standard."""
    with api_server(tmp_path_factory.mktemp("guarded")) as cluster:
        for standard in STANDARDS:
            labels = {"pod-security.kubernetes.io/enforce": standard}
            made = namespace(standard)
            cluster.create([{**made, "metadata": {**made["metadata"], "labels": labels}}])
            # No controller makes it here.
            cluster.kubectl("create", "serviceaccount", "default", f"--namespace={standard}")
        yield cluster


def pods(provider: GatewayProvider, settings: PodSettings) -> list[Object]:
    """Every kind of pod that is composed: engines, a gang, sidecar, picker and own proxy."""
    deployment = ModelDeployment(
        App(),
        "qwen",
        name="qwen",
        namespace="any",
        serving_mode="PrefillDecode",
        model_cache="weights",
        engines=[
            Engine.standalone(
                "prefill",
                phase="Prefill",
                image="vllm/vllm-openai:v0.23.0",
                args=["--port=8000", NIXL],
                devices=[GPU],
                pods=BOOTSTRAP,
            ),
            Engine(
                name="decode",
                phase="Decode",
                members=[
                    Member.of(
                        role,
                        image="vllm/vllm-openai:v0.23.0",
                        args=["--port=8001", NIXL],
                        devices=[GPU],
                    )
                    for role in ("Leader", "Worker")
                ],
            ),
        ],
        platform=Platform(gateway=Gateway(provider=provider), pods=settings),
    )
    found: list[Object] = []
    for each in deployment.to_json():
        spec = each.get("spec", {})
        gang = spec.get("leaderWorkerTemplate", {})
        for part in ("template", "leaderTemplate", "workerTemplate"):
            if template := (spec if part == "template" else gang).get(part):
                name = f"{each['metadata']['name']}-{part.lower()}"
                # Neither is what this is about, and both would have to be there.
                pod = {**template["spec"], "serviceAccountName": "default"}
                found.append(
                    {
                        "apiVersion": "v1",
                        "kind": "Pod",
                        "metadata": {"name": name, "labels": template["metadata"]["labels"]},
                        "spec": pod,
                    }
                )
    return found


@pytest.mark.parametrize("provider", [ENVOY_AI_GATEWAY, STANDALONE], ids=str)
@pytest.mark.parametrize(
    ("settings", "refused"),
    [
        (PodSettings(), {"baseline": False, "restricted": True}),
        (PodSettings.hardened(), {"baseline": False, "restricted": False}),
        (PodSettings(rdma={"rdma/ib": 1}), {"baseline": True, "restricted": True}),
    ],
    ids=["default", "hardened", "rdma"],
)
def test_admission(
    guarded: Cluster, provider: GatewayProvider, settings: PodSettings, refused: dict[str, bool]
) -> None:
    made = pods(provider, settings)
    assert len(made) == 4
    for standard in STANDARDS:
        for pod in made:
            answer = guarded.try_(
                "create",
                "--dry-run=server",
                "--validate=strict",
                f"--namespace={standard}",
                "--filename=-",
                given=json.dumps(pod),
            )
            engine = pod["spec"]["containers"][0]["name"] == "engine"
            # Pickers and their proxies need no settings.
            expected = refused[standard] and engine
            assert (answer.code != 0) is expected, (standard, pod["metadata"], answer.error)
            if expected:
                assert "violates PodSecurity" in answer.error
            COUNTS["pods admitted or refused"] += 1
