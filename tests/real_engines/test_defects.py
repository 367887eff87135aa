"""A defect of what composes engine pods is seen here: engines do not hand over."""

from __future__ import annotations

import runpy
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from cdk8s_inference import App, EnvVar
from cdk8s_inference.app_state import AppState
from cdk8s_inference.engines import pod
from cdk8s_inference.routing import role
from cdk8s_inference.servers.vllm import SIDE_CHANNEL_HOST
from tests.real_engines.engines import Site, pods
from tests.real_engines.environment import ROOT
from tests.real_engines.outcome import Verdict, handed_over

Patch = pytest.MonkeyPatch


def _wrong_name(patch: Patch) -> None:
    wrong = EnvVar.from_field("VLLM_NIXL_SIDECHANNEL_HOST", "status.podIP")
    patch.setattr(role, "_SIDE_CHANNEL_HOST", wrong)


def _localhost(patch: Patch) -> None:
    patch.setattr(role, "_SIDE_CHANNEL_HOST", EnvVar(name=SIDE_CHANNEL_HOST, value="localhost"))


def _blocks(patch: Patch) -> None:
    compose = pod._arguments

    def arguments(*given: Any, **named: Any) -> list[str]:
        made = compose(*given, **named)
        sizes = {"--port=8000": "--block-size=32", "--port=8001": "--block-size=64"}
        return [*made, *(size for port, size in sizes.items() if port in made)]

    patch.setattr(pod, "_arguments", arguments)


DEFECTS: Mapping[str, tuple[Callable[[Patch], None], Verdict]] = {
    "a misspelled variable": (_wrong_name, "500"),
    "the side channel on localhost": (_localhost, "500"),
    "blocks that differ": (_blocks, "wrong output"),
}


@pytest.mark.parametrize("name", DEFECTS)
def test_a_defect_is_seen(name: str, site: Site, monkeypatch: Patch) -> None:
    defect, verdict = DEFECTS[name]
    with monkeypatch.context() as patch:
        defect(patch)
        # The checks refuse two of them before anything runs: test_pairs.py holds that.
        patch.setattr(AppState, "check", lambda self: [])
        patch.setattr(App, "synth", lambda self: None)
        app = runpy.run_path(str(ROOT / "main.py"))["app"]
        objects = app.node.find_child("llama-70b").to_json()
    prefill, decode = (site.engine(pods(objects, part)[0]) for part in ("prefill", "decode"))
    assert site.await_(prefill), prefill.log()[-3000:]
    assert site.await_(decode), decode.log()[-3000:]
    outcome = handed_over(site, prefill, decode)
    assert outcome.verdict == verdict, outcome
