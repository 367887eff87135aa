"""Routes, the gateways they attach to, and what they lead to."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from cdk8s_inference.checks.proxies import policy_timeout, provider_of
from cdk8s_inference.checks.rule import rule
from cdk8s_inference.findings import Mend, Violation, near_name
from cdk8s_inference.findings.example import REMOVED, Edit, breaks, manifests
from cdk8s_inference.topology import KubeObject, Reference, Route, Service, Topology
from cdk8s_inference.topology.route import seconds

if TYPE_CHECKING:
    from cdk8s_inference.gateways import GatewayProvider

_BACKEND = "spec.rules[0].backendRefs[0]"
_ROUTE = "HTTPRoute/qwen"
_ALLOWED = "spec.listeners[0].allowedRoutes"


@rule(
    "T501",
    "error",
    "The name of a route's backend is misspelled",
    why="Requests are answered 500.",
    evidence="Gateway API: the route's condition ResolvedRefs is False, BackendNotFound.",
    fix="correct the name",
    example=breaks("disaggregated", _ROUTE, f"{_BACKEND}.name", "quen"),
)
def leads_nowhere(topology: Topology) -> Iterator[Violation]:
    for backend, beside in _unread_backends(topology):
        meant = _meant(backend, beside)
        if meant is not None:
            yield Violation(
                backend.name,
                f"there is no {backend} in what was read, but {meant}",
                meant.here,
                mend=Mend(backend.name.value, meant.name),
            )


@rule(
    "T508",
    "warning",
    "A route's backend was not read",
    why="Where it does not exist, requests are answered 500; what is wrong with it stays unseen.",
    evidence="Gateway API: the route's condition ResolvedRefs is False, BackendNotFound.",
    fix="check the route together with what it leads to, or correct the name",
    example=breaks("disaggregated", _ROUTE, f"{_BACKEND}.name", "llama"),
)
def backend_not_read(topology: Topology) -> Iterator[Violation]:
    for backend, beside in _unread_backends(topology):
        if _meant(backend, beside) is None:
            yield Violation(
                backend.name,
                f"{backend} was not read" + "".join(f"; {each} was" for each in beside[:1]),
                [each.here for each in beside[:1]],
                missing=True,
            )


def _unread_backends(topology: Topology) -> Iterator[tuple[Reference, list[KubeObject]]]:
    """What routes lead to that was not read, with what was of its kind.

    A Service is named where others of its kind were read: it may be of any application.
    """
    kinds = {"InferencePool", "Service"}
    for route in topology.routes:
        for backend in route.all_backends():
            if backend.kind not in kinds or (backend.kind == "Service" and backend.group):
                continue
            name = backend.name.value
            other = "Service" if backend.kind == "InferencePool" else "InferencePool"
            if topology.resolve(backend) or topology.find(other, backend.namespace, name):
                continue  # If only the other is there, T502 says it.
            beside = topology.of_kind(backend.kind)
            expected = beside or backend.is_pool or topology.complete
            if expected and name not in {each.name for each in beside}:  # Else T505 says it.
                yield backend, beside


def _meant(reference: Reference, beside: list[KubeObject]) -> KubeObject | None:
    """The object whose name a reference misspells."""
    known = {each.name: each for each in beside if each.namespace == reference.namespace}
    slip = near_name(reference.name.value, known)
    return None if slip is None else known[slip]


@rule(
    "T502",
    "error",
    "A route to a pool has no group or kind",
    why="Without group and kind, a backendRef means a Service: it does not exist, or the "
    "picker is never called.",
    evidence="Gateway API: the defaults of backendRefs are the core group and Service.",
    fix="set group: inference.networking.k8s.io and kind: InferencePool",
    example=breaks(
        "disaggregated",
        _ROUTE,
        "spec.rules[0].backendRefs",
        [{"group": "inference.networking.k8s.io", "name": "qwen", "port": 8000}],
    ),
)
def not_a_pool(topology: Topology) -> Iterator[Violation]:
    for route in topology.routes:
        for backend in route.all_backends():
            pool = topology.find("InferencePool", backend.namespace, backend.name.value)
            if pool is None:
                continue
            exact = backend.kind == "InferencePool" and backend.group == pool.group
            service = topology.find("Service", backend.namespace, backend.name.value)
            if not exact and not (service and backend.kind == "Service" and not backend.group):
                yield Violation(
                    backend.name,
                    f"kind {backend.kind!r} of group {backend.group!r}, but {pool} is of group "
                    f"{pool.group!r}",
                    pool.here,
                )


_SHORT = 300
"""Seconds in which a long answer may not be done."""


@rule(
    "T503",
    "warning",
    "The timeout of a route cuts long answers",
    why="Envoy ends a request after 15 seconds unless told otherwise: streams stop in the "
    "middle, with status 200.",
    evidence="Rediscovered by six projects, such as modelservice#45 and kserve#5716.",
    fix="set timeouts.request to 0s",
    example=breaks("disaggregated", _ROUTE, "spec.rules[0].timeouts", REMOVED),
)
def timeouts(topology: Topology) -> Iterator[Violation]:
    if topology.of_kind("GCPBackendPolicy", "ProxySettingsPolicy"):
        return  # GKE and NGINX Gateway Fabric take no timeouts of a route, and have them there.
    for route in topology.routes:
        limit = policy_timeout(topology, route.object)
        if limit is not None:
            if 0 < (seconds(limit.value) or 0) < _SHORT:
                yield Violation(limit, f"requests end after {limit.value}", route.object.here)
            continue
        for rule_ in route.rules:
            if not any(_serves(topology, backend) for backend in rule_.backends):
                continue
            timeout = rule_.timeout
            if timeout.value is None:
                yield Violation(timeout, "the rule has no timeouts.request")
            elif 0 < (seconds(timeout.value) or 0) < _SHORT:
                yield Violation(timeout, f"requests end after {timeout.value}")


@rule(
    "T510",
    "warning",
    "The timeout of an AIGatewayRoute cuts long answers",
    why="It ends a request after 60 seconds by default: streams end in the middle, with status "
    "200.",
    evidence="Envoy AI Gateway's ai_gateway_route.go; LLMKube#734.",
    fix="set timeouts.request to 0s",
    example=manifests(
        "disaggregated",
        added="""\
