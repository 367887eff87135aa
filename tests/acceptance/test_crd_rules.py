"""The API server's verdict about the rules of CRDs in CEL, and ours."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from cdk8s_inference.findings import field_path
from cdk8s_inference.schemas import ClusterApi
from tests.acceptance.cluster import Cluster
from tests.acceptance.control_plane import api_server
from tests.acceptance.counts import COUNTS
from tests.schemas.rule_cases import CASES, EXAMPLE_CRD, Case, schemas_of

pytest.importorskip("cel_expr_python")


@pytest.fixture(scope="module")
def server(
    own_control_plane: None, seed: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Cluster]:
    """A server that has all CRDs, and one that calls the functions of Kubernetes."""
    with api_server(tmp_path_factory.mktemp("rules"), seed) as cluster:
        cluster.kubectl("create", "--filename=-", given=json.dumps(EXAMPLE_CRD))
        name = EXAMPLE_CRD["metadata"]["name"]
        cluster.kubectl("wait", "--for=condition=Established", f"crd/{name}")
        yield cluster


@pytest.mark.parametrize("case", CASES, ids=str)
def test_the_same_verdict(case: Case, server: Cluster) -> None:
    value = case.object
    answer = server.try_("create", "--dry-run=server", "--filename=-", given=json.dumps(value))
    refused = set(re.findall(r"(?:^\* |is invalid: )([^\s:]+): ", answer.error, re.MULTILINE))
    assert bool(refused) == (answer.code != 0), answer.error
    found = ClusterApi(crds=schemas_of(EXAMPLE_CRD)).violations(
        value["apiVersion"], value["kind"], value
    )
    assert bool(refused) == (not case.is_taken), answer.error
    assert bool(found) == bool(refused), answer.error
    for each in found:
        # Ours is at the first value that the rule reads, the server's at what has the rule.
        assert any(field_path(each.path).startswith(place) for place in refused), answer.error
    COUNTS["verdicts of rules compared"] += 1
