"""The file that has a platform's choices, and its schema."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema_rs import Draft202012Validator

from cdk8s_inference import Gateway, InvalidInput, PickerOptions, Platform, PodSettings, Rollout
from cdk8s_inference.gateways import ISTIO
from cdk8s_inference.platform.document import read_platform, schema
from cdk8s_inference.releases import router_release
from cdk8s_inference.source import read
from tests.cli.console import found, save, synth
from tests.document.builders import edited, findings, prefill_decode, unified
from tests.kit.synth import composed, the

ROOT = Path(__file__).resolve().parents[2]

WRITTEN = """\
gateway: {namespace: edge, name: models, provider: istio}
nodePool: h100
deviceClasses: {gpu: gpu.example.com}
unifiedMode: picker
router: v0.9.0
picker: {highAvailability: true, cpu: 2}
pods:
  requests: {cpu: 8, memory: 64Gi}
  limits: {memory: null}
  tolerations:
    - {key: dedicated, operator: Exists}
  pod: {spec: {hostname: a}}
rollout: {maxSurge: 0, maxUnavailable: 1}
"""

SAID = Platform(
    gateway=Gateway("edge", "models", provider=ISTIO),
    node_pool="h100",
    device_classes={"gpu": "gpu.example.com"},
    unified_mode="picker",
    router=router_release("v0.9.0"),
    picker=PickerOptions(high_availability=True, cpu=2),
    pods=PodSettings(
        requests={"cpu": 8, "memory": "64Gi"},
        limits={"memory": None},
        tolerations=[{"key": "dedicated", "operator": "Exists"}],
        pod={"spec": {"hostname": "a"}},
    ),
    rollout=Rollout.in_place(),
)


def platform_of(text: str) -> tuple[Platform | None, list[tuple[str, str, int | None]]]:
    documents, problems = read(text.encode(), "platform.yaml")
    assert not problems
    platform, findings = read_platform(documents[0])
    return platform, [(each.code, each.path, each.line) for each in findings]


def test_a_file_says_what_python_says(tmp_path: Path) -> None:
    assert platform_of(WRITTEN) == (SAID, [])
    file = tmp_path / "platform.yaml"
    file.write_text(WRITTEN)
    assert Platform.from_file(file) == SAID


def test_an_empty_file_is_the_default() -> None:
    assert platform_of("{}") == (Platform(), [])


@pytest.mark.parametrize(
    ("text", "path", "line"),
    [
        ("nodepool: a", "nodepool", 1),
        ("a: 1\n", "a", 1),
        ("[]", "", 1),
        ("pods: 5", "pods", 1),
        ("router: v9", "router", 1),
        ("gateway:\n  provider: traefik", "gateway.provider", 2),
        ("gateway: {stack: {}}", "gateway.stack", 1),
        ("picker:\n  cpu: many", "picker.cpu", 2),
        ("picker:\n  memoryGibibytes: 9", "picker", 1),
        ("pods:\n  requests:\n    cpu: a", "pods.requests.cpu", 3),
        ("rollout:\n  strategy: OnDelete", "rollout.strategy", 2),
        ("pods:\n  hostIpc: true", "pods.hostIpc", 2),
        ("pods:\n  tolerations:\n  - effect: None", "pods.tolerations[0].effect", 3),
        ("pods: {imagePullSecrets: [{nme: a}]}", "pods.imagePullSecrets[0].nme", 1),
    ],
)
def test_what_is_wrong_is_told_by_its_line(text: str, path: str, line: int) -> None:
    platform, findings = platform_of(text)
    assert platform is None
    assert findings == [("D141", path, line)]


@pytest.mark.parametrize(
    ("text", "message", "fix"),
    [
        (
            "pods: {requests: 5}",
            "must be an object, is the number 5",
            "write an object: {key: value}",
        ),
        ("pods: {tolerations: {}}", "must be a list of objects, is an object", "write a list"),
        ("pods: {hostNetwork: 1}", "must be true or false or null", "write true or false"),
        ("probes: {path: null}", "must be a string, is null", "write a string"),
        ("rollout: null", "must be an object, is null", "write an object: {key: value}"),
        ("picker: {cpu: true}", "must be a number, is true", "write a number"),
        ("picker: {memoryGibibytes: 9}", "memoryLimitGibibytes is 8, below the 9", "raise it"),
    ],
)
def test_it_is_told_in_the_words_of_a_document(text: str, message: str, fix: str) -> None:
    documents, _ = read(text.encode())
    _, (finding,) = read_platform(documents[0])
    assert finding.message.startswith(message)
    assert finding.fix == fix


def test_a_file_without_content_is_told(tmp_path: Path) -> None:
    file = tmp_path / "platform.yaml"
    file.write_text("# nodePool: h100\n")
    with pytest.raises(InvalidInput) as raised:
        Platform.from_file(file)
    (finding,) = raised.value.findings
    assert (finding.code, "ModelDeployment" in finding.fix) == ("D001", False)


def test_fields_are_those_of_kubernetes() -> None:
    text = "pods: {hostIPC: true, imagePullSecrets: [{name: a}, b]}"
    platform, problems = platform_of(text)
    assert platform is not None
    assert not problems
    spec = platform.pods.over({"spec": {}})["spec"]
    assert spec == {"hostIPC": True, "imagePullSecrets": [{"name": "a"}, {"name": "b"}]}


def test_all_that_is_wrong_is_told_at_once(tmp_path: Path) -> None:
    file = tmp_path / "platform.yaml"
    file.write_text("nodepool: a\nrouter: v9\npods: {requests: {cpu: a}}\n")
    with pytest.raises(InvalidInput) as raised:
        Platform.from_file(file)
    assert len(raised.value.findings) == 3


def test_the_schema_is_written() -> None:
    written = (ROOT / "docs" / "platform.schema.json").read_text()
    assert json.loads(written) == schema()


def test_the_schema_takes_what_is_read_and_nothing_else() -> None:
    validator = Draft202012Validator(schema())
    content: Any = yaml.safe_load(WRITTEN)
    assert validator.is_valid(content)
    for key, value in (
        ("nodepool", "a"),
        ("router", "v9"),
        ("pods", {"requests": {"cpu": "a b"}}),
        ("picker", {"cpu": 0}),
    ):
        assert not validator.is_valid({**content, key: value})


def test_every_field_is_described() -> None:
    def descriptions(of: Any) -> Any:
        for field in of.get("properties", {}).values():
            yield field["description"]
            yield from descriptions(field)

    assert all(descriptions(schema()))


def test_the_command_line(tmp_path: Path) -> None:
    file = save(tmp_path / "a.yaml", unified())
    platform = tmp_path / "platform.yaml"
    platform.write_text("nodePool: h100\npods: {priorityClassName: models}\n")
    result = synth(file, "--stdout", "--platform", platform)
    assert result.exit_code == 0
    assert "modelplane.ai/pool: h100" in result.stdout
    assert "priorityClassName: models" in result.stdout
    replaced = synth(file, "--stdout", "--platform", platform, "--node-pool", "a100")
    assert "modelplane.ai/pool: a100" in replaced.stdout
    platform.write_text("nodepool: h100\n")
    refused = synth(file, "--stdout", "--platform", platform, "--format", "json")
    assert (refused.exit_code, refused.stdout) == (1, "")
    assert [(each["code"], each["line"]) for each in found(refused)] == [("D141", 1)]
    absent = synth(file, "--stdout", "--platform", tmp_path / "absent", "--format", "json")
    assert [each["code"] for each in found(absent)] == ["D001"]


DIGEST = f"sha256:{'0' * 64}"


def test_images_are_run_by_their_digests(tmp_path: Path) -> None:
    """Every container: engines, sidecars, pickers and their proxies, and what settings add."""
    file = save(tmp_path / "a.yaml", prefill_decode())
    platform = tmp_path / "platform.yaml"
    settings = {"initContainers": [{"name": "fetch", "image": "fetcher:v1"}]}
    platform.write_text(json.dumps({"gateway": {"provider": "standalone"}, "pods": settings}))
    written = synth(file, "--stdout", "--platform", platform).stdout
    images = set(re.findall(r"image: (\S+)", written))
    assert len(images) == 5
    digests = tmp_path / "digests.yaml"
    digests.write_text(json.dumps(dict.fromkeys(images, DIGEST)))
    pinned = synth(file, "--stdout", "--platform", platform, "--image-digests", digests).stdout
    assert set(re.findall(r"image: (\S+)", pinned)) == {f"{image}@{DIGEST}" for image in images}


def test_an_image_that_the_file_of_digests_does_not_name_is_told(tmp_path: Path) -> None:
    file = save(tmp_path / "a.yaml", prefill_decode())
    images = sorted(set(re.findall(r"image: (\S+)", synth(file, "--stdout").stdout)))
    assert len(images) == 3
    digests = tmp_path / "digests.yaml"
    for named in (images, images[:1], []):
        digests.write_text(json.dumps(dict.fromkeys(named, DIGEST)))
        written = synth(file, "--stdout", "--image-digests", digests, "--format", "json")
        assert written.exit_code == 0
        told = [each for each in found(written) if each["code"] == "D144"]
        assert [each["file"] for each in told] == [str(digests)] * (3 - len(named))
        for image, each in zip([i for i in images if i not in named], told, strict=True):
            assert image in each["message"]
    assert synth(file, "--stdout", "--image-digests", digests, "--strict").exit_code == 1


@pytest.mark.parametrize("text", ["[]", "a: latest", "a: 5", "a: sha256:00"])
def test_what_is_no_digest_is_told(tmp_path: Path, text: str) -> None:
    file = save(tmp_path / "a.yaml", unified())
    digests = tmp_path / "digests.yaml"
    digests.write_text(text)
    refused = synth(file, "--stdout", "--image-digests", digests, "--format", "json")
    assert refused.exit_code == 1
    assert [(each["code"], each["line"]) for each in found(refused)] == [("D141", 1)]


@pytest.mark.parametrize(
    ("path", "where"),
    [
        ("template.spec.nodeSelector", "pods.nodeSelector"),
        ("template.spec.hostIPC", "pods.hostIPC"),
        ("template.spec.securityContext", "pods.podSecurityContext"),
        ("template.spec.dnsConfig", "pods.pod.spec"),
        ("template.spec.containers[0].lifecycle", "pods.lifecycle"),
        ("template.spec.containers[0].securityContext", "pods.securityContext"),
        ("template.spec.containers[0].resources", "pods.requests and pods.limits"),
        ("template.spec.containers[0].stdin", "pods.pod.spec.containers, of the container"),
        ("template.spec.nodeSelectors", None),
        ("nodeSelectors", None),
    ],
)
def test_what_a_document_cannot_say_is_in_the_platform(path: str, where: str | None) -> None:
    member = "spec.template.spec.engines[0].members[0]"
    (finding,) = findings(edited(unified(), f"{member}.{path}", {}))
    assert finding.code == "D004"
    assert (f"platform file, as {where}" in finding.fix) if where else "platform" not in finding.fix


def test_what_a_document_says_stays_with_a_platform() -> None:
    document = unified()
    member = document["spec"]["template"]["spec"]["engines"][0]["members"][0]
    member["template"]["metadata"] = {"labels": {"team": "theirs"}}
    member["template"]["spec"]["imagePullSecrets"] = [{"name": "own"}]
    platform = Platform(
        pods=PodSettings(
            image_pull_secrets=["shared"],
            node_selector={"disk": "nvme"},
            tolerations=[{"key": "dedicated"}],
            pod={"metadata": {"labels": {"team": "ours"}}},
        )
    )
    template = the(composed(document, platform), "Deployment")["spec"]["template"]
    assert template["metadata"]["labels"]["team"] == "theirs"
    spec = template["spec"]
    assert spec["imagePullSecrets"] == [{"name": "shared"}, {"name": "own"}]
    assert spec["nodeSelector"] == {"disk": "nvme"}
    assert [each["key"] for each in spec["tolerations"]] == ["nvidia.com/gpu", "dedicated"]
