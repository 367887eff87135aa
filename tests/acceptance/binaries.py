"""The servers that the proofs run: pinned, built from Go modules, kept outside the checkout."""

from __future__ import annotations

import fcntl
import json
import os
import re
import resource
import shutil
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class GoModule:
    """A Go module and what we build of it.

    Attributes:
        path: The module.
        version: Its version.
        sum: Its hash, as ``go.sum`` has it; its ``go.mod`` names every other module's version.
        programs: Main packages by the program's name.
        assets: Folders or files of the module that the programs need when they run.
        main: A main package of our own, for a module that is a library.
    """

    path: str
    version: str
    sum: str
    programs: Mapping[str, str]
    assets: Sequence[str] = field(default=())
    main: Path | None = None

    @property
    def name(self) -> str:
        """What it is called in the cache."""
        return re.sub(r"/v\d+$", "", self.path).split("/", 1)[1].replace("/", "-")

    @property
    def folder(self) -> Path:
        """Its folder in the cache."""
        return cache() / f"{self.name}-{self.version}"


KUBERNETES = GoModule(
    "k8s.io/kubernetes",
    "v1.35.4",
    "h1:o/8dBC/pHVpYoGV4OAIytAlNPZbdYVTXJHoYvXC4qzM=",
    {
        name: f"k8s.io/kubernetes/cmd/{name}"
        for name in ("kube-apiserver", "kubectl", "kube-controller-manager", "kube-scheduler")
    },
)
ETCD = GoModule(
    "go.etcd.io/etcd/server/v3",
    "v3.6.16",
    "h1:sLkpvz3RFtiNd/yPrZBKz5kT+XO1ZJkhmuUJeqc7OmA=",
    {"etcd": "go.etcd.io/etcd/server/v3"},
)
LWS = GoModule(
    "sigs.k8s.io/lws",
    "v0.9.0",
    "h1:DcJCgxjjoGOx//QHZkeKpyiblxYq70aCRZNYSfykWyI=",
    {"lws": "sigs.k8s.io/lws/cmd"},
    assets=("config/webhook/manifests.yaml",),
)
KWOK = GoModule(
    "sigs.k8s.io/kwok",
    "v0.8.0",
    "h1:OTIOTwgROqPMovcTwxICx2eYQ4AwLpSx5EpjbDKF4SQ=",
    {"kwok": "sigs.k8s.io/kwok/cmd/kwok"},
    assets=("kustomize/stage/node/fast", "kustomize/stage/pod/fast"),
)
ENVOY_GATEWAY = GoModule(
    "github.com/envoyproxy/gateway",
    "v1.8.0",
    "h1:pn5TYSteO1zZjUMPVXGY7ayFDhZAZZWAQ+yDgVzj78o=",
    {"envoy-gateway": "github.com/envoyproxy/gateway/cmd/envoy-gateway"},
)

