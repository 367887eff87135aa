"""Devices of a claim, and devices of a plugin."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from cdk8s_inference.checks import check
from cdk8s_inference.findings import Edit
from cdk8s_inference.source import Document
from tests.checks.rendered import codes
from tests.kit import examples

_CHANNEL = """\
apiVersion: resource.nvidia.com/v1beta1
kind: ComputeDomain
metadata: {name: rack, namespace: llm}
spec: {numNodes: 2, channel: {resourceClaimTemplate: {name: rack-channel}}}
"""

_TEMPLATE = """\
apiVersion: resource.k8s.io/v1
kind: ResourceClaimTemplate
metadata: {{name: claimed, namespace: llm}}
spec:
  spec:
    devices:
      requests: [{{name: devices, exactly: {{deviceClassName: {name}, count: {count}}}}}]
"""


def _server(template: str, gpus: int | None, ranks: int = 2) -> dict[str, Any]:
    limits = {} if gpus is None else {"limits": {"nvidia.com/gpu": gpus}}
    made: dict[str, Any] = yaml.safe_load(
        f"""\
apiVersion: apps/v1
kind: Deployment
metadata: {{name: m, namespace: llm}}
spec:
  selector: {{matchLabels: {{app: m}}}}
  template:
    metadata: {{labels: {{app: m}}}}
    spec:
      resourceClaims: [{{name: claimed, resourceClaimTemplateName: {template}}}]
      containers:
        - name: vllm
          image: vllm/vllm-openai:v0.23.0
          args: [--model=org/model, --tensor-parallel-size={ranks}]
          resources: {{claims: [{{name: claimed}}]}}
"""
    )
    made["spec"]["template"]["spec"]["containers"][0]["resources"] |= limits
    return made


_DEVICE_CODES = {"T703", "T704", "T705", "T706", "T709"}


def test_a_channel_of_a_compute_domain_is_no_device() -> None:
    channel = yaml.safe_load(_CHANNEL)
    beside = yaml.safe_load(_TEMPLATE.format(name="gpu.nvidia.com", count=1))
    objects = [channel, beside, _server("rack-channel", 2)]
    assert codes(objects) & _DEVICE_CODES == set()
    assert codes([channel, beside, _server("rack-channel", 1)]) & _DEVICE_CODES == {"T704"}


@pytest.mark.parametrize(
    ("device_class", "gpus", "told"),
    [
        ("gpu.nvidia.com", 2, {"T706"}),
        ("gpu.nvidia.com", None, set()),
        ("rdma.example.com", 2, set()),
        ("rdma.example.com", 1, {"T704"}),
        ("compute-domain-default-channel.nvidia.com", 2, set()),
    ],
)
def test_devices_of_other_classes_are_no_gpus(
    device_class: str, gpus: int | None, told: set[str]
) -> None:
    template = yaml.safe_load(_TEMPLATE.format(name=device_class, count=2))
    assert codes([template, _server("claimed", gpus)]) & _DEVICE_CODES == told


def test_a_claim_as_kubernetes_1_30_wrote_it_is_told_where_its_fields_moved() -> None:
    source = {"resourceClaimTemplateName": "two-gpus"}
    objects = examples.base(
        "disaggregated",
        Edit(
            "Deployment/prefill",
            "spec.template.spec.resourceClaims[0]",
            {"name": "gpus", "source": source},
        ),
    )
    [found] = [each for each in check([Document(each) for each in objects]) if each.code == "T703"]
    assert "Kubernetes 1.31 removed" in found.message
    assert "out of 'source'" in found.fix
