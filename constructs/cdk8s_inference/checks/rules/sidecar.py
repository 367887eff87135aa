"""The pd-sidecar: its ports, its connector, its flags."""

from __future__ import annotations

from collections.abc import Iterator

from cdk8s_inference.checks.assumed_release import assumed_releases
from cdk8s_inference.checks.rule import rule
from cdk8s_inference.findings import Violation
from cdk8s_inference.findings.evidence import SEEN_RUN
from cdk8s_inference.findings.example import REMOVED, Edit, breaks, manifests
from cdk8s_inference.releases import ROUTER
from cdk8s_inference.releases.connector import Connector
from cdk8s_inference.servers.sglang import DEFAULT_BOOTSTRAP_PORT
from cdk8s_inference.source import has_placeholder
from cdk8s_inference.topology import Engine, Pods, Sidecar, SourceValue, Topology
from cdk8s_inference.topology.engine import ports_from

_ARGS = "spec.template.spec.initContainers[0].args"


def _pairs(topology: Topology) -> Iterator[tuple[Pods, Sidecar, Engine]]:
    for pods in topology.pods:
        if pods.sidecar is not None and pods.engine is not None:
            yield pods, pods.sidecar, pods.engine


@rule(
    "T201",
    "error",
    "The sidecar forwards to a port where no engine listens",
    why="Every request is answered 503, long ones after they were prefilled.",
    evidence=f"{SEEN_RUN} The default moved from 8001 to 8200 in v0.10.0.",
    fix="set the sidecar's port flag to the engine's --port: --model-server-port, before "
    "v0.10.0 --vllm-port",
    example=breaks("disaggregated", "Deployment/decode", f"{_ARGS}[1]", "--model-server-port=8200"),
)
def engine_port(topology: Topology) -> Iterator[Violation]:
    for _, sidecar, engine in _pairs(topology):
        port = sidecar.engine_port
        if port is None or engine.port is None:
            continue
        if port.value == engine.port.value:
            yield from _silent_ranks(sidecar, engine, port)
            continue
        taken = sidecar.ports and engine.port.value in sidecar.ports
        yield Violation(
            port,
            f"the sidecar forwards to {port.value}, but the engine listens on {engine.port.value}",
            engine.port,
            fix=f"set the engine's --port to {port.value}: the sidecar itself listens on "
            f"{engine.port.value}"
            if taken
            else None,
        )


def _silent_ranks(sidecar: Sidecar, engine: Engine, port: SourceValue[int]) -> Iterator[Violation]:
    """Ranks of a sidecar behind which no rank of the engine listens."""
    listening = set(engine.ports)
    silent = set(ports_from(port.value, sidecar.ranks)) - listening
    known = engine.is_started_as_written and engine.local_ranks is not None
    # A port that both take is told by itself.
    if silent and known and not listening & set(sidecar.ports):
        yield Violation(
            sidecar.flag("data-parallel-size"),
            f"the sidecar forwards to {port.value} to {max(silent)}, but the engine listens on "
            f"{port.value} to {max(listening)}",
            engine.port,
            fix="set the sidecar's --data-parallel-size to the ranks of the engine, each of which "
            "listens on a port with --data-parallel-multi-port-external-lb",
        )


@rule(
    "T202",
    "error",
    "The sidecar and the engine listen on the same port",
    why="The second of them does not start, or requests bypass the sidecar: 503.",
    evidence=SEEN_RUN,
    fix="keep the pool's port for the sidecar, and set the engine's --port to another",
    example=breaks(
        "disaggregated",
        "Deployment/decode",
        f"{_ARGS}[4]",
        "--data-parallel-size=2",
    ),
)
def same_port(topology: Topology) -> Iterator[Violation]:
    for _, sidecar, engine in _pairs(topology):
        shared = set(sidecar.ports) & set(engine.ports)
        if shared and engine.port is not None and sidecar.port is not None:
            yield Violation(
                engine.port,
                f"the engine takes port {min(shared)}, and so does the sidecar",
                sidecar.port,
            )


