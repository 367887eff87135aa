"""What ``main.py`` composes."""

from __future__ import annotations

from typing import Any

import yaml

from tests.real_engines.environment import ROOT


def composed(name: str) -> list[Any]:
    """The objects of a deployment of ``main.py``, as they are committed."""
    (path,) = (ROOT / "dist").glob(f"*-{name}.k8s.yaml")
    return list(yaml.safe_load_all(path.read_text()))


DISAGGREGATED = composed("llama-70b")
ONE_ENGINE = composed("qwen3-8b")
