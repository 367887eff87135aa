"""Serving shapes to be read: whole for the newest release, and what is other in earlier ones."""

from __future__ import annotations

import difflib
from typing import Any

import pytest
from syrupy.assertion import SnapshotAssertion
from syrupy.extensions.single_file import SingleFileSnapshotExtension, WriteMode

from cdk8s_inference import (
    App,
    DeviceRequest,
    Engine,
    Member,
    ModelDeployment,
    PickerOptions,
    Platform,
    RouterRelease,
    SidecarOptions,
)
from cdk8s_inference.releases import ROUTER_NEWEST, ROUTER_RELEASES
from tests.document.builders import NIXL
from tests.kit.synth import synthesized

Shape = tuple[list[Engine], dict[str, Any]]

GPU = DeviceRequest.of("gpu", 'device.driver == "gpu.nvidia.com"')
VLLM = "vllm/vllm-openai:v0.23.0"
MODEL = "--model=openai/gpt-oss-120b"


def vllm() -> Shape:
    fields: dict[str, Any] = {"image": VLLM, "devices": [GPU]}
    return [
        Engine.standalone(
            "prefill", phase="Prefill", copies=2, args=[MODEL, "--port=8000", NIXL], **fields
        ),
        Engine.standalone(
            "decode",
            phase="Decode",
            args=[MODEL, "--port=8001", NIXL, "--block-size=128", "--shutdown-timeout=120"],
            **fields,
        ),
    ], {}


def sglang() -> Shape:
    shared = [
        "--model-path=openai/gpt-oss-120b",
        "--host=0.0.0.0",
        "--page-size=64",
        "--enable-metrics",
    ]
    return [
        Engine.standalone(
            mode,
            phase=phase,
            image="lmsysorg/sglang:v0.5.6",
            devices=[GPU],
            command=["python3", "-m", "sglang.launch_server"],
            args=[
                *shared,
                f"--port={port}",
                f"--disaggregation-mode={mode}",
                "--disaggregation-transfer-backend=nixl",
            ],
        )
        for mode, phase, port in _PHASES
    ], {}


_PHASES: list[tuple[str, Any, int]] = [
    ("prefill", "Prefill", 8000),
    ("decode", "Decode", 8001),
]
_DECODE_RANKS: tuple[str, Any, int] = ("decode", "Decode", 8200)


def gang(name: str, phase: Any, port: int, every: bool) -> Engine:
    serve = f"exec vllm serve {MODEL[8:]} --port={port} '{NIXL}'"
    if every:
        script = (
            f"{serve} --enable-expert-parallel --data-parallel-hybrid-lb --data-parallel-size=16 "
            "--data-parallel-size-local=8 --data-parallel-address=$(LWS_LEADER_ADDRESS) "
            "--data-parallel-start-rank=$((LWS_WORKER_INDEX * 8))"
        )
        scripts = {"Leader": script, "Worker": script}
    else:
        spread = (
            "--tensor-parallel-size=16 --nnodes=2 --node-rank=$(MODELPLANE_RANK) "
            "--master-addr=$(MODELPLANE_LEADER_ADDRESS)"
        )
        scripts = {
            "Leader": f"{serve} {spread}",
            "Worker": f"exec vllm serve {MODEL[8:]} {spread} --headless",
        }
    eight = GPU.model_copy(update={"count": 8})
    members = [
        Member.of(
            role,
            image=VLLM,
            command=["/bin/sh", "-c"],
            args=[scripts[role]],
            devices=[eight],
            nodes=1 if role == "Worker" else None,
        )
        for role in ("Leader", "Worker")
    ]
    return Engine(
        name=name, phase=phase, members=members, serving_pods="every" if every else "leader"
    )


def gangs(*, every: bool) -> Shape:
    return [gang(*each, every=every) for each in _PHASES], {}


def eight_ranks() -> Shape:
    shared = [
        MODEL,
        NIXL,
        "--enable-expert-parallel",
        "--data-parallel-size=8",
        "--data-parallel-multi-port-external-lb",
        "--data-parallel-supervisor-port=8208",
    ]
    return [
        Engine.standalone(
            name,
            phase=phase,
            image=VLLM,
            devices=[GPU.model_copy(update={"count": 8})],
            args=[f"--port={port}", *shared],
            ranks=8,
        )
        for name, phase, port in (_PHASES[0], _DECODE_RANKS)
    ], {}


def encoders() -> Shape:
    encode = Engine.standalone(
        "encode", phase="Encode", image=VLLM, devices=[GPU], args=[MODEL, "--port=8000"]
    )
    return [encode, *vllm()[0]], {}


def production() -> Shape:
    return vllm()[0], {
        "picker": PickerOptions(
            high_availability=True, keep_from_eviction=True, metrics="authenticated"
        ),
        "sidecar": SidecarOptions(native=False),
    }


def device_plugins() -> Shape:
    return [
        Engine.standalone(
            name,
            phase=phase,
            image=VLLM,
            resources={"nvidia.com/gpu": 8, "rdma/ib": 1},
            args=[MODEL, f"--port={port}", NIXL, "--tensor-parallel-size=8"],
        )
        for name, phase, port in _PHASES
    ], {}


SHAPES: dict[str, Shape] = {
    "vllm": vllm(),
    "sglang": sglang(),
    "multi-node-leader-serves": gangs(every=False),
    "multi-node-every-pod-serves": gangs(every=True),
    "data-parallel-eight-ports": eight_ranks(),
    "encode-prefill-decode": encoders(),
    "production": production(),
    "device-plugins": device_plugins(),
}

# What differs between releases is the same for these as for others.
OTHER_IN_EARLIER = ("vllm", "sglang", "data-parallel-eight-ports", "encode-prefill-decode")
EARLIER = [release for release in ROUTER_RELEASES if release is not ROUTER_NEWEST]


class Text(SingleFileSnapshotExtension):
    """One file for a case, with exactly what is written for it."""

    _write_mode = WriteMode.TEXT


class YamlFile(Text):
    file_extension = "yaml"


class DiffFile(Text):
    file_extension = "diff"


def written(shape: str, release: RouterRelease) -> str:
    engines, options = SHAPES[shape]
    app = App()
    ModelDeployment(
        app,
        "gpt-oss",
        name="gpt-oss",
        namespace="ml-team",
        engines=engines,
        model_cache="weights",
        serving_mode="PrefillDecode",
        platform=Platform(router=release, **options),
    )
    synthesized(app)
    return app.synth_yaml()


@pytest.mark.parametrize("shape", SHAPES)
def test_written(shape: str, snapshot: SnapshotAssertion) -> None:
    assert written(shape, ROUTER_NEWEST) == snapshot(extension_class=YamlFile)


@pytest.mark.parametrize("release", EARLIER, ids=lambda each: each.version)
@pytest.mark.parametrize("shape", [*OTHER_IN_EARLIER, "production"])
def test_what_is_other_in(shape: str, release: RouterRelease, snapshot: SnapshotAssertion) -> None:
    after, before = (written(shape, each).splitlines() for each in (ROUTER_NEWEST, release))
    names = ROUTER_NEWEST.version, release.version
    lines = difflib.unified_diff(after, before, *names, n=1, lineterm="")
    assert "\n".join(lines) == snapshot(extension_class=DiffFile)
