"""SmokeTest: a Job that says in the cluster whether a deployment disaggregates."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.metadata import version
from typing import Annotated, Any, Literal

from pydantic import Field

from cdk8s_inference import labels, names
from cdk8s_inference.app_state import AppState
from cdk8s_inference.arguments import checked
from cdk8s_inference.arguments.constraint import Constraint, Problem
from cdk8s_inference.arguments.objects import Labels
from cdk8s_inference.construct_tree import ApiObject, ApiObjectMetadata, Construct
from cdk8s_inference.document.model_deployment import EnvVar
from cdk8s_inference.findings import Path
from cdk8s_inference.kubernetes_types import NonEmpty
from cdk8s_inference.manifest import manifest
from cdk8s_inference.pods.order import pod_in_order

SMOKE_TEST = f"{labels.PREFIX}smoke-test"
"""On the pod: the smoke test's name, by which a NetworkPolicy admits it to gateway and engines."""

Hook = Literal["helm", "argocd"]

_RBAC = "rbac.authorization.k8s.io"
_HOOKS: dict[Hook, dict[str, str]] = {
    "helm": {
        "helm.sh/hook": "post-install,post-upgrade",
        "helm.sh/hook-delete-policy": "before-hook-creation",
    },
    "argocd": {
        "argocd.argoproj.io/hook": "PostSync",
        "argocd.argoproj.io/hook-delete-policy": "BeforeHookCreation",
    },
}
_READ = (
    # The verdict: whose counters are read, and what they are meant to do. Without an address the
    # gateway's, with the path and host of the route.
    ("inference.networking.k8s.io", ("inferencepools",)),
    ("gateway.networking.k8s.io", ("gateways", "httproutes")),
    # Services lead to deployments without a pool. A picker that prefills nowhere is explained by
    # its configuration, which is in a ConfigMap: the names of those are not known here.
    ("", ("configmaps", "pods", "services")),
    # What explains a failure is said of a workload, and not of each of its pods; one that has no
    # pod yet is seen here alone.
    ("apps", ("deployments", "replicasets", "statefulsets")),
    ("leaderworkerset.x-k8s.io", ("leaderworkersets",)),
)
"""What ``verify`` reads of a deployment: for its verdict, and for what explains it."""

_STARTING_SECONDS = 120
"""For the image, and for the API server."""

_KEPT_SECONDS = 24 * 3600
_NOBODY = 65534


def _in_a_secret(variable: EnvVar, path: Path) -> Iterator[Problem]:
    source = variable.value_from
    if source is None or source.secret_key_ref is None:
        message = "a token must come from a Secret: manifests are kept and shown"
        yield Problem(path, message, f"EnvVar.from_secret({variable.name!r}, SECRET, KEY)")


Token = Annotated[EnvVar, Constraint(_in_a_secret)]
"""A variable with a key of a Secret."""


