"""Every public call refuses what it does not take, by the argument's name, at the user's line."""

from __future__ import annotations

import inspect
import traceback
from collections.abc import Callable, Iterator
from dataclasses import is_dataclass
from pathlib import Path
from typing import Any

import pytest
from cdk8s import Chart
from pydantic import BaseModel

import cdk8s_inference
from cdk8s_inference import (
    AlwaysDisaggregate,
    App,
    ApproximatePrefix,
    ArgoCD,
    Component,
    CpuVllm,
    Crossplane,
    DeploymentRouting,
    DevicePlugin,
    DeviceRequest,
    DisaggregatedConfig,
    DisaggRouting,
    DraDriver,
    EndpointPicker,
    Engine,
    EngineGroup,
    EnvoyProxy,
    EnvVar,
    Flux,
    FluxRepository,
    GangPlacement,
    Gateway,
    GatewayProvider,
    HelmChart,
    InvalidInput,
    Issuer,
    K3s,
    Listener,
    Member,
    ModelDeployment,
    ModelReplica,
    Monitoring,
    PickerOptions,
    Plain,
    Platform,
    Plugin,
    PodAddition,
    PodSettings,
    PrecisePrefix,
    PrefixThreshold,
    Probes,
    Profile,
    RawPickerConfig,
    Rollout,
    ServingStack,
    Shutdown,
    SidecarOptions,
    Simulation,
    SmokeTest,
    StackVersions,
    UnifiedConfig,
    UnifiedRouting,
    router_crds,
    router_release,
)
from cdk8s_inference.releases.stack import STACK_NEWEST

HERE = Path(__file__)
GPU = DeviceRequest.of("gpu", 'device.driver == "gpu.nvidia.com"')
ENGINE = Engine.standalone("qwen", image="vllm/vllm-openai:v0.23.0", devices=[GPU])
SCOPE = App()
NAMED: dict[str, Any] = {"scope": SCOPE, "id": "x", "name": "qwen", "namespace": "ml"}
GROUP = EngineGroup(Chart(App(), "chart"), "group", engine=ENGINE)
DEPLOYMENT = ModelDeployment(App(), "qwen", name="qwen", namespace="ml", engines=[ENGINE])
PREFIX: dict[str, Any] = {"model": "m", "render_url": "http://renderer.ml:8000"}

CALLS: dict[Callable[..., Any], dict[str, Any]] = {
    AlwaysDisaggregate: {},
    ApproximatePrefix: {},
    ArgoCD: {},
    Component: {"name": "x"},
    Crossplane: {},
    DeploymentRouting: {
        **NAMED,
        "replicas": [DEPLOYMENT.replicas[0].routing],
        "engines": [GROUP],
    },
    DevicePlugin: {},
    DeviceRequest: {"name": "gpu", "selectors": [{"cel": "true"}]},
    DeviceRequest.of: {"name": "gpu", "cel": "true"},
    DisaggRouting: {**NAMED, "prefill": GROUP, "decode": GROUP},
    DisaggregatedConfig: {"prefill": Profile(), "decode": Profile()},
    DisaggregatedConfig.always: {},
    DisaggregatedConfig.load_aware: {},
    DisaggregatedConfig.precise_prefix: {"prefix": PrecisePrefix(**PREFIX)},
    DisaggregatedConfig.prefix_aware: {},
    DraDriver: {},
    EndpointPicker: {**NAMED, "pool": "p", "config": UnifiedConfig.prefix_aware()},
    Engine: {"name": "qwen", "members": ENGINE.members},
    Engine.standalone: {"name": "qwen", "image": "i"},
    EngineGroup: {"scope": SCOPE, "id": "x", "engine": ENGINE},
    GROUP.add_annotation: {"key": "a", "value": "b"},
    GROUP.add_container: {"container": {"name": "a", "image": "b"}},
    GROUP.add_env: {},
    GROUP.add_label: {"key": "a", "value": "b"},
    GROUP.add_sidecar: {"container": {"name": "b", "image": "b"}},
    GROUP.add_to_serving_pods: {"addition": PodAddition()},
    GROUP.add_volume: {"volume": {"name": "a"}},
    EnvVar: {"name": "A"},
    EnvVar.from_field: {"name": "A", "field_path": "status.podIP"},
    EnvVar.from_secret: {"name": "A", "secret": "b", "key": "c"},
    EnvoyProxy: {},
    Flux: {},
    FluxRepository: {},
    Gateway: {},
    GatewayProvider: {"name": "acme", "title": "Acme"},
    HelmChart: {"repository": "oci://a", "name": "b", "version": "1"},
    Issuer: {"name": "x"},
    K3s: {},
    Listener: {"name": "x", "port": 80},
    Listener.http: {},
    Listener.https: {"certificate": "tls"},
    Member: {"template": ENGINE.members[0].template},
    Member.of: {"role": "Standalone", "image": "i"},
    ModelDeployment: {**NAMED, "engines": [ENGINE]},
    DEPLOYMENT.waive: {"code": "T503", "reason": "tried"},
    ModelDeployment.from_document: {"scope": SCOPE, "id": "x", "document": {}},
    ModelDeployment.from_file: {"scope": SCOPE, "id": "x", "path": "absent.yaml"},
    ModelReplica: {**NAMED, "engines": [ENGINE]},
    Monitoring: {},
    PickerOptions: {},
    Plain: {},
    GangPlacement: {},
    Platform: {},
    Platform.from_file: {"path": "absent.yaml"},
    Plugin: {"type": "queue-scorer"},
    PodAddition: {},
    PodSettings: {},
    PodSettings.hardened: {},
    PrecisePrefix: PREFIX,
    PrefixThreshold: {},
    Probes: {},
    Profile: {},
    Rollout: {},
    Rollout.in_place: {},
    RawPickerConfig: {"content": "{}"},
    RawPickerConfig("{}").render: {"release": router_release("v0.10.0")},
    ServingStack: {"scope": SCOPE, "id": "x"},
    ServingStack.from_document: {"scope": SCOPE, "id": "x", "document": {}},
    ServingStack.from_file: {"scope": SCOPE, "id": "x", "path": "absent.yaml"},
    Shutdown: {},
    SidecarOptions: {},
    Simulation: {},
    CpuVllm: {},
    SmokeTest: {**NAMED, "deployment": "qwen"},
    StackVersions: vars(STACK_NEWEST),
    UnifiedConfig: {"profile": Profile()},
    UnifiedConfig.load_aware: {},
    UnifiedConfig.precise_prefix: {"prefix": PrecisePrefix(**PREFIX)},
    UnifiedConfig.prefix_aware: {},
    UnifiedRouting: {**NAMED, "engines": [GROUP]},
    router_crds: {},
    router_release: {"version": "v0.10.0"},
}
"""Every public call, with arguments that it takes."""

