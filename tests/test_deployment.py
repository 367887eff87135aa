"""ModelDeployment and ModelReplica: what comes in, what comes out, and what is refused whole."""

from __future__ import annotations

import copy
import json
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cdk8s import ApiObject, Chart, JsonPatch
from hypothesis import given, settings
from hypothesis import strategies as st

from cdk8s_inference import (
    App,
    DeviceRequest,
    Engine,
    EnvVar,
    Gateway,
    InferenceWarning,
    InvalidInput,
    Member,
    ModelDeployment,
    ModelReplica,
    Platform,
)
from cdk8s_inference.findings import errors
from cdk8s_inference.gateways import AGENTGATEWAY
from cdk8s_inference.graph import Node
from cdk8s_inference.source.reader import MAX_BYTES
from tests.document import builders
from tests.document.builders import CEL, accepted, as_yaml, document, gang, standalone, walk
from tests.kit.cluster import pods
from tests.kit.syntax import label_value
from tests.kit.synth import composed, of_kind, serving_template, synthesized, the, workloads

Json = dict[str, Any]

GPU = DeviceRequest.of("gpu", CEL)
DOCUMENTS: list[Callable[[], Json]] = [
    builders.unified,
    builders.two_engines,
    builders.prefill_decode,
    builders.gangs,
    builders.everything_current,
]


def written(make: Callable[[App], object]) -> str:
    app = App()
    make(app)
    synthesized(app)
    return app.synth_yaml()


# One deployment, however it is given


@pytest.mark.parametrize("build", DOCUMENTS)
def test_a_document_is_the_same_from_data_yaml_json_and_as_values(
    build: Callable[[], Json], tmp_path: Path
) -> None:
    found = build()
    (tmp_path / "it.yaml").write_text(as_yaml(found))
    (tmp_path / "it.json").write_text(json.dumps(found))
    deployment = accepted(found)
    template = deployment.spec.template
    cache = template.spec.model_cache_ref
    texts = [
        written(lambda app: ModelDeployment.from_document(app, "it", found)),
        written(lambda app: ModelDeployment.from_file(app, "it", tmp_path / "it.yaml")),
        written(lambda app: ModelDeployment.from_file(app, "it", str(tmp_path / "it.json"))),
        written(
            lambda app: ModelDeployment(
                app,
                "it",
                name=deployment.name,
                namespace=deployment.namespace,
                engines=template.spec.engines,
                serving_mode=template.spec.serving_mode,
                replicas=deployment.spec.replicas,
                model_cache=cache.name if cache else None,
                labels=template.metadata.labels if template.metadata else None,
            )
        ),
    ]
    assert texts == [texts[0]] * 4


def test_a_deployment_in_typed_python_is_the_one_in_the_document() -> None:
    env = {"name": "HF_TOKEN", "valueFrom": {"secretKeyRef": {"name": "hf", "key": "token"}}}
    decode = gang("decode", "--port=8001", phase="Decode")
    decode["members"][0]["template"]["spec"]["containers"][0]["env"] = [env]
    found = document(
        standalone("prefill", "--port=8000", phase="Prefill", copies=2),
        decode,
        serving={"mode": "PrefillDecode"},
        modelCacheRef={"name": "weights"},
    )
    image = "ghcr.io/acme/vllm:v0.23.0"
    leader = Member.of(
        "Leader",
        image=image,
        args=["--port=8001"],
        env=[EnvVar.from_secret("HF_TOKEN", "hf", "token")],
    )
    worker = Member.of("Worker", image=image, command=["ray", "start"], devices=[GPU], nodes=2)

    def typed(app: App) -> ModelDeployment:
        return ModelDeployment(
            app,
            "it",
            name="qwen",
            namespace="ml-team",
            serving_mode="PrefillDecode",
            model_cache="weights",
            engines=[
                Engine.standalone(
                    "prefill",
                    phase="Prefill",
                    copies=2,
                    image=image,
                    args=["--port=8000"],
                    devices=[GPU],
                ),
                Engine(name="decode", phase="Decode", members=[leader, worker]),
            ],
        )

    assert written(typed) == written(lambda app: ModelDeployment.from_document(app, "it", found))


