"""The API server takes everything that we emit: strictly, without a warning, and twice."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import pytest

from tests.acceptance import crds, sources
from tests.acceptance.cluster import Cluster, Key, Object, key, namespace
from tests.acceptance.conftest import Namespaces
from tests.acceptance.control_plane import api_server
from tests.acceptance.counts import COUNTS
from tests.acceptance.sources import ROOT, Source
from tests.kit.shared import SHARED
from tests.stack.tools import DELIVERIES, STACKS, plain

KINDS = ("app", "examples", "documents", "documents-picker", "snapshots")

TOOL_GROUPS = ("fluxcd.io", "argoproj.io", "crossplane.io", "cattle.io")
"""API groups of the tools that deliver a stack."""


@pytest.fixture
def emitted(request: pytest.FixtureRequest, tmp_path: Path) -> list[Source]:
    """All that the project emits of one kind."""
    kind = request.param
    if kind.startswith("documents") and SHARED is None:
        pytest.skip("the documents are absent")
    found: Iterable[Source]
    if kind == "app":
        found = sources.app(ROOT / "main.py", tmp_path / "app")
    elif kind == "examples":
        found = sources.examples(tmp_path)
    elif kind == "snapshots":
        found = sources.snapshots()
    else:
        found = sources.documents("picker" if kind.endswith("picker") else "service")
    return list(found)


def used_namespaces(objects: Iterable[Object]) -> set[str]:
    return {item["metadata"]["namespace"] for item in objects if "namespace" in item["metadata"]}


def named(objects: Iterable[Object], kind: str) -> set[str]:
    return {item["metadata"]["name"] for item in objects if item["kind"] == kind}


@pytest.mark.parametrize("emitted", KINDS, indirect=True)
def test_dry_run(
    emitted: list[Source], server: Cluster, make_namespaces: Namespaces, tmp_path: Path
) -> None:
    assert emitted
    objects = [item for source in emitted for item in source.objects]
    make_namespaces(server, used_namespaces(objects), written=False)
    folder = tmp_path / "manifests"
    files = [source.write(folder) for source in emitted]
    # CRDs of ours are there already, with another's name on their fields.
    dry_run = ("apply", "--server-side", "--force-conflicts", "--dry-run=server")
    strictly = (*dry_run, "--validate=strict", "--filename")
    answer = server.try_(*strictly, folder)
    if answer.code != 0 or answer.warnings:
        # Once more, file by file: the server does not say which one a warning is about.
        for file in files:
            server.kubectl(*strictly, file)
    assert (answer.code, answer.warnings) == (0, [])
    assert answer.out.count("serverside-applied (server dry run)") == len(objects)
    COUNTS["objects dry-run"] += len(objects)
    COUNTS["sources dry-run"] += len(emitted)


@pytest.mark.parametrize("emitted", ["documents", "documents-picker"], indirect=True)
def test_documents_applied_twice(
    emitted: list[Source], server: Cluster, make_namespaces: Namespaces, tmp_path: Path
) -> None:
    objects = [item for source in emitted for item in source.objects]
    make_namespaces(server, used_namespaces(objects))
    folder = tmp_path / "dist"
    for source in emitted:
        source.write(folder)
    apply_twice(server, folder, objects)


def test_the_app_applied_twice(own_control_plane: None, seed: Path, tmp_path: Path) -> None:
    """As a user does, to a server that has the CRDs: those that it brings, and the others."""
    emitted = list(sources.app(ROOT / "main.py", tmp_path / "dist"))
    objects = [item for source in emitted for item in source.objects]
    with api_server(tmp_path / "server", seed) as cluster:
        if brought := sorted(named(objects, "CustomResourceDefinition")):
            cluster.kubectl("delete", "customresourcedefinitions", *brought)
            cluster.apply(item for item in objects if item["metadata"]["name"] in brought)
        absent = used_namespaces(objects) - named(objects, "Namespace")
        cluster.create(map(namespace, sorted(absent)))
        apply_twice(cluster, tmp_path / "dist", objects)


@pytest.mark.parametrize("delivery", [*DELIVERIES, "plain"])
@pytest.mark.parametrize("stack", STACKS)
def test_the_stack_applied_file_by_file(
    stack: str, delivery: str, own_control_plane: None, with_crds: None, tmp_path: Path
) -> None:
    """To a server that has the delivery tool's CRDs and namespace, and nothing else.

    Charts are not to be had here: under plain delivery an object stands for those of each.
    """
    tool = {**DELIVERIES, "plain": plain(tmp_path)}[delivery]
    emitted = sources.stack(STACKS[stack], tool, tmp_path / "dist")
    assert len(emitted) > 1
    objects = [item for source in emitted for item in source.objects]
    groups = {item["apiVersion"].partition("/")[0] for item in objects}
    with api_server(tmp_path / "server") as cluster:
        crds.install(
            cluster, tmp_path, lambda group: group in groups and group.endswith(TOOL_GROUPS)
        )
        brought = {*named(objects, "Namespace"), "default", "kube-system"}
        absent = sorted(used_namespaces(objects) - brought)
        assert len(absent) <= 1, "only the tool's own namespace may be missing"
        cluster.create(map(namespace, absent))
        for path in sorted((tmp_path / "dist").iterdir()):
            cluster.kubectl("apply", "--filename", path)
    COUNTS["stack objects applied file by file"] += len(objects)


def apply_twice(cluster: Cluster, folder: Path, objects: Sequence[Object]) -> None:
    """As a user does: the folder, in one go. The second time changes nothing."""
    cluster.kubectl("apply", "--filename", folder)
    first = versions(cluster, folder)
    assert first.keys() == {key(item) for item in objects}
    cluster.kubectl("apply", "--filename", folder)
    assert versions(cluster, folder) == first
    assert cluster.kubectl("diff", "--filename", folder) == ""
    COUNTS["objects applied twice"] += len(objects)


def versions(cluster: Cluster, folder: Path) -> dict[Key, str]:
    return {
        key(item): item["metadata"]["resourceVersion"]
        for item in cluster.listed("--filename", folder)
    }
