"""Which kinds a cluster has, and of which release."""

from __future__ import annotations

import pytest

from cdk8s_inference.findings import Mend
from cdk8s_inference.schemas import RELEASES, ClusterApi
from cdk8s_inference.schemas.facts import kubernetes

ANY = ClusterApi()


def test_a_version_that_was_removed() -> None:
    (found,) = ANY.violations("policy/v1beta1", "PodDisruptionBudget", {})
    assert (found.problem, found.path) == ("removed", ("apiVersion",))
    assert found.message.endswith("since 1.25")
    assert (found.fix, found.mend) == ("use policy/v1", Mend("policy/v1beta1", "policy/v1"))


def test_an_object_that_the_version_of_today_refuses() -> None:
    (found,) = ANY.violations("extensions/v1beta1", "Ingress", {"spec": {"backend": {}}})
    assert (found.fix, found.mend) == (
        "use networking.k8s.io/v1; the fields may have changed",
        None,
    )


@pytest.mark.parametrize(
    ("api_version", "kind", "path", "message"),
    [
        ("v1", "Deployment", "apiVersion", "Deployment is of apps/v1, and not of v1"),
        ("apps/v2", "Deployment", "apiVersion", "Deployment is of apps/v1, and not of apps/v2"),
        ("", "Service", "apiVersion", "Service is of v1, and not of no apiVersion"),
        ("apps/v1", "Deploymnt", "kind", "there is no kind Deploymnt, but Deployment"),
    ],
)
def test_a_kind_that_there_is_not(api_version: str, kind: str, path: str, message: str) -> None:
    found = ANY.likely_kind(api_version, kind)
    assert found is not None
    assert (found.path, found.message) == ((path,), message)


@pytest.mark.parametrize(
    ("api_version", "kind"),
    [
        ("serving.knative.dev/v1", "Service"),
        ("networking.istio.io/v1", "Gateway"),
        ("metrics.k8s.io/v1beta1", "PodMetrics"),
        ("v1", "PodSpec"),
    ],
)
def test_kinds_of_others(api_version: str, kind: str) -> None:
    assert ANY.likely_kind(api_version, kind) is None
    assert ANY.violations(api_version, kind, {}, partial=True) == []


def test_a_field_of_a_later_release() -> None:
    """Found in the facts: a field that PodSpec has in the newest release alone."""
    facts, pod = kubernetes(), "io.k8s.api.core.v1.PodSpec"
    newest, oldest = RELEASES[0], RELEASES[-1]
    fields = [(facts.definition(pod, each) or {})["properties"] for each in (newest, oldest)]
    name = sorted(fields[0].keys() - fields[1].keys())[0]
    value: dict[str, object] = {"containers": [], name: None}
    # Null is absent, but the field is written.
    assert ANY.violations("v1", "PodSpec", value) == []
    assert ClusterApi(newest).violations("v1", "PodSpec", value) == []
    (found,) = ClusterApi(oldest).violations("v1", "PodSpec", value)
    assert found.problem == "release"
    assert f"in Kubernetes {oldest}; " in found.message
    assert f"{newest} have it" in found.message


def test_a_kind_of_a_later_release() -> None:
    name = "admissionregistration.k8s.io/v1", "MutatingAdmissionPolicy"
    (found,) = ClusterApi("1.34").violations(*name, {})
    assert found.problem == "release"
    assert "1.36 have it" in found.message
    assert all(each.problem != "release" for each in ANY.violations(*name, {}))


def test_crds_of_ones_own_come_first() -> None:
    schema = {
        "type": "object",
        "properties": {"spec": {"type": "object", "properties": {"text": {"type": "string"}}}},
    }
    api = ClusterApi(crds={("example.com/v1", "Prompt"): schema})
    assert not ANY.knows("example.com/v1", "Prompt")
    assert api.knows("example.com/v1", "Prompt")
    (found,) = api.violations("example.com/v1", "Prompt", {"spec": {"tex": "a"}})
    assert (found.near, found.certain) == ("text", True)


def test_every_line_of_the_facts_is_read() -> None:
    facts = kubernetes()
    for version, kinds in facts.kinds.items():
        for kind in kinds:
            assert ANY.knows(version, kind)
