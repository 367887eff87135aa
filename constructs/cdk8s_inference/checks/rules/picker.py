"""The endpoint picker: whether it is reached, picks from the pool, and starts."""

from __future__ import annotations

import re
from collections.abc import Iterator

from cdk8s_inference.checks.assumed_release import assumed_releases
from cdk8s_inference.checks.rule import rule
from cdk8s_inference.findings import Violation
from cdk8s_inference.findings.evidence import SEEN_RUN
from cdk8s_inference.findings.example import Edit, breaks, edited, manifests
from cdk8s_inference.releases import PICKERS
from cdk8s_inference.topology import Picker, Pool, Topology

_ARGS = "spec.template.spec.containers[0].args"


_PICKER = "Deployment/qwen-epp"
_APART = """\
apiVersion: llm-d.ai/v1alpha1
kind: EndpointPickerConfig
plugins:
  - type: prefill-filter
  - type: decode-filter
  - type: prefix-cache-scorer
  - type: max-score-picker
  - type: always-disagg-pd-decider
  - type: disagg-profile-handler
    parameters:
      deciders: {prefill: always-disagg-pd-decider}
schedulingProfiles:
  - name: prefill
    plugins:
      - pluginRef: prefill-filter
      - pluginRef: prefix-cache-scorer
      - pluginRef: max-score-picker
  - name: decode
    plugins:
      - pluginRef: decode-filter
      - pluginRef: prefix-cache-scorer
      - pluginRef: max-score-picker
"""
"""A configuration by which every prompt is prefilled apart, from v0.9.0 on."""


@rule(
    "T401",
    "error",
    "The pool's picker does not run",
    why="The gateway cannot reach a picker, and answers every request 500.",
    evidence=SEEN_RUN,
    fix="run the picker, with a Service of the name that the pool references",
    example=breaks("disaggregated", _PICKER, "spec.replicas", 0),
)
def no_picker(topology: Topology) -> Iterator[Violation]:
    for pool in topology.pools:
        name, picker = pool.picker_name, pool.picker
        if picker is not None and not pool.is_resource:
            if picker.pods.workload.copies.value == 0:
                yield Violation(picker.pods.workload.copies, f"{picker.object} has no copies")
            continue
        if name is None or picker is None:
            continue
        if pool.service is None and topology.services and _is_picked(pool, picker):
            found = ", ".join(service.object.name for service in topology.services)
            yield Violation(
                name,
                f"there is no Service {pool.object.namespace}/{name.value} in what was read, but "
                f"{found}, and {picker.object} picks from {pool.object}",
                picker.pods.here,
            )
        elif picker.pods.workload.copies.value == 0:
            yield Violation(picker.pods.workload.copies, f"{picker.object} has no copies", name)


def _is_picked(pool: Pool, picker: Picker) -> bool:
    """Whether a picker says that it picks from a pool, whatever Service the pool names."""
    same = picker.object.namespace == pool.object.namespace
    return same and picker.pool_name.value == pool.object.name


@rule(
    "T420",
    "warning",
    "The pool's picker was not read",
    why="Where it does not run, the gateway answers every request 500; whether it "
    "disaggregates stays unseen.",
    evidence="The pool names a Service that is not among what was read.",
    fix="check the pool together with its picker, or correct the name of the picker's Service",
    example=manifests(
        "disaggregated",
        added="""\
apiVersion: inference.networking.k8s.io/v1
kind: InferencePool
metadata: {name: llama, namespace: llm}
spec:
  selector: {matchLabels: {model: qwen}}
  targetPorts: [{number: 8000}]
  endpointPickerRef: {name: llama-epp, port: {number: 9002}}
""",
    ),
)
def picker_not_read(topology: Topology) -> Iterator[Violation]:
    for pool in topology.inference_pools:
        name, picker = pool.picker_name, pool.picker
        if name is None:
            continue
        service = f"Service {pool.object.namespace}/{name.value}"
        if pool.service is not None:
            if picker is None:
                yield Violation(
                    name,
                    f"{service} was read, but no picker that is known here behind it",
                    pool.service.object.here,
                    missing=not pool.service.backends,
                )
        elif picker is None or not topology.services or not _is_picked(pool, picker):
            others = [each.pods.here for each in topology.pickers[:1]]
            was = "".join(f"; {each.object} was" for each in others)
            yield Violation(name, f"{service} was not read{was}", others, missing=True)


