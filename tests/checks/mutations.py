"""Deployments that work, broken in one place after the other: every scalar that serving reads."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

import yaml

from cdk8s_inference import RouterRelease
from cdk8s_inference.findings import Finding, Path, field_path
from tests.checks.rendered import Json, found, rendered

GATEWAY: Json = {
    "apiVersion": "gateway.networking.k8s.io/v1",
    "kind": "Gateway",
    "metadata": {"name": "inference-gateway", "namespace": "modelplane-system"},
    "spec": {
        "gatewayClassName": "envoy",
        "listeners": [
            {
                "name": "http",
                "port": 80,
                "protocol": "HTTP",
                "allowedRoutes": {"namespaces": {"from": "All"}},
            }
        ],
    },
}

_GATEWAY_CLASSES = {"agentgateway": "agentgateway", "gke": "gke-l7-regional-external-managed"}


def gateways(shape: str) -> list[Json]:
    """The Gateway that a shape's routes attach to, of the provider that it is composed for."""
    if shape == "standalone":
        return []
    gateway = deepcopy(GATEWAY)
    name = _GATEWAY_CLASSES.get(shape, "istio" if shape.startswith("istio") else "envoy")
    gateway["spec"]["gatewayClassName"] = name
    return [gateway]


_CONTAINER = r".*(containers|initContainers)\[\d+\]\."
READ = re.compile(
    "|".join(
        (
            r"(InferencePool|HTTPRoute|Service|Deployment|LeaderWorkerSet|ConfigMap|Role"
            r"|RoleBinding|ServiceAccount|ResourceClaimTemplate):metadata\.namespace",
            r"(InferencePool|Service|ConfigMap|Role|ServiceAccount|ResourceClaimTemplate)"
            r":metadata\.name",
            r"InferencePool:spec\..*",
            r"HTTPRoute:spec\.(parentRefs\[0\]\.(name|namespace|kind)|rules\[0\]\.backendRefs.*"
            r"|rules\[0\]\.timeouts.*)",
            r"Service:spec\.(selector.*|ports\[0\]\.(port|targetPort))",
            r"(Deployment|LeaderWorkerSet):spec\.replicas",
            r"Deployment:spec\.selector\.matchLabels.*",
            r"LeaderWorkerSet:spec\.leaderWorkerTemplate\.size",
            r".*emplate\.metadata\.labels\[(llm-d\.ai/(role|engine-type)|cdk8s-inference/serves)\]",
            r"Deployment:.*emplate\.metadata\.labels\[cdk8s-inference/(engine|picker)\]",
            _CONTAINER + r"(image|args\[\d+\])",
            _CONTAINER + r"(startup|readiness|liveness)Probe\.(httpGet|grpc)\.(port|path|service)",
            _CONTAINER + r"resources\.claims\[\d+\]\.name",
            _CONTAINER + r"env\[VLLM_NIXL_SIDE_CHANNEL_HOST\].*",
            _CONTAINER + r"volumeMounts\[config\]\.(name|mountPath)",
            r".*initContainers\[\d+\]\.restartPolicy",
            r".*spec\.serviceAccountName",
            r".*spec\.resourceClaims\[\d+\]\.(name|resourceClaimTemplateName)",
            r".*spec\.volumes\[config\]\.(name|configMap\.name)",
            r"ResourceClaimTemplate:.*requests\[\d+\]\.exactly\.count",
            r"Role:rules.*",
            r"RoleBinding:(roleRef\.(name|kind)|subjects.*(name|namespace|kind))",
            r"ConfigMap:data.*",
        )
    )
)
"""What gateway, picker, sidecar, engines and kubelet read of these objects, to serve a request."""

