"""Ray's kinds of KubeRay, and those of AIBrix that make RayClusters."""

from __future__ import annotations

from cdk8s_inference.topology.kinds.pod_kind import EVERYTHING, PodKind, Templates

_RAY = "ray.io"
_AIBRIX = "orchestration.aibrix.ai"
_LABELS = ("ray.io/",)
_SOURCE = "ray-project/kuberay: the operator adds what starts Ray, /dev/shm, probes and variables."


def _cluster(at: str) -> tuple[Templates, ...]:
    """The head of a Ray cluster and its groups of workers."""
    return (
        Templates(f"{at}.headGroupSpec"),
        Templates(f"{at}.workerGroupSpecs.*", size="numOfHosts"),
    )


RAY_KINDS: tuple[PodKind, ...] = (
    PodKind(
        _RAY, "RayCluster", _cluster("spec"), "pods and Services", EVERYTHING, _LABELS, _SOURCE
    ),
    PodKind(
        _RAY,
        "RayService",
        _cluster("spec.rayClusterConfig"),
        "RayClusters and Services, NAME-serve-svc among them",
        EVERYTHING,
        _LABELS,
        _SOURCE,
    ),
    PodKind(
        _RAY,
        "RayJob",
        _cluster("spec.rayClusterSpec"),
        "a RayCluster and a Job",
        EVERYTHING,
        _LABELS,
        _SOURCE,
    ),
    PodKind(
        _AIBRIX,
        "RayClusterFleet",
        _cluster("spec.template.spec"),
        "RayClusterReplicaSets, and by KubeRay pods and Services",
        EVERYTHING,
        _LABELS,
        _SOURCE,
    ),
    PodKind(
        _AIBRIX,
        "RayClusterReplicaSet",
        _cluster("spec.template.spec"),
        "RayClusters, and by KubeRay pods and Services",
        EVERYTHING,
        _LABELS,
        _SOURCE,
    ),
)
