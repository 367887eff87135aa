"""Plain delivery: what Helm renders is taken by client-side apply, also by that of a later release.

Charts are not to be had here. A stand-in renders CRDs of the sizes that those of the stack have.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import yaml

from cdk8s_inference import App, Gateway, Plain, ServingStack
from cdk8s_inference.gateways import STANDALONE
from cdk8s_inference.stack.props import COMPONENT_NAMES
from tests.acceptance.cluster import Cluster, Object
from tests.acceptance.control_plane import api_server
from tests.acceptance.counts import COUNTS
from tests.stack.tools import fake_helm

_SIZES = {
    "backendsecuritypolicies.aigateway.envoyproxy.io": 387_269,
    "mcproutes.aigateway.envoyproxy.io": 366_572,
    "alertmanagerconfigs.monitoring.coreos.com": 359_793,
    "alertmanagers.monitoring.coreos.com": 351_238,
    "prometheusagents.monitoring.coreos.com": 412_586,
    "prometheuses.monitoring.coreos.com": 483_502,
    "scrapeconfigs.monitoring.coreos.com": 375_826,
    "thanosrulers.monitoring.coreos.com": 345_612,
}
"""Bytes of the CRDs of ai-gateway-crds-helm v1.1.0 and of Prometheus' operator, as JSON."""

_LIMIT = 262_144
"""Bytes of an object's annotations, of which a client-side apply makes a copy of the object one."""

_FIELDS = 400


def crd(name: str, size: int) -> dict[str, Any]:
    """A CRD of a size, most of which is prose, as it is in those of the charts."""
    plural, _, group = name.partition(".")
    kind = plural.capitalize()
    fields: dict[str, Any] = {
        f"field{index}": {"type": "string", "description": ""} for index in range(_FIELDS)
    }
    made = {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": name},
        "spec": {
            "group": group,
            "names": {"kind": kind, "plural": plural, "singular": kind.lower()},
            "scope": "Namespaced",
            "versions": [
                {
                    "name": "v1",
                    "served": True,
                    "storage": True,
                    "schema": {
                        "openAPIV3Schema": {
                            "type": "object",
                            "properties": {"spec": {"type": "object", "properties": fields}},
                        }
                    },
                }
            ],
        },
    }
    prose = (size - len(json.dumps(made))) // _FIELDS
    for field in fields.values():
        field["description"] = "x" * prose
    return made


def rendered(image: str, crds: Iterable[Object]) -> str:
    """What stands for a chart: its CRDs, and a Job that runs once it is installed."""
    container = {"name": "check", "image": image}
    job = {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": "check", "annotations": {"helm.sh/hook": "post-install"}},
        "spec": {
            "template": {"spec": {"restartPolicy": "OnFailure", "containers": [container]}},
        },
    }
    return yaml.safe_dump_all([*crds, job])


def composed(folder: Path, output: str) -> Iterator[Path]:
    """The files of a stack of one chart, which renders an output."""
    folder.mkdir()
    app = App(outdir=str(folder / "dist"))
    ServingStack(
        app,
        "stack",
        delivery=Plain(str(fake_helm(folder, output))),
        present=[name for name in COMPONENT_NAMES if name != "kube-prometheus-stack"],
        gateway=Gateway(provider=STANDALONE),
        devices=None,
    )
    app.synth()
    # Without a gateway the last one is empty.
    yield from (path for path in sorted((folder / "dist").iterdir()) if path.stat().st_size)


def apply(cluster: Cluster, files: Iterable[Path]) -> None:
    for path in files:
        cluster.kubectl("apply", "--filename", path)


def test_releases_are_applied_client_side(own_control_plane: None, tmp_path: Path) -> None:
    large = [crd(name, size) for name, size in _SIZES.items()]
    assert min(len(json.dumps(each)) for each in large) > _LIMIT
    with api_server(tmp_path / "server") as cluster:
        # As they are, the server refuses them.
        refused = cluster.try_("apply", "--filename=-", given=json.dumps(large[0]))
        assert "metadata.annotations: Too long" in refused.error

        for release in ("1", "2"):
            output = rendered(f"example.com/check:{release}", large)
            apply(cluster, composed(tmp_path / release, output))
        names = {item["metadata"]["name"] for item in cluster.get("customresourcedefinitions")}
        assert names >= _SIZES.keys()
        images = {
            item["spec"]["template"]["spec"]["containers"][0]["image"]
            for item in cluster.get("jobs")
        }
        assert images == {"example.com/check:1", "example.com/check:2"}
    COUNTS["large CRDs applied client-side"] += len(large)
