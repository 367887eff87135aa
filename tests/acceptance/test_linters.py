"""What kube-score and kubeconform say of what is composed, and docs/pods.md of what they say."""

from __future__ import annotations

import json
import random
import re
import subprocess
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml

from cdk8s_inference.schemas import ClusterApi
from tests.acceptance.binaries import program
from tests.acceptance.counts import COUNTS
from tests.acceptance.sources import ROOT
from tests.kit.openapi import as_object, json_schema
from tests.kit.shared import KUBERNETES_RELEASES, custom_schema, definitions, own_kinds
from tests.schemas.test_agreement import MUTANTS, OBJECTS, mutant

PAGE = (ROOT / "docs" / "pods.md").read_text()
SNAPSHOTS = ROOT / "tests" / "__snapshots__" / "test_snapshots"
DISAGGREGATED = "prefill-decode-standalone-cache"
COMPOSED: dict[str, Sequence[Path]] = {
    "bare": [SNAPSHOTS / "test_the_least.yaml"],
    "default": [SNAPSHOTS / f"test_written[{DISAGGREGATED}].yaml"],
    "hardened": [SNAPSHOTS / f"test_written[{DISAGGREGATED}-hardened].yaml"],
    "dist": sorted((ROOT / "dist").glob("*.yaml")),
}
KUBERNETES = KUBERNETES_RELEASES[-1]
_GOOD = 10
"""The grade of an object about which a check of kube-score has no complaint."""


@pytest.mark.parametrize("column", COMPOSED)
def test_every_complaint_of_kube_score_is_on_the_page(column: str) -> None:
    score = (program("kube-score"), "score", "--output-format=json")
    done = subprocess.run([*score, *COMPOSED[column]], capture_output=True, text=True, check=False)
    scored = json.loads(done.stdout)
    assert scored
    complaints = {
        check["check"]["id"]
        for each in scored
        for check in each["checks"]
        if not check["skipped"] and check["grade"] < _GOOD
    }
    assert complaints == _judged(column)
    COUNTS["sets of manifests whose complaints are judged"] += 1


def _judged(column: str) -> set[str]:
    """The checks that the page says have a complaint about a set of manifests."""
    (heading,) = re.findall(r"^\| check \| (.*) \|$", PAGE, re.MULTILINE)
    index = heading.split(" | ").index(column)
    rows = re.findall(r"^\| `([a-z-]+)` \|(.*)\|$", PAGE, re.MULTILINE)
    return {check for check, cells in rows if cells.split("|")[index].strip() == "yes"}


@pytest.mark.parametrize("column", COMPOSED)
def test_kubeconform_has_no_complaint(column: str, tmp_path: Path) -> None:
    objects = [
        each
        for file in COMPOSED[column]
        for each in yaml.load_all(file.read_text(), yaml.CSafeLoader)
    ]
    _write_schemas(tmp_path, objects)
    location = f"{tmp_path}/{{{{.ResourceKind}}}}{{{{.KindSuffix}}}}.json"
    conform = (program("kubeconform"), "-strict", "-summary", "-output=json")
    done = subprocess.run(
        [*conform, f"-schema-location={location}", *COMPOSED[column]],
        capture_output=True,
        text=True,
        check=False,
    )
    told = json.loads(done.stdout)
    assert (done.returncode, told["resources"]) == (0, [])
    assert told["summary"] == {"valid": len(objects), "invalid": 0, "errors": 0, "skipped": 0}


def test_kubeconform_refuses_the_same_mutants(tmp_path: Path) -> None:
    """A field misspelled, removed, or of another type: 200 objects, and what each says of them."""
    random_ = random.Random(19)
    values = [mutant(random_) for _ in range(MUTANTS)]
    for number, value in enumerate(values):
        (tmp_path / f"{number}.yaml").write_text(yaml.safe_dump(value))
    _write_schemas(tmp_path, OBJECTS)
    location = f"{tmp_path}/{{{{.ResourceKind}}}}{{{{.KindSuffix}}}}.json"
    conform = (program("kubeconform"), "-strict", "-verbose", "-output=json")
    files = sorted(tmp_path.glob("*.yaml"))
    done = subprocess.run(
        [*conform, f"-schema-location={location}", *files],
        capture_output=True,
        text=True,
        check=False,
    )
    accepted = {
        int(Path(each["filename"]).stem)
        for each in json.loads(done.stdout)["resources"]
        if each["status"] == "statusValid"
    }
    api = ClusterApi(KUBERNETES)
    ours = {
        number
        for number, value in enumerate(values)
        # What is checked in code is in no schema, and kubeconform evaluates no rules of CRDs.
        if all(
            each.problem in ("name", "rule")
            for each in api.violations(value["apiVersion"], value["kind"], value)
        )
    }
    assert accepted == ours
    assert 20 < len(ours) < MUTANTS - 20
    COUNTS["mutants of which kubeconform says the same"] += MUTANTS


def _write_schemas(folder: Path, objects: Iterable[Any]) -> None:
    """The schemas of the objects' kinds, closed to unknown fields, as kubeconform names files."""
    known = definitions(KUBERNETES)
    for version, kind in {(each["apiVersion"], each["kind"]) for each in objects}:
        own = own_kinds(KUBERNETES).get((version, kind))
        schema = as_object(known[own] if own else custom_schema(version, kind))
        group, _, release = version.rpartition("/")
        name = "-".join(filter(None, [kind, group.split(".")[0], release])).lower()
        draft = {"$schema": "http://json-schema.org/draft-04/schema#"}
        (folder / f"{name}.json").write_text(json.dumps({**draft, **json_schema(schema, known)}))
