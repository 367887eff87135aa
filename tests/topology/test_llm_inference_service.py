"""KServe's LLMInferenceService: what its controller makes of it, and what is said of that."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import yaml

from cdk8s_inference.checks import check
from cdk8s_inference.source import Document, read
from cdk8s_inference.topology import Topology
from tests.topology.test_topology import topology, value

NIXL = '--kv-transfer-config={"kv_connector":"NixlConnector","kv_role":"kv_both"}'
SERVICE = """\
apiVersion: serving.kserve.io/v1alpha2
kind: LLMInferenceService
metadata: {name: it, namespace: llm}
spec:
  model: {uri: "hf://Qwen/Qwen3-32B", name: qwen}
  replicas: 2
  parallelism: {tensor: 2}
  router:
    scheduler: {}
    route: {}
    gateway: {}
  template:
    containers:
      - name: main
        args:
          - --max-model-len=4096
"""
APART = """\
apiVersion: serving.kserve.io/v1alpha2
kind: LLMInferenceService
metadata: {name: it, namespace: llm}
spec:
  model: {uri: "hf://Qwen/Qwen3-32B", name: qwen}
  replicas: 2
  router: {scheduler: {}}
  template:
    containers: [&engine {name: main, args: [ARG], env: [&host {name: HOST, valueFrom: IP}]}]
  prefill:
    replicas: 3
    template:
      containers: [*engine]