@rule(
    "T402",
    "error",
    "The picker serves plain gRPC to a gateway that uses TLS",
    why="The gateway cannot reach the picker, and answers every request 500.",
    evidence=f"{SEEN_RUN} Envoy AI Gateway and agentgateway always speak TLS to it, and do not "
    "verify it.",
    fix="set --secure-serving=true, which is the default",
    example=breaks("disaggregated", _PICKER, f"{_ARGS}[3]", "--secure-serving=false"),
)
def plain_picker(topology: Topology) -> Iterator[Violation]:
    for pool in topology.inference_pools:
        picker = pool.picker
        if picker is None or picker.switch("secure-serving").value:
            continue
        if len(picker.pods.staying) == 1:
            yield Violation(
                picker.switch("secure-serving"),
                "the picker serves without TLS, and nothing says that the gateway does too",
                pool.picker_name,
            )


@rule(
    "T403",
    "error",
    "The picker's Service selects another pod",
    why="The gateway cannot reach a picker, and answers every request 500.",
    evidence=SEEN_RUN,
    fix="select the picker's pods, and no others, in the Service",
    example=breaks("disaggregated", "Service/qwen-epp", "spec.selector.app", "qwen"),
)
def service_selects(topology: Topology) -> Iterator[Violation]:
    for pool in topology.inference_pools:
        service, picker = pool.service, pool.picker
        if service is None or picker is None:
            continue
        if picker.pods not in service.backends:
            yield Violation(
                service.selector,
                f"{service.selector.value} does not match {picker.object}, which has "
                f"{dict(picker.pods.labels)}",
                picker.pods.here,
            )


@rule(
    "T404",
    "error",
    "The pool's port does not lead to the picker's",
    why="The gateway cannot reach the picker, and answers every request 500.",
    evidence=f"{SEEN_RUN} The picker listens on 9002 unless --grpc-port says otherwise.",
    fix="set endpointPickerRef.port to a port of the Service, and its targetPort to --grpc-port",
    example=breaks("disaggregated", "Service/qwen-epp", "spec.ports[0].port", 9003),
)
def service_port(topology: Topology) -> Iterator[Violation]:
    for pool in topology.inference_pools:
        service, picker, asked = pool.service, pool.picker, pool.picker_port
        if service is None or picker is None or picker.port is None or not service.backends:
            continue
        if asked is None:
            if len(service.ports) == 1:
                asked = pool.here.of(next(iter(service.ports)))
            elif 9002 in service.ports:
                asked = pool.here.of(9002)
            else:
                continue
        if asked.value not in service.ports:
            yield Violation(
                asked,
                f"{service.object} has no port {asked.value}; it has {sorted(service.ports)}",
                service.object.here,
            )
            continue
        target = service.ports[asked.value]
        if target is None or target.value != picker.port.value:
            named = service.target_names.get(asked.value)
            leads = f"port {target.value}" if target is not None else "no port"
            if target is None and named is not None:
                leads = f"{named.value!r}, which is the name of no port of the picker's containers"
            yield Violation(
                target or named or service.object.here,
                f"port {asked.value} leads to {leads}, but the picker listens on "
                f"{picker.port.value}",
                picker.port,
                fix=None
                if named is None
                else f"declare a container port named {named.value!r} with containerPort "
                f"{picker.port.value} in the picker, or set targetPort to {picker.port.value}",
            )


@rule(
    "T405",
    "error",
    "The picker is configured for another pool",
    why="It does not find its pool and never becomes ready: every request fails.",
    evidence="The picker's cache holds one pool of one namespace, in which its pods are too.",
    fix="set --pool-name and --pool-namespace to the pool that references this picker",
    example=breaks("disaggregated", _PICKER, f"{_ARGS}[0]", "--pool-name=quen"),
    after=("T440",),
)
def other_pool(topology: Topology) -> Iterator[Violation]:
    for pool in topology.inference_pools:
        picker = pool.picker
        if picker is None or "endpoint-selector" in picker.flags:
            continue
        if picker.pool_name.value != pool.object.name and "$" not in picker.pool_name.value:
            yield Violation(
                picker.pool_name,
                f"the picker picks from {picker.pool_name.value!r}, but {pool.object} names it",
                pool.picker_name,
            )
        namespace = picker.pool_namespace
        if namespace is not None and namespace.value != pool.object.namespace:
            yield Violation(
                namespace,
                f"the picker looks in namespace {namespace.value!r}, but {pool.object} names it",
                pool.picker_name,
            )


