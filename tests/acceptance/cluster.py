"""A cluster as its users see it: kubectl, and objects as JSON."""

from __future__ import annotations

import json
import os
import re
import subprocess
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.acceptance.binaries import program
from tests.acceptance.host import HERE, Host

Object = Mapping[str, Any]
"""A Kubernetes object."""

Key = tuple[str, str, str, str]
"""An object's API group, kind, namespace and name."""


@dataclass(frozen=True)
class Answer:
    """What a run of kubectl said."""

    code: int
    out: str
    error: str

    @property
    def warnings(self) -> list[str]:
        """The server's warnings."""
        return re.findall(r"^Warning: .*$", self.error, re.MULTILINE)


@dataclass(frozen=True)
class Cluster:
    """An API server and who we are to it.

    Attributes:
        kubeconfig: How to reach it.
        folder: For logs, and for what kubectl remembers of the server.
        host: From where.
    """

    kubeconfig: Path
    folder: Path
    host: Host = HERE

    def try_(self, *arguments: str | Path, given: str | None = None) -> Answer:
        """Runs kubectl, and takes any answer."""
        command = self.host.command(
            program("kubectl"),
            f"--kubeconfig={self.kubeconfig}",
            f"--cache-dir={self.folder / 'kubectl'}",
            *arguments,
        )
        environment = {**os.environ, "KUBECTL_EXTERNAL_DIFF": "diff -u"}
        done = subprocess.run(
            command, input=given, env=environment, capture_output=True, text=True, check=False
        )
        return Answer(done.returncode, done.stdout, done.stderr)

    def kubectl(self, *arguments: str | Path, given: str | None = None) -> str:
        """Runs kubectl, which must succeed without a warning.

        Raises:
            AssertionError: It failed, or warned.
        """
        answer = self.try_(*arguments, given=given)
        said = f"kubectl {' '.join(map(str, arguments))}\n{answer.error}{answer.out}"
        assert answer.code == 0, said
        assert not answer.warnings, said
        return answer.out

    def is_ready(self) -> bool:
        """Whether the server takes requests."""
        return self.try_("get", "--raw=/readyz").code == 0

    def create(self, objects: Iterable[Object]) -> None:
        """Creates objects of the proof itself, in one go."""
        if listed := list(objects):
            self.kubectl("create", "--filename=-", given=_as_list(listed))

    def apply(self, objects: Iterable[Object]) -> None:
        """Applies objects in one go, as a user would."""
        self.kubectl("apply", "--filename=-", given=_as_list(objects))

    def ask(self, reviews: Iterable[Object], *arguments: str) -> list[Any]:
        """Puts reviews, which the server answers and does not keep."""
        given = "".join(f"{json.dumps(review)}\n" for review in reviews)
        answer = self.kubectl(
            "create", *arguments, "--validate=ignore", "-f-", "-ojson", given=given
        )
        return list(_documents(answer))

    def set_status(self, item: Object, status: Object) -> None:
        """Writes into an object's status."""
        metadata = item["metadata"]
        self.kubectl(
            "patch",
            f"{item['kind']}/{metadata['name']}",
            f"--namespace={metadata['namespace']}",
            "--subresource=status",
            "--type=merge",
            f"--patch={json.dumps({'status': status})}",
        )

    def run(self, pod: Object, node: str, address: str, *, ready: bool = True) -> None:
        """Says that a pod runs on a node and is ready, as the scheduler and a kubelet would."""
        metadata = pod["metadata"]
        binding = {
            "apiVersion": "v1",
            "kind": "Binding",
            "metadata": {"name": metadata["name"]},
            "target": {"kind": "Node", "name": node},
        }
        url = f"/api/v1/namespaces/{metadata['namespace']}/pods/{metadata['name']}/binding"
        self.kubectl("create", f"--raw={url}", "--filename=-", given=json.dumps(binding))
        conditions = [
            {"type": type, "status": str(ready), "lastTransitionTime": "2020-01-01T00:00:00Z"}
            for type in ("Initialized", "ContainersReady", "Ready")
        ]
        where = {"podIP": address, "podIPs": [{"ip": address}]}
        self.set_status(pod, {"phase": "Running", "conditions": conditions, **where})

    def get(self, *kinds: str, namespace: str | None = None) -> list[Any]:
        """All objects of some kinds, in one namespace or in all."""
        where = [f"--namespace={namespace}"] if namespace else ["--all-namespaces"]
        return self.listed(",".join(kinds), *where)

    def listed(self, *what: str | Path) -> list[Any]:
        """The objects that a ``kubectl get`` finds."""
        found = json.loads(self.kubectl("get", *what, "--output=json"))
        items: list[Any] = found["items"] if found["kind"] == "List" else [found]
        return items

    def namespaced_kinds(self) -> list[str]:
        """Every namespaced kind that can be listed, as ``<plural>.<group>``."""
        answer = self.kubectl("api-resources", "--namespaced", "--verbs=list", "--output=name")
        return answer.split()


def _documents(text: str) -> Iterator[Any]:
    """JSON documents that follow each other."""
    decoder, at = json.JSONDecoder(), 0
    while at < len(text):
        document, end = decoder.raw_decode(text, at)
        yield document
        at = end + len(text[end:]) - len(text[end:].lstrip())


def _as_list(objects: Iterable[Object]) -> str:
    return json.dumps({"apiVersion": "v1", "kind": "List", "items": list(objects)})


def key(item: Object) -> Key:
    """What identifies an object."""
    group, _, _ = item["apiVersion"].rpartition("/")
    metadata = item["metadata"]
    return group, item["kind"], metadata.get("namespace", ""), metadata["name"]


def namespace(name: str) -> Object:
    """A namespace."""
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}


def condition(item: Object, type: str) -> bool:
    """Whether a condition of an object is true."""
    conditions: Sequence[Any] = item.get("status", {}).get("conditions") or ()
    return any(entry["type"] == type and entry["status"] == "True" for entry in conditions)


def eventually(still: Callable[[], Sequence[str]], timeout: float, every: float = 0.5) -> None:
    """Waits until nothing is missing any more.

    Raises:
        AssertionError: Something still is; says what.
    """
    deadline = time.monotonic() + timeout
    while missing := still():
        assert time.monotonic() < deadline, f"after {timeout:.0f} s:\n" + "\n".join(missing[:50])
        time.sleep(every)
