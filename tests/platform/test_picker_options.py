"""The endpoint picker in production: what each choice adds, in every release."""

from __future__ import annotations

from typing import Any

import pytest

from cdk8s_inference import Gateway, PickerOptions, Platform, RouterRelease
from cdk8s_inference.gateways import ISTIO
from cdk8s_inference.releases import ROUTER_RELEASES
from cdk8s_inference.releases.permission import Permission
from tests.document.builders import findings, prefill_decode, unified
from tests.kit.synth import composed, of_kind, the

Json = dict[str, Any]

each_release = pytest.mark.parametrize("release", ROUTER_RELEASES, ids=lambda each: each.version)

NAME = "qwen-0-epp"


def objects_with(release: RouterRelease = ROUTER_RELEASES[-1], **options: Any) -> list[Json]:
    return composed(prefill_decode(), Platform(router=release, picker=PickerOptions(**options)))


def deployment(objects: list[Json]) -> Json:
    found: Json = the(objects, "Deployment", NAME)["spec"]
    return found


def flags(objects: list[Json]) -> dict[str, str]:
    (container,) = deployment(objects)["template"]["spec"]["containers"]
    return dict(argument.removeprefix("--").split("=", 1) for argument in container["args"])


def granted(role: Json) -> set[tuple[str, ...]]:
    return {
        (group, resource, verb)
        for rule in role["rules"]
        for verb in rule["verbs"]
        for group in rule.get("apiGroups", ["url"])
        for resource in rule.get("resources", rule.get("nonResourceURLs", []))
    }


def asked(*permissions: Permission) -> set[tuple[str, ...]]:
    return {
        (permission.api_group if permission.resources else "url", what, verb)
        for permission in permissions
        for what in (*permission.resources, *permission.urls)
        for verb in permission.verbs
    }


@each_release
def test_high_availability_is_a_standby_an_election_and_the_right_for_it(
    release: RouterRelease,
) -> None:
    objects = objects_with(release, high_availability=True)
    spec = deployment(objects)
    assert (spec["replicas"], spec["strategy"]) == (2, {"type": "Recreate"})
    assert flags(objects)["ha-enable-leader-election"] == "true"
    role = the(objects, "Role", NAME)
    assert granted(role) == asked(*release.picker.watches, *release.picker.leader_election)
    pod = spec["template"]["spec"]
    (apart,) = pod["topologySpreadConstraints"]
    selected = apart["labelSelector"]["matchLabels"].items()
    assert selected <= spec["template"]["metadata"]["labels"].items()


@each_release
def test_a_standby_is_not_ready_and_not_restarted(release: RouterRelease) -> None:
    """Seen run: the standby is SERVING as liveness alone, for as long as the leader lives."""
    objects = objects_with(release, high_availability=True)
    (container,) = deployment(objects)["template"]["spec"]["containers"]
    services = {name: container[f"{name}Probe"]["grpc"]["service"] for name in _PROBES}
    assert services == {
        "startup": release.picker.liveness_service,
        "readiness": release.picker.readiness_service,
        "liveness": release.picker.liveness_service,
    }


_PROBES = ("startup", "readiness", "liveness")


def test_without_high_availability_there_is_one_and_a_new_one_comes_first() -> None:
    objects = objects_with()
    spec = deployment(objects)
    assert (spec["replicas"], spec["strategy"]["type"]) == (1, "RollingUpdate")
    assert "ha-enable-leader-election" not in flags(objects)
    assert "topologySpreadConstraints" not in spec["template"]["spec"]


@each_release
def test_metrics_with_authentication_bring_the_roles_for_it(release: RouterRelease) -> None:
    objects = objects_with(release, metrics="authenticated")
    assert flags(objects)["metrics-endpoint-auth"] == "true"
    review = the(objects, "ClusterRole", f"ml-team:{NAME}:metrics-review")
    reader = the(objects, "ClusterRole", f"ml-team:{NAME}:metrics-reader")
    assert granted(review) == asked(*release.picker.metrics_review)
    assert granted(reader) == asked(*release.picker.metrics_reader)
    binding = the(objects, "ClusterRoleBinding")
    assert binding["roleRef"]["name"] == review["metadata"]["name"]
    account = deployment(objects)["template"]["spec"]["serviceAccountName"]
    assert binding["subjects"] == [
        {"kind": "ServiceAccount", "name": account, "namespace": "ml-team"}
    ]
    assert not any("namespace" in each["metadata"] for each in (review, reader, binding))


def test_open_metrics_need_no_role_of_the_cluster() -> None:
    objects = objects_with()
    assert flags(objects)["metrics-endpoint-auth"] == "false"
    assert of_kind(objects, "ClusterRole") == []


def test_a_picker_kept_from_eviction() -> None:
    objects = objects_with(keep_from_eviction=True)
    spec = the(objects, "PodDisruptionBudget", NAME)["spec"]
    assert spec["minAvailable"] == 1
    labels = deployment(objects)["template"]["metadata"]["labels"]
    assert spec["selector"]["matchLabels"].items() <= labels.items()
    # A standby is never Ready, and would otherwise hold up the drain of its node.
    assert spec["unhealthyPodEvictionPolicy"] == "AlwaysAllow"


def test_resources() -> None:
    objects = objects_with(cpu=0.5, memory_gibibytes=2, memory_limit_gibibytes=4)
    (container,) = deployment(objects)["template"]["spec"]["containers"]
    assert container["resources"] == {
        "requests": {"cpu": "500m", "memory": "2Gi"},
        "limits": {"memory": "4Gi"},
    }


@each_release
def test_the_grace_period_is_longer_than_the_drain(release: RouterRelease) -> None:
    objects = objects_with(release, drain_seconds=120)
    grace = deployment(objects)["template"]["spec"]["terminationGracePeriodSeconds"]
    flag = release.picker.drain_flag
    if flag is None:
        assert not any("drain" in name for name in flags(objects))
        assert grace > release.picker.stop_seconds
    else:
        assert flags(objects)[flag] == "120s"
        assert grace > 120


def test_failing_open_is_written_and_warned_of() -> None:
    istio = Gateway(provider=ISTIO)
    open_ = Platform(gateway=istio, picker=PickerOptions(failure_mode="FailOpen"))
    pool = the(composed(prefill_decode(), open_), "InferencePool")
    assert pool["spec"]["endpointPickerRef"]["failureMode"] == "FailOpen"
    assert "W301" in [finding.code for finding in findings(prefill_decode(), open_)]
    assert "W301" not in [finding.code for finding in findings(prefill_decode())]
    # There is no picker in front of a Service.
    assert "W301" not in [finding.code for finding in findings(unified(), open_)]


def test_a_limit_below_the_request_is_refused() -> None:
    with pytest.raises(ValueError, match="memory_limit_gibibytes is 1, below the 2"):
        PickerOptions(memory_gibibytes=2, memory_limit_gibibytes=1)
