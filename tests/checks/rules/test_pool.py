from __future__ import annotations

import pytest
import yaml

from cdk8s_inference.findings import Edit
from tests.checks.rendered import codes
from tests.kit import examples


def test_ports_by_the_crd_that_was_read() -> None:
    ports = [{"number": 8000}, {"number": 8001}]
    two = examples.base("disaggregated", Edit("InferencePool/qwen", "spec.targetPorts", ports))
    crd = yaml.safe_load("""\
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: inferencepools.inference.networking.k8s.io}
spec:
  group: inference.networking.k8s.io
  names: {kind: InferencePool, plural: inferencepools}
  scope: Namespaced
  versions:
    - name: v1
      served: true
      storage: true
      schema:
        openAPIV3Schema:
          properties: {spec: {properties: {targetPorts: {maxItems: 1}}}}
""")
    assert "T108" not in codes(two)
    assert "T108" in codes([*two, crd])
    assert codes([*examples.base("disaggregated"), crd]) == set()


@pytest.mark.parametrize(
    ("kind", "group", "found"),
    [
        ("HorizontalPodAutoscaler", "autoscaling/v2", {"T101"}),
        ("ScaledObject", "keda.sh/v1alpha1", set()),
    ],
)
def test_who_wakes_a_workload_without_copies(kind: str, group: str, found: set[str]) -> None:
    asleep = examples.base("disaggregated", Edit("Deployment/decode", "spec.replicas", 0))
    scaler = {
        "apiVersion": group,
        "kind": kind,
        "metadata": {"name": "decode", "namespace": "llm"},
        "spec": {
            "minReplicas": 1,
            "maxReplicas": 4,
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "decode"},
        },
    }
    assert codes([*asleep, scaler]) & {"T101"} == found
