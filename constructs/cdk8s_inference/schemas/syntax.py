"""The syntaxes of names, labels and texts that the API server checks in code."""

from __future__ import annotations

import base64
import binascii
import re

from cdk8s_inference.names import LABEL, QUALIFIED_NAME, SUBDOMAIN

_DNS_1035 = re.compile(r"[a-z]([-a-z0-9]{0,61}[a-z0-9])?")
_TIME = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)")

_LABEL_OF_A_NAME = "up to 63 lower case letters, digits and '-', edged by letters or digits"
_OF_SERVICES = frozenset({"Service", "LeaderWorkerSet"})
_OF_NAMESPACES = frozenset({"Namespace"})
_FREE = frozenset(
    {"ClusterRole", "ClusterRoleBinding", "ClusterTrustBundle", "IPAddress", "Role", "RoleBinding"}
)
"""Kinds whose names are any segment of a path, or have a syntax of their own."""


def object_name(kind: str, name: str) -> str | None:
    """How the name of an object has to be, where one is not so."""
    if kind in _FREE:
        ok = name not in (".", "..") and not {"/", "%"} & set(name)
        return None if ok else "a text without '/' and '%'"
    if kind in _OF_SERVICES:
        return None if _DNS_1035.fullmatch(name) else f"{_LABEL_OF_A_NAME}, starting with a letter"
    if kind in _OF_NAMESPACES:
        return namespace(name)
    return None if SUBDOMAIN.fullmatch(name) else "lower case letters, digits, '-' and '.'"


def namespace(name: str) -> str | None:
    """How the name of a namespace has to be, where one is not so."""
    return None if LABEL.fullmatch(name) else _LABEL_OF_A_NAME


def key(text: str) -> str | None:
    """How the key of a label or annotation has to be, where one is not so."""
    prefix, slash, name = text.rpartition("/")
    ok = QUALIFIED_NAME.fullmatch(name) and (not slash or SUBDOMAIN.fullmatch(prefix))
    return None if ok else "[DNS subdomain/] and up to 63 letters, digits, '-', '_' and '.'"


def label_value(text: str) -> str | None:
    """How the value of a label has to be, where one is not so."""
    if not text or QUALIFIED_NAME.fullmatch(text):
        return None
    return "up to 63 letters, digits, '-', '_' and '.', edged by letters or digits"


def is_time(text: str) -> bool:
    """Whether a text is a time as RFC 3339 writes it."""
    return _TIME.fullmatch(text) is not None


def is_base64(text: str) -> bool:
    """Whether a text is bytes in base64; Go passes over line breaks in it."""
    try:
        base64.b64decode(re.sub(r"[\r\n]", "", text), validate=True)
    except (binascii.Error, ValueError):
        return False
    return True
