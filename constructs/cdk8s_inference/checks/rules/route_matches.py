"""What a route takes, and what becomes of its path on the way to engines."""

from __future__ import annotations

from collections.abc import Iterator

from cdk8s_inference.checks.rule import rule
from cdk8s_inference.findings import Violation
from cdk8s_inference.findings.example import Edit, breaks, manifests
from cdk8s_inference.source import Cursor, has_placeholder
from cdk8s_inference.topology import KubeObject, Pods, Reference, RouteRule, SourceValue, Topology
from cdk8s_inference.topology.route import GATEWAY_GROUP

_ROUTE = "HTTPRoute/qwen"
_RULE = "spec.rules[0]"
_API = "Gateway API: HTTPRoute"

_SERVED = frozenset(
    {
        *("v1", "v2", "health", "metrics", "models", "version", "ping", "invocations", "load"),
        *("tokenize", "detokenize", "pooling", "classify", "score", "rerank", "inference"),
        *("generate", "generate_from_file", "encode", "server_info", "get_model_info"),
        *("docs", "openapi.json", "health_generate", "get_server_info", "flush_cache", "ws"),
    }
)
"""The first parts of the paths that model servers answer, and of their common extensions."""


def _engines(topology: Topology, backend: Reference) -> tuple[Pods, ...]:
    """The pods that a backend leads to, where all of them run a model server that is known."""
    if backend.is_pool:
        found = topology.resolve(backend)
        members = [pool.members for pool in topology.inference_pools if pool.object is found]
    else:
        service = topology.service(backend.namespace, backend.name.value)
        members = [] if service is None else [service.backends]
    pods = tuple(each for some in members for each in some)
    known = all(each.engine is not None and each.engine.kind is not None for each in pods)
    return pods if known and not any(each.may_gain("flags") for each in pods) else ()


def _leading(topology: Topology) -> Iterator[RouteRule]:
    """The rules that lead to engines alone."""
    for route in topology.routes:
        for each in route.rules:
            if each.backends and all(_engines(topology, one) for one in each.backends):
                yield each


def _rewrites(each: RouteRule) -> list[Cursor]:
    return [at["urlRewrite"] for at in each.at["filters"].items() if at["urlRewrite"].present]


def _changes_path(each: RouteRule) -> bool:
    """Whether something may change the path: a rewrite, or an extension that nobody read."""
    kinds = [at["type"].text for at in each.at["filters"].items()]
    kinds += [
        at["type"].text for one in each.at["backendRefs"].items() for at in one["filters"].items()
    ]
    return "ExtensionRef" in kinds or any(at["path"].present for at in _rewrites(each))


def _is_served(path: str) -> bool:
    first = path.strip("/").partition("/")[0]
    return not first or first in _SERVED


@rule(
    "T512",
    "error",
    "A route hands engines a path that they do not serve",
    why="Every request is answered 404.",
    evidence=f"{_API} hands on the whole path unless a filter rewrites it. Model servers answer "
    "below /v1, and a few paths beside it.",
    fix="rewrite the prefix to / by a filter of type URLRewrite with ReplacePrefixMatch, or match "
    "/v1",
    example=breaks(
        "disaggregated",
        _ROUTE,
        f"{_RULE}.matches",
        [{"path": {"type": "PathPrefix", "value": "/qwen"}}],
    ),
)
def unserved_path(topology: Topology) -> Iterator[Violation]:
    for each in _leading(topology):
        for at in _rewrites(each):
            path = at["path"]
            for field in ("replacePrefixMatch", "replaceFullPath"):
                new = path[field]
                if new.text is not None and not _is_served(new.text):
                    yield Violation(
                        each.object.value_at(new, new.text),
                        f"the path is rewritten to {new.text!r}, which no engine serves",
                    )
        if _changes_path(each):
            continue
        paths = [match["path"] for match in each.at["matches"].items()]
        for at in paths:
            value = at["value"].text or "/"
            plain = at["type"].text in (None, "PathPrefix", "Exact")
            if plain and not has_placeholder(value) and not _is_served(value):
                yield Violation(
                    each.object.value_at(at["value"], value),
                    f"{value!r} is handed on as it is, and no engine serves it",
                )


@rule(
    "T513",
    "error",
    "A route replaces a prefix that it does not match by",
    why="The API server refuses the route.",
    evidence=f"{_API}'s validation: with replacePrefixMatch, exactly one match of type PathPrefix.",
    fix="match by one path of type PathPrefix, or use ReplaceFullPath",
    example=manifests(
        "disaggregated",
        Edit(_ROUTE, f"{_RULE}.matches", [{"path": {"type": "Exact", "value": "/qwen"}}]),
        Edit(
            _ROUTE,
            f"{_RULE}.filters",
            [
                {
                    "type": "URLRewrite",
                    "urlRewrite": {
                        "path": {"type": "ReplacePrefixMatch", "replacePrefixMatch": "/"}
                    },
                }
            ],
        ),
    ),
)
def prefix_not_matched(topology: Topology) -> Iterator[Violation]:
    for route in topology.routes:
        for each in route.rules:
            replaced = [
                at.at("path", "replacePrefixMatch")
                for at in _rewrites(each)
                if at.at("path", "replacePrefixMatch").present
            ]
            paths = [match["path"] for match in each.at["matches"].items()]
            kinds = [at["type"].text or "PathPrefix" for at in paths]
            if replaced and paths and kinds != ["PathPrefix"]:
                yield Violation(
                    each.object.value_at(paths[0]["type"], kinds[0]),
                    f"the matches are of type {', '.join(kinds)}",
                    each.object.value_at(replaced[0], replaced[0].text),
                )


