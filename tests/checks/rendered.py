"""Deployments of our own making, as the objects that are applied."""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy
from functools import cache
from typing import Any

from cdk8s_inference import App, Gateway, ModelDeployment, Platform, RouterRelease, router_release
from cdk8s_inference.checks import check
from cdk8s_inference.findings import Finding
from cdk8s_inference.gateways import GATEWAY_PROVIDERS
from cdk8s_inference.source import Document
from tests.test_shape_snapshots import SHAPES, Shape, production, vllm

Json = dict[str, Any]

PREFILL, DECODE, PICKER = "gpt-oss-0-prefill", "gpt-oss-0-decode", "gpt-oss-0-epp"
POOL = "gpt-oss-0"

COMPOSED: dict[str, Shape] = {
    **SHAPES,
    # The others are for Envoy AI Gateway; NGINX's passes on no header that names a prefill pod.
    **{
        name: (vllm()[0], {"gateway": Gateway(provider=GATEWAY_PROVIDERS[name])})
        for name in ("agentgateway", "gke", "standalone")
    },
    "istio-production": (
        vllm()[0],
        {**production()[1], "gateway": Gateway(provider=GATEWAY_PROVIDERS["istio"])},
    ),
}
"""Every shape that deployments are composed in, with each provider of gateways."""


@cache
def _rendered(shape: str, version: str) -> list[Json]:
    engines, options = COMPOSED[shape]
    chart = ModelDeployment(
        App(),
        "gpt-oss",
        name="gpt-oss",
        namespace="ml-team",
        engines=engines,
        model_cache="weights",
        serving_mode="PrefillDecode",
        platform=Platform(router=router_release(version), **options),
    )
    objects: list[Json] = chart.to_json()
    return objects


def rendered(shape: str, release: RouterRelease) -> list[Json]:
    """The objects of a shape, to be changed at will."""
    return deepcopy(_rendered(shape, release.version))


def found(objects: Sequence[Any]) -> list[Finding]:
    """What a check finds in objects."""
    return check([Document(each) for each in objects])


def codes(objects: Sequence[Any]) -> set[str]:
    """The codes of what a check finds."""
    return {each.code for each in found(objects)}


def the(objects: Sequence[Json], kind: str, name: str) -> Json:
    """The object of a kind and name."""
    return next(
        each for each in objects if (each["kind"], each["metadata"]["name"]) == (kind, name)
    )


def container(workload: Json, name: str) -> Any:
    """A container of a workload's pods, native sidecars too."""
    spec = workload["spec"]["template"]["spec"]
    every = [*spec["containers"], *spec.get("initContainers", ())]
    return next(each for each in every if each["name"] == name)


def with_flag(target: Json, name: str, value: str | None) -> None:
    """Gives a container a flag another value, or takes it away."""
    kept = [arg for arg in target["args"] if not arg.startswith(f"--{name}=")]
    target["args"] = kept if value is None else [*kept, f"--{name}={value}"]
