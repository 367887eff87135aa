"""Pickers and sidecars of releases that are not known: judged by the nearest, as notes."""

from __future__ import annotations

from dataclasses import replace

import pytest
import yaml

from cdk8s_inference import releases
from cdk8s_inference.checks import check
from cdk8s_inference.findings import Finding
from cdk8s_inference.releases import ROUTER, ROUTER_V0_10_0, Product
from cdk8s_inference.releases.flag import Flag
from cdk8s_inference.source import read
from tests.kit import examples

EPP = "ghcr.io/llm-d/llm-d-router-endpoint-picker"
GAIE_EPP = "registry.k8s.io/gateway-api-inference-extension/epp"


def picker_findings(
    base: str, image: str, *arguments: str, role: bool = True, copies: int = 1
) -> list[Finding]:
    """Findings of a base whose picker has another image, and further arguments."""
    objects = examples.base(base)
    for each in objects:
        if (each["kind"], each["metadata"]["name"]) == ("Deployment", "qwen-epp"):
            container = each["spec"]["template"]["spec"]["containers"][0]
            container["image"] = image
            container["args"] += arguments
            each["spec"]["replicas"] = copies
        if each["kind"] == "Role" and not role:
            each["rules"] = each["rules"][:2]
    documents, _ = read(yaml.safe_dump_all(objects).encode(), "it.yaml")
    return check(documents)


def told(findings: list[Finding]) -> dict[str, str]:
    return {each.code: each.severity for each in findings}


def message(findings: list[Finding], code: str) -> str:
    (found,) = (each.message for each in findings if each.code == code)
    return found


def test_an_unknown_newer_release_is_named_as_such() -> None:
    findings = picker_findings("disaggregated", f"{EPP}:v0.11.0")
    assert told(findings) == {"T412": "note"}
    assert message(findings, "T412") == (
        f"'{EPP}:v0.11.0' is judged as router v0.10.0: v0.11.0 is newer than router v0.10.0, the "
        "newest known"
    )


def test_its_flags_are_named_in_one_note() -> None:
    findings = picker_findings("disaggregated", f"{EPP}:v0.11.0", "--new-flag=1", "--other")
    assert told(findings) == {"T412": "note"}
    assert message(findings, "T412").endswith("; that release does not take --new-flag, --other")


def test_what_depends_on_the_release_is_a_note() -> None:
    known = picker_findings("disaggregated", f"{EPP}:v0.10.0", role=False)
    assert told(known) == {"T418": "warning"}
    assumed = picker_findings("disaggregated", f"{EPP}:main", role=False)
    assert told(assumed) == {"T412": "note", "T418": "note"}


def test_what_every_release_does_is_not() -> None:
    objects = examples.base("disaggregated")
    role = next(each for each in objects if each["kind"] == "Role")
    role["rules"] = [rule for rule in role["rules"] if rule["resources"] != ["pods"]]
    for each in objects:
        if each["metadata"]["name"] == "qwen-epp" and each["kind"] == "Deployment":
            each["spec"]["template"]["spec"]["containers"][0]["image"] = f"{EPP}:main"
    documents, _ = read(yaml.safe_dump_all(objects).encode(), "it.yaml")
    assert told(check(documents)) == {"T407": "error", "T412": "note"}


def test_a_configuration_is_judged_by_the_nearest_release() -> None:
    objects = examples.base("disaggregated")
    for each in objects:
        if each["kind"] == "ConfigMap":
            text = each["data"]["picker.yaml"]
            each["data"]["picker.yaml"] = text.replace("max-score-picker", "newer-picker")
        if each["metadata"]["name"] == "qwen-epp" and each["kind"] == "Deployment":
            each["spec"]["template"]["spec"]["containers"][0]["image"] = f"{EPP}:v0.11.0"
    documents, _ = read(yaml.safe_dump_all(objects).encode(), "it.yaml")
    assert set(told(check(documents)).values()) == {"note"}


