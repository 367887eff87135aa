"""Where objects go that name no namespace."""

from __future__ import annotations

from typing import Any

import yaml

from cdk8s_inference.source import Document
from cdk8s_inference.topology import read_topology


def _homes(*files: str) -> dict[str, str]:
    documents = [
        Document(each, f"{index}.yaml")
        for index, text in enumerate(files)
        for each in yaml.safe_load_all(text)
    ]
    return {f"{each.kind}/{each.name}": each.namespace for each in read_topology(documents).objects}


def _deployment(name: str, namespace: str | None = None, **spec: Any) -> str:
    meta = {"name": name, **({"namespace": namespace} if namespace else {})}
    template = {"metadata": {"labels": {"app": name}}, "spec": {"containers": [], **spec}}
    return yaml.safe_dump(
        {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": meta,
            "spec": {"selector": {"matchLabels": {"app": name}}, "template": template},
        }
    )


def _service(name: str, app: str, namespace: str | None = None) -> str:
    meta = {"name": name, **({"namespace": namespace} if namespace else {})}
    spec = {"selector": {"app": app}, "ports": [{"port": 80}]}
    return yaml.safe_dump({"apiVersion": "v1", "kind": "Service", "metadata": meta, "spec": spec})


def _account(name: str, namespace: str | None = None) -> str:
    meta = {"name": name, **({"namespace": namespace} if namespace else {})}
    return yaml.safe_dump({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": meta})


def _all(*objects: str) -> str:
    return "---\n".join(objects)


_GATEWAY = """\
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: inference, namespace: gateways}
"""


def test_by_the_labels_that_a_selector_asks_for() -> None:
    homes = _homes(_all(_GATEWAY, _deployment("web"), _service("web", "web", "chat")))
    assert homes["Deployment/web"] == "chat"


def test_by_a_name_and_by_what_is_connected_through_others() -> None:
    homes = _homes(
        _all(
            _GATEWAY,
            _service("web", "web"),
            _deployment("web", serviceAccountName="web"),
            _account("web", "chat"),
        )
    )
    assert homes["Service/web"] == homes["Deployment/web"] == "chat"


def test_by_the_namespace_that_a_reference_says() -> None:
    binding = """\
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: web}
roleRef: {kind: ClusterRole, name: view}
subjects: [{kind: ServiceAccount, name: web, namespace: chat}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: web, namespace: other}
roleRef: {kind: ClusterRole, name: view}
subjects: [{kind: ServiceAccount, name: web, namespace: chat}]
"""
    homes = _homes(_all(_GATEWAY, _account("web"), binding))
    assert homes["ServiceAccount/web"] == "chat"


def test_each_group_by_itself() -> None:
    homes = _homes(
        _all(
            _service("one", "one", "a"),
            _deployment("one"),
            _service("two", "two", "b"),
            _deployment("two"),
            _deployment("three"),
        )
    )
    assert (homes["Deployment/one"], homes["Deployment/two"]) == ("a", "b")
    assert homes["Deployment/three"] == "default"


def test_a_group_that_names_two_is_not_moved() -> None:
    homes = _homes(
        _all(_service("one", "web", "a"), _service("two", "web", "b"), _deployment("web"))
    )
    assert homes["Deployment/web"] == "default"
