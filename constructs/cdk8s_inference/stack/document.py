"""From a ServingStack document to a stack's props, or to everything that is wrong with it."""

from __future__ import annotations

from dataclasses import replace

from cdk8s_inference.document.serving_stack import ServingStackDocument, check_stack
from cdk8s_inference.findings import Finding, Path, errors
from cdk8s_inference.platform import Gateway
from cdk8s_inference.releases.stack import STACK_MODELPLANE
from cdk8s_inference.source import Document
from cdk8s_inference.source.secrets import without_secrets
from cdk8s_inference.stack.listener import Listener
from cdk8s_inference.stack.options import DEFAULT_DRIVER_ROOT, DraDriver
from cdk8s_inference.stack.props import StackProps
from cdk8s_inference.stack.rules import STACK_RULES
from cdk8s_inference.stack.subject import StackSubject


def read_stack(
    document: Document, *, gateway: Gateway | None = None, allow_untested: bool = False
) -> tuple[StackProps | None, list[Finding]]:
    """The props that a document describes, None where it has errors, and all findings.

    Args:
        document: What was read.
        gateway: Namespace and name of its Gateway, which the document does not say.
        allow_untested: A combination of releases that is not known to work is a warning only.
    """
    value, found = check_stack(document)
    findings = without_secrets(found, [document.root])
    if value is None:
        return None, findings
    props = _props(value, gateway or Gateway(), allow_untested)
    written = StackSubject(props, lambda argument: document.root.at(*_path(argument)))
    findings += STACK_RULES.findings(written)
    findings.sort(key=lambda finding: (finding.line or 0, finding.path, finding.code))
    return (None if errors(findings) else props), findings


def _props(document: ServingStackDocument, gateway: Gateway, allow_untested: bool) -> StackProps:
    spec = document.spec
    given = spec.gateway.model_fields_set
    listeners = [
        Listener(listener.name, listener.port, listener.protocol)
        for listener in spec.gateway.listeners or ()
    ]
    return StackProps(
        # The document says nothing of the others.
        versions=replace(STACK_MODELPLANE, **spec.versions.model_dump(by_alias=False)),
        gateway=gateway,
        # Envoy Gateway's is the document's default; another gateway has its own.
        gateway_class=spec.gateway.class_name if "class_name" in given else None,
        listeners=listeners or None,
        # An empty text is accepted, and says nothing.
        devices=DraDriver(spec.nvidia_driver_root or DEFAULT_DRIVER_ROOT),
        allow_untested=allow_untested,
    )


def _path(argument: Path) -> Path:
    """Where the document says what an argument of :class:`ServingStack` says."""
    first, *rest = argument
    if first == "versions":
        alias = _VERSION_FIELDS.get(str(rest[0]))
        return ("spec", "versions", alias) if alias else ("spec", "versions")
    if first == "gateway_class":
        return ("spec", "gateway", "className")
    if first == "listeners":
        return ("spec", "gateway", "listeners", *rest)
    if first == "devices":
        return ("spec", "nvidiaDriverRoot")
    return ("spec",)


_VERSION_FIELDS = {
    "gateway_api": "gatewayApi",
    "cert_manager": "certManager",
    "envoy_gateway": "envoyGateway",
    "prometheus": "prometheus",
    "leader_worker_set": "leaderWorkerSet",
    "node_feature_discovery": "nodeFeatureDiscovery",
    "nvidia_dra_driver": "nvidiaDraDriver",
}
