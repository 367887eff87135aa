"""Runs a container to its end as its pod says: its user, its account, its root to read only."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from urllib.parse import urlsplit

import yaml

from tests.acceptance.cluster import Cluster, Object
from tests.acceptance.host import Host
from tests.acceptance.kubelet import arguments_of
from tests.acceptance.process import require

_TOKEN = Path("/var/run/secrets/kubernetes.io/serviceaccount")
_SCRIPT = f"""
set -e
mount --make-rprivate /
mount -t tmpfs -o mode=755 tmpfs /run
mkdir -p {_TOKEN} && cp "$0"/* {_TOKEN}
mount -o remount,bind,ro /
exec "$@"
"""


def run_to_end(
    cluster: Cluster, pod: Object, host: Host, entrypoint: Sequence[str | Path], folder: Path
) -> subprocess.CompletedProcess[str]:
    """The end of the one container of a pod, and what it wrote.

    Args:
        cluster: What the pod's account talks to.
        pod: The pod, as the API server has it.
        host: Where it runs.
        entrypoint: What its image runs.
        folder: For the files of its account.
    """
    spec = pod["spec"]
    (container,) = spec["containers"]
    user, mine = spec["securityContext"], container["securityContext"]
    assert mine["readOnlyRootFilesystem"]
    assert mine["capabilities"] == {"drop": ["ALL"]}
    confined = [
        *(require("setpriv"), f"--reuid={user['runAsUser']}", f"--regid={user['runAsGroup']}"),
        *("--clear-groups", "--no-new-privs", "--bounding-set=-all,+dac_read_search"),
        # An image's files are anybody's to read; those of this checkout may be one user's.
        *(f"--{kind}-caps=-all,+dac_read_search" for kind in ("inh", "ambient")),
        "--",
    ]
    assert not mine["allowPrivilegeEscalation"]
    _account(cluster, pod, folder)
    within: list[str | Path] = [
        require("unshare"),
        "--mount",
        "--",
        require("sh"),
        "-c",
        _SCRIPT,
        folder,
    ]
    command = host.command(*within, *confined, *entrypoint, *arguments_of(pod, container, host))
    return subprocess.run(
        command, env=_environment(cluster), capture_output=True, text=True, check=False
    )


def _account(cluster: Cluster, pod: Object, folder: Path) -> None:
    """The files that a kubelet mounts of a pod's account."""
    metadata, name = pod["metadata"], pod["spec"]["serviceAccountName"]
    namespace = metadata["namespace"]
    mounts = pod["spec"]["containers"][0].get("volumeMounts", ())
    assert str(_TOKEN) in [each["mountPath"] for each in mounts], "no token is mounted"
    bound = ("--bound-object-kind=Pod", f"--bound-object-name={metadata['name']}")
    token = cluster.kubectl("create", "token", name, f"--namespace={namespace}", *bound)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "token").write_text(token.strip())
    (folder / "namespace").write_text(namespace)
    (folder / "ca.crt").write_text((cluster.folder / "apiserver.crt").read_text())


def _environment(cluster: Cluster) -> Mapping[str, str]:
    config = yaml.safe_load(cluster.kubeconfig.read_text())
    server = urlsplit(config["clusters"][0]["cluster"]["server"])
    return {
        "PATH": "/usr/bin:/bin",
        "HOME": "/",
        "KUBERNETES_SERVICE_HOST": server.hostname or "",
        "KUBERNETES_SERVICE_PORT": str(server.port),
    }
