"""What lets the pd-sidecar read its pool, to call the pool's pods alone."""

from __future__ import annotations

from cdk8s import ApiObjectMetadata
from constructs import Construct

from cdk8s_inference.manifest import manifest
from cdk8s_inference.releases import RouterRelease

_RBAC = "rbac.authorization.k8s.io"


def sidecar_account(scope: Construct, metadata: ApiObjectMetadata, release: RouterRelease) -> None:
    """A ServiceAccount for decode pods, its Role and their binding, as children of ``scope``."""
    name = metadata.name
    subject = {"kind": "ServiceAccount", "name": name, "namespace": metadata.namespace}
    rules = [permission.rule() for permission in release.sidecar.ssrf_protection]
    for kind, api_version, body in (
        # The token is mounted where it is needed, in the sidecar.
        ("ServiceAccount", "v1", {"automountServiceAccountToken": False}),
        ("Role", f"{_RBAC}/v1", {"rules": rules}),
        (
            "RoleBinding",
            f"{_RBAC}/v1",
            {
                "roleRef": {"apiGroup": _RBAC, "kind": "Role", "name": name},
                "subjects": [subject],
            },
        ),
    ):
        manifest(
            scope,
            f"sidecar-{kind}",
            api_version=api_version,
            kind=kind,
            metadata=metadata,
            body=body,
        )