def test_both_shapes_of_the_document_compose_the_same() -> None:
    found = builders.everything()
    assert composed(builders.under_spec(found)) == composed(found)


def test_a_chart_may_be_called_anything() -> None:
    """No name depends on where in the tree something stands."""
    found = builders.prefill_decode()
    assert written(lambda app: ModelDeployment.from_document(app, "a", found)) == written(
        lambda app: ModelDeployment.from_document(Chart(app, "b"), "c", found)
    )


# What it composes


def test_replicas_are_complete_each() -> None:
    found = builders.prefill_decode()
    found["spec"]["replicas"] = 3
    platform = Platform(gateway=Gateway(provider=AGENTGATEWAY))
    objects = composed(found, platform)
    one = composed(builders.prefill_decode(), platform)
    for index in range(3):
        text = json.dumps(one).replace("qwen-0", f"qwen-{index}")
        assert json.loads(text) == objects[index * len(one) : (index + 1) * len(one)]
    budgets = {each["metadata"]["name"] for each in of_kind(objects, "PodDisruptionBudget")}
    assert budgets == {"qwen-prefill", "qwen-decode"}
    assert len(objects) == 3 * len(one) + 1 + len(budgets)
    assert {route["metadata"]["name"] for route in of_kind(objects, "HTTPRoute")} == {
        "qwen",
        "qwen-0",
        "qwen-1",
        "qwen-2",
    }


def test_a_replica_says_what_it_is() -> None:
    app = App()
    deployment = ModelDeployment.from_document(app, "it", builders.prefill_decode())
    (replica,) = deployment.replicas
    assert replica.name == "qwen-0"
    assert replica.serving_mode == "PrefillDecode"
    assert replica.phases == {"prefill": "Prefill", "decode": "Decode"}
    assert {name: group.port for name, group in replica.engines.items()} == {
        "prefill": 8000,
        "decode": 8001,
    }
    assert replica.routing.path == "/ml-team/qwen-0/"
    unified = ModelDeployment.from_document(App(), "it", builders.unified())
    assert unified.replicas[0].phases == {}


@pytest.mark.parametrize("name", ["routing", "engine", "workload", "replica-0", "route"])
def test_an_engine_may_be_called_anything(name: str) -> None:
    objects = composed(document(standalone(name)))
    assert the(objects, "Deployment")["metadata"]["name"] == f"qwen-0-{name}"


def test_engines_of_a_deployment_can_be_added_to() -> None:
    app = App()
    deployment = ModelDeployment.from_document(app, "it", builders.prefill_decode())
    for replica in deployment.replicas:
        replica.engines["decode"].add_env(EnvVar(name="A", value="1"))
        replica.engines["decode"].add_sidecar({"name": "log", "image": "l"})
    objects = synthesized(app)
    pod = serving_template(the(objects, "Deployment", "qwen-0-decode"))["spec"]
    assert pod["containers"][0]["env"][-1] == {"name": "A", "value": "1"}
    assert [each["name"] for each in pod["initContainers"]] == ["pd-sidecar", "log"]


def test_the_namespace_is_the_documents_unless_another_is_given(tmp_path: Path) -> None:
    found = builders.unified()
    file = tmp_path / "it.json"
    file.write_text(json.dumps(found))
    for expected, namespace in (("ml-team", None), ("other", "other")):
        for deployment in (
            ModelDeployment.from_document(App(), "it", found, namespace=namespace),
            ModelDeployment.from_file(App(), "it", file, namespace=namespace),
        ):
            objects = synthesized(deployment)
            assert {entry["metadata"]["namespace"] for entry in objects} == {expected}
            assert f"/{expected}/qwen-0/" in json.dumps(the(objects, "HTTPRoute"))


