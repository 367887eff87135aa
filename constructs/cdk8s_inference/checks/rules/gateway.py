"""Routes, the gateways they attach to, and what they lead to."""

from __future__ import annotations

from collections.abc import Iterator

from cdk8s_inference.checks.example import REMOVED, Edit, Example, breaks
from cdk8s_inference.checks.rule import Breach, rule
from cdk8s_inference.checks.slip import slip_of
from cdk8s_inference.topology import KubeObject, Reference, Route, Service, Topology
from cdk8s_inference.topology.located import whole_number

_BACKEND = "spec.rules[0].backendRefs[0]"
_ROUTE = "HTTPRoute/qwen"


@rule(
    "T501",
    "error",
    "A route's backend has another name",
    prevents="Its requests are answered 500.",
    source="Gateway API: the route's condition ResolvedRefs is False, BackendNotFound.",
    fix="correct the name",
    example=breaks("disaggregated", _ROUTE, f"{_BACKEND}.name", "quen"),
)
def leads_nowhere(topology: Topology) -> Iterator[Breach]:
    for backend, beside in _unread_backends(topology):
        meant = _meant(backend, beside)
        if meant is not None:
            yield Breach(
                backend.name, f"there is no {backend} in what was read, but {meant}", meant.here
            )


@rule(
    "T508",
    "warning",
    "A route's backend was not read",
    prevents="Where it does not exist, requests are answered 500; what is wrong with it stays "
    "unseen.",
    source="Gateway API: the route's condition ResolvedRefs is False, BackendNotFound.",
    fix="check the route together with what it leads to, or correct the name",
    example=breaks("disaggregated", _ROUTE, f"{_BACKEND}.name", "llama"),
)
def backend_not_read(topology: Topology) -> Iterator[Breach]:
    for backend, beside in _unread_backends(topology):
        if _meant(backend, beside) is None:
            yield Breach(backend.name, f"{backend} was not read; {beside[0]} was", beside[0].here)


def _unread_backends(topology: Topology) -> Iterator[tuple[Reference, list[KubeObject]]]:
    """What routes lead to that was not read, with what was of its kind; that was at all."""
    kinds = {"InferencePool", "Service"}
    for route in topology.routes:
        for backend in route.all_backends():
            if backend.kind not in kinds or (backend.kind == "Service" and backend.group):
                continue
            if topology.find(backend.kind, backend.namespace, backend.name.value):
                continue
            other = "Service" if backend.kind == "InferencePool" else "InferencePool"
            beside = topology.of_kind(backend.kind)
            elsewhere = any(each.name == backend.name.value for each in beside)
            if elsewhere or topology.find(other, backend.namespace, backend.name.value):
                continue  # T505 and T502 say it.
            if beside:
                yield backend, beside


def _meant(reference: Reference, beside: list[KubeObject]) -> KubeObject | None:
    """The object whose name a reference misspells."""
    known = {each.name: each for each in beside if each.namespace == reference.namespace}
    slip = slip_of(reference.name.value, known)
    return None if slip is None else known[slip]


@rule(
    "T502",
    "error",
    "A route to a pool leaves out what a pool is",
    prevents="Without group and kind a name means a Service: there is none, or it is the wrong "
    "one, and the picker is never asked.",
    source="Gateway API: the defaults of backendRefs are the core group and Service.",
    fix="write group: inference.networking.k8s.io and kind: InferencePool",
    example=breaks(
        "disaggregated",
        _ROUTE,
        "spec.rules[0].backendRefs",
        [{"group": "inference.networking.k8s.io", "name": "qwen", "port": 8000}],
    ),
)
def not_a_pool(topology: Topology) -> Iterator[Breach]:
    for route in topology.routes:
        for backend in route.all_backends():
            pool = topology.find("InferencePool", backend.namespace, backend.name.value)
            if pool is None:
                continue
            exact = backend.kind == "InferencePool" and backend.group == pool.group
            service = topology.find("Service", backend.namespace, backend.name.value)
            if not exact and not (service and backend.kind == "Service" and not backend.group):
                yield Breach(
                    backend.name,
                    f"kind {backend.kind!r} of group {backend.group!r}, but {pool} is of group "
                    f"{pool.group!r}",
                    pool.here,
                )


