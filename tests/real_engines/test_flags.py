"""The flags of ``servers/data`` are those of the installed program's own parser."""

from __future__ import annotations

import json

import pytest

from cdk8s_inference.servers import SGLANG, VLLM
from tests.real_engines import parser_flags
from tests.real_engines.engines import Site
from tests.real_engines.environment import RELEASES, Release

SERVERS = {"vllm": VLLM, "sglang": SGLANG}


@pytest.mark.parametrize("release", RELEASES, ids=str)
def test_the_data_has_the_flags_of_the_program(release: Release, site: Site) -> None:
    known = SERVERS[release.server].flags(release.version)
    assert known is not None
    assert known.exact
    said = json.loads(site.said_by(release, parser_flags).splitlines()[-1])
    names = {name for flag in said for name in flag["names"]}
    assert not {name for name in names if known.match(name) is None}
    assert not {flag.name for flag in known if flag.name not in names}
    for flag in said:
        (found,) = {found for name in flag["names"] if (found := known.find(name)) is not None}
        assert found.takes_word == flag["word"], found
        # What the data leaves out is computed at run time, or filled by plugins.
        if found.choices:
            assert sorted(map(str, found.choices)) == flag["choices"], found
        if found.default is not None and flag["default"] is not None:
            assert found.default == flag["default"], found
