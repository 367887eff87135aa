"""Configurations that work, which the examples of rules break."""

from __future__ import annotations

from cdk8s_inference.findings.example import edited

WORKS = """\
apiVersion: llm-d.ai/v1alpha1
kind: EndpointPickerConfig
plugins:
  - type: prefill-filter
  - type: decode-filter
  - type: queue-scorer
  - type: approx-prefix-cache-producer
    parameters:
      blockSizeTokens: 64
  - type: prefix-based-pd-decider
    parameters:
      nonCachedTokens: 16
  - type: disagg-profile-handler
    parameters:
      deciders:
        prefill: prefix-based-pd-decider
schedulingProfiles:
  - name: prefill
    plugins:
      - pluginRef: prefill-filter
      - pluginRef: queue-scorer
  - name: decode
    plugins:
      - pluginRef: decode-filter
      - pluginRef: queue-scorer
        weight: 2
"""
"""Works from v0.9.0 on."""

WORKS_IN_V0_8_0 = edited(
    WORKS,
    ("llm-d.ai/v1alpha1", "inference.networking.x-k8s.io/v1alpha1"),
    ("  - type: disagg-profile", "  - type: disagg-headers-handler\n  - type: disagg-profile"),
)

HANDLER = """\
  - type: disagg-profile-handler
    parameters:
      deciders:
        prefill: prefix-based-pd-decider
"""
DECIDER = """\
  - type: prefix-based-pd-decider
    parameters:
      nonCachedTokens: 16
"""
PRODUCER = """\
  - type: approx-prefix-cache-producer
    parameters:
      blockSizeTokens: 64
"""
PREFILL_PROFILE = """\
  - name: prefill
    plugins:
      - pluginRef: prefill-filter
      - pluginRef: queue-scorer
"""

TWO_PICKERS = edited(
    WORKS,
    ("  - type: queue-scorer\n", "  - type: queue-scorer\n  - type: max-score-picker\n"),
    ("  - type: approx", "  - type: weighted-random-picker\n  - type: approx"),
    (PREFILL_PROFILE, f"{PREFILL_PROFILE}      - pluginRef: max-score-picker\n"),
    ("        weight: 2\n", "        weight: 2\n      - pluginRef: weighted-random-picker\n"),
)

PRECISE = edited(
    WORKS,
    (
        PRODUCER,
        """\
  - type: prefix-cache-scorer
    parameters:
      prefixMatchInfoProducerName: precise-prefix-cache-producer
  - type: token-producer
    parameters:
      modelName: Qwen/Qwen3-32B
      vllm:
        url: http://renderer:8000
  - type: precise-prefix-cache-producer
    parameters:
      tokenProcessorConfig:
        blockSize: 64
""",
    ),
    ("        weight: 2\n", "        weight: 2\n      - pluginRef: prefix-cache-scorer\n"),
)

PRECISE_WITH_SOURCE = (
    edited(
        PRECISE,
        (
            "        blockSize: 64\n",
            "        blockSize: 64\n  - type: endpoint-notification-source\n",
        ),
    )
    + """\
dataLayer:
  sources:
    - pluginRef: endpoint-notification-source
      extractors:
        - pluginRef: precise-prefix-cache-producer
"""
)
