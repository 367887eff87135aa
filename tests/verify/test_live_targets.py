from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from cdk8s_inference.cluster import ADMITTED, connect, read_live_objects
from cdk8s_inference.topology import read_topology
from cdk8s_inference.verify import Target
from cdk8s_inference.verify.live_targets import LiveCluster, Via
from tests.kit import examples
from tests.kit.live import Served, live


def pod(workload: Any, name: str) -> Any:
    """A pod that runs, of the ReplicaSet of a Deployment."""
    template = workload["spec"]["template"]
    owner = {"kind": "ReplicaSet", "name": f"{name}-1", "uid": f"{name}-1", "controller": True}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            **template["metadata"],
            "name": f"{name}-1-abc",
            "namespace": workload["metadata"]["namespace"],
            "ownerReferences": [owner],
        },
        "spec": template["spec"],
        "status": {"phase": "Running", "podIP": "fd00::7"},
    }


def targets(folder: Path, via: Via = "direct", **more: Any) -> list[Target]:
    base = [dict(each) for each in examples.base("disaggregated")]
    workloads = [each for each in base if each["kind"] == "Deployment"]
    base += [pod(each, each["metadata"]["name"]) for each in workloads]
    with live(Served(base, **more), folder) as config:
        connection = connect(kubeconfig=str(config))
        objects = read_live_objects(connection, "llm")
        models = read_topology(objects.documents, api=ADMITTED).served_models
        return [*LiveCluster(connection, objects, via).targets(models, "http://a", None)]


def test_a_pod_counts_once_where_its_controller_is_not_read(tmp_path: Path) -> None:
    (target,) = targets(tmp_path)
    names = [each.name for each in target.counted]
    assert len(names) == 3
    assert len(names) == len(set(names)), names


@pytest.mark.parametrize("via", ["api-server", "port-forward", "direct"])
def test_an_engine_is_reached_at_its_own_port_or_its_sidecars(via: Via, tmp_path: Path) -> None:
    (target,) = targets(tmp_path, via)
    (decode,) = (each for each in target.counted if each.part == "decode")
    assert len(decode.sends) == 2
    if via == "direct":
        assert [each.base for each in decode.sends] == [  # type: ignore[attr-defined]
            "http://[fd00::7]:8001",
            "http://[fd00::7]:8000",
        ]
