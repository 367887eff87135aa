"""Rules over ModelDeployment and ServingStack documents and engines, a file for each idea."""

from __future__ import annotations

from typing import Any

from cdk8s_inference.document.rules import (
    clusters,
    data_parallel,
    devices,
    duplicate_objects,
    environment,
    gang_settings,
    gateways,
    kv_transfer,
    members,
    metadata,
    names,
    phases,
    pod_settings,
    ports,
    serving_stack,
    simulation,
)
from cdk8s_inference.document.structure import STRUCTURE_RULES
from cdk8s_inference.document.subject import (
    DEPLOYMENT_RULES,
    ENGINE_RULES,
    METADATA_RULES,
    NAMES_RULES,
    POOL_RULES,
    RUN_RULES,
)
from cdk8s_inference.findings.rule import RuleSet
from cdk8s_inference.source.unreadable import FILE_RULES

__all__ = [
    "DOCUMENT_RULES",
    "clusters",
    "data_parallel",
    "devices",
    "duplicate_objects",
    "environment",
    "gang_settings",
    "gateways",
    "kv_transfer",
    "members",
    "metadata",
    "names",
    "phases",
    "pod_settings",
    "ports",
    "serving_stack",
    "simulation",
]

DOCUMENT_RULES: tuple[RuleSet[Any], ...] = (
    FILE_RULES,
    STRUCTURE_RULES,
    DEPLOYMENT_RULES,
    ENGINE_RULES,
    METADATA_RULES,
    POOL_RULES,
    kv_transfer.KV_TRANSFER_RULES,
    gateways.GATEWAY_RULES,
    NAMES_RULES,
    RUN_RULES,
    serving_stack.SERVING_STACK_RULES,
)
"""All of them, by what they are about."""
