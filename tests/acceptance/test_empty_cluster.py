"""An empty cluster comes up from the files in order, though what admits and runs gangs is late."""

from __future__ import annotations

from pathlib import Path

from tests.acceptance import crds, sources
from tests.acceptance.cluster import eventually, namespace
from tests.acceptance.control_plane import api_server, controllers
from tests.acceptance.counts import COUNTS
from tests.acceptance.nodes import nodes_for
from tests.acceptance.sources import ROOT
from tests.acceptance.test_accepted import TOOL_GROUPS, named, used_namespaces
from tests.acceptance.volumes import volumes_for
from tests.acceptance.workloads import unsettled, workloads

TIMEOUT = 240.0


def test_gangs_come_up_after_their_controller(
    own_control_plane: None, with_crds: None, tmp_path: Path
) -> None:
    """The app's files are applied one by one, without a retry, to a server that has Flux's CRDs.

    Only then the controller of LeaderWorkerSets starts, with its webhooks: of a LeaderWorkerSet
    that was stored before, nobody sets the defaults any more.
    """
    emitted = list(sources.app(ROOT / "main.py", tmp_path / "dist"))
    objects = [item for source in emitted for item in source.objects]
    gangs = [item for item in objects if item["kind"] == "LeaderWorkerSet"]
    assert gangs
    groups = {item["apiVersion"].partition("/")[0] for item in objects}
    with api_server(tmp_path / "server") as cluster:
        crds.install(
            cluster, tmp_path, lambda group: group in groups and group.endswith(TOOL_GROUPS)
        )
        brought = {*named(objects, "Namespace"), "default", "kube-system"}
        cluster.create(map(namespace, sorted(used_namespaces(objects) - brought)))
        for path in sorted((tmp_path / "dist").iterdir()):
            cluster.kubectl("apply", "--filename", path)
        cluster.create([*nodes_for(objects), *volumes_for(objects)])
        with controllers(cluster):
            wanted = workloads(objects)
            eventually(lambda: unsettled(cluster, wanted), timeout=TIMEOUT, every=1)
    COUNTS["gangs Available that were stored before their webhook"] += len(gangs)
