"""Kinds of projects that serve models."""

from __future__ import annotations

from cdk8s_inference.topology.kinds.pod_kind import EVERYTHING, Addition, PodKind, Templates

_AIBRIX = "orchestration.aibrix.ai"
_AIBRIX_SOURCE = "vllm-project/aibrix v0.7: pkg/controller/roleset and podset."
_AIBRIX_LABELS = ("roleset-name", "storm-service-name", "role-name", "role-template-hash")
_NAMED: frozenset[Addition] = frozenset({"environment", "labels", "nodes"})
"""Pods that learn their place in a group from labels and variables, and are as written else."""

_RBG = "workloads.x-k8s.io"
_RBG_SOURCE = "sgl-project/rbg, August 2026: pkg/discovery and api/workloads."
_RBG_LABELS = ("rbg.workloads.x-k8s.io/", "rolebasedgroup.workloads.x-k8s.io/")
_RBG_ADDS: frozenset[Addition] = frozenset({*_NAMED, "containers", "ports", "volumes"})

_DYNAMO = "nvidia.com"
_DYNAMO_SOURCE = "ai-dynamo/dynamo: deploy/operator and examples/backends."
_DYNAMO_LABELS = ("nvidia.com/dynamo-",)

_KTHENA = "workload.serving.volcano.sh"
_KTHENA_SOURCE = "volcano-sh/kthena, August 2026: pkg/model-booster-controller."
_KTHENA_LABELS = ("modelserving.volcano.sh/",)

_GROVE = "grove.io"
_GROVE_SOURCE = "ai-dynamo/grove: init containers wait for other cliques, GROVE_ variables."
_GROVE_ADDS: frozenset[Addition] = frozenset({*_NAMED, "containers", "volumes"})

_NIM = "apps.nvidia.com"
_NIM_SOURCE = "NVIDIA/k8s-nim-operator: the operator composes the container of repository and tag."

_KSERVE = "serving.kserve.io"
_KSERVE_SOURCE = "kserve/kserve v0.20: a runtime's containers and a predictor's are merged."

_KAITO = "kaito.sh"
_KAITO_SOURCE = "kaito-project/kaito: a preset's image and flags are of the controller."


def _rbg_roles(at: str) -> tuple[Templates, ...]:
    """The roles of a RoleBasedGroup, by each pattern of v1alpha1 and v1alpha2."""
    return (
        Templates(at, size="leaderWorkerSet.size"),
        Templates(at, "standalonePattern.template"),
        Templates(at, "leaderWorkerPattern.template", size="leaderWorkerPattern.size"),
        Templates(f"{at}.customComponentsPattern.components.*", copies="size"),
    )