apiVersion: aigateway.envoyproxy.io/v1beta1
kind: AIGatewayRoute
metadata: {name: qwen, namespace: llm}
spec:
  parentRefs: [{name: inference, namespace: gateways, kind: Gateway}]
  rules:
    - backendRefs: [{group: inference.networking.k8s.io, kind: InferencePool, name: qwen}]
""",
    ),
)
def ai_gateway_timeouts(topology: Topology) -> Iterator[Violation]:
    for route in topology.of_kind("AIGatewayRoute"):
        limit = policy_timeout(topology, route)
        if limit is not None:
            if 0 < (seconds(limit.value) or 0) < _SHORT:
                yield Violation(limit, f"requests end after {limit.value}", route.here)
            continue
        for rule_ in route.at("spec", "rules").items():
            at = rule_.at("timeouts", "request")
            if at.text is None:
                yield Violation(route.value_at(at, None), "the rule has no timeouts.request")
            elif 0 < (seconds(at.text) or 0) < _SHORT:
                yield Violation(route.value_at(at, at.text), f"requests end after {at.text}")


def _serves(topology: Topology, backend: Reference) -> bool:
    if backend.is_pool:
        return True
    service = topology.service(backend.namespace, backend.name.value)
    return service is not None and any(pods.engine is not None for pods in service.backends)


@rule(
    "T504",
    "warning",
    "A rule of a route leads to several pools",
    why="Envoy AI Gateway refuses the rule; Istio asks one picker for both pools. agentgateway can "
    "split a rule over pools. If the Gateway was not read, this is a note.",
    evidence="Envoy AI Gateway's post_cluster_modify.go; istio/istio#61594.",
    fix="write a rule for each pool",
    example=manifests(
        "disaggregated",
        Edit(
            _ROUTE,
            "spec.rules[0].backendRefs[1]",
            {"group": "inference.networking.k8s.io", "kind": "InferencePool", "name": "qwen"},
        ),
    ),
)
def several_pools(topology: Topology) -> Iterator[Violation]:
    for route in topology.routes:
        for rule_ in route.rules:
            backends = rule_.backends
            if len(backends) < 2 or not any(backend.is_pool for backend in backends):
                continue
            providers = _providers(topology, route)
            if providers and all(each and each.weighted_pools for each in providers):
                continue
            yield Violation(
                backends[1].name,
                f"the rule leads to {', '.join(str(backend) for backend in backends)}",
                backends[0].name,
                severity=None if providers else "note",
            )


def _providers(topology: Topology, route: Route) -> list[GatewayProvider | None]:
    """The providers of the Gateways of a route that were read; None for one that is not known."""
    gateways = (topology.gateway(each.namespace, each.name.value) for each in route.parents)
    return [provider_of(topology, each.object) for each in gateways if each is not None]


@rule(
    "T505",
    "error",
    "A route references another namespace without a ReferenceGrant",
    why="The reference is not resolved, and requests are answered 500.",
    evidence="Gateway API: a ReferenceGrant in the other namespace must allow it. Where none of "
    "that namespace was read, this is a warning.",
    fix="move the route to the pool's namespace, or add a ReferenceGrant there",
    example=manifests(
        "disaggregated",
        Edit(_ROUTE, "metadata.namespace", "routes"),
        Edit("Gateway/inference", f"{_ALLOWED}.namespaces.selector.matchLabels", {"routes": "llm"}),
        added="""\
