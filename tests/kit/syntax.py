"""The syntaxes of names, labels, ports and quantities that the API server checks in code."""

from __future__ import annotations

import re

QUANTITY = (
    r"^(\+|-)?(([0-9]+(\.[0-9]*)?)|(\.[0-9]+))"
    r"(([KMGTPE]i)|[numkMGTPE]|([eE](\+|-)?[0-9]+))?$"
)

_LABEL = r"[a-z0-9]([-a-z0-9]*[a-z0-9])?"
_DNS_1123_LABEL = re.compile(_LABEL)
_DNS_1123_SUBDOMAIN = re.compile(rf"{_LABEL}(\.{_LABEL})*")
_DNS_1035_LABEL = re.compile(r"[a-z]([-a-z0-9]*[a-z0-9])?")
_QUALIFIED = re.compile(r"([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]")
_CONFIG_KEY = re.compile(r"[-._a-zA-Z0-9]+")


def dns_1123_label(value: str) -> str | None:
    """What keeps a value from being a DNS-1123 label, or None."""
    ok = len(value) <= 63 and _DNS_1123_LABEL.fullmatch(value)
    return None if ok else f"{value!r} is not a DNS-1123 label (at most 63 of a-z, 0-9 and '-')"


def dns_1035_label(value: str) -> str | None:
    """What keeps a value from being a DNS-1035 label, or None."""
    ok = len(value) <= 63 and _DNS_1035_LABEL.fullmatch(value)
    return None if ok else f"{value!r} is not a DNS-1035 label (a DNS-1123 label, letter first)"


def dns_1123_subdomain(value: str) -> str | None:
    """What keeps a value from being a DNS-1123 subdomain, or None."""
    ok = len(value) <= 253 and _DNS_1123_SUBDOMAIN.fullmatch(value)
    return None if ok else f"{value!r} is not a DNS-1123 subdomain (at most 253 characters)"


def path_segment(value: str) -> str | None:
    """What keeps a value from being one segment of a URL's path, or None."""
    ok = value not in (".", "..") and not {"/", "%"} & set(value)
    return None if ok else f"{value!r} is not a valid path segment"


def config_key(value: str) -> str | None:
    """What keeps a value from being a key of a ConfigMap or Secret, or None."""
    ok = len(value) <= 253 and value not in (".", "..") and _CONFIG_KEY.fullmatch(value)
    return None if ok else f"{value!r} is not a valid key (letters, digits, '-', '_' and '.')"


def port_name(value: str) -> str | None:
    """What keeps a value from being an IANA service name, or None."""
    ok = (
        len(value) <= 15
        and "--" not in value
        and any(letter.isalpha() for letter in value)
        and _DNS_1123_LABEL.fullmatch(value)
    )
    return None if ok else f"{value!r} is not an IANA service name (at most 15 of a-z, 0-9, '-')"


def port_number(value: int) -> str | None:
    """What keeps a value from being a port, or None."""
    return None if 1 <= value <= 65535 else f"{value} is not a port (1-65535)"


def qualified_name(value: str) -> str | None:
    """What keeps a value from being a label key, or None."""
    prefix, slash, name = value.rpartition("/")
    named = len(name) <= 63 and _QUALIFIED.fullmatch(name)
    ok = named and not (slash and dns_1123_subdomain(prefix))
    return None if ok else f"{value!r} is not a qualified name ([DNS subdomain/]name)"


def label_value(value: str) -> str | None:
    """What keeps a value from being a label's value, or None."""
    ok = value == "" or (len(value) <= 63 and _QUALIFIED.fullmatch(value))
    return None if ok else f"{value!r} is not a label value"


def port(value: str | int | None) -> str | None:
    """What keeps a value from being the number or the name of a port, or None."""
    return port_name(value) if isinstance(value, str) else port_number(value or 0)


def env_name(value: str) -> str | None:
    """What keeps a value from being an environment variable's name, or None."""
    ok = value and "=" not in value and all(" " <= letter <= "~" for letter in value)
    return None if ok else f"{value!r} is not the name of an environment variable"
