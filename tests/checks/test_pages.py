from __future__ import annotations

import re
from pathlib import Path

from cdk8s_inference.checks.explanation import codes, explanation
from cdk8s_inference.checks.pages import pages

ROOT = Path(__file__).parents[2]


def test_the_pages_are_those_of_the_rules() -> None:
    """If they are not, run `make docs`."""
    folder = ROOT / "docs" / "rules"
    assert {path.name: path.read_text() for path in folder.iterdir()} == pages()


def test_every_code_of_the_package_is_explained() -> None:
    used = {
        code
        for path in (ROOT / "constructs" / "cdk8s_inference").rglob("*.py")
        for code in re.findall(r'"([DGPSTW]\d{3})"', path.read_text())
    }
    assert used == set(codes())


def test_every_code_is_in_the_index() -> None:
    index = pages()["README.md"]
    assert [code for code in codes() if f"{code}" not in index] == []


def test_an_explanation_for_a_terminal() -> None:
    found = explanation("T201")
    assert found is not None
    text = found.as_text()
    assert text.startswith("T201 (error): ")
    assert "-        - --model-server-port=8200" in text
    assert "+        - --model-server-port=8001" in text
