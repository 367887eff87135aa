"""Schemas of gateway providers' own kinds: the fields that are composed, as their CRDs have them.

Read in istio/istio 1.30.3, GoogleCloudPlatform/gke-gateway-api and nginx/nginx-gateway-fabric
v2.6.7. Any other field counts as unknown, so that one more of them has to be read first.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Schema = dict[str, Any]


def _object(*required: str, **properties: Schema) -> Schema:
    made: Schema = {"type": "object", "properties": properties}
    return {**made, "required": list(required)} if required else made


def _choice(*values: str) -> Schema:
    return {"type": "string", "enum": list(values)}


_STRING: Schema = {"type": "string"}
_NAME: Schema = {"type": "string", "minLength": 1, "maxLength": 253}
_TARGET = _object("group", "kind", "name", group=_STRING, kind=_STRING, name=_NAME)

_TLS = _object(
    mode=_choice("DISABLE", "SIMPLE", "MUTUAL", "ISTIO_MUTUAL"),
    insecureSkipVerify={"type": "boolean"},
)
_HTTP_CHECK: Schema = {
    **_object(
        portSpecification=_choice("USE_FIXED_PORT", "USE_NAMED_PORT", "USE_SERVING_PORT"),
        requestPath={
            "type": "string",
            "maxLength": 2048,
            "pattern": r"\/[A-Za-z0-9\/\-._~%!?$&'()*+,;=:]*$",
        },
    ),
}
_CHECK: Schema = {
    **_object(type=_choice("TCP", "HTTP", "HTTPS", "HTTP2", "GRPC"), httpHealthCheck=_HTTP_CHECK),
    "minProperties": 2,
    "maxProperties": 2,
}
_SECONDS: Schema = {
    "type": "integer",
    "format": "int64",
    "minimum": 1,
    "maximum": 2147483647,
}
_TARGETS: Schema = {"type": "array", "items": _TARGET, "minItems": 1, "maxItems": 16}

POLICIES: Mapping[tuple[str, str], Schema] = {
    key: _object("spec", spec=spec)
    for key, spec in {
        ("networking.istio.io/v1", "DestinationRule"): _object(
            "host", host=_STRING, trafficPolicy=_object(tls=_TLS)
        ),
        ("networking.gke.io/v1", "HealthCheckPolicy"): _object(
            "targetRef", targetRef=_TARGET, default=_object(config=_CHECK)
        ),
        ("networking.gke.io/v1", "GCPBackendPolicy"): _object(
            "targetRef", targetRef=_TARGET, default=_object(timeoutSec=_SECONDS)
        ),
        ("gateway.nginx.org/v1alpha1", "ProxySettingsPolicy"): _object(
            "targetRefs",
            targetRefs=_TARGETS,
            buffering=_object(disable={"type": "boolean"}),
            timeout=_object(read={"type": "string", "pattern": r"^[0-9]{1,4}(ms|s|m|h)?$"}),
        ),
    }.items()
}
"""By apiVersion and kind."""