def test_a_document_without_a_namespace_goes_to_default_and_says_so() -> None:
    found = builders.edited(builders.unified(), "metadata.namespace", builders.ABSENT)
    with pytest.warns(InferenceWarning, match="D205"):
        deployment = ModelDeployment.from_document(App(), "it", found)
    assert [finding.code for finding in deployment.findings] == ["D205"]
    assert {entry["metadata"]["namespace"] for entry in synthesized(deployment)} == {"default"}


def test_a_warning_points_at_the_users_line() -> None:
    found = document(gang("kimi"))
    spec = accepted(found).spec.template.spec
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        ModelDeployment.from_document(App(), "it", found)
        ModelDeployment(App(), "it", name="a", namespace="b", engines=spec.engines)
    assert [warning.category for warning in caught] == [InferenceWarning] * 2
    assert {warning.filename for warning in caught} == {__file__}


# A replica by itself


def test_a_replica_in_a_chart_of_another_namespace_goes_where_it_is_told() -> None:
    chart = Chart(App(), "chart", namespace="elsewhere")
    ModelReplica(
        chart,
        "replica",
        name="mine",
        namespace="ml-team",
        engines=accepted(builders.gangs()).spec.template.spec.engines,
    )
    objects = synthesized(chart)
    assert len(objects) == 4
    assert {entry["metadata"]["namespace"] for entry in objects} == {"ml-team"}


@pytest.mark.parametrize(
    ("phases", "mode", "says"),
    [
        (["Prefill", None], "PrefillDecode", "{'a': 'Prefill', 'b': None}"),
        (["Prefill", "Prefill"], "PrefillDecode", "{'a': 'Prefill', 'b': 'Prefill'}"),
        (["Decode"], "PrefillDecode", "{'a': 'Decode'}"),
        (["Prefill", "Decode", None], "PrefillDecode", "'c': None}"),
    ],
)
def test_a_replica_whose_engines_do_not_fit_leaves_nothing(
    phases: list[Any], mode: Any, says: str
) -> None:
    engines = [
        Engine.standalone(name, image="i", devices=[GPU], phase=phase)
        for name, phase in zip("abc", phases, strict=False)
    ]
    chart = Chart(App(), "chart")
    with pytest.raises(ValueError, match="PrefillDecode needs a phase on each engine") as raised:
        ModelReplica(chart, "r", name="r", namespace="n", engines=engines, serving_mode=mode)
    assert says in str(raised.value)
    assert chart.node.children == []


def test_engines_of_one_name_are_refused() -> None:
    engine = Engine.standalone("a", image="i", devices=[GPU])
    with pytest.raises(ValueError, match="each engine needs a name of its own"):
        ModelReplica(Chart(App(), "c"), "r", name="r", namespace="n", engines=[engine, engine])


# What is refused, is refused whole


def test_a_document_says_all_that_is_wrong_with_it_and_where(tmp_path: Path) -> None:
    found = document(
        standalone("Foo", "--port=x"), standalone("b", image=1), serving={"mode": "PrefillDecode"}
    )
    file = tmp_path / "bad.yaml"
    file.write_text(as_yaml(found))
    app = App()
    with pytest.raises(InvalidInput) as raised:
        ModelDeployment.from_file(app, "it", file)
    findings = raised.value.findings
    assert {finding.code for finding in findings} >= {"D004", "D009", "D102", "D103", "D122"}
    lines = file.read_text().splitlines()
    for finding in findings:
        assert finding.file == str(file)
        assert finding.line is not None
        assert 0 < finding.line <= len(lines)
    assert app.node.children == []


@pytest.mark.parametrize(
    ("content", "code", "says"),
    [
        (b"", "D001", "holds no document"),
        (b"a: [", "D001", "invalid YAML"),
        (b"\xff", "D001", "not UTF-8"),
        (b"a: 1\n---\nb: 1\n", "D012", "holds 2 documents"),
        (b"[]", "D006", "a list"),
        (b" " * (MAX_BYTES + 2), "D002", "larger than"),
    ],
)
def test_a_file_that_is_no_document(content: bytes, code: str, says: str, tmp_path: Path) -> None:
    file = tmp_path / "it.yaml"
    file.write_bytes(content)
    app = App()
    with pytest.raises(InvalidInput, match=says) as raised:
        ModelDeployment.from_file(app, "it", file)
    assert {(finding.code, finding.file) for finding in raised.value.findings} == {
        (code, str(file))
    }
    assert app.node.children == []


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "none.yaml"):
        with pytest.raises(OSError, match=str(tmp_path)):
            ModelDeployment.from_file(App(), "it", path)