def test_a_connector_that_is_filled_in_later_is_not_judged() -> None:
    objects = examples.base("disaggregated")
    decode = next(each for each in objects if each["metadata"]["name"] == "decode")
    arguments = decode["spec"]["template"]["spec"]["initContainers"][0]["args"]
    arguments[2] = "--kv-connector=${CONNECTOR}"
    documents, _ = read(yaml.safe_dump_all(objects).encode(), "it.yaml")
    assert "T205" not in told(check(documents))


def test_one_note_for_each_image() -> None:
    objects = examples.base("disaggregated")
    decode = next(each for each in objects if each["metadata"]["name"] == "decode")
    sidecar = decode["spec"]["template"]["spec"]["initContainers"][0]
    sidecar["image"] = sidecar["image"].replace("v0.10.0", "latest")
    other = yaml.safe_load(yaml.safe_dump(decode))
    other["metadata"]["name"] = "decode-2"
    for each in (other["spec"]["selector"]["matchLabels"], other["spec"]["template"]["metadata"]):
        each.update({"app": "decode-2"} if "app" in each else {})
    other["spec"]["template"]["metadata"]["labels"]["app"] = "decode-2"
    documents, _ = read(yaml.safe_dump_all([*objects, other]).encode(), "it.yaml")
    notes = [each for each in check(documents) if each.code == "T207"]
    assert [(each.severity, each.count) for each in notes] == [("note", 1)]


@pytest.mark.parametrize(
    ("tag", "flag", "words"),
    [
        ("v0.5.1", "--pool-group=x", "GAIE v0.5.1 takes no flag --pool-group; GAIE v1.0.0, "),
        ("v1.0.1", "-grpcPort=9002", "GAIE v1.0.1 takes no flag -grpcPort, which it writes "),
        ("v1.0.1", "--drain-timeout=1s", "takes no flag --drain-timeout; router v0.10.0 has it"),
        ("v1.3.1", "-grpc-port=9002", "takes no flag -grpc-port: one dash is for flags of one"),
    ],
)
def test_flags_by_the_pickers_own_release(tag: str, flag: str, words: str) -> None:
    findings = picker_findings("inference-extension", f"{GAIE_EPP}:{tag}", flag)
    assert any(each.code == "T406" and words in each.message for each in findings), findings


@pytest.mark.parametrize("flag", ["-grpc-port=9002", "--grpc-port=9002", "-v=4", "-v"])
def test_one_dash_is_as_good_as_two_to_gos_own_parser(flag: str) -> None:
    assert not told(picker_findings("inference-extension", f"{GAIE_EPP}:v1.0.1", flag))


@pytest.mark.parametrize("flag", ["-v4", "-v=4", "--v=4", "--v"])
def test_flags_of_one_letter_take_one_dash_of_pflag(flag: str) -> None:
    assert not told(picker_findings("disaggregated", f"{EPP}:v0.10.0", flag))


@pytest.mark.parametrize(
    ("tag", "expected"),
    [
        # It watches them whether they are installed or not.
        ("v1.0.1", {"T407": "error"}),
        ("v1.2.1", {"T407": "error"}),
        # It reads none of them.
        ("v1.3.0", {}),
        ("v1.3.1", {"T418": "warning"}),
        ("v1.5.0", {"T418": "warning"}),
    ],
)
def test_permissions_by_the_pickers_own_release(tag: str, expected: dict[str, str]) -> None:
    image = f"{GAIE_EPP}:{tag}"
    assert told(picker_findings("inference-extension", image, role=False)) == expected


def test_pickers_without_a_leader_on_purpose() -> None:
    image = f"{EPP}:v0.10.0"
    assert told(picker_findings("disaggregated", image, copies=2)) == {"T411": "warning"}
    off = ("--ha-enable-leader-election", "--ha-enable-leader-election=false")
    # What approximate prefixes are known is kept in each process, whatever was meant.
    assert told(picker_findings("disaggregated", image, *off, copies=2)) == {"T411": "warning"}


