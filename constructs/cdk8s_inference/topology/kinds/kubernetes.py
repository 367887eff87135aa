"""Kinds of Kubernetes and of projects that make plain pods: the template says what runs."""

from __future__ import annotations

from cdk8s_inference.topology.kinds.pod_kind import Addition, PodKind, Templates

_SPEC = (Templates("spec"),)
_LABELS: frozenset[Addition] = frozenset({"labels"})
_KRUISE = "OpenKruise: its template is a pod template, which pods are made from as they are."

KUBERNETES_KINDS: tuple[PodKind, ...] = (
    PodKind("", "Pod", (Templates("", ""),), "the pod itself", frozenset(), source="Kubernetes."),
    PodKind(
        "",
        "ReplicationController",
        _SPEC,
        "pods",
        frozenset(),
        source="Kubernetes.",
    ),
    PodKind(
        "batch",
        "Job",
        (Templates("spec", copies="parallelism"),),
        "pods",
        _LABELS,
        ("batch.kubernetes.io/", "job-name"),
        "Kubernetes: Job.",
    ),
    PodKind(
        "batch",
        "CronJob",
        (Templates("spec.jobTemplate.spec", copies="parallelism"),),
        "Jobs",
        _LABELS,
        ("batch.kubernetes.io/", "job-name"),
        "Kubernetes: CronJob.",
    ),
    PodKind(
        "jobset.x-k8s.io",
        "JobSet",
        (Templates("spec.replicatedJobs.*", "template.spec.template"),),
        "Jobs and a headless Service",
        frozenset({"labels", "environment", "nodes"}),
        ("jobset.sigs.k8s.io/",),
        "kubernetes-sigs/jobset.",
        serves=False,
    ),
    PodKind(
        "batch.volcano.sh",
        "Job",
        (Templates("spec.tasks.*"),),
        "pods",
        frozenset({"labels", "environment", "volumes", "containers", "nodes"}),
        ("volcano.sh/",),
        "Volcano: its plugins env, ssh and svc add environment and volumes.",
        serves=False,
    ),
    PodKind(
        "kubeflow.org",
        "MPIJob",
        (Templates("spec.mpiReplicaSpecs.*"),),
        "pods, a Job and a headless Service",
        frozenset({"labels", "environment", "volumes", "containers", "nodes"}),
        ("training.kubeflow.org/",),
        "kubeflow/mpi-operator: SSH keys and the host file are mounted.",
        serves=False,
    ),
    PodKind(
        "argoproj.io",
        "Rollout",
        _SPEC,
        "ReplicaSets",
        _LABELS,
        ("rollouts-pod-template-hash",),
        "Argo Rollouts.",
    ),
    PodKind("apps.kruise.io", "CloneSet", _SPEC, "pods", _LABELS, ("apps.kruise.io/",), _KRUISE),
    PodKind("apps.kruise.io", "StatefulSet", _SPEC, "pods", _LABELS, ("apps.kruise.io/",), _KRUISE),
    PodKind("apps.kruise.io", "DaemonSet", _SPEC, "pods", _LABELS, ("apps.kruise.io/",), _KRUISE),
    PodKind(
        "apps.openshift.io",
        "DeploymentConfig",
        _SPEC,
        "ReplicationControllers",
        _LABELS,
        ("deploymentconfig",),
        "OpenShift.",
    ),
    PodKind(
        "serving.knative.dev",
        "Service",
        (Templates("spec"),),
        "a Configuration, a Route and a Deployment for each Revision",
        frozenset({"labels", "containers", "environment", "ports", "probes", "volumes"}),
        ("serving.knative.dev/",),
        "Knative Serving: queue-proxy stands before the container and probes it.",
        serves=False,
    ),
)
