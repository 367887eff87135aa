"""NetworkPolicies: whether those who must reach a pod may."""

from __future__ import annotations

from collections.abc import Iterator

from cdk8s_inference.checks.rule import rule
from cdk8s_inference.findings import Violation
from cdk8s_inference.findings.example import manifests
from cdk8s_inference.source import Cursor
from cdk8s_inference.topology import KubeObject, Pods, Pool, Topology
from cdk8s_inference.topology.gateway import NAMESPACE_NAME
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
            if not own or own[0] in reported:
                continue
            out = [name for name, client in clients if not _admits(own, client)]
            closed = sorted(
                port
                for _, client in clients
                for port in _asked(pool, pods)
                if not out and not _admits(own, client, (pods, port))
            )
            if out or closed:
                reported.add(own[0])
                at = f" at port {closed[0]}" if closed else ""
                from_ = out or [name for name, client in clients]
                yield Violation(
                    own[0].here,
                    f"{pods.object} accepts no connection{at} from "
                    f"{' and '.join(dict.fromkeys(from_))}",
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
    return policy.namespace == pods.object.namespace and pods.selected_by(selector)


def _asked(pool: Pool, pods: Pods) -> set[int]:
    """The ports of prefill pods that decode connects to."""
    engine = pods.engine
    if engine is None or pods not in pool.prefill or pods.may_gain("flags"):
        return set()
    sockets = [each.port for each in engine.sockets if each.purpose in _HANDED_OVER_AT]
    ports = {port.value for port in pool.ports}
    return ports | {port for port in sockets if port is not None}


_HANDED_OVER_AT = ("NIXL side channel", "bootstrap", "P2P tier", "MoRIIO handshake")
"""Sockets by which decode asks prefill for its KV cache."""


def _admits(
    policies: list[KubeObject], client: Pods, target: tuple[Pods, int] | None = None
) -> bool:
    """Whether a client may connect; to a port of some pods, where one is given."""
    for policy in policies:
        for ingress in policy.at("spec", "ingress").items():
            peers, ports = ingress["from"], ingress["ports"]
            named = list(ports.items()) if target is not None else []
            if target is not None and named and not any(_is_port(at, *target) for at in named):
                continue
            if not peers.present or any(_is_peer(policy, at, client) for at in peers.items()):
                return True
    return False


def _is_port(at: Cursor, to: Pods, port: int) -> bool:
    """Whether a port of a policy is that of pods, which it may name."""
    if at["protocol"].text not in (None, "TCP"):
        return False
    first, last = at["port"].value, at["endPort"].value
    if isinstance(first, str):
        named = (container.port_named(first) for container in to.staying)
        return any(each is not None and each.value == port for each in named)
    if not isinstance(first, int):
        return True
    return first <= port <= (last if isinstance(last, int) else first)


def _is_peer(policy: KubeObject, at: Cursor, client: Pods) -> bool:
    """Whether a peer may be the client; an address block may be anybody's."""
    if at["ipBlock"].present:
        return True
    if at["namespaceSelector"].present:
        namespaces = label_selector(policy, at["namespaceSelector"]).value
        labels = {NAMESPACE_NAME: client.object.namespace}
        # Labels of the namespace itself were not read.
        others = {*namespaces.labels} - {*labels}
        if not others and not namespaces.requirements and not namespaces.matches(labels):
            return False
    elif policy.namespace != client.object.namespace:
        return False
    pods = at["podSelector"]
    return not pods.present or client.selected_by(label_selector(policy, pods).value)
