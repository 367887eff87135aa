"""The gateway's listeners, and their certificates."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator

from cdk8s_inference.findings.example import python
from cdk8s_inference.findings.rule import Violation
from cdk8s_inference.internal_addresses import is_internal_class
from cdk8s_inference.names import SUBDOMAIN
from cdk8s_inference.stack.listener import Listener
from cdk8s_inference.stack.subject import STACK_RULES, StackSubject

_HOSTNAME = re.compile(
    r"(?=.{1,253}\Z)(\*\.)?[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*"
)
_USE_SUBDOMAIN = "use lower case letters, digits, '-' and '.'; start and end with a letter or digit"


@STACK_RULES.rule(
    "S106",
    "error",
    "A listener is not valid",
    why="The API server rejects the Gateway, or the listener is not programmed or gets no "
    "certificate. Connections are refused.",
    evidence="Gateway API: listeners differ in port, protocol or hostname, and HTTPS requires a "
    "certificate. cert-manager issues certificates for hostnames.",
    fix="use a port or hostname of its own, and for HTTPS name the Secret of the certificate",
    example=python(
        'ServingStack(App(), "stack", listeners=[Listener("https", 443, "HTTPS")])\n',
        'ServingStack(App(), "stack", listeners=[Listener.https("models-tls")])\n',
    ),
)
def listeners(stack: StackSubject) -> Iterator[Violation]:
    given = stack.props.open_listeners
    if not given:
        yield Violation(
            stack.at("listeners"),
            "the gateway has no listener",
            fix="add one, such as Listener.http()",
        )
    names = Counter(listener.name for listener in given)
    sockets = Counter(map(_socket, given))
    for index, listener in enumerate(given):
        if names[listener.name] > 1:
            yield Violation(
                stack.at("listeners", index, "name"),
                f"two listeners are named {listener.name!r}",
                fix="use a different name for each listener",
            )
        if sockets[_socket(listener)] > 1:
            yield Violation(
                stack.at("listeners", index, "port"),
                f"two listeners use port {listener.port} for the same hostname",
                fix="use a different port or hostname for each listener",
            )
        yield from _listener(stack, index, listener)
        yield from _certificate(stack, index, listener)


@STACK_RULES.rule(
    "S113",
    "warning",
    "The gateway is on plain HTTP and open to routes of all namespaces",
    why="Prompts, answers and API keys cross the network unencrypted. Users of any namespace can "
    "publish a service at the gateway's address. Unless something else asks who calls, everybody "
    "who reaches the address can use the models.",
    evidence="Gateway API: a listener without TLS, with allowedRoutes.namespaces.from: All. The "
    "stack adds no authentication.",
    fix="set issuer, for a certificate of cert-manager, or list the namespaces of the routes, such "
    "as Listener.http(namespaces=[...]); then add authentication, such as a SecurityPolicy",
    example=python(
        'ServingStack(App(), "stack")\n',
        'ServingStack(App(), "stack", issuer=Issuer("ca", hostname="models.example.com"))\n',
    ),
)
def open_to_all(stack: StackSubject) -> Iterator[Violation]:
    props = stack.props
    # A document cannot say otherwise.
    if stack.is_document or not props.provider.gateway_api:
        return
    if props.proxy.is_internal or is_internal_class(props.class_name or ""):
        return
    for index, listener in enumerate(props.open_listeners):
        if listener.protocol == "HTTP" and listener.takes_all_namespaces:
            yield Violation(
                stack.at("listeners", index) if props.listeners else stack.at("listeners"),
                f"listener {listener.name} takes HTTP on port {listener.port}, and routes of all "
                "namespaces",
            )
            return  # Once for the Gateway.


def _listener(stack: StackSubject, index: int, listener: Listener) -> Iterator[Violation]:
    if not SUBDOMAIN.fullmatch(listener.name):
        yield Violation(
            stack.at("listeners", index, "name"),
            f"{listener.name!r} is not a valid name",
            fix=_USE_SUBDOMAIN,
        )
    if not 1 <= listener.port <= 65535:
        yield Violation(
            stack.at("listeners", index, "port"),
            f"{listener.port} is not a valid port",
            fix="use a port from 1 to 65535",
        )
    if listener.hostname is not None and not _HOSTNAME.fullmatch(listener.hostname):
        yield Violation(
            stack.at("listeners", index, "hostname"),
            f"{listener.hostname!r} is not a valid hostname",
            fix="use a DNS name; only the first label may be *",
        )
    if listener.hostname is not None and listener.protocol == "TCP":
        yield Violation(
            stack.at("listeners", index, "hostname"),
            f"protocol TCP does not support hostname {listener.hostname!r}",
            fix="remove the hostname, or use HTTP or TLS",
        )


def _certificate(stack: StackSubject, index: int, listener: Listener) -> Iterator[Violation]:
    certificate, issuer = listener.certificate, stack.props.issuer
    at = stack.at("listeners", index, "certificate")
    if certificate is None:
        if listener.protocol == "HTTPS":
            yield Violation(
                at,
                "protocol HTTPS requires a certificate",
                fix="name the Secret that has it, or that the issuer writes it into",
            )
        return
    if listener.protocol in ("HTTP", "TCP"):
        yield Violation(
            at,
            f"protocol {listener.protocol} does not support certificate {certificate!r}",
            fix="remove the certificate, or use HTTPS or TLS",
        )
    if not SUBDOMAIN.fullmatch(certificate):
        yield Violation(at, f"{certificate!r} is not a valid name of a Secret", fix=_USE_SUBDOMAIN)
    if issuer and listener.hostname is None:
        chosen = stack.props.listeners is not None
        yield Violation(
            stack.at("listeners", index, "hostname") if chosen else stack.at("issuer", "hostname"),
            f"{issuer.kind} {issuer.name} issues certificates for hostnames, and listener "
            f"{listener.name} has no hostname",
            fix="set the hostname of the listener, or of the issuer",
        )


def _socket(listener: Listener) -> tuple[str, int, str | None]:
    """Gateway API lets HTTP and HTTPS share no port, but TLS and HTTPS one by host."""
    family = "TLS" if listener.protocol in ("HTTPS", "TLS") else listener.protocol
    return family, listener.port, listener.hostname
