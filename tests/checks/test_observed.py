"""Every run of real pickers and sidecars, as manifests: what failed is an error, what worked not.

Where a run broke what no manifest shows - a process that died - the manifest shows at least what
lets that happen unseen, and the check warns of it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest
import yaml

from cdk8s_inference.findings import errors
from cdk8s_inference.releases import router_release
from tests.checks.rendered import (
    DECODE,
    PICKER,
    POOL,
    PREFILL,
    Json,
    container,
    found,
    rendered,
    the,
    with_flag,
)
from tests.kit.schemas import SHARED
from tests.routing.test_picker_config_observed import RUNS as CONFIGS
from tests.routing.test_picker_config_observed import config_of

pytestmark = pytest.mark.skipif(SHARED is None, reason="the shared facts are absent")

ROLE = "llm-d.ai/role"

Break = Callable[[list[Json]], None]


def role(prefill: str | None, decode: str | None) -> Break:
    """The role labels; None for none."""

    def change(objects: list[Json]) -> None:
        for name, value in ((PREFILL, prefill), (DECODE, decode)):
            labels = the(objects, "Deployment", name)["spec"]["template"]["metadata"]["labels"]
            del labels[ROLE]
            if value is not None:
                labels[ROLE] = value

    return change


def sidecar(flag: str, value: str | None) -> Break:
    return lambda objects: with_flag(
        container(the(objects, "Deployment", DECODE), "pd-sidecar"), flag, value
    )


def sidecar_to_engine(port: str) -> Break:
    def change(objects: list[Json]) -> None:
        target = container(the(objects, "Deployment", DECODE), "pd-sidecar")
        (flag,) = (
            arg
            for arg in target["args"]
            if arg.partition("=")[0].endswith("r-port") or arg.startswith("--vllm-port")
        )
        with_flag(target, flag[2:].partition("=")[0], port)

    return change


def engine(workload: str, port: int) -> Break:
    """The engine listens elsewhere, and is probed there."""

    def change(objects: list[Json]) -> None:
        target = container(the(objects, "Deployment", workload), "engine")
        with_flag(target, "port", str(port))
        for kind in ("startupProbe", "readinessProbe", "livenessProbe"):
            target[kind]["httpGet"]["port"] = port

    return change


def pool_port(objects: list[Json]) -> None:
    the(objects, "InferencePool", POOL)["spec"]["targetPorts"] = [{"number": 8001}]


def no_sidecar(objects: list[Json]) -> None:
    del the(objects, "Deployment", DECODE)["spec"]["template"]["spec"]["initContainers"]
    engine(DECODE, 8000)(objects)


def unasked(objects: list[Json]) -> None:
    del container(the(objects, "Deployment", PREFILL), "engine")["readinessProbe"]


def never_ready(workload: str) -> Break:
    def change(objects: list[Json]) -> None:
        target = container(the(objects, "Deployment", workload), "engine")
        target["readinessProbe"]["httpGet"]["port"] = 9

    return change


def picker_down(mode: str) -> Break:
    def change(objects: list[Json]) -> None:
        the(objects, "Deployment", PICKER)["spec"]["replicas"] = 0
        the(objects, "InferencePool", POOL)["spec"]["endpointPickerRef"]["failureMode"] = mode

    return change


def plain_picker(objects: list[Json]) -> None:
    picker = the(objects, "Deployment", PICKER)["spec"]["template"]["spec"]["containers"][0]
    with_flag(picker, "secure-serving", "false")


def selects_nothing(objects: list[Json]) -> None:
    the(objects, "InferencePool", POOL)["spec"]["selector"]["matchLabels"] = {"app": "nothing"}


def two_decode(objects: list[Json]) -> None:
    prefill, decode = (the(objects, "Deployment", name) for name in (PREFILL, DECODE))
    prefill["spec"]["template"]["spec"] = decode["spec"]["template"]["spec"]
    prefill["spec"]["template"]["metadata"]["labels"][ROLE] = "decode"


BREAKS: Mapping[str, Break] = {
    "baseline": lambda objects: None,
    "role label missing on both": role(None, None),
    "role label missing on prefill": role(None, "decode"),
    "role label missing on decode": role("prefill", None),
    "both labelled decode": role("decode", "decode"),
    "both labelled prefill": role("prefill", "prefill"),
    "role value Capitalised (Prefill/Decode)": role("Prefill", "Decode"),
    "role value both on both": role("both", "both"),
    "sidecar engine port mismatch (engine 8001, sidecar->8200)": sidecar_to_engine("8200"),
    "pool port = decode engine port 8001 (bypass sidecar)": pool_port,
    "decode without sidecar (engine on pool port 8000)": no_sidecar,
    "prefill engine listens 8001, pool port 8000": engine(PREFILL, 8001),
    "sidecar on 9000, pool 8000": sidecar("port", "9000"),
    "prefill process down but pod Ready": unasked,
    "prefill pod NotReady": never_ready(PREFILL),
    "prefill dies after start": unasked,
    "decode pod NotReady": never_ready(DECODE),
    "kv-connector=sglang (engine = vllm)": sidecar("kv-connector", "sglang"),
    "kv-connector=shared-storage": sidecar("kv-connector", "shared-storage"),
    "kv-connector=mooncake": sidecar("kv-connector", "mooncake"),
    "kv-connector=bogus": sidecar("kv-connector", "bogus"),
    "EPP down FailClose": picker_down("FailClose"),
    "EPP down FailOpen": picker_down("FailOpen"),
    "sidecar secure-proxy default (true), gateway plain": sidecar("secure-proxy", None),
    "EPP secure-serving=false, gateway TLS": plain_picker,
    "pool selector matches nothing": selects_nothing,
    "two decode-labelled only (no prefill pod at all)": two_decode,
}

DIED = {"prefill process down but pod Ready", "prefill dies after start"}
"""What died while it ran: manifests show only that nobody asks whether it lives."""


def observed_breaks() -> list[Json]:
    if SHARED is None:
        return []
    runs: list[Json] = yaml.safe_load((SHARED / "facts" / "observed" / "breaks.json").read_text())[
        "runs"
    ]
    return runs


RUNS = observed_breaks()


def works(run: Json) -> bool:
    """Whether long prompts were disaggregated, and short ones decoded where they should."""
    served = {name: request["served_by"] for name, request in run["requests"].items()}
    return served.pop("short") == "D-only" and set(served.values()) == {"P/D"}


def test_every_break_is_rendered() -> None:
    assert {run["break"] for run in RUNS} == set(BREAKS)
    assert len(RUNS) == 3 * len(BREAKS)


@pytest.mark.parametrize("run", RUNS, ids=[f"{run['break']}-{run['release']}" for run in RUNS])
def test_break(run: Json) -> None:
    objects = rendered("vllm", router_release(run["release"]))
    BREAKS[run["break"]](objects)
    findings = found(objects)
    if run["break"] in DIED:
        assert not works(run)
        assert "T605" in {each.code for each in findings}
    else:
        assert bool(errors(findings)) != works(run), [str(each) for each in findings]


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