class SmokeTest(Construct):
    """A Job that runs ``cdk8s-inference verify``, with a ServiceAccount, Role and RoleBinding.

    It fails where the deployment does not disaggregate, and its log says why. The Role lets it list
    what it reads of the namespace for that, Gateways without an ``address`` alone, and no Secrets.
    The pod is what Pod Security ``restricted`` admits.

    Attributes:
        name: Name of its objects.
        job: Its Job.
    """

    @checked
    def __init__(
        self,
        scope: Construct,
        id: NonEmpty,
        *,
        name: NonEmpty,
        namespace: NonEmpty,
        deployment: NonEmpty,
        address: NonEmpty | None = None,
        token: Token | None = None,
        image: NonEmpty | None = None,
        requests: Annotated[int, Field(ge=1, le=50)] = 3,
        words: Annotated[int, Field(ge=2, le=100_000)] = 512,
        timeout_seconds: Annotated[int, Field(ge=1, le=3600)] = 120,
        hook: Hook | None = None,
        object_labels: Labels | None = None,
    ) -> None:
        """Composes the Job.

        Args:
            name: Name of its objects, a DNS label.
            namespace: That of the deployment.
            deployment: The name of the deployment's InferencePool, such as that of a replica; or of
                its Service, where it has no pool.
            address: Where the deployment answers within the cluster, such as
                ``http://envoy.gateways.svc:80/ml-team/qwen3-8b-0``; default the address that its
                Gateway says, which the Role lets it read in the same namespace alone.
            token: A variable with the bearer token that the deployment asks for, such as
                ``EnvVar.from_secret("TOKEN", "qwen-token", "token")``. The kubelet reads the
                Secret: the Role grants nothing for it.
            image: An image of this project's Dockerfile; default ``cdk8s-inference`` with the
                version as its tag, as docs/verify.md builds it.
            requests: How many long prompts are sent.
            words: How many words each of them has, of two to five tokens each.
            timeout_seconds: How long asking may take.
            hook: Whether Helm runs it after an install or upgrade, or Argo CD after a sync. Without
                one it runs when it is applied; applying it again with changes is refused.
            object_labels: Further labels of its objects.

        Raises:
            ValueError: ``name`` is no DNS label, or no cluster has ``namespace``.
        """
        names.require(name, gang=False)
        names.require_namespace(namespace)
        super().__init__(scope, id)
        AppState.add(self, scope)
        self.name = name
        self._namespace = namespace
        self._pod_labels = labels.merged(
            labels.recommended(name="smoke-test", instance=name, component="smoke-test"),
            {SMOKE_TEST: name},
        )
        self._object_labels = labels.merged(self._pod_labels, object_labels or {})
        self._grant(address)
        arguments = [
            "verify",
            deployment,
            f"--namespace={namespace}",
            f"--requests={requests}",
            f"--words={words}",
            f"--timeout={timeout_seconds}",
            *([] if address is None else [f"--address={address}"]),
            *([] if token is None else [f"--token-variable={token.name}"]),
        ]
        container = {
            "name": "verify",
            "image": image or f"cdk8s-inference:{version('cdk8s-inference')}",
            "imagePullPolicy": "IfNotPresent",
            "args": arguments,
            **(
                {}
                if token is None
                else {"env": [token.model_dump(exclude_none=True, by_alias=True)]}
            ),
            "resources": {
                "requests": {"cpu": "100m", "memory": "128Mi"},
                "limits": {"memory": "512Mi"},
            },
            "securityContext": {
                "allowPrivilegeEscalation": False,
                "capabilities": {"drop": ["ALL"]},
                "readOnlyRootFilesystem": True,
                "runAsNonRoot": True,
            },
        }
        self.job = self._job(container, timeout_seconds + _STARTING_SECONDS, hook)

    def _grant(self, address: str | None) -> None:
        # The pod mounts the token itself.
        self._compose(
            "service-account", "v1", "ServiceAccount", {"automountServiceAccountToken": False}
        )
        # A gateway is read for its address alone.
        unneeded = () if address is None else ("gateways",)
        rules = [
            {
                "apiGroups": [group],
                "resources": [each for each in resources if each not in unneeded],
                "verbs": ["list"],
            }
            for group, resources in _READ
        ]
        self._compose("role", f"{_RBAC}/v1", "Role", {"rules": rules})
        subject = {"kind": "ServiceAccount", "name": self.name, "namespace": self._namespace}
        role = {"apiGroup": _RBAC, "kind": "Role", "name": self.name}
        self._compose(
            "role-binding", f"{_RBAC}/v1", "RoleBinding", {"roleRef": role, "subjects": [subject]}
        )

    def _job(self, container: dict[str, Any], seconds: int, hook: Hook | None) -> ApiObject:
        pod = {
            "serviceAccountName": self.name,
            "automountServiceAccountToken": True,
            "restartPolicy": "Never",
            "securityContext": {
                "runAsNonRoot": True,
                "runAsUser": _NOBODY,
                "runAsGroup": _NOBODY,
                "seccompProfile": {"type": "RuntimeDefault"},
            },
            "containers": [container],
        }
        spec = {
            # What it says once is so; a second run would only load the deployment again.
            "backoffLimit": 0,
            "activeDeadlineSeconds": seconds,
            "ttlSecondsAfterFinished": _KEPT_SECONDS,
            "template": {
                "metadata": {"labels": dict(self._pod_labels)},
                "spec": pod_in_order(pod),
            },
        }
        annotations = dict(_HOOKS[hook]) if hook else None
        return self._compose("job", "batch/v1", "Job", {"spec": spec}, annotations)

    def _compose(
        self,
        id: str,
        api_version: str,
        kind: str,
        body: dict[str, Any],
        annotations: dict[str, str] | None = None,
    ) -> ApiObject:
        metadata = ApiObjectMetadata(
            name=self.name,
            namespace=self._namespace,
            labels=self._object_labels,
            annotations=annotations,
        )
        return manifest(self, id, api_version=api_version, kind=kind, metadata=metadata, body=body)
