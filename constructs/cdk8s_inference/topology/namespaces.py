"""Which namespace objects go to that name none: the one of the objects that they belong to."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from cdk8s_inference.servers.command_line import uses
from cdk8s_inference.source import Cursor, Document, has_placeholder

Labels = Mapping[str, str]

_NAMED_BY_KEY = {
    "serviceAccountName": "ServiceAccount",
    "secretName": "Secret",
    "claimName": "PersistentVolumeClaim",
    "resourceClaimName": "ResourceClaim",
    "resourceClaimTemplateName": "ResourceClaimTemplate",
}
"""Fields that hold a name, and the kind of what it names."""

_REFERENCES = {
    "configMap": "ConfigMap",
    "configMapRef": "ConfigMap",
    "configMapKeyRef": "ConfigMap",
    "secretRef": "Secret",
    "secretKeyRef": "Secret",
    "backendRefs": "Service",
    "endpointPickerRef": "Service",
    "extensionRef": "Service",
    "parentRefs": "Gateway",
    "scaleTargetRef": "Deployment",
    "targetRef": "Deployment",
    "targetRefs": "Deployment",
    "roleRef": "Role",
    "subjects": "ServiceAccount",
}
"""Fields that hold references, and the kind of what they name where they do not say."""

_POOL_NAMESPACE = ("--pool-namespace", "-pool-namespace", "--poolNamespace", "-poolNamespace")
"""The picker's flag, in the spellings of its releases."""

_SELECTING = ("Service", "InferencePool", "PodDisruptionBudget", "ServiceMonitor", "PodMonitor")

CLUSTER_SCOPED = frozenset(
    {
        *("APIService", "ClusterIssuer", "ClusterPolicy", "ClusterQueue", "ClusterRole"),
        *("ClusterRoleBinding", "ClusterServingRuntime", "CustomResourceDefinition"),
        *(
            "DeviceClass",
            "GatewayClass",
            "IngressClass",
            "MutatingWebhookConfiguration",
            "Namespace",
        ),
        *("Namespace", "Node", "PersistentVolume", "PriorityClass", "ResourceFlavor"),
        *("ResourceSlice", "RuntimeClass", "StorageClass", "ValidatingAdmissionPolicy"),
        *("ValidatingAdmissionPolicyBinding", "ValidatingWebhookConfiguration"),
    }
)
"""Kinds without a namespace."""


@dataclass(frozen=True, eq=False)
class _Member:
    """An object, as far as it tells where it belongs.

    Attributes:
        index: Its position among the objects.
        file: The file that it was read from.
        root: Where it starts.
    """

    index: int
    file: str | None
    root: Cursor

    @cached_property
    def kind(self) -> str:
        return self.root["kind"].text or ""

    @cached_property
    def key(self) -> tuple[str, str]:
        return self.kind, self.root.at("metadata", "name").text or ""

    @cached_property
    def namespace(self) -> str | None:
        return self.root.at("metadata", "namespace").text or self._pool_namespace

    @property
    def _pool_namespace(self) -> str | None:
        """Where a picker looks for its pool: a gateway asks it in the pool's namespace alone."""
        containers = self.root.at("spec", "template", "spec", "containers")
        for container in containers.items():
            for use in uses(None, container["args"].strings, *_POOL_NAMESPACE):
                return None if not use.value or has_placeholder(use.value) else use.value
        return None

    @cached_property
    def pod_labels(self) -> list[Labels]:
        """The labels of its pods, for each template in it."""
        spec = self.root["spec"]
        gang = spec["leaderWorkerTemplate"]
        templates = (spec["template"], gang["leaderTemplate"], gang["workerTemplate"])
        found = (_strings(each.at("metadata", "labels")) for each in templates)
        return [labels for labels in found if labels]

    @cached_property
    def selector(self) -> Labels:
        """The labels by which it selects pods."""
        if self.kind not in _SELECTING:
            return {}
        at = self.root.at("spec", "selector")
        return _strings(at["matchLabels"] if at["matchLabels"].present else at)

    def references(self) -> Iterator[tuple[str, str, str | None]]:
        """The kinds and names that it refers to, and their namespaces where it says them."""
        for at in self.root["spec"].descendants():
            yield from _references(at)
        yield from _references(self.root)