@rule(
    "T503",
    "warning",
    "A route cuts long answers off",
    prevents="Envoy ends a request after 15 seconds unless told otherwise: streams stop in the "
    "middle, with status 200.",
    source="Rediscovered by six projects, such as modelservice#45 and kserve#5716.",
    fix="set timeouts.request to 0s",
    example=breaks("disaggregated", _ROUTE, "spec.rules[0].timeouts", REMOVED),
)
def timeouts(topology: Topology) -> Iterator[Breach]:
    if topology.of_kind("GCPBackendPolicy"):
        return  # GKE refuses a route with timeouts, and has them there.
    for route in topology.routes:
        for rule_ in route.rules:
            if not any(_serves(topology, backend) for backend in route.backends(rule_)):
                continue
            at = rule_.at("timeouts", "request")
            if at.text is None:
                yield Breach(route.object.located(at, None), "the rule has no timeouts.request")
            elif _seconds(at.text) not in (0, None) and (_seconds(at.text) or 0) < 300:
                yield Breach(route.object.located(at, at.text), f"requests end after {at.text}")


@rule(
    "T510",
    "warning",
    "A route of the AI Gateway cuts long answers off",
    prevents="It ends a request after 60 seconds unless told otherwise: streams stop in the "
    "middle, with status 200.",
    source="Envoy AI Gateway's ai_gateway_route.go; LLMKube#734.",
    fix="set timeouts.request to 0s",
    example=Example(
        "disaggregated",
        (),
        """\
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
def ai_gateway_timeouts(topology: Topology) -> Iterator[Breach]:
    for route in topology.of_kind("AIGatewayRoute"):
        for rule_ in route.at("spec", "rules").items():
            at = rule_.at("timeouts", "request")
            if at.text is None:
                yield Breach(route.located(at, None), "the rule has no timeouts.request")
            elif _seconds(at.text) not in (0, None) and (_seconds(at.text) or 0) < 300:
                yield Breach(route.located(at, at.text), f"requests end after {at.text}")


def _serves(topology: Topology, backend: Reference) -> bool:
    if backend.is_pool:
        return True
    service = topology.service(backend.namespace, backend.name.value)
    return service is not None and any(pods.engine is not None for pods in service.backends)


def _seconds(duration: str) -> float | None:
    units = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}
    for unit, factor in units.items():
        number = whole_number(duration.removesuffix(unit))
        if duration.endswith(unit) and number is not None:
            return number * factor
    return None


@rule(
    "T504",
    "warning",
    "A rule of a route leads to several pools",
    prevents="Envoy AI Gateway refuses the rule; Istio asks one picker for both pools.",
    source="Envoy AI Gateway's post_cluster_modify.go; istio/istio#61594.",
    fix="write a rule for each pool",
    example=Example(
        "disaggregated",
        (
            Edit(
                _ROUTE,
                "spec.rules[0].backendRefs[1]",
                {"group": "inference.networking.k8s.io", "kind": "InferencePool", "name": "qwen"},
            ),
        ),
    ),
)
def several_pools(topology: Topology) -> Iterator[Breach]:
    for route in topology.routes:
        for rule_ in route.rules:
            backends = route.backends(rule_)
            pools = [backend for backend in backends if backend.is_pool]
            if pools and len(backends) > 1:
                yield Breach(
                    backends[1].name,
                    f"the rule leads to {', '.join(str(backend) for backend in backends)}",
                    backends[0].name,
                )


@rule(
    "T505",
    "error",
    "A route leads to another namespace without leave",
    prevents="The reference is not resolved, and requests are answered 500.",
    source="Gateway API: a ReferenceGrant in the other namespace must allow it.",
    fix="put the route into the pool's namespace, or add a ReferenceGrant to that one",
    example=breaks("disaggregated", _ROUTE, "metadata.namespace", "routes"),
)
def other_namespace(topology: Topology) -> Iterator[Breach]:
    for route in topology.routes:
        for backend in route.all_backends():
            owner = route.object
            if backend.at["namespace"].text in (None, owner.namespace):
                found = topology.find(backend.kind, backend.namespace, backend.name.value)
                elsewhere = [
                    each
                    for each in topology.of_kind("InferencePool")
                    if backend.is_pool and each.name == backend.name.value and found is None
                ]
                if elsewhere:
                    yield Breach(
                        backend.name,
                        f"{backend} is in namespace {elsewhere[0].namespace!r}",
                        elsewhere[0].here,
                    )
            elif topology.find(backend.kind, backend.namespace, backend.name.value) and not any(
                _grants(grant, owner, backend) for grant in topology.of_kind("ReferenceGrant")
            ):
                yield Breach(
                    owner.located(backend.at["namespace"], backend.namespace),
                    f"no ReferenceGrant of {backend.namespace!r} lets {owner} lead to {backend}",
                )


def _grants(grant: KubeObject, owner: KubeObject, backend: Reference) -> bool:
    sources = [
        (item["kind"].text, item["namespace"].text) for item in grant.at("spec", "from").items()
    ]
    targets = [(item["kind"].text, item["name"].text) for item in grant.at("spec", "to").items()]
    return (
        grant.namespace == backend.namespace
        and (owner.kind, owner.namespace) in sources
        and any(
            kind == backend.kind and name in (None, backend.name.value) for kind, name in targets
        )
    )


@rule(
    "T506",
    "error",
    "A gateway does not take a route",
    prevents="The route attaches to nothing, and its requests are answered 404.",
    source="Gateway API: the route's condition Accepted is False, or it has no parent at all.",
    fix="name a Gateway and a listener of it that allow routes of this namespace",
    example=breaks("disaggregated", _ROUTE, "spec.parentRefs[0].name", "inferense"),
)
def not_attached(topology: Topology) -> Iterator[Breach]:
    gateways = topology.of_kind("Gateway")
    for route in topology.routes:
        for parent in route.parents:
            if parent.kind not in _PARENTS:
                kind = parent.at["kind"]
                yield Breach(route.object.located(kind, parent.kind), f"kind {parent.kind!r}")
            if parent.kind != "Gateway" or not gateways:
                continue
            gateway = topology.find("Gateway", parent.namespace, parent.name.value)
            if gateway is None:
                meant = _meant(parent, gateways)
                if meant is not None:
                    yield Breach(
                        parent.name,
                        f"there is no {parent} in what was read, but {meant}",
                        meant.here,
                    )
                continue
            listeners = list(gateway.at("spec", "listeners").items())
            section = parent.at["sectionName"]
            named = [each for each in listeners if section.text in (None, each["name"].text)]
            if not named:
                yield Breach(
                    route.object.located(section, section.text),
                    f"{gateway} has no listener {section.text!r}",
                    gateway.here,
                )
            elif not any(
                _admits(each.at("allowedRoutes", "namespaces", "from").text, route, gateway)
                for each in named
            ):
                yield Breach(
                    parent.name,
                    f"no listener of {gateway} takes routes of {route.object.namespace!r}",
                    gateway.here,
                )


_PARENTS = ("Gateway", "ListenerSet", "Service", "XListenerSet")


@rule(
    "T509",
    "warning",
    "A route's gateway was not read",
    prevents="Where it does not exist, the route attaches to nothing; whether its listeners take "
    "the route stays unseen.",
    source="Gateway API: a route whose parent does not exist has no status at all.",
    fix="check the route together with its Gateway, or correct the name and namespace",
    example=breaks("disaggregated", _ROUTE, "spec.parentRefs[0].name", "public"),
)
def gateway_not_read(topology: Topology) -> Iterator[Breach]:
    gateways = topology.of_kind("Gateway")
    for route in topology.routes:
        for parent in route.parents:
            if parent.kind != "Gateway" or not gateways or _meant(parent, gateways) is not None:
                continue
            if topology.find("Gateway", parent.namespace, parent.name.value) is None:
                yield Breach(
                    parent.name, f"{parent} was not read; {gateways[0]} was", gateways[0].here
                )


def _admits(sources: str | None, route: Route, gateway: KubeObject) -> bool:
    """Whether a listener takes a route; one that selects namespaces by labels may."""
    same = route.object.namespace == gateway.namespace
    return sources in ("All", "Selector") or same


@rule(
    "T507",
    "error",
    "A Service does not lead to the engine",
    prevents="Requests are answered 503: nothing listens where they go.",
    source="Kubernetes: a Service sends to targetPort, whether or not anybody listens.",
    fix="let the Service's targetPort be the engine's --port, and the route's port the Service's",
    example=breaks("gang", "Service/kimi-http", "spec.ports[0].targetPort", 8080),
)
def service_port(topology: Topology) -> Iterator[Breach]:
    for route in topology.routes:
        for backend in route.all_backends():
            if backend.is_pool:
                continue
            service = topology.service(backend.namespace, backend.name.value)
            if service is None or not any(pods.engine for pods in service.backends):
                continue
            port = route.object.number(backend.at["port"])
            if port is None or port.value not in service.ports:
                yield Breach(
                    port or backend.name,
                    f"{service.object} has no port {port.value if port else None}; it has "
                    f"{sorted(service.ports)}",
                    service.object.here,
                )
                continue
            yield from _reaches(service, port.value)


def _reaches(service: Service, port: int) -> Iterator[Breach]:
    target = service.ports[port]
    for pods in service.backends:
        engine = pods.engine
        if engine is None or engine.port is None:
            continue
        listening = {*engine.ports, *(pods.sidecar.ports if pods.sidecar else ())}
        if target is None or target.value not in listening:
            leads = "a name that no container has" if target is None else str(target.value)
            yield Breach(
                target or service.object.here,
                f"port {port} leads to {leads}, but the engine listens on {engine.port.value}",
                engine.port,
            )
