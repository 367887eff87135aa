"""The CRDs of llm-d's router, as a component that a stack may install."""

from __future__ import annotations

from cdk8s_inference.arguments import checked
from cdk8s_inference.platform.platform import Router
from cdk8s_inference.releases import ROUTER_NEWEST
from cdk8s_inference.releases.crds import crds_of, releases_of
from cdk8s_inference.stack.component import Component


@checked
def router_crds(release: Router = ROUTER_NEWEST) -> Component:
    """InferenceObjective and InferenceModelRewrite of ``llm-d.ai``, for the argument ``extra``.

    They are not installed by default: a picker whose Role does not allow it to list
    InferenceModelRewrites answers 503 to every request once that CRD is installed (seen run with
    router v0.9.0 and v0.10.0). The Roles of :class:`EndpointPicker` allow it. A picker that runs
    when the CRDs are installed reads them after its next start.

    Args:
        release: The router's release.

    Raises:
        ValueError: The CRDs of the release are not known; the message names those that are.
    """
    crds = crds_of("llm-d-router", release.version)
    if not crds:
        known = ", ".join(releases_of("llm-d-router"))
        raise ValueError(f"the CRDs of {release.title} are not known; known are those of {known}")
    return Component("llm-d-router-crds", crds=crds)