@rule(
    "T203",
    "error",
    "The sidecar serves TLS to a gateway that uses plain HTTP",
    why="Every request is answered 400, and the picker cannot scrape the engine's metrics.",
    evidence=f"{SEEN_RUN} --secure-proxy is true unless it is given.",
    fix="set --secure-proxy=false, or add a BackendTLSPolicy for the pool",
    example=breaks("disaggregated", "Deployment/decode", f"{_ARGS}[3]", "--secure-proxy=true"),
)
def secure_proxy(topology: Topology) -> Iterator[Violation]:
    pickers = [pool.service.object.name for pool in topology.pools if pool.service is not None]
    # Istio's rule of the picker says nothing of the pods that it picks.
    others = [
        found
        for found in topology.of_kind("DestinationRule")
        if (found.at("spec", "host").text or "").partition(".")[0] not in pickers
    ]
    if others or topology.of_kind("BackendTLSPolicy"):
        return
    for pods, sidecar, _ in _pairs(topology):
        secure = sidecar.switch("secure-proxy")
        pool = next((pool for pool in topology.pools if pods in pool.members), None)
        if secure.value and pool is not None and not _is_tls(pool.members):
            yield Violation(
                secure,
                "the sidecar serves TLS, but gateway and picker speak plain HTTP to the pool",
                pool.here,
            )


def _is_tls(members: tuple[Pods, ...]) -> bool:
    """Whether the engines serve TLS themselves, so that the whole pool is meant to."""
    engines = [each.engine for each in members if each.engine]
    return any(
        each.flag(each.names.certificate, each.names.certificate_key) is not None
        for each in engines
    )


@rule(
    "T204",
    "error",
    "The sidecar's release does not define a flag",
    why="The sidecar exits with status 2, and its pod never becomes ready.",
    evidence="Every flag of each release, as run; llm-d/llm-d-router#2054.",
    fix="remove the flag, or use its name in this release",
    example=breaks("disaggregated", "Deployment/decode", f"{_ARGS}[4]", "--secure-serving=false"),
)
def unknown_flag(topology: Topology) -> Iterator[Violation]:
    for pods in topology.pods:
        sidecar = pods.sidecar
        if sidecar is None or sidecar.match.assumed is not None:
            continue  # T207 says so, once for the image.
        for refused in sidecar.refused:
            yield Violation(
                refused.use.value,
                f"{sidecar.release.title} takes no flag {refused.use.written}{refused.hint}",
                sidecar.container.image,
                refused.instead,
            )


@rule(
    "T205",
    "error",
    "The sidecar's release has no such connector",
    why="The sidecar exits with status 0 right after it started; every request is answered 503.",
    evidence=SEEN_RUN,
    fix="choose a connector of the release",
    example=breaks("disaggregated", "Deployment/decode", f"{_ARGS}[2]", "--kv-connector=nixl"),
)
def unknown_connector(topology: Topology) -> Iterator[Violation]:
    for pods in topology.pods:
        sidecar = pods.sidecar
        if sidecar is None or has_placeholder(sidecar.connector.value):
            continue
        if sidecar.release.has_connector(sidecar.connector.value):
            continue
        known = ", ".join(each.name for each in sidecar.release.sidecar.connectors)
        yield Violation(
            sidecar.connector,
            f"connector {sidecar.connector.value!r} is not of {sidecar.release.title}, which has "
            f"{known}",
            sidecar.container.image,
            severity=sidecar.assumed_severity,
        )


@rule(
    "T206",
    "error",
    "The sidecar's connector does not match the engine's KV connector",
    why="Prefill and decode both run, with status 200, but no KV cache is transferred: decode "
    "computes the prompt again.",
    evidence=SEEN_RUN,
    fix="set --kv-connector to the connector that the engines use",
    example=breaks(
        "disaggregated", "Deployment/decode", f"{_ARGS}[2]", "--kv-connector=shared-storage"
    ),
)
def other_connector(topology: Topology) -> Iterator[Violation]:
    for _, sidecar, engine in _pairs(topology):
        name = sidecar.connector
        if not sidecar.release.has_connector(name.value):
            continue
        connector = sidecar.release.sidecar_connector(name.value)
        # A simulator answers whatever it is asked, and hands nothing over by any connector.
        if engine.kind not in (None, connector.engine) and not engine.is_simulator:
            yield Violation(
                name,
                f"connector {name.value!r} speaks to {connector.engine}, and the engine is "
                f"{engine.kind}",
                engine.container.here,
            )
        elif engine.connectors and not any(
            _speaks(engine, each, connector) for each in engine.connectors
        ):
            expected = ", ".join(connector.engine_connectors)
            yield Violation(
                name,
                f"connector {name.value!r} needs {expected}, and the engine hands over by "
                f"{', '.join(sorted(engine.connectors))}",
                engine.transfer.connector if engine.transfer else engine.transfer_flag,
            )


