"""Devices: whether an engine gets as many as it shards over."""

from __future__ import annotations

import re
from collections.abc import Iterator

from cdk8s_inference.checks.example import REMOVED, Edit, Example, breaks
from cdk8s_inference.checks.rule import Breach, rule
from cdk8s_inference.checks.slip import slip_of
from cdk8s_inference.spec.cursor import Cursor
from cdk8s_inference.topology import Container, KubeObject, Located, Pods, Topology
from cdk8s_inference.topology.located import whole_number

_REQUEST = "spec.spec.devices.requests[0]"
_TEMPLATE = "ResourceClaimTemplate/two-gpus"
_POD = "spec.template.spec"
_EXTENDED = re.compile(r"nvidia\.com/(gpu|mig-.*)|amd\.com/gpu|gpu\.intel\.com/.*|habana\.ai/gaudi")


def _requests(claim: KubeObject) -> Iterator[Cursor]:
    spec = claim.at("spec", "spec") if claim.kind == "ResourceClaimTemplate" else claim.at("spec")
    yield from spec.at("devices", "requests").items()


def _claims(pods: Pods) -> dict[str, Located[str]]:
    """The templates, or claims, behind the names that containers use."""
    found = {}
    for item in pods.at.at("spec", "resourceClaims").items():
        name = item["name"].text
        for key in ("resourceClaimTemplateName", "resourceClaimName"):
            target = pods.object.text(item[key])
            if name is not None and target is not None:
                found[name] = target
    return found


def _extended(container: Container) -> Located[int] | None:
    for group in ("limits", "requests"):
        for key, value in container.at.at("resources", group).fields():
            number = whole_number(str(value.value))
            if _EXTENDED.fullmatch(key) and number is not None:
                return container.object.located(value, number)
    return None


@rule(
    "T701",
    "error",
    "A device request has neither exactly nor firstAvailable",
    prevents="The API server refuses the claim.",
    source="resource.k8s.io/v1; v1beta1 had the fields one level higher.",
    fix="put deviceClassName, count and selectors under exactly",
    example=breaks(
        "disaggregated", _TEMPLATE, _REQUEST, {"name": "gpu", "deviceClassName": "gpu.nvidia.com"}
    ),
)
def shape(topology: Topology) -> Iterator[Breach]:
    for claim in topology.of_kind("ResourceClaim", "ResourceClaimTemplate"):
        if not (claim.root["apiVersion"].text or "").endswith("/v1"):
            continue
        for request in _requests(claim):
            if request["exactly"].present == request["firstAvailable"].present:
                yield Breach(
                    claim.located(request, None), "has not one of exactly and firstAvailable"
                )


@rule(
    "T702",
    "error",
    "A container uses a claim that its pod does not make",
    prevents="The API server refuses the pod.",
    source="Kubernetes: resources.claims names entries of spec.resourceClaims.",
    fix="correct the name, or add the claim to the pod",
    example=breaks(
        "disaggregated",
        "Deployment/prefill",
        f"{_POD}.containers[0].resources.claims",
        [{"name": "gpus"}, {"name": "nics"}],
    ),
)
def unknown_claim(topology: Topology) -> Iterator[Breach]:
    for pods in topology.pods:
        at = pods.at.at("spec", "resourceClaims")
        names = [item["name"].text for item in at.items()]
        for container in pods.containers:
            for item in container.at.at("resources", "claims").items():
                if item["name"].text not in names:
                    yield Breach(
                        pods.object.located(item["name"], item["name"].text),
                        f"there is no claim {item['name'].text!r}; there are {names}",
                        pods.object.located(at, None),
                    )


