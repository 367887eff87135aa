"""The way to a cluster's API, as a kubeconfig or a pod's ServiceAccount says it."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from cdk8s_inference.cluster.failure import ClusterFailure

if TYPE_CHECKING:
    from kubernetes.client import ApiClient

_INSTALL = "pip install 'cdk8s-inference[cluster]'"
_OWN_NAMESPACE = Path("/var/run/secrets/kubernetes.io/serviceaccount/namespace")
_CONNECT_SECONDS = 10.0


@dataclass(frozen=True)
class Connection:
    """A way to a cluster's API.

    Attributes:
        server: Its address.
        namespace: The namespace of the context, or of the pod that this runs in.
        in_cluster: Whether this runs in a pod of the cluster.
        timeout: Seconds that an answer may take.
    """

    server: str
    namespace: str
    in_cluster: bool
    timeout: float
    _client: ApiClient = field(repr=False, compare=False)

    def get(
        self, path: str, query: Mapping[str, str] | None = None, accept: str = "application/json"
    ) -> Any:
        """What the API answers to a GET, as plain data.

        Raises:
            ClusterFailure: It does not answer, or refuses.
        """
        whole = f"{path}?{urlencode(query)}" if query else path
        status, body = self.request("GET", whole, headers={"Accept": accept})
        if status != 200:
            raise _refused(self.server, path, status, body)
        try:
            return json.loads(body)
        except ValueError:
            message = f"{self.server} answers no JSON to {path}; is it the API of a cluster?"
            raise ClusterFailure(message) from None

    def request(
        self,
        method: str,
        path: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
        timeout: float | None = None,
    ) -> tuple[int, bytes]:
        """The status and body that the API, or what it leads to, answers.

        Raises:
            ClusterFailure: It does not answer.
        """
        from urllib3 import Timeout
        from urllib3.exceptions import HTTPError

        configuration = self._client.configuration
        sent = dict(headers or {})
        for each in configuration.auth_settings().values():
            if each["in"] == "header" and each["value"]:
                sent[each["key"]] = each["value"]
        limit = self.timeout if timeout is None else timeout
        try:
            response = self._client.rest_client.pool_manager.request(
                method,
                f"{self.server}{path}",
                headers=sent,
                body=body,
                timeout=Timeout(connect=min(_CONNECT_SECONDS, limit), read=limit),
                retries=False,
                redirect=False,
            )
        except HTTPError as error:
            raise _unreachable(self.server, error, limit) from None
        return response.status, response.data

    def port_forward(self, namespace: str, pod: str, port: int) -> Any:
        """The client's ``PortForward`` to a port of a pod, as ``kubectl port-forward`` opens one.

        Raises:
            ClusterFailure: The API does not answer, or refuses.
        """
        from kubernetes.client import ApiException, CoreV1Api
        from kubernetes.stream import portforward as opened

        portforward: Any = opened  # It has no types.
        ask = CoreV1Api(self._client).connect_get_namespaced_pod_portforward
        try:
            return portforward(ask, pod, namespace, ports=str(port))
        except ApiException as error:
            message = f"{self.server} opens no port-forward to {namespace}/{pod}:{port}"
            raise ClusterFailure(f"{message}: {_handshake(str(error.reason))}") from None


def connect(
    context: str | None = None, kubeconfig: str | None = None, timeout: float = 30.0
) -> Connection:
    """A way to the cluster of a kubeconfig's context, or of the pod that this runs in.

    Args:
        context: The context; default the current one.
        kubeconfig: The file; default ``$KUBECONFIG`` or ``~/.kube/config``. In a pod without
            either its ServiceAccount is used.
        timeout: Seconds that an answer may take.

    Raises:
        ClusterFailure: The client is not installed, or the kubeconfig cannot be used.
    """
    try:
        from kubernetes import client
        from kubernetes import config as kubernetes_config
    except ImportError:
        message = f"The cluster's API needs the Python client of Kubernetes: {_INSTALL}"
        raise ClusterFailure(message) from None

    # Its functions have no types in all releases.
    config: Any = kubernetes_config
    configuration = client.Configuration()
    namespace, in_cluster = "default", _runs_in_pod(context, kubeconfig)
    try:
        if in_cluster:
            config.load_incluster_config(client_configuration=configuration)
            namespace = _OWN_NAMESPACE.read_text().strip() or namespace
        else:
            config.load_kube_config(kubeconfig, context, client_configuration=configuration)
            namespace = _namespace(config.list_kube_config_contexts(kubeconfig), context)
    except Exception as error:  # The client raises what its parsers and plugins raise.
        what = " ".join(str(error).split()) or type(error).__name__
        message = f"No cluster: {what}. Name one with --kubeconfig FILE or --context NAME"
        raise ClusterFailure(message) from None
    server = configuration.host.rstrip("/")
    return Connection(server, namespace, in_cluster, timeout, client.ApiClient(configuration))


def _runs_in_pod(context: str | None, kubeconfig: str | None) -> bool:
    named = context or kubeconfig or os.environ.get("KUBECONFIG")
    home = Path("~/.kube/config").expanduser()
    return not named and "KUBERNETES_SERVICE_HOST" in os.environ and not home.exists()


def _namespace(contexts: Any, name: str | None) -> str:
    known, current = contexts
    chosen = current if name is None else next(each for each in known if each["name"] == name)
    namespace: str = chosen["context"].get("namespace") or "default"
    return namespace


def _unreachable(server: str, error: Exception, seconds: float) -> ClusterFailure:
    from urllib3.exceptions import NameResolutionError, NewConnectionError, SSLError, TimeoutError

    if isinstance(error, TimeoutError) and not isinstance(error, NewConnectionError):
        what = f"does not answer within {seconds:g} s; is it reachable from here?"
    elif isinstance(error, SSLError):
        what = "has a certificate that the kubeconfig does not trust; check its certificate"
    elif isinstance(error, NameResolutionError):
        what = "has a name that does not resolve; is it the right kubeconfig, and the network up?"
    elif isinstance(error, NewConnectionError):
        what = "refuses connections; is the cluster running, and reachable from here?"
    else:
        what = f"cannot be read: {type(error).__name__}"
    return ClusterFailure(f"{server} {what}")


def _refused(server: str, path: str, status: int, body: bytes) -> ClusterFailure:
    if status == 401:
        what = "does not accept the credentials (401); have they expired? Log in again"
        return ClusterFailure(f"{server} {what}", status)
    if status == 403:
        return ClusterFailure(f"{server} forbids it: {_said(body)}", status)
    return ClusterFailure(f"{server} answers {status} to GET {path}: {_said(body)}", status)


def _handshake(reason: str) -> str:
    """Why a WebSocket was refused, without the headers of the answer."""
    return " ".join(reason.partition(" -+-+- ")[0].split()) or "no reason given"


def _said(body: bytes) -> str:
    """What a Status object says."""
    try:
        message = json.loads(body).get("message")
    except (ValueError, AttributeError):
        message = None
    return str(message)[:300] if message else "no reason given"
