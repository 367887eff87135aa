"""Strategic merge, as Kubernetes defines it."""

from __future__ import annotations

from typing import Any

import pytest

from cdk8s_inference.pods.overlay import MERGE_KEYS, overlaid
from tests.kit.shared import KUBERNETES_RELEASES, SHARED, definitions

Json = dict[str, Any]

POD: Json = {
    "containers": [
        {"name": "engine", "env": [{"name": "A", "value": "1"}, {"name": "B", "value": "2"}]}
    ],
    "volumes": [{"name": "shm", "emptyDir": {"medium": "Memory"}}],
    "tolerations": [{"key": "a"}],
}


@pytest.mark.parametrize(
    ("overlay", "expected"),
    [
        ({}, {}),
        ({"hostIPC": True}, {"hostIPC": True}),
        ({"tolerations": [{"key": "b"}]}, {"tolerations": [{"key": "b"}]}),
        ({"tolerations": None}, {"tolerations": ...}),
        ({"nodeSelector": {"a": None, "b": "1"}}, {"nodeSelector": {"b": "1"}}),
        (
            {"volumes": [{"name": "shm", "emptyDir": {"sizeLimit": "1Gi"}}, {"name": "new"}]},
            {
                "volumes": [
                    {"name": "shm", "emptyDir": {"medium": "Memory", "sizeLimit": "1Gi"}},
                    {"name": "new"},
                ]
            },
        ),
        # A volume has one source, and another one takes its place.
        (
            {"volumes": [{"name": "shm", "hostPath": {"path": "/dev/shm"}}]},
            {"volumes": [{"name": "shm", "hostPath": {"path": "/dev/shm"}}]},
        ),
        ({"volumes": [{"name": "shm", "$patch": "delete"}]}, {"volumes": []}),
        (
            {"volumes": [{"$patch": "replace"}, {"name": "new"}]},
            {"volumes": [{"name": "new"}]},
        ),
        (
            {
                "containers": [
                    {"name": "engine", "tty": True, "env": [{"name": "A", "valueFrom": {"x": 1}}]}
                ]
            },
            {
                "containers": [
                    {
                        "name": "engine",
                        "env": [
                            {"name": "A", "valueFrom": {"x": 1}},
                            {"name": "B", "value": "2"},
                        ],
                        "tty": True,
                    }
                ]
            },
        ),
    ],
)
def test_what_is_laid_over_a_pod(overlay: Json, expected: Json) -> None:
    before = repr(POD)
    wanted = {**POD, **expected}
    assert overlaid(POD, overlay) == {
        key: value for key, value in wanted.items() if value is not ...
    }
    assert repr(POD) == before


def test_the_result_shares_nothing_with_what_it_is_made_of() -> None:
    overlay: Json = {"affinity": {"nodeAffinity": {"x": []}}}
    found = overlaid(POD, overlay)
    found["affinity"]["nodeAffinity"]["x"].append(1)
    found["containers"][0]["env"].clear()
    assert overlay == {"affinity": {"nodeAffinity": {"x": []}}}
    assert len(POD["containers"][0]["env"]) == 2


def test_the_merge_keys_are_those_of_kubernetes() -> None:
    if SHARED is None:
        pytest.skip("the shared schemas are absent")
    known = definitions(KUBERNETES_RELEASES[-1])
    core = "io.k8s.api.core.v1."
    found = {
        field: schema["x-kubernetes-patch-merge-key"]
        for kind in ("PodSpec", "Container")
        for field, schema in known[f"{core}{kind}"]["properties"].items()
        if "x-kubernetes-patch-merge-key" in schema
    }
    assert found == MERGE_KEYS
