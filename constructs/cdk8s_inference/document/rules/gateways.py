"""Whether a gateway's provider supports what a deployment needs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from cdk8s_inference.document.examples import with_argument
from cdk8s_inference.findings import Finding
from cdk8s_inference.findings.example import command, edited, python
from cdk8s_inference.findings.rule import RuleSet, Violation
from cdk8s_inference.gateways import GatewayProvider
from cdk8s_inference.platform import Platform

_SOURCES = "NGINX Gateway Fabric 2.6.7, read in its sources"

_ON_ISTIO = "from cdk8s_inference.gateways import ISTIO\n\n" + with_argument(
    "platform", "Platform(\n        gateway=Gateway(provider=ISTIO),\n    )"
)


@dataclass(frozen=True)
class GatewaySubject:
    """A platform with an endpoint picker behind its gateway.

    Attributes:
        platform: The platform's choices.
        disaggregated: Whether the picker names a prefill pod beside the one that it picks.
    """

    platform: Platform
    disaggregated: bool

    @property
    def provider(self) -> GatewayProvider:
        """What implements the gateway."""
        return self.platform.gateway.provider

    @property
    def serves_pools(self) -> bool:
        """Whether the provider asks endpoint pickers."""
        return self.provider.pools or not self.provider.gateway_api


GATEWAY_RULES: RuleSet[GatewaySubject] = RuleSet()


def incompatibilities(platform: Platform, *, disaggregated: bool) -> Iterator[Finding]:
    """What prevents a picker from working behind the platform's gateway, and what differs.

    Args:
        platform: The platform's choices.
        disaggregated: Whether the picker names a prefill pod beside the one that it picks.
    """
    return GATEWAY_RULES.findings(GatewaySubject(platform, disaggregated))


@GATEWAY_RULES.rule(
    "G101",
    "error",
    "The gateway does not support InferencePools",
    why="The route's backend is not resolved, and requests are answered with 500. The endpoint "
    "picker receives no requests.",
    evidence="Gateway API: an implementation does not have to support every kind of backend, and "
    "does not resolve a kind that it does not support.",
    fix="use a gateway that supports InferencePools, the provider standalone, or unified_mode "
    "service",
    example=python(
        """\
acme = GatewayProvider("acme", "Acme Gateway", pools=False)
platform = Platform(gateway=Gateway(provider=acme), unified_mode="picker")
ModelDeployment.from_file(App(), "qwen", "unified.yaml", platform=platform)
""",
        """\
acme = GatewayProvider("acme", "Acme Gateway", pools=False)
platform = Platform(gateway=Gateway(provider=acme), unified_mode="service")
ModelDeployment.from_file(App(), "qwen", "unified.yaml", platform=platform)
""",
    ),
)
def no_pools(subject: GatewaySubject) -> Iterator[Violation]:
    if not subject.serves_pools:
        yield Violation(
            None, f"{subject.provider} routes to Services only, and calls no endpoint picker"
        )


@GATEWAY_RULES.rule(
    "G102",
    "error",
    "The gateway drops the header that names a prefill pod",
    why="Prefill pods stay idle, and decode does all the work with status 200.",
    evidence=f"{_SOURCES}: it takes only the endpoint from the picker's answer.",
    fix="use another gateway, or serve the deployment in mode Unified",
    example=command(
        "cdk8s-inference synth prefill-decode.yaml --output dist "
        "--gateway-provider nginx-gateway-fabric\n",
        "cdk8s-inference synth prefill-decode.yaml --output dist --gateway-provider istio\n",
    ),
)
def dropped_header(subject: GatewaySubject) -> Iterator[Violation]:
    if subject.serves_pools and subject.disaggregated and not subject.provider.picker_headers:
        yield Violation(
            None,
            f"{subject.provider} drops the header in which the endpoint picker names a prefill "
            "pod: decode does all the work, with status 200",
        )


@GATEWAY_RULES.rule(
    "G103",
    "warning",
    "The gateway does not support the pool's failureMode",
    why="While the endpoint picker is down, the gateway sends requests to any pod although they "
    "should be refused, or refuses them although any pod should answer.",
    evidence=f"{_SOURCES}, nginx/nginx-gateway-fabric#5420. Envoy AI Gateway always refuses: "
    "seen run, envoyproxy/ai-gateway#2502.",
    fix="set PickerOptions.failure_mode to what the gateway does, or use another gateway",
    example=command(
        "cdk8s-inference synth unified.yaml --output dist --unified picker "
        "--gateway-provider nginx-gateway-fabric\n",
        "cdk8s-inference synth unified.yaml --output dist --unified picker "
        "--gateway-provider istio\n",
    ),
)
def unsupported_failure_mode(subject: GatewaySubject) -> Iterator[Violation]:
    failure_mode = subject.platform.picker.failure_mode
    if subject.serves_pools and failure_mode not in subject.provider.failure_modes:
        supported = " or ".join(subject.provider.failure_modes)
        yield Violation(
            None,
            f"the pool's failureMode is {failure_mode}, and {subject.provider} always does "
            f"{supported}",
            fix=f"set PickerOptions.failure_mode to {supported}, or use another gateway",
        )


@GATEWAY_RULES.rule(
    "G104",
    "error",
    "SSRF protection needs an InferencePool, and none is composed",
    why="The sidecar finds no pod that it may call, and prefill pods receive no requests.",
    evidence="pd-sidecar: --enable-ssrf-protection reads the InferencePool. Without a gateway "
    "none is composed.",
    fix="leave SidecarOptions.ssrf_protection at None; Envoy removes a client's headers",
    example=python(
        """\
