"""The rules over serving stacks, a file for each idea; importing this registers them."""

from cdk8s_inference.stack.rules import (
    components,
    driver_root,
    duplicate_objects,
    extra_components,
    gateway,
    listeners,
    names,
    proxies,
    versions,
)
from cdk8s_inference.stack.subject import STACK_OBJECT_RULES, STACK_RULES

__all__ = [
    "STACK_OBJECT_RULES",
    "STACK_RULES",
    "components",
    "driver_root",
    "duplicate_objects",
    "extra_components",
    "gateway",
    "listeners",
    "names",
    "proxies",
    "versions",
]
