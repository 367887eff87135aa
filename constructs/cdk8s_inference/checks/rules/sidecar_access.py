"""The pd-sidecar's own check of its targets, and the connector for encoded images."""

from __future__ import annotations

from collections.abc import Iterator

from cdk8s_inference.checks.rule import rule
from cdk8s_inference.findings import Violation
from cdk8s_inference.findings.example import Edit, breaks, manifests
from cdk8s_inference.source import Cursor, has_placeholder
from cdk8s_inference.topology import Pods, Sidecar, SourceValue, Topology

_DECODE = "Deployment/decode"
_POD = "spec.template.spec"
_ARGS = f"{_POD}.initContainers[0].args"
_GUARDED = (
    Edit(_DECODE, f"{_ARGS}[4]", "--enable-ssrf-protection=true"),
    Edit(_DECODE, f"{_ARGS}[5]", "--inference-pool=llm/qwen"),
)
_ALLOWED = (
    Edit(_DECODE, f"{_POD}.serviceAccountName", "qwen-epp"),
    Edit("Role/qwen-epp", "rules[0].verbs", ["get", "list", "watch"]),
    Edit("Role/qwen-epp", "rules[1].verbs", ["get", "list", "watch"]),
)
_SOURCE = (
    "Read in the sidecar's sources: with --enable-ssrf-protection it lists and watches its pool "
    "and the pool's pods, and refuses any other target."
)
_BEFORE = "ghcr.io/llm-d/llm-d-router-{}:v0.9.0"
_V1_GROUP = "inference.networking.k8s.io"
_TOKEN = "/var/run/secrets/kubernetes.io/serviceaccount"


def _guarded(topology: Topology) -> Iterator[tuple[Pods, Sidecar, SourceValue[bool]]]:
    """The sidecars that check their targets."""
    for pods in topology.pods:
        if pods.sidecar is not None:
            switch = pods.sidecar.switch("enable-ssrf-protection")
            if switch.value:
                yield pods, pods.sidecar, switch


@rule(
    "T214",
    "error",
    "The sidecar may not read the pool that it checks targets by",
    why="It knows no pod of the pool, and refuses every prefill target.",
    evidence=f"{_SOURCE} Where roles of the account were not read, this is a warning.",
    fix="bind the pod's ServiceAccount to a Role that allows get, list and watch for pods and "
    "inferencepools",
    example=manifests(
        "disaggregated",
        *_GUARDED,
        Edit(_DECODE, f"{_POD}.serviceAccountName", "qwen-epp"),
        Edit("Role/qwen-epp", "rules[0].verbs", ["list", "watch", "get"]),
    ),
    after=("T213",),
)
def no_permission(topology: Topology) -> Iterator[Violation]:
    for pods, sidecar, switch in _guarded(topology):
        account, namespace = pods.account, pods.object.namespace
        access = topology.access(namespace, account.value)
        missing = access.lacks(sidecar.release.sidecar.ssrf_protection)
        if not missing or not (access.roles or access.beside or topology.complete):
            continue
        known = access.roles and (topology.complete or not access.unread)
        yield Violation(
            account,
            f"ServiceAccount {namespace}/{account.value} may not get, list and watch "
            f"{', '.join(missing)}",
            access.roles[0].object.here if access.roles else switch,
            severity=sidecar.assumed_severity or (None if known else "warning"),
        )


@rule(
    "T215",
    "error",
    "The sidecar checks targets by another pool",
    why="Prefill pods are in no pool that it knows, and every prefill target is refused.",
    evidence=_SOURCE,
    fix="set --inference-pool to NAMESPACE/NAME of the pool that selects prefill and decode",
    example=manifests(
        "disaggregated",
        _GUARDED[0],
        Edit(_DECODE, f"{_ARGS}[5]", "--inference-pool=llm/qwen2"),
        *_ALLOWED,
    ),
)
def other_pool(topology: Topology) -> Iterator[Violation]:
    for pods, sidecar, _ in _guarded(topology):
        named = sidecar.flag("inference-pool")
        own = [pool for pool in topology.inference_pools if pods in pool.members]
        known = {f"{pool.object.namespace}/{pool.object.name}" for pool in own}
        if not named.value or has_placeholder(named.value) or "$" in named.value or not own:
            continue
        full = named.value if "/" in named.value else f"{pods.object.namespace}/{named.value}"
        if full not in known:
            yield Violation(
                named, f"it checks by {named.value!r}, and {own[0].object} has its pod", own[0].here
            )


