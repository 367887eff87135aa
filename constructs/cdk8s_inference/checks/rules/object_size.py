"""Objects that an API server refuses for their size."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator

from cdk8s_inference.checks.rule import rule
from cdk8s_inference.findings import Edit, Violation
from cdk8s_inference.findings.example import manifests
from cdk8s_inference.source import Cursor
from cdk8s_inference.source.text_size import MAX_OBJECT, largest_field, text_size, too_large
from cdk8s_inference.topology import KubeObject, Topology

MAX_DATA = 1024 * 1024
MAX_ANNOTATIONS = 256 * 1024

_CONFIG = """\
apiVersion: v1
kind: ConfigMap
metadata: {name: prompts, namespace: llm}
data: {}
"""
_VARIABLE = "spec.template.spec.containers[0].env[1]"


@rule(
    "T655",
    "error",
    "An object is larger than an API server stores",
    why="The API server refuses the object: etcdserver: request is too large.",
    evidence="etcd takes requests of up to 1.5 MiB by default (--max-request-bytes). Only the "
    "texts in an object are counted, which no encoding makes smaller.",
    fix="move what is large into an image or a volume",
    example=manifests(
        "disaggregated",
        Edit("Deployment/decode", _VARIABLE, {"name": "PROMPT", "value": "x" * MAX_OBJECT}),
    ),
    after=("T656", "T657"),
)
def object_too_large(topology: Topology) -> Iterator[Violation]:
    for owner in topology.objects:
        size = too_large(owner.root, owner.document.characters)
        if size is not None:
            field = largest_field(owner.root)
            said = f"the object has {size} bytes of text"
            yield _too_large(owner, field, said, text_size(field.value), MAX_OBJECT)


@rule(
    "T656",
    "error",
    "The data of a ConfigMap or Secret are too large",
    why="The API server refuses the object: Too long: may not be more than 1048576 bytes.",
    evidence="Kubernetes validates ConfigMaps and Secrets: all values of data and binaryData "
    "together have up to 1 MiB.",
    fix="split it into several, or move what is large into an image or a volume",
    example=manifests(
        "disaggregated", added=_CONFIG.replace("{}", "{a: " + "x" * (MAX_DATA + 1) + "}")
    ),
)
def data_too_large(topology: Topology) -> Iterator[Violation]:
    for owner in topology.of_kind("ConfigMap", "Secret"):
        encoded = ("data",) if owner.kind == "Secret" else ("binaryData",)
        values = {
            child.path: (child, _data_size(child, is_encoded=key in encoded))
            for key in ("data", "binaryData", "stringData")
            for _, child in owner.at(key).fields()
        }
        size = sum(each for _, each in values.values())
        if size > MAX_DATA:
            field, most = max(values.values(), key=lambda each: each[1])
            yield _too_large(owner, field, f"the data have {size} bytes", most, MAX_DATA)


@rule(
    "T657",
    "error",
    "The annotations of an object are too large",
    why="The API server refuses the object: Too long: may not be more than 262144 bytes.",
    evidence="Kubernetes validates annotations, also those of pod templates: all keys and values "
    "together have up to 256 KiB.",
    fix="put what is large into a ConfigMap",
    example=manifests(
        "disaggregated",
        Edit("Deployment/decode", "metadata.annotations", {"note": "x" * MAX_ANNOTATIONS}),
    ),
)
def annotations_too_large(topology: Topology) -> Iterator[Violation]:
    for owner, written in _annotations(topology):
        values = {
            key: (child, text_size(key) + text_size(child.value)) for key, child in written.fields()
        }
        size = sum(each for _, each in values.values())
        if size > MAX_ANNOTATIONS:
            field, most = max(values.values(), key=lambda each: each[1])
            yield _too_large(
                owner, field, f"the annotations have {size} bytes", most, MAX_ANNOTATIONS
            )


def _annotations(topology: Topology) -> Iterator[tuple[KubeObject, Cursor]]:
    for owner in topology.objects:
        yield owner, owner.at("metadata", "annotations")
    for pods in topology.pods:
        if pods.at.path != pods.object.root.path:
            yield pods.object, pods.at.at("metadata", "annotations")


def _data_size(value: Cursor, *, is_encoded: bool) -> int:
    if is_encoded and value.text is not None:
        try:
            return len(base64.b64decode(value.text))
        except (binascii.Error, ValueError):
            return 0  # Refused for another reason.
    return text_size(value.value)


def _too_large(owner: KubeObject, field: Cursor, said: str, most: int, limit: int) -> Violation:
    return Violation(
        owner.value_at(field, None), f"{said}, of which this field has {most}; at most {limit} fit"
    )
