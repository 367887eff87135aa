"""The functions that Kubernetes adds to the language.

Source: https://kubernetes.io/docs/reference/using-api/cel/ and k8s.io/apiserver/pkg/cel/library.
Left out are those of authorizers, formats, lists, regular expressions and versions, and of
addresses all but ``isIP`` and ``isCIDR``: an expression that calls them is not evaluated.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from ipaddress import ip_address, ip_network
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit

from cdk8s_inference.quantity import quantity

if TYPE_CHECKING:
    from cel_expr_python import cel

_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]*:")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


def functions() -> list[cel.FunctionDecl]:
    """Their declarations. URLs and quantities are texts, of which these are methods."""
    from cel_expr_python import cel

    text, integer, truth = cel.Type.STRING, cel.Type.INT, cel.Type.BOOL

    def declared(
        name: str,
        gives: cel.Type,
        parameters: list[cel.Type],
        does: Callable[..., Any],
        *,
        is_member: bool = False,
    ) -> cel.FunctionDecl:
        own = cel.Overload(f"{name}_kubernetes", gives, parameters, is_member, does)
        return cel.FunctionDecl(name, [own])

    def method(
        name: str, gives: cel.Type, does: Callable[..., Any], *others: cel.Type
    ) -> cel.FunctionDecl:
        return declared(name, gives, [text, *others], does, is_member=True)

    return [
        declared("isURL", truth, [text], _is_url),
        declared("url", text, [text], _url),
        method("getScheme", text, lambda url: urlsplit(url).scheme),
        method("getHost", text, lambda url: urlsplit(url).netloc.rpartition("@")[2]),
        method("getHostname", text, lambda url: urlsplit(url).hostname or ""),
        method("getPort", text, lambda url: str(urlsplit(url).port or "")),
        method(
            "getEscapedPath", text, lambda url: quote(urlsplit(url).path, safe="/%:@!$&'()*+,;=~")
        ),
        declared("isIP", truth, [text], _is_ip),
        declared("isCIDR", truth, [text], _is_cidr),
        declared("isQuantity", truth, [text], lambda value: quantity(value) is not None),
        declared("quantity", text, [text], _quantity),
        method("compareTo", integer, _compared, text),
        method("isGreaterThan", truth, lambda one, other: _compared(one, other) > 0, text),
        method("isLessThan", truth, lambda one, other: _compared(one, other) < 0, text),
        method("sign", integer, lambda value: _compared(value, "0")),
    ]


def _is_url(text: str) -> bool:
    """Whether it is an absolute URL or an absolute path."""
    if _CONTROL.search(text):
        return False
    if text.startswith("/"):
        return True
    try:
        parts = urlsplit(text)
        _ = parts.port
    except ValueError:
        return False
    return bool(_SCHEME.match(text)) and " " not in parts.netloc


def _url(text: str) -> str:
    if not _is_url(text):
        raise ValueError(f"{text!r} is no URL")
    return text


def _is_ip(text: str) -> bool:
    try:
        address = ip_address(text)
    except ValueError:
        return False
    return "%" not in text and getattr(address, "ipv4_mapped", None) is None


def _is_cidr(text: str) -> bool:
    address, _, length = text.partition("/")
    try:
        ip_network(text, strict=False)
    except ValueError:
        return False
    return length.isdigit() and _is_ip(address)


def _quantity(text: str) -> str:
    """A quantity as a text that is the same for all that are equal, as CEL compares them."""
    value = quantity(text)
    if value is None:
        raise ValueError(f"{text!r} is no quantity")
    return format(value.normalize(), "f")


def _compared(one: str, other: str) -> int:
    first, second = quantity(one), quantity(other)
    if first is None or second is None:
        raise ValueError("it is no quantity")
    return (first > second) - (first < second)
