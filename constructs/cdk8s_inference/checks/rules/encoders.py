"""Pods that encode images for prefill and decode: whether they are there, and are asked."""

from __future__ import annotations

from collections.abc import Iterator

from cdk8s_inference.checks.rule import rule
from cdk8s_inference.findings import Violation
from cdk8s_inference.findings.evidence import ReadInSource
from cdk8s_inference.findings.example import Edit, Replaced, manifests
from cdk8s_inference.source import Cursor, has_placeholder
from cdk8s_inference.topology import Topology

_ENGINE = "spec.template.spec.containers[0]"
_SIDECAR = "spec.template.spec.initContainers[0]"
_CONFIG_MAP, _CONFIG = "ConfigMap/qwen-epp", "data[picker.yaml]"
_ENCODER = """\
apiVersion: apps/v1
kind: Deployment
metadata: {{name: encode, namespace: llm}}
spec:
  selector: {{matchLabels: {{app: encode}}}}
  template:
    metadata:
      labels: {{app: encode, model: qwen, llm-d.ai/role: encode}}
    spec:
      containers:
        - name: vllm
          image: vllm/vllm-openai:v0.32.0
          args: [--model={model}{more}]
          readinessProbe:
            httpGet: {{path: /health, port: 8000}}
          resources: {{limits: {{nvidia.com/gpu: 1}}}}
"""
_ENCODING = Replaced(
    ("  - type: decode-filter\n", "  - type: decode-filter\n  - type: encode-filter\n"),
    (
        "  - type: disagg-profile-handler\n",
        "  - type: always-disagg-multimodal-decider\n  - type: disagg-profile-handler\n",
    ),
    (
        "{prefill: prefix-based-pd-decider}",
        "{prefill: prefix-based-pd-decider, encode: always-disagg-multimodal-decider}",
    ),
    (
        "schedulingProfiles:\n",
        "schedulingProfiles:\n  - name: encode\n    plugins: [{pluginRef: encode-filter}, "
        "{pluginRef: max-score-picker}]\n",
    ),
)


@rule(
    "T118",
    "warning",
    "The picker has prompts encoded apart, and no pod encodes",
    why="Images are encoded in the prefill or decode pods, as without encode pods.",
    evidence="llm-d's guide on encode disaggregation: encode-filter takes pods with the role "
    "encode, or one that holds it.",
    fix="run pods with the label llm-d.ai/role: encode, or remove the encode decider",
    example=manifests(
        "disaggregated",
        Edit(
            "ConfigMap/qwen-epp",
            "data[picker.yaml]",
            _ENCODING,
        ),
    ),
)
def nobody_encodes(topology: Topology) -> Iterator[Violation]:
    for pool in topology.pools:
        config = pool.picker.config if pool.picker else None
        if config is None or "encode-filter" not in config.value or not pool.members:
            continue
        if pool.others_may_be_members or any(
            pods.may_gain_label("llm-d.ai/role") for pods in pool.members
        ):
            continue
        encoding = [pods for pods in pool.members if "encode" in (pods.role.value or "")]
        scaled = any(
            scaler.wakes and scaler.scales(pods.workload)
            for pods in encoding
            for scaler in topology.autoscalers
        )
        if not scaled and not any(pods.workload.copies.value for pods in encoding):
            at = encoding[0].workload.copies if encoding else pool.selector
            yield Violation(at, f"no pod of {pool} encodes", config)


