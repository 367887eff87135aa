"""What counts as an accelerator."""

from __future__ import annotations

import pytest

from cdk8s_inference.servers.accelerators import (
    is_accelerator_class,
    is_accelerator_driver,
    is_known_accelerator,
    may_be_accelerator,
    may_be_accelerator_class,
    same_devices,
)


@pytest.mark.parametrize(
    "resource",
    [
        "nvidia.com/gpu",
        "nvidia.com/gpu.shared",
        "nvidia.com/mig-3g.40gb",
        "amd.com/gpu",
        "google.com/tpu",
        "gpu.intel.com/i915",
        "gpu.intel.com/xe",
        "habana.ai/gaudi",
        "aws.amazon.com/neuron",
        "aws.amazon.com/neuroncore",
        "rebellions.ai/ATOM",
        "furiosa.ai/rngd",
        "huawei.com/Ascend910",
        "qualcomm.com/qaic",
        "tenstorrent.com/n150",
    ],
)
def test_accelerators_of_all_vendors(resource: str) -> None:
    assert is_known_accelerator(resource)
    assert may_be_accelerator(resource)


def test_a_new_vendors_device_may_be_one() -> None:
    assert may_be_accelerator("newcomer.io/npu-1")
    assert not is_known_accelerator("newcomer.io/npu-1")


@pytest.mark.parametrize(
    "resource",
    [
        "cpu",
        "memory",
        "ephemeral-storage",
        "hugepages-2Mi",
        "rdma/ib",
        "rdma/hca_shared_devices_a",
        "nvidia.com/rdma_shared_device_a",
        "openshift.io/sriov_p2",
        "vpc.amazonaws.com/efa",
        "networking.gke.io.networks/rdma-0",
        "devices.kubevirt.io/kvm",
        "example.kubernetes.io/widget",
        "",
        "gpu",
    ],
)
def test_other_resources(resource: str) -> None:
    assert not may_be_accelerator(resource)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("gpu.nvidia.com", True),
        ("mig.nvidia.com", True),
        ("tpu.google.com", True),
        ("our-h100", True),
        ("compute-domain-default-channel.nvidia.com", False),
        ("compute-domain-daemon.nvidia.com", False),
        ("dranet", False),
        ("rdma.example.com", False),
        ("mrdma.google.com", False),
        ("cpu.example.com", False),
    ],
)
def test_device_classes(name: str, expected: bool) -> None:
    assert may_be_accelerator_class(name) is expected


def test_classes_for_sure() -> None:
    names = ("gpu.nvidia.com", "mig.nvidia.com", "our-h100", "mrdma.google.com")
    assert [is_accelerator_class(name) for name in names] == [True, True, False, False]


def test_drivers() -> None:
    assert is_accelerator_driver("gpu.nvidia.com") is True
    assert is_accelerator_driver("compute-domain.nvidia.com") is False
    assert is_accelerator_driver("new.example.com") is None


def test_two_ways_to_one_device() -> None:
    assert same_devices("nvidia.com/gpu", "gpu.nvidia.com")
    assert same_devices("google.com/tpu", "tpu.google.com")
    assert not same_devices("nvidia.com/gpu", "compute-domain-default-channel.nvidia.com")
    assert not same_devices("nvidia.com/gpu", "tpu.google.com")
    assert not same_devices("rdma/ib", "gpu.nvidia.com")
