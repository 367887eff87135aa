"""UnifiedRouting: one way in to engines that each prefill and decode."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from cdk8s import ApiObjectMetadata
from constructs import Construct

from cdk8s_inference import labels, names
from cdk8s_inference.engines import EngineGroup
from cdk8s_inference.manifest import manifest
from cdk8s_inference.platform import Platform
from cdk8s_inference.routing.route import SERVICE_PORT, http_route, route_path


class UnifiedRouting(Construct):
    """A Service, or on request an InferencePool with a picker, and the HTTPRoute to it.

    It adds one label to the engines' serving pods, and nothing else to the engines.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        engines: Sequence[EngineGroup],
        name: str,
        namespace: str,
        part_of: str | None = None,
        object_labels: Mapping[str, str] | None = None,
        platform: Platform | None = None,
    ) -> None:
        """Routes to the engines.

        Args:
            engines: The engines; all listen on the same port.
            name: Name of the Service or pool, and of the route.
            namespace: The engines' namespace; with the name it makes the route's path.
            part_of: Value of ``app.kubernetes.io/part-of``.
            object_labels: Further labels of the objects.
            platform: The platform's choices: the gateway, and what fronts the engines.

        Raises:
            ValueError: There is no engine, their ports differ, or a Service cannot carry
                ``name``.
        """
        super().__init__(scope, id)
        names.require(name, gang=False)
        ports = {engine.name: engine.port for engine in engines}
        if len(set(ports.values())) != 1:
            raise ValueError(f"{name}: the engines must listen on one port, found {ports}")
        self.name = name
        self.namespace = namespace
        self.path = route_path(namespace, name)
        platform = platform or Platform()
        own_labels = labels.of_routing(name, part_of, object_labels)
        for engine in engines:
            engine.add_label(labels.SERVES, name)

        port = engines[0].port
        if platform.unified_mode == "service":
            backend_port = {"name": "http", "port": SERVICE_PORT, "targetPort": port}
            manifest(
                self,
                "service",
                api_version="v1",
                kind="Service",
                metadata=ApiObjectMetadata(name=name, namespace=namespace, labels=own_labels),
                body={"spec": {"selector": {labels.SERVES: name}, "ports": [backend_port]}},
            )
        else:
            # cdk8s-plus takes a quarter of a second to import; a Service needs none of it.
            from cdk8s_inference.routing.picker_config import UnifiedConfig
            from cdk8s_inference.routing.pool import picked_pool

            picked_pool(
                self,
                name=name,
                namespace=namespace,
                port=port,
                config=UnifiedConfig.prefix_aware(),
                part_of=part_of,
                object_labels=object_labels,
                platform=platform,
            )
        http_route(
            self,
            "route",
            name=name,
            namespace=namespace,
            labels=own_labels,
            gateway=platform.gateway,
            backend="Service" if platform.unified_mode == "service" else "InferencePool",
        )
