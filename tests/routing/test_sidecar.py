from __future__ import annotations

import dataclasses

from cdk8s_inference.document.kv_transfer import KvTransfer
from cdk8s_inference.releases import ROUTER_NEWEST
from cdk8s_inference.routing.sidecar import sidecar

NIXL = KvTransfer(ROUTER_NEWEST.sidecar_connector("nixlv2"))


def test_every_flag_whose_default_moved_is_given() -> None:
    found = sidecar(kv_transfer=NIXL, engine_port=9001, release=ROUTER_NEWEST)
    assert found["args"] == [
        "--port=8000",
        "--model-server-port=9001",
        "--kv-connector=nixlv2",
        "--secure-proxy=false",
    ]


def test_image_and_flag_are_the_releases() -> None:
    program = dataclasses.replace(
        ROUTER_NEWEST.sidecar,
        image="example.com/sidecar:1",
        engine_port_flag="max-idle-conns-per-host",
    )
    release = dataclasses.replace(ROUTER_NEWEST, sidecar=program)
    found = sidecar(kv_transfer=NIXL, engine_port=1, release=release)
    assert found["image"] == "example.com/sidecar:1"
    assert "--max-idle-conns-per-host=1" in found["args"]


def test_it_is_not_killed_for_memory_and_may_do_nothing_else() -> None:
    found = sidecar(kv_transfer=NIXL, engine_port=8001, release=ROUTER_NEWEST)
    assert found["resources"].keys() == {"requests"}
    assert found["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
        "readOnlyRootFilesystem": True,
        "runAsNonRoot": True,
        "seccompProfile": {"type": "RuntimeDefault"},
    }


def test_it_is_restarted_where_it_hangs_not_where_the_engine_does() -> None:
    """It answers /health by itself, 200 with the engine dead: a restart would heal nothing."""
    found = sidecar(kv_transfer=NIXL, engine_port=8001, release=ROUTER_NEWEST)
    assert found["livenessProbe"]["httpGet"] == {"path": "/health", "port": 8000}
    assert found["readinessProbe"]["httpGet"]["path"] != "/health"
    assert "startupProbe" not in found
