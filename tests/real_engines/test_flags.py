"""The flags of ``servers/data`` are those of the installed program's own parser."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

from cdk8s_inference.servers import VLLM
from tests.real_engines.environment import LOCKS, python

SCRIPT = Path(__file__).parent / "parser_flags.py"


@pytest.mark.parametrize("release", LOCKS)
def test_the_data_has_the_flags_of_the_program(release: str) -> None:
    environment = {**os.environ, "VLLM_TARGET_DEVICE": "cpu", "VLLM_LOGGING_LEVEL": "ERROR"}
    said = subprocess.check_output([python(release), SCRIPT], text=True, env=environment)
    known = VLLM.flags(release)
    assert known is not None
    assert known.exact
    given = {name for names in json.loads(said.splitlines()[-1]) for name in names}
    assert not {name for name in given if known.match(name) is None}
    assert not {flag.name for flag in known if flag.name not in given}