K3S_HELM_CONTROLLER = GoModule(
    "github.com/k3s-io/helm-controller",
    "v0.17.9",
    "h1:HhZTiFhVDzhbAYeb/aSlExWhJTnDTpHypMqu5Mh8Uow=",
    {"k3s-helm-controller": "github.com/k3s-io/helm-controller"},
)
CROSSPLANE = GoModule(
    "github.com/crossplane/crossplane/v2",
    "v2.1.0",
    "h1:7RFel1CeIWQytwtHz1st7lZiycYXUIcS0LkaetCJa4Q=",
    {"crossplane": "github.com/crossplane/crossplane/v2/cmd/crossplane"},
    assets=("cluster/crds", "cluster/webhookconfigurations/usage.yaml"),
)
KUSTOMIZE_CONTROLLER = GoModule(
    "github.com/fluxcd/kustomize-controller",
    "v1.9.6",
    "h1:XB+G3A0mky0j5uVHZWv4oSlS2RvZBoNIUhstIvY0JKE=",
    {"kustomize-controller": "github.com/fluxcd/kustomize-controller"},
)
ARGO_CD = GoModule(
    "github.com/argoproj/argo-cd/v3",
    "v3.2.0",
    "h1:m2eGAV+nXQGgzZbH5SyJD5laaPW27mzWXBrgisUHY/0=",
    {"argocd": "github.com/argoproj/argo-cd/v3/cmd"},
    assets=("manifests/crds/application-crd.yaml", "manifests/crds/appproject-crd.yaml"),
)
ARGO_CD_HELM = GoModule(
    "helm.sh/helm/v3",
    "v3.18.4",
    "h1:pNhnHM3nAmDrxz6/UC+hfjDY4yeDATQCka2/87hkZXQ=",
    {"helm3": "helm.sh/helm/v3/cmd/helm"},
)
"""The release of Helm in the image of that Argo CD."""
MINIREDIS = GoModule(
    "github.com/alicebob/miniredis/v2",
    "v2.35.0",
    "h1:QwLphYqCEAo1eu1TqPRN2jgVMPBweeQcR21jeqDCONI=",
    {"miniredis": "."},
    main=Path(__file__).with_name("miniredis.go"),
)
HELM = GoModule(
    "helm.sh/helm/v4",
    "v4.3.1",
    "h1:UndCoLe9UPmNoL7IvWzaUXveL7T5t/ijoorEmgJdI9g=",
    {"helm": "helm.sh/helm/v4/cmd/helm"},
)
KUBECONFORM = GoModule(
    "github.com/yannh/kubeconform",
    "v0.8.0",
    "h1:loDYd3a3spjIFrauqW67CDKF55Oo9R6uvC8AvpVd4ug=",
    {"kubeconform": "github.com/yannh/kubeconform/cmd/kubeconform"},
)
KUBE_SCORE = GoModule(
    "github.com/zegl/kube-score",
    "v1.20.0",
    "h1:J1VqK86SunV4Gg8emPTmwUVxe0rmXnAs5K9ZUbGMKR8=",
    {"kube-score": "github.com/zegl/kube-score/cmd/kube-score"},
)

_ASSETS = "assets"
_SCRATCH = "build-"

MODULES = (
    ETCD,
    KUBERNETES,
    KWOK,
    LWS,
    ENVOY_GATEWAY,
    K3S_HELM_CONTROLLER,
    CROSSPLANE,
    KUSTOMIZE_CONTROLLER,
    ARGO_CD,
    ARGO_CD_HELM,
    MINIREDIS,
)
"""What the acceptance runs."""

_OTHERS = (HELM, KUBECONFORM, KUBE_SCORE)
"""What others ask for by name, such as the benchmark."""


def cache() -> Path:
    """The folder that keeps what was built, for every checkout of this user."""
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(home) / "cdk8s-inference"


def program(name: str) -> Path:
    """The program of that name, built first where it is missing."""
    build([name])
    return _owner(name).folder / name


def asset(module: GoModule, path: str) -> Path:
    """A file or folder that a module's programs need when they run."""
    build(list(module.programs))
    return module.folder / _ASSETS / path


def build(programs: Sequence[str]) -> None:
    """Builds those of some programs that are missing.

    One run at a time does so; another waits for it. Only programs and their assets stay: Go's
    build cache takes ten times their room.
    """
    if not _missing(programs):
        return
    with _locked(), tempfile.TemporaryDirectory(prefix=_SCRATCH, dir=cache()) as scratch:
        for name in _missing(programs):
            _build(name, Path(scratch))


def _missing(programs: Sequence[str]) -> list[str]:
    return [name for name in programs if not (_owner(name).folder / name).is_file()]


def _owner(program: str) -> GoModule:
    return next(each for each in (*MODULES, *_OTHERS) if program in each.programs)


