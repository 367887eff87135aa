"""Argo CD: its application controller and its repo-server, with a Redis server in memory."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from tests.acceptance import crds, mirror
from tests.acceptance.binaries import ARGO_CD, asset, program
from tests.acceptance.cluster import Cluster, Object, namespace
from tests.acceptance.process import free_port, require, started

NAMESPACE = "argocd"

_API = "argoproj.io/v1alpha1"
_IN_CLUSTER = "https://kubernetes.default.svc"
_FOLDER = "stack"


@contextmanager
def argocd(cluster: Cluster, charts: Path, settings: Mapping[str, str]) -> Iterator[None]:
    """Argo CD, which installs into the cluster that it runs beside.

    Args:
        cluster: The cluster.
        charts: A folder for each host that charts come from, whatever else there is.
        settings: What ``argocd-cm`` says.
    """
    folder = cluster.folder / "argocd"
    folder.mkdir()
    for path in ARGO_CD.assets:
        cluster.kubectl("create", "--filename", asset(ARGO_CD, path))
    crds.await_established(cluster)
    cluster.create(_installation(settings))
    redis, server = free_port(), free_port()
    with (
        _redis(cluster, redis),
        _mirror(cluster, charts) as environment,
        _repo_server(cluster, server, redis, environment),
        _controller(cluster, server, redis),
    ):
        yield


def repository(folder: Path, files: Path) -> str:
    """Makes a git repository of some files, and gives its URL."""
    shutil.copytree(files, folder / _FOLDER)
    author = ("-c", "user.name=acceptance", "-c", "user.email=acceptance@example.com")
    for arguments in (
        ["init", "--quiet", "--initial-branch=main"],
        ["add", "."],
        [*author, "commit", "--quiet", "--message=Compose the stack"],
    ):
        subprocess.run([require("git"), *arguments], cwd=folder, check=True)
    return folder.as_uri()


def parent(name: str, repository: str) -> Object:
    """An Application that syncs a repository by itself, again and again where it fails.

    A CRD that is not established yet is Degraded, and fails a sync: the API server may take a
    second.
    """
    often = {"duration": "5s", "factor": 1, "maxDuration": "5s"}
    return {
        "apiVersion": _API,
        "kind": "Application",
        "metadata": {"name": name, "namespace": NAMESPACE},
        "spec": {
            "project": "default",
            "destination": {"server": _IN_CLUSTER, "namespace": NAMESPACE},
            "source": {"repoURL": repository, "path": _FOLDER, "targetRevision": "main"},
            "syncPolicy": {"automated": {}, "retry": {"limit": -1, "backoff": often}},
        },
    }


def _installation(settings: Mapping[str, str]) -> Iterator[Object]:
    labels = {"app.kubernetes.io/part-of": "argocd"}
    yield namespace(NAMESPACE)
    yield {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "argocd-cm", "namespace": NAMESPACE, "labels": labels},
        "data": dict(settings),
    }
    yield {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "argocd-secret", "namespace": NAMESPACE, "labels": labels},
        "stringData": {"server.secretkey": "acceptance"},
    }
    # What Argo CD's API server, which does not run here, makes when it starts.
    yield {
        "apiVersion": _API,
        "kind": "AppProject",
        "metadata": {"name": "default", "namespace": NAMESPACE},
        "spec": {
            "sourceRepos": ["*"],
            "destinations": [{"server": "*", "namespace": "*"}],
            "clusterResourceWhitelist": [{"group": "*", "kind": "*"}],
        },
    }


@contextmanager
def _redis(cluster: Cluster, port: int) -> Iterator[None]:
    command = cluster.host.command(program("miniredis"), f"127.0.0.1:{port}")
    with started("redis", command, cluster.folder, ready=partial(cluster.host.listens, port)):
        yield


@contextmanager
def _mirror(cluster: Cluster, charts: Path) -> Iterator[Mapping[str, str]]:
    """Answers for every host, and gives the environment of those who are to ask there."""
    certificate, key = _certificate(cluster.folder / "argocd", os.listdir(charts))
    port = free_port()
    arguments = (str(port), charts, certificate, key)
    command = cluster.host.command(sys.executable, mirror.__file__, *arguments)
    with started("mirror", command, cluster.folder, ready=partial(cluster.host.listens, port)):
        yield {"HTTPS_PROXY": f"http://127.0.0.1:{port}", "SSL_CERT_FILE": str(certificate)}


def _certificate(folder: Path, hosts: list[str]) -> tuple[Path, Path]:
    certificate, key = folder / "mirror.crt", folder / "mirror.key"
    names = ",".join(f"DNS:{host}" for host in sorted(hosts))
    command: list[str | Path] = [require("openssl"), "req", "-x509", "-newkey", "rsa:2048"]
    command += ["-nodes", "-days", "2", "-subj", "/CN=mirror", "-addext", f"subjectAltName={names}"]
    subprocess.run([*command, "-keyout", key, "-out", certificate], check=True, capture_output=True)
    return certificate, key


@contextmanager
def _repo_server(
    cluster: Cluster, port: int, redis: int, environment: Mapping[str, str]
) -> Iterator[None]:
    """What gets manifests out of repositories, with git and Helm."""
    folder = cluster.folder / "argocd"
    for name in ("bin", "plugins", "ssh", "tls", "tmp"):
        (folder / name).mkdir()
    (folder / "bin" / "helm").symlink_to(program("helm3"))
    command = cluster.host.command(
        program("argocd"),
        "--address=127.0.0.1",
        f"--port={port}",
        "--metrics-address=127.0.0.1",
        f"--metrics-port={free_port()}",
        f"--redis=127.0.0.1:{redis}",
        "--disable-tls",
        "--logformat=text",
    )
    variables = {
        **environment,
        "ARGOCD_BINARY_NAME": "argocd-repo-server",
        "ARGOCD_ASK_PASS_SOCK": str(folder / "ask-pass.sock"),
        "ARGOCD_GPG_ENABLED": "false",
        "ARGOCD_PLUGINSOCKFILEPATH": str(folder / "plugins"),
        "ARGOCD_SSH_DATA_PATH": str(folder / "ssh"),
        "ARGOCD_TLS_DATA_PATH": str(folder / "tls"),
        "PATH": os.pathsep.join((str(folder / "bin"), os.environ["PATH"])),
        "TMPDIR": str(folder / "tmp"),
    }
    ready = partial(cluster.host.listens, port)
    with started("argocd-repo-server", command, cluster.folder, ready=ready, env=variables):
        yield


@contextmanager
def _controller(cluster: Cluster, server: int, redis: int) -> Iterator[None]:
    """What compares and applies."""
    port = free_port()
    command = cluster.host.command(
        program("argocd"),
        f"--namespace={NAMESPACE}",
        f"--repo-server=127.0.0.1:{server}",
        "--repo-server-plaintext",
        f"--redis=127.0.0.1:{redis}",
        f"--metrics-port={port}",
        # In seconds: what an event was lost of is seen again soon.
        "--app-resync=10",
        "--app-resync-jitter=0",
        "--logformat=text",
    )
    variables = {
        "ARGOCD_BINARY_NAME": "argocd-application-controller",
        # The cluster that it runs in is the one of KUBECONFIG.
        "ARGOCD_FAKE_IN_CLUSTER": "true",
        "KUBECONFIG": str(cluster.kubeconfig),
    }
    name = "argocd-application-controller"
    ready = partial(cluster.host.listens, port)
    with started(name, command, cluster.folder, ready=ready, env=variables):
        yield
