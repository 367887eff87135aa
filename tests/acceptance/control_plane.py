"""A Kubernetes control plane on loopback: an API server, and the controllers where asked for."""

from __future__ import annotations

import base64
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import yaml

from tests.acceptance.binaries import KWOK, LWS, asset, program
from tests.acceptance.cluster import Cluster
from tests.acceptance.host import HERE, Host
from tests.acceptance.process import Process, free_port, require, started

_TOKEN = "acceptance"
_SEPARATOR = "\n---\n"


@contextmanager
def api_server(folder: Path, seed: Path | None = None, host: Host = HERE) -> Iterator[Cluster]:
    """etcd and kube-apiserver: a server that accepts and keeps objects, and does nothing else.

    Args:
        folder: For data and logs.
        seed: The folder of a server that ran before, whose objects this one starts with.
        host: Where it runs, and at whose address it listens.
    """
    folder.mkdir(parents=True, exist_ok=True)
    if seed is not None:
        shutil.copytree(seed / "etcd", folder / "etcd")
    etcd, port = free_port(), free_port()
    _service_account_key(folder)
    (folder / "tokens.csv").write_text(f"{_TOKEN},acceptance,acceptance,system:masters\n")
    cluster = Cluster(_kubeconfig(folder, host.address, port), folder, host)
    with ExitStack() as stack:
        stack.enter_context(started("etcd", host.command(*_etcd(folder, etcd)), folder))
        server = host.command(*_kube_apiserver(folder, etcd, host.address, port))
        stack.enter_context(started("kube-apiserver", server, folder, ready=cluster.is_ready))
        yield cluster


@contextmanager
def controllers(cluster: Cluster) -> Iterator[None]:
    """What makes pods of workloads, schedules them, and plays the kubelet of every node."""
    with manager(cluster), _scheduler(cluster), _kwok(cluster), lws(cluster):
        yield


@contextmanager
def manager(cluster: Cluster) -> Iterator[None]:
    """kube-controller-manager: what makes pods of Deployments, and endpoints of Services."""
    port = free_port()
    arguments = [
        f"--kubeconfig={cluster.kubeconfig}",
        "--leader-elect=false",
        # Nobody renews a fake node's lease, and it would count as lost.
        "--node-monitor-grace-period=24h",
        f"--service-account-private-key-file={cluster.folder / 'service-account.key'}",
        "--use-service-account-credentials=false",
        "--kube-api-qps=500",
        "--kube-api-burst=1000",
        "--bind-address=127.0.0.1",
        f"--secure-port={port}",
    ]
    with _beside(cluster, "kube-controller-manager", arguments, port):
        yield


@contextmanager
def _scheduler(cluster: Cluster) -> Iterator[None]:
    port = free_port()
    config = {
        "apiVersion": "kubescheduler.config.k8s.io/v1",
        "kind": "KubeSchedulerConfiguration",
        "clientConnection": {"kubeconfig": str(cluster.kubeconfig), "qps": 500, "burst": 1000},
        "leaderElection": {"leaderElect": False},
    }
    arguments = [
        f"--config={_written(cluster, 'scheduler', yaml.safe_dump(config))}",
        "--bind-address=127.0.0.1",
        f"--secure-port={port}",
    ]
    with _beside(cluster, "kube-scheduler", arguments, port):
        yield


@contextmanager
def _kwok(cluster: Cluster) -> Iterator[None]:
    """Nodes and pods become Ready, and pods that are deleted go, at once."""
    port = free_port()
    stages = [
        stage.read_text()
        for part in KWOK.assets
        for stage in sorted(asset(KWOK, part).glob("*.yaml"))
        if stage.name != "kustomization.yaml"
    ]
    arguments = [
        f"--kubeconfig={cluster.kubeconfig}",
        f"--config={_written(cluster, 'kwok', _SEPARATOR.join(stages))}",
        "--manage-all-nodes=true",
        "--node-lease-duration-seconds=0",
        "--node-ip=127.0.0.1",
        f"--server-address=127.0.0.1:{port}",
    ]
    with _beside(cluster, "kwok", arguments, port):
        yield


