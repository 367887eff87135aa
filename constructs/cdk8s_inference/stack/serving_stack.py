"""ServingStack: what a cluster needs before models can be served on it."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

from cdk8s_inference.arguments import checked
from cdk8s_inference.arguments.objects import JsonObject
from cdk8s_inference.construct_tree import ApiObjectMetadata, Chart, Construct, IConstruct
from cdk8s_inference.findings import Finding, InvalidInput, errors, warn
from cdk8s_inference.kubernetes_types import NonEmpty
from cdk8s_inference.manifest import manifest
from cdk8s_inference.platform import Gateway
from cdk8s_inference.releases.stack import STACK_NEWEST, StackVersions
from cdk8s_inference.source import Document, single
from cdk8s_inference.stack.component import Component, Manifest
from cdk8s_inference.stack.delivery import Delivered, Delivery, Flux
from cdk8s_inference.stack.document import read_stack
from cdk8s_inference.stack.envoy_proxy import EnvoyProxy
from cdk8s_inference.stack.listener import Listener
from cdk8s_inference.stack.object_key import ObjectKey
from cdk8s_inference.stack.options import DevicePlugin, DraDriver, Issuer, Monitoring
from cdk8s_inference.stack.plan import plan
from cdk8s_inference.stack.props import ComponentName, StackProps
from cdk8s_inference.stack.rules import STACK_OBJECT_RULES, STACK_RULES
from cdk8s_inference.stack.subject import StackObjects, StackSubject

if TYPE_CHECKING:
    _Named = ComponentName
else:
    # Which names there are is for a rule to say.
    _Named = str


class ServingStack(Chart):
    """The serving substrate of a cluster: CRDs, controllers, GPUs, monitoring and the gateway.

    It is three charts, and so three files: CRDs and namespaces, then what installs the
    controllers, then the gateway. A deployment whose platform takes this stack's gateway comes
    after them.

    Attributes:
        foundation: The chart of the CRDs and namespaces.
        components: The chart of what installs the controllers.
        gateway: The gateway, for :class:`Platform`.
        findings: What is worth knowing about the stack, though it can be composed. Warnings
            among them are also raised as :class:`InferenceWarning`.
    """

    @checked
    def __init__(
        self,
        scope: Construct,
        id: NonEmpty,
        *,
        versions: StackVersions = STACK_NEWEST,
        delivery: Delivery | None = None,
        gateway: Gateway | None = None,
        gateway_class: NonEmpty | None = None,
        listeners: Sequence[Listener] | None = None,
        addresses: Sequence[NonEmpty] = (),
        issuer: Issuer | None = None,
        proxy: EnvoyProxy | None = None,
        devices: DraDriver | DevicePlugin | None = DraDriver(),
        monitoring: Monitoring | None = Monitoring(),
        present: Collection[_Named] = (),
        without: Collection[_Named] = (),
        namespaces: Mapping[_Named, NonEmpty] | None = None,
        values: Mapping[_Named, JsonObject] | None = None,
        extra: Sequence[Component] = (),
        model_namespaces: Collection[NonEmpty] = (),
        kubernetes: NonEmpty | None = None,
        allow_untested: bool = False,
        validated: Sequence[Finding] | None = None,
    ) -> None:
        """Composes the stack; see also :meth:`from_file`.

        Args:
            versions: The release of each part; ``dataclasses.replace`` pins one.
            delivery: The tool that installs the charts; default :class:`Flux`.
            gateway: Namespace, name and provider of the Gateway.
            gateway_class: Name of the GatewayClass, and of an EnvoyProxy; default the provider's
                usual one.
            listeners: Where the gateway takes connections; default HTTP on port 80, or with an
                issuer HTTPS on port 443.
            addresses: IP addresses or host names that the Gateway asks for, on GKE also names of
                reserved addresses; default those that the provider gives it.
            issuer: Has cert-manager issue the listeners' certificates.
            proxy: How Envoy Gateway runs the gateway's proxies.
            devices: What serves GPUs; None where the cluster does that itself.
            monitoring: Prometheus; None for none.
            present: Components that the cluster has: they are not installed, and counted on.
            without: Components that neither the stack nor the cluster has.
            namespaces: Other namespaces than the usual, by component.
            values: Values over those that the stack sets, by component, merged as Helm does.
            extra: Further components.
            model_namespaces: Namespaces for model deployments, made with the components' own.
            kubernetes: The cluster's release, such as ``1.34``: the versions must suit it.
            allow_untested: Composes a combination of releases that is not known to work, with a
                warning. A release whose CRDs are not known gets those of the nearest that is.
            validated: The findings of a validation that was done already, and whose warnings
                were raised; None (default) validates.

        Raises:
            InvalidInput: The stack breaks a rule; says all that it breaks.
            RuntimeError: :class:`Plain` delivery cannot render a chart.
        """
        props = StackProps(
            versions=versions,
            gateway=gateway or Gateway(),
            gateway_class=gateway_class,
            listeners=listeners,
            addresses=addresses,
            issuer=issuer,
            proxy=proxy or EnvoyProxy(),
            devices=devices,
            monitoring=monitoring,
            present=present,
            without=without,
            namespaces=namespaces or {},
            values=values or {},
            extra=extra,
            model_namespaces=model_namespaces,
            kubernetes=kubernetes,
            allow_untested=allow_untested,
        )
        if validated is None:
            validated = list(STACK_RULES.findings(StackSubject(props)))
            if errors(validated):
                raise InvalidInput(validated)
            warn(validated)
        self.findings = tuple(validated)
        delivered = (delivery or Flux()).deliver(plan(props))
        foundation = _unclaimed(scope.node.root, delivered)
        super().__init__(scope, id, disable_resource_name_hashes=True)
        owners = _objects_of_app.setdefault(self.node.root, {})
        owners.update((ObjectKey.of(item), self.node.path) for item in _in_order(delivered))
        # kubectl looks up the kinds of all it is given before it applies any of it, so CRDs need
        # a file of their own. cdk8s numbers the files of charts that depend on each other.
        self.foundation = Chart(self, "foundation", disable_resource_name_hashes=True)
        self.components = Chart(self, "components", disable_resource_name_hashes=True)
        self.components.node.add_dependency(self.foundation)
        _emit(self.foundation, foundation)
        _emit(self.components, delivered.components)
        _emit(self, delivered.gateway)
        self.gateway = replace(props.gateway, stack=self)

    @classmethod
    @checked
    def from_file(
        cls,
        scope: Construct,
        id: str,
        path: NonEmpty | os.PathLike[str],
        *,
        delivery: Delivery | None = None,
        allow_untested: bool = False,
    ) -> ServingStack:
        """Composes the one ServingStack document of a YAML or JSON file.

        Releases that the document does not name are those of :data:`STACK_MODELPLANE`.

        Args:
            path: The file.
            delivery: The tool that installs the charts; default :class:`Flux`.
            allow_untested: Composes a combination of releases that is not known to work.

        Raises:
            InvalidInput: The file is no such document; says all that is wrong, with lines.
            OSError: The file cannot be read.
        """
        return cls._from(scope, id, single(path), delivery, allow_untested)

    @classmethod
    @checked
    def from_document(
        cls,
        scope: Construct,
        id: str,
        document: JsonObject,
        *,
        delivery: Delivery | None = None,
        allow_untested: bool = False,
    ) -> ServingStack:
        """Composes a ServingStack document given as plain data; see :meth:`from_file`.

        Raises:
            InvalidInput: It is no such document; says all that is wrong.
        """
        return cls._from(scope, id, Document(document), delivery, allow_untested)

    @classmethod
    def _from(
        cls,
        scope: Construct,
        id: str,
        document: Document,
        delivery: Delivery | None,
        allow_untested: bool,
    ) -> ServingStack:
        props, findings = read_stack(document, allow_untested=allow_untested)
        if props is None:
            raise InvalidInput(findings)
        warn(findings)
        return cls.from_props(scope, id, props, findings, delivery=delivery)

    @classmethod
    def from_props(
        cls,
        scope: Construct,
        id: str,
        props: StackProps,
        findings: Sequence[Finding],
        *,
        delivery: Delivery | None = None,
    ) -> ServingStack:
        """Composes what :func:`cdk8s_inference.stack.document.read_stack` returned."""
        return cls(scope, id, delivery=delivery, validated=findings, **vars(props))


_objects_of_app: WeakKeyDictionary[IConstruct, dict[ObjectKey, str]] = WeakKeyDictionary()
"""The path of the stack that composes an object, by app."""


def _unclaimed(app: IConstruct, delivered: Delivered) -> list[Manifest]:
    """The foundation without the namespaces that another stack of the app composes.

    Raises:
        InvalidInput: An object is composed twice.
    """
    keys = [ObjectKey.of(manifest) for manifest in _in_order(delivered)]
    objects = StackObjects(keys, _objects_of_app.get(app, {}))
    if findings := list(STACK_OBJECT_RULES.findings(objects)):
        raise InvalidInput(findings)
    shared = objects.shared
    return [each for each in delivered.foundation if ObjectKey.of(each) not in shared]


def _in_order(delivered: Delivered) -> list[Manifest]:
    return [*delivered.foundation, *delivered.components, *delivered.gateway]


def _emit(chart: Chart, manifests: Sequence[Manifest]) -> None:
    for item in manifests:
        manifest(
            chart,
            ":".join(ObjectKey.of(item)),
            api_version=item["apiVersion"],
            kind=item["kind"],
            metadata=ApiObjectMetadata(name=item["metadata"]["name"]),
            body={key: value for key, value in item.items() if key not in ("apiVersion", "kind")},
        )