def test_a_release_that_is_added_is_known_everywhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """A file with a release, and an entry of it in its product, is all that it takes."""
    after = replace(
        ROUTER_V0_10_0,
        version="v0.11.0",
        picker=replace(
            ROUTER_V0_10_0.picker,
            image=f"{EPP}:v0.11.0",
            flags=(*ROUTER_V0_10_0.picker.flags, Flag("new-flag", "bool", False)),
        ),
    )
    monkeypatch.setattr(releases, "PICKERS", (Product((*ROUTER.releases, after)),))
    assert not told(picker_findings("disaggregated", f"{EPP}:v0.11.0", "--new-flag")).keys() - {
        "T208"  # The sidecar is still the older one.
    }
    findings = picker_findings("disaggregated", f"{EPP}:v0.11.0", "--newer-flag")
    assert "router v0.11.0 takes no flag --newer-flag" in message(findings, "T406")


@pytest.mark.parametrize(
    ("tag", "kind", "reads"),
    [
        ("v0.5.1", "InferenceModel", True),
        ("v0.5.1", "InferenceObjective", False),
        ("v1.0.1", "InferenceObjective", True),
        ("v1.0.1", "InferenceModel", False),
        ("v1.2.1", "InferenceModelRewrite", False),
        ("v1.3.0", "InferenceObjective", False),
        ("v1.3.1", "InferenceModelRewrite", True),
    ],
)
def test_objects_that_a_release_passes_over(tag: str, kind: str, reads: bool) -> None:
    objects = examples.base("inference-extension")
    for each in objects:
        if (each["kind"], each["metadata"]["name"]) == ("Deployment", "qwen-epp"):
            each["spec"]["template"]["spec"]["containers"][0]["image"] = f"{GAIE_EPP}:{tag}"
    objects.append(
        {
            "apiVersion": "inference.networking.x-k8s.io/v1alpha2",
            "kind": kind,
            "metadata": {"name": "chat", "namespace": "llm"},
            "spec": {"poolRef": {"name": "qwen"}},
        }
    )
    documents, _ = read(yaml.safe_dump_all(objects).encode(), "it.yaml")
    assert ("T423" in told(check(documents))) != reads


@pytest.mark.parametrize(
    ("variable", "expected"),
    [
        ({"value": "qwen"}, set()),
        ({"value": "other"}, {"T405"}),
        ({"valueFrom": {"configMapKeyRef": {"name": "c", "key": "pool"}}}, set()),
    ],
)
def test_flags_that_are_read_from_the_environment(
    variable: dict[str, object], expected: set[str]
) -> None:
    objects = examples.base("inference-extension")
    for each in objects:
        if (each["kind"], each["metadata"]["name"]) == ("Deployment", "qwen-epp"):
            container = each["spec"]["template"]["spec"]["containers"][0]
            container["image"] = f"{GAIE_EPP}:v0.5.1"
            container["args"] = ["-poolNamespace", "llm", "-configFile", "/config/picker.yaml"]
            container["env"] = [{"name": "POOL_NAME", **variable}]
    documents, _ = read(yaml.safe_dump_all(objects).encode(), "it.yaml")
    assert {"T405"} & told(check(documents)).keys() == expected


def test_flags_in_another_releases_spelling_are_read_all_the_same() -> None:
    """KServe's older presets give -poolName to a scheduler that is built on an older picker."""
    objects = examples.base("disaggregated")
    for each in objects:
        if (each["kind"], each["metadata"]["name"]) == ("Deployment", "qwen-epp"):
            container = each["spec"]["template"]["spec"]["containers"][0]
            container["image"] = "ghcr.io/llm-d/llm-d-inference-scheduler:v0.2.0"
            container["args"][:2] = ["--poolName", "qwen", "--poolNamespace", "llm"]
    documents, _ = read(yaml.safe_dump_all(objects).encode(), "it.yaml")
    findings = check(documents)
    assert "does not take --poolName, --poolNamespace" in message(findings, "T412")
    assert set(told(findings).values()) == {"note"}
