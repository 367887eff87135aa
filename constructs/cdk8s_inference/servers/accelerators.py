"""What counts as an accelerator, of any vendor.

A node offers accelerators as an extended resource of a device plugin (``nvidia.com/gpu``), or by a
DRA driver whose DeviceClass a claim names. Any extended resource may be one: a list of vendors
would call every new vendor's engine one without a device.
"""

from __future__ import annotations

import re

_EXTENDED = re.compile(r"(?P<domain>[a-z0-9][a-z0-9.-]*\.[a-z0-9.-]+)/(?P<name>[A-Za-z0-9._-]+)")

_KNOWN = re.compile(
    r"""
    nvidia\.com/(gpu|mig-.*|pgpu|GPU.*)(\.shared)?
    | amd\.com/gpu.* | google\.com/tpu | gpu\.intel\.com/.* | habana\.ai/gaudi
    | aws\.amazon\.com/neuron(core|device)? | rebellions\.ai/ATOM.* | furiosa\.ai/.*
    | huawei\.com/Ascend.* | qualcomm\.com/.* | cambricon\.com/.* | metax-tech\.com/.*
    | (mt|iluvatar|enflame|hygon|kunlunxin|biren|moore|mthreads)[a-z.-]*\.(com|ai|cn)/.*
    | tenstorrent\.com/.* | cerebras\.(com|net)/.* | alibabacloud\.com/ppu
    """,
    re.VERBOSE,
)
"""Resources of device plugins that are accelerators for sure. Read in the vendors' plugins."""

_CPU_IMAGE = re.compile(r"(?<![a-z])(cpu|sim|xeon)(?![a-z])")

_ONE_RANK = re.compile(
    r"nvidia\.com/(gpu|mig-.*)|amd\.com/gpu|gpu\.intel\.com/(i915|xe)|habana\.ai/gaudi"
)

_OTHER_DOMAINS = re.compile(r"(.*\.)?kubernetes\.io|(.*\.)?k8s\.io")
_OTHER_RESOURCES = re.compile(
    r"""
    rdma/.* | .*/(.*_)?(hca|rdma|roce|ib|nic|netdevice|sriov|vf|efa|ofed)[a-z0-9_.-]*
    | vpc\.amazonaws\.com/.* | networking\.gke\.io.* | k8s\.cni\.cncf\.io/.*
    | devices\.kubevirt\.io/.* | squat\.ai/.* | smarter-devices/.* | .*/(kvm|fuse|tun)
    """,
    re.VERBOSE | re.IGNORECASE,
)
"""Resources of device plugins that are none: network devices, and devices of the host."""

DRA_DRIVERS = frozenset(
    {
        "gpu.nvidia.com",
        "gpu.amd.com",
        "gpu.intel.com",
        "gaudi.intel.com",
        "tpu.google.com",
        "neuron.aws.com",
        "npu.furiosa.ai",
        "npu.rebellions.ai",
    }
)
"""DRA drivers of accelerators. The first was seen run; the others are read."""

_OWN_CLASSES = frozenset({"mig.nvidia.com", "vfio.gpu.nvidia.com"})
"""DeviceClasses that a driver installs beside the one that has its name."""

_OTHER_DRIVERS = frozenset(
    {
        "compute-domain.nvidia.com",
        "dra.net",
        "dranet",
        "dra.cpu",
        "dra.memory",
        "sriovnetwork.k8snetworkplumbingwg.io",
    }
)
"""DRA drivers of other devices. ``compute-domain.nvidia.com`` gives an IMEX channel, over which
the GPUs of several nodes reach each other: GPUs come from elsewhere."""


def is_known_accelerator(resource: str) -> bool:
    """Whether an extended resource is an accelerator for sure.

    >>> is_known_accelerator("nvidia.com/mig-1g.10gb"), is_known_accelerator("example.com/widget")
    (True, False)
    """
    return _KNOWN.fullmatch(resource) is not None


def is_device_of_one_rank(resource: str) -> bool:
    """Whether each unit of a resource is one device of an engine.

    A unit of AWS's or Google's may hold several cores, of which each is a rank.

    >>> is_device_of_one_rank("nvidia.com/gpu"), is_device_of_one_rank("aws.amazon.com/neuron")
    (True, False)
    """
    return _ONE_RANK.fullmatch(resource) is not None


def may_be_accelerator(resource: str) -> bool:
    """Whether a resource may be an accelerator: any extended one that is not known to be another.

    >>> may_be_accelerator("example.com/npu"), may_be_accelerator("rdma/ib")
    (True, False)
    """
    if is_known_accelerator(resource):
        return True
    found = _EXTENDED.fullmatch(resource)
    if found is None or _OTHER_RESOURCES.fullmatch(resource):
        return False
    return _OTHER_DOMAINS.fullmatch(found["domain"]) is None


def is_cpu_image(image: str) -> bool:
    """Whether an image is made for the CPU, or simulates, by its name.

    >>> is_cpu_image("ghcr.io/llm-d/llm-d-inference-sim:v0.10.2"), is_cpu_image("vllm/vllm-openai")
    (True, False)
    """
    return _CPU_IMAGE.search(image) is not None


def may_be_accelerator_class(device_class: str) -> bool:
    """Whether a DeviceClass may be one of accelerators, by its name.

    Drivers name their classes for themselves, such as ``gpu.nvidia.com`` and
    ``mig.nvidia.com``; an own class may be anything.

    >>> may_be_accelerator_class("compute-domain-default-channel.nvidia.com")
    False
    """
    return not (
        device_class.startswith("compute-domain")
        or device_class in _OTHER_DRIVERS
        or re.search(r"(^|[.-])(m?rdma|nic|dranet|sriov|efa|roce|cpu|memory)([.-]|$)", device_class)
    )


def is_accelerator_class(device_class: str) -> bool:
    """Whether a DeviceClass is one of accelerators for sure: a driver's own.

    >>> is_accelerator_class("gpu.nvidia.com"), is_accelerator_class("our-h100")
    (True, False)
    """
    return device_class in DRA_DRIVERS or device_class in _OWN_CLASSES


def is_accelerator_driver(driver: str) -> bool | None:
    """Whether a DRA driver gives accelerators; None for one that is not known."""
    if driver in DRA_DRIVERS:
        return True
    return False if driver in _OTHER_DRIVERS else None


def same_devices(resource: str, device_class: str) -> bool:
    """Whether a device plugin and a DRA driver hand out the same devices of a node, for sure.

    >>> same_devices("nvidia.com/gpu", "gpu.nvidia.com")
    True
    """
    domain = resource.partition("/")[0]
    vendor = device_class.partition(".")[2]
    return (
        is_known_accelerator(resource)
        and may_be_accelerator_class(device_class)
        and vendor == domain
    )
