"""Objects that are merged into others are not refused for what they leave to these."""

from __future__ import annotations

import pytest

from cdk8s_inference.checks import check
from cdk8s_inference.source import read

WORKLOAD = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: manager, namespace: kserve}
spec:
  template:
    spec:
      containers: [{name: manager, image: "example.com/manager:v1"}]
"""
CERTIFICATE = """
apiVersion: cert-manager.io/v1
kind: Certificate
metadata: {name: serving, namespace: kserve}
spec: {dnsNames: [serving.kserve.svc]}
"""


def errors_in(text: str, file: str) -> set[str]:
    documents, problems = read(text.encode(), file)
    assert problems == []
    return {each.code for each in check(documents) if each.severity == "error"}


@pytest.mark.parametrize(
    ("text", "file"),
    [
        (WORKLOAD, "manager.yaml"),
        (CERTIFICATE, "certificate-patch.yaml"),
        (CERTIFICATE, "manager_image_patch.yaml"),
        (CERTIFICATE, "overlay/patches/certificate.yaml"),
    ],
)
def test_a_patch(text: str, file: str) -> None:
    assert errors_in(text, file) == set()


@pytest.mark.parametrize("file", ["certificate.yaml", "dispatch/certificate.yaml"])
def test_no_patch(file: str) -> None:
    assert errors_in(CERTIFICATE, file) == {"K003"}


@pytest.mark.parametrize(
    ("image", "codes"),
    [("ko://example.com/cmd/manager", set()), ("https://example.com/manager:v1", {"T641"})],
)
def test_an_image_that_a_tool_builds(image: str, codes: set[str]) -> None:
    text = WORKLOAD.replace("example.com/manager:v1", image)
    assert errors_in(text, "manager.yaml") == codes
