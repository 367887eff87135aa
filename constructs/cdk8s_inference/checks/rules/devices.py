"""Devices: whether an engine gets as many as it shards over."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator

from cdk8s_inference.checks.rule import rule
from cdk8s_inference.findings import Mend, Violation, near_name
from cdk8s_inference.findings.example import REMOVED, Edit, breaks, manifests
from cdk8s_inference.topology import Container, KubeObject, Pods, SourceValue, Topology

_REQUEST = "spec.spec.devices.requests[0]"
_TEMPLATE = "ResourceClaimTemplate/two-gpus"
_POD = "spec.template.spec"


@rule(
    "T701",
    "error",
    "A device request has neither exactly nor firstAvailable",
    why="The API server refuses the claim.",
    evidence="resource.k8s.io/v1; v1beta1 had the fields one level higher.",
    fix="put deviceClassName, count and selectors under exactly",
    example=breaks(
        "disaggregated", _TEMPLATE, _REQUEST, {"name": "gpu", "deviceClassName": "gpu.nvidia.com"}
    ),
)
def shape(topology: Topology) -> Iterator[Violation]:
    for claim in topology.claims:
        for request in claim.requests:
            if not request.is_shaped:
                yield Violation(request.here, "has not one of exactly and firstAvailable")


@rule(
    "T702",
    "error",
    "A container uses a claim that its pod does not have",
    why="The API server refuses the pod.",
    evidence="Kubernetes: resources.claims names entries of spec.resourceClaims.",
    fix="correct the name, or add the claim to the pod",
    example=breaks(
        "disaggregated",
        "Deployment/prefill",
        f"{_POD}.containers[0].resources.claims",
        [{"name": "gpus"}, {"name": "nics"}],
    ),
)
def unknown_claim(topology: Topology) -> Iterator[Violation]:
    for pods in topology.pods:
        if pods.may_gain("devices"):
            continue
        names = [claim.name.value for claim in pods.claims]
        for container in pods.containers:
            for use in container.claims:
                if use.name.value not in names:
                    yield Violation(
                        use.name,
                        f"there is no claim {use.name.value!r}; there are {names}",
                        pods.claims[0].here if pods.claims else pods.here,
                    )


@rule(
    "T703",
    "error",
    "A pod's claim names no template, or misspells it",
    why="The pod stays pending.",
    evidence="Kubernetes: the pod's claims are made from templates of its namespace.",
    fix="correct the name",
    example=breaks(
        "disaggregated",
        "Deployment/prefill",
        f"{_POD}.resourceClaims[0].resourceClaimTemplateName",
        "two-gpu",
    ),
)
def no_template(topology: Topology) -> Iterator[Violation]:
    for pods in topology.pods:
        for claim in pods.claims:
            if claim.template is not None or claim.claim is not None:
                continue
            moved = claim.at["source"]
            if moved.present:
                yield Violation(
                    claim.object.value_at(moved, None),
                    "the claim names its template in 'source', which Kubernetes 1.31 removed",
                    fix="move resourceClaimTemplateName or resourceClaimName out of 'source'",
                )
            else:
                yield Violation(claim.here, "the claim names no template")
    for name, templates in _unread_templates(topology):
        meant = near_name(name.value, templates)
        if meant is not None:
            yield Violation(
                name,
                f"there is no template {name.value!r} in what was read, but {meant!r}",
                templates[meant].here,
                mend=Mend(name.value, meant),
            )


@rule(
    "T709",
    "warning",
    "A pod's claim template was not read",
    why="Where it does not exist, the pod stays pending; whether it holds enough devices "
    "stays unseen.",
    evidence="Kubernetes: the pod's claims are made from templates of its namespace.",
    fix="check the pods together with the template, or correct the name",
    example=breaks(
        "disaggregated",
        "Deployment/prefill",
        f"{_POD}.resourceClaims[0].resourceClaimTemplateName",
        "eight-gpus",
    ),
)
def template_not_read(topology: Topology) -> Iterator[Violation]:
    for name, templates in _unread_templates(topology):
        if near_name(name.value, templates) is None:
            yield Violation(
                name,
                f"template {name.value!r} was not read"
                + "".join(f"; {each} was" for each in [", ".join(templates)] if each),
                [each.here for each in list(templates.values())[:1]],
                missing=True,
            )


def _unread_templates(
    topology: Topology,
) -> Iterator[tuple[SourceValue[str], dict[str, KubeObject]]]:
    """Templates that pods name and that were not read, with those beside them that were."""
    read: dict[str, dict[str, KubeObject]] = defaultdict(dict)
    for template in topology.claims:
        if template.is_template:
            read[template.object.namespace][template.object.name] = template.object
    for pods in topology.pods:
        beside = read[pods.object.namespace]
        for claim in pods.claims:
            name = claim.template
            if topology.is_channel(claim):
                continue
            if name is not None and name.value not in beside and (beside or topology.complete):
                yield name, beside


@rule(
    "T704",
    "error",
    "An engine gets fewer devices than its parallelism needs",
    why="The engine does not start.",
    evidence="vLLM and SGLang take a device for each rank.",
    fix="claim as many devices as tensor, pipeline and local data parallelism need",
    example=breaks("disaggregated", _TEMPLATE, f"{_REQUEST}.exactly.count", 1),
)
def too_few(topology: Topology) -> Iterator[Violation]:
    for _, counted, needed in _counted(topology):
        if counted.value < needed.value:
            yield Violation(
                counted,
                f"{counted.value} devices, and the engine shards over {needed.value}",
                needed,
            )


def _counted(topology: Topology) -> Iterator[tuple[Pods, SourceValue[int], SourceValue[int]]]:
    """Engines with the devices that they get, and those that their parallelism needs in a pod."""
    for pods in topology.serving:
        engine = pods.engine
        assert engine is not None
        tensor, stages, ranks = engine.tensor_parallel, engine.pipeline_parallel, engine.local_ranks
        counted = topology.devices(pods, engine.container)
        if tensor is None or stages is None or ranks is None or counted is None or _is_spread(pods):
            continue
        split = 1 if engine.kind == "sglang" else ranks.value
        spread = engine.flag(engine.names.local_ranks) is None
        world = tensor.value * stages.value * split
        size = max(1, pods.workload.size.value) if spread or stages.value > 1 else 1
        yield pods, counted, tensor.of(-(-world // size))


@rule(
    "T662",
    "warning",
    "An engine gets more devices than it uses",
    why="The others are idle, and nobody else can use them.",
    evidence="vLLM and SGLang use a device for each rank, and one without a flag for parallelism.",
    fix="set --tensor-parallel-size to the number of devices, or ask for fewer",
    example=breaks("disaggregated", _TEMPLATE, f"{_REQUEST}.exactly.count", 4),
)
def too_many(topology: Topology) -> Iterator[Violation]:
    for pods, counted, needed in _counted(topology):
        engine = pods.engine
        assert engine is not None
        if counted.value <= needed.value or engine.kind not in ("vllm", "sglang"):
            continue
        if pods.workload.size.value > 1 or pods.may_gain("nodes", "devices"):
            continue  # Of a gang T650 says more.
        if not topology.asks_for_one_kind(pods, engine.container):
            continue  # Some of several may be network devices.
        shared = [each for each in pods.containers if each.claims or each.may_have_accelerator]
        if not engine.is_started_as_written or len(shared) > 1 or engine.is_simulator:
            continue
        ranks = engine.local_ranks
        if engine.kind == "sglang" and ranks is not None and ranks.value > 1:
            continue  # They have devices of their own, unless --enable-dp-attention is given.
        if engine.flag(*_MORE_PARALLEL) or _starts_several(engine.container):
            continue
        yield Violation(
            counted, f"{counted.value} devices, and the engine uses {needed.value}", needed
        )


_MORE_PARALLEL = ("--prefill-context-parallel-size", "--distributed-executor-backend")
"""Flags that use more devices, or leave the number of them to others."""

_SEVERAL = re.compile(
    r"(?<!&)&(?![&\d>])|(?:^|[\s;])(?:for|while|until|xargs|parallel|mpirun|torchrun)\s"
)
"""What a script that starts several servers has."""


def _starts_several(container: Container) -> bool:
    texts = (*container.at["command"].strings, *container.at["args"].strings)
    return any("\n" in text or " " in text for text in texts if _SEVERAL.search(text))


def _is_spread(pods: Pods) -> bool:
    """Whether a controller may make one engine of several pods, whose number is not known."""
    if not pods.may_gain("nodes", "devices"):
        return False
    assert pods.engine is not None
    engine, container = pods.engine, pods.engine.container
    asks = engine.flag(engine.names.nodes, *(engine.server.group_flags if engine.server else ()))
    by_ray = any("ray" in word.value for word in container.words)
    return pods.may_gain("devices") or pods.workload.size.value > 1 or bool(asks) or by_ray


@rule(
    "T705",
    "warning",
    "An engine gets no device",
    why="The engine does not start, or runs on the CPU.",
    evidence="Devices come from resources.claims, or from a device plugin's resource. Images for "
    "the CPU, simulators and --device=cpu need none.",
    fix="claim or request a device for the engine's container",
    example=breaks("sglang", "Deployment/prefill", f"{_POD}.containers[0].resources", REMOVED),
)
def no_device(topology: Topology) -> Iterator[Violation]:
    for pods in topology.serving:
        engine = pods.engine
        assert engine is not None
        container = engine.container
        if pods.may_gain("devices"):
            continue
        if (
            engine.kind
            and not topology.gets_accelerator(pods, container)
            and not any(w in container.image.value for w in ("cpu", "sim", "tpu", "xeon"))
            and not engine.invocation.is_on_cpu
        ):
            yield Violation(container.here, f"container {container.name!r} has no device")


@rule(
    "T706",
    "error",
    "An engine gets the same devices by a claim and by a device plugin",
    why="The device plugin and the DRA driver do not know of each other's allocations: a "
    "device may be given to two pods.",
    evidence="NVIDIA's DRA driver: do not combine it with nvidia.com/gpu for the same devices.",
    fix="keep the claim, and remove the extended resource",
    example=breaks(
        "disaggregated",
        "Deployment/prefill",
        f"{_POD}.containers[0].resources.limits",
        {"nvidia.com/gpu": 2},
    ),
)
def twice(topology: Topology) -> Iterator[Violation]:
    for pods in topology.serving:
        assert pods.engine is not None
        container = pods.engine.container
        plugin = container.plugin_devices
        claims = [
            use
            for use in topology.accelerator_claims(pods, container)
            if (claim := topology.used_claim(pods, use)) and claim.gives_accelerators(use.request)
        ]
        if plugin is not None and claims:
            yield Violation(plugin, "devices from a plugin and from a claim", claims[0].name)


_MEMORY = re.compile(r'memory\s*\.\s*compareTo\(\s*quantity\("(\d{1,5})Gi"\)\s*\)\s*>=\s*0')
_NEVER = {80: 79, 96: 93, 141: 140, 192: 178}


@rule(
    "T707",
    "warning",
    "A claim asks for more memory than the device has",
    why="The pod stays pending: a device of 80 GB reports 81559Mi, less than 80Gi.",
    evidence="modelplane's inference classes; NVIDIA's DRA driver.",
    fix="ask for a little less than the device's name says",
    example=breaks(
        "disaggregated",
        _TEMPLATE,
        f"{_REQUEST}.exactly.selectors[0].cel.expression",
        'device.capacity["gpu.nvidia.com"].memory.compareTo(quantity("80Gi")) >= 0',
    ),
)
def memory(topology: Topology) -> Iterator[Violation]:
    for claim in topology.claims:
        for devices in claim.choices:
            for selector in devices.selectors:
                match = _MEMORY.search(selector.value)
                size = int(match[1]) if match else 0
                if size in _NEVER:
                    yield Violation(
                        selector,
                        f"{size}Gi is more than a device of {size} GB reports: about "
                        f"{_NEVER[size]}Gi",
                    )


@rule(
    "T708",
    "warning",
    "A pod claims devices that no container uses",
    why="The devices are allocated, and idle.",
    evidence="Kubernetes: a container gets a claim's devices by resources.claims alone.",
    fix="add the claim to the container's resources.claims",
    example=manifests(
        "disaggregated",
        Edit(
            "Deployment/prefill",
            f"{_POD}.resourceClaims[1]",
            {"name": "nics", "resourceClaimTemplateName": "two-gpus"},
        ),
    ),
)
def unused(topology: Topology) -> Iterator[Violation]:
    for pods in topology.pods:
        if pods.may_gain("devices", "containers"):
            continue
        used = {use.name.value for each in pods.containers for use in each.claims}
        for claim in pods.claims:
            if claim.name.value not in used:
                yield Violation(claim.name, f"claim {claim.name.value!r} is used by no container")
