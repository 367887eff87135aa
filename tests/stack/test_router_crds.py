"""The CRDs of llm-d's router, as a component."""

from __future__ import annotations

import pytest

from cdk8s_inference import router_crds, router_release
from cdk8s_inference.stack.plan import plan
from cdk8s_inference.stack.props import StackProps


def test_they_come_with_the_foundation() -> None:
    names = [
        each["metadata"]["name"] for each in plan(StackProps(extra=[router_crds()])).foundation
    ]
    assert {"inferenceobjectives.llm-d.ai", "inferencemodelrewrites.llm-d.ai"} <= set(names)
    assert "inferencemodelrewrites.llm-d.ai" not in str(plan(StackProps()).foundation)


def test_a_release_without_known_crds_is_refused() -> None:
    with pytest.raises(
        ValueError, match=r"router v0\.8\.0 are not known; known are those of v0\.10\.0"
    ):
        router_crds(router_release("v0.8.0"))
