"""What docs/ shows is what happens."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from cdk8s_inference import Gateway
from cdk8s_inference.releases.stack import KNOWN, STACK_2026_08, STACK_MODELPLANE
from cdk8s_inference.stack import rules
from cdk8s_inference.stack.props import COMPONENT_NAMES
from tests.kit.synth import synthesized, the

STACK = (Path(__file__).parents[1] / "docs" / "serving-stack.md").read_text()


def test_the_stack_is_composed() -> None:
    (code,) = re.findall(r"```python\n(.*?)```", STACK, re.DOTALL)
    scope: dict[str, Any] = {}
    exec(code, scope)
    assert scope["platform"].gateway == Gateway()
    assert scope["stack"].findings == ()
    gateway = the(synthesized(scope["stack"]), "Gateway")
    assert [listener["port"] for listener in gateway["spec"]["listeners"]] == [80, 443]


def test_its_components_and_releases_are_those_of_the_code() -> None:
    listed = STACK[STACK.index("Components: ") : STACK.index("A name is also")]
    assert tuple(re.findall(r"`([^`]+)`", listed)) == COMPONENT_NAMES
    rows = re.findall(r"^\| [\w ]+ \| (v[\d.]+) \| (v[\d.]+) \| (v.*) \|$", STACK, re.MULTILINE)
    assert rows == [
        (getattr(STACK_2026_08, part), getattr(STACK_MODELPLANE, part), ", ".join(known))
        for part, known in {
            name: KNOWN[name]
            for name in (
                "gateway_api",
                "inference_extension",
                "envoy_gateway",
                "ai_gateway",
                "leader_worker_set",
            )
        }.items()
    ]


def test_every_code_has_its_line() -> None:
    package = Path(rules.__file__).parents[1]
    codes = {
        code
        for file in [*package.glob("stack/*.py"), package / "spec" / "serving_stack.py"]
        for code in re.findall(r'"(S\d{3})"', file.read_text())
    }
    assert set(re.findall(r"^\| (S\d{3}) \|", STACK, re.MULTILINE)) == codes
