"""The servers of the proofs, each started once and ended whatever happens."""

from __future__ import annotations

import os
from collections.abc import Generator, Iterable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Protocol

import pytest

from cdk8s_inference.releases import ROUTER_NEWEST, ROUTER_RELEASES, RouterRelease
from tests.acceptance import crds
from tests.acceptance.cluster import Cluster, namespace
from tests.acceptance.control_plane import api_server, lws, manager
from tests.acceptance.counts import COUNTS
from tests.acceptance.host import network
from tests.acceptance.kubelet import Executable, simulator
from tests.acceptance.process import Process
from tests.acceptance.serving import SIMULATOR, Site, variables
from tests.kit.shared import SHARED

KUBECONFIG = "ACCEPTANCE_KUBECONFIG"


class Namespaces(Protocol):
    """Makes those of some namespaces that are absent."""

    def __call__(self, cluster: Cluster, names: Iterable[str], *, written: bool = True) -> None: ...


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Shows the end of every server's log beside a failure."""
    report = yield
    if report.failed:
        report.sections += [(f"log of {each.name}", each.tail) for each in Process.running]
    return report


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Says how much was proven."""
    if COUNTS:
        counted = ", ".join(f"{count} {what}" for what, count in sorted(COUNTS.items()))
        terminalreporter.write_line(f"Proven: {counted}")


@pytest.fixture(scope="session")
def existing() -> Path | None:
    """The kubeconfig of a cluster to use instead of our own."""
    path = os.environ.get(KUBECONFIG)
    return Path(path) if path else None


@pytest.fixture(scope="session")
def own_control_plane(existing: Path | None) -> None:
    """For what a cluster of others cannot be used for: fake nodes, CRDs that come and go."""
    if existing is not None:
        pytest.skip(f"needs a control plane of its own, and {KUBECONFIG} is set")


@pytest.fixture(scope="session")
def with_crds() -> None:
    """For what needs CRDs."""
    if SHARED is None:
        pytest.skip("the CRDs are absent")


@pytest.fixture(scope="session")
def seed(with_crds: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of an API server that has every CRD, and has ended: others start from it."""
    folder = tmp_path_factory.mktemp("seed")
    with api_server(folder) as cluster:
        crds.install(cluster, folder)
    return folder


@pytest.fixture(scope="session")
def server(
    existing: Path | None, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Cluster]:
    """An API server with every CRD, or the cluster that was given."""
    folder = tmp_path_factory.mktemp("server")
    if existing is not None:
        cluster = Cluster(existing, folder)
        request.getfixturevalue("with_crds")
        crds.install(cluster, folder)
        yield cluster
        return
    with api_server(folder, request.getfixturevalue("seed")) as cluster:
        yield cluster


@pytest.fixture(scope="session")
def make_namespaces(existing: Path | None) -> Iterator[Namespaces]:
    """Makes namespaces, which in a cluster of others are removed in the end.

    What is there already is not written to in a cluster of others.
    """
    made: dict[Cluster, set[str]] = {}

    def make(cluster: Cluster, names: Iterable[str], *, written: bool = True) -> None:
        mine = made.setdefault(cluster, set())
        absent = {*names} - mine
        there = {item["metadata"]["name"] for item in cluster.get("namespaces")}
        if existing is not None and written and (others := sorted(absent & there)):
            pytest.skip(f"namespaces that are there already are not touched: {others}")
        cluster.create(map(namespace, sorted(absent - there)))
        mine.update(absent - there)

    yield make
    if existing is not None:
        for cluster, names in made.items():
            cluster.kubectl("delete", "namespaces", *sorted(names))


@pytest.fixture(scope="module")
def site(
    own_control_plane: None, seed: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Site]:
    """A cluster and a network, on which deployments run as processes."""
    folder = tmp_path_factory.mktemp("site")
    with ExitStack() as stack:
        net = stack.enter_context(network(folder))
        cluster = stack.enter_context(api_server(folder, seed, net.host("cluster")))
        stack.enter_context(manager(cluster))
        stack.enter_context(lws(cluster))
        site = Site(cluster, net, folder)
        cluster.apply([stack.enter_context(site.kubelet())])
        yield site


@pytest.fixture(params=ROUTER_RELEASES, ids=lambda release: release.version)
def release(request: pytest.FixtureRequest) -> RouterRelease:
    """Each release whose executables are there."""
    return _given(request.param)


@pytest.fixture
def newest() -> RouterRelease:
    """The newest release, if its executables are there."""
    return _given(ROUTER_NEWEST)


@pytest.fixture
def simulated() -> Executable:
    """What runs as an engine, if it is there."""
    if not (path := os.environ.get(SIMULATOR)):
        pytest.skip(f"the executable is not given: {SIMULATOR}")
    return simulator(Path(path))


def _given(release: RouterRelease) -> RouterRelease:
    if missing := [name for name in variables(release) if not os.environ.get(name)]:
        pytest.skip(f"the executables are not given: {', '.join(missing)}")
    return release
