"""How a serving stack is delivered."""

from cdk8s_inference.stack.delivery.argocd import ArgoCD
from cdk8s_inference.stack.delivery.base import Delivered, Delivery, Plan
from cdk8s_inference.stack.delivery.crossplane import Crossplane
from cdk8s_inference.stack.delivery.flux import Flux, FluxRepository
from cdk8s_inference.stack.delivery.k3s import K3s
from cdk8s_inference.stack.delivery.plain import Plain

__all__ = [
    "ArgoCD",
    "Crossplane",
    "Delivered",
    "Delivery",
    "Flux",
    "FluxRepository",
    "K3s",
    "Plain",
    "Plan",
]
