"""The providers as data: complete, and of one mind with the stack that installs them."""

from __future__ import annotations

import pytest

from cdk8s_inference import App, Gateway, GatewayProvider, ServingStack
from cdk8s_inference.gateways import GATEWAY_PROVIDERS, ISTIO, STANDALONE
from cdk8s_inference.gateways.policies import policies
from cdk8s_inference.releases.stack import STACK_NEWEST
from cdk8s_inference.stack.catalog import PARTS
from cdk8s_inference.stack.props import COMPONENT_NAMES

EACH = pytest.mark.parametrize("provider", GATEWAY_PROVIDERS.values(), ids=GATEWAY_PROVIDERS)


@EACH
def test_its_components_are_the_stacks_and_of_the_release_that_was_read(
    provider: GatewayProvider,
) -> None:
    parts = {part.component for part in provider.provided}
    assert {*provider.components, *parts} <= set(COMPONENT_NAMES)
    assert (provider.controller in provider.components) == bool(provider.components)
    versions = [
        getattr(STACK_NEWEST, part) for name, part in PARTS.items() if name in provider.components
    ]
    assert not versions or provider.release in versions


@EACH
def test_what_is_stated_has_a_source(provider: GatewayProvider) -> None:
    assert provider.caveats
    assert all(caveat.source.startswith("https://") for caveat in provider.caveats)
    assert provider.failure_modes


@EACH
def test_its_usual_class_is_its_own_and_nobody_elses(provider: GatewayProvider) -> None:
    assert (provider.class_name is None) == (not provider.gateway_api)
    if provider.class_name is not None:
        owners = [
            each for each in GATEWAY_PROVIDERS.values() if each.owns_class(provider.class_name)
        ]
        assert owners == [provider]


@EACH
def test_a_limit_on_requests_is_lifted_by_the_route_or_by_a_policy(
    provider: GatewayProvider,
) -> None:
    lifted = {"GCPBackendPolicy", "ProxySettingsPolicy"} & set(provider.policies)
    limited = provider.default_timeout_seconds is not None
    assert provider.route_timeouts or lifted
    assert limited or not lifted


@EACH
@pytest.mark.parametrize("backend", ["Service", "InferencePool"])
def test_policies_are_of_the_kinds_that_it_names(provider: GatewayProvider, backend: str) -> None:
    made = policies(provider, name="a-0", backend=backend, health_path="/health")  # type: ignore[arg-type]
    kinds = [policy.kind for policy in made]
    expected = [
        kind
        for kind in provider.policies
        # It is about the picker.
        if kind != "DestinationRule" or backend == "InferencePool"
    ]
    assert kinds == expected


def test_how_it_is_called() -> None:
    assert (str(ISTIO), repr(ISTIO)) == ("Istio 1.30.3", "<GatewayProvider istio>")
    assert str(STANDALONE) == "Standalone"


def test_a_stacks_gateway_keeps_its_provider() -> None:
    stack = ServingStack(App(), "stack", gateway=Gateway(provider=ISTIO))
    assert Gateway(provider=ISTIO, stack=stack).provider == ISTIO
    with pytest.raises(ValueError, match=r"the stack's gateway is Istio 1\.30\.3, not Standalone"):
        Gateway(provider=STANDALONE, stack=stack)
