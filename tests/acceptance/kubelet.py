"""Runs pods as processes: each on a host of its own, from the pod that the API server has."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, nullcontext, suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import yaml

from tests.acceptance import peer
from tests.acceptance.cluster import Cluster, Object
from tests.acceptance.host import Host
from tests.acceptance.process import started

_LENIENCE = 5
BEHIND_THE_TAP = 10_000
"""What is added to an engine's port: there the simulator listens, and the tap in its place."""


@dataclass(frozen=True)
class Executable:
    """What runs in place of an image.

    Attributes:
        path: The file.
        serves: Whether it is an engine, of which every request is recorded.
        takes: The flags that it knows, without which it is run; None for all.
        entrypoint: What the image runs where the container names no command; empty where the file
            is run, whatever the container's command.
        environment: Variables beside the container's own.
        seconds: How long it may take until it listens.
    """

    path: Path
    serves: bool = False
    takes: frozenset[str] | None = None
    entrypoint: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    seconds: float = 60

    def command(self, container: Object) -> list[str | Path]:
        """The first words of a container's command line."""
        if not self.entrypoint:
            return [self.path]
        return [*(container.get("command") or self.entrypoint)]


def simulator(path: Path) -> Executable:
    """An inference simulator, which knows fewer flags than the engines that it is run for."""
    said = subprocess.run([path, "--help"], capture_output=True, text=True, check=False)
    known = frozenset(re.findall(r"--[a-z][\w.-]*", said.stdout + said.stderr))
    return Executable(path, serves=True, takes=known)


@dataclass(frozen=True)
class Running:
    """A pod that runs.

    Attributes:
        pod: The pod.
        host: Where.
        record: What its engine was asked, a JSON object a line.
    """

    pod: Object
    host: Host
    record: Path


@contextmanager
def running(
    cluster: Cluster,
    pod: Object,
    host: Host,
    executables: Mapping[str, Executable],
    folder: Path,
    *,
    lenient: bool = False,
) -> Iterator[Running]:
    """A pod whose containers run, each as its executable with the container's own arguments.

    Args:
        cluster: What the pod's account talks to.
        pod: The pod, as the API server has it.
        host: Where it runs.
        executables: By image.
        folder: For files and logs.
        lenient: Whether a container may end at once, or not listen where it should.
    """
    record = folder / "requests"
    folder.mkdir(parents=True)
    record.touch()
    spec = pod["spec"]
    with ExitStack() as stack:
        for container in (*spec.get("initContainers", ()), *spec["containers"]):
            name, executable = container["name"], executables[container["image"]]
            volumes = _volumes(cluster, pod, container, folder)
            written = arguments_of(pod, container, host)
            arguments = [
                _here(text, volumes)
                for text in written
                if executable.takes is None or text.partition("=")[0] in executable.takes
            ]
            ports = _ports(container)
            if executable.serves and ports:
                tapped = [_moved(argument, ports[0]) for argument in arguments]
                arguments, ports = tapped, [ports[0] + BEHIND_THE_TAP]
            command = host.command(*executable.command(container), *arguments)
            environment = {**environment_of(pod, container, host), **executable.environment}
            if spec.get("automountServiceAccountToken", True) or _has_token(pod, container):
                environment["KUBECONFIG"] = str(pod_kubeconfig(cluster, pod, folder))
            process = stack.enter_context(
                started(
                    f"{pod['metadata']['name']}-{name}",
                    command,
                    folder,
                    env=environment,
                    # A picker would let streams finish, for as long as it was told.
                    grace=0.2,
                )
            )
            with suppress(RuntimeError) if lenient else nullcontext():
                process.await_(
                    partial(_all_listen, host, ports), _LENIENCE if lenient else executable.seconds
                )
            if executable.serves and ports:
                port = str(ports[0] - BEHIND_THE_TAP)
                # In place of the simulator, which takes no address and listens on every one.
                tapped_at = ("tap", _address(written), port, str(ports[0]), record)
                tap = host.command(sys.executable, peer.__file__, *tapped_at)
                ready = partial(host.listens, int(port))
                stack.enter_context(started(f"{name}-tap", tap, folder, ready=ready))
        yield Running(pod, host, record)