INFERENCE_KINDS: tuple[PodKind, ...] = (
    PodKind(
        _AIBRIX,
        "StormService",
        (Templates("spec.template.spec.roles.*", size="podGroupSize"),),
        "a RoleSet for each replica, and a headless Service NAME",
        _NAMED,
        _AIBRIX_LABELS,
        _AIBRIX_SOURCE,
    ),
    PodKind(
        _AIBRIX,
        "RoleSet",
        (Templates("spec.roles.*", size="podGroupSize"),),
        "pods or PodSets",
        _NAMED,
        _AIBRIX_LABELS,
        _AIBRIX_SOURCE,
    ),
    PodKind(
        _AIBRIX,
        "PodSet",
        (Templates("spec", size="podGroupSize"),),
        "pods",
        _NAMED,
        _AIBRIX_LABELS,
        _AIBRIX_SOURCE,
    ),
    PodKind(
        _RBG,
        "RoleBasedGroup",
        (*_rbg_roles("spec.roles.*"), Templates("spec.roleTemplates.*")),
        "a workload and a headless Service for each role",
        _RBG_ADDS,
        _RBG_LABELS,
        _RBG_SOURCE,
    ),
    PodKind(
        _RBG,
        "RoleBasedGroupSet",
        (*_rbg_roles("spec.template.roles.*"), *_rbg_roles("spec.groupTemplate.spec.roles.*")),
        "RoleBasedGroups",
        _RBG_ADDS,
        _RBG_LABELS,
        _RBG_SOURCE,
    ),
    PodKind(
        _DYNAMO,
        "DynamoGraphDeployment",
        (
            Templates(
                "spec.services.*",
                "extraPodSpec",
                "dynamo",
                size="multinode.nodeCount",
                metadata="extraPodMetadata",
            ),
            Templates("spec.components.*", "podTemplate", size="multinode.nodeCount"),
        ),
        "a DynamoComponentDeployment or a Grove clique for each service",
        EVERYTHING,
        _DYNAMO_LABELS,
        _DYNAMO_SOURCE,
    ),
    PodKind(
        _DYNAMO,
        "DynamoComponentDeployment",
        (
            Templates(
                "spec",
                "extraPodSpec",
                "dynamo",
                size="multinode.nodeCount",
                metadata="extraPodMetadata",
            ),
            Templates("spec", "podTemplate", size="multinode.nodeCount"),
        ),
        "a Deployment or a LeaderWorkerSet, and a Service",
        EVERYTHING,
        _DYNAMO_LABELS,
        _DYNAMO_SOURCE,
    ),
    PodKind(
        _GROVE,
        "PodCliqueSet",
        (Templates("spec.template.cliques.*", "spec.podSpec", "pod spec", "spec.replicas"),),
        "PodCliques, and a headless Service for each replica",
        _GROVE_ADDS,
        ("grove.io/", "app.kubernetes.io/"),
        _GROVE_SOURCE,
    ),
    PodKind(
        _GROVE,
        "PodClique",
        (Templates("spec", "podSpec", "pod spec"),),
        "pods",
        _GROVE_ADDS,
        ("grove.io/", "app.kubernetes.io/"),
        _GROVE_SOURCE,
    ),
    PodKind(
        _KTHENA,
        "ModelServing",
        (
            Templates(
                "spec.template.roles.*",
                "entryTemplate",
                size="workerReplicas",
                part="leader",
                others=1,
            ),
            Templates(
                "spec.template.roles.*",
                "workerTemplate",
                size="workerReplicas",
                part="follower",
                others=1,
            ),
        ),
        "pods, and a headless Service for each entry",
        _NAMED,
        _KTHENA_LABELS,
        _KTHENA_SOURCE,
    ),
    PodKind(
        _KTHENA,
        "ModelBooster",
        (Templates("spec.backend.workers.*", "", "kthena backend", size="pods"),),
        "a ModelServing, a ModelServer and a ModelRoute",
        EVERYTHING,
        _KTHENA_LABELS,
        _KTHENA_SOURCE,
    ),
    PodKind(
        _NIM,
        "NIMService",
        (Templates("spec", "", "nim"),),
        "a Deployment or a LeaderWorkerSet, and a Service NAME",
        EVERYTHING,
        ("app.kubernetes.io/",),
        _NIM_SOURCE,
    ),
    PodKind(
        _NIM,
        "NIMPipeline",
        (Templates("spec.services.*.spec", "", "nim"),),
        "NIMServices",
        EVERYTHING,
        ("app.kubernetes.io/",),
        _NIM_SOURCE,
    ),
    PodKind(
        "production-stack.vllm.ai",
        "VLLMRuntime",
        (Templates("spec", "", "production-stack", "deploymentConfig.replicas"),),
        "a Deployment and a Service NAME",
        EVERYTHING,
        ("app",),
        "vllm-project/production-stack, August 2026: operator/internal/controller.",
    ),
    PodKind(
        _KSERVE,
        "InferenceService",
        (
            Templates("spec.predictor", "", "pod spec", "minReplicas"),
            Templates("spec.predictor.workerSpec", "", "pod spec", "size"),
            Templates("spec.transformer", "", "pod spec", "minReplicas"),
            Templates("spec.explainer", "", "pod spec", "minReplicas"),
        ),
        "a Deployment or a Knative Service NAME-predictor, a Service and a route",
        EVERYTHING,
        ("serving.kserve.io/", "app"),
        _KSERVE_SOURCE,
    ),
    PodKind(
        _KSERVE,
        "ServingRuntime",
        (
            Templates("spec", "", "pod spec"),
            Templates("spec.workerSpec", "", "pod spec", "size"),
        ),
        "nothing by itself: an InferenceService that names it takes its containers",
        EVERYTHING,
        ("serving.kserve.io/", "app"),
        _KSERVE_SOURCE,
    ),
    PodKind(
        _KSERVE,
        "ClusterServingRuntime",
        (
            Templates("spec", "", "pod spec"),
            Templates("spec.workerSpec", "", "pod spec", "size"),
        ),
        "nothing by itself: an InferenceService that names it takes its containers",
        EVERYTHING,
        ("serving.kserve.io/", "app"),
        _KSERVE_SOURCE,
    ),
    PodKind(
        _KSERVE,
        "LLMInferenceService",
        (
            Templates("spec", "template", "pod spec"),
            Templates("spec", "worker", "pod spec"),
            Templates("spec.prefill", "template", "pod spec"),
            Templates("spec.prefill", "worker", "pod spec"),
        ),
        "engines, an InferencePool with its picker, and an HTTPRoute, of its templates",
        EVERYTHING,
        ("app.kubernetes.io/", "kserve.io/", "llm-d.ai/"),
        _KSERVE_SOURCE,
    ),
    PodKind(
        _KSERVE,
        "LLMInferenceServiceConfig",
        (),
        "nothing by itself: an LLMInferenceService that names it takes it over",
        EVERYTHING,
        (),
        _KSERVE_SOURCE,
    ),
    PodKind(
        _KAITO,
        "Workspace",
        (Templates("inference", copies=""),),
        "nodes, a Deployment or a StatefulSet, and a Service NAME",
        EVERYTHING,
        ("kaito.sh/",),
        _KAITO_SOURCE,
    ),
    PodKind(
        _KAITO,
        "InferenceSet",
        (Templates("spec.template.inference", copies=""),),
        "Workspaces, and an InferencePool with its picker",
        EVERYTHING,
        ("kaito.sh/", "inferenceset.kaito.sh/"),
        _KAITO_SOURCE,
    ),
)
