"""A pool and its picker: the InferencePool of a replica, and what picks from it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from cdk8s import ApiObject
from constructs import Construct

from cdk8s_inference import labels, names
from cdk8s_inference.gateways.provider import FailureMode
from cdk8s_inference.imports import inferencepool as api
from cdk8s_inference.picker_config import PickerConfig
from cdk8s_inference.routing.endpoint_picker import EndpointPicker
from cdk8s_inference.routing.own_proxy import PROXY_PORT, Endpoints
from cdk8s_inference.routing.replica_context import ReplicaContext
from cdk8s_inference.routing.service import http_service

_FAILURE_MODES: Mapping[FailureMode, api.InferencePoolSpecEndpointPickerRefFailureMode] = {
    "FailClose": api.InferencePoolSpecEndpointPickerRefFailureMode.FAIL_CLOSE,
    "FailOpen": api.InferencePoolSpecEndpointPickerRefFailureMode.FAIL_OPEN,
}


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
    endpoint_picker = api.InferencePoolSpecEndpointPickerRef(
        kind="Service",
        name=picker.name,
        port=api.InferencePoolSpecEndpointPickerRefPort(number=picker.port),
        failure_mode=_FAILURE_MODES[platform.picker.failure_mode],
    )
    pool = api.InferencePool(
        scope,
        "pool",
        metadata=context.metadata(),
        spec=api.InferencePoolSpec(
            selector=api.InferencePoolSpecSelector(match_labels=selected),
            target_ports=[api.InferencePoolSpecTargetPorts(number=port) for port in ports],
            endpoint_picker_ref=endpoint_picker,
        ),
    )
    if platform.gateway.provider.policies:
        pool.metadata.add_annotation(labels.GATEWAY, platform.gateway.provider.name)
    return pool, picker
