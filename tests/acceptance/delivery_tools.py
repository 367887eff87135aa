"""The tools that deliver a stack, as far as they run without containers."""

from __future__ import annotations

import base64
import hashlib
import io
import shutil
import tarfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import yaml

from tests.acceptance.binaries import CROSSPLANE, asset, program
from tests.acceptance.cluster import Cluster, Object
from tests.acceptance.process import free_port, started


@contextmanager
def k3s(cluster: Cluster) -> Iterator[None]:
    """The helm-controller of k3s, which makes a Job of every HelmChart."""
    command: list[str | Path] = [
        program("k3s-helm-controller"),
        f"--kubeconfig={cluster.kubeconfig}",
    ]
    with started("k3s-helm-controller", command, cluster.folder):
        yield


@contextmanager
def crossplane(cluster: Cluster) -> Iterator[None]:
    """Crossplane without its providers: what protects objects that others use."""
    certificates = cluster.folder / "crossplane"
    certificates.mkdir()
    for source, name in (("crt", "tls.crt"), ("key", "tls.key"), ("crt", "ca.crt")):
        shutil.copyfile(cluster.folder / f"apiserver.{source}", certificates / name)
    port, probes = free_port(), free_port()
    command: list[str | Path] = [
        program("crossplane"),
        "core",
        "start",
        f"--tls-server-certs-dir={certificates}",
        f"--tls-client-certs-dir={certificates}",
        f"--xpkg-cache-dir={certificates / 'xpkg'}",
        f"--webhook-port={port}",
        f"--health-probe-port={probes}",
        f"--metrics-port={free_port()}",
    ]
    ready = partial(cluster.host.listens, port, cluster.host.address)
    environment = {"KUBECONFIG": str(cluster.kubeconfig)}
    with started("crossplane", command, cluster.folder, ready=ready, env=environment):
        cluster.create([_usage_webhook(certificates / "ca.crt", f"https://127.0.0.1:{port}")])
        yield


def crossplane_crds() -> Path:
    """The folder of Crossplane's own CRDs."""
    return asset(CROSSPLANE, "cluster/crds")


def _usage_webhook(certificate: Path, server: str) -> Object:
    text = asset(CROSSPLANE, "cluster/webhookconfigurations/usage.yaml").read_text()
    configuration: dict[str, Any] = yaml.safe_load(text)
    for webhook in configuration["webhooks"]:
        path = webhook["clientConfig"]["service"]["path"]
        trust = base64.b64encode(certificate.read_bytes()).decode()
        webhook["clientConfig"] = {"url": f"{server}{path}", "caBundle": trust}
    return configuration


@contextmanager
def kustomize_controller(cluster: Cluster) -> Iterator[None]:
    """Flux' kustomize-controller, which applies the folders of Kustomizations."""
    port = free_port()
    command: list[str | Path] = [
        program("kustomize-controller"),
        "--watch-all-namespaces",
        "--requeue-dependency=1s",
        "--enable-leader-election=false",
        f"--metrics-addr=127.0.0.1:{free_port()}",
        f"--health-addr=127.0.0.1:{port}",
    ]
    environment = {"KUBECONFIG": str(cluster.kubeconfig), "RUNTIME_NAMESPACE": "flux-system"}
    ready = partial(cluster.host.listens, port)
    with started("kustomize-controller", command, cluster.folder, ready=ready, env=environment):
        yield


@contextmanager
def artifact(folder: Path, files: Mapping[str, str]) -> Iterator[Object]:
    """The status of a GitRepository with some files, as source-controller would write it."""
    folder.mkdir()
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        for name, text in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(text.encode())
            archive.addfile(entry, io.BytesIO(text.encode()))
    (folder / "artifact.tar.gz").write_bytes(packed.getvalue())

    class Handler(SimpleHTTPRequestHandler):
        def log_message(self, format: str, *arguments: Any) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=str(folder)))
    Thread(target=server.serve_forever, daemon=True).start()
    digest = hashlib.sha256(packed.getvalue()).hexdigest()
    try:
        yield {
            "observedGeneration": 1,
            "conditions": [_condition("Ready", "Succeeded")],
            "artifact": {
                "digest": f"sha256:{digest}",
                "lastUpdateTime": "2026-01-01T00:00:00Z",
                "path": "artifact.tar.gz",
                "revision": f"main@sha1:{digest[:40]}",
                "url": f"http://127.0.0.1:{server.server_port}/artifact.tar.gz",
            },
        }
    finally:
        server.shutdown()
        server.server_close()


def ready(generation: int) -> Object:
    """The status of an object of Flux that is ready."""
    return {
        "observedGeneration": generation,
        "conditions": [_condition("Ready", "Succeeded", generation)],
    }


def _condition(type: str, reason: str, generation: int = 1) -> Object:
    return {
        "type": type,
        "status": "True",
        "reason": reason,
        "message": "",
        "lastTransitionTime": "2026-01-01T00:00:00Z",
        "observedGeneration": generation,
    }