@rule(
    "T703",
    "error",
    "A pod's claim names no template, or misspells it",
    prevents="The pod waits for it, pending.",
    source="Kubernetes: the pod's claims are made from templates of its namespace.",
    fix="correct the name",
    example=breaks(
        "disaggregated",
        "Deployment/prefill",
        f"{_POD}.resourceClaims[0].resourceClaimTemplateName",
        "two-gpu",
    ),
)
def no_template(topology: Topology) -> Iterator[Breach]:
    for pods in topology.pods:
        for item in pods.at.at("spec", "resourceClaims").items():
            written = item["resourceClaimTemplateName"].present or item["resourceClaimName"].present
            if not written:
                yield Breach(pods.object.located(item, None), "the claim names no template")
    for name, templates in _unread_templates(topology):
        meant = slip_of(name.value, templates)
        if meant is not None:
            yield Breach(
                name,
                f"there is no template {name.value!r} in what was read, but {meant!r}",
                templates[meant].here,
            )


@rule(
    "T709",
    "warning",
    "A pod's claim template was not read",
    prevents="Where it does not exist, the pod stays pending; whether it holds enough devices "
    "stays unseen.",
    source="Kubernetes: the pod's claims are made from templates of its namespace.",
    fix="check the pods together with the template, or correct the name",
    example=breaks(
        "disaggregated",
        "Deployment/prefill",
        f"{_POD}.resourceClaims[0].resourceClaimTemplateName",
        "eight-gpus",
    ),
)
def template_not_read(topology: Topology) -> Iterator[Breach]:
    for name, templates in _unread_templates(topology):
        if slip_of(name.value, templates) is None:
            yield Breach(
                name,
                f"template {name.value!r} was not read; {', '.join(templates)} was",
                next(iter(templates.values())).here,
            )


def _unread_templates(
    topology: Topology,
) -> Iterator[tuple[Located[str], dict[str, KubeObject]]]:
    """Templates that pods name and that were not read, with those beside them that were."""
    for pods in topology.pods:
        beside = {
            each.name: each
            for each in topology.of_kind("ResourceClaimTemplate")
            if each.namespace == pods.object.namespace
        }
        for item in pods.at.at("spec", "resourceClaims").items():
            name = pods.object.text(item["resourceClaimTemplateName"])
            if name is not None and beside and name.value not in beside:
                yield name, beside


def _counted(pods: Pods, container: Container, topology: Topology) -> Located[int] | None:
    """The devices that a container gets; None where that cannot be told."""
    extended = _extended(container)
    claims = _claims(pods)
    used = list(container.at.at("resources", "claims").items())
    if not used:
        return extended
    total, place = 0, None
    for item in used:
        target = claims.get(item["name"].text or "")
        claim = target and (
            topology.find("ResourceClaimTemplate", pods.object.namespace, target.value)
            or topology.find("ResourceClaim", pods.object.namespace, target.value)
        )
        if not claim:
            return None
        for request in _requests(claim):
            exactly = request["exactly"]
            if not exactly.present or exactly["allocationMode"].text == "All":
                return None
            if item["request"].text in (None, request["name"].text):
                count = exactly["count"].value
                total += count if isinstance(count, int) else 1
                place = place or claim.located(exactly["count"], total)
    return None if place is None else place.of(total)


