"""Istio's sidecars in pods, which refuse those who are not in the mesh."""

from __future__ import annotations

from collections.abc import Iterator

from cdk8s_inference.checks.rule import rule
from cdk8s_inference.findings import Violation
from cdk8s_inference.findings.example import Edit, manifests
from cdk8s_inference.topology import KubeObject, Pods, Pool, Topology
from cdk8s_inference.topology.selector import label_selector

_INJECT = "sidecar.istio.io/inject"
_ROOT = "istio-system"


@rule(
    "T667",
    "warning",
    "A mesh refuses those who must reach the engines",
    why="Istio's proxy in the engine's pod takes nothing but its mesh's own TLS: the picker reads "
    "no metrics, or decode cannot ask prefill for its KV cache.",
    evidence="Istio: PeerAuthentication of mode STRICT refuses plain connections to pods with a "
    "proxy; a pod without one makes plain connections.",
    fix="set mode: PERMISSIVE for the engines, or inject the proxy into none of a pool's pods, or "
    "into all of them and the picker",
    example=manifests(
        "disaggregated",
        *(
            Edit(f"Deployment/{name}", f"spec.template.metadata.labels[{_INJECT}]", "true")
            for name in ("prefill", "decode")
        ),
        added="apiVersion: security.istio.io/v1\nkind: PeerAuthentication\n"
        "metadata: {name: strict, namespace: llm}\nspec: {mtls: {mode: STRICT}}\n",
    ),
)
def refused_by_the_mesh(topology: Topology) -> Iterator[Violation]:
    strict = [
        each
        for each in topology.of_kind("PeerAuthentication")
        if each.at("spec", "mtls", "mode").text == "STRICT"
        and not each.at("spec", "portLevelMtls").present
    ]
    for pool in topology.pools if strict else ():
        outside = [(what, pods) for what, pods in _clients(pool) if not _injected(topology, pods)]
        for pods in pool.running if outside else ():
            policy = next((each for each in strict if _selects(each, pods)), None)
            if policy is not None and _injected(topology, pods):
                what, client = outside[0]
                yield Violation(
                    policy.here,
                    f"mode is STRICT for {pods.object}, which has Istio's proxy, and {what}, "
                    f"{client.object}, has none",
                    pods.here,
                    cause=policy.here,
                )


def _clients(pool: Pool) -> Iterator[tuple[str, Pods]]:
    if pool.picker is not None:
        yield "the picker", pool.picker.pods
    if pool.disaggregates is not None:
        for pods in pool.decode:
            yield "decode", pods


def _selects(policy: KubeObject, pods: Pods) -> bool:
    at = policy.at("spec", "selector")
    if policy.namespace == _ROOT:
        return not at.present
    chosen = not at.present or pods.selected_by(label_selector(policy, at).value)
    return chosen and policy.namespace == pods.object.namespace


def _injected(topology: Topology, pods: Pods) -> bool:
    """Whether Istio adds its proxy to pods, as far as that was read."""
    told = pods.labels.get(_INJECT, pods.annotations.get(_INJECT))
    if told is not None:
        return told == "true"
    found = next(
        (each for each in topology.of_kind("Namespace") if each.name == pods.object.namespace), None
    )
    labels = {} if found is None else found.labels
    return labels.get("istio-injection") == "enabled" or "istio.io/rev" in labels