def _references(at: Cursor) -> Iterator[tuple[str, str, str | None]]:
    for key, child in at.fields():
        if key in _NAMED_BY_KEY and child.text:
            yield _NAMED_BY_KEY[key], child.text, None
        elif key in _REFERENCES:
            for each in child.items() if isinstance(child.value, list) else (child,):
                name = each["name"].text
                if name:
                    yield each["kind"].text or _REFERENCES[key], name, each["namespace"].text


def _strings(at: Cursor) -> dict[str, str]:
    return {key: child.text for key, child in at.fields() if child.text is not None}


def inferred_namespaces(found: Sequence[tuple[Document, Cursor]]) -> list[str]:
    """The namespace that each object goes to where it names none, in their order.

    Charts name the release's namespace in some objects and leave it out of others, for Helm or
    ``kubectl apply --namespace`` to add. Where all that are named are one and the same, it is that
    of the others too. Of several, an object's is the one that is named among the objects that it is
    connected with: by a name, or by the labels of a selector. Otherwise it is ``default``.
    """
    members = [_Member(index, doc.file, root) for index, (doc, root) in enumerate(found)]
    named = {each.namespace for each in members if each.namespace}
    if len(named) < 2:
        return [named.pop() if named else "default"] * len(members)
    if all(each.namespace for each in members):
        return ["default"] * len(members)
    return _connected(members)


def _connected(members: Sequence[_Member]) -> list[str]:
    home = [each.namespace for each in members]
    parent = list(range(len(members)))

    def root(index: int) -> int:
        while parent[index] != index:
            parent[index] = parent[parent[index]]
            index = parent[index]
        return index

    by_key: dict[tuple[str, str], list[_Member]] = defaultdict(list)
    by_label: dict[tuple[str, str], list[_Member]] = defaultdict(list)
    for each in members:
        by_key[each.key].append(each)
        for pair in {pair for labels in each.pod_labels for pair in labels.items()}:
            by_label[pair].append(each)
    names: dict[int, set[str]] = defaultdict(set)
    for each in members:
        if each.kind in CLUSTER_SCOPED and not each.namespace:
            continue
        for kind, name, namespace in each.references():
            targets = _near(each, by_key.get((kind, name), ()), namespace)
            for target in targets:
                if namespace is None:
                    parent[root(target.index)] = root(each.index)
                elif target.namespace is None:
                    names[target.index].add(namespace)
        for target in _near(each, _selected(each.selector, by_label), None):
            parent[root(target.index)] = root(each.index)
    groups: dict[int, set[str]] = defaultdict(set)
    for each in members:
        own = {each.namespace} if each.namespace else names[each.index]
        groups[root(each.index)] |= own
    for each in members:
        known = groups[root(each.index)]
        if home[each.index] is None and len(known) == 1:
            (home[each.index],) = known
    return [each or "default" for each in home]


def _selected(selector: Labels, by_label: Mapping[tuple[str, str], list[_Member]]) -> list[_Member]:
    if not selector:
        return []
    fewest = min((by_label.get(pair, []) for pair in selector.items()), key=len)
    return [
        each
        for each in fewest
        if any(selector.items() <= labels.items() for labels in each.pod_labels)
    ]


def _near(owner: _Member, targets: Sequence[_Member], namespace: str | None) -> Sequence[_Member]:
    """Those of some objects of one name that an object means, where their namespaces do not say.

    None where one of its own namespace is among them. Those of its own file come first.
    """
    wanted = namespace or owner.namespace
    if wanted is not None:
        if any(each.namespace == wanted for each in targets):
            return ()
        targets = [each for each in targets if each.namespace is None]
    elif any(each.namespace is None for each in targets):
        targets = [each for each in targets if each.namespace is None]
    elif len(targets) > 1:
        return ()
    own = [each for each in targets if each.file == owner.file]
    return own or targets
