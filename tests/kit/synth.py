"""What a chart or an app emits, validated: no test looks at an object that was not."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

import yaml
from cdk8s import App, Chart

from cdk8s_inference import ModelDeployment, Platform, labels
from tests.kit.schemas import KUBERNETES_RELEASES, problems
from tests.kit.shared import is_custom

Json = dict[str, Any]


class _Loader(yaml.CSafeLoader):
    """Plain YAML as kubectl reads it: ``=`` and ``<<`` are strings where they are values."""


_Loader.yaml_implicit_resolvers = {
    first: [entry for entry in entries if not entry[0].endswith((":value", ":merge"))]
    for first, entries in yaml.CSafeLoader.yaml_implicit_resolvers.items()
}


def synthesized(scope: App | Chart) -> list[Json]:
    """The objects of an app, or of one chart; fails on any that an API server would refuse.

    Of an app they are read back from the YAML that it writes.
    """
    if isinstance(scope, App):
        objects = list(yaml.load_all(scope.synth_yaml(), _Loader))
    else:
        objects = scope.to_json()
    return validated(objects)


def validated(objects: list[Json]) -> list[Json]:
    """The same objects; fails on any that an API server would refuse."""
    found = [problem for entry in objects for problem in _problems(json.dumps(entry))]
    assert not found, "\n".join(found)
    return objects


def composed(document: Json, platform: Platform | None = None) -> list[Json]:
    """The objects of a document."""
    app = App()
    return synthesized(
        ModelDeployment.from_document(app, "deployment", document, platform=platform)
    )


def of_kind(objects: list[Json], kind: str) -> list[Json]:
    """The objects of a kind, in order."""
    return [entry for entry in objects if entry["kind"] == kind]


def the(objects: list[Json], kind: str, name: str | None = None) -> Json:
    """The only object of a kind, or the one of that name."""
    (found,) = (
        entry for entry in of_kind(objects, kind) if name in (None, entry["metadata"]["name"])
    )
    return found


def workloads(objects: list[Json]) -> list[Json]:
    """The workloads of engines, in order."""
    return [
        entry
        for entry in objects
        if entry["kind"] in ("Deployment", "LeaderWorkerSet")
        and labels.ENGINE in entry["metadata"]["labels"]
    ]


def serving_template(workload: Json) -> Json:
    """The template of the pods that take requests."""
    spec = workload["spec"]
    template: Json = (
        spec["leaderWorkerTemplate"]["leaderTemplate"]
        if workload["kind"] == "LeaderWorkerSet"
        else spec["template"]
    )
    return template


@cache
def _problems(text: str) -> tuple[str, ...]:
    """Problems of an object in every release."""
    entry = json.loads(text)
    # A custom resource is the same in all releases.
    custom = is_custom(entry["apiVersion"], entry["kind"])
    return tuple(
        f"{entry['kind']} {entry['metadata']['name']} in {release}: {problem}"
        for release in (KUBERNETES_RELEASES[:1] if custom else KUBERNETES_RELEASES)
        for problem in problems(entry, kubernetes=release)
    )