@rule(
    "T216",
    "error",
    "The sidecar has no token to read the pool with",
    why="It cannot read the pool, and refuses every prefill target.",
    evidence=_SOURCE,
    fix="set automountServiceAccountToken: true, or mount a projected token for the sidecar alone",
    example=manifests(
        "disaggregated",
        *_GUARDED,
        Edit(_DECODE, f"{_POD}.automountServiceAccountToken", False),
        *_ALLOWED,
    ),
)
def no_token(topology: Topology) -> Iterator[Violation]:
    for pods, sidecar, switch in _guarded(topology):
        at = pods.at.at("spec", "automountServiceAccountToken")
        account = topology.find("ServiceAccount", pods.object.namespace, pods.account.value)
        of_account = None if account is None else account.at("automountServiceAccountToken").value
        mounted = at.value if at.value is not None else of_account
        own = [
            mount
            for mount in sidecar.container.at["volumeMounts"].items()
            if (mount["mountPath"].text or "").rstrip("/") == _TOKEN
        ]
        if mounted is False and not own:
            yield Violation(
                pods.object.value_at(at, False),
                f"no token is mounted at {_TOKEN} of container {sidecar.container.name!r}",
                switch,
            )
        for volume in pods.at.at("spec", "volumes").items() if own else ():
            held = _files(volume)
            lacking = [] if held is None else [each for each in _NEEDED if each not in held]
            if volume["name"].text == own[0]["name"].text and lacking:
                yield Violation(
                    pods.object.value_at(volume, None),
                    f"the volume at {_TOKEN} has no {' and no '.join(lacking)}",
                    switch,
                )


_NEEDED = ("token", "ca.crt")
"""Files by which a client in a pod reaches the API server."""


def _files(volume: Cursor) -> set[str] | None:
    """The files that a projected volume holds, as far as a token's; None for any other volume."""
    if not volume["projected"].present:
        return None if any(key != "name" for key, _ in volume.fields()) else set()
    found: set[str] = set()
    for source in volume.at("projected", "sources").items():
        found.add(source.at("serviceAccountToken", "path").text or "")
        for kind in ("configMap", "secret"):
            items = list(source.at(kind, "items").items())
            found |= {item["path"].text or "" for item in items}
            if source[kind].present and not items:  # All of its keys, which were not read.
                found |= {"ca.crt"}
    return found


@rule(
    "T217",
    "error",
    "The sidecar's release has no such connector for encoders",
    why="The sidecar exits when it starts, or images are not encoded apart.",
    evidence="Read in the sources of llm-d's router v0.8.0 to v0.10.0: values of --ec-connector.",
    fix="choose a connector of the release",
    example=breaks("disaggregated", _DECODE, f"{_ARGS}[4]", "--ec-connector=ec-mooncake"),
)
def unknown_encoder_connector(topology: Topology) -> Iterator[Violation]:
    for pods in topology.pods:
        sidecar = pods.sidecar
        if sidecar is None:
            continue
        name = sidecar.flag("ec-connector")
        if not name.value or has_placeholder(name.value):
            continue
        if not sidecar.release.has_encoder_connector(name.value):
            known = ", ".join(sidecar.release.sidecar.encoder_connectors)
            yield Violation(
                name,
                f"connector {name.value!r} is not of {sidecar.release.title}, which has {known}",
                sidecar.container.image,
                severity=sidecar.assumed_severity,
            )


@rule(
    "T218",
    "error",
    "The sidecar's release checks no target by an InferencePool of v1",
    why="It knows no pod of the pool, and refuses every prefill target with status 403.",
    evidence="Read in the sources of llm-d's router v0.8.0 to v0.10.0: before v0.10.0 the sidecar "
    "takes spec.selector for the labels themselves, as they are in v1alpha2. v0.8.0 and v0.10.0 "
    "seen run.",
    fix="run the sidecar of router v0.10.0, or remove --enable-ssrf-protection",
    example=manifests(
        "disaggregated",
        *_GUARDED,
        Edit(_DECODE, f"{_POD}.initContainers[0].image", _BEFORE.format("disagg-sidecar")),
        Edit(
            "Deployment/qwen-epp", f"{_POD}.containers[0].image", _BEFORE.format("endpoint-picker")
        ),
        Edit(_DECODE, f"{_ARGS}[1]", "--vllm-port=8001"),
        *_ALLOWED,
    ),
)
def refuses_all(topology: Topology) -> Iterator[Violation]:
    for _, sidecar, switch in _guarded(topology):
        group = sidecar.flag("pool-group").value
        if group == _V1_GROUP and not sidecar.release.sidecar.guards_v1_pools:
            yield Violation(
                switch,
                f"{sidecar.release.title} does not find the pods of a pool of {_V1_GROUP}",
                sidecar.container.image,
                severity=sidecar.assumed_severity,
            )