apiVersion: gateway.networking.k8s.io/v1
kind: ReferenceGrant
metadata: {name: routes, namespace: llm}
spec:
  from: [{group: gateway.networking.k8s.io, kind: HTTPRoute, namespace: routes}]
  to: [{group: "", kind: Service}]
""",
    ),
)
def other_namespace(topology: Topology) -> Iterator[Violation]:
    for route in topology.routes:
        for backend in route.all_backends():
            if backend.kind == "HTTPRoute":
                continue  # kgateway's delegation, which needs no grant.
            if backend.namespace != route.object.namespace:
                found = topology.resolve(backend) is not None
                grants = [
                    each for each in topology.grants if each.object.namespace == backend.namespace
                ]
                if found and not any(grant.allows(route.object, backend) for grant in grants):
                    yield Violation(
                        backend.field("namespace"),
                        f"no ReferenceGrant of {backend.namespace!r} lets {route.object} lead to "
                        f"{backend}",
                        severity=None if grants or topology.complete else "warning",
                    )
            elif backend.is_pool and topology.resolve(backend) is None:
                for pool in topology.inference_pools:
                    if pool.object.name == backend.name.value:
                        yield Violation(
                            backend.name,
                            f"{backend} is in namespace {pool.object.namespace!r}",
                            pool.here,
                        )


@rule(
    "T506",
    "error",
    "No listener of the gateway allows the route",
    why="The route attaches to no listener, and its requests are answered 404.",
    evidence="Gateway API: the route's condition Accepted is False, or it has no parent at all.",
    fix="reference a Gateway with a listener that allows routes of this namespace",
    example=breaks("disaggregated", _ROUTE, "spec.parentRefs[0].name", "inferense"),
)
def not_attached(topology: Topology) -> Iterator[Violation]:
    for route in topology.routes:
        for parent in route.parents:
            if parent.kind not in _PARENTS:
                yield Violation(parent.field("kind"), f"kind {parent.kind!r}")
            elif parent.kind == "Gateway" and topology.gateways:
                yield from _attaches(topology, route, parent)


# HTTPRoute: kgateway lets a route delegate to routes, which name it as their parent.
_PARENTS = ("Gateway", "HTTPRoute", "ListenerSet", "Service", "XListenerSet")


def _attaches(topology: Topology, route: Route, parent: Reference) -> Iterator[Violation]:
    gateway = topology.gateway(parent.namespace, parent.name.value)
    if gateway is None:
        meant = _meant(parent, [each.object for each in topology.gateways])
        if meant is not None:
            yield Violation(
                parent.name, f"there is no {parent} in what was read, but {meant}", meant.here
            )
        return
    listeners = gateway.chosen(parent)
    if not listeners:
        section, port = parent.field("sectionName"), parent.port
        asked = [] if section.value is None else [repr(section.value)]
        asked += [] if port is None else [f"on port {port.value}"]
        yield Violation(
            section if section.value is not None or port is None else port,
            f"{gateway.object} has no listener {' '.join(asked)}",
            gateway.object.here,
        )
        return
    refused = [said for listener in listeners if (said := listener.refuses(route)) is not None]
    if len(refused) == len(listeners):
        yield Violation(
            parent.name,
            f"no listener of {gateway.object} takes {' or '.join(dict.fromkeys(refused))}",
            listeners[0].namespaces,
        )


@rule(
    "T509",
    "warning",
    "A route's gateway was not read",
    why="Where it does not exist, the route attaches to nothing; whether its listeners take "
    "the route stays unseen.",
    evidence="Gateway API: a route whose parent does not exist has no status at all.",
    fix="check the route together with its Gateway, or correct the name and namespace",
    example=breaks("disaggregated", _ROUTE, "spec.parentRefs[0].name", "public"),
)
def gateway_not_read(topology: Topology) -> Iterator[Violation]:
    gateways = [gateway.object for gateway in topology.gateways]
    for route in topology.routes:
        for parent in route.parents:
            if parent.kind != "Gateway" or _meant(parent, gateways) is not None:
                continue
            if not gateways and not topology.complete:
                continue
            if topology.gateway(parent.namespace, parent.name.value) is None:
                yield Violation(
                    parent.name,
                    f"{parent} was not read" + "".join(f"; {each} was" for each in gateways[:1]),
                    [each.here for each in gateways[:1]],
                    missing=True,
                )


@rule(
    "T507",
    "error",
    "A Service does not lead to the engine's port",
    why="Requests are answered 503.",
    evidence="Kubernetes: a Service sends to targetPort, whether or not anybody listens.",
    fix="set the Service's targetPort to the engine's --port, and the route's port to the "
    "Service's",
    example=breaks("gang", "Service/kimi-http", "spec.ports[0].targetPort", 8080),
)
def service_port(topology: Topology) -> Iterator[Violation]:
    for route in topology.routes:
        for backend in route.all_backends():
            if backend.is_pool:
                continue
            service = topology.service(backend.namespace, backend.name.value)
            if service is None or not any(pods.engine for pods in service.backends):
                continue
            port = backend.port
            if port is None or port.value not in service.ports:
                yield Violation(
                    port or backend.name,
                    f"{service.object} has no port {port.value if port else None}; it has "
                    f"{sorted(service.ports)}",
                    service.object.here,
                )
                continue
            yield from _reaches(service, port.value)


def _reaches(service: Service, port: int) -> Iterator[Violation]:
    target = service.ports[port]
    for pods in service.backends:
        engine = pods.engine
        if engine is None or engine.port is None:
            continue
        listening = {*engine.ports, *(pods.sidecar.ports if pods.sidecar else ())}
        if target is None or target.value not in listening:
            leads = "a name that no container has" if target is None else str(target.value)
            yield Violation(
                target or service.object.here,
                f"port {port} leads to {leads}, but the engine listens on {engine.port.value}",
                engine.port,
            )
