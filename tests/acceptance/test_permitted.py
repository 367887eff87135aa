"""Each release's picker may do what it needs, with and without the CRDs that it can go without."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import combinations, product
from pathlib import Path
from typing import Any

import pytest
from cdk8s import Chart

from cdk8s_inference import App, EndpointPicker, Platform
from cdk8s_inference.picker_config import DisaggregatedConfig
from cdk8s_inference.platform.picker_options import PickerOptions
from cdk8s_inference.releases import ROUTER_RELEASES, RouterRelease
from cdk8s_inference.releases.permission import Permission
from tests.acceptance import crds
from tests.acceptance.cluster import Cluster, Object
from tests.acceptance.conftest import Namespaces
from tests.acceptance.control_plane import api_server
from tests.acceptance.counts import COUNTS

Right = tuple[str, str, str]
"""A verb, an API group and a resource."""

OPTIONAL_GROUPS = ("inference.networking.x-k8s.io", "llm-d.ai")
OPTIONAL_KINDS = ("inferenceobjectives", "inferencemodelrewrites")
OPTIONAL = {f"{kind}.{group}" for kind in OPTIONAL_KINDS for group in OPTIONAL_GROUPS}
SITUATIONS = [groups for count in range(3) for groups in combinations(OPTIONAL_GROUPS, count)]


@pytest.fixture(scope="module")
def bare(
    own_control_plane: None, seed: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Cluster]:
    """An API server whose optional CRDs come and go."""
    with api_server(tmp_path_factory.mktemp("bare"), seed) as cluster:
        yield cluster


@pytest.fixture(
    scope="module", params=SITUATIONS, ids=lambda groups: " and ".join(groups) or "neither"
)
def installed(
    request: pytest.FixtureRequest, bare: Cluster, tmp_path_factory: pytest.TempPathFactory
) -> tuple[str, ...]:
    """The optional API groups whose CRDs are there, beside those that are always."""
    groups: tuple[str, ...] = request.param
    absent = {name for name in OPTIONAL if name.partition(".")[2] not in groups}
    crds.install(bare, tmp_path_factory.mktemp("crds"))
    if absent:
        bare.kubectl("delete", "customresourcedefinitions", *sorted(absent))
    return groups


OPTIONS = {
    "plain": PickerOptions(),
    "with a standby": PickerOptions(high_availability=True),
    "with authenticated metrics": PickerOptions(metrics="authenticated"),
}


@pytest.mark.parametrize("release", ROUTER_RELEASES, ids=lambda release: release.version)
@pytest.mark.parametrize("options", OPTIONS)
def test_the_picker_may_do_what_it_needs_and_nothing_more(
    options: str,
    release: RouterRelease,
    bare: Cluster,
    installed: tuple[str, ...],
    make_namespaces: Namespaces,
) -> None:
    namespace = f"permitted-{release.version}-{options}".replace(".", "-").replace(" ", "-")
    make_namespaces(bare, [namespace])
    chosen, needs = OPTIONS[options], release.picker
    bare.apply(picker(release, chosen, namespace))
    here = {*rights(needs.watches)}
    if chosen.high_availability:
        here |= {*rights(needs.leader_election)}
    everywhere = (
        {*rights(needs.metrics_review)} if chosen.metrics == "authenticated" else set[Right]()
    )
    served = {right for right in here if right[1] not in {*OPTIONAL_GROUPS} - {*installed}}
    assert denied(bare, namespace, "picker", served | everywhere) == set()
    granted = allowed(bare, namespace, "picker") - allowed(bare, namespace, "default")
    assert granted == here | everywhere
    assert denied(bare, "default", "picker", served | everywhere, of=namespace) == served
    COUNTS["rights reviewed"] += 2 * len(served | everywhere) + len(granted)


def rights(permissions: Iterable[Permission]) -> Iterator[Right]:
    for permission in permissions:
        for verb, resource in product(permission.verbs, permission.resources):
            yield verb, permission.api_group, resource


def picker(release: RouterRelease, options: PickerOptions, namespace: str) -> list[Object]:
    chart = Chart(App(), "permitted")
    EndpointPicker(
        chart,
        "picker",
        name="picker",
        namespace=namespace,
        pool="pool",
        config=DisaggregatedConfig.prefix_aware(),
        platform=Platform(router=release, picker=options),
    )
    objects: list[Object] = chart.to_json()
    return objects


def denied(
    cluster: Cluster, namespace: str, account: str, rights: Iterable[Right], of: str | None = None
) -> set[Right]:
    """Which of some rights in a namespace the API server denies an account."""
    asked = sorted(rights)
    reviews = [
        {
            "apiVersion": "authorization.k8s.io/v1",
            "kind": "SubjectAccessReview",
            "spec": {
                "user": f"system:serviceaccount:{of or namespace}:{account}",
                "resourceAttributes": {
                    "namespace": namespace,
                    "verb": verb,
                    "group": group,
                    "resource": resource,
                },
            },
        }
        for verb, group, resource in asked
    ]
    answers = cluster.ask(reviews)
    assert len(answers) == len(asked)
    return {
        right
        for right, answer in zip(asked, answers, strict=True)
        if not answer["status"]["allowed"]
    }


def allowed(cluster: Cluster, namespace: str, account: str) -> set[Right]:
    """All that an account may do in a namespace."""
    review = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SelfSubjectRulesReview",
        "spec": {"namespace": namespace},
    }
    (answer,) = cluster.ask([review], f"--as=system:serviceaccount:{namespace}:{account}")
    rules: list[Mapping[str, Any]] = answer["status"]["resourceRules"]
    return {
        right
        for rule in rules
        for right in product(rule["verbs"], rule["apiGroups"], rule["resources"])
    }
