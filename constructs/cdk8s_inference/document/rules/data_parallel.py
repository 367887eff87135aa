"""Data-parallel ranks, and which pods of an engine serve requests."""

from __future__ import annotations

from collections.abc import Iterator

from cdk8s_inference.document.examples import (
    PYTHON_DISAGGREGATED,
    PYTHON_GANG,
    PYTHON_RANKS,
    PYTHON_UNIFIED,
    TWO_RANKS,
    with_argument,
)
from cdk8s_inference.document.ports import SERVING_PORT, default_port, rank_ports
from cdk8s_inference.document.subject import (
    DEPLOYMENT_RULES,
    ENGINE_RULES,
    POOL_RULES,
    DeploymentSubject,
    EngineSubject,
    PoolSubject,
    container_port,
    engine_ports,
    ranks,
    role,
    serving_container,
)
from cdk8s_inference.findings import shown
from cdk8s_inference.findings.evidence import SEEN
from cdk8s_inference.findings.example import edited, python
from cdk8s_inference.findings.rule import Violation
from cdk8s_inference.servers import VLLM
from cdk8s_inference.servers.command_line import uses

_LAST_PORT = 65535

_HALF = (
    f"{SEEN}: with a pool of two ports and one rank, half of the requests are answered with 503."
)

_UNIFIED_RANKS = edited(PYTHON_UNIFIED, ("devices=[gpu],", "devices=[gpu],\n            ranks=2,"))


@POOL_RULES.rule(
    "W201",
    "error",
    "Engines of one pool have different numbers of ranks",
    why="The endpoint picker sends requests to every port of the pool. On a port that no rank "
    "listens on they are answered with 503.",
    evidence=_HALF,
    fix="set the same ranks on all engines of a pool",
    example=python(edited(PYTHON_DISAGGREGATED, TWO_RANKS), PYTHON_RANKS),
)
def different_ranks(pool: PoolSubject) -> Iterator[Violation]:
    for engine in pool.engines:
        first = pool.engines[0]
        if ranks(engine) != ranks(first):
            yield Violation(
                engine,
                f"the engine has {ranks(engine)} ranks, and {shown(first['name'].value)} of the "
                f"same pool has {ranks(first)}",
                first,
            )


@POOL_RULES.rule(
    "W202",
    "error",
    "The ports of ranks overlap, or exceed 65535",
    why="The sidecar listens on the pool's ports, one for each rank. If the engine listens on one "
    "of them too, a prompt is prefilled and then answered with 503.",
    evidence=f"{SEEN}, with the sidecar on its engine's port.",
    fix="set a --port on the decode engine that is beyond the pool's ports, such as 8200",
    example=python(edited(PYTHON_RANKS, ("--port=8200", "--port=8001")), PYTHON_RANKS),
)
def overlapping_ports(pool: PoolSubject) -> Iterator[Violation]:
    sidecar = rank_ports(SERVING_PORT, max(map(ranks, pool.engines), default=1))
    for engine, phase in zip(pool.engines, pool.phases, strict=True):
        ports = engine_ports(engine)
        if ports[-1] > _LAST_PORT:
            yield Violation(
                engine,
                f"the last of {len(ports)} ranks would listen on port {ports[-1]}",
                fix=f"set a --port of at most {_LAST_PORT + 1 - len(ports)}",
            )
        overlap = {*ports} & {*sidecar}
        if phase == "Decode" and len(sidecar) > 1 and overlap:
            yield Violation(
                engine,
                f"the ranks of the decode engine listen on port {min(overlap)}, and its sidecar "
                f"on {sidecar[0]} to {sidecar[-1]}",
                fix=f"set --port={default_port('Decode', len(sidecar))}",
            )