@rule(
    "T704",
    "error",
    "An engine gets fewer devices than it shards over",
    prevents="It does not start.",
    source="vLLM and SGLang take a device for each rank.",
    fix="claim as many devices as tensor, pipeline and local data parallelism need",
    example=breaks("disaggregated", _TEMPLATE, f"{_REQUEST}.exactly.count", 1),
)
def too_few(topology: Topology) -> Iterator[Breach]:
    for pods in topology.serving:
        engine = pods.engine
        assert engine is not None
        tensor, stages, ranks = engine.tensor_parallel, engine.pipeline_parallel, engine.local_ranks
        counted = _counted(pods, engine.container, topology)
        if None in (tensor, stages, ranks) or counted is None:
            continue
        assert tensor is not None
        assert stages is not None
        assert ranks is not None
        split = 1 if engine.kind == "sglang" else ranks.value
        spread = engine.container.flag("--data-parallel-size-local") is None
        world = tensor.value * stages.value * split
        size = pods.workload.size.value if spread or stages.value > 1 else 1
        needed = -(-world // size)
        if counted.value < needed:
            yield Breach(
                counted, f"{counted.value} devices, and the engine shards over {needed}", tensor
            )


@rule(
    "T705",
    "warning",
    "An engine gets no device",
    prevents="It does not start, or computes on the CPU.",
    source="Devices come from resources.claims, or from a device plugin's resource.",
    fix="claim a device for the engine's container",
    example=breaks("sglang", "Deployment/prefill", f"{_POD}.containers[0].resources", REMOVED),
)
def no_device(topology: Topology) -> Iterator[Breach]:
    for pods in topology.serving:
        engine = pods.engine
        assert engine is not None
        container = engine.container
        gets = container.at.at("resources", "claims").present or _extended(container)
        if not gets and not any(w in container.image.value for w in ("cpu", "sim", "tpu")):
            yield Breach(container.here, f"container {container.name!r} has no device")


@rule(
    "T706",
    "error",
    "An engine is given its devices twice",
    prevents="Devices of a claim and of the device plugin are counted apart: one may be given "
    "away twice.",
    source="NVIDIA's DRA driver: do not combine it with nvidia.com/gpu for the same devices.",
    fix="keep the claim, and remove the extended resource",
    example=breaks(
        "disaggregated",
        "Deployment/prefill",
        f"{_POD}.containers[0].resources.limits",
        {"nvidia.com/gpu": 2},
    ),
)
def twice(topology: Topology) -> Iterator[Breach]:
    for pods in topology.serving:
        assert pods.engine is not None
        container = pods.engine.container
        extended = _extended(container)
        claims = container.at.at("resources", "claims")
        if extended is not None and any(True for _ in claims.items()):
            yield Breach(
                extended,
                "devices from a plugin and from a claim",
                pods.object.located(claims, None),
            )


_MEMORY = re.compile(r'memory\s*\.\s*compareTo\(\s*quantity\("(\d{1,5})Gi"\)\s*\)\s*>=\s*0')
_NEVER = {80: 79, 96: 93, 141: 140, 192: 178}


@rule(
    "T707",
    "warning",
    "A claim asks for more memory than the device has",
    prevents="The pod stays pending: a device of 80 GB reports 81559Mi, less than 80Gi.",
    source="modelplane's inference classes; NVIDIA's DRA driver.",
    fix="ask for a little less than the device's name says",
    example=breaks(
        "disaggregated",
        _TEMPLATE,
        f"{_REQUEST}.exactly.selectors[0].cel.expression",
        'device.capacity["gpu.nvidia.com"].memory.compareTo(quantity("80Gi")) >= 0',
    ),
)
def memory(topology: Topology) -> Iterator[Breach]:
    for claim in topology.of_kind("ResourceClaim", "ResourceClaimTemplate"):
        for request in _requests(claim):
            for place in request.descendants():
                match = _MEMORY.search(place.text or "")
                size = int(match[1]) if match else 0
                if size in _NEVER:
                    yield Breach(
                        claim.located(place, place.text),
                        f"{size}Gi is more than a device of {size} GB reports: about "
                        f"{_NEVER[size]}Gi",
                    )


@rule(
    "T708",
    "warning",
    "A pod claims devices that no container uses",
    prevents="The devices are taken from others, and lie idle.",
    source="Kubernetes: a container gets a claim's devices by resources.claims alone.",
    fix="name the claim in the container's resources.claims",
    example=Example(
        "disaggregated",
        (
            Edit(
                "Deployment/prefill",
                f"{_POD}.resourceClaims[1]",
                {"name": "nics", "resourceClaimTemplateName": "two-gpus"},
            ),
        ),
    ),
)
def unused(topology: Topology) -> Iterator[Breach]:
    for pods in topology.pods:
        used = {
            item["name"].text
            for container in pods.containers
            for item in container.at.at("resources", "claims").items()
        }
        for item in pods.at.at("spec", "resourceClaims").items():
            if item["name"].text not in used:
                yield Breach(
                    pods.object.located(item["name"], item["name"].text),
                    f"claim {item['name'].text!r} is used by no container",
                )
