"""What is synthesized is checked: as it will be applied, after every patch."""

from __future__ import annotations

import traceback
import warnings
from datetime import date
from typing import Any

import pytest
from cdk8s import ApiObject, Chart, JsonPatch

from cdk8s_inference import (
    App,
    DeviceRequest,
    DisaggRouting,
    Engine,
    EngineGroup,
    InferenceWarning,
    InvalidInput,
    ModelDeployment,
    Platform,
)
from cdk8s_inference.findings import errors
from tests.document.builders import prefill_decode

Json = dict[str, Any]

PORT = "/spec/template/spec/initContainers/0/args/1"


def deployment() -> tuple[App, ModelDeployment]:
    app = App()
    return app, ModelDeployment.from_document(app, "qwen", prefill_decode())


def object_of(chart: ModelDeployment, kind: str, name: str) -> ApiObject:
    return next(
        each
        for each in chart.node.find_all()
        if isinstance(each, ApiObject) and (each.kind, each.metadata.name) == (kind, name)
    )


def test_clean() -> None:
    app, chart = deployment()
    assert errors(chart.check()) == []
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        app.synth_yaml()


def test_what_a_patch_breaks_is_refused() -> None:
    app, chart = deployment()
    decode = object_of(chart, "Deployment", "qwen-0-decode")
    decode.add_json_patch(JsonPatch.replace(PORT, "--model-server-port=9000"))
    (error,) = errors(chart.check())
    assert error.code == "T201"
    with pytest.raises(RuntimeError, match=r"error\[T201\].*forwards to 9000.*listens on 8001"):
        app.synth_yaml()


def test_what_a_patch_mends_is_taken() -> None:
    app, chart = deployment()
    decode = object_of(chart, "Deployment", "qwen-0-decode")
    decode.add_json_patch(JsonPatch.replace(PORT, "--model-server-port=9000"))
    decode.add_json_patch(JsonPatch.replace(PORT, "--model-server-port=8001"))
    app.synth_yaml()


def test_a_warning_is_raised_as_one() -> None:
    app, chart = deployment()
    route = object_of(chart, "HTTPRoute", "qwen-0")
    route.add_json_patch(JsonPatch.remove("/spec/rules/0/timeouts"))
    with pytest.warns(InferenceWarning, match="T503"):
        app.synth_yaml()


def test_a_waiver_lets_an_error_pass() -> None:
    app, chart = deployment()
    object_of(chart, "Deployment", "qwen-0-decode").add_json_patch(
        JsonPatch.replace(PORT, "--model-server-port=9000")
    )
    chart.waive("T201", "the pool is patched by another tool")
    app.synth_yaml()
    (note,) = (each for each in chart.check() if each.code == "T201")
    assert note.severity == "note"


def test_an_expired_waiver_does_not() -> None:
    app, chart = deployment()
    object_of(chart, "Deployment", "qwen-0-decode").add_json_patch(
        JsonPatch.replace(PORT, "--model-server-port=9000")
    )
    chart.waive("T201", "for now", until=date(2020, 1, 1))
    with pytest.warns(InferenceWarning, match="T003"), pytest.raises(RuntimeError, match="T201"):
        app.synth_yaml()


def test_an_unused_waiver_is_told() -> None:
    app, chart = deployment()
    chart.waive("T201", "not needed")
    with pytest.warns(InferenceWarning, match="T002"):
        app.synth_yaml()


def test_a_waiver_needs_a_reason() -> None:
    _, chart = deployment()
    with pytest.raises(ValueError, match="reason: is empty"):
        chart.waive("T201", "")


def test_the_checks_do_not_multiply(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also with others in the app: a check that renders the app would ask for all of them."""
    app = App()
    charts = [
        ModelDeployment.from_document(app, f"it-{index}", prefill_decode(), namespace=f"n{index}")
        for index in range(3)
    ]
    checked: list[str] = []
    check = ModelDeployment.check

    def counted(self: ModelDeployment) -> Any:
        checked.append(self.node.path)
        return check(self)

    monkeypatch.setattr(ModelDeployment, "check", counted)
    app.synth_yaml()
    paths = [chart.node.path for chart in charts]
    assert sorted(checked) == sorted(paths)


@pytest.mark.parametrize("mode", ["service", "picker"])
def test_a_user_who_leaves_everything_as_it_is_hears_nothing(mode: Any) -> None:
    app = App()
    ModelDeployment.from_document(
        app, "qwen", prefill_decode(), platform=Platform(unified_mode=mode)
    )
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        app.synth_yaml()


def lone(app: App, namespace: str, *, routing: str = "ml") -> None:
    """Constructs in charts of their user: engines in one, what routes to them in another."""
    gpu = DeviceRequest.of("gpu", 'device.driver == "gpu.nvidia.com"')
    transfer = '--kv-transfer-config={"kv_connector":"NixlConnector","kv_role":"kv_both"}'
    engines = Chart(app, "engines")
    prefill, decode = (
        EngineGroup(
            engines,
            name,
            engine=Engine.standalone(
                name,
                image="vllm/vllm-openai:v0.23.0",
                args=["--model=m", f"--port={port}", transfer],
                devices=[gpu],
            ),
            namespace=namespace,
        )
        for name, port in (("prefill", 8000), ("decode", 8001))
    )
    DisaggRouting(
        Chart(app, "routing"),
        "routing",
        prefill=prefill,
        decode=decode,
        name="qwen",
        namespace=routing,
    )


def test_constructs_by_themselves_are_checked_together() -> None:
    app = App()
    lone(app, "ml")
    app.synth_yaml()
    app = App()
    lone(app, "other")
    with pytest.raises(InvalidInput, match=r"T105.* namespace 'other'"):
        app.synth_yaml()


def test_a_deployment_beside_them_is_checked_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    app, chart = deployment()
    lone(app, "ml")
    object_of(chart, "Deployment", "qwen-0-decode").add_json_patch(
        JsonPatch.replace(PORT, "--model-server-port=9000")
    )
    with pytest.raises(InvalidInput) as raised:
        app.synth_yaml()
    assert [each.code for each in raised.value.findings] == ["T201"]


def test_a_refusal_has_no_trace_of_node() -> None:
    app, chart = deployment()
    object_of(chart, "Deployment", "qwen-0-decode").add_json_patch(
        JsonPatch.replace(PORT, "--model-server-port=9000")
    )
    with pytest.raises(InvalidInput) as raised:
        app.synth()
    lines = traceback.format_exception(raised.type, raised.value, raised.tb)
    assert "jsii" not in "".join(lines)
    assert len(raised.traceback) == 2


def test_a_warning_points_at_the_line_that_synthesizes() -> None:
    app, chart = deployment()
    object_of(chart, "HTTPRoute", "qwen-0").add_json_patch(
        JsonPatch.remove("/spec/rules/0/timeouts")
    )
    with pytest.warns(InferenceWarning) as warned:
        app.synth_yaml()
    assert {each.filename for each in warned} == {__file__}
