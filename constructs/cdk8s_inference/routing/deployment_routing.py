"""DeploymentRouting: one address for all replicas of a deployment."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from pydantic import Field

from cdk8s_inference import labels
from cdk8s_inference.app_state import AppState
from cdk8s_inference.arguments import checked
from cdk8s_inference.arguments.objects import Labels
from cdk8s_inference.construct_tree import ApiObject, Construct
from cdk8s_inference.engines import EngineGroup
from cdk8s_inference.engines.engine_group import PodAddition, add_together
from cdk8s_inference.gateways.policies import Backend
from cdk8s_inference.kubernetes_types import NonEmpty
from cdk8s_inference.platform import Platform
from cdk8s_inference.routing.disagg import DisaggRouting
from cdk8s_inference.routing.endpoint_picker import EndpointPicker
from cdk8s_inference.routing.gateway_route import gateway_route
from cdk8s_inference.routing.pool import picked_pool
from cdk8s_inference.routing.replica_context import ReplicaContext
from cdk8s_inference.routing.route import route_path
from cdk8s_inference.routing.service import http_service
from cdk8s_inference.routing.unified import UnifiedRouting


class DeploymentRouting(Construct):
    """Spreads requests over the replicas of a deployment, each of which keeps its own path.

    The route leads to the Services of all replicas in equal parts, or to their InferencePools if
    the provider's gateway can split a rule over pools. If it cannot, or if there is no gateway, the
    serving pods of all replicas get a label that one more Service, or pool with a picker, selects.

    Attributes:
        path: The path prefix under which the gateway serves the deployment.
        backend: The Service or InferencePool over all replicas; None if the route leads to theirs.
        picker: The endpoint picker of that pool.
        route: The HTTPRoute; None without a gateway.
    """

    @checked
    def __init__(
        self,
        scope: Construct,
        id: NonEmpty,
        *,
        replicas: Annotated[Sequence[UnifiedRouting | DisaggRouting], Field(min_length=1)],
        engines: Sequence[EngineGroup],
        name: NonEmpty,
        namespace: NonEmpty,
        object_labels: Labels | None = None,
        platform: Platform | None = None,
    ) -> None:
        """Routes to the replicas.

        Args:
            replicas: The routing of each replica; all alike.
            engines: The engines of all replicas.
            name: The deployment's name, which no replica has.
            namespace: The replicas' namespace; with the name it makes the route's path.
            object_labels: Further labels of the objects.
            platform: The platform that the replicas were composed for.

        Raises:
            ValueError: A Service cannot carry ``name``, or no cluster has ``namespace``.
        """
        platform = (platform or Platform()).effective
        context = ReplicaContext(name, namespace, platform, name, object_labels)
        context.require_names()
        super().__init__(scope, id)
        AppState.add(self, scope)
        first = replicas[0]
        pooled = first.config is not None
        backend: Backend = "InferencePool" if pooled else "Service"
        self.path = route_path(namespace, name, platform.gateway)
        self.backend: ApiObject | None = None
        self.picker: EndpointPicker | None = None
        splits = platform.gateway.provider.splits(pooled=pooled)
        if not splits:
            addition = PodAddition(labels={labels.DEPLOYMENT: name})
            add_together([(engine, addition) for engine in engines])
            if first.config is None:
                selector = {labels.DEPLOYMENT: name}
                self.backend = http_service(self, context, selector, first.ports[0])
            else:
                self.backend, self.picker = picked_pool(
                    self,
                    context,
                    ports=first.ports,
                    config=first.config,
                    selector_label=labels.DEPLOYMENT,
                )
        self.route = gateway_route(
            self,
            "route",
            context,
            backend=backend,
            backends=[each.name for each in replicas] if splits else (),
        )
