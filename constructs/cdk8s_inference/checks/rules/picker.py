"""The endpoint picker: whether it runs, is reached, and reads what it needs."""

from __future__ import annotations

import re
from collections.abc import Iterator

from cdk8s_inference.checks.example import REMOVED, Edit, Example, breaks
from cdk8s_inference.checks.rule import Breach, rule
from cdk8s_inference.releases import ROUTER_RELEASES
from cdk8s_inference.releases.permission import Permission
from cdk8s_inference.spec.cursor import Cursor
from cdk8s_inference.topology import KubeObject, Picker, Pool, Topology
from cdk8s_inference.topology.chart_release import yaml_in
from cdk8s_inference.topology.located import strings

_ARGS = "spec.template.spec.containers[0].args"
_SEEN = "Seen run with router v0.8.0, v0.9.0 and v0.10.0."
_PICKER = "Deployment/qwen-epp"


@rule(
    "T401",
    "error",
    "The pool's picker does not run",
    prevents="The gateway asks nobody, and answers every request 500.",
    source=_SEEN,
    fix="run the picker, with a Service of the name that the pool gives",
    example=breaks("disaggregated", _PICKER, "spec.replicas", 0),
)
def no_picker(topology: Topology) -> Iterator[Breach]:
    for pool in topology.pools:
        name, picker = pool.picker_name, pool.picker
        if name is None or picker is None:
            continue
        if pool.service is None and topology.services and _is_picked(pool, picker):
            found = ", ".join(service.object.name for service in topology.services)
            yield Breach(
                name,
                f"there is no Service {pool.object.namespace}/{name.value} in what was read, but "
                f"{found}, and {picker.object} picks from {pool.object}",
                picker.pods.here,
            )
        elif picker.pods.workload.copies.value == 0:
            yield Breach(picker.pods.workload.copies, f"{picker.object} has no copies", name)


def _is_picked(pool: Pool, picker: Picker) -> bool:
    """Whether a picker says that it picks from a pool, whatever Service the pool names."""
    same = picker.object.namespace == pool.object.namespace
    return same and picker.pool_name.value == pool.object.name


