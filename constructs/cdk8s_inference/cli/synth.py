"""From valid deployments to manifests."""

from __future__ import annotations

from collections.abc import Sequence

from cdk8s_inference.cli.inputs import Loaded
from cdk8s_inference.platform import Platform


def compose(loaded: Sequence[Loaded], platform: Platform) -> list[str]:
    """The manifests of each deployment, as one YAML text.

    Raises:
        OSError: Node.js does not start.
    """
    # Starting cdk8s starts Node.js, which a wrong input must not wait for.
    from cdk8s import App

    from cdk8s_inference.deployment import ModelDeployment

    texts = []
    for item in loaded:
        # An App each: two documents may describe one deployment on two clusters.
        app = App()
        ModelDeployment.from_checked(
            app, item.deployment.name, item.deployment, item.findings, platform
        )
        texts.append(app.synth_yaml())
    return texts
