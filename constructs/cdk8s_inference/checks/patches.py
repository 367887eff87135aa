"""Patches: objects that Kustomize or a chart merges into others, and that nobody applies."""

from __future__ import annotations

import re

from cdk8s_inference.topology import KubeObject

# Kustomize's own examples and controllers' scaffolds name them so: manager_image_patch.yaml,
# patches/resources.yaml, certificate-patch.yaml.
_PATCH_FILE = re.compile(r"(?:^|[/_.-])patch(?:es)?(?:[/_.-]|$)[^/]*$")


def may_be_patch(owner: KubeObject) -> bool:
    """Whether an object lacks fields since it is a patch, and not since they were forgotten.

    By its file's name or folder, or a Kustomization beside it, or a workload that lacks what no
    workload can lack and a patch has no need of.
    """
    if owner.document.kustomized:
        return True
    file = owner.document.file
    if file is not None and _PATCH_FILE.search(file.replace("\\", "/")):
        return True
    spec = owner.at("spec")
    if owner.kind == "Pod":
        return not spec["containers"].present  # A template of Spark's, or a patch.
    template = spec["template"]
    return template.present and not (spec["selector"].present or template["metadata"].present)
