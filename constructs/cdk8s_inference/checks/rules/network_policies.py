"""NetworkPolicies: whether those who must reach a pod may."""

from __future__ import annotations

from collections.abc import Iterator

from cdk8s_inference.checks.rule import rule
from cdk8s_inference.findings import Violation
from cdk8s_inference.findings.example import manifests
from cdk8s_inference.source import Cursor
from cdk8s_inference.topology import KubeObject, Pods, Pool, Topology
from cdk8s_inference.topology.selector import label_selector


@rule(
    "T906",
    "warning",
    "A NetworkPolicy keeps those out who must reach the engines",
    why="Where the network enforces it, connections time out: requests fail, decode computes each "
    "prompt itself, or the picker sees no load.",
    evidence="Kubernetes: pods that an ingress policy selects accept what a rule of some policy "
    "allows, and nothing else.",
    fix="allow the gateway's namespace, the picker, and the pods of the pool themselves",
    example=manifests(
        "disaggregated",
        added="""\
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: engines, namespace: llm}
spec:
  podSelector: {matchLabels: {model: qwen}}
  ingress:
    - from: [{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: monitoring}}}]
""",
    ),
)
def kept_out(topology: Topology) -> Iterator[Violation]:
    policies = [each for each in topology.of_kind("NetworkPolicy") if _restricts_ingress(each)]
    if not policies:
        return
    for pool in topology.pools:
        clients = list(_clients(pool))
        reported: set[KubeObject] = set()
        for pods in pool.running:
            own = [policy for policy in policies if _selects(policy, pods)]
            out = [name for name, client in clients if own and not _admits(own, client)]
            if out and own[0] not in reported:
                reported.add(own[0])
                yield Violation(
                    own[0].here,
                    f"{pods.object} accepts no connection from {' and '.join(dict.fromkeys(out))}",
                    pods.here,
                )


def _clients(pool: Pool) -> Iterator[tuple[str, Pods]]:
    """Who connects to the pods of a pool."""
    if pool.picker is not None:
        yield "the picker, which reads its metrics", pool.picker.pods
    if pool.disaggregates is not None:
        for pods in pool.decode:
            if pods.sidecar is not None:
                yield "the pd-sidecar of decode pods", pods


def _restricts_ingress(policy: KubeObject) -> bool:
    types = policy.at("spec", "policyTypes")
    return policy.group == "networking.k8s.io" and (not types.present or "Ingress" in types.strings)


def _selects(policy: KubeObject, pods: Pods) -> bool:
    selector = label_selector(policy, policy.at("spec", "podSelector")).value
    return policy.namespace == pods.object.namespace and selector.matches(pods.labels)


def _admits(policies: list[KubeObject], client: Pods) -> bool:
    for policy in policies:
        for ingress in policy.at("spec", "ingress").items():
            peers = ingress["from"]
            if not peers.present or any(_is_peer(policy, at, client) for at in peers.items()):
                return True
    return False


def _is_peer(policy: KubeObject, at: Cursor, client: Pods) -> bool:
    """Whether a peer may be the client; an address block may be anybody's."""
    if at["ipBlock"].present:
        return True
    if at["namespaceSelector"].present:
        namespaces = label_selector(policy, at["namespaceSelector"]).value
        labels = {"kubernetes.io/metadata.name": client.object.namespace}
        # Labels of the namespace itself were not read.
        others = {*namespaces.labels} - {*labels}
        if not others and not namespaces.requirements and not namespaces.matches(labels):
            return False
    elif policy.namespace != client.object.namespace:
        return False
    pods = at["podSelector"]
    return not pods.present or label_selector(policy, pods).value.matches(client.labels)