IDLE = re.compile(
    "|".join(
        (
            # Marks for people, and for who lists objects.
            r"^\w+:metadata\.(labels|annotations)",
            r"emplate\.metadata\.(annotations|labels\[app\.kubernetes\.io)",
            r"^LeaderWorkerSet:.*emplate\.metadata\.labels\[cdk8s-inference/engine\]",
            # How a new revision of a gang is rolled out.
            r"rollingUpdateConfiguration\.",
            # The picker's metrics.
            r"^Service:spec\.ports\[1\](\.(port|targetPort))?$",
            # Names that no other object of the deployment refers to.
            r"^(Deployment|LeaderWorkerSet|RoleBinding|ClusterRole|ClusterRoleBinding|HTTPRoute"
            r"|PodDisruptionBudget|HealthCheckPolicy|GCPBackendPolicy|DestinationRule)"
            r":metadata\.name$",
            r"(requests|containers|initContainers|ports)\[\d+\]\.name$",
            # Ports that containers declare inform people; nothing listens because of them.
            r"ontainers\[\d+\]\.ports",
            # How often, how long, how much, and who goes first: not whether.
            r"(period|timeout|progressDeadline|minReady|terminationGracePeriod)Seconds$",
            r"failureThreshold$|spec\.strategy|initialDelay|preStop|lifecycle",
            r"resources(\.(requests|limits)(\.(cpu|memory))?)?$|timeoutSec$",
            # Hardening, of which less works as well; and what the cluster is like.
            r"ecurityContext|readOnly$|enableServiceLinks|setHostnameAsFQDN|tolerations|immutable",
            r"fsGroup|topologySpread|hostNetwork$|externalIPs",
            # One device needs no shared memory; weights come from their hub without a cache.
            r"\[(shm|model-cache)\]|volumeMounts(\[\d+\])?$|volumes(\[\d+\])?$",
            # Root has a home of its own in the engines' images.
            r"env\[(HOME|TORCHINDUCTOR_CACHE_DIR)\]|volumeMounts\[home\]",
            # The side channel has a port by default; MODELPLANE_* repeats what LWS says.
            r"env\[(VLLM_NIXL_SIDE_CHANNEL_PORT|MODELPLANE_LEADER_ADDRESS)\]",
            # Metrics, reviews of who may read them, events, and who may be evicted.
            r"^Cluster(Role|RoleBinding):|^PodDisruptionBudget:",
            # Any device of the class does for a model that asks for no more; and another address
            # of the route is an address all the same.
            r"exactly\.selectors|^HTTPRoute:spec\.rules\[0\]\.matches",
        )
    )
)
"""What no request depends on."""

HARMLESS = re.compile(
    "|".join(
        (
            # What the API server, LeaderWorkerSet or a program takes where nothing is said.
            r" Service .*:spec\.type -> None",
            r" HTTPRoute .*:spec\.parentRefs\[0\]\.group -> None",
            r" LeaderWorkerSet .*:spec\.(startupPolicy|networkConfig) -> None",
            r" LeaderWorkerSet .*:spec\.rolloutStrategy\.type -> None",
            r" Deployment .*resources\.requests\[.*\] -> None",
            r"env(\[SGLANG_BOOTSTRAP_PORT\](\.value)?)? -> None|-> SGLANG_BOOTSTRAP_PORTx",
            # A sidecar listens long before its engine, whose own probe says when the pod is ready;
            # a picker starts before its liveness probe has failed.
            r"(initContainers\[0\]|containers\[1\])\.readinessProbe -> None",
            r"containers\[1\]\.readinessProbe\.httpGet\.port -> 8001",
            r" Deployment .*-epp:.*startupProbe -> None",
            # The sidecar needs its pod's address for P2P pulls and data-parallel headers alone.
            r"initContainers\[0\]\.env(\[POD_IP\](\.name)?)? -> (None|POD_IPx)",
            # An encode engine hands no KV cache over, and no handshake compares its release.
            r" Deployment .*-encode:.*(\[VLLM_NIXL_SIDE_CHANNEL_HOST\](\.name)?|\.env) -> ",
            r" Deployment .*-encode:.*\.image -> .*v0\.0\.1",
            # sh -cx runs the script and prints what it runs.
            r" -> -cx$",
            # GKE asks the serving port unless told otherwise.
            r" HealthCheckPolicy .*portSpecification -> None",
            # A client in a pod reads token and ca.crt; all keys of a ConfigMap are files.
            r"sources\[0\]\.serviceAccountToken\.expirationSeconds",
            r"sources\[1\]\.configMap\.items(\[0\])? -> None",
            r"sources\[2\](\.downwardAPI(\.items(\[0\])?)?)? -> ",
            r"sources\[2\]\..*path -> namespacex",
            # Nobody selects followers that serve nothing; where every pod serves, the leader is
            # one of them by the workers' template, and the rank is that of LeaderWorkerSet.
            r"^multi-node-leader-serves .*workerTemplate\.metadata(\.labels)? -> None",
            r"^multi-node-every-pod-serves .*(leaderTemplate -> None|env\[MODELPLANE_RANK\])",
            # The Envoy beside a picker asks it at 127.0.0.1, and no Service; and its own address
            # and port may be any. Any release of Envoy does, with the image's own entrypoint.
            r"^standalone Service gpt-oss-0-epp:",
            r"^standalone Service gpt-oss-0:(metadata\.name|spec\.ports\[0\]\.port) -> ",
            r"^standalone .*initContainers\[0\]\.(image|command(\[0\])?) -> (None|.*/envoy:)",
        )
    )
)
"""What no request depends on either: the shape and the object, the place, and the new value."""

