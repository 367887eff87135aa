"""An error is reported only where what was read settles it."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest

from cdk8s_inference.checks import check
from cdk8s_inference.findings import Edit, Finding
from cdk8s_inference.source import Document
from tests.checks.rendered import found
from tests.kit import examples

_ARGS = "spec.template.spec.containers[0].args"


def _of(code: str, findings: list[Finding]) -> list[Finding]:
    return [each for each in findings if each.code == code]


@pytest.mark.parametrize("written", ["${PORT}", "{{ .Values.port }}", "$PORT", "<PORT>"])
@pytest.mark.parametrize(
    ("where", "path", "prefix"),
    [
        ("InferencePool/qwen", "spec.targetPorts[0].number", ""),
        ("InferencePool/qwen", "spec.endpointPickerRef.port.number", ""),
        ("InferencePool/qwen", "spec.selector.matchLabels.model", ""),
        ("Service/qwen-epp", "spec.ports[0].port", ""),
        ("Service/qwen-epp", "spec.selector.app", ""),
        ("Deployment/prefill", "spec.template.metadata.labels.model", ""),
        ("Deployment/prefill", f"{_ARGS}[0]", "--model="),
        ("Deployment/qwen-epp", f"{_ARGS}[0]", "--pool-name="),
        ("Deployment/qwen-epp", f"{_ARGS}[1]", "--pool-namespace="),
        ("Deployment/decode", "spec.template.spec.initContainers[0].args[0]", "--port="),
        ("HTTPRoute/qwen", "spec.rules[0].backendRefs[0].name", ""),
        ("Deployment/decode", "spec.template.spec.containers[0].readinessProbe.httpGet.port", ""),
    ],
)
def test_a_placeholder_is_no_error(where: str, path: str, prefix: str, written: str) -> None:
    objects = examples.base("disaggregated", Edit(where, path, prefix + written))
    assert [str(each) for each in found(objects) if each.severity == "error"] == []


def test_what_depends_on_a_placeholder_is_noted() -> None:
    edit = Edit("InferencePool/qwen", "spec.targetPorts[0].number", "${PORT}")
    notes = _of("T001", found(examples.base("disaggregated", edit)))
    assert any("${PORT}" in each.message for each in notes)


def test_an_error_elsewhere_is_kept_beside_a_placeholder() -> None:
    objects = examples.base(
        "disaggregated",
        Edit("Service/qwen-epp", "metadata.labels", {"team": "${TEAM}"}),
        Edit("Deployment/prefill", "spec.replicas", 0),
    )
    assert [each.severity for each in _of("T102", found(objects))] == ["error"]


def _in_files(*files: list[Any]) -> list[Finding]:
    return check(
        [
            Document(deepcopy(each), f"{index}.yaml")
            for index, objects in enumerate(files)
            for each in objects
        ]
    )


def _claim(size: str) -> Any:
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": "weights", "namespace": "llm"},
        "spec": {"resources": {"requests": {"storage": size}}},
    }


def test_one_object_twice_in_a_file_is_an_error() -> None:
    assert [each.severity for each in _of("T611", _in_files([_claim("1Gi"), _claim("2Gi")]))] == [
        "error"
    ]


def test_one_object_in_two_files_is_a_warning() -> None:
    assert [each.severity for each in _of("T611", _in_files([_claim("1Gi")], [_claim("2Gi")]))] == [
        "warning"
    ]
    assert _of("T611", _in_files([_claim("1Gi")], [_claim("1Gi")])) == []


def test_objects_of_alternative_files_do_not_contradict_each_other_for_sure() -> None:
    whole = examples.base("disaggregated")
    picker = [each for each in whole if each["metadata"]["name"] == "qwen-epp"]
    edit = Edit("Deployment/prefill", f"{_ARGS}[4]", "--served-model-name=other")
    other = [each for each in examples.base("disaggregated", edit) if each not in picker]
    one, two = [each for each in whole if each not in other], [*other]
    settled = _of("T314", _in_files([*one, *two]))
    assert {each.severity for each in settled} == {"error"}
    apart = _of("T314", _in_files([*one, _claim("1Gi")], [*two, _claim("2Gi")]))
    assert {each.severity for each in apart} == {"error", "warning"}