def _speaks(engine: Engine, name: str, connector: Connector) -> bool:
    """Whether an engine's connector is one that the sidecar's connector is for.

    One that is not known here, such as a plugin's, may be.
    """
    known = engine.server.connector(name) if engine.server else None
    if name in connector.engine_connectors:
        return True
    if known is None:
        return engine.transfer is not None and "kv_connector_module_path" in engine.transfer.written
    return known.protocol is not None and known.protocol == connector.name


@rule(
    "T207",
    "note",
    "The sidecar's release is not known",
    why="Flags and connectors change between releases. It is judged by the nearest release that "
    "is known, and what depends on the release is said as a note.",
    evidence=f"Releases as data: {ROUTER}.",
    fix="name a release by its tag, or check the sidecar's flags yourself",
    example=breaks(
        "disaggregated",
        "Deployment/decode",
        "spec.template.spec.initContainers[0].image",
        "ghcr.io/llm-d/llm-d-router-disagg-sidecar:latest",
    ),
)
def unknown_release(topology: Topology) -> Iterator[Violation]:
    yield from assumed_releases(pods.sidecar for pods in topology.pods if pods.sidecar)


@rule(
    "T208",
    "warning",
    "The sidecar and the picker are of different releases",
    why="The sidecar reads headers that the picker writes; both can change between releases.",
    evidence="llm-d releases them together; llm-d/llm-d-benchmark#862.",
    fix="use both images from the same release",
    example=manifests(
        "disaggregated",
        Edit(
            "Deployment/decode",
            "spec.template.spec.initContainers[0].image",
            "ghcr.io/llm-d/llm-d-router-disagg-sidecar:v0.9.0",
        ),
        Edit("Deployment/decode", f"{_ARGS}[1]", "--vllm-port=8001"),
    ),
)
def two_releases(topology: Topology) -> Iterator[Violation]:
    for pool in topology.pools:
        for pods in pool.members:
            sidecar, picker = pods.sidecar, pool.picker
            if sidecar is None or picker is None:
                continue
            if sidecar.match.assumed is not None or picker.match.assumed is not None:
                continue
            if sidecar.release is not picker.release:
                yield Violation(
                    sidecar.container.image,
                    f"the sidecar is {sidecar.release.title}, the picker {picker.release.title}",
                    picker.container.image,
                )


@rule(
    "T209",
    "error",
    "A sidecar is an init container without restartPolicy Always",
    why="The kubelet waits until the sidecar, or the Envoy beside a picker, ends before it starts "
    "the other containers: it never does.",
    evidence="Kubernetes: an init container stays beside the others with restartPolicy Always "
    "alone.",
    fix="set restartPolicy: Always",
    example=breaks(
        "disaggregated",
        "Deployment/decode",
        "spec.template.spec.initContainers[0].restartPolicy",
        "OnFailure",
    ),
)
def must_end(topology: Topology) -> Iterator[Violation]:
    found = [("the sidecar", each.sidecar.container) for each in topology.pods if each.sidecar]
    found += [("Envoy", each.container) for each in topology.envoys]
    for what, container in found:
        if not container.stays:
            at = container.at["restartPolicy"]
            yield Violation(
                container.object.value_at(at, at.text),
                f"{what} is an init container that never ends",
            )


@rule(
    "T210",
    "warning",
    "The sidecar stops before the engine",
    why="On SIGTERM the sidecar exits within 30 ms and cuts every stream of its pod.",
    evidence=SEEN_RUN,
    fix="make it a native sidecar (an init container with restartPolicy: Always), or add a "
    "preStop hook that waits",
    example=manifests(
        "disaggregated",
        Edit("Deployment/decode", "spec.template.spec.initContainers", REMOVED),
        Edit(
            "Deployment/decode",
            "spec.template.spec.containers[1]",
            {
                "name": "pd-sidecar",
                "image": "ghcr.io/llm-d/llm-d-router-disagg-sidecar:v0.10.0",
                "args": [
                    "--port=8000",
                    "--model-server-port=8001",
                    "--kv-connector=nixlv2",
                    "--secure-proxy=false",
                ],
            },
        ),
    ),
)
def stops_first(topology: Topology) -> Iterator[Violation]:
    for pods in topology.pods:
        sidecar = pods.sidecar
        if sidecar is None or "initContainers" in sidecar.container.at.path:
            continue
        if not sidecar.container.at.at("lifecycle", "preStop").present:
            yield Violation(
                sidecar.container.here, "the sidecar is an ordinary container without preStop hook"
            )


