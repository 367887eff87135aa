"""Settings of pods that are in the way of what routing adds to them."""

from __future__ import annotations

from collections.abc import Iterator

from cdk8s_inference import names
from cdk8s_inference.document.examples import with_argument
from cdk8s_inference.document.subject import ENGINE_RULES, EngineSubject
from cdk8s_inference.findings import shown
from cdk8s_inference.findings.example import python
from cdk8s_inference.findings.rule import Violation
from cdk8s_inference.source import Cursor

_PLATFORM = 'Platform(pods=PodSettings(init_containers=[{{"name": "{}", "image": "wait:v1"}}]))'
_TAKEN = with_argument("platform", _PLATFORM.format(names.SIDECAR_CONTAINER))
_FREE = with_argument("platform", _PLATFORM.format("wait"))


@ENGINE_RULES.rule(
    "D146",
    "error",
    "Settings of decode pods take a name that the pd-sidecar has",
    why="A pod has one container and one volume of a name: the sidecar could not be added.",
    evidence="The names of what routing adds to decode pods.",
    fix="give the container or volume another name",
    example=python(_TAKEN, _FREE),
)
def taken_names(subject: EngineSubject) -> Iterator[Violation]:
    if subject.engine["phase"].text != "Decode":
        return
    guarded = subject.platform.guards_prefill
    for settings in subject.pod_settings:
        spec = settings.at("pod", "spec")
        containers = (settings["init_containers"], spec["initContainers"], spec["containers"])
        yield from _named(names.SIDECAR_CONTAINER, "container", containers)
        if guarded:
            volumes = (settings["volumes"], spec["volumes"])
            yield from _named(names.SIDECAR_TOKEN, "volume", volumes)


def _named(name: str, what: str, lists: tuple[Cursor, ...]) -> Iterator[Violation]:
    for entries in lists:
        for entry in entries.items():
            if entry["name"].text == name:
                yield Violation(entry["name"], f"the sidecar's {what} is called {shown(name)}")
