"""What is completed before it is applied, by a merge, a tool or a person, is no error."""

from __future__ import annotations

import pytest

from cdk8s_inference.checks import check
from cdk8s_inference.findings import example as examples
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
    [
        ("ko://example.com/cmd/manager", set()),
        ("REGION-docker.pkg.dev/PROJECT_ID/manager:v1", set()),
        ("https://example.com/manager:v1", {"T641"}),
        ("example.com/VLLM/openai:v0.23.0", {"T641"}),
    ],
)
def test_an_image_that_a_tool_builds(image: str, codes: set[str]) -> None:
    text = WORKLOAD.replace("example.com/manager:v1", image)
    assert errors_in(text, "manager.yaml") == codes


def test_values_that_a_person_replaces() -> None:
    claim = """
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: PVC_NAME, namespace: slurm}
spec: {resources: {requests: {storage: FILESTORE_CAPACITY}}}
"""
    assert errors_in(claim, "claim.yaml") == set()
    assert errors_in(claim.replace("FILESTORE_CAPACITY", "64G1"), "claim.yaml") == {"K005"}


def test_a_field_of_another_release_of_a_custom_resource() -> None:
    route = """
apiVersion: aigateway.envoyproxy.io/v1alpha1
kind: AIGatewayRoute
metadata: {name: models, namespace: ml}
spec: {rules: [{}], targetRefs: []}
"""
    assert errors_in(route, "route.yaml") == set()
    assert errors_in(route.replace("targetRefs", "parentRef"), "route.yaml") == {"K001"}


def test_a_workload_of_a_version_that_is_gone() -> None:
    text = WORKLOAD.replace("apps/v1", "apps/v1beta1")
    assert errors_in(text, "manager.yaml") == {"K008"}


def test_a_status_is_not_applied() -> None:
    policy = """
apiVersion: gateway.envoyproxy.io/v1alpha1
kind: BackendTrafficPolicy
metadata: {name: patched, namespace: ml}
spec: {}
status: {conditions: []}
"""
    assert errors_in(policy, "policy.yaml") == set()


def test_a_part_of_a_kind_is_another_kind_than_one_of_its_name() -> None:
    """Another project's PodGroup, and the pod groups of Kubernetes' Workload."""
    group = """
apiVersion: scheduling.incubator.k8s.io/v1alpha1
kind: PodGroup
metadata: {name: spark, namespace: ml}
spec: {minMember: 1}
"""
    assert errors_in(group, "group.yaml") == set()


def test_the_namespace_where_a_picker_looks_is_its_pools() -> None:
    objects = (
        examples.example_text("disaggregated")
        .replace(", namespace: llm", "")
        .replace("--pool-namespace=llm", "--pool-namespace=apart")
    )
    assert "--pool-namespace=apart" in objects
    assert "T405" not in errors_in(objects, "pool.yaml")


def test_a_plugin_of_ones_own() -> None:
    config = """
apiVersion: llm-d.ai/v1alpha1
kind: EndpointPickerConfig
plugins: [{type: mock-metrics-source}, {type: max-score-picker}, {type: single-profile-handler}]
schedulingProfiles: [{name: default, plugins: [{pluginRef: max-score-picker}]}]
"""
    assert errors_in(config, "config.yaml") == set()
    slip = config.replace("max-score-picker}, {", "max-scor-picker}, {")
    assert "P106" in errors_in(slip, "config.yaml")


def test_a_pod_without_containers_is_a_template() -> None:
    pod = "apiVersion: v1\nkind: Pod\nmetadata: {name: driver}\nspec: {nodeSelector: {a: b}}\n"
    assert errors_in(pod, "driver.yaml") == set()


DELEGATED = """
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: root, namespace: infra}
spec:
  parentRefs: [{name: gateway}]
  rules:
    - backendRefs:
        - {group: gateway.networking.k8s.io, kind: HTTPRoute, name: team, namespace: team}
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: team, namespace: team}
spec:
  parentRefs: [{group: gateway.networking.k8s.io, kind: HTTPRoute, name: root, namespace: infra}]
  rules:
    - backendRefs: [{name: models, port: 80}]
"""


def test_a_route_may_delegate_to_another() -> None:
    assert errors_in(DELEGATED, "routes.yaml") == set()


GATEWAY = """
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {{name: gateway, namespace: infra}}
spec:
  gatewayClassName: eg
  listeners:
    - {{name: http, port: 80, protocol: HTTP, allowedRoutes: {{namespaces: {{from: {admits}}}}}}}
"""
ROUTE = """
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: models, namespace: team}
spec:
  parentRefs: [{name: gateway, namespace: infra}]
  rules: [{backendRefs: [{name: models, port: 80}]}]
"""


def test_which_of_several_gateways_of_one_name_is_meant_is_not_known() -> None:
    def documents(*files: tuple[str, str]) -> set[str]:
        found = [each for file, text in files for each in read(text.encode(), file)[0]]
        return {each.code for each in check(found) if each.severity == "error"}

    same, every = GATEWAY.format(admits="Same"), GATEWAY.format(admits="All")
    assert documents(("a.yaml", same), ("route.yaml", ROUTE)) == {"T506"}
    assert documents(("a.yaml", same), ("b.yaml", every), ("route.yaml", ROUTE)) == set()
