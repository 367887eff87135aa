"""ModelDeployments that people wrote, composed and validated."""

from __future__ import annotations

from pathlib import Path

import pytest

from cdk8s_inference import App, ModelDeployment, Platform
from tests.kit.cluster import matches, pods, selectors
from tests.kit.shared import SHARED
from tests.kit.synth import of_kind, synthesized, workloads

FILES = sorted((SHARED / "modeldeployments").glob("*.json")) if SHARED else []


def test_there_are_documents() -> None:
    if SHARED is None:
        pytest.skip("no document was composed: the shared documents are absent")
    assert len(FILES) == 28


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_composed(file: Path) -> None:
    app = App()
    deployment = ModelDeployment.from_file(
        app, "it", file, platform=Platform(unified_mode="picker")
    )
    assert not [finding for finding in deployment.findings if finding.severity == "error"]
    objects = synthesized(app)
    replicas = len(deployment.replicas)
    engines = sum(len(replica.engines) for replica in deployment.replicas)
    pools = replicas if replicas == 1 else replicas + 1  # one over all of them
    assert len(of_kind(objects, "HTTPRoute")) == len(of_kind(objects, "InferencePool")) == pools
    assert len(workloads(objects)) == engines
    for replica in deployment.replicas:
        pool = selectors(objects)["InferencePool", replica.name]
        serving = [pod for pod in pods(objects) if matches(pool, pod.labels)]
        # One pod for each copy; a follower would be one too many.
        copies = sum(group.engine.copies for group in replica.engines.values())
        gangs = sum(group.engine.is_gang for group in replica.engines.values())
        assert {pod.part for pod in serving} <= {"pod", "leader"}
        assert len(serving) == copies if gangs == len(replica.engines) else len(serving) >= 1


def test_all_of_them_fit_in_one_app() -> None:
    """In a namespace each, since some describe one deployment twice."""
    if not FILES:
        pytest.skip("no document was composed: the shared documents are absent")
    app = App()
    for index, file in enumerate(FILES):
        ModelDeployment.from_file(app, file.stem, file, namespace=f"team-{index}")
    assert len(app.charts) == len(FILES)
    assert len(synthesized(app)) >= 4 * len(FILES)