def test_typed_values_that_break_a_rule_say_so_all_at_once() -> None:
    engine = Engine.standalone("a", image="i", devices=[GPU], phase="Decode")
    app = App()
    with pytest.raises(InvalidInput) as raised:
        ModelDeployment(app, "it", name="7b", namespace="A", engines=[engine, engine])
    assert {finding.code for finding in raised.value.findings} >= {"D009", "D011", "D104"}
    assert app.node.children == []


@pytest.mark.parametrize("namespace", ["Ml", "a_b", "a" * 64])
def test_a_namespace_that_no_cluster_has_is_refused(namespace: str) -> None:
    app = App()
    with pytest.raises(InvalidInput) as raised:
        ModelDeployment.from_document(app, "it", builders.unified(), namespace=namespace)
    assert [finding.path for finding in raised.value.findings] == ["metadata.namespace"]
    assert app.node.children == []


def named(name: str, found: Json, *, namespace: str = "ml-team", replicas: int = 1) -> Json:
    found = copy.deepcopy(found)
    found["metadata"] = {"name": name, "namespace": namespace}
    found["spec"]["replicas"] = replicas
    return found


ALONE, SPREAD = document(standalone("x")), document(gang("x"))
COLLISIONS = {
    "one name": (named("a", ALONE), named("a", ALONE), "Deployment ml-team/a-0-x"),
    "one route": (
        named("a", document(standalone("x"))),
        named("a", document(standalone("y"))),
        "Service ml-team/a-0",
    ),
    "the last replica": (
        named("a", document(standalone("0-x")), replicas=2),
        named("a-1", ALONE),
        "Deployment ml-team/a-1-0-x",
    ),
    "a gang's own Service": (
        named("a", document(gang("0"))),
        named("a-0", ALONE),
        "Service ml-team/a-0-0",
    ),
    "a gang and a Deployment": (
        named("a", document(gang("0-x"))),
        named("a-0", ALONE),
        "label cdk8s-inference/engine ml-team/a-0-0-x",
    ),
    "an engine and a picker": (
        named("a", builders.prefill_decode()),
        named("a", document(standalone("epp"))),
        "Deployment ml-team/a-0-epp",
    ),
}


@pytest.mark.parametrize(("one", "other", "says"), COLLISIONS.values(), ids=COLLISIONS)
def test_two_deployments_do_not_compose_one_object(one: Json, other: Json, says: str) -> None:
    for first, second in ((one, other), (other, one)):
        app = App()
        ModelDeployment.from_document(app, "first", first)
        before = synthesized(app)
        with pytest.raises(ValueError, match="is composed by chart first already") as raised:
            ModelDeployment.from_document(app, "second", second)
        assert str(raised.value).startswith("second: ")
        # In the other order, another of the objects that collide may be the first.
        assert says in str(raised.value) or first is other
        # Nothing of the second is there, and none of its names are taken.
        assert synthesized(app) == before
        assert len(app.charts) == 1
        elsewhere = named("else", second, replicas=1)
        ModelDeployment.from_document(app, "second", elsewhere)


def test_names_are_apart_in_namespaces_and_in_apps() -> None:
    app = App()
    ModelDeployment.from_document(app, "a", named("a", ALONE))
    ModelDeployment.from_document(app, "b", named("a", ALONE, namespace="other"))
    ModelDeployment.from_document(App(), "a", named("a", ALONE))
    assert len(synthesized(app)) == 8