@rule(
    "T324",
    "error",
    "An encode engine loads another model",
    why="What it encodes is no input of the model that prefills and decodes.",
    known=ReadInSource("llm-d's router"),
    evidence="llm-d's guide on encode disaggregation: the encoder is that of the same model.",
    fix="load the same model as prefill and decode",
    example=manifests(
        "disaggregated",
        Edit("Deployment/prefill", f"{_ENGINE}.args[4]", "--served-model-name=qwen"),
        Edit("Deployment/decode", f"{_ENGINE}.args[4]", "--served-model-name=qwen"),
        Edit("Deployment/decode", f"{_SIDECAR}.args[4]", "--ec-connector=ec-example"),
        Edit(_CONFIG_MAP, _CONFIG, _ENCODING),
        added=_ENCODER.format(model="Qwen/Qwen3-14B", more=", --served-model-name=qwen"),
    ),
)
def encoders(topology: Topology) -> Iterator[Violation]:
    for pool in topology.pools:
        models = {
            role: [
                (pods, pods.engine.model)
                for pods in pool.running
                if pods.engine and pods.engine.model and (pods.role.value == "encode") == role
            ]
            for role in (True, False)
        }
        for _, encoder in models[True]:
            for pods, other in models[False]:
                if other.value != encoder.value:
                    yield Violation(
                        encoder,
                        f"the encoder loads {encoder.value!r}, {pods.object} {other.value!r}",
                        other,
                    )
                    break


@rule(
    "T445",
    "warning",
    "Encode pods are in the pool, and the picker never asks them",
    why="Images are encoded in the prefill or decode pods, and the encode pods are idle.",
    evidence="llm-d's guide on encode disaggregation: a decider for the stage encode, and a "
    "profile with encode-filter.",
    fix="add an encode decider, such as always-disagg-multimodal-decider, and a profile encode",
    example=manifests(
        "disaggregated",
        added=_ENCODER.format(model="Qwen/Qwen3-32B", more=""),
    ),
)
def encoders_not_asked(topology: Topology) -> Iterator[Violation]:
    for pool in topology.pools:
        picker = pool.picker
        config = picker.config if picker else None
        if picker is None or config is None or has_placeholder(config.value):
            continue
        read = picker.configuration
        encoders = [pods for pods in pool.running if pods.role.value == "encode"]
        if not encoders or pool.has_other_role_filters or not read["plugins"].present:
            continue
        asked = any(
            key == "encode" or (plugin["type"].text or "").startswith("encode-profile")
            for plugin in read["plugins"].items()
            for key, _ in plugin.at("parameters", "deciders").fields()
        )
        profiles = {profile["name"].text for profile in read["schedulingProfiles"].items()}
        wanted = _encode_profile(read)
        if asked and profiles and wanted not in profiles:
            yield Violation(config, f"no profile is called {wanted!r}", encoders[0].role)
        old = "encodeDecider" in config.value or "encode" in config.value.partition("deciders")[0]
        if not asked and not (old and "deciders" not in config.value):
            yield Violation(config, "no decider is for the stage encode", encoders[0].role)


def _encode_profile(config: Cursor) -> str:
    """The profile that the handler runs to encode."""
    for plugin in config["plugins"].items():
        parameters = plugin["parameters"]
        named = parameters.at("profiles", "encode").text or parameters["encodeProfile"].text
        if named and "handler" in (plugin["type"].text or ""):
            return named
    return "encode"


@rule(
    "T220",
    "warning",
    "Encode pods are in the pool, and the sidecar never asks them",
    why="Images are encoded in the prefill or decode pods, and the encode pods are idle.",
    evidence="Read in the sidecar's sources, v0.8.0 to v0.10.0: without --ec-connector it passes "
    "over the encoders that the picker names.",
    fix="set --ec-connector to the connector that the encoders are configured with",
    example=manifests(
        "disaggregated",
        Edit(_CONFIG_MAP, _CONFIG, _ENCODING),
        added=_ENCODER.format(model="Qwen/Qwen3-32B", more=""),
    ),
)
def encoders_passed_over(topology: Topology) -> Iterator[Violation]:
    for pool in topology.pools:
        encoders = [pods for pods in pool.running if pods.role.value == "encode"]
        config = pool.picker.config if pool.picker else None
        if not encoders or config is None or "encode" not in config.value:
            continue
        for pods in pool.decode:
            sidecar = pods.sidecar
            if sidecar is not None and not sidecar.flag("ec-connector").value:
                yield Violation(
                    sidecar.container.here,
                    "the sidecar has no --ec-connector",
                    encoders[0].role,
                    cause=encoders[0].role,
                )
