"""A released sidecar beside a real decode engine, run as composed, except that it may call any pod.

SSRF protection reads the pool from an API server; ``test_picker.py`` has one.
"""

from __future__ import annotations

import os
from functools import partial
from itertools import product
from pathlib import Path

import pytest

from cdk8s_inference.releases import ROUTER_NEWEST
from tests.acceptance.cluster import Object
from tests.acceptance.kubelet import arguments_of, environment_of
from tests.acceptance.process import started
from tests.acceptance.serving import variables
from tests.real_engines.deployments import DISAGGREGATED
from tests.real_engines.engines import Engine, Site, pods
from tests.real_engines.outcome import handed_over
from tests.real_engines.pairs import SAME

REQUESTS = tuple(product((1, 60), (False, True), (False, True)))
"""Words of the prompt, whether it is a chat, whether it is streamed."""


def test_the_sidecar_hands_over(site: Site) -> None:
    _, name, _ = variables(ROUTER_NEWEST)
    if name not in os.environ:
        pytest.skip(f"the executable is not given: {name}")
    (pod,) = map(SAME.apply, pods(DISAGGREGATED, "decode"))
    prefill = site.engine(SAME.apply(pods(DISAGGREGATED, "prefill")[0]))
    decode = site.engine(pod)
    assert site.await_(prefill)
    assert site.await_(decode)
    command, port = sidecar_command(pod, decode, Path(os.environ[name]))
    ready = partial(decode.host.listens, port)
    url = f"http://{decode.host.address}:{port}"
    with started("sidecar", command, site.folder / "sidecar", ready=ready):
        for words, chat, stream in REQUESTS:
            outcome = handed_over(
                site,
                prefill,
                decode,
                words=words,
                chat=chat,
                stream=stream,
                sidecar=url,
            )
            assert outcome.verdict == "P/D", (words, chat, stream, outcome)


def sidecar_command(pod: Object, decode: Engine, executable: Path) -> tuple[list[str | Path], int]:
    """How the sidecar of a decode pod is started beside its engine, and where it listens."""
    (container,) = pod["spec"]["initContainers"]
    (port,) = (each["containerPort"] for each in container["ports"])
    pool = ("--enable-ssrf-protection", "--inference-pool")
    composed = arguments_of(pod, container, decode.host)
    arguments = [each for each in composed if not each.startswith(pool)]
    variables = [f"{k}={v}" for k, v in environment_of(pod, container, decode.host).items()]
    return decode.host.command("env", *variables, executable, *arguments), port
