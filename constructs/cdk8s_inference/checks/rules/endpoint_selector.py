"""What a picker's flags say of where its endpoints are: a pool, or pods by their labels."""

from __future__ import annotations

from collections.abc import Iterator

from cdk8s_inference.checks.rule import rule
from cdk8s_inference.findings import Violation
from cdk8s_inference.findings.example import REMOVED, breaks
from cdk8s_inference.topology import Picker, SourceValue, Topology
from cdk8s_inference.topology.kube_object import whole_number

_PICKER = "Deployment/qwen-epp"
_CONTAINER = "spec.template.spec.containers[0]"
_VALIDATED = "Read in the sources of llm-d's router v0.8.0 to v0.10.0: Options.Validate."
_MOST_PORTS = 8


def _selecting(topology: Topology) -> Iterator[tuple[Picker, SourceValue[str]]]:
    """The pickers that are given labels of pods, with them as written."""
    for picker in topology.pickers:
        written = picker.flags.get("endpoint-selector")
        if written is not None and "$" not in written.value:
            yield picker, written


@rule(
    "T440",
    "error",
    "The picker is given no pool, or a pool and a selector",
    why="The picker exits, and every request fails.",
    evidence=_VALIDATED,
    fix="set either --pool-name, or --endpoint-selector with --endpoint-target-ports",
    example=breaks("standalone", _PICKER, f"{_CONTAINER}.args[5]", "--pool-name=qwen"),
)
def pool_and_selector(topology: Topology) -> Iterator[Violation]:
    for picker in topology.pickers:
        if "endpoint-selector" not in picker.release.flags():
            continue
        pool, selector = picker.pool_name, picker.flag("endpoint-selector")
        if bool(pool.value) != bool(selector.value):
            continue
        both = f"--pool-name is {pool.value!r}, and --endpoint-selector {selector.value!r}"
        yield Violation(
            pool,
            both if pool.value else "neither --pool-name nor --endpoint-selector is set",
            selector if pool.value else None,
            severity=picker.assumed_severity,
        )


@rule(
    "T441",
    "error",
    "The picker's endpoint selector or its ports are invalid",
    why="The picker exits, and every request fails.",
    evidence=f"{_VALIDATED} The selector is parsed as kubectl parses --selector.",
    fix="set --endpoint-selector to labels such as app=model, and --endpoint-target-ports to one "
    "to eight ports",
    example=breaks("standalone", _PICKER, f"{_CONTAINER}.args[1]", "--endpoint-target-ports="),
)
def selector_or_ports(topology: Topology) -> Iterator[Violation]:
    for picker, written in _selecting(topology):
        ports = picker.flag("endpoint-target-ports")
        texts = [text.strip() for text in ports.value.split(",") if text.strip()]
        if picker.endpoint_selector is None and written.value:
            yield Violation(
                written, f"{written.value!r} is no selector", severity=picker.assumed_severity
            )
        if "$" in ports.value:
            continue
        wrong = [text for text in texts if not 0 <= (whole_number(text) or -1) <= 65535]
        if wrong or not 1 <= len(set(texts)) <= _MOST_PORTS:
            said = f"{wrong[0]!r} is no port" if wrong else f"has {len(set(texts))} ports"
            yield Violation(
                ports, f"--endpoint-target-ports {said}", severity=picker.assumed_severity
            )


@rule(
    "T442",
    "error",
    "A picker with an endpoint selector does not know its pod's name",
    why="The picker exits, and every request fails.",
    evidence="Read in the sources of llm-d's router v0.8.0 to v0.10.0: without a pool the picker "
    "takes its name from POD_NAME.",
    fix="set POD_NAME from fieldRef metadata.name",
    example=breaks("standalone", _PICKER, f"{_CONTAINER}.env", REMOVED),
)
def no_pod_name(topology: Topology) -> Iterator[Violation]:
    for picker, written in _selecting(topology):
        container = picker.container
        variable = container.environment.get("POD_NAME")
        if container.at["envFrom"].present or picker.pods.may_gain("environment"):
            continue
        if variable is None or variable.value == "":
            yield Violation(
                container.here if variable is None else variable,
                "POD_NAME is not set",
                written,
                severity=picker.assumed_severity,
            )
        elif variable.value is None and container.field_of("POD_NAME") not in (
            "metadata.name",
            None,
        ):
            yield Violation(
                variable,
                f"POD_NAME comes from {container.field_of('POD_NAME')}",
                written,
                severity=picker.assumed_severity,
            )