IDLE_BOOTSTRAP = re.compile(
    r"circuit_breakers|stat_prefix|connect_timeout|route_config\.name|virtual_hosts\[\d+\]\.name"
    r"|listeners\[\d+\]\.name|filters\[\d+\]\.name|extensions\[\d+\]\.name|stream_idle_timeout"
    # The other header of a client that wants to name an address, and what only scrapers read.
    r"|mutations\[4\](\.remove)?: [Nx]|listeners\[1\]|load_assignment\.cluster_name|idle_timeout"
    r"|common_http_protocol_options: None"
    r"|\bhttp_protocol_options: None"
    # Without the picker's header the cluster has no address: failing open is failing closed.
    r"|failure_mode_allow"
    # What Envoy does by itself, or not at all.
    r"|(request|response)_header_mode: None|response_body_mode: None|\.type: None"
    r"|clusters\[0\]\.typed_extension_protocol_options(\.\w+|\[.*?\])?: None"
    # Hosts that end in x are still hosts.
    r"|domains\[0\]: \*x"
)
"""What no request depends on in Envoy's configuration."""

NOT_READ = frozenset(
    {
        # Programs take their metrics, profiles, traces and logs from these, and no request.
        "metrics-port",
        "metrics-endpoint-auth",
        "enable-pprof",
        "tracing",
        "v",
        "zap-log-level",
        # Whether experts are sharded as other weights; a guard that is off lets all through.
        "enable-expert-parallel",
        "enable-ssrf-protection",
        # How a program comes, and goes away.
        "disable-hot-restart",
        "drain-timeout",
        "shutdown-timeout",
    }
)


COMES_BY_ITSELF = ("max-score-picker", "approx-prefix-cache-producer")
"""Plugins that pickers add where they are left out; that v0.8.0 lacks the second is a test of the
observed configurations."""


SLIPS = re.compile(
    # A profile with one scorer less still disaggregates: it picks among equals by less.
    r"ConfigMap .* -- pluginRef: (prefix-cache|queue)-scorer"
    # A follower with an HTTP server that nobody asks.
    r"|workerTemplate.* ---headless$"
)
"""What is not noticed, and why that is so."""


@dataclass(frozen=True)
class Mutation:
    """One change of a deployment.

    Attributes:
        deployment: What is changed.
        object: Which object, by kind and name.
        path: Where.
        before: What stood there.
        after: What stands there now; None where it is taken away.
    """

    deployment: str
    object: str
    path: str
    before: str
    after: str | None

    def __str__(self) -> str:
        before = self.before if len(self.before) < 80 else "..."
        return f"{self.deployment}: {self.object} {self.path}: {before} -> {self.after}"


def mutants(
    shape: str, release: RouterRelease, *, every: bool = False
) -> Iterator[tuple[Mutation, list[Json]]]:
    """Each change of a shape, and the objects with it.

    Args:
        shape: The shape.
        release: The router's release.
        every: Every scalar and structure but those that no request depends on, and not only what
            is known to be read to serve one.
    """
    own = rendered(shape, release)
    objects = [*own, *gateways(shape)]
    name = f"{shape} {release.version}"
    for index, target in enumerate(own):
        owner = f"{target['kind']} {target['metadata']['name']}"
        for path, value in (*_scalars(target), *(_structures(target) if every else ())):
            shown = _named(target, path)
            place = f"{target['kind']}:{shown}"
            if IDLE.search(place) if every else not READ.fullmatch(place):
                continue
            structure = isinstance(value, (dict, list))
            for after in (None,) if structure else _other(value, shown, release):
                if _harmless(target, shown, value, after):
                    continue
                if every and HARMLESS.search(f"{shape} {owner}:{shown} -> {after}"):
                    continue
                changed = [*objects]
                changed[index] = deepcopy(target)
                _set(changed[index], path, after)
                text = None if after is None else str(after)
                yield (
                    Mutation(name, owner, shown, str(value), _difference(str(value), text)),
                    changed,
                )


_NOTES = ("T207", "T412", "T546")
"""Images of a release that is not known, and headers that llm-d's own chart does not remove."""


def caught(mutant: list[Json], baseline: list[Finding]) -> list[Finding]:
    """The errors, the warnings and some notes that the mutant has and the original has not."""
    before = {(each.code, each.message) for each in baseline}
    after = [each for each in found(mutant) if each.severity != "note" or each.code in _NOTES]
    return [each for each in after if (each.code, each.message) not in before]


