"""GKE's policies of pools: how its load balancer asks pods, and how long it waits for them."""

from __future__ import annotations

from collections.abc import Iterator

from cdk8s_inference.checks.proxies import providers_of
from cdk8s_inference.checks.rule import rule
from cdk8s_inference.findings import Edit, Violation, shown
from cdk8s_inference.findings.example import manifests
from cdk8s_inference.topology import KubeObject, Pool, Topology

_KINDS = ("GCPBackendPolicy", "HealthCheckPolicy")
_SOURCE = (
    "llm-d's chart llm-d-router-gateway adds a HealthCheckPolicy and a GCPBackendPolicy for each "
    "pool on GKE; GKE's documentation of its Inference Gateway."
)
_GKE = Edit("Gateway/inference", "spec.gatewayClassName", "gke-l7-regional-external-managed")
_NO_LIMIT = Edit("HTTPRoute/qwen", "spec.rules[0].timeouts", {})
_POLICY = """\
apiVersion: networking.gke.io/v1
kind: HealthCheckPolicy
metadata: {{name: qwen, namespace: llm}}
spec:
  targetRef: {{group: inference.networking.k8s.io, kind: InferencePool, name: {name}}}
  default:
    config:
      type: HTTP
      httpHealthCheck: {{requestPath: {path}, portSpecification: USE_SERVING_PORT}}
"""
_TIME = """\
apiVersion: networking.gke.io/v1
kind: GCPBackendPolicy
metadata: {{name: qwen, namespace: llm}}
spec:
  targetRef: {{group: inference.networking.k8s.io, kind: InferencePool, name: qwen}}
  default: {{timeoutSec: {seconds}}}
"""


def _policies(topology: Topology, *kinds: str) -> list[KubeObject]:
    found = topology.of_kind(*kinds)
    return [each for each in found if each.group == "networking.gke.io"]


def _is_of(policy: KubeObject, pool: Pool) -> bool:
    target = policy.at("spec", "targetRef")
    return policy.namespace == pool.object.namespace and (
        target["group"].text,
        target["kind"].text,
        target["name"].text,
    ) == (pool.object.group, pool.object.kind, pool.object.name)


@rule(
    "T553",
    "warning",
    "A policy of GKE is of no pool or Service that was read",
    why="It has no effect: the load balancer keeps its own health check and time limit.",
    evidence=_SOURCE,
    fix="name the InferencePool of the policy's namespace in targetRef, with its group and kind",
    example=manifests(
        "disaggregated",
        added=_POLICY.format(name="qwen3", path="/health"),
    ),
)
def of_nothing(topology: Topology) -> Iterator[Violation]:
    for policy in _policies(topology, *_KINDS):
        target = policy.at("spec", "targetRef")
        kind, name = target["kind"].text or "", target["name"].text or ""
        found = topology.find(kind, policy.namespace, name)
        if found is not None and found.group == (target["group"].text or ""):
            continue
        beside = [
            each for each in topology.inference_pools if each.object.namespace == policy.namespace
        ]
        others = beside or list(topology.inference_pools)
        if name and others and kind != "Service":
            yield Violation(
                policy.value_at(target["name"], name),
                f"{target['group'].text or 'no group'}, {kind} {policy.namespace}/{name} was not "
                f"read; {others[0].object} of {others[0].object.group} was",
                others[0].here,
                missing=True,
            )


@rule(
    "T554",
    "warning",
    "No HealthCheckPolicy of GKE is of the pool",
    why="GKE's load balancer asks for / then, which model servers answer 404: it takes all pods "
    "for unhealthy, and answers requests 503.",
    evidence=_SOURCE,
    fix="add a HealthCheckPolicy with requestPath /health and the pool as targetRef",
    example=manifests(
        "disaggregated",
        _GKE,
        _NO_LIMIT,
        added=_TIME.format(seconds=3600),
    ),
    after=("T553",),
)
def unasked(topology: Topology) -> Iterator[Violation]:
    policies = _policies(topology, "HealthCheckPolicy")
    for pool in topology.inference_pools:
        if any(_is_of(policy, pool) for policy in policies):
            continue
        for told, provider in providers_of(topology, pool):
            if "HealthCheckPolicy" in provider.policies:
                yield Violation(
                    pool.here,
                    f"no HealthCheckPolicy that was read is of {pool}",
                    told,
                    missing=True,
                )


@rule(
    "T555",
    "error",
    "GKE's health check asks for a path that the pods do not serve",
    why="The load balancer takes all pods for unhealthy, and answers requests 503.",
    evidence=f"{_SOURCE} Without a requestPath it asks for /.",
    fix="set type: HTTP, and requestPath: /health, with portSpecification: USE_SERVING_PORT",
    example=manifests("disaggregated", added=_POLICY.format(name="qwen", path="/healthz")),
)
def asks_elsewhere(topology: Topology) -> Iterator[Violation]:
    for policy in _policies(topology, "HealthCheckPolicy"):
        config = policy.at("spec", "default", "config")
        check = config["httpHealthCheck"]
        at = check["requestPath"]
        for pool in topology.inference_pools:
            servers = [pods.engine.server for pods in pool.running if pods.engine]
            known = [each.http_paths for each in servers if each is not None]
            if not _is_of(policy, pool) or not known or config["type"].text not in (None, "HTTP"):
                continue
            path = at.text or "/"
            if config["type"].text == "HTTP" and any(path not in paths for paths in known):
                yield Violation(
                    policy.value_at(at, path),
                    f"requestPath is {shown(path)}; the engines serve {', '.join(known[0][:3])}",
                    pool.here,
                )
            elif config["type"].text is None:
                yield Violation(
                    policy.value_at(config["type"], None),
                    "no type of health check is set",
                    pool.here,
                )


_SHORT = 300
"""Seconds in which a long answer may not be done."""


@rule(
    "T557",
    "warning",
    "GKE's load balancer ends long answers",
    why="Streams stop in the middle, with an error that no program tells.",
    evidence=f"{_SOURCE} Without timeoutSec a backend has 30 seconds, and GKE refuses routes with "
    "timeouts.",
    fix="set spec.default.timeoutSec of the pool's GCPBackendPolicy to 3600 or more",
    example=manifests(
        "disaggregated",
        _GKE,
        _NO_LIMIT,
        added="---\n".join((_POLICY.format(name="qwen", path="/health"), _TIME.format(seconds=60))),
    ),
    after=("T553",),
)
def ends_answers(topology: Topology) -> Iterator[Violation]:
    policies = _policies(topology, "GCPBackendPolicy")
    for pool in topology.inference_pools:
        own = [each.at("spec", "default", "timeoutSec") for each in policies if _is_of(each, pool)]
        for told, provider in providers_of(topology, pool):
            if "GCPBackendPolicy" not in provider.policies:
                continue
            given = [at.value for at in own if isinstance(at.value, int)]
            limit = max(given, default=provider.default_timeout_seconds or _SHORT)
            if limit < _SHORT:
                yield Violation(pool.here, f"requests to {pool} end after {limit} seconds", told)
