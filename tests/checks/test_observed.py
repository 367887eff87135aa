"""Every run of real pickers and sidecars, as manifests: what failed is an error, what worked not.

Where a run broke what no manifest shows - a process that died - the manifests are such that nobody
would notice.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
import yaml

from cdk8s_inference.findings import errors
from cdk8s_inference.releases import ROUTER_RELEASES, router_release
from tests.checks.rendered import PICKER, found, rendered, the
from tests.kit.breaks import BREAKS, Observed, observed
from tests.kit.shared import SHARED
from tests.picker_config.test_observed import RUNS as CONFIGS
from tests.picker_config.test_observed import config_of

pytestmark = pytest.mark.skipif(SHARED is None, reason="the shared facts are absent")

RUNS = list(observed())


def test_every_break_was_run_with_every_release() -> None:
    assert {run.broken for run in RUNS} == set(BREAKS)
    assert len(RUNS) == len(ROUTER_RELEASES) * len(BREAKS)


@pytest.mark.parametrize("run", RUNS, ids=[f"{run.broken}-{run.release}" for run in RUNS])
def test_break(run: Observed) -> None:
    objects = BREAKS[run.broken].as_manifests(rendered("vllm", router_release(run.release)))
    findings = found(objects)
    assert bool(errors(findings)) != run.works, [str(each) for each in findings]


def disaggregates(run: Mapping[str, Any]) -> bool:
    served = {request["served_by"] for request in run["requests"].values()} if run["starts"] else ()
    return run["verdict"].startswith("disaggregates") and "P-only" not in served


@pytest.mark.parametrize(
    "run", CONFIGS, ids=[f"{run['config']}-{run['release']}" for run in CONFIGS]
)
def test_picker_config(run: Mapping[str, Any]) -> None:
    objects = rendered("vllm", router_release(run["release"]))
    config_map = the(objects, "ConfigMap", PICKER)
    config_map["data"]["config.yaml"] = yaml.safe_dump(config_of(run), sort_keys=False)
    findings = found(objects)
    assert bool(errors(findings)) != disaggregates(run), [str(each) for each in findings]
    assert {each.object for each in errors(findings)} <= {f"ConfigMap ml-team/{PICKER}"}