@rule(
    "T514",
    "warning",
    "A route takes no POST to engines",
    why="Completions are POST requests: they are answered 404.",
    evidence="The OpenAI API of vLLM and SGLang.",
    fix="remove the method of the match, or match POST too",
    example=breaks(
        "disaggregated",
        _ROUTE,
        f"{_RULE}.matches",
        [{"path": {"type": "PathPrefix", "value": "/"}, "method": "GET"}],
    ),
)
def no_post(topology: Topology) -> Iterator[Violation]:
    methods: dict[KubeObject | None, list[SourceValue[str | None]]] = {}
    for route in topology.routes:
        for each in route.rules:
            matches = [match["method"] for match in each.at["matches"].items()]
            found = [each.object.value_at(at, at.text) for at in matches]
            for backend in each.backends:
                if _engines(topology, backend):
                    methods.setdefault(topology.resolve(backend), []).extend(
                        found or [each.object.value_at(each.at["matches"], None)]
                    )
    for taken in methods.values():
        if all(method.value not in (None, "POST") for method in taken):
            yield Violation(taken[0], f"the method is {taken[0].value}")


@rule(
    "T515",
    "error",
    "A rule of a route leads nowhere",
    why="Its requests are answered 500.",
    evidence=f"{_API}: without backendRefs, or where the weight of each is 0, the answer is 500.",
    fix="lead to a backend with a weight above 0, or remove the rule",
    example=breaks("disaggregated", _ROUTE, f"{_RULE}.backendRefs[0].weight", 0),
)
def leads_nowhere(topology: Topology) -> Iterator[Violation]:
    for route in topology.routes:
        if not route.rules:
            at = route.object.at("spec", "rules")
            yield Violation(route.object.value_at(at, None), "the route has no rules")
        for each in route.rules:
            kinds = {at["type"].text for at in each.at["filters"].items()}
            weights = [each.object.number(at["weight"]) for at in each.at["backendRefs"].items()]
            if kinds & {"RequestRedirect", "ExtensionRef"}:
                continue
            if not weights:
                at = each.at["backendRefs"]
                yield Violation(each.object.value_at(at, None), "the rule has no backendRefs")
            elif all(weight is not None and weight.value == 0 for weight in weights):
                yield Violation(weights[0], "the weight of each backend is 0")


@rule(
    "T516",
    "warning",
    "A route attaches to nothing",
    why="No gateway takes it, and its requests are answered 404.",
    evidence=f"{_API}: parentRefs.",
    fix="name the Gateway in parentRefs, with the group gateway.networking.k8s.io or none",
    example=breaks("disaggregated", _ROUTE, "spec.parentRefs", []),
)
def no_parents(topology: Topology) -> Iterator[Violation]:
    for route in topology.routes:
        if not route.parents:
            at = route.object.at("spec", "parentRefs")
            yield Violation(route.object.value_at(at, None), "it has no parentRefs")
        for parent in route.object.at("spec", "parentRefs").items():
            group = parent["group"]
            gateway = parent["kind"].text in (None, "Gateway")
            if (
                gateway
                and group.text not in (None, GATEWAY_GROUP)
                and "$" not in (group.text or "")
            ):
                yield Violation(
                    route.object.value_at(group, group.text),
                    f"there is no Gateway of {group.text!r}",
                )


@rule(
    "T517",
    "error",
    "A route leads past the picker, or to the picker itself",
    why="The picker serves gRPC and metrics, and no model: requests to it fail. Without it "
    "requests reach prefill pods, and nothing is disaggregated.",
    evidence=f"{_API}: a Service is sent to directly. An InferencePool has the picker asked. A "
    "Service that has prefill pods is a warning, and right beside a rule that leads to the pool.",
    fix="lead to the InferencePool",
    example=breaks(
        "disaggregated",
        _ROUTE,
        f"{_RULE}.backendRefs[0]",
        {"kind": "Service", "name": "qwen-epp", "port": 9002},
    ),
)
def past_the_picker(topology: Topology) -> Iterator[Violation]:
    for route in topology.routes:
        led_to = {
            (each.namespace, each.name.value) for each in route.all_backends() if each.is_pool
        }
        for backend in route.all_backends():
            service = topology.service(backend.namespace, backend.name.value)
            if backend.is_pool or backend.kind != "Service" or service is None:
                continue
            port = backend.port
            target = service.ports.get(port.value) if port is not None else None
            for picker in topology.pickers:
                if picker.pods in service.backends and target and target.value in picker.ports:
                    yield Violation(
                        port or backend.name,
                        f"{backend} leads to port {target.value} of {picker.object}, which is the "
                        "picker's own",
                        picker.container.here,
                    )
            for pool in topology.disaggregated:
                prefill = [pods for pods in pool.prefill if pods in service.backends]
                if (pool.object.namespace, pool.object.name) in led_to:
                    continue
                if pool.picker is not None and prefill:
                    yield Violation(
                        backend.name,
                        f"{backend} leads to {prefill[0].object} without asking the picker",
                        pool.here,
                        severity="warning",
                    )