def baseline(shape: str, release: RouterRelease) -> list[Finding]:
    return found([*rendered(shape, release), *gateways(shape)])


def _scalars(value: Any, path: Path = ()) -> Iterator[tuple[Path, Any]]:
    if isinstance(value, dict):
        for key, child in value.items():
            yield from _scalars(child, (*path, key))
    elif isinstance(value, list):
        for index, child in enumerate(value):
            yield from _scalars(child, (*path, index))
    elif value is not None:
        yield path, value


def _structures(value: Any, path: Path = ()) -> Iterator[tuple[Path, Any]]:
    """The mappings and lists in an object, below its kind and metadata."""
    for key, child in value.items() if isinstance(value, dict) else enumerate(value):
        if isinstance(child, (dict, list)) and (path or key != "metadata"):
            if child:
                yield (*path, key), child
            yield from _structures(child, (*path, key))


def _named(target: Json, path: Path) -> str:
    """The path, with items of a few lists by their names."""
    named: list[Any] = []
    value: Any = target
    for step in path:
        owner = named[-1] if named else None
        value = value[step]
        if owner in ("env", "volumes", "volumeMounts"):
            named.append(value.get("name", step))
        else:
            named.append(step)
    text = field_path(tuple(named))
    for owner in ("env", "volumes", "volumeMounts"):
        text = re.sub(rf"\.{owner}\.([\w-]+)", rf".{owner}[\1]", text)
    return text


def _harmless(target: Json, path: str, value: Any, after: Any) -> bool:
    """Whether serving goes on as before: what is left out has the same value by default."""
    if after is None and re.search(r"(failureMode|Ref\.kind|Refs\[0\]\.kind|targetPort)$", path):
        # Not of a RoleBinding, nor of a route's backend, which must say what they mean.
        return target["kind"] in ("InferencePool", "Service") or "parentRefs" in path
    if after is None and re.search(
        r"(imagePullPolicy|dnsPolicy|protocol|livenessProbe|restartPolicy|apiGroup)$", path
    ):
        return "initContainers" not in path or not path.endswith("restartPolicy")
    granted = re.match(r"rules\[(\d+)\]", path)
    if granted and "events" in target["rules"][int(granted[1])]["resources"]:
        return True  # Events are for people.
    if path.endswith("automountServiceAccountToken"):
        return after is True  # A token that nobody uses.
    if path.endswith("labels[llm-d.ai/role]") and after is None:
        return bool(value == "decode")  # Seen run: the picker takes it for decode.
    if path.endswith("grpc.service"):
        return "--ha-enable-leader-election" not in str(target)  # Any name does without leaders.
    if "initContainers" in path and path.endswith("Probe.httpGet.port"):
        return after is not None  # The engine's port then, which says more.
    if after is None and "--block-size" in str(value):
        return True  # Both sides then have the default.
    leader = "leaderTemplate" in path and isinstance(after, str)
    return leader and any(  # The leader's place is 0, which is the default.
        flag in value and flag not in after for flag in ("--node-rank", "--data-parallel-start")
    )


def _other(value: Any, path: str, release: RouterRelease) -> Iterator[Any]:
    """What else a scalar may be: another value, and nothing."""
    if path.startswith("data"):
        yield from _other_configs(value)
    elif re.search(r"args\[\d+\]$", path):
        yield from _other_arguments(value, release)
    elif isinstance(value, bool):
        yield not value
    elif isinstance(value, int):
        if path.endswith("replicas"):
            yield 0
            return
        yield value - 1 if path.endswith("count") else value + 1
        if not path.endswith("count"):
            yield None
    elif path.endswith("image"):
        name, _, _ = value.rpartition(":")
        yield f"{name}:v0.0.1"
        yield f"{name}:latest"
    elif path.endswith("timeouts.request"):
        yield "15s"
        yield None
    else:
        yield f"{value}x"
        if "metadata.name" not in path and "probe" not in path.lower():
            yield None


def _other_arguments(text: str, release: RouterRelease) -> Iterator[str | None]:
    """Each flag of an argument, or of a script, with another value, and without."""
    for match in re.finditer(
        r"(?<![^\s'])(--?[\w.-]+)(?:(=|\s+)('[^']*'|\$\(\([^()]*\)\)|[^\s'-][^\s']*|\{.*\}))?", text
    ):
        flag, joined, value = match[1], match[2], match[3]
        name = flag.lstrip("-")
        if name in NOT_READ:
            continue
        before, after = text[: match.start()], text[match.end() :]
        for other in _other_values(name, value):
            yield f"{before}{flag}{joined}{other}{after}"
        if not _is_default(name, value, release):
            rest = f"{before}{after}".strip()
            yield rest or None


