"""Connectors: who pairs with whom, and what a role does."""

from __future__ import annotations

import pytest

from cdk8s_inference.servers import VLLM, KvConnector, KvTransfer
from cdk8s_inference.servers.kv_connector import KV_ROLES


def named(name: str) -> KvConnector:
    found = VLLM.connector(name)
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ("NixlConnector", "NixlConnector", True),
        ("NixlConnector", "NixlPullConnector", True),
        ("NixlPullConnector", "NixlPushConnector", False),
        ("NixlConnector", "MooncakeConnector", False),
        ("LMCacheMPConnector", "LMCacheConnectorV1", True),
    ],
)
def test_pairs(one: str, other: str, expected: bool) -> None:
    assert named(one).pairs(named(other)) is expected
    assert named(other).pairs(named(one)) is expected


@pytest.mark.parametrize(
    ("name", "produces", "consumes"),
    [
        ("NixlConnector", [True, True, True], [True, True, True]),
        ("MooncakeConnector", [True, False, True], [False, True, True]),
        ("TPUConnector", [True, False, True], [False, True, False]),
    ],
)
def test_what_a_role_does(name: str, produces: list[bool], consumes: list[bool]) -> None:
    found = named(name)
    assert [found.produces(role) for role in KV_ROLES] == produces
    assert [found.consumes(role) for role in KV_ROLES] == consumes


@pytest.mark.parametrize(
    ("name", "release", "expected"),
    [
        ("SharedStorageConnector", "0.12.0", True),
        ("SharedStorageConnector", "0.13.0", False),
        ("ExampleConnector", "0.12.0", False),
        ("ExampleConnector", "0.13.0", True),
        ("NixlPullConnector", "0.23.0", False),
        ("NixlPullConnector", None, True),
    ],
)
def test_releases(name: str, release: str | None, expected: bool) -> None:
    assert named(name).in_release(release) is expected


def test_a_connector_of_connectors() -> None:
    inner = [{"kv_connector": "NixlConnector", "kv_role": "kv_both"}, 5]
    transfer = KvTransfer.of(
        {
            "kv_connector": "MultiConnector",
            "kv_role": "kv_both",
            "kv_connector_extra_config": {"connectors": inner},
        }
    )
    assert transfer.names == ("MultiConnector", "NixlConnector")
    assert KvTransfer.of({"kv_role": None}).names == ()
