"""What lets the pd-sidecar read its pool, to call the pool's pods alone."""

from __future__ import annotations

from collections.abc import Sequence

from cdk8s_inference.construct_tree import ApiObjectMetadata, Construct
from cdk8s_inference.manifest import manifest
from cdk8s_inference.releases import RouterRelease

_RBAC = "rbac.authorization.k8s.io"


def sidecar_account(
    scope: Construct,
    metadata: ApiObjectMetadata,
    release: RouterRelease,
    accounts: Sequence[str],
) -> None:
    """A ServiceAccount for decode pods, its Role and their binding, as children of ``scope``.

    Args:
        scope: Where they go.
        metadata: Theirs; its name is the account's.
        release: The router release, which says what the sidecar reads.
        accounts: The accounts that the decode pods have. Without this one it is not composed.
    """
    name = metadata.name
    subjects = [
        {"kind": "ServiceAccount", "name": account, "namespace": metadata.namespace}
        for account in dict.fromkeys(accounts)
    ]
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
                "subjects": subjects,
            },
        ),
    ):
        if kind == "ServiceAccount" and name not in accounts:
            continue
        manifest(
            scope,
            f"sidecar-{kind}",
            api_version=api_version,
            kind=kind,
            metadata=metadata,
            body=body,
        )
