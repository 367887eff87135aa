from __future__ import annotations

import pytest

from cdk8s_inference.topology.route import seconds
from tests.kit import examples
from tests.topology.test_topology import topology


def test_a_route() -> None:
    (route,) = topology(examples.base("gang")).routes
    (rule,) = route.rules
    (backend,) = rule.backends
    assert str(backend) == "Service llm/kimi-http"
    assert backend.port is not None
    assert backend.port.value == 80
    assert rule.timeout.value == "0s"
    (parent,) = route.parents
    assert (parent.kind, parent.group) == ("Gateway", "gateway.networking.k8s.io")


@pytest.mark.parametrize(
    ("duration", "expected"),
    [
        ("0s", 0),
        ("15s", 15),
        ("1m30s", 90),
        ("2h", 7200),
        ("10s500ms", 10.5),
        ("15", None),
        ("-1s", None),
        ("1.5s", None),
        ("forever", None),
        ("", None),
    ],
)
def test_a_duration(duration: str, expected: float | None) -> None:
    assert seconds(duration) == expected