def _other_values(name: str, value: str | None) -> Iterator[str]:
    if value is None:
        return
    bare = value.strip("'")
    if bare.startswith("{"):
        yield value.replace("NixlConnector", "MooncakeConnector")
        yield value.replace("{", "", 1)
    elif bare in ("true", "false"):
        yield "false" if bare == "true" else "true"
    elif bare.isdigit():
        yield str(int(bare) + 1) if not name.endswith("size") else str(int(bare) * 2)
    else:
        yield f"{bare}x"


def _is_default(name: str, value: str | None, release: RouterRelease) -> bool:
    """Whether a flag of picker or sidecar says what it is without it."""
    for program in ("picker", "sidecar"):
        known = release.flags(program).get(name)
        if known is not None:
            default = known.effective if known.effective is not None else known.default
            text = str(default).lower() if isinstance(default, bool) else str(default)
            return text == value
    return False


def _other_configs(text: str) -> Iterator[str]:
    """A configuration with one of its scalars changed, or one of its plugins left out."""
    config = yaml.safe_load(text)
    if "plugins" not in config:
        yield from _other_bootstraps(config)
        return
    for path, value in _scalars(config):
        key = path[-1]
        if key in ("weight", "maxPrefixTokensToMatch", "lruCapacityPerServer", "autoTune"):
            continue
        changed = deepcopy(config)
        if key == "nonCachedTokens":
            _set(changed, path, 0)
        elif key == "blockSizeTokens":
            continue
        elif isinstance(value, (int, bool)):
            _set(changed, path, not value if isinstance(value, bool) else value + 1)
        else:
            _set(changed, path, f"{value}x")
        yield yaml.safe_dump(changed, sort_keys=False)
    for index, plugin in enumerate(config["plugins"]):
        if plugin["type"] in COMES_BY_ITSELF:
            continue
        changed = deepcopy(config)
        del changed["plugins"][index]
        yield yaml.safe_dump(changed, sort_keys=False)
    for index, profile in enumerate(config["schedulingProfiles"]):
        changed = deepcopy(config)
        del changed["schedulingProfiles"][index]
        yield yaml.safe_dump(changed, sort_keys=False)
        for number, plugin in enumerate(profile["plugins"]):
            if plugin["pluginRef"] in COMES_BY_ITSELF:
                continue
            changed = deepcopy(config)
            del changed["schedulingProfiles"][index]["plugins"][number]
            yield yaml.safe_dump(changed, sort_keys=False)


def _other_bootstraps(config: Any) -> Iterator[str]:
    """An Envoy's configuration with one value changed or left out, or one part left out."""
    for path, value in _scalars(config):
        shown = field_path(path)
        if isinstance(value, bool):
            others: tuple[Any, ...] = (not value,)
        elif isinstance(value, int):
            others = (value + 1,)
        else:
            others = (_LASTS.get(str(value), f"{value}x"), None)
        for after in others:
            if IDLE_BOOTSTRAP.search(f"{shown}: {after}"):
                continue
            changed = deepcopy(config)
            _set(changed, path, after)
            yield yaml.safe_dump(changed, sort_keys=False)
    for path, _ in _structures(config):
        if not IDLE_BOOTSTRAP.search(f"{field_path(path)}: None"):
            changed = deepcopy(config)
            _set(changed, path, None)
            yield yaml.safe_dump(changed, sort_keys=False)


_LASTS = {"0s": "15s", "127.0.0.1": "127.0.0.2", "0.0.0.0": "127.0.0.1"}


def _set(target: Any, path: Path, value: Any) -> None:
    *parents, last = path
    for step in parents:
        target = target[step]
    if value is None:
        del target[last]
    else:
        target[last] = value


def _difference(before: str, after: str | None) -> str | None:
    """The lines of the value now that it did not have; for a long text the rest is no news."""
    if after is None or len(before) < 80:
        return after
    if "\n" not in after:
        old, new = before.split(), after.split()
        return " ".join(
            [*(f"+{w}" for w in new if w not in old), *(f"-{w}" for w in old if w not in new)]
        )
    old, new = before.splitlines(), after.splitlines()
    added = [f"+{line.strip()}" for line in new if line not in old]
    removed = Counter(line.strip() for line in old) - Counter(line.strip() for line in new)
    return " ".join([*added, *(f"-{line}" for line in removed)])