def test_a_cut_name_that_another_engine_has_is_refused() -> None:
    """Two Deployments of one name: the second one applied would replace the first."""
    long = "e" * 63
    cut = the(composed(document(standalone(long))), "Deployment")["metadata"]["name"]
    app = App()
    with pytest.raises(InvalidInput, match=f"have the same name: Deployment {cut}"):
        ModelDeployment.from_document(
            app, "it", document(standalone(long), standalone(cut.removeprefix("qwen-0-")))
        )
    assert app.node.children == []


def test_a_chart_id_that_is_taken_takes_no_names() -> None:
    app = App()
    Chart(app, "it")
    with pytest.raises(RuntimeError, match="There is already a Construct with name 'it'"):
        ModelDeployment.from_document(app, "it", builders.unified())
    ModelDeployment.from_document(app, "other", builders.unified())


# Whatever people write

NAMES = st.one_of(
    st.sampled_from(["a", "epp", "routing", "e" * 63, "0", "a-0", "x" * 40]),
    st.from_regex(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?", fullmatch=True),
)
LABELS = st.dictionaries(
    st.from_regex(
        r"([a-z]{1,5}\.io/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?", fullmatch=True
    ),
    st.from_regex(r"([A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?", fullmatch=True),
    max_size=3,
)
TEXT = st.text(
    # What YAML writes down as it is; see `test_text_arrives_as_it_was`.
    st.characters(
        codec="utf-8",
        exclude_categories=["Cc", "Zl", "Zp"],
        exclude_characters="\ufeff\ufffe\uffff",
    ),
    max_size=30,
)
VARIABLES = st.lists(
    st.fixed_dictionaries(
        {
            "name": st.sampled_from(
                ["A", "B", "MODELPLANE_RANK", "VLLM_NIXL_SIDE_CHANNEL_HOST", "a.b-c"]
            ),
            "value": TEXT,
        }
    ),
    max_size=3,
    unique_by=lambda entry: entry["name"],
)


@st.composite
def members(draw: st.DrawFn, role: str | None, ports: list[str]) -> Json:
    args = draw(st.lists(st.one_of(TEXT, st.sampled_from(ports)), max_size=3))
    found = builders.member(
        *args, role=role, image=draw(st.sampled_from(["vllm", "r.io/a/b@sha256:0"]))
    )
    container = found["template"]["spec"]["containers"][0]
    container["env"] = draw(VARIABLES)
    found["template"]["metadata"] = {"labels": draw(LABELS)}
    return found


@st.composite
def engines(draw: st.DrawFn, port: str) -> Json:
    # No other port than this: text that happens to be a flag is for the tests of the rules.
    found: Json = {"name": draw(NAMES), "copies": draw(st.sampled_from([1, 2, 64]))}
    if draw(st.booleans()):
        worker = draw(members("Worker", [port]))
        worker["worker"] = {"nodes": draw(st.sampled_from([1, 2, 63]))}
        found["members"] = [draw(members("Leader", [port])), worker]
    else:
        found["members"] = [draw(members(None, [port]))]
    serving = found["members"][0]["template"]["spec"]["containers"][0]
    serving["args"] = [port, *serving.get("args", ())]
    return found


@st.composite
def deployments(draw: st.DrawFn) -> Json:
    if draw(st.booleans()):
        found = document(
            {**draw(engines("--port=8000")), "phase": "Prefill", "name": "prefill"},
            {**draw(engines("--port=9000")), "phase": "Decode"},
            serving={"mode": "PrefillDecode"},
        )
    else:
        several = st.lists(
            engines("--port=8080"), min_size=1, max_size=3, unique_by=lambda each: each["name"]
        )
        found = document(*draw(several))
    template = found["spec"]["template"]
    template["metadata"] = {"labels": draw(LABELS)}
    if draw(st.booleans()):
        template["spec"]["modelCacheRef"] = {"name": "weights.v1"}
    name = draw(st.sampled_from(["a", "d" * 63, "llama-70b", "x-" + "y" * 50]))
    found["metadata"]["name"] = name
    found["spec"]["replicas"] = draw(st.sampled_from([1, 2]))
    return found


@settings(max_examples=20)
@given(deployments(), st.sampled_from(["service", "picker"]))
def test_a_valid_deployment_is_composed_or_refused_with_findings(found: Json, mode: Any) -> None:
    try:
        objects = composed(found, Platform(unified_mode=mode))
    except InvalidInput as refused:
        codes = {finding.code for finding in refused.findings if finding.severity == "error"}
        # An engine named as the picker is, and one named as the other.
        assert codes <= {"D128", "D011"}
        return
    keys = [(entry["kind"], entry["metadata"]["name"]) for entry in objects]
    assert len(set(keys)) == len(keys)
    for pod in pods(objects):
        for key, value in pod.labels.items():
            assert label_value(value) is None, (pod.name, key)
    # What people said is there, verbatim and in order.
    engines = found["spec"]["template"]["spec"]["engines"]
    made = workloads(objects)
    assert len(made) == len(engines) * found["spec"]["replicas"]
    for workload, engine in zip(made, engines * found["spec"]["replicas"], strict=True):
        said = engine["members"][0]["template"]["spec"]["containers"][0]
        container = serving_template(workload)["spec"]["containers"][0]
        args = container["args"]
        assert args[: len(said["args"])] == said["args"]
        assert args[len(said["args"]) :] in ([], ["--model=/mnt/models"])
        written_env = [entry for entry in container.get("env", ()) if entry in said["env"]]
        assert written_env == said["env"]
        assert serving_template(workload)["metadata"]["labels"].items() >= (
            engine["members"][0]["template"]["metadata"]["labels"].items()
        )


ODD: list[Any] = [
    builders.ABSENT, None, "", "a" * 64, "Foo_Bar", "epp", "a\n", "--port=0", "--port", "8001",
    -1, 0, 1, 65, 2**70, 1.5, float("nan"), True, [], [None], {}, {"a": None}, "\ud800", "\x00",
]  # fmt: skip


@st.composite
def mutilated(draw: st.DrawFn) -> Json:
    found = copy.deepcopy(draw(st.sampled_from(DOCUMENTS))())
    for _ in range(draw(st.integers(1, 3))):
        places = [path for path, _ in walk(found) if path]
        *parents, last = draw(st.sampled_from(places))
        value = copy.deepcopy(draw(st.sampled_from(ODD)))
        target = builders.at(found, tuple(parents))
        if value is builders.ABSENT:
            del target[last]
        else:
            target[last] = value
    return found


@settings(max_examples=40)
@given(mutilated())
def test_a_broken_document_is_composed_or_refused_with_findings(found: Json) -> None:
    app = App()
    if errors(builders.findings(found)):
        with pytest.raises(InvalidInput):
            ModelDeployment.from_document(app, "it", found)
        assert app.node.children == []
    else:
        synthesized(ModelDeployment.from_document(app, "it", found))


# What it is drawn as


def test_the_graph_is_of_what_it_is_now() -> None:
    """Patches count, findings are on their part, and what is waived is a note there."""
    app = App()
    deployment = ModelDeployment.from_document(app, "it", builders.prefill_decode())

    def sidecar() -> Node:
        (section,) = deployment.graph().sections
        return next(each for each in section.nodes if each.kind == "sidecar")

    assert not sidecar().findings
    decode = next(
        each
        for each in app.node.find_all()
        if isinstance(each, ApiObject)
        and each.name == "qwen-0-decode"
        and each.kind == "Deployment"
    )
    port = "/spec/template/spec/containers/0/args/0"
    decode.add_json_patch(JsonPatch.replace(port, "--port=8200"))
    assert [(each.code, each.severity) for each in sidecar().findings] == [("T201", "error")]
    deployment.waive("T201", "the engine moves next week")
    assert [(each.code, each.severity) for each in sidecar().findings] == [("T201", "note")]
    graph = deployment.graph()
    assert graph.mermaid().startswith("flowchart TB")
    assert graph.dot().startswith("digraph")
    assert graph.svg().startswith("<svg")
    assert graph.html().startswith("<!DOCTYPE html>")
