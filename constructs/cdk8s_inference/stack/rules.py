"""What a serving stack must keep: one function a rule, each with its code."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence

from cdk8s_inference.findings import Finding, Path, Severity, field_path
from cdk8s_inference.gateways import GATEWAY_PROVIDERS, GKE
from cdk8s_inference.names import LABEL, SUBDOMAIN
from cdk8s_inference.releases.stack import GKE_DRIVER_ROOT, incompatibilities
from cdk8s_inference.stack.catalog import NEEDS, PARTS
from cdk8s_inference.stack.component import stages
from cdk8s_inference.stack.listener import Listener
from cdk8s_inference.stack.options import DEFAULT_DRIVER_ROOT, DevicePlugin, DraDriver
from cdk8s_inference.stack.props import COMPONENT_NAMES, NAMESPACES, ComponentName, StackProps

Placed = tuple[Finding, Path]
"""A finding, and the argument of :class:`ServingStack` that it is about."""

_HOSTNAME = re.compile(
    r"(?=.{1,253}\Z)(\*\.)?[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*"
)
_RELEASE_NAME_LIMIT = 53


def violations(props: StackProps) -> list[Placed]:
    """Every finding about the props, in the order of the rules."""
    return [
        *_unknown_components(props),
        *_left_out_and_present(props),
        *_missing_needs(props),
        *_untested_combination(props),
        *_extra_components(props),
        *_listeners(props),
        *_names(props),
        *_gateway_class(props),
        *_no_gateway(props),
        *_driver_root(props),
    ]


def _error(code: str, path: Path, message: str, fix: str, severity: Severity = "error") -> Placed:
    return Finding(code, severity, field_path(path), message, fix), path


def _unknown_components(props: StackProps) -> Iterator[Placed]:
    with_charts = [name for name in COMPONENT_NAMES if name in NAMESPACES]
    arguments: Mapping[str, tuple[Iterable[ComponentName], Sequence[ComponentName]]] = {
        "present": (props.present, COMPONENT_NAMES),
        "without": (props.without, COMPONENT_NAMES),
        "namespaces": (props.namespaces, with_charts),
        "values": (props.values, with_charts),
    }
    for argument, (names, known) in arguments.items():
        for name in names:
            if name not in known:
                yield _error(
                    "S101",
                    (argument, name),
                    f"{name!r} is no component that this takes",
                    f"write one of {', '.join(known)}",
                )
    for name in props.values:
        if name in NAMESPACES and not props.has(name):
            yield _error(
                "S101",
                ("values", name),
                f"{name} gets values, but is not in the stack",
                "remove the values, or what leaves the component out",
            )


def _left_out_and_present(props: StackProps) -> Iterator[Placed]:
    for name in props.present:
        if name in props.without:
            yield _error(
                "S102",
                ("without", name),
                f"{name} is both present and left out",
                "write it in present if the cluster has it, else in without",
            )


def _missing_needs(props: StackProps) -> Iterator[Placed]:
    gateway = ["gateway-api"] if props.provider.gateway_api else []
    if props.provider.controller is not None:
        gateway.append(props.provider.controller)
    # A component that the cluster has was installed with what it needs, but for the gateway's.
    others = [(name, need) for name in props.installed for need in NEEDS.get(name, ())]
    for who, need in [*(("the gateway", name) for name in gateway), *others]:
        if not props.has(need):
            yield _error(
                "S103",
                ("without", need),
                f"{who} does not work without {need}, which is neither installed nor present",
                f"install {need}, or write it in present if the cluster has it",
            )


def _untested_combination(props: StackProps) -> Iterator[Placed]:
    parts = frozenset(PARTS[name] for name in props.installed)
    for misfit in incompatibilities(props.versions, parts, props.kubernetes):
        path: Path = ("kubernetes",) if misfit.part == "kubernetes" else ("versions", misfit.part)
        yield _error(
            "S104",
            path,
            misfit.message,
            misfit.fix if props.allow_untested else f"{misfit.fix}; or set allow_untested",
            "warning" if props.allow_untested else "error",
        )


def _extra_components(props: StackProps) -> Iterator[Placed]:
    known = {*COMPONENT_NAMES, *(component.name for component in props.extra)}
    counts = Counter(component.name for component in props.extra)
    for index, component in enumerate(props.extra):
        path: Path = ("extra", index)
        if component.name in COMPONENT_NAMES or counts[component.name] > 1:
            yield _error(
                "S105",
                (*path, "name"),
                f"a component {component.name} is there already",
                "choose another name; a component of the stack's own takes values and versions",
            )
        if not LABEL.fullmatch(component.name) or len(component.name) > _RELEASE_NAME_LIMIT:
            yield _error(
                "S105",
                (*path, "name"),
                f"{component.name!r} cannot name a Helm release",
                f"use lower case letters, digits and '-', at most {_RELEASE_NAME_LIMIT}",
            )
        if component.chart is not None and component.namespace is None:
            yield _error(
                "S105", (*path, "namespace"), "a chart needs a namespace", "name the namespace"
            )
        for name in component.after:
            if name not in known:
                yield _error(
                    "S105",
                    (*path, "after"),
                    f"{component.name} comes after {name}, which is no component",
                    f"write one of {', '.join(sorted(known))}",
                )
    if max(counts.values(), default=0) <= 1:
        try:
            stages(props.extra)
        except ValueError as error:
            yield _error("S105", ("extra",), str(error), "break the circle")


def _listeners(props: StackProps) -> Iterator[Placed]:
    if not props.listeners:
        yield _error("S106", ("listeners",), "there is none", "add one, such as Listener.http()")
    names = Counter(listener.name for listener in props.listeners)
    places = Counter((_family(lst.protocol), lst.port, lst.hostname) for lst in props.listeners)
    for index, listener in enumerate(props.listeners):
        path: Path = ("listeners", index)
        if not SUBDOMAIN.fullmatch(listener.name):
            yield _error(
                "S106",
                (*path, "name"),
                f"{listener.name!r} is malformed",
                "use lower case letters, digits, '-' and '.', edged by letters or digits",
            )
        if names[listener.name] > 1:
            yield _error(
                "S106",
                (*path, "name"),
                f"two listeners are called {listener.name!r}",
                "give each a name of its own",
            )
        if not 1 <= listener.port <= 65535:
            yield _error(
                "S106", (*path, "port"), f"{listener.port} is no port", "use one of 1 to 65535"
            )
        if places[_family(listener.protocol), listener.port, listener.hostname] > 1:
            yield _error(
                "S106",
                (*path, "port"),
                f"two listeners take port {listener.port} for the same host",
                "give each a port or a hostname of its own",
            )
        if listener.hostname is not None and not _HOSTNAME.fullmatch(listener.hostname):
            yield _error(
                "S106",
                (*path, "hostname"),
                f"{listener.hostname!r} is no host name",
                "write a DNS name; the first label may be *",
            )
        if listener.hostname is not None and listener.protocol == "TCP":
            yield _error(
                "S106", (*path, "hostname"), "TCP has no host", "remove it, or use HTTP or TLS"
            )
        yield from _certificate(props, index)


def _family(protocol: str) -> str:
    """Gateway API lets HTTP and HTTPS share no port, but TLS and HTTPS one by host."""
    return "TLS" if protocol in ("HTTPS", "TLS") else protocol


def _certificate(props: StackProps, index: int) -> Iterator[Placed]:
    listener = props.listeners[index]
    path: Path = ("listeners", index)
    if listener.protocol == "HTTPS" and listener.certificate is None:
        yield _error(
            "S106",
            (*path, "certificate"),
            "HTTPS needs a certificate",
            "name the Secret that has it, or that the issuer writes it into",
        )
    if listener.certificate is not None and listener.protocol in ("HTTP", "TCP"):
        yield _error(
            "S106",
            (*path, "certificate"),
            f"{listener.protocol} has no certificate",
            "remove it, or use HTTPS or TLS",
        )
    if listener.certificate is not None and not SUBDOMAIN.fullmatch(listener.certificate):
        yield _error(
            "S106",
            (*path, "certificate"),
            f"{listener.certificate!r} is no Secret's name",
            "use lower case letters, digits, '-' and '.', edged by letters or digits",
        )
    if props.issuer and listener.certificate is not None and listener.hostname is None:
        yield _error(
            "S106",
            (*path, "hostname"),
            f"{props.issuer.kind} {props.issuer.name} issues certificates for host names, "
            f"and listener {listener.name} has none",
            "name the host",
        )
    if props.issuer and listener.certificate is not None and not props.has("cert-manager"):
        yield _error(
            "S103",
            ("issuer",),
            "an issuer needs cert-manager, which is neither installed nor present",
            "install it, or write it in present if the cluster has it",
        )


def _names(props: StackProps) -> Iterator[Placed]:
    namespaces: list[tuple[Path, str]] = [
        *((("namespaces", component), name) for component, name in props.namespaces.items()),
        *((("model_namespaces", index), name) for index, name in enumerate(props.model_namespaces)),
    ]
    for path, namespace in namespaces:
        if not LABEL.fullmatch(namespace):
            yield _error(
                "S107",
                path,
                f"{namespace!r} is no namespace's name",
                "use at most 63 lower case letters, digits and '-', edged by letters or digits",
            )
    if props.gateway_class is not None and not SUBDOMAIN.fullmatch(props.gateway_class):
        yield _error(
            "S107",
            ("gateway_class",),
            f"{props.gateway_class!r} is malformed",
            "use lower case letters, digits, '-' and '.', edged by letters or digits",
        )


def _gateway_class(props: StackProps) -> Iterator[Placed]:
    provider, name = props.provider, props.class_name
    if not provider.gateway_api:
        return
    if name is None:
        yield _error(
            "S110",
            ("gateway_class",),
            f"{provider} has no usual GatewayClass",
            "name the one of its controller",
        )
        return
    others = [other for other in GATEWAY_PROVIDERS.values() if other.owns_class(name)]
    if provider.owns_class(name) or (provider.class_is_chosen and not others):
        return
    whose = f"is {others[0].title}'s" if others else "is none of its classes"
    usual = f"leave it out for {provider.class_name!r}" if provider.class_name else "name another"
    instead = f", or take the provider {others[0].name}" if others else ""
    yield _error(
        "S110",
        ("gateway_class",),
        f"the gateway is {provider}, and GatewayClass {name!r} {whose}",
        f"{usual}{instead}",
    )


def _no_gateway(props: StackProps) -> Iterator[Placed]:
    if props.provider.gateway_api:
        return
    given = {
        "gateway_class": props.gateway_class is not None,
        "listeners": tuple(props.listeners) != (Listener.http(),),
        "issuer": props.issuer is not None,
    }
    for argument in (name for name, is_given in given.items() if is_given):
        yield _error(
            "S111",
            (argument,),
            f"{props.provider.name}: there is no gateway, which {argument} is about",
            "remove it, or choose another provider",
        )


def _driver_root(props: StackProps) -> Iterator[Placed]:
    devices = props.devices
    if isinstance(devices, (DraDriver, DevicePlugin)) and not devices.driver_root.startswith("/"):
        yield _error(
            "S108",
            ("devices", "driver_root"),
            f"{devices.driver_root!r} is no absolute path",
            "start it with /",
        )
    elif (
        isinstance(devices, DraDriver)
        and props.provider.name == GKE.name
        and devices.driver_root == DEFAULT_DRIVER_ROOT
    ):
        yield _error(
            "S112",
            ("devices", "driver_root"),
            f"the gateway is {GKE}, and GKE has no driver under {devices.driver_root!r}",
            f"give it {GKE_DRIVER_ROOT!r}, by which the quota for the driver's pods comes too",
            "warning",
        )