MADE_HERE = {
    *("ApiObject", "App", "Chart", "JsonPatch", "Testing"),  # cdk8s'
    "Finding",
    "Graph",
    "InferenceWarning",
    "InvalidInput",
    "NotInReleaseError",
    "PickerConfig",
    "RouterRelease",
}
"""What users read, not make."""


class Wrong:
    """No parameter takes it."""


def wrong_values(annotation: str) -> Iterator[Any]:
    """Values that a parameter of an annotation does not take, as the annotation is written."""
    yield from (Wrong, Wrong(), lambda: 5, b"bytes", float("nan"), float("inf"), -(10**20))
    if "Sequence" in annotation or "list[" in annotation or "Collection" in annotation:
        yield from ("vllm serve", (each for each in "ab"), {"a": "b"}, [Wrong()], [["a"]])
    if "str" in annotation and "Path" not in annotation:
        yield from (5, 1.34, [5], "\ud800")
    if "Mapping" in annotation or annotation.endswith("Object") or annotation == "Labels":
        yield from (["a"], {1: 2}, {"a": Wrong()}, {"a": float("inf")})
    if annotation in ("int", "float"):
        yield from ("5", True, [5])


def parameters(call: Callable[..., Any]) -> Iterator[tuple[str, str]]:
    """The parameters of a call, and how their annotations are written."""
    if inspect.isclass(call) and issubclass(call, BaseModel):
        for name, field in call.model_fields.items():
            yield name, str(field.annotation)
        return
    # The metaclass of constructs hides their signature.
    function = call.__init__ if inspect.isclass(call) else call
    for parameter in inspect.signature(function).parameters.values():
        if parameter.name != "self":
            yield parameter.name, str(parameter.annotation)


def title(call: Callable[..., Any]) -> str:
    return call.__name__ if inspect.isclass(call) else call.__qualname__


CASES = [
    pytest.param(call, name, annotation, id=f"{title(call)}-{name}")
    for call in CALLS
    for name, annotation in parameters(call)
]


@pytest.mark.parametrize(("call", "name", "annotation"), CASES)
def test_a_wrong_value_is_told_by_its_name(
    call: Callable[..., Any], name: str, annotation: str
) -> None:
    variadic = name in ("more", "variables")
    for value in wrong_values(annotation):
        arguments = dict(CALLS[call])
        positional = (*arguments.values(), value) if variadic else ()
        with pytest.raises(InvalidInput) as raised:
            call(*positional) if variadic else call(**{**arguments, name: value})
        for finding in raised.value.findings:
            assert finding.code == "A001"
            assert finding.object == f"{title(call)}()"
            assert finding.path.startswith(name)
            assert finding.file is not None
            assert Path(finding.file).resolve() == HERE
            assert finding.message
            assert finding.fix
        last = traceback.extract_tb(raised.value.__traceback__)[-1].filename
        assert Path(last).parent.name == "arguments"
        assert raised.value.__suppress_context__ or raised.value.__context__ is None


def test_every_public_class_is_tried() -> None:
    tried = {title(call) for call in CALLS}
    assert set(cdk8s_inference.__all__) - MADE_HERE <= tried
    for name in sorted(set(cdk8s_inference.__all__) - MADE_HERE):
        public = getattr(cdk8s_inference, name)
        if not (is_dataclass(public) or issubclass_of_model(public)):
            continue
        for method, found in inspect.getmembers(public, inspect.ismethod):
            own = not method.startswith("_") and found.__module__.startswith("cdk8s_inference")
            if own and inspect.signature(found).parameters:
                assert found.__qualname__ in tried


def issubclass_of_model(public: Any) -> bool:
    return inspect.isclass(public) and issubclass(public, BaseModel)
