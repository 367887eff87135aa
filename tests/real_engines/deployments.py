"""What ``main.py`` and the example with SGLang compose, as it is committed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from tests.real_engines.environment import ROOT


def composed(name: str) -> list[Any]:
    """The objects of a deployment of ``main.py``."""
    (path,) = (ROOT / "dist").glob(f"*-{name}.k8s.yaml")
    return objects(path)


def objects(path: Path) -> list[Any]:
    """The objects of a file."""
    return list(yaml.safe_load_all(path.read_text()))


DISAGGREGATED = composed("llama-70b")
ONE_ENGINE = composed("qwen3-8b")
SGLANG = objects(
    ROOT / "tests" / "__snapshots__" / "test_example_apps" / "test_composed[sglang].yaml"
)
