"""From a topology and what is wrong with it to the graph of what is served."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from cdk8s_inference.checks.coverage import plural
from cdk8s_inference.findings import Finding, field_path
from cdk8s_inference.findings.secret import masked
from cdk8s_inference.graph import labels
from cdk8s_inference.graph.model import Edge, EdgeKind, Graph, Node, NodeKind, Section
from cdk8s_inference.source import Cursor
from cdk8s_inference.source.secrets import KnownSecrets
from cdk8s_inference.topology import (
    Envoy,
    KubeObject,
    Picker,
    PodClaim,
    Pods,
    Pool,
    Reference,
    Route,
    RouteRule,
    ServedEngine,
    ServedModel,
    Service,
    Topology,
)
from cdk8s_inference.topology.engine import ports_from

_RENDEZVOUS = ("torch rendezvous", "data-parallel RPC")
"""Where the first pod of a gang is asked by the others."""

_ORDER = ("encode", "prefill", "decode", "both", None)
"""Roles in the order in which a request meets them."""


def graph_of(topology: Topology, findings: Iterable[Finding] = ()) -> Graph:
    """The graph of what is served.

    Args:
        topology: What was read.
        findings: What is wrong with it, to be marked where it bites.
    """
    documents = {id(each.document): each.document for each in topology.objects}.values()
    known = KnownSecrets(secret for each in documents for secret in each.secrets)

    def hide(text: str) -> str:
        return masked(known.hidden_in(text))

    left = list(findings)
    sections: list[_Drawn] = []
    for models in _deployments(topology.served_models):
        sections.append(_Builder(topology, hide, f"d{len(sections)}").section(models))
    served = {route for model in topology.served_models for route in model.routes}
    lost = [route for route in topology.routes if route not in served and _is_for_models(route)]
    for route in lost:
        sections.append(_Builder(topology, hide, f"d{len(sections)}").lost(route))
    marked = [_marked(section, left) for section in sections]
    used = {id(each) for section in marked for each in section.findings}
    return Graph(
        tuple(each.section for each in marked),
        tuple(each for each in left if id(each) not in used),
    )


def _is_for_models(route: Route) -> bool:
    """Whether a route that leads to no model that was read is meant to: it names a pool."""
    return any(reference.is_pool for reference in route.all_backends())


def _deployments(models: Sequence[ServedModel]) -> list[list[ServedModel]]:
    """Models that belong together: they share engines, or a rule that splits requests."""
    groups: list[tuple[set[object], list[ServedModel]]] = []
    for model in models:
        shared: set[object] = {each.workload for each in model.engines}
        shared |= {
            (id(route), rule.at.path) for route in model.routes for rule in model.rules(route)
        }
        members, apart = [model], []
        for keys, others in groups:
            if keys.isdisjoint(shared):
                apart.append((keys, others))
            else:
                shared |= keys
                members = [*others, *members]
        groups = [*apart, (shared, members)]
    # In the order in which they were read.
    order = {id(model): index for index, model in enumerate(models)}
    return sorted((members for _, members in groups), key=lambda each: order[id(each[0])])


@dataclass(frozen=True)
class _Place:
    """Where findings about a node are.

    Attributes:
        node: The node's identifier.
        object: The object.
        path: A field of it, within which all is about the node; empty for the whole object.
    """

    node: str
    object: KubeObject
    path: str = ""


@dataclass(frozen=True)
class _Drawn:
    """A section, and where findings about its nodes are."""

    section: Section
    places: tuple[_Place, ...]

    @property
    def findings(self) -> tuple[Finding, ...]:
        return self.section.findings


def _marked(drawn: _Drawn, findings: Sequence[Finding]) -> _Drawn:
    """A section whose nodes have their findings."""
    found: dict[str, list[Finding]] = {}
    for finding in findings:
        for node in _bitten(drawn.places, finding):
            found.setdefault(node, []).append(finding)
    nodes = tuple(
        replace(node, findings=tuple(found.get(node.id, ()))) for node in drawn.section.nodes
    )
    return replace(drawn, section=replace(drawn.section, nodes=nodes))


def _bitten(places: Sequence[_Place], finding: Finding) -> list[str]:
    """The nodes that a finding is about: by its own place, else by the first one related to it."""
    for name, path, file in (
        (finding.object, finding.path, finding.file),
        *((each.object, each.path, each.file) for each in finding.related),
    ):
        about = [
            each
            for each in places
            if str(each.object) == name
            and each.object.document.file in (None, file)
            and _is_within(path, each.path)
        ]
        if about:
            longest = max(len(each.path) for each in about)
            return list(dict.fromkeys(each.node for each in about if len(each.path) == longest))
    return []


def _is_within(path: str, outer: str) -> bool:
    return path == outer or not outer or path.startswith((f"{outer}.", f"{outer}["))


@dataclass
class _Builder:
    """Builds one section.

    Attributes:
        topology: What was read.
        hide: Texts without the secrets in them.
        id: The section's identifier.
        nodes: The nodes so far, by what they stand for.
        edges: The edges so far.
        places: Where findings about them are.
    """

    topology: Topology
    hide: Callable[[str], str]
    id: str
    nodes: dict[object, Node] = field(default_factory=dict)
    edges: dict[tuple[str, str, str], Edge] = field(default_factory=dict)
    places: list[_Place] = field(default_factory=list)

    def section(self, models: Sequence[ServedModel]) -> _Drawn:
        """The section of models that belong together."""
        for model in models:
            self._model(model)
        first = models[0]
        title = first.name
        if len(models) > 1:
            shared = set(first.routes).intersection(*(each.routes for each in models[1:]))
            title = next((each.object.name for each in first.routes if each in shared), title)
        return self._done(title, first.namespace, tuple(_summary(models)))

    def lost(self, route: Route) -> _Drawn:
        """The section of a route that leads to nothing that was read."""
        to = self._route(route, route.rules)
        for reference in route.all_backends():
            kind: NodeKind = "pool" if reference.is_pool else "service"
            self._join(to, self._named(kind, reference), labels.port(reference.port), "requests")
        return self._done(
            route.object.name, route.object.namespace, ("leads to nothing that was read",)
        )

    def _done(self, title: str, namespace: str, summary: tuple[str, ...]) -> _Drawn:
        section = Section(
            self.id,
            self.hide(title),
            self.hide(namespace),
            tuple(map(self.hide, summary)),
            tuple(self.nodes.values()),
            tuple(self.edges.values()),
        )
        return _Drawn(section, tuple(self.places))

    # Nodes and edges.

    def _node(
        self,
        key: object,
        kind: NodeKind,
        name: str,
        object: str,
        *,
        lines: Iterable[str] = (),
        facts: Iterable[tuple[str, str | None]] = (),
        places: Iterable[tuple[KubeObject, str]] = (),
        role: str = "",
        pod: str = "",
        is_read: bool = True,
    ) -> str:
        """The identifier of the node that stands for something, which is made once."""
        found = self.nodes.get(key)
        if found is None:
            found = self.nodes[key] = Node(
                f"{self.id}n{len(self.nodes)}",
                kind,
                self.hide(name),
                self.hide(object),
                tuple(self.hide(line) for line in lines if line),
                tuple((each, self.hide(text)) for each, text in facts if text),
                role,
                pod,
                is_read,
            )
            self.places += [_Place(found.id, owner, path) for owner, path in places]
        return found.id

    def _named(self, kind: NodeKind, reference: Reference) -> str:
        """The node of an object that was not read."""
        key = (reference.kind, reference.namespace, reference.name.value)
        name = reference.name.value
        return self._node(key, kind, name, str(reference), lines=("not read",), is_read=False)

    def _join(self, source: str, target: str, label: str, kind: EdgeKind) -> None:
        key = (source, target, kind)
        before = self.edges.get(key)
        lines = [] if before is None else before.label.split("\n")
        lines += [line for line in self.hide(label).split("\n") if line not in lines]
        label = "\n".join(line for line in lines if line)
        self.edges[key] = Edge(source, target, label, kind)

    # What leads to engines.

    def _model(self, model: ServedModel) -> None:
        fronts = self._engines(model)
        envoys = [
            envoy
            for envoy in self.topology.envoys
            if any(envoy.pods is picker.pods for picker in model.pickers)
        ]
        pickers = [self._picker(each) for each in model.pickers]
        proxies = [self._proxy(each) for each in envoys]
        pool = self._pool(model.pool) if model.pool and model.pool.is_resource else None
        label = labels.ports([port.value for port in model.pool.ports]) if model.pool else ""
        for proxy in proxies:
            for picker, each in zip(pickers, model.pickers, strict=True):
                self._join(proxy, picker, f"ext_proc gRPC {labels.port(each.port)}", "asks")
        if pool is not None and model.pool is not None:
            self._asked(pool, model.pool, pickers, behind=bool(proxies))
        entries = proxies or ([pool] if pool else [] if envoys else pickers)
        for entry in entries if model.pool else ():
            kind: EdgeKind = "requests" if proxies or pool else "asks"
            for front in fronts:
                self._join(entry, front, label, kind)
        for service in self._shown_services(model, envoys):
            node = self._service(service)
            for target, port in self._behind(service, model, envoys):
                self._join(node, target, port, "requests")
        for route in model.routes:
            self._routed(route, model)

    def _asked(self, pool: str, found: Pool, pickers: Sequence[str], *, behind: bool) -> None:
        """Joins a pool with its pickers, read or not."""
        port = found.picker_port or (found.picker.port if found.picker else None)
        for picker in pickers:
            if behind:
                self._join(picker, pool, "picks from", "asks")
            else:
                self._join(pool, picker, f"ext_proc gRPC {labels.port(port)}", "asks")
        if not pickers and found.picker_name is not None:
            name = found.picker_name.value
            at = f"Service {found.object.namespace}/{name}"
            key = ("picker", found.object.namespace, name)
            node = self._node(key, "picker", name, at, lines=("not read",), is_read=False)
            self._join(pool, node, f"ext_proc gRPC {labels.port(port)}", "asks")

    def _routed(self, route: Route, model: ServedModel) -> None:
        rules = model.rules(route)
        node = self._route(route, rules)
        for rule in rules:
            for reference in rule.backends:
                target = self._backend(reference)
                label = labels.port(reference.port)
                weight = self._share(rule, reference)
                self._join(node, target, " ".join(filter(None, (weight, label))), "requests")

    def _share(self, rule: RouteRule, reference: Reference) -> str:
        """The share of requests that a backend gets, where there are several."""
        if len(rule.backends) < 2:
            return ""
        weights = [labels.weight(each) for each in rule.backends]
        total = sum(weights)
        return f"{100 * labels.weight(reference) // total}%" if total > 0 else "0%"

    def _backend(self, reference: Reference) -> str:
        name = reference.namespace, reference.name.value
        if reference.is_pool:
            pools = self.topology.inference_pools
            pool = next((p for p in pools if (p.object.namespace, p.object.name) == name), None)
            return self._named("pool", reference) if pool is None else self._pool(pool)
        service = self.topology.service(*name) if reference.kind == "Service" else None
        return self._named("service", reference) if service is None else self._service(service)

    def _route(self, route: Route, rules: Sequence[RouteRule]) -> str:
        paths = list(dict.fromkeys(path for rule in rules for path in rule.paths))
        node = self._node(
            route,
            "route",
            route.object.name,
            str(route.object),
            lines=(*labels.few(route.hosts), *labels.few(paths)),
            facts=(
                ("hosts", ", ".join(route.hosts) or "any"),
                ("paths", ", ".join(paths) or "any"),
            ),
            places=[(route.object, "")],
        )
        for parent in route.parents:
            gateway = (
                self.topology.gateway(parent.namespace, parent.name.value)
                if parent.kind == "Gateway"
                else None
            )
            if gateway is None:
                self._join(self._named("gateway", parent), node, "", "requests")
                continue
            listeners = [
                f"{each.protocol or 'HTTP'} {labels.number(each.at['port'])}".strip()
                for each in gateway.listeners
            ]
            source = self._node(
                gateway,
                "gateway",
                gateway.object.name,
                str(gateway.object),
                lines=(gateway.class_name.value,),
                facts=(
                    ("class", gateway.class_name.value),
                    ("listeners", ", ".join(listeners)),
                ),
                places=[(gateway.object, "")],
            )
            chosen = [
                f"{each.protocol or 'HTTP'} {labels.number(each.at['port'])}".strip()
                for each in gateway.chosen(parent)
            ]
            self._join(source, node, "\n".join(labels.few(dict.fromkeys(chosen))), "requests")
        return node

    def _pool(self, pool: Pool) -> str:
        return self._node(
            pool,
            "pool",
            pool.object.name,
            str(pool.object),
            lines=(
                f"ports {labels.ports([port.value for port in pool.ports])}" if pool.ports else "",
            ),
            facts=(
                ("selects", str(pool.selector.value)),
                ("picker's Service", pool.picker_name.value if pool.picker_name else None),
            ),
            places=[(pool.object.written, "")],
        )

    def _service(self, service: Service) -> str:
        return self._node(
            service,
            "service",
            service.object.name,
            str(service.object),
            lines=labels.few(labels.port_pairs(service)),
            facts=(
                ("selects", str(service.selector.value)),
                ("ports", ", ".join(labels.port_pairs(service))),
            ),
            places=[(service.object, "")],
        )

    def _picker(self, picker: Picker) -> str:
        copies = picker.pods.workload.copies.value
        config = picker.config_volume
        maps = [picker.config_maps.get(config[0].value)] if config else []
        beside = [each.object for each in self.topology.services if picker.pods in each.backends]
        account = picker.pods.account.value
        accounts = self.topology.find("ServiceAccount", picker.object.namespace, account)
        others = [each for each in (*maps, accounts, *beside) if each is not None]
        granting = [
            each.object
            for each in self.topology.bindings
            if each.names(picker.object.namespace, account)
        ]
        access = self.topology.access(picker.object.namespace, account)
        granted = [each.object for each in access.roles]
        return self._node(
            picker,
            "picker",
            picker.object.name,
            str(picker.object),
            lines=(
                picker.container.image_name,
                picker.container.image_tag,
                f"{copies} copies" if copies > 1 else "",
            ),
            facts=(
                ("image", picker.container.image.value),
                ("copies", str(copies)),
                ("gRPC port", labels.port(picker.port)),
                ("ports", labels.ports(picker.ports)),
                ("configuration", str(maps[0]) if maps and maps[0] else None),
                ("ServiceAccount", account),
            ),
            pod=_pod(picker.pods),
            places=[
                (picker.object.written, ""),
                *((each, "") for each in (*others, *granting, *granted)),
            ],
        )

    def _proxy(self, envoy: Envoy) -> str:
        return self._node(
            envoy,
            "proxy",
            envoy.container.name or "envoy",
            str(envoy.pods.object),
            lines=(labels.ports(envoy.ports),),
            facts=(("image", envoy.container.image.value), ("file", envoy.file.value)),
            pod=_pod(envoy.pods),
            places=[
                (envoy.pods.object, _within(envoy.pods.object, envoy.container.at)),
                *([(envoy.config.object, "")] if envoy.config else ()),
            ],
        )

    def _shown_services(self, model: ServedModel, envoys: Sequence[Envoy]) -> list[Service]:
        """The Services that requests go through: not a picker's, nor those beside a pool."""
        proxied = [each.pods for each in envoys]
        routed = {
            (each.namespace, each.name.value)
            for route in model.routes
            for each in route.all_backends()
            if each.kind == "Service"
        }
        found = []
        for service in model.services:
            is_routed = (service.object.namespace, service.object.name) in routed
            answers = any(pods in service.backends for pods in proxied)
            engines = model.pool is None and any(
                pods in service.backends for each in model.engines for pods in each.pods
            )
            if is_routed or answers or engines:
                found.append(service)
        return found

    def _behind(
        self, service: Service, model: ServedModel, envoys: Sequence[Envoy]
    ) -> Iterator[tuple[str, str]]:
        """What a Service's requests reach, and on which ports."""
        targets = sorted({target.value for target in service.ports.values() if target is not None})
        for envoy in envoys:
            if envoy.pods in service.backends:
                ports = [port for port in targets if port in envoy.ports] or targets
                yield self._proxy(envoy), labels.ports(ports)
        if envoys:
            return
        for picker in model.pickers:
            if picker.pods in service.backends:
                yield self._picker(picker), labels.ports(targets)
        for each in model.engines:
            for pods in each.pods:
                if pods in service.backends and pods.part != "follower":
                    yield self._front(each, pods), labels.ports(targets)

    # Engines.

    def _engines(self, model: ServedModel) -> list[str]:
        """Draws a model's engines, and gives what requests reach first of them."""
        engines = sorted(model.engines, key=lambda each: _ORDER.index(each.role))
        fronts: list[str] = []
        sidecars: list[str] = []
        prefills: list[tuple[str, Pods]] = []
        encoders: list[tuple[str, Pods]] = []
        decodes: list[tuple[str, Pods]] = []
        serving: list[tuple[ServedEngine, Pods, str]] = []
        for each in engines:
            head: str | None = None
            for pods in each.pods:
                node = self._engine(each, pods)
                if pods.part == "follower":
                    if head is not None:
                        self._join(
                            node, head, labels.sockets(labels.leader(each), _RENDEZVOUS), "asks"
                        )
                    continue
                head = node
                serving.append((each, pods, node))
                front = self._front(each, pods)
                if front != node:
                    sidecars.append(front)
                if each.role == "prefill":
                    prefills.append((node, pods))
                elif each.role == "encode":
                    encoders.append((node, pods))
                else:
                    decodes.append((node, pods))
                if model.pool is None or pods in model.pool.members:
                    fronts.append(front)
        behind = {node for node, _ in (*prefills, *encoders)} if sidecars else set()
        for source in sidecars:
            for target, pods in (*encoders, *prefills):
                ports = labels.ports(pods.engine.ports if pods.engine else ())
                self._join(source, target, ports, "requests")
        for source, pods in prefills:
            for target, other in decodes:
                self._join(source, target, labels.transfer(pods, other), "transfer")
        for source, pods in encoders:
            for target, _ in prefills or decodes:
                label = labels.sockets(pods.engine, ("encoder side channel",))
                self._join(source, target, label or "embeddings", "transfer")
        self._events(model, serving)
        return list(dict.fromkeys(each for each in fronts if each not in behind))

    def _events(
        self, model: ServedModel, serving: Sequence[tuple[ServedEngine, Pods, str]]
    ) -> None:
        """Joins engines with pickers that index their caches by KV events."""
        for picker in model.pickers:
            config = picker.config
            if config is None or "precise-prefix-cache" not in config.value:
                continue
            for _, pods, node in serving:
                engine = pods.engine
                if engine is None or engine.flag(engine.names.kv_events) is None:
                    continue
                label = labels.sockets(engine, ("KV events",)) or "KV events"
                self._join(node, self._picker(picker), label, "events")

    def _front(self, served: ServedEngine, pods: Pods) -> str:
        """What takes requests for an engine: its sidecar, or itself."""
        engine = self._engine(served, pods)
        sidecar = pods.sidecar
        if sidecar is None:
            return engine
        container = sidecar.container
        node = self._node(
            (sidecar, pods),
            "sidecar",
            container.name or "pd-sidecar",
            str(pods.object),
            lines=(container.image_tag, sidecar.connector.value),
            facts=(
                ("image", container.image.value),
                ("ports", labels.ports(sidecar.ports)),
                ("forwards to", labels.port(sidecar.engine_port)),
                ("connector", sidecar.connector.value),
            ),
            pod=_pod(pods),
            places=[(pods.object.written, _within(pods.object, container.at))],
        )
        first = sidecar.engine_port
        ports = () if first is None else ports_from(first.value, sidecar.ranks)
        self._join(node, engine, labels.ports(ports), "requests")
        return node

    def _engine(self, served: ServedEngine, pods: Pods) -> str:
        known = self.nodes.get(pods)
        if known is not None:
            return known.id
        engine = pods.engine
        index = served.pods.index(pods)
        devices = served.devices_per_pod[index]
        name = served.name
        if pods.part in ("leader", "follower") and len(served.pods) > 1:
            name += f" {pods.part}" if pods.per_copy == 1 else f" {pods.part}s"
        budgets = [each.object for each in self.topology.budgets if pods in each.pods]
        scaler = [served.autoscaler.object] if served.autoscaler else []
        lead = pods.part != "follower"
        node = self._node(
            pods,
            "engine",
            name,
            str(served.object),
            lines=(
                labels.software(engine) if lead else "",
                labels.model_name(engine) if lead else "",
                labels.copies(served, pods),
                labels.devices(devices),
                labels.ranks(engine),
            ),
            facts=(
                ("image", engine.container.image.value if engine else None),
                ("model", engine.model.value if engine and engine.model else None),
                ("served as", engine.served_name.value if engine and engine.served_name else None),
                ("copies", labels.copies_in_full(served)),
                ("devices of a pod", "not known" if devices is None else str(devices)),
                ("devices of all copies", None if served.devices is None else str(served.devices)),
                ("listens on", ", ".join(labels.listens(engine))),
                ("connectors", ", ".join(sorted(engine.connectors)) if engine else None),
            ),
            role=served.role or "",
            pod=_pod(pods),
            places=[
                (pods.object.written, ""),
                (pods.object.written, _within(pods.object, pods.at)),
                *((each, "") for each in (*budgets, *scaler)),
            ],
        )
        for made in pods.claims:
            self._claim(node, made)
        for volume, path in labels.volumes(pods, engine):
            self._volume(node, pods, volume, path)
        return node

    def _claim(self, engine: str, made: PodClaim) -> None:
        claim = self.topology.claim(made)
        name = made.claim or made.template
        if claim is not None:
            target = self._node(
                claim,
                "claim",
                claim.object.name,
                str(claim.object),
                lines=labels.few(labels.requests(claim)),
                facts=(("requests", "; ".join(labels.requests(claim))),),
                places=[(claim.object, "")],
            )
        elif name is not None:
            kind = "ResourceClaim" if made.claim else "ResourceClaimTemplate"
            at = f"{kind} {made.object.namespace}/{name.value}"
            target = self._node(at, "claim", name.value, at, lines=("not read",), is_read=False)
        else:
            return
        self._join(engine, target, "", "uses")

    def _volume(self, engine: str, pods: Pods, volume: Cursor, path: str) -> None:
        at = volume.at("persistentVolumeClaim", "claimName").text
        if at is not None:
            key = f"PersistentVolumeClaim {pods.object.namespace}/{at}"
            read = self.topology.find("PersistentVolumeClaim", pods.object.namespace, at)
            size = read.at("spec", "resources", "requests", "storage").text if read else None
            modes = ", ".join(read.at("spec", "accessModes").strings) if read else None
            target = self._node(
                key,
                "volume",
                at,
                key,
                lines=(size or "", "" if read else "not read"),
                facts=(("size", size), ("access modes", modes)),
                places=[(read, "")] if read else [],
                is_read=read is not None,
            )
        else:
            kind, what = labels.source(volume)
            key = f"{kind} of {pods.object}: {what}"
            target = self._node(key, "volume", what, str(pods.object), lines=(kind,))
        self._join(engine, target, path, "uses")


def _summary(models: Sequence[ServedModel]) -> Iterator[str]:
    yield from dict.fromkeys(name for each in models for name in each.models or each.served_names)
    engines = list({each.workload: each for model in models for each in model.engines}.values())
    for role in _ORDER:
        counts = [each.copies for each in engines if each.role == role]
        known = [count for count in counts if count is not None]
        if counts:
            word = {"both": "unified", None: "of no role"}.get(role, role)
            yield f"{sum(known)} {word}" if len(known) == len(counts) else f"{word} on each node"
    devices = [each.devices for each in engines]
    counted = [count for count in devices if count is not None]
    if engines and len(counted) == len(devices) and sum(counted):
        yield plural(sum(counted), "device")
    yield from labels.few(dict.fromkeys(host for each in models for host in each.hosts))


def _pod(pods: Pods) -> str:
    return f"{pods.object.document.file}: {pods.object} {field_path(pods.at.path)}"


def _within(owner: KubeObject, at: Cursor) -> str:
    """A place's path in its object, as findings have it."""
    return field_path(at.path[len(owner.root.path) :])
