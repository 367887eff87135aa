"""How often composing asks Node.js: counts are exact where times are noise."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from jsii._kernel.providers.process import _NodeProcess

from cdk8s_inference import App, ModelDeployment
from tests.document.builders import edited, prefill_decode, unified


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """The requests to Node.js, and the answers to its callbacks, as the count of ``all``."""
    found: Counter[str] = Counter()
    send = _NodeProcess.send

    def counted(self: _NodeProcess, *args: Any) -> Any:
        found["all"] += 1
        return send(self, *args)

    monkeypatch.setattr(_NodeProcess, "send", counted)
    return found


def compose(app: App, document: Any, name: str) -> None:
    ModelDeployment.from_document(app, name, edited(document, "metadata.name", name))


@pytest.mark.parametrize(
    ("mode", "document", "composing", "synthesizing"),
    [("unified", unified(), 18, 10), ("disagg", prefill_decode(), 59, 21)],
    ids=["Unified", "PrefillDecode"],
)
def test_each_deployment_asks_as_often(
    mode: str,
    document: Any,
    composing: int,
    synthesizing: int,
    calls: Counter[str],
    tmp_path: Path,
) -> None:
    """Whatever else is in the app, and whichever test ran before.

    No two deployments have a name in common: a patch with the same path and value is made once.
    """
    asked = []
    for count in (2, 7):
        app = App(outdir=str(tmp_path / str(count)))
        # Loads classes, and asks for the tree's root.
        compose(app, document, f"{mode}-first-of-{count}")
        before = calls["all"]
        for index in range(count):
            compose(app, document, f"{mode}-{count}-{index}")
        assert calls["all"] - before == composing * count
        before = calls["all"]
        app.synth()
        asked.append(calls["all"] - before)
    assert asked[1] - asked[0] == 5 * synthesizing
