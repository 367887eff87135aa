"""Labels: the recommended ones for people, and our own for selectors."""

from __future__ import annotations

from collections.abc import Mapping

PREFIX = "cdk8s-inference/"
"""Selectors use labels under this prefix alone. Users may set any other label, also the
recommended ones, on their pods; a selector must not depend on what they choose."""

ENGINE = f"{PREFIX}engine"
"""On every pod of an engine: the workload's name. The Deployment's selector."""

SERVES = f"{PREFIX}serves"
"""On every pod that takes requests for a replica: the replica's name. Followers of a gang and
the picker do not carry it. The selector of the replica's Service or InferencePool."""

DEPLOYMENT = f"{PREFIX}deployment"
"""On the serving pods of a deployment with several replicas: the deployment's name. The selector of
the Service or InferencePool over all replicas."""

PICKER = f"{PREFIX}picker"
"""On the endpoint picker's pods: its name. The selector of its Deployment and Service."""

GATEWAY = f"{PREFIX}gateway"
"""An annotation of InferencePools that need objects beside them: the provider of the gateway that
they are composed for. Checks ask for those objects by it where no Gateway was read."""

MANAGED_BY = "cdk8s-inference"

NAME = "app.kubernetes.io/name"

SERVING_STACK = "serving-stack"


def recommended(
    *, name: str, instance: str, component: str, part_of: str | None = None
) -> dict[str, str]:
    """The ``app.kubernetes.io/*`` labels of an object.

    Args:
        name: The kind of software: ``model-server``, ``endpoint-picker``, ``model-route``.
        instance: The replica, or the engine that stands alone.
        component: The object's part in it: ``engine``, ``prefill``, ``decode``, ``routing``.
        part_of: The model deployment that the instance belongs to.
    """
    labels = {
        NAME: name,
        "app.kubernetes.io/instance": instance,
        "app.kubernetes.io/component": component,
        "app.kubernetes.io/managed-by": MANAGED_BY,
    }
    if part_of is not None:
        labels["app.kubernetes.io/part-of"] = part_of
    return labels


def of_stack(name: str) -> dict[str, str]:
    """The labels of a serving stack's own object.

    Args:
        name: The component that it installs or belongs to, or ``inference-gateway``.
    """
    return {
        NAME: name,
        "app.kubernetes.io/managed-by": MANAGED_BY,
        "app.kubernetes.io/part-of": SERVING_STACK,
    }


def merged(*layers: Mapping[str, str]) -> dict[str, str]:
    """The layers as one mapping in key order; a later layer wins."""
    union: dict[str, str] = {}
    for layer in layers:
        union.update(layer)
    return dict(sorted(union.items()))


def of_routing(
    instance: str, part_of: str | None, further: Mapping[str, str] | None
) -> dict[str, str]:
    """The labels of a replica's route, and of the Service or pool behind it."""
    own = recommended(name="model-route", instance=instance, component="routing", part_of=part_of)
    return merged(own, further or {})
