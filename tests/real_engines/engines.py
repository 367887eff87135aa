"""Runs composed engine pods as real engines, each on a host of its own; few at a time."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from tests.acceptance.cluster import Object
from tests.acceptance.host import Host, Network
from tests.acceptance.kubelet import Executable, arguments_of, environment_of
from tests.acceptance.process import Process
from tests.real_engines import environment, launch, translation
from tests.real_engines.client import Client
from tests.real_engines.environment import Release
from tests.real_engines.launch import HOMES, MODEL, PARENT

HERE = Path(__file__).parent
MODELS: Mapping[str, Mapping[str, Any]] = {
    "tiny": {},
    "other weights": {"seed": 1},
    "three layers": {"num_hidden_layers": 3},
}
"""Models by what they are in a test: keys of ``config.json``, and ``seed``."""

START_SECONDS = 300.0
_TRANSLATIONS = {"vllm": translation.VLLM, "sglang": translation.SGLANG}
_ALONE = ("unshare", "--pid", "--fork", "--kill-child", "--mount-proc", "--")
"""Engines are sessions of their own: in a namespace of its own, all of them end with the parent."""


@dataclass
class Engine:
    """An engine that was started.

    Attributes:
        url: Where it is asked.
        process: What runs.
        host: Its host.
        ready: Whether it answered ``/health`` with 200.
    """

    url: str
    process: Process
    host: Host
    ready: bool = False

    @property
    def alive(self) -> bool:
        """Whether it runs."""
        return not self.process.has_ended

    def kill(self) -> None:
        """Ends it at once, as a node that is lost does: the parent kills what nobody waits for."""
        os.killpg(self.process.pid, signal.SIGKILL)

    def log(self) -> str:
        """What it said."""
        return self.process.log.read_text(errors="replace")


class Site:
    """A network, engines on it, and a client."""

    def __init__(self, network: Network, folder: Path) -> None:
        """Takes the network, and a folder for models and logs."""
        self.network = network
        self.folder = folder
        self.client = Client(network.host("client"))
        self._parents: dict[Release, Process] = {}
        self._engines: dict[str, Engine] = {}
        self._models: dict[str, Path] = {}
        self._count = 0

    def executable(self, release: Release, model: str = "tiny") -> Executable:
        """What runs in place of the image of a release, with the entrypoint of that image."""
        server = _TRANSLATIONS[release.server]
        word = server.program[0]
        program = self.folder / "bin" / release.server / word
        if not program.exists():
            program.parent.mkdir(parents=True)
            run = f"{sys.executable} {HERE / 'launch.py'} {word}"
            program.write_text(f'#!/bin/sh\nexec {run} "$@"\n')
            program.chmod(0o755)
        variables = {
            "PATH": f"{program.parent}:{os.environ['PATH']}",
            HOMES: str(self.folder),
            PARENT: str(self.parent(release)),
            MODEL: str(self.model(model, release)),
        }
        return Executable(
            program, entrypoint=server.entrypoint, environment=variables, seconds=START_SECONDS
        )

    def parent(self, release: Release) -> Path:
        """The socket of a parent that has imported a release."""
        path = self.folder / f"parent-{release}"
        if release not in self._parents:
            program = environment.python(release)
            metrics = self.folder / f"metrics-{release}"
            metrics.mkdir()
            variables = {
                "vllm": {"VLLM_TARGET_DEVICE": "cpu"},
                "sglang": {
                    "SGLANG_USE_CPU_ENGINE": "1",
                    "LD_LIBRARY_PATH": str(environment.libraries(release)),
                    # Read when the metrics' library is imported; an engine makes its own folder.
                    "PROMETHEUS_MULTIPROC_DIR": str(metrics),
                },
            }
            self._parents[release] = Process(
                str(release),
                [*_ALONE, "nice", "-n", "5", program, HERE / "parent.py", release.server, path],
                self.folder / f"parent-{release}.log",
                {**variables[release.server], "PYTHONDONTWRITEBYTECODE": ""},
                grace=1,
            )
            self._parents[release].await_(path.exists, 600)
        return path

    def said_by(self, release: Release, module: ModuleType) -> str:
        """What a module of this folder writes, run where a release has been imported."""
        name = module.__name__.rpartition(".")[2]
        out = self.folder / f"{name}-{release}"
        order = {"module": name, "argv": [], "env": dict(os.environ), "cwd": str(self.folder)}
        with socket.socket(socket.AF_UNIX) as parent, out.open("w") as file:
            launch.send(parent, str(self.parent(release)), order, (file.fileno(), 2))
            assert launch.ended(parent) == 0
        return out.read_text()

    def model(self, name: str, release: Release) -> Path:
        """The folder of a model, which is made by what a release has where it is missing."""
        if name not in self._models:
            folder = self.folder / "models" / name.replace(" ", "-")
            keys = [f"{key}={json.dumps(value)}" for key, value in MODELS[name].items()]
            program = environment.python(release)
            subprocess.run([program, HERE / "tiny_model.py", folder, *keys], check=True)
            self._models[name] = folder
        return self._models[name]

    def engine(
        self,
        pod: Object,
        model: str = "tiny",
        release: Release | None = None,
        own: str = "",
        most: int = 3,
    ) -> Engine:
        """The engine of a pod, which is started where no equal one runs.

        Args:
            pod: A pod, with one container that is an engine.
            model: The model that it loads.
            release: The release that runs; that of its image, if None.
            own: Makes an engine of its own of an equal pod.
            most: How many may run then; those that were not asked for longest are ended.
        """
        (container,) = pod["spec"]["containers"]
        release = release or environment.of_image(container["image"])
        key = json.dumps([container, model, str(release), own], sort_keys=True)
        found = self._engines.pop(key, None)
        if found is None or not found.alive:
            while len(self._engines) >= most:
                self._stop(next(iter(self._engines)))
            found = self._start(pod, model, release)
        self._engines[key] = found
        return found

    def await_(self, engine: Engine, seconds: float = START_SECONDS) -> bool:
        """Whether an engine is ready before it ends, and in time."""
        until = time.monotonic() + seconds
        while not engine.ready and engine.alive and time.monotonic() < until:
            engine.ready = self.client.call(f"{engine.url}/health", seconds=2)[0] == 200
            time.sleep(0 if engine.ready else 0.2)
        return engine.ready

    def clear(self) -> None:
        """Ends all engines."""
        for key in list(self._engines):
            self._stop(key)

    def forget(self, engine: Engine) -> None:
        """Ends an engine that no other test may use."""
        for key in [key for key, each in self._engines.items() if each is engine]:
            self._stop(key)

    def close(self) -> None:
        """Ends everything."""
        self.clear()
        for parent in self._parents.values():
            parent.stop()

    def _start(self, pod: Object, model: str, release: Release) -> Engine:
        self._count += 1
        (container,) = pod["spec"]["containers"]
        name = f"{pod['metadata']['name']}-{self._count}"
        folder = self.folder / name
        executable = self.executable(release, model)
        host = self.network.host(name)
        command = host.command(*executable.command(container), *arguments_of(pod, container, host))
        variables = {**environment_of(pod, container, host), **executable.environment}
        process = Process(name, command, folder / f"{name}.log", variables, grace=5)
        port = container["ports"][0]["containerPort"]
        return Engine(f"http://{host.address}:{port}", process, host)

    def _stop(self, key: str) -> None:
        self._engines.pop(key).process.stop()


def workload(objects: Sequence[Object], part: str) -> Object:
    """The Deployment of a part of a deployment."""
    (found,) = (
        item
        for item in objects
        if item["kind"] == "Deployment"
        and item["metadata"]["labels"].get("app.kubernetes.io/component") == part
    )
    return found


def pods(objects: Sequence[Object], part: str) -> list[Object]:
    """The pods of the Deployment of a part of a deployment."""
    found = workload(objects, part)
    metadata = {key: found["metadata"][key] for key in ("name", "namespace")}
    template = found["spec"]["template"]
    pod = {**template, "metadata": {**template["metadata"], **metadata}}
    return [deepcopy(pod) for _ in range(found["spec"]["replicas"])]


@contextmanager
def site(network: Network, folder: Path) -> Iterator[Site]:
    """A site that is there while the block runs."""
    made = Site(network, folder)
    try:
        yield made
    finally:
        made.close()