from cdk8s_inference.gateways import STANDALONE

platform = Platform(
    gateway=Gateway(provider=STANDALONE), sidecar=SidecarOptions(ssrf_protection=True)
)
ModelDeployment.from_file(App(), "qwen", "prefill-decode.yaml", platform=platform)
""",
        """\
from cdk8s_inference.gateways import STANDALONE

platform = Platform(gateway=Gateway(provider=STANDALONE))
ModelDeployment.from_file(App(), "qwen", "prefill-decode.yaml", platform=platform)
""",
    ),
)
def protection_without_pool(subject: GatewaySubject) -> Iterator[Violation]:
    if (
        subject.disaggregated
        and not subject.provider.gateway_api
        and subject.platform.guards_prefill
    ):
        yield Violation(
            None,
            "the sidecar's SSRF protection reads the InferencePool to find the pods that it may "
            f"call, and {subject.provider.name} has none",
        )


@GATEWAY_RULES.rule(
    "G105",
    "error",
    "The router's release has no SSRF protection that works with InferencePools of v1",
    why="The sidecar knows no pod of the pool, and refuses every prefill target with status 403.",
    evidence="The sidecar's allow list, read in the sources of v0.8.0 to v0.10.0: before v0.10.0 "
    "it takes spec.selector for the labels themselves. v0.8.0 and v0.10.0 seen run.",
    fix="leave SidecarOptions.ssrf_protection at None, or use router v0.10.0",
    example=python(
        """\
from cdk8s_inference.releases import router_release

platform = Platform(
    router=router_release("v0.8.0"), sidecar=SidecarOptions(ssrf_protection=True)
)
ModelDeployment.from_file(App(), "qwen", "prefill-decode.yaml", platform=platform)
""",
        """\
from cdk8s_inference.releases import router_release

platform = Platform(router=router_release("v0.8.0"))
ModelDeployment.from_file(App(), "qwen", "prefill-decode.yaml", platform=platform)
""",
    ),
    after=("G104",),
)
def protection_refuses_all(subject: GatewaySubject) -> Iterator[Violation]:
    router = subject.platform.router
    if (
        subject.disaggregated
        and subject.platform.guards_prefill
        and not router.sidecar.guards_v1_pools
    ):
        yield Violation(
            None,
            f"the sidecar of {router.title} does not find the pods of an InferencePool of v1, and "
            "with SSRF protection refuses every prefill target",
        )


@GATEWAY_RULES.rule(
    "W301",
    "warning",
    "The pool's failureMode is FailOpen",
    why="While the endpoint picker is down, the gateway sends requests to any pod of the pool: "
    "prefill pods answer users, and requests are not disaggregated, with status 200.",
    evidence="The meaning of FailOpen in an InferencePool; not seen run.",
    fix="leave PickerOptions.failure_mode at FailClose, or accept this",
    example=python(
        edited(
            _ON_ISTIO,
            (
                "(provider=ISTIO),\n",
                '(provider=ISTIO),\n        picker=PickerOptions(failure_mode="FailOpen"),\n',
            ),
        ),
        _ON_ISTIO,
    ),
)
def fail_open(subject: GatewaySubject) -> Iterator[Violation]:
    failure_mode = subject.platform.picker.failure_mode
    if failure_mode == "FailOpen" and failure_mode in subject.provider.failure_modes:
        yield Violation(
            None,
            f"the pool's failureMode is FailOpen: while the endpoint picker is down, "
            f"{subject.provider} sends requests to any of its pods, prefill pods included",
        )