@ENGINE_RULES.rule(
    "W203",
    "error",
    "An engine without workers sets serving_pods to every",
    why="Every pod of a standalone engine serves requests anyway. The value is meant for an "
    "engine with a leader and workers.",
    evidence="The workers of an engine are its members with role Worker.",
    fix="remove serving_pods, or give the engine a leader and a worker",
    example=python(
        edited(
            PYTHON_GANG,
            ('                Member.of("Leader",', '                Member.of("Standalone",'),
            (
                '                Member.of("Worker", image=image, args=args, devices=[gpus], '
                "nodes=1),\n",
                "",
            ),
        ),
        PYTHON_GANG,
    ),
)
def every_pod_without_workers(subject: EngineSubject) -> Iterator[Violation]:
    serving_pods = subject.engine["servingPods"]
    workers = any(role(member) == "Worker" for member in subject.members)
    if subject.typed and serving_pods.value == "every" and not workers:
        yield Violation(serving_pods, "serving_pods is 'every', and the engine has no workers")


@ENGINE_RULES.rule(
    "W204",
    "error",
    "Workers do not serve requests, and serving_pods is every",
    why="The endpoint picker sends requests to workers that do not listen on the port, and they "
    "are answered with 503.",
    evidence=f"{_HALF} vLLM starts no API server with --headless.",
    fix="give the workers the leader's --port, without --headless, or let only the leader serve",
    example=python(
        edited(
            PYTHON_GANG,
            (
                '"Worker", image=image, args=args',
                '"Worker", image=image, args=[*args, "--headless"]',
            ),
        ),
        PYTHON_GANG,
    ),
)
def workers_that_do_not_serve(subject: EngineSubject) -> Iterator[Violation]:
    engine = subject.engine
    if not subject.typed or engine["servingPods"].value != "every":
        return
    default = default_port(engine["phase"].text, ranks(engine))
    leading = container_port(serving_container(engine)) or default
    for member in subject.members:
        if role(member) != "Worker":
            continue
        container = member.at("template", "spec", "containers", 0)
        following = container_port(container) or default
        if following != leading:
            yield Violation(
                container,
                f"every pod serves requests, and the workers listen on port {following}, the "
                f"leader on {leading}",
                fix=f"set --port={leading} on both",
            )
        if VLLM.names.headless in container["args"].strings:
            yield Violation(
                container,
                "every pod serves requests, and the workers have --headless: they start no API "
                "server",
                fix="remove --headless (vLLM rejects it with hybrid and external load balancing), "
                "or let only the leader serve",
            )


@DEPLOYMENT_RULES.rule(
    "W205",
    "error",
    "A Service leads to pods with several ranks",
    why="The first rank receives every request, and the others none.",
    evidence="Each rank listens on its own port, and the Service has one.",
    fix='set Platform(unified_mode="picker"): a pool has up to eight ports',
    example=python(
        _UNIFIED_RANKS,
        with_argument("platform", 'Platform(unified_mode="picker")', _UNIFIED_RANKS),
    ),
)
def ranks_behind_a_service(deployment: DeploymentSubject) -> Iterator[Violation]:
    if deployment.disaggregated or deployment.platform.unified_mode != "service":
        return
    for engine in deployment.engines:
        if engine["ranks"].value not in (None, 1):
            yield Violation(
                engine,
                f"the pods have {shown(engine['ranks'].value)} ranks with a port each, and a "
                "Service leads to one port",
            )
            return


@ENGINE_RULES.rule(
    "W207",
    "error",
    "--data-parallel-size-local differs from ranks",
    why="The pool has a port for each rank, and the endpoint picker sends requests to all of them. "
    "On a port that no rank listens on they are answered with 503.",
    evidence=_HALF,
    fix="set --data-parallel-size-local and ranks to the same number",
    example=python(edited(PYTHON_RANKS, ("size-local=2", "size-local=1")), PYTHON_RANKS),
)
def local_ranks(subject: EngineSubject) -> Iterator[Violation]:
    container, count = serving_container(subject.engine), ranks(subject.engine)
    if not subject.typed or count == 1:
        return
    found = uses(
        container["command"].strings, container["args"].strings, str(VLLM.names.local_ranks)
    )
    for use in found[-1:]:
        if use.value is not None and use.value.isdecimal() and int(use.value) != count:
            yield Violation(
                container.at(*use.place),
                f"{VLLM.names.local_ranks} is {use.value}, and ranks is {count}",
                subject.engine["ranks"],
            )
