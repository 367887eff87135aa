"""Gateways that cannot do what is asked of them."""

from __future__ import annotations

from cdk8s_inference.findings.example import command, python
from cdk8s_inference.findings.rule import AnyRule, Rule

_SOURCES = "NGINX Gateway Fabric 2.6.7, read in its sources"

CODES: tuple[AnyRule, ...] = (
    Rule(
        "G101",
        "The gateway routes to Services alone, and asks no picker",
        severity="error",
        why="The route's pool is not resolved, and requests are answered 500; the picker "
        "stands by.",
        evidence="Gateway API: an implementation need not know a kind of backend, and does not "
        "resolve one that it does not know.",
        fix="choose a gateway that serves InferencePools, the provider standalone, or unified_mode "
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
    ),
    Rule(
        "G102",
        "The gateway drops the header that names a prefill pod",
        severity="error",
        why="Prefill pods idle, decode does everything with status 200, and nothing says so.",
        evidence=f"{_SOURCES}: of what a picker answers it takes the endpoint alone.",
        fix="choose another gateway, or serve the deployment in mode Unified",
        example=command(
            "cdk8s-inference synth prefill-decode.yaml --output dist "
            "--gateway-provider nginx-gateway-fabric\n",
            "cdk8s-inference synth prefill-decode.yaml --output dist --gateway-provider istio\n",
        ),
    ),
    Rule(
        "G103",
        "The gateway does not honor the pool's failureMode",
        severity="warning",
        why="With the picker down, requests go to any pod where refusal was written, or are "
        "refused where any pod was to answer.",
        evidence=f"{_SOURCES}, nginx/nginx-gateway-fabric#5420. Envoy AI Gateway always refuses: "
        "seen run, envoyproxy/ai-gateway#2502.",
        fix="set PickerOptions.failure_mode to what the gateway does, or choose another gateway",
        example=command(
            "cdk8s-inference synth unified.yaml --output dist --unified picker "
            "--gateway-provider nginx-gateway-fabric\n",
            "cdk8s-inference synth unified.yaml --output dist --unified picker "
            "--gateway-provider istio\n",
        ),
    ),
    Rule(
        "G104",
        "The sidecar would look up a pool that there is not",
        severity="error",
        why="The sidecar learns of no pod that it may call: nothing is prefilled elsewhere.",
        evidence="pd-sidecar: --enable-ssrf-protection reads the InferencePool, and without a "
        "gateway none is composed.",
        fix="leave SidecarOptions.ssrf_protection at False; Envoy removes a client's headers",
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
    ),
)