def _ports(container: Object) -> list[int]:
    """The ports that a container declares; without any, those that it is asked on."""
    declared = [port["containerPort"] for port in container.get("ports", ())]
    probe = container.get("readinessProbe", {}).get("grpc")
    return declared or ([probe["port"]] if probe else [])


def _all_listen(host: Host, ports: Sequence[int]) -> bool:
    return all(host.listens(port) for port in ports)


def _address(arguments: Sequence[str]) -> str:
    """The address that an engine is told to listen on."""
    given = [text.removeprefix("--host=") for text in arguments if text.startswith("--host=")]
    return given[-1] if given else "0.0.0.0"


def _moved(argument: str, port: int) -> str:
    return re.sub(rf"^(--port=){port}$", rf"\g<1>{port + BEHIND_THE_TAP}", argument)


def environment_of(pod: Object, container: Object, host: Host) -> dict[str, str]:
    """The environment that a container of a pod has on a host."""
    fields = {
        "status.podIP": host.address,
        "metadata.name": pod["metadata"]["name"],
        "metadata.namespace": pod["metadata"]["namespace"],
    }
    found: dict[str, str] = {}
    for variable in container.get("env", ()):
        source = variable.get("valueFrom", {})
        if "fieldRef" in source:
            found[variable["name"]] = fields[source["fieldRef"]["fieldPath"]]
        elif "value" in variable:
            found[variable["name"]] = _expanded(variable["value"], found)
    return found


def arguments_of(pod: Object, container: Object, host: Host) -> list[str]:
    """The arguments that a container of a pod has on a host."""
    environment = environment_of(pod, container, host)
    return [_expanded(argument, environment) for argument in container.get("args", ())]


def _expanded(text: str, environment: Mapping[str, str]) -> str:
    return re.sub(r"\$\((\w+)\)", lambda found: environment.get(found[1], found[0]), text)


def _volumes(cluster: Cluster, pod: Object, container: Object, folder: Path) -> dict[str, Path]:
    """Where the ConfigMaps that a container mounts are, by mount path."""
    sources: dict[str, Any] = {volume["name"]: volume for volume in pod["spec"].get("volumes", ())}
    found = {}
    for mount in container.get("volumeMounts", ()):
        config_map = sources[mount["name"]].get("configMap")
        if config_map is None:
            continue
        namespace = f"--namespace={pod['metadata']['namespace']}"
        (item,) = cluster.listed("configmap", config_map["name"], namespace)
        target = folder / mount["name"]
        target.mkdir(exist_ok=True)
        for name, text in item["data"].items():
            (target / name).write_text(text)
        found[mount["mountPath"]] = target
    return found


def _has_token(pod: Object, container: Object) -> bool:
    """Whether a container mounts a token of the pod's account that is projected for it."""
    mounted = {mount["name"] for mount in container.get("volumeMounts", ())}
    return any(
        "serviceAccountToken" in source
        for volume in pod["spec"].get("volumes", ())
        if volume["name"] in mounted
        for source in volume.get("projected", {}).get("sources", ())
    )


def _here(argument: str, volumes: Mapping[str, Path]) -> str:
    for path, folder in volumes.items():
        argument = argument.replace(f"{path}/", f"{folder}/")
    return argument


def pod_kubeconfig(cluster: Cluster, pod: Object, folder: Path) -> Path:
    """The pod's own way to the API server: as its ServiceAccount, and with no other right."""
    account = pod["spec"].get("serviceAccountName", "default")
    namespace = f"--namespace={pod['metadata']['namespace']}"
    token = cluster.kubectl("create", "token", account, namespace)
    config = yaml.safe_load(cluster.kubeconfig.read_text())
    config["users"][0]["user"] = {"token": token.strip()}
    path = folder / "kubeconfig"
    path.write_text(yaml.safe_dump(config))
    return path