""".replace("ARG", repr(NIXL)).replace(
    "{name: HOST, valueFrom: IP}",
    "{name: VLLM_NIXL_SIDE_CHANNEL_HOST, valueFrom: {fieldRef: {fieldPath: status.podIP}}}",
)


def service(text: str = SERVICE, **spec: Any) -> dict[str, Any]:
    found: dict[str, Any] = copy.deepcopy(yaml.safe_load(text))
    found["spec"].update(spec)
    return found


def codes(*objects: Any) -> dict[str, str]:
    """The severity of each code; those of a text at its lines."""
    found = check([Document(each) for each in objects])
    return {each.code: each.severity for each in found if each.code != "T001"}


def engines(found: Topology) -> list[Any]:
    return [pods for pods in found.pods if pods.engine is not None]


def test_one_engine_in_a_pool_with_its_picker() -> None:
    found = topology(SERVICE)
    (pods,) = engines(found)
    engine = pods.engine
    assert engine is not None
    read = (
        engine.port,
        engine.tensor_parallel,
        engine.model,
        engine.container.flag("--max-model-len"),
    )
    assert [value(each) for each in read] == [8000, 2, "/mnt/models", "4096"]
    assert (pods.role.value, pods.workload.copies.value) == ("both", 2)
    assert engine.container.image.value.startswith("ghcr.io/llm-d/llm-d-cuda:")
    assert pods.sidecar is None
    (pool,) = found.pools
    assert pool.members == (pods,)
    assert [port.value for port in pool.ports] == [8000]
    assert pool.picker is not None
    assert pool.picker.release.version == "v0.10.0"
    assert pool.service is not None
    assert str(pool.object) == "InferencePool it-inference-pool of LLMInferenceService llm/it"
    assert found.find("InferencePool", "llm", "it-inference-pool") is pool.object
    assert [str(each) for each in found.objects] == ["LLMInferenceService llm/it"]


@pytest.mark.parametrize("text", [SERVICE, APART])
def test_nothing_is_said_of_what_works(text: str) -> None:
    assert set(codes(service(text)).values()) <= {"note"}


def test_prefill_and_decode_have_a_sidecar_between_them() -> None:
    found = topology(APART)
    decode, prefill = engines(found)
    assert (decode.role.value, prefill.role.value) == ("decode", "prefill")
    assert (decode.workload.copies.value, prefill.workload.copies.value) == (2, 3)
    assert decode.sidecar is not None
    assert prefill.sidecar is None
    assert value(decode.sidecar.engine_port) == decode.engine.port.value == 8001
    assert prefill.engine.port.value == 8000
    assert decode.sidecar.connector.value == "nixlv2"
    (pool,) = found.pools
    assert pool.members == (decode, prefill)
    assert pool.disaggregates is not None


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"args": [NIXL.replace("NixlConnector", "MooncakeConnector")]}, "T303"),
        ({"args": [NIXL, "--kv-cache-dtype=fp8"]}, "T306"),
        ({"args": [NIXL, "--port=9000"]}, "T110"),
        ({"args": []}, "T302"),
        ({"env": []}, "T301"),
        ({"image": "vllm/vllm-openai:v0.22.0"}, "T305"),
    ],
)
def test_what_prefill_and_decode_do_not_agree_on_is_an_error(
    change: dict[str, Any], code: str
) -> None:
    found = copy.deepcopy(service(APART))
    found["spec"]["prefill"]["template"]["containers"] = [
        {**found["spec"]["template"]["containers"][0], **change}
    ]
    assert codes(found).get(code) == "error"


def test_flags_may_come_by_an_environment_variable() -> None:
    found = service()
    (container,) = found["spec"]["template"]["containers"]
    container["env"] = [{"name": "VLLM_ADDITIONAL_ARGS", "value": "--block-size 64"}]
    (pods,) = engines(topology([found]))
    assert value(pods.engine.block_size) == 64
    assert value(pods.engine.container.flag("--max-model-len")) == "4096"
    assert "HOME" in pods.engine.container.environment


def test_a_finding_is_at_the_line_that_was_written() -> None:
    text = SERVICE.replace("--max-model-len=4096", "--shutdown-timeout=600")
    documents, _ = read(text.encode(), "it.yaml")
    (found,) = (each for each in check(documents) if each.code == "T619")
    assert (found.line, found.object) == (16, "LLMInferenceService llm/it")
    assert found.path == "spec.template.containers[0].args[0]"


CONFIG = {
    "apiVersion": "llm-d.ai/v1alpha1",
    "kind": "EndpointPickerConfig",
    "plugins": [{"type": "single-profile-handler"}, {"type": "max-score-picker"}],
    "schedulingProfiles": [{"name": "default", "plugins": [{"pluginRef": "max-score-picker"}]}],
}


def with_config(**changes: Any) -> dict[str, Any]:
    config = {"inline": {**CONFIG, **changes}}
    return service(router={"scheduler": {"config": config}})


def test_a_configuration_of_its_own_is_judged() -> None:
    assert "error" not in codes(with_config()).values()
    unknown = {"plugins": [*CONFIG["plugins"], {"type": "max-scor-picker"}]}
    found = check([Document(with_config(**unknown))])
    (said,) = (each for each in found if each.severity == "error")
    assert "max-scor-picker" in said.message
    assert said.path.startswith("spec.router.scheduler.config.inline")


def test_a_configuration_that_is_migrated_is_not_judged() -> None:
    old = {"plugins": [{"type": "pd-profile-handler"}, {"type": "max-scor-picker"}]}
    assert "error" not in codes(with_config(**old)).values()
    ref = service(router={"scheduler": {"config": {"ref": {"name": "picker", "key": "it"}}}})
    assert "error" not in codes(ref).values()


def test_there_is_no_pool_without_a_scheduler_of_its_own() -> None:
    routers: list[Any] = [None, {}, {"route": {}}]
    for router in (*routers, {"scheduler": {"pool": {"ref": {"name": "other"}}}}):
        found = topology([service(router=router)])
        assert len(engines(found)) == 1
        assert not found.pools
        assert not found.pickers


def config(name: str, **spec: Any) -> dict[str, Any]:
    return {
        "apiVersion": "serving.kserve.io/v1alpha2",
        "kind": "LLMInferenceServiceConfig",
        "metadata": {"name": name, "namespace": "llm"},
        "spec": spec,
    }


def test_configurations_that_it_names_are_merged_in_order() -> None:
    first = config("first", replicas=5, parallelism={"tensor": 8})
    second = config("second", parallelism={"tensor": 4}, labels={"team": "ml"})
    found = service(baseRefs=[{"name": "first"}, {"name": "second"}])
    del found["spec"]["parallelism"]
    (pods,) = engines(topology([found, first, second]))
    assert value(pods.engine.tensor_parallel) == 4
    assert pods.labels["team"] == "ml"
    assert pods.workload.copies.value == 2


UNREAD = {
    "a configuration that was not read": service(APART, baseRefs=[{"name": "elsewhere"}]),
    "several nodes": service(APART, worker={"containers": [{"name": "main"}]}),
    "the version before": {**service(APART), "apiVersion": "serving.kserve.io/v1alpha1"},
    "a picker of its own": service(
        APART, router={"scheduler": {"template": {"containers": [{"name": "main"}]}}}
    ),
}


@pytest.mark.parametrize("name", UNREAD)
def test_what_is_not_known_is_never_wrong(name: str) -> None:
    found = UNREAD[name]
    found["spec"]["prefill"]["template"]["containers"][0]["image"] = "example.com/vllm:2"
    assert "error" not in {severity for code, severity in codes(found).items() if code != "T305"}


def test_several_nodes_are_read_as_they_are_written() -> None:
    container = {"name": "main", "image": "vllm/vllm-openai:v0.23.0", "args": ["--port=8005"]}
    found = topology(
        [service(template={"containers": [container]}, worker={"containers": [container]})]
    )
    assert [value(pods.engine.port) for pods in engines(found)] == [8005, 8005]
    assert not found.pools
    assert all(pods.may_gain("flags") for pods in found.pods)


def test_a_service_that_is_stopped_has_no_pods() -> None:
    found = service()
    found["metadata"]["annotations"] = {"serving.kserve.io/stop": "true"}
    assert not topology([found]).pods


def test_it_is_noted_with_what_is_not_read() -> None:
    (unread,) = topology(SERVICE).unread
    assert "LLMInferenceService (serving.kserve.io): 1 object" in unread.message
    assert "adds: devices, volumes" in unread.message
    elsewhere, _ = topology([UNREAD["several nodes"], config("first")]).unread
    assert "adds: " not in elsewhere.message


def test_a_waiver_of_the_service_covers_what_is_made_of_it() -> None:
    found = service()
    found["spec"]["router"]["scheduler"] = {
        "pool": {"spec": {"targetPorts": [{"number": 8000}] * 2}}
    }
    assert codes(found)["T108"] == "error"
    found["metadata"]["annotations"] = {"cdk8s-inference/waive-T108": "for a test"}
    assert codes(found)["T108"] == "note"
