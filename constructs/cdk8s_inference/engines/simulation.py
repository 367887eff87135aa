"""The twin of an engine: its pods, with another server in place of the model server.

llm-d-inference-sim, or vLLM on the CPU with a small model.

Only what the pods run is replaced. Routing reads the engine itself, so that the picker, the
sidecar's connector, roles and ports are those of the engine that is simulated.
"""

from __future__ import annotations

import json

from cdk8s_inference.document.engine import Engine, Member
from cdk8s_inference.document.model_deployment import (
    Container,
    EnvVar,
    PodSpec,
    PodTemplate,
)
from cdk8s_inference.document.model_deployment import Engine as AnyEngine
from cdk8s_inference.document.model_deployment import Member as AnyMember
from cdk8s_inference.document.model_names import model_name, served_names
from cdk8s_inference.document.ports import listening
from cdk8s_inference.platform import Platform
from cdk8s_inference.platform.simulation import CpuVllm, Simulation
from cdk8s_inference.pods import GangPlacement
from cdk8s_inference.servers import VLLM, Invocation, invocation_of
from cdk8s_inference.servers import llm_d_inference_sim as sim

_POD_VARIABLES = (
    EnvVar.from_field("POD_NAME", "metadata.name"),
    EnvVar.from_field("POD_NAMESPACE", "metadata.namespace"),
    EnvVar.from_field("POD_IP", "status.podIP"),
)
"""What the simulator says of itself: its name in a header of each answer, and where decode would
fetch a KV cache."""


_VLLM_FLAGS = ("--enforce-eager", "--max-num-seqs=4", "--kv-cache-memory-bytes=268435456")
"""No compilation, and room for a prompt of some thousand tokens."""

_VLLM_VARIABLES = (
    # Each engine would otherwise pin its threads to the same cores as its neighbors.
    EnvVar(name="VLLM_CPU_OMP_THREADS_BIND", value="nobind"),
    # NIXL's transport: without it UCX may try the memory of the node, which pods do not share.
    EnvVar(name="UCX_TLS", value="tcp,self"),
)


def simulated(engine: AnyEngine, platform: Platform, cached_at: str | None) -> AnyEngine:
    """The engine whose pods run in place of another's; the same one without a simulation.

    Its pods have the labels and annotations of the other's. Settings of pods are left out, as they
    name what production has: node labels, volumes, classes. Followers of a gang run a server each,
    which nobody asks anything unless every pod serves.

    Args:
        engine: The engine that is simulated.
        platform: The platform, with the simulation.
        cached_at: Where a model cache is mounted, whose path is then the name of the model.
    """
    if platform.simulate is None:
        return engine
    placement = engine.gang_placement or GangPlacement()
    return Engine(
        name=engine.name,
        # A simulator has no phase of its own, and listens where the engine would.
        phase=engine.stage,
        copies=engine.copies,
        members=[_member(each, engine, platform, cached_at) for each in engine.members],
        ranks=engine.rank_count,
        serving_pods="every" if engine.every_pod_serves else "leader",
        rollout=engine.rollout_settings,
        gang=GangPlacement(startup_policy=placement.startup_policy),
    )


def _member(
    member: AnyMember, engine: AnyEngine, platform: Platform, cached_at: str | None
) -> Member:
    simulation = platform.simulate
    assert simulation is not None
    if simulation.vllm is None:
        container = _simulator(engine, platform, cached_at)
    else:
        container = _vllm(engine, simulation.vllm, cached_at)
    template = member.template
    return Member(
        role=member.role,
        worker=member.worker,
        template=PodTemplate(
            metadata=template.metadata,
            spec=PodSpec(
                containers=[container], image_pull_secrets=template.spec.image_pull_secrets
            ),
        ),
    )


def _simulator(engine: AnyEngine, platform: Platform, cached_at: str | None) -> Container:
    simulation = platform.simulate
    assert simulation is not None
    image = simulation.image or platform.router.simulator
    return Container(
        name="engine",
        image=image,
        # Also in an image of another name it is then recognized.
        command=[sim.PATH],
        args=_arguments(engine, simulation, sim.SERVER.release_of(image), cached_at),
        env=list(_POD_VARIABLES),
    )


def _vllm(engine: AnyEngine, vllm: CpuVllm, cached_at: str | None) -> Container:
    """A vLLM under the engine's names and on its port, handing KV caches over as it does."""
    said = engine.serving_member.container
    given = invocation_of(said.command or (), said.args or (), said.image)
    written = (said.command, said.args)
    model = model_name(given, *written) or cached_at or sim.NO_MODEL
    served = served_names(given, *written) or [model]
    args = [f"--model={vllm.model}", f"--port={listening(engine).ports[0]}", *_VLLM_FLAGS]
    transfer = str(VLLM.names.kv_transfer)
    if value := given.json(transfer):
        args.append(f"{transfer}={json.dumps(value, separators=(',', ':'))}")
    # Also in an image with another entrypoint it then is vLLM that runs.
    return Container(
        name="engine",
        image=vllm.image,
        command=["vllm", "serve"],
        args=[*args, "--served-model-name", *served],
        env=list(_VLLM_VARIABLES),
    )


def _arguments(
    engine: AnyEngine, simulation: Simulation, release: str | None, cached_at: str | None
) -> list[str]:
    """The simulator's flags: what it understands of the engine's own."""
    container = engine.serving_member.container
    given = invocation_of(container.command or (), container.args or (), container.image)
    names = (given.server or VLLM).names
    ports = listening(engine).ports
    written = (container.command, container.args)
    served = served_names(given, *written)
    model = model_name(given, *written) or cached_at or sim.NO_MODEL
    dummy = sim.DUMMY_TOKENIZER.at(release)
    if dummy is None:
        model, served = sim.NO_MODEL, served or [model]
    block = _number(given, names.block_size)
    flags: dict[str, str | int | None] = {
        "--model": model,
        "--port": ports[0],
        "--data-parallel-size": len(ports) if len(ports) > 1 else None,
        "--max-model-len": _number(given, names.max_length) or sim.MOST_TOKENS,
        "--max-num-seqs": _number(given, names.max_requests) or sim.MOST_REQUESTS,
        "--block-size": block if block in sim.BLOCK_SIZES else None,
        "--time-to-first-token": _duration(simulation.first_token_milliseconds),
        "--inter-token-latency": _duration(simulation.token_milliseconds),
    }
    arguments = [f"{name}={value}" for name, value in flags.items() if value is not None]
    if dummy is not None:
        arguments.append(dummy)
    # Last: it takes the words that follow, which are no flags.
    return [*arguments, "--served-model-name", *served] if served else arguments


def _number(given: Invocation, flag: str | None) -> int | None:
    number = given.number(flag) if flag else None
    return number if number is not None and number > 0 else None


def _duration(milliseconds: int) -> str | None:
    return f"{milliseconds}ms" if milliseconds else None