@contextmanager
def lws(cluster: Cluster) -> Iterator[None]:
    """The LeaderWorkerSet controller. Its webhooks use the API server's own certificate."""
    address, port = cluster.host.address, free_port()
    certificates = cluster.folder / "lws"
    certificates.mkdir()
    for kind in ("crt", "key"):
        shutil.copyfile(cluster.folder / f"apiserver.{kind}", certificates / f"tls.{kind}")
    config = {
        "apiVersion": "config.lws.x-k8s.io/v1alpha1",
        "kind": "Configuration",
        "leaderElection": {"leaderElect": False},
        "internalCertManagement": {"enable": False},
        "webhook": {"host": address, "port": port, "certDir": str(certificates)},
        "metrics": {"bindAddress": "0"},
        "health": {"healthProbeBindAddress": f"127.0.0.1:{free_port()}"},
    }
    arguments = [
        f"--kubeconfig={cluster.kubeconfig}",
        f"--config={_written(cluster, 'lws', yaml.safe_dump(config))}",
    ]
    with _beside(cluster, "lws", arguments, port, address):
        # The server composes it for the first who asks, and kubectl's validation waits 32 seconds.
        cluster.kubectl("get", "--raw=/openapi/v2")
        cluster.create(_lws_webhooks(certificates / "tls.crt", f"https://{address}:{port}"))
        yield


def _beside(
    cluster: Cluster,
    name: str,
    arguments: Sequence[str],
    port: int,
    address: str = "127.0.0.1",
) -> AbstractContextManager[Process]:
    """A program that runs where the API server does."""
    command = cluster.host.command(program(name), *arguments)
    ready = partial(cluster.host.listens, port, address)
    return started(name, command, cluster.folder, ready=ready)


def _written(cluster: Cluster, name: str, text: str) -> Path:
    path = cluster.folder / f"{name}.yaml"
    path.write_text(text)
    return path


def _lws_webhooks(certificate: Path, server: str) -> Iterator[dict[str, Any]]:
    trust = base64.b64encode(certificate.read_bytes()).decode()
    manifests = asset(LWS, "config/webhook/manifests.yaml").read_text()
    for configuration in yaml.safe_load_all(manifests):
        for webhook in configuration["webhooks"]:
            path = webhook["clientConfig"]["service"]["path"]
            webhook["clientConfig"] = {
                "url": f"{server}{path}",
                "caBundle": trust,
            }
        yield configuration


def _etcd(folder: Path, port: int) -> list[str | Path]:
    client, peer = f"http://127.0.0.1:{port}", f"http://127.0.0.1:{free_port()}"
    return [
        program("etcd"),
        f"--data-dir={folder / 'etcd'}",
        f"--listen-client-urls={client}",
        f"--advertise-client-urls={client}",
        f"--listen-peer-urls={peer}",
        f"--initial-advertise-peer-urls={peer}",
        f"--initial-cluster=default={peer}",
        "--unsafe-no-fsync",
        "--log-level=warn",
    ]


def _kube_apiserver(folder: Path, etcd: int, address: str, port: int) -> list[str | Path]:
    key = folder / "service-account.key"
    return [
        program("kube-apiserver"),
        f"--etcd-servers=http://127.0.0.1:{etcd}",
        f"--bind-address={address}",
        f"--advertise-address={address}",
        f"--secure-port={port}",
        f"--cert-dir={folder}",
        "--endpoint-reconciler-type=none",
        "--authorization-mode=RBAC",
        f"--token-auth-file={folder / 'tokens.csv'}",
        "--service-account-issuer=https://kubernetes.default.svc",
        f"--service-account-key-file={key}",
        f"--service-account-signing-key-file={key}",
        "--service-cluster-ip-range=10.96.0.0/16",
        "--shutdown-delay-duration=0s",
    ]


def _kubeconfig(folder: Path, address: str, port: int) -> Path:
    path = folder / "kubeconfig"
    server = {
        "server": f"https://{address}:{port}",
        "certificate-authority": str(folder / "apiserver.crt"),
    }
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "acceptance", "cluster": server}],
        "users": [{"name": "acceptance", "user": {"token": _TOKEN}}],
        "contexts": [
            {"name": "acceptance", "context": {"cluster": "acceptance", "user": "acceptance"}}
        ],
        "current-context": "acceptance",
    }
    path.write_text(yaml.safe_dump(config))
    return path


def _service_account_key(folder: Path) -> None:
    command = [require("openssl"), "genpkey", "-algorithm", "RSA", "-out"]
    subprocess.run([*command, folder / "service-account.key"], check=True, capture_output=True)
