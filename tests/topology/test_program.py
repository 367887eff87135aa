"""A picker's flags, read by its own release, and what it refuses."""

from __future__ import annotations

import pytest

from cdk8s_inference.topology import Picker
from tests.topology.test_topology import topology

GAIE_EPP = "registry.k8s.io/gateway-api-inference-extension/epp"
ROUTER_EPP = "ghcr.io/llm-d/llm-d-router-endpoint-picker"


def picker(image: str, *args: str, **container: object) -> Picker:
    spec = {"containers": [{"name": "epp", "image": image, "args": [*args], **container}]}
    (found,) = topology(
        [
            {
                "apiVersion": "apps/v1",
                "kind": "Deployment",
                "metadata": {"name": "epp", "namespace": "llm"},
                "spec": {"template": {"spec": spec}},
            }
        ]
    ).pickers
    return found


@pytest.mark.parametrize(
    ("image", "args"),
    [
        (f"{GAIE_EPP}:v0.5.1", ("-poolName", "p", "-grpcPort", "9012", "-secureServing=false")),
        (f"{GAIE_EPP}:v1.0.1", ("--pool-name", "p", "-grpc-port=9012", "--secure-serving=f")),
        (f"{ROUTER_EPP}:v0.10.0", ("--pool-name=p", "--grpc-port=9012", "--secure-serving=0")),
        ("registry.example.com/picker:1", ("-poolName=p", "-grpcPort=9012", "-secureServing=0")),
    ],
)
def test_a_flag_is_asked_by_one_name(image: str, args: tuple[str, ...]) -> None:
    found = picker(image, *args)
    assert found.pool_name.value == "p"
    assert found.port is not None
    assert found.port.value == 9012
    assert not found.switch("secure-serving").value
    assert not found.refused


@pytest.mark.parametrize(
    ("image", "auth", "tracing"),
    [
        (f"{GAIE_EPP}:v0.5.1", True, False),
        (f"{GAIE_EPP}:v1.0.1", True, False),
        (f"{GAIE_EPP}:v1.1.0", True, True),
        ("us-central1-docker.pkg.dev/k8s-staging-images/x/lwepp:v1.6.0", False, False),
    ],
)
def test_what_a_release_does_without_a_flag_for_it(image: str, auth: bool, tracing: bool) -> None:
    found = picker(image, "--pool-name=p")
    assert found.switch("metrics-endpoint-auth").value == auth
    assert found.switch("tracing").value == tracing


@pytest.mark.parametrize(
    ("tag", "env", "namespace"),
    [
        ("v1.0.1", [{"name": "NAMESPACE", "value": "other"}], "default"),
        ("v1.1.0", [{"name": "NAMESPACE", "value": "other"}], "other"),
        ("v0.5.1", [{"name": "POOL_NAMESPACE", "value": "other"}], "other"),
        ("v1.1.0", [], "default"),
    ],
)
def test_the_pools_namespace(tag: str, env: list[dict[str, str]], namespace: str) -> None:
    found = picker(f"{GAIE_EPP}:{tag}", "--pool-name=p", env=env).pool_namespace
    assert found is not None
    assert found.value == namespace


def test_the_last_of_two_uses_counts() -> None:
    found = picker(
        f"{ROUTER_EPP}:v0.10.0",
        "--pool-name=p",
        "--ha-enable-leader-election",
        "--ha-enable-leader-election=false",
    )
    assert not found.switch("ha-enable-leader-election").value


def test_flags_that_a_template_names_are_not_refused() -> None:
    assert not picker(f"{ROUTER_EPP}:v0.10.0", "--pool-name=p", "--{{ .flag }}=1").refused


@pytest.mark.parametrize(
    ("image", "runs"),
    [
        (f"{GAIE_EPP}:v1.5.0", True),
        ("example.com/my-epp:dev", True),
        ("example.com/epp-server:dev", True),
        ("example.com/deeppavlov:1", False),
        ("example.com/steppe:1", False),
        ("registry.k8s.io/gateway-api-inference-extension/lora-syncer:v1.0.1", False),
        ("registry.k8s.io/gateway-api-inference-extension/bbr:v1.0.1", False),
    ],
)
def test_images_of_a_picker(image: str, runs: bool) -> None:
    spec = {"containers": [{"name": "it", "image": image}]}
    found = topology(
        [
            {
                "apiVersion": "apps/v1",
                "kind": "Deployment",
                "metadata": {"name": "it"},
                "spec": {"template": {"spec": spec}},
            }
        ]
    )
    assert bool(found.pickers) == runs
