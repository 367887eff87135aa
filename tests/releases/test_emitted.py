"""One deployment for each release: nothing in its manifests that the release does not know."""

from __future__ import annotations

from functools import cache
from typing import Any

import pytest
from cdk8s import Chart

from cdk8s_inference import (
    App,
    EndpointPicker,
    Platform,
    Profile,
    RawPickerConfig,
    RouterRelease,
    UnifiedConfig,
)
from cdk8s_inference.releases import ROUTER_RELEASES
from cdk8s_inference.releases.release import Program
from tests.document.builders import prefill_decode, unified
from tests.kit.synth import composed, of_kind, synthesized

Json = dict[str, Any]

each_release = pytest.mark.parametrize("release", ROUTER_RELEASES, ids=lambda each: each.version)

DOCUMENTS = {"disaggregated": prefill_decode, "unified": unified}


@cache
def objects_of(mode: str, version: str) -> list[Json]:
    (release,) = (each for each in ROUTER_RELEASES if each.version == version)
    return composed(DOCUMENTS[mode](), Platform(unified_mode="picker", router=release))


def containers(objects: list[Json], image: str) -> list[Json]:
    templates = [each["spec"]["template"]["spec"] for each in of_kind(objects, "Deployment")]
    return [
        container
        for template in templates
        for container in (*template["containers"], *template.get("initContainers", ()))
        if container["image"] == image
    ]


@pytest.mark.parametrize("program", ["picker", "sidecar"])
@each_release
def test_every_flag(release: RouterRelease, program: Program) -> None:
    image = release.picker.image if program == "picker" else release.sidecar.image
    found = containers(objects_of("disaggregated", release.version), image)
    assert len(found) == 1
    for argument in found[0]["args"]:
        name, equals, value = argument.removeprefix("--").partition("=")
        flag = release.flag(program, name)
        assert (flag.stage, bool(equals)) == ("supported", True)
        assert flag.kind != "bool" or value in ("true", "false")
        assert flag.kind != "int" or value.isdigit()


@each_release
def test_flags_whose_default_moved_between_releases_are_given(release: RouterRelease) -> None:
    """An upgrade must change nothing but the release."""
    found = containers(objects_of("disaggregated", release.version), release.sidecar.image)
    given = {argument.removeprefix("--").partition("=")[0] for argument in found[0]["args"]}
    assert release.sidecar.engine_port_flag in given
    assert {"port", "kv-connector", "secure-proxy"} <= given


@pytest.mark.parametrize("mode", list(DOCUMENTS))
@each_release
def test_every_word_of_the_configuration(release: RouterRelease, mode: str) -> None:
    (config_map,) = of_kind(objects_of(mode, release.version), "ConfigMap")
    (text,) = config_map["data"].values()
    config = RawPickerConfig(text, for_disaggregation=mode == "disaggregated")
    verdict = config.verdict(release)
    assert verdict.outcome == ("disaggregates" if mode == "disaggregated" else "serves")
    assert verdict.findings == ()


@each_release
def test_the_picker_may_watch_all_that_it_watches(release: RouterRelease) -> None:
    (role,) = of_kind(objects_of("unified", release.version), "Role")
    granted = {
        (group, resource, verb)
        for rule in role["rules"]
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    }
    needed = {
        (rule.api_group, resource, verb)
        for rule in release.picker.watches
        for resource in rule.resources
        for verb in rule.verbs
    }
    assert granted == needed


@each_release
def test_a_connector_of_the_release(release: RouterRelease) -> None:
    found = containers(objects_of("disaggregated", release.version), release.sidecar.image)
    values = dict(argument.removeprefix("--").split("=", 1) for argument in found[0]["args"])
    assert release.has_connector(values["kv-connector"])


@each_release
def test_pods_have_time_to_stop(release: RouterRelease) -> None:
    deployments = of_kind(objects_of("disaggregated", release.version), "Deployment")
    (grace,) = (
        each["spec"]["template"]["spec"]["terminationGracePeriodSeconds"]
        for each in deployments
        if each["spec"]["template"]["spec"]["containers"][0]["image"] == release.picker.image
    )
    assert grace > release.picker.stop_seconds


def test_the_engines_block_size_reaches_the_picker() -> None:
    document = unified()
    container = document["spec"]["template"]["spec"]["engines"][0]["members"][0]["template"]
    container["spec"]["containers"][0].setdefault("args", []).append("--block-size=128")
    objects = composed(document, Platform(unified_mode="picker"))
    (config_map,) = of_kind(objects, "ConfigMap")
    expected = UnifiedConfig.prefix_aware(block_tokens=128).render(ROUTER_RELEASES[-1])
    assert list(config_map["data"].values()) == [expected]


@each_release
def test_alpha_plugins_are_allowed_only_where_the_configuration_asks(
    release: RouterRelease,
) -> None:
    flag = release.picker.experimental_flag
    for experimental in (False, True):
        chart = Chart(App(), "chart")
        EndpointPicker(
            chart,
            "picker",
            name="a-epp",
            namespace="ml-team",
            pool="a",
            config=UnifiedConfig(profile=Profile(), experimental=experimental),
            platform=Platform(router=release),
        )
        (found,) = containers(synthesized(chart), release.picker.image)
        allowed = f"--{flag}=true" in found["args"]
        assert allowed == (experimental and flag is not None)
