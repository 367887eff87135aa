"""A small API server with objects that are read, on loopback."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import yaml

from tests.kit.http_server import QuietServer

Answer = tuple[int, Any]
TOKEN = "of-nobody-else-123456"


@dataclass
class Served:
    """What a server has, and what it was asked.

    Attributes:
        objects: Its objects.
        forbidden: Plural names of what it forbids.
        page: How many objects are in a page.
        asked: Method, path and Accept header of each GET; it answers nothing else.
        instead: What it answers in place of everything else.
    """

    objects: Sequence[Mapping[str, Any]]
    forbidden: frozenset[str] = frozenset()
    page: int = 500
    asked: list[tuple[str, str, str]] = field(default_factory=list)
    instead: Callable[[], Answer] | None = None

    def answer(self, path: str, accept: str) -> Answer:
        if self.instead is not None:
            return self.instead()
        url = urlsplit(path)
        parts = url.path.strip("/").split("/")
        if parts in (["api"], ["apis"]):
            return 200, self._discovery(parts[0])
        if "customresourcedefinitions" in parts[:-1]:
            return 404, {"kind": "Status", "message": "not found"}
        plural = parts[-1]
        if plural in self.forbidden:
            message = f"{plural} is forbidden: User cannot list resource"
            return 403, {"kind": "Status", "message": message}
        namespace = parts[parts.index("namespaces") + 1] if parts[-3:-2] == ["namespaces"] else None
        found = [
            {key: value for key, value in each.items() if key not in ("apiVersion", "kind")}
            for each in self.objects
            if plural_of(each["kind"]) == plural
            and namespace in (None, each["metadata"].get("namespace"))
        ]
        if "PartialObjectMetadataList" in accept:
            found = [{"metadata": each["metadata"]} for each in found]
        start = int(parse_qs(url.query).get("continue", ["0"])[0])
        end = start + self.page
        following = {"continue": str(end)} if end < len(found) else {}
        return 200, {"metadata": following, "items": found[start:end]}

    def _discovery(self, root: str) -> Any:
        groups: dict[str, dict[str, dict[str, Any]]] = {}
        for each in self.objects:
            group, _, version = each["apiVersion"].rpartition("/")
            if bool(group) == (root == "apis"):
                scope = "Namespaced" if each["metadata"].get("namespace") else "Cluster"
                groups.setdefault(group, {}).setdefault(version, {})[each["kind"]] = {
                    "resource": plural_of(each["kind"]),
                    "responseKind": {"kind": each["kind"]},
                    "scope": scope,
                    "verbs": ["get", "list", "watch"],
                }
        items = [
            {
                "metadata": {"name": group},
                "versions": [
                    {"version": version, "resources": list(found.values())}
                    for version, found in versions.items()
                ],
            }
            for group, versions in groups.items()
        ]
        return {"kind": "APIGroupDiscoveryList", "items": items}


def plural_of(kind: str) -> str:
    """The plural name of a kind."""
    name = kind.lower()
    if name.endswith("y"):
        return f"{name[:-1]}ies"
    return f"{name}es" if name.endswith(("s", "x")) else f"{name}s"


@contextmanager
def live(served: Served, folder: Path, namespace: str = "llm") -> Iterator[Path]:
    """A running server, as the kubeconfig that leads to it."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            accept = self.headers.get("Accept", "")
            served.asked.append((self.command, self.path, accept))
            status, body = served.answer(self.path, accept)
            content = body if isinstance(body, bytes) else json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            pass

    server = QuietServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield kubeconfig(folder, f"http://127.0.0.1:{server.server_port}", namespace)
    finally:
        server.shutdown()
        server.server_close()


def kubeconfig(folder: Path, server: str, namespace: str = "llm") -> Path:
    """A kubeconfig for a server."""
    path = folder / "kubeconfig"
    context = {"cluster": "c", "user": "u", "namespace": namespace}
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "c", "cluster": {"server": server}}],
        "users": [{"name": "u", "user": {"token": TOKEN}}],
        "contexts": [{"name": "c", "context": context}],
        "current-context": "c",
    }
    path.write_text(yaml.safe_dump(config))
    return path
