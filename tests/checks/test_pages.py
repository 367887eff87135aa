from __future__ import annotations

import re
from pathlib import Path

from cdk8s_inference.checks.pages import pages
from cdk8s_inference.checks.registry import all_rules
from cdk8s_inference.findings.explanation import as_text

ROOT = Path(__file__).parents[2]


def test_the_pages_are_those_of_the_rules() -> None:
    """If they are not, run `make docs`."""
    folder = ROOT / "docs" / "rules"
    assert {path.name: path.read_text() for path in folder.iterdir()} == pages()


def test_every_code_of_the_package_is_explained() -> None:
    used = {
        code
        for path in (ROOT / "constructs" / "cdk8s_inference").rglob("*.py")
        for code in re.findall(r'"([ADGKPSTW]\d{3})"', path.read_text())
    }
    assert used == set(all_rules())


def test_every_code_is_in_the_index() -> None:
    index = pages()["README.md"]
    assert [code for code in all_rules() if f"{code}" not in index] == []


def test_an_explanation_for_a_terminal() -> None:
    text = as_text(all_rules()["T201"])
    assert text.startswith("T201 (error): ")
    assert "-        - --model-server-port=8200" in text
    assert "+        - --model-server-port=8001" in text