@rule(
    "T211",
    "error",
    "The sidecar expects TLS from a prefill engine that serves plain HTTP",
    why="Every prefill call fails: requests are answered 502, or served decode-only.",
    evidence="The sidecar's --enable-tls=prefiller, and its older --prefiller-use-tls.",
    fix="set --ssl-certfile and --ssl-keyfile on the prefill engine, or remove the flag",
    example=breaks("disaggregated", "Deployment/decode", f"{_ARGS}[4]", "--enable-tls=prefiller"),
)
def prefill_tls(topology: Topology) -> Iterator[Violation]:
    for pool in topology.pools:
        for decode in pool.decode:
            sidecar = decode.sidecar
            if sidecar is None:
                continue
            wanted = sidecar.flag("enable-tls")
            if "prefiller" not in wanted.value.split(","):
                wanted = sidecar.flag("prefiller-use-tls")
                if wanted.value != "true":
                    continue
            for prefill in pool.prefill:
                engine = prefill.engine
                if engine and engine.flag(engine.names.certificate) is None:
                    yield Violation(
                        wanted,
                        f"the sidecar calls prefill by TLS, but {prefill.object} serves plain HTTP",
                        engine.container.here,
                    )


@rule(
    "T212",
    "error",
    "The sidecar and the prefill engine use different bootstrap ports",
    why="Decode asks a port without a listener, and answers 500 after 15 seconds.",
    evidence="SGLang: --disaggregation-bootstrap-port of prefill, SGLANG_BOOTSTRAP_PORT of the "
    "sidecar; both 8998 by default. 500 was seen with SGLang v0.5.23.",
    fix="set SGLANG_BOOTSTRAP_PORT on the sidecar to the prefill engine's port",
    example=breaks(
        "sglang",
        "Deployment/prefill",
        "spec.template.spec.containers[0].args[6]",
        "--disaggregation-bootstrap-port=9998",
    ),
)
def bootstrap_port(topology: Topology) -> Iterator[Violation]:
    for pool in topology.pools:
        for decode in pool.decode:
            sidecar = decode.sidecar
            if sidecar is None or sidecar.connector.value != "sglang":
                continue
            connector = sidecar.release.sidecar_connector("sglang")
            variable = sidecar.container.environment.get(connector.bootstrap_port_env or "")
            expected = variable.value if variable else str(connector.bootstrap_port)
            for prefill in pool.prefill:
                engine = prefill.engine
                if engine is None or engine.kind != "sglang":
                    continue
                given = engine.flag(engine.names.bootstrap_port)
                listens = given.value if given else str(DEFAULT_BOOTSTRAP_PORT)
                if expected is not None and listens != expected:
                    yield Violation(
                        given or engine.container.here,
                        f"prefill listens for bootstrap on {listens}, and the sidecar says "
                        f"{expected}",
                        variable or sidecar.container.here,
                    )


@rule(
    "T213",
    "error",
    "SSRF protection of the sidecar has no pool to check targets against",
    why="With --enable-ssrf-protection and without a pool it does not start.",
    evidence="The sidecar's allow list; seen in its sources.",
    fix="set --inference-pool=NAMESPACE/NAME, and allow the pod's account to read pods and pools",
    example=breaks(
        "disaggregated", "Deployment/decode", f"{_ARGS}[4]", "--enable-ssrf-protection=true"
    ),
)
def no_pool_to_check(topology: Topology) -> Iterator[Violation]:
    for pods in topology.pods:
        sidecar = pods.sidecar
        if sidecar is None or not sidecar.switch("enable-ssrf-protection").value:
            continue
        named = sidecar.flag("inference-pool", "inference-pool-name").value
        if not named and "INFERENCE_POOL" not in sidecar.container.environment:
            yield Violation(
                sidecar.switch("enable-ssrf-protection"), "there is no --inference-pool to check by"
            )