@rule(
    "T406",
    "error",
    "The picker's release does not define a flag",
    why="The picker exits, and every request is answered 500.",
    evidence="Every flag of each release, as run.",
    fix="remove the flag, or use its name in this release",
    example=breaks("disaggregated", _PICKER, f"{_ARGS}[3]", "--model-server-metrics-port=8000"),
)
def unknown_flag(topology: Topology) -> Iterator[Violation]:
    for picker in topology.pickers:
        if picker.match.assumed is not None:
            continue  # T412 says so, once for the image.
        for refused in picker.refused:
            yield Violation(
                refused.use.value,
                f"{picker.release.title} takes no flag {refused.use.written}{refused.hint}",
                picker.container.image,
                refused.instead,
            )


@rule(
    "T411",
    "warning",
    "Several pickers are active at once",
    why="Each of them only counts its own requests and prefixes: load and caches are estimated "
    "wrong.",
    evidence="llm-d's operations guide: state is kept in the process.",
    fix="set --ha-enable-leader-election, or run one replica",
    example=breaks("disaggregated", _PICKER, "spec.replicas", 2),
)
def several_pickers(topology: Topology) -> Iterator[Violation]:
    for picker in topology.pickers:
        copies, leads = picker.pods.workload.copies, picker.switch("ha-enable-leader-election")
        if copies.value > 1 and not leads.value:
            # Switched off by a flag, it is meant so: pickers that follow KV events agree.
            config = picker.config.value if picker.config is not None else "precise-prefix-cache"
            told = "ha-enable-leader-election" in picker.flags
            meant = told and "precise-prefix-cache" in config
            yield Violation(
                copies,
                f"{copies.value} pickers, and no leader among them",
                leads if meant else None,
                severity="note" if meant else None,
            )


@rule(
    "T412",
    "note",
    "The picker's release is not known",
    why="Flags and configurations change between releases. It is judged by the nearest release "
    "that is known, and what depends on the release is said as a note.",
    evidence=f"Releases as data: {'; '.join(map(str, PICKERS))}.",
    fix="name a release by its tag, or check the picker's configuration yourself",
    example=manifests(
        "disaggregated",
        Edit(
            _PICKER,
            "spec.template.spec.containers[0].image",
            "ghcr.io/llm-d/llm-d-router-endpoint-picker:main",
        ),
    ),
)
def unknown_release(topology: Topology) -> Iterator[Violation]:
    yield from assumed_releases(topology.pickers)


@rule(
    "T413",
    "error",
    "The picker is probed for a gRPC service that it does not serve",
    why="With leader election it answers SERVICE_UNKNOWN, and never becomes ready.",
    evidence=f"{SEEN_RUN} Only liveness, readiness and the empty name are known then.",
    fix="probe the services readiness and liveness",
    example=manifests(
        "disaggregated",
        Edit(_PICKER, f"{_ARGS}[3]", "--ha-enable-leader-election"),
        Edit(
            _PICKER,
            "spec.template.spec.containers[0].readinessProbe.grpc.service",
            "inference-extension",
        ),
        Edit(
            "Role/qwen-epp",
            "rules[3]",
            {
                "apiGroups": ["coordination.k8s.io"],
                "resources": ["leases"],
                "verbs": ["get", "create", "update"],
            },
        ),
    ),
)
def probe_service(topology: Topology) -> Iterator[Violation]:
    known = ("", "liveness", "readiness", "envoy.service.ext_proc.v3.ExternalProcessor")
    for picker in topology.pickers:
        if not picker.switch("ha-enable-leader-election").value:
            continue
        for probe in picker.container.probes:
            if probe.service is not None and probe.service.value not in known:
                yield Violation(
                    probe.service,
                    f"{probe.kind} asks for service {probe.service.value!r}",
                    picker.flag("ha-enable-leader-election"),
                )


@rule(
    "T415",
    "warning",
    "The picker is killed before its drain timeout",
    why="Streams that it still serves are cut.",
    evidence=f"{SEEN_RUN} It drains for 30 seconds after SIGTERM by default.",
    fix="set terminationGracePeriodSeconds above --drain-timeout",
    example=breaks(
        "disaggregated", _PICKER, "spec.template.spec.terminationGracePeriodSeconds", 20
    ),
)
def grace(topology: Topology) -> Iterator[Violation]:
    for picker in topology.pickers:
        at = picker.pods.at.at("spec", "terminationGracePeriodSeconds")
        seconds = picker.object.number(at)
        flag = picker.release.picker.drain_flag
        drain = picker.flag(flag) if flag else picker.container.here.of("")
        match = re.fullmatch(r"(\d{1,6})s", drain.value)
        stays = int(match[1]) if match else picker.release.picker.stop_seconds
        if seconds is not None and seconds.value < stays:
            yield Violation(
                seconds,
                f"{seconds.value} seconds are less than the {stays} it drains",
                drain,
                severity=picker.assumed_severity,
            )


