"""The types of Kubernetes' own fields: names, images, keys."""

from __future__ import annotations

from typing import Annotated

from pydantic import StringConstraints

NonEmpty = Annotated[str, StringConstraints(min_length=1)]

_LABEL = r"[a-z0-9]([-a-z0-9]*[a-z0-9])?"
_DNS_LABEL = rf"^{_LABEL}$"
_SERVICE_NAME = r"^[a-z]([-a-z0-9]*[a-z0-9])?$"
_OBJECT_NAME = rf"^{_LABEL}(\.{_LABEL})*$"
_IMAGE = r"^\S(.*\S)?$"
_DIGEST = r"^sha256:[0-9a-f]{64}$"
_ENV_NAME = r"^[ -<>-~]+$"
_CONFIG_KEY = r"^[-._a-zA-Z0-9]+$"
_POD_FIELD = (
    r"^(metadata\.(name|namespace|uid|(labels|annotations)\['[^']+'\])"
    r"|spec\.(nodeName|serviceAccountName)|status\.(hostIPs?|podIPs?))$"
)

_LABEL_VALUE = r"^([A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?)?$"
_RESOURCE = r"^[a-z0-9]([-a-z0-9.]*[a-z0-9])?/[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$"
_HTTP_PATH = r"^/"
_QUANTITY = r"^(\d+(\.\d*)?|\.\d+)([numkMGTPE]|[KMGTPE]i|[eE][-+]?\d+)?$"
_BYTE_SIZE = r"^[1-9][0-9]*([EPTGMK]i|[EPTGMk])?$"
_DURATION = r"^([0-9]{1,5}(h|m|s|ms)){1,4}$"
_RESOURCE_OR_OWN = (
    r"^(cpu|memory|ephemeral-storage|hugepages-[0-9]+[KMGTPE]i"
    r"|[a-z0-9]([-a-z0-9.]*[a-z0-9])?/[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?)$"
)

PATTERNS = {
    _DNS_LABEL: "use lower case letters, digits and '-', edged by letters or digits",
    _SERVICE_NAME: "use lower case letters, digits and '-', starting with a letter: the name "
    "becomes those of Services, which allow no other",
    _OBJECT_NAME: "use lower case letters, digits, '-' and '.', edged by letters or digits",
    _IMAGE: "remove the white space around it",
    _DIGEST: "write sha256: and 64 hexadecimal digits, as the registry has it",
    _ENV_NAME: "use printable ASCII without '='",
    _CONFIG_KEY: "use letters, digits, '-', '_' and '.'",
    _LABEL_VALUE: "use letters, digits, '-', '_' and '.', edged by letters or digits",
    _RESOURCE: "write a domain, '/' and a name, such as nvidia.com/gpu",
    _HTTP_PATH: "start it with '/'",
    _QUANTITY: "write a number, and a unit where there is one, such as 500m, 2, 64Gi",
    _BYTE_SIZE: "write a whole number of bytes, and a unit where there is one, such as 50Mi",
    _DURATION: "write whole numbers with h, m, s or ms, such as 1m30s",
    _RESOURCE_OR_OWN: "write cpu, memory, ephemeral-storage, or the resource of a device plugin, "
    "such as amd.com/gpu",
    _POD_FIELD: "name a field that a pod offers to its environment, such as status.podIP",
}
"""What to do about a text that does not match."""

DnsLabel = Annotated[str, StringConstraints(min_length=1, max_length=63, pattern=_DNS_LABEL)]
"""RFC 1123 label."""

ServiceName = Annotated[str, StringConstraints(min_length=1, max_length=63, pattern=_SERVICE_NAME)]
"""RFC 1035 label, which Services and LeaderWorkerSets demand: it starts with a letter."""

ObjectName = Annotated[str, StringConstraints(min_length=1, max_length=253, pattern=_OBJECT_NAME)]
"""RFC 1123 subdomain, the name of most Kubernetes objects."""

Image = Annotated[str, StringConstraints(min_length=1, pattern=_IMAGE)]
"""A container image. The API server refuses white space around it."""

Digest = Annotated[str, StringConstraints(pattern=_DIGEST)]
"""What an image is, by its content."""

EnvName = Annotated[str, StringConstraints(min_length=1, pattern=_ENV_NAME)]
"""An environment variable's name."""

ConfigKey = Annotated[str, StringConstraints(min_length=1, max_length=253, pattern=_CONFIG_KEY)]
"""A key of a Secret or ConfigMap."""

PodField = Annotated[str, StringConstraints(pattern=_POD_FIELD)]
"""A field of the pod that Kubernetes offers as an environment variable."""

LabelValue = Annotated[str, StringConstraints(max_length=63, pattern=_LABEL_VALUE)]
"""A label's value: up to 63 letters, digits, ``-``, ``_`` and ``.``, edged by alphanumerics."""

ResourceName = Annotated[str, StringConstraints(max_length=317, pattern=_RESOURCE)]
"""A resource of a device plugin, such as ``nvidia.com/gpu`` or ``rdma/ib``."""

HttpPath = Annotated[str, StringConstraints(pattern=_HTTP_PATH)]
"""The path of a URL."""

Quantity = Annotated[str, StringConstraints(pattern=_QUANTITY)]
"""An amount of a resource, such as ``500m`` (half a core), ``64Gi`` (bytes) or ``8``."""

ByteSize = Annotated[str, StringConstraints(pattern=_BYTE_SIZE)]
"""A size in bytes, such as ``50Mi``, as Envoy Gateway takes it."""

Duration = Annotated[str, StringConstraints(pattern=_DURATION)]
"""A duration of Gateway API, such as ``1m30s``."""

ComputeResource = Annotated[str, StringConstraints(max_length=317, pattern=_RESOURCE_OR_OWN)]
"""Anything that a container requests: Kubernetes' own resources, and those of device plugins."""
