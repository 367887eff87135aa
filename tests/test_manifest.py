from __future__ import annotations

import pytest
from cdk8s import ApiObjectMetadata, Chart, JsonPatch

from cdk8s_inference import App
from cdk8s_inference.manifest import add, manifest, pointer
from tests.kit.synth import synthesized


def config_map(chart: Chart, name: str, data: dict[str, str]) -> object:
    return manifest(
        chart,
        name,
        api_version="v1",
        kind="ConfigMap",
        metadata=ApiObjectMetadata(name=name, labels={"b": "1", "a": "2"}),
        body={"data": data, "immutable": True},
    )


def test_the_body_stands_beside_the_metadata() -> None:
    chart = Chart(App(), "chart", namespace="ml-team")
    config_map(chart, "one", {"z": "1", "a": "yes"})
    (made,) = synthesized(chart)
    assert made == {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "one", "namespace": "ml-team", "labels": {"a": "2", "b": "1"}},
        "data": {"z": "1", "a": "yes"},
        "immutable": True,
    }
    assert list(made["data"]) == ["z", "a"]


def test_additions_come_after_one_another() -> None:
    chart = Chart(App(), "chart")
    made = manifest(
        chart,
        "one",
        api_version="v1",
        kind="Service",
        metadata=ApiObjectMetadata(name="one"),
        body={"spec": {"selector": {"a": "b"}, "ports": [{"name": "a", "port": 80}]}},
    )
    add(
        made,
        [
            (pointer("spec", "ports", "-"), {"name": "b", "port": 81}),
            (pointer("spec", "selector", "x.io/y"), "z"),
            (pointer("spec", "ports", 1, "targetPort"), 8081),
        ],
    )
    add(made, [])
    made.add_json_patch(JsonPatch.replace("/spec/ports/0/port", 82))
    (found,) = synthesized(chart)
    assert found["spec"] == {
        "selector": {"a": "b", "x.io/y": "z"},
        "ports": [{"name": "a", "port": 82}, {"name": "b", "port": 81, "targetPort": 8081}],
    }


def test_an_addition_is_not_shared_between_objects() -> None:
    """Additions of the same value are one patch in Node.js, which appending must not change."""
    app = App()
    charts = [Chart(app, name) for name in ("a", "b")]
    made = [
        manifest(
            chart,
            "config",
            api_version="example.com/v1",
            kind="Thing",
            metadata=ApiObjectMetadata(name="thing"),
            body={"spec": {}},
        )
        for chart in charts
    ]
    for thing in made:
        add(thing, [("/spec/list", [1])])
    add(made[0], [("/spec/list/-", 2)])
    for _ in range(2):
        assert [thing.to_json()["spec"] for thing in made] == [{"list": [1, 2]}, {"list": [1]}]


# fmt: off
TEXTS = [
    "", " ", "\n", "\t", "a\n", " a", "a ", "a\tb", "a\n b\n\n", "a\r\nb", "\x00", "\x1b[0m",
    "x" * 300, "a b " * 100, "yes", "Off", "y", "null", "~", "0x1F", "0o17", "012", "1e3", "1_000",
    ".inf", "+1", "1:1:1", "2024-01-01", "=", "<<", "- a", "a: b", "#", "a #b", "!!int 3", "&a",
    "*a", "|", ">", "%", "@", "`", "'", '"', "\\", "é", "\U0001f600", "\ufffd", "\u00a0", "$(A)",
    "${Token[a.1]}", '{"a": [1]}',
]
# fmt: on


def test_text_arrives_as_it_was() -> None:
    """Whatever a reader of YAML could take for a number, a date, a sign or a break."""
    app = App()
    config_map(Chart(app, "chart"), "one", {f"k{index}": text for index, text in enumerate(TEXTS)})
    (made,) = synthesized(app)
    assert list(made["data"].values()) == TEXTS


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        ((), ""),
        (("spec", "containers", 0, "env", "-"), "/spec/containers/0/env/-"),
        (("labels", "a.io/b"), "/labels/a.io~1b"),
        (("labels", "~1"), "/labels/~01"),
    ],
)
def test_pointer(keys: tuple[str | int, ...], expected: str) -> None:
    assert pointer(*keys) == expected
