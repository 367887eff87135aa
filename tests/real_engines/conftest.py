"""The engines, which all tests share."""

from __future__ import annotations

from collections.abc import Generator, Iterator

import pytest

from tests.acceptance.host import network
from tests.acceptance.process import Process
from tests.real_engines import engines
from tests.real_engines.engines import Site


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A network on which engines run."""
    folder = tmp_path_factory.mktemp("engines")
    with network(folder) as net, engines.site(net, folder) as made:
        yield made


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Shows the end of every engine's log beside a failure."""
    report = yield
    if report.failed:
        report.sections += [(f"log of {each.name}", each.tail) for each in Process.running]
    return report