def _build(name: str, scratch: Path) -> None:
    module = _owner(name)
    print(f"building {name} {module.version} ...", file=sys.stderr, flush=True)
    started, cpu = time.monotonic(), _cpu_seconds()
    work = scratch / module.name
    environment = {
        **os.environ,
        "CGO_ENABLED": "0",
        "GOCACHE": str(scratch / "go-build"),
        "GOFLAGS": "-mod=mod -trimpath -buildvcs=false",
        "GOWORK": "off",
    }
    if not work.is_dir():
        work.mkdir()
        _prepare(module, work, environment)
    _go("build", "-ldflags=-s -w", "-o", name, module.programs[name], cwd=work, env=environment)
    # Last, since a program that is there counts as complete.
    (work / name).rename(module.folder / name)
    spent = f"{time.monotonic() - started:.0f} s, {_cpu_seconds() - cpu:.0f} CPU s"
    print(f"built {name} {module.version}: {spent}", file=sys.stderr, flush=True)


def _prepare(module: GoModule, work: Path, environment: Mapping[str, str]) -> None:
    source = _download(module, work, environment)
    (work / "go.mod").write_text(_go_mod(module, source["GoMod"], work, environment))
    (work / "go.sum").write_text(f"{module.path} {module.version} {module.sum}\n")
    if module.main is not None:
        shutil.copyfile(module.main, work / "main.go")
    module.folder.mkdir(parents=True, exist_ok=True)
    for path in module.assets:
        _copy(Path(source["Dir"]) / path, module.folder / _ASSETS / path)


def _download(module: GoModule, work: Path, environment: Mapping[str, str]) -> dict[str, str]:
    at = f"{module.path}@{module.version}"
    found: dict[str, str] = json.loads(
        _go("mod", "download", "-json", at, cwd=work, env=environment)
    )
    if found["Sum"] != module.sum:
        raise RuntimeError(f"{at} has hash {found['Sum']}, not {module.sum}")
    return found


def _go_mod(module: GoModule, go_mod: str, work: Path, environment: Mapping[str, str]) -> str:
    """A module of our own that requires the module, and replaces what the module replaces.

    Go heeds the replacements of the main module alone. Kubernetes replaces its staging modules
    by folders of its own repository; they are published, under a version derived from its own.
    """
    theirs = json.loads(_go("mod", "edit", "-json", go_mod, cwd=work, env=environment))
    lines = ["module acceptance", f"go {theirs['Go']}", f"require {module.path} {module.version}"]
    for entry in theirs.get("Replace") or ():
        old, new = entry["Old"]["Path"], _published(module, entry["New"])
        if new is not None:
            lines.append(f"replace {old} => {new[0]} {new[1]}")
    return "\n".join(lines) + "\n"


def _published(module: GoModule, new: Mapping[str, str]) -> tuple[str, str] | None:
    if "Version" in new:
        return new["Path"], new["Version"]
    staged = re.fullmatch(r"\./staging/src/(.+)", new["Path"])
    return (staged[1], module.version.replace("v1.", "v0.", 1)) if staged else None


def _go(*arguments: str | Path, cwd: Path, env: Mapping[str, str]) -> str:
    go = shutil.which("go")
    if go is None:
        raise RuntimeError("Go is not on PATH, and the servers are built with it: install Go 1.26")
    done = subprocess.run(
        [go, *arguments], cwd=cwd, env=env, capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        raise RuntimeError(f"go {arguments[0]} failed in {cwd.name}:\n{done.stdout}{done.stderr}")
    return done.stdout


def _copy(source: Path, target: Path) -> None:
    """A writable copy: Go makes its own read-only."""
    if source.is_dir():
        for entry in source.glob("*.yaml"):
            _copy(entry, target / entry.name)
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, target)
    target.chmod(target.stat().st_mode | stat.S_IWUSR)


@contextmanager
def _locked() -> Iterator[None]:
    cache().mkdir(parents=True, exist_ok=True)
    with (cache() / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        for stale in cache().glob(f"{_SCRATCH}*"):
            shutil.rmtree(stale)
        yield


def _cpu_seconds() -> float:
    spent = resource.getrusage(resource.RUSAGE_CHILDREN)
    return spent.ru_utime + spent.ru_stime


def main() -> None:
    """Builds everything, and says where it is."""
    build([name for module in MODULES for name in module.programs])
    for module in MODULES:
        print(f"{', '.join(module.programs)} {module.version}: {module.folder}")


if __name__ == "__main__":
    main()
