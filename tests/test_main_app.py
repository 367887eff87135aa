"""main.py, the app that people copy, against the output that is committed."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from tests.kit.synth import validated

ROOT = Path(__file__).parents[1]


@pytest.mark.parametrize("file", sorted((ROOT / "dist").iterdir()), ids=lambda file: file.stem)
def test_what_is_committed_is_valid(file: Path) -> None:
    objects = list(yaml.load_all(file.read_text(), yaml.CSafeLoader))
    assert len(validated(objects)) >= 3
