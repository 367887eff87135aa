from __future__ import annotations

import pytest

from tests.checks.rendered import codes
from tests.kit import examples


@pytest.mark.parametrize(("block", "told"), [(64, set()), (16, {"T316"})])
def test_precise_prefixes_by_the_engines_blocks(block: int, told: set[str]) -> None:
    objects = examples.broken("T316")
    for each in objects:
        if each["metadata"]["name"] in ("prefill", "decode"):
            args = each["spec"]["template"]["spec"]["containers"][0]["args"]
            args += ["--kv-events-config={}", f"--block-size={block}"]
    assert codes(objects) == told