@rule(
    "T420",
    "warning",
    "The pool's picker was not read",
    prevents="Where it does not run, the gateway answers every request 500; whether it "
    "disaggregates stays unseen.",
    source="The pool names a Service that is not among what was read.",
    fix="check the pool together with its picker, or correct the name of the picker's Service",
    example=Example(
        "disaggregated",
        (),
        """\
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
def picker_not_read(topology: Topology) -> Iterator[Breach]:
    for pool in topology.pools:
        name, picker = pool.picker_name, pool.picker
        if name is None or pool.service is not None or not topology.services:
            continue
        if topology.pickers and (picker is None or not _is_picked(pool, picker)):
            yield Breach(
                name,
                f"Service {pool.object.namespace}/{name.value} was not read; "
                f"{topology.pickers[0].object} was",
                topology.pickers[0].pods.here,
            )


@rule(
    "T402",
    "error",
    "The picker speaks plain gRPC to a gateway that speaks TLS",
    prevents="The gateway cannot ask the picker, and answers every request 500.",
    source=f"{_SEEN} Envoy AI Gateway always speaks TLS to it, and does not verify it.",
    fix="give --secure-serving=true, which is the default",
    example=breaks("disaggregated", _PICKER, f"{_ARGS}[3]", "--secure-serving=false"),
)
def plain_picker(topology: Topology) -> Iterator[Breach]:
    if any("agentgateway" in gateway.class_name.value for gateway in topology.gateways):
        return
    for pool in topology.pools:
        picker = pool.picker
        if picker is None or picker.switch("secure-serving").value:
            continue
        if len(picker.pods.staying) == 1:
            yield Breach(
                picker.switch("secure-serving"),
                "the picker serves without TLS, and nothing says that the gateway does too",
                pool.picker_name,
            )


@rule(
    "T403",
    "error",
    "The picker's Service selects another pod",
    prevents="The gateway asks nobody, and answers every request 500.",
    source=_SEEN,
    fix="let the Service select the picker's pods, and nothing else",
    example=breaks("disaggregated", "Service/qwen-epp", "spec.selector.app", "qwen"),
)
def service_selects(topology: Topology) -> Iterator[Breach]:
    for pool in topology.pools:
        service, picker = pool.service, pool.picker
        if service is None or picker is None:
            continue
        if picker.pods not in service.backends:
            yield Breach(
                service.selector,
                f"{service.selector.value} does not match {picker.object}, which has "
                f"{dict(picker.pods.labels)}",
                picker.pods.here,
            )


@rule(
    "T404",
    "error",
    "The pool's port does not lead to the picker's",
    prevents="The gateway cannot ask the picker, and answers every request 500.",
    source=f"{_SEEN} The picker listens on 9002 unless --grpc-port says otherwise.",
    fix="let endpointPickerRef.port be a port of the Service, and lead to --grpc-port",
    example=breaks("disaggregated", "Service/qwen-epp", "spec.ports[0].port", 9003),
)
def service_port(topology: Topology) -> Iterator[Breach]:
    for pool in topology.pools:
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
            yield Breach(
                asked,
                f"{service.object} has no port {asked.value}; it has {sorted(service.ports)}",
                service.object.here,
            )
            continue
        target = service.ports[asked.value]
        if target is None or target.value != picker.port.value:
            leads = "no port" if target is None else str(target.value)
            yield Breach(
                target or service.object.here,
                f"port {asked.value} leads to {leads}, but the picker listens on "
                f"{picker.port.value}",
                picker.port,
            )


@rule(
    "T405",
    "error",
    "The picker picks from another pool",
    prevents="It finds no pool, never gets ready, and every request fails.",
    source="The picker's cache holds one pool of one namespace, in which its pods are too.",
    fix="give --pool-name and --pool-namespace of the pool that names this picker",
    example=breaks("disaggregated", _PICKER, f"{_ARGS}[0]", "--pool-name=quen"),
)
def other_pool(topology: Topology) -> Iterator[Breach]:
    for pool in topology.pools:
        picker = pool.picker
        if picker is None or "endpoint-selector" in picker.flags:
            continue
        if picker.pool_name.value != pool.object.name and "$" not in picker.pool_name.value:
            yield Breach(
                picker.pool_name,
                f"the picker picks from {picker.pool_name.value!r}, but {pool.object} names it",
                pool.picker_name,
            )
        namespace = picker.pool_namespace
        if namespace is not None and namespace.value != pool.object.namespace:
            yield Breach(
                namespace,
                f"the picker looks in namespace {namespace.value!r}, but {pool.object} names it",
                pool.picker_name,
            )


@rule(
    "T406",
    "error",
    "The picker's release does not know a flag",
    prevents="The picker exits, and every request is answered 500.",
    source="Every flag of each release, as run.",
    fix="remove the flag, or write it as the release calls it",
    example=breaks("disaggregated", _PICKER, f"{_ARGS}[3]", "--model-server-metrics-port=8000"),
)
def unknown_flag(topology: Topology) -> Iterator[Breach]:
    for picker in topology.pickers:
        release = picker.release
        if release is None:
            continue
        for name, given in picker.flags.items():
            if name not in ("h", "help") and not release.has_flag("picker", name):
                known = release.flags("picker").get(name)
                others = [r.version for r in ROUTER_RELEASES if r.has_flag("picker", name)]
                hint = f"; {', '.join(others)} have it" if others else ""
                yield Breach(
                    given,
                    f"router {release.version} takes no flag --{name}{hint}",
                    picker.container.image,
                    known.instead if known else None,
                )


@rule(
    "T407",
    "error",
    "The picker may not read what it watches",
    prevents="The process starts, answers 503 to every request, and exits after two minutes with "
    "the name of a kind that is often not the forbidden one.",
    source=f"{_SEEN} Rules for absent CRDs do no harm.",
    fix="bind its ServiceAccount to a Role that allows list and watch of all of them",
    example=breaks("disaggregated", "Role/qwen-epp", "rules[0].resources", ["services"]),
)
def may_not_read(topology: Topology) -> Iterator[Breach]:
    for picker in topology.pickers:
        needed = [each for each in picker.reads.picker.watches if each.api_group in _ALWAYS]
        if picker.switch("ha-enable-leader-election").value:
            needed += picker.reads.picker.leader_election
        yield from _missing(topology, picker, needed)


_ALWAYS = ("", "inference.networking.k8s.io")


@rule(
    "T418",
    "warning",
    "The picker may not read kinds that may be installed",
    prevents="Once the CRD of such a kind is installed, it answers 503 to every request.",
    source=f"{_SEEN} llm-d/llm-d-benchmark#740.",
    fix="allow list and watch of them too: rules for absent CRDs do no harm",
    example=breaks("disaggregated", "Role/qwen-epp", "rules[2].apiGroups", ["llm-d.ai"]),
)
def may_not_read_all(topology: Topology) -> Iterator[Breach]:
    for picker in topology.pickers:
        if picker.release is None:  # T412 says so: which kinds it watches is not known.
            continue
        needed = [each for each in picker.reads.picker.watches if each.api_group not in _ALWAYS]
        yield from _missing(topology, picker, needed)


def _missing(topology: Topology, picker: Picker, needed: list[Permission]) -> Iterator[Breach]:
    if "endpoint-selector" in picker.flags:
        needed = [each for each in needed if each.api_group == ""]  # There is no pool to read.
    account, namespace = picker.pods.account, picker.object.namespace
    access = topology.access(namespace, account.value)
    missing = [
        f"{permission.api_group}/{resource}".lstrip("/")
        for permission in needed
        for resource in permission.resources
        if resource != "events"
        and not all(
            access.allows(verb, permission.api_group, resource) for verb in permission.verbs
        )
    ]
    # Without any role of its account among what was read, permissions are given elsewhere.
    if missing and access.roles:
        yield Breach(
            account,
            f"ServiceAccount {namespace}/{account.value} may not read {', '.join(missing)}",
            access.roles[0].object.here,
        )


@rule(
    "T421",
    "warning",
    "The picker's permissions were not read",
    prevents="Where its account has none, it answers 503 to every request, and exits after two "
    "minutes.",
    source=_SEEN,
    fix="check the picker together with its roles and bindings, or correct their names",
    example=breaks("disaggregated", "RoleBinding/qwen-epp", "roleRef.name", "epp"),
)
def permissions_not_read(topology: Topology) -> Iterator[Breach]:
    for picker in topology.pickers:
        account, namespace = picker.pods.account, picker.object.namespace
        access = topology.access(namespace, account.value)
        if access.beside and not access.roles:
            beside = access.beside[0]
            yield Breach(
                account,
                f"no role that ServiceAccount {namespace}/{account.value} has was read; {beside} "
                "was",
                beside.here,
            )


@rule(
    "T408",
    "error",
    "The picker's configuration is not where it looks",
    prevents="The picker does not start, and every request is answered 500.",
    source="The picker reads --config-file once, at start.",
    fix="mount the ConfigMap that holds the file, and give its path",
    example=breaks("disaggregated", _PICKER, f"{_ARGS}[2]", "--config-file=/config/epp.yaml"),
)
def config_elsewhere(topology: Topology) -> Iterator[Breach]:
    for picker in topology.pickers:
        file = picker.config_file
        if file is None:
            continue
        if "config-text" in picker.flags:
            yield Breach(
                file,
                "--config-file and --config-text exclude each other",
                picker.flags["config-text"],
            )
        elif picker.config_volume is not None:
            name, key = picker.config_volume
            found = picker.config_maps.get(name.value)
            if found is not None and picker.config is None:
                keys = [entry for entry, _ in found.at("data").fields()]
                yield Breach(file, f"{found} has no {key!r}; it has {', '.join(keys)}", found.here)
        elif not _mounted(picker, file.value):
            yield Breach(file, f"no volume that holds a file is mounted at {file.value!r}")


def _mounted(picker: Picker, path: str) -> bool:
    """Whether a volume of some kind is mounted there; a ConfigMap without a name is none."""
    nameless = {
        volume["name"].text
        for volume in picker.pods.at.at("spec", "volumes").items()
        if volume["configMap"].present and not volume.at("configMap", "name").present
    }
    mounts = (
        mount["mountPath"].text or "-"
        for mount in picker.container.at["volumeMounts"].items()
        if mount["name"].text not in nameless
    )
    return any(path == mount or path.startswith(mount.rstrip("/") + "/") for mount in mounts)


@rule(
    "T409",
    "warning",
    "The picker's configuration was not read",
    prevents="What keeps it from starting, or from disaggregating, stays unseen until it runs.",
    source="It is in an object that is not among what was read.",
    fix="check the picker together with its ConfigMap, and correct the ConfigMap's name",
    example=breaks("disaggregated", _PICKER, "spec.template.spec.volumes[0].configMap.name", "epp"),
)
def config_not_read(topology: Topology) -> Iterator[Breach]:
    for picker in topology.pickers:
        if picker.config_volume is not None:
            name, _ = picker.config_volume
            if name.value not in picker.config_maps:
                yield Breach(name, f"ConfigMap {name.value!r} is not among what was read")


@rule(
    "T410",
    "error",
    "The picker has no configuration for roles",
    prevents="Its built-in configuration has one profile: prefill pods serve users, and nothing "
    "is disaggregated.",
    source="Seen in the picker's sources; the same as a configuration of one profile, seen run.",
    fix="give --config-file or --config-text",
    example=breaks("disaggregated", _PICKER, f"{_ARGS}[2]", "--tracing=false"),
)
def no_config(topology: Topology) -> Iterator[Breach]:
    for pool in topology.disaggregated:
        picker = pool.picker
        if picker is not None and not {"config-file", "config-text"} & picker.flags.keys():
            yield Breach(
                picker.container.here,
                "neither --config-file nor --config-text is given",
                pool.disaggregates,
            )


@rule(
    "T411",
    "warning",
    "Several pickers pick at once",
    prevents="Each knows only the requests and prefixes of its own: load and cache are misjudged.",
    source="llm-d's operations guide: state is kept in the process.",
    fix="give --ha-enable-leader-election, or run one",
    example=breaks("disaggregated", _PICKER, "spec.replicas", 2),
)
def several_pickers(topology: Topology) -> Iterator[Breach]:
    for picker in topology.pickers:
        copies = picker.pods.workload.copies
        if copies.value > 1 and not picker.switch("ha-enable-leader-election").value:
            yield Breach(copies, f"{copies.value} pickers, and no leader among them")


@rule(
    "T412",
    "warning",
    "The picker's release is not known",
    prevents="Flags and configurations change between releases; this one's cannot be checked.",
    source="Releases as data: " + ", ".join(each.version for each in ROUTER_RELEASES) + ".",
    fix="name a release by its tag, or check the picker's configuration yourself",
    example=Example(
        "disaggregated",
        (
            Edit(
                _PICKER,
                "spec.template.spec.containers[0].image",
                "ghcr.io/llm-d/llm-d-router-endpoint-picker:main",
            ),
        ),
    ),
)
def unknown_release(topology: Topology) -> Iterator[Breach]:
    for picker in topology.pickers:
        if picker.release is None:
            image = picker.container.image
            yield Breach(image, f"{image.value!r} is of no release that is known here")


@rule(
    "T413",
    "error",
    "The picker is probed for a service that it does not have",
    prevents="With leader election it answers SERVICE_UNKNOWN, and never gets ready.",
    source=f"{_SEEN} Only liveness, readiness and the empty name are known then.",
    fix="probe the services readiness and liveness",
    example=Example(
        "disaggregated",
        (
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
    ),
)
def probe_service(topology: Topology) -> Iterator[Breach]:
    known = ("", "liveness", "readiness", "envoy.service.ext_proc.v3.ExternalProcessor")
    for picker in topology.pickers:
        if not picker.switch("ha-enable-leader-election").value:
            continue
        for probe in picker.container.probes:
            if probe.service is not None and probe.service.value not in known:
                yield Breach(
                    probe.service,
                    f"{probe.kind} asks for service {probe.service.value!r}",
                    picker.flag("ha-enable-leader-election"),
                )


@rule(
    "T414",
    "error",
    "The picker has no token for the API server",
    prevents="It cannot read its pool, and every request is answered 503.",
    source=_SEEN,
    fix="remove automountServiceAccountToken: false from the picker's pod",
    example=breaks(
        "disaggregated", _PICKER, "spec.template.spec.automountServiceAccountToken", False
    ),
)
def no_token(topology: Topology) -> Iterator[Breach]:
    for picker in topology.pickers:
        own = picker.pods.at.at("spec", "automountServiceAccountToken")
        name = picker.pods.account.value
        account = topology.find("ServiceAccount", picker.object.namespace, name)
        if own.value is False:
            yield Breach(picker.object.located(own, False), "the pod mounts no token")
        elif own.value is None and account is not None:
            at = account.at("automountServiceAccountToken")
            if at.value is False:
                yield Breach(account.located(at, False), f"{account} mounts no token")


@rule(
    "T415",
    "warning",
    "The picker is killed while it drains",
    prevents="Streams that it still serves are cut.",
    source=f"{_SEEN} It stays for the whole of its drain after SIGTERM: 30 seconds by default.",
    fix="set terminationGracePeriodSeconds above its --drain-timeout",
    example=breaks(
        "disaggregated", _PICKER, "spec.template.spec.terminationGracePeriodSeconds", 20
    ),
)
def grace(topology: Topology) -> Iterator[Breach]:
    for picker in topology.pickers:
        at = picker.pods.at.at("spec", "terminationGracePeriodSeconds")
        seconds = picker.object.number(at)
        flag = picker.reads.picker.drain_flag
        drain = picker.flag(flag) if flag else picker.container.here.of("")
        match = re.fullmatch(r"(\d{1,6})s", drain.value)
        stays = int(match[1]) if match else picker.reads.picker.stop_seconds
        if seconds is not None and seconds.value < stays:
            yield Breach(
                seconds, f"{seconds.value} seconds are less than the {stays} it drains", drain
            )


@rule(
    "T416",
    "warning",
    "The picker does not know the engine's metrics",
    prevents="It reads vLLM's names from another engine: load is unknown, and picks are ties.",
    source="The picker's core-metrics-extractor; the label is the release's.",
    fix="label the pods with the engine's name",
    example=breaks(
        "sglang",
        "Deployment/decode",
        "spec.template.metadata.labels[llm-d.ai/engine-type]",
        REMOVED,
    ),
)
def engine_type(topology: Topology) -> Iterator[Breach]:
    for pool in topology.pools:
        if pool.picker is None:
            continue
        key = pool.picker.reads.picker.engine_label
        old = "inference.networking.k8s.io/engine-type"
        for pods in pool.running:
            assert pods.engine is not None
            label = pods.label(key)
            value = label.value or pods.labels.get(old) or "vllm"
            if pods.engine.kind not in (value, None):
                yield Breach(
                    label,
                    f"label {key} is {value!r}, and the engine is {pods.engine.kind}",
                    pods.engine.container.here,
                )


@rule(
    "T417",
    "warning",
    "SGLang shows no metrics",
    prevents="The picker knows no load of it, and its picks are ties.",
    source="SGLang serves /metrics with --enable-metrics alone.",
    fix="give SGLang --enable-metrics",
    example=breaks(
        "sglang", "Deployment/decode", "spec.template.spec.containers[0].args[5]", "--log-requests"
    ),
)
def sglang_metrics(topology: Topology) -> Iterator[Breach]:
    for pool in topology.pools:
        for pods in pool.running:
            engine = pods.engine
            assert engine is not None
            if engine.kind == "sglang" and engine.container.flag("--enable-metrics") is None:
                yield Breach(engine.container.here, "--enable-metrics is not given", pool.here)


@rule(
    "T419",
    "warning",
    "The picker's ServiceAccount was not read",
    prevents="Without it no pod of the picker is made.",
    source="Kubernetes: a pod's ServiceAccount must be there first.",
    fix="correct serviceAccountName, or check the picker together with its account",
    example=Example(
        "disaggregated",
        (
            Edit(_PICKER, "spec.template.spec.serviceAccountName", "epp"),
            Edit("RoleBinding/qwen-epp", "subjects[0].name", "epp"),
        ),
    ),
)
def no_account(topology: Topology) -> Iterator[Breach]:
    accounts = topology.of_kind("ServiceAccount")
    for picker in topology.pickers:
        account, namespace = picker.pods.account, picker.object.namespace
        if account.value == "default" or not accounts:  # Kubernetes makes that one itself.
            continue
        if topology.find("ServiceAccount", namespace, account.value) is None:
            yield Breach(
                account,
                f"ServiceAccount {namespace}/{account.value} is not among what was read; "
                f"{accounts[0]} is",
                accounts[0].here,
            )


@rule(
    "T422",
    "note",
    "A change of the picker's configuration does not reach it",
    prevents="It reads its configuration once, at start: after a change of the ConfigMap it goes "
    "on by the old one until somebody restarts it.",
    source="The picker reads --config-file once, at start; modelplane's routing.py.",
    fix="write a checksum of the ConfigMap into an annotation of the pods, or into its name, or "
    "restart the picker after each change",
    example=breaks("disaggregated", _PICKER, "spec.template.metadata.annotations", REMOVED),
)
def not_rolled(topology: Topology) -> Iterator[Breach]:
    for picker in topology.pickers:
        volume = picker.config_volume
        if volume is None or picker.config is None:
            continue
        name, _ = volume
        config_map = picker.config_maps[name.value]
        annotations = {**picker.pods.annotations, **picker.object.annotations}
        told = any(_ROLLS.search(f"{key}: {value}") for key, value in annotations.items())
        fixed = config_map.at("immutable").value is True or _HASHED.search(name.value)
        if not told and not fixed:
            yield Breach(name, f"nothing of the pods changes with {config_map}", config_map.here)


_ROLLS = re.compile(r"checksum|hash|reload|\b[0-9a-f]{8,}\b", re.IGNORECASE)
"""An annotation that changes with the configuration, or asks a reloader to see to it."""

_HASHED = re.compile(r"-(?=[a-z]*[0-9])[a-z0-9]{8,10}$")
"""The end of a name that is made from the content, as by Kustomize."""


@rule(
    "T423",
    "warning",
    "The picker passes over objectives or rewrites",
    prevents="They are accepted, and change nothing: requests keep the default priority, and "
    "models their names.",
    source="llm-d/llm-d-router#1449: from v0.9.0 on the picker reads them of the group llm-d.ai "
    "where that is installed, and of no other; v0.8.0 knows the old group alone.",
    fix="write them for the group that the picker's release reads",
    example=Example(
        "disaggregated",
        (),
        """\
apiVersion: inference.networking.x-k8s.io/v1alpha2
kind: InferenceObjective
metadata: {name: batch, namespace: llm}
spec: {priority: -1, poolRef: {name: qwen}}
---
apiVersion: llm-d.ai/v1alpha2
kind: InferenceObjective
metadata: {name: chat, namespace: llm}
spec: {priority: 1, poolRef: {name: qwen}}
""",
    ),
)
def passed_over(topology: Topology) -> Iterator[Breach]:
    kinds = ("InferenceObjective", "InferenceModelRewrite")
    new = [each for each in topology.of_kind(*kinds) if each.group == "llm-d.ai"]
    new += [
        crd
        for crd in topology.of_kind("CustomResourceDefinition")
        if crd.at("spec", "group").text == "llm-d.ai"
        and crd.at("spec", "names", "kind").text in kinds
    ]
    for each in topology.of_kind(*kinds):
        pickers = [
            picker for picker in topology.pickers if picker.object.namespace == each.namespace
        ]
        reads_new = [picker for picker in pickers if _reads(picker, "llm-d.ai")]
        if each.group == "llm-d.ai" and pickers and not reads_new:
            yield Breach(
                each.here,
                f"{pickers[0].object} does not read group llm-d.ai",
                pickers[0].container.image,
            )
        elif each.group == _LEGACY and new and (reads_new or not pickers):
            yield Breach(
                each.here, f"{each} is of group {_LEGACY}, {new[0]} of llm-d.ai", new[0].here
            )


_LEGACY = "inference.networking.x-k8s.io"


def _reads(picker: Picker, group: str) -> bool:
    return any(permission.api_group == group for permission in picker.reads.picker.watches)


@rule(
    "T424",
    "warning",
    "The picker refuses scrapes",
    prevents="Its metrics are answered 401: dashboards and autoscalers that read them see nothing.",
    source=f"{_SEEN} --metrics-endpoint-auth is on by default.",
    fix="give the monitor's endpoint an authorization whose account may get /metrics, or the "
    "picker --metrics-endpoint-auth=false",
    example=Example(
        "disaggregated",
        (),
        """\
apiVersion: monitoring.coreos.com/v1
kind: PodMonitor
metadata: {name: qwen-epp, namespace: llm}
spec:
  selector: {matchLabels: {app: qwen-epp}}
  podMetricsEndpoints: [{portNumber: 9090}]
""",
    ),
)
def refused_scrapes(topology: Topology) -> Iterator[Breach]:
    for monitor in topology.of_kind("PodMonitor", "ServiceMonitor"):
        wanted = strings(monitor.at("spec", "selector", "matchLabels"))
        for picker in topology.pickers:
            labels = [picker.pods.labels]
            if monitor.kind == "ServiceMonitor":
                behind = (each for each in topology.services if picker.pods in each.backends)
                labels = [service.object.labels for service in behind]
            same = monitor.namespace == picker.object.namespace
            chosen = any(wanted.items() <= each.items() for each in labels)
            auth = picker.switch("metrics-endpoint-auth")
            if not (same and wanted and chosen and auth.value):
                continue
            for endpoint in _endpoints(monitor):
                if not any(endpoint[key].present for key in _CREDENTIALS):
                    yield Breach(
                        monitor.located(endpoint, None), "the endpoint gives no credentials", auth
                    )


def _endpoints(monitor: KubeObject) -> Iterator[Cursor]:
    name = "podMetricsEndpoints" if monitor.kind == "PodMonitor" else "endpoints"
    yield from monitor.at("spec", name).items()


_CREDENTIALS = ("authorization", "basicAuth", "bearerTokenFile", "bearerTokenSecret", "oauth2")


@rule(
    "T425",
    "error",
    "A picker that does not lead takes requests",
    prevents="It is ready, knows no pods, and answers 503 to every request that reaches it.",
    source="Seen run with router v0.8.0 and v0.9.0; from v0.10.0 on it knows them.",
    fix="probe readiness for the service readiness, or use router v0.10.0 or newer",
    example=Example(
        "disaggregated",
        (
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
                """\
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
""",
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
    ),
)
def standby_serves(topology: Topology) -> Iterator[Breach]:
    for picker in topology.pickers:
        copies, leads = picker.pods.workload.copies, picker.switch("ha-enable-leader-election")
        release = picker.release
        if release is None or not leads.value or copies.value < 2:
            continue
        if release.picker.config.gates.get(_STANDBY_KNOWS):
            continue
        probe = picker.container.at["readinessProbe"]
        service = probe.at("grpc", "service")
        if not probe["grpc"].present:
            yield Breach(picker.container.here, "nothing asks whether it leads", leads)
        elif service.text == "liveness":
            yield Breach(
                picker.object.located(service, service.text),
                "readiness asks for liveness, which every picker has",
                leads,
            )


_STANDBY_KNOWS = "haPopulateNonLeaderDatastore"


@rule(
    "T426",
    "error",
    "The picker's parser does not read the pool's protocol",
    prevents="The picker never gets ready, and every request fails.",
    source="The picker's health.go from v0.9.0 on: each parser must take the pool's appProtocol.",
    fix="set the pool's appProtocol to kubernetes.io/h2c, or remove the parser",
    example=Example(
        "disaggregated",
        (
            Edit("InferencePool/qwen", "spec.appProtocol", "http"),
            Edit(
                "ConfigMap/qwen-epp",
                "data[picker.yaml]",
                """\
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
  - type: vllmgrpc-parser
requestHandler:
  parsers: [{pluginRef: vllmgrpc-parser}]
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
""",
            ),
        ),
    ),
)
def other_protocol(topology: Topology) -> Iterator[Breach]:
    for pool in topology.pools:
        picker = pool.picker
        config = picker.config if picker else None
        protocol = pool.object.text(pool.object.at("spec", "appProtocol"))
        if picker is None or config is None or protocol is None or protocol.value != "http":
            continue
        if picker.release is None or not picker.release.picker.config.undeclared_parsers:
            continue  # Before v0.9.0 nobody compared them.
        parsed = yaml_in(Cursor(config.value, config.path))
        types = {each["name"].text: each["type"].text for each in parsed["plugins"].items()}
        for each in parsed.at("requestHandler", "parsers").items():
            parser = each["pluginRef"].text
            if types.get(parser, parser) in _H2C_ALONE:
                yield Breach(config, f"{parser} takes kubernetes.io/h2c alone", protocol)


_H2C_ALONE = ("vertexai-parser", "vllmgrpc-parser")
