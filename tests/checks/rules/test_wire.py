from __future__ import annotations

import pytest

from cdk8s_inference.checks import RULES
from tests.checks.rendered import codes


@pytest.mark.parametrize(("block", "told"), [(64, set()), (16, {"T316"})])
def test_precise_prefixes_by_the_engines_blocks(block: int, told: set[str]) -> None:
    objects = RULES["T316"].example.broken()
    for each in objects:
        if each["metadata"]["name"] in ("prefill", "decode"):
            args = each["spec"]["template"]["spec"]["containers"][0]["args"]
            args += ["--kv-events-config={}", f"--block-size={block}"]
    assert codes(objects) == told