@rule(
    "T425",
    "error",
    "A standby picker gets requests",
    why="It is ready, has no pods in its cache, and answers 503 to every request.",
    evidence="Seen run with router v0.8.0 and v0.9.0; from v0.10.0 on it knows them.",
    fix="probe readiness for the service readiness, or use router v0.10.0 or newer",
    example=manifests(
        "disaggregated",
        *(
            Edit(
                f"Deployment/{name}",
                f"spec.template.spec.{containers}[0].image",
                f"ghcr.io/llm-d/llm-d-router-{image}:v0.9.0",
            )
            for name, containers, image in (
                ("qwen-epp", "containers", "endpoint-picker"),
                ("decode", "initContainers", "disagg-sidecar"),
            )
        ),
        Edit(
            "Deployment/decode",
            "spec.template.spec.initContainers[0].args[1]",
            "--vllm-port=8001",
        ),
        Edit(
            "ConfigMap/qwen-epp",
            "data[picker.yaml]",
            _APART,
        ),
        Edit(_PICKER, "spec.replicas", 2),
        Edit(_PICKER, f"{_ARGS}[3]", "--ha-enable-leader-election"),
        Edit(
            _PICKER,
            "spec.template.spec.containers[0].readinessProbe.grpc.service",
            "liveness",
        ),
        Edit(
            "Role/qwen-epp",
            "rules[3]",
            {
                "apiGroups": ["coordination.k8s.io"],
                "resources": ["leases"],
                "verbs": ["get", "create", "update"],
            },
        ),
    ),
)
def standby_serves(topology: Topology) -> Iterator[Violation]:
    for picker in topology.pickers:
        copies, leads = picker.pods.workload.copies, picker.switch("ha-enable-leader-election")
        if picker.release.picker.standby_answers or not leads.value or copies.value < 2:
            continue
        probe = picker.container.at["readinessProbe"]
        service = probe.at("grpc", "service")
        if not probe["grpc"].present:
            yield Violation(
                picker.container.here,
                "nothing asks whether it leads",
                leads,
                severity=picker.assumed_severity,
            )
        elif service.text == "liveness":
            yield Violation(
                picker.object.value_at(service, service.text),
                "readiness asks for liveness, which every picker has",
                leads,
                severity=picker.assumed_severity,
            )


@rule(
    "T426",
    "error",
    "The picker's parser does not read the pool's protocol",
    why="The picker never becomes ready, and every request fails.",
    evidence="The picker's health.go from v0.9.0 on: each parser must take the pool's appProtocol.",
    fix="set the pool's appProtocol to kubernetes.io/h2c, or remove the parser",
    example=manifests(
        "disaggregated",
        Edit("InferencePool/qwen", "spec.appProtocol", "http"),
        Edit(
            "ConfigMap/qwen-epp",
            "data[picker.yaml]",
            edited(
                _APART,
                (
                    "schedulingProfiles:\n",
                    """\
  - type: vllmgrpc-parser
requestHandler:
  parsers: [{pluginRef: vllmgrpc-parser}]
schedulingProfiles:
""",
                ),
            ),
        ),
    ),
)
def other_protocol(topology: Topology) -> Iterator[Violation]:
    for pool in topology.inference_pools:
        picker = pool.picker
        config = picker.config if picker else None
        protocol = pool.object.text(pool.object.at("spec", "appProtocol"))
        if picker is None or config is None or protocol is None or protocol.value != "http":
            continue
        if not picker.release.picker.config.undeclared_parsers:
            continue  # Before v0.9.0 nobody compared them.
        parsed = picker.configuration
        types = {each["name"].text: each["type"].text for each in parsed["plugins"].items()}
        for each in parsed.at("requestHandler", "parsers").items():
            parser = each["pluginRef"].text
            if types.get(parser, parser) in _H2C_ALONE:
                yield Violation(
                    config,
                    f"{parser} takes kubernetes.io/h2c alone",
                    protocol,
                    severity=picker.assumed_severity,
                )


_H2C_ALONE = ("vertexai-parser", "vllmgrpc-parser")
