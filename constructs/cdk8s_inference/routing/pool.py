"""A pool and its picker: the InferencePool of a replica, and what picks from it."""

from __future__ import annotations

from collections.abc import Sequence

from cdk8s_inference import labels, names
from cdk8s_inference.construct_tree import ApiObject, Construct
from cdk8s_inference.gateways.policies import INFERENCE_GROUP
from cdk8s_inference.manifest import manifest
from cdk8s_inference.picker_config import PickerConfig
from cdk8s_inference.routing.endpoint_picker import EndpointPicker
from cdk8s_inference.routing.own_proxy import PROXY_PORT, Endpoints
from cdk8s_inference.routing.replica_context import ReplicaContext
from cdk8s_inference.routing.service import http_service


def picked_pool(
    scope: Construct,
    context: ReplicaContext,
    *,
    ports: Sequence[int],
    config: PickerConfig,
    selector_label: str = labels.SERVES,
) -> tuple[ApiObject, EndpointPicker]:
    """What leads to the pods of a replica, and its picker, as children of ``scope``.

    That is an InferencePool for the gateway; without one the Service of the picker's own Envoy.

    Args:
        context: Its name is that of the pool.
        ports: Where the pods listen.
        config: What the picker is configured to do.
        selector_label: The pod label that has the pool's name as its value.
    """
    platform, name = context.platform, context.name
    has_gateway = platform.gateway.provider.gateway_api
    selected = {selector_label: name}
    picker = EndpointPicker(
        scope,
        "picker",
        name=names.picker(name),
        namespace=context.namespace,
        pool=name if has_gateway else Endpoints(selected, ports),
        config=config,
        instance=name,
        part_of=context.part_of,
        object_labels=context.object_labels,
        platform=platform,
    )
    if not has_gateway:
        return http_service(scope, context, {labels.PICKER: picker.name}, PROXY_PORT), picker
    provider = platform.gateway.provider
    pool = manifest(
        scope,
        "pool",
        api_version=f"{INFERENCE_GROUP}/v1",
        kind="InferencePool",
        metadata=context.metadata(
            annotations={labels.GATEWAY: provider.name} if provider.policies else None
        ),
        body={
            "spec": {
                "endpointPickerRef": {
                    "failureMode": platform.picker.failure_mode,
                    "kind": "Service",
                    "name": picker.name,
                    "port": {"number": picker.port},
                },
                "selector": {"matchLabels": selected},
                "targetPorts": [{"number": port} for port in ports],
            }
        },
    )
    return pool, picker
