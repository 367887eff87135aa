"""The gateway's listeners, and their certificates."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator

from cdk8s_inference.findings.example import python
from cdk8s_inference.findings.rule import Violation
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
    given = stack.props.listeners
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
        yield Violation(
            stack.at("listeners", index, "hostname"),
            f"{issuer.kind} {issuer.name} issues certificates for hostnames, and listener "
            f"{listener.name} has no hostname",
            fix="set the hostname",
        )


def _socket(listener: Listener) -> tuple[str, int, str | None]:
    """Gateway API lets HTTP and HTTPS share no port, but TLS and HTTPS one by host."""
    family = "TLS" if listener.protocol in ("HTTPS", "TLS") else listener.protocol
    return family, listener.port, listener.hostname
