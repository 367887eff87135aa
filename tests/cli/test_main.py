"""What a run of ``cdk8s-inference synth`` answers, writes and leaves alone."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from cdk8s_inference.releases import ROUTER_NEWEST, ROUTER_RELEASES
from tests.cli.console import found, named, program, run, save, synth, tree
from tests.document.builders import as_yaml, edited, prefill_decode, unified
from tests.document.hostile import bomb, merge_bomb, staircase
from tests.kit.shared import SHARED


def objects(text: str) -> list[dict[str, Any]]:
    return list(yaml.safe_load_all(text))


def test_a_file_for_each_deployment(tmp_path: Path) -> None:
    first = save(tmp_path / "in" / "two.yaml", named("a"), named("b", "other"))
    second = save(tmp_path / "in" / "one.json", prefill_decode())
    result = synth(first, second, "--output", tmp_path / "out")
    assert (result.exit_code, result.stdout) == (0, "")
    assert result.stderr == f"3 deployments written to {tmp_path / 'out'}\n"
    written = tree(tmp_path / "out")
    assert set(written) == {
        "ml-team.a.k8s.yaml",
        "other.b.k8s.yaml",
        "ml-team.qwen.k8s.yaml",
    }
    kinds = {item["kind"] for item in objects(written["ml-team.qwen.k8s.yaml"])}
    assert {"Deployment", "InferencePool", "HTTPRoute"} <= kinds


def test_manifests_alone_on_standard_output(tmp_path: Path) -> None:
    clusters = edited(unified(), "spec.template.spec.clusterSelector", {"matchLabels": {"a": "b"}})
    file = save(tmp_path / "two.yaml", named("a"), clusters)
    result = synth(file, "--stdout")
    assert result.exit_code == 0
    assert "note[D203]" in result.stderr
    assert result.stderr.endswith("\n1 note\n")
    synth(file, "-o", tmp_path / "out")
    texts = tree(tmp_path / "out")
    expected = [texts["ml-team.a.k8s.yaml"], texts["ml-team.qwen.k8s.yaml"]]
    assert objects(result.stdout) == [item for text in expected for item in objects(text)]
    as_json = synth(file, "--stdout", "--format", "json")
    assert as_json.stdout == result.stdout
    assert [finding["code"] for finding in found(as_json)] == ["D203"]


def test_silence_where_there_is_nothing_to_say(tmp_path: Path) -> None:
    result = synth(save(tmp_path / "a.yaml", named("a")), "--stdout")
    assert (result.exit_code, result.stderr) == (0, "")


@pytest.mark.parametrize("text", [as_yaml(unified()), json.dumps(unified())])
def test_standard_input(text: str, tmp_path: Path) -> None:
    assert objects(synth("-", "--stdout", input=text).stdout)
    result = synth("-", "-o", tmp_path, "--format", "json", input=text.replace("replicas", "x"))
    assert result.exit_code == 1
    assert {finding["file"] for finding in found(result)} == {"<stdin>"}
    assert tree(tmp_path) == {}


def test_nothing_is_written_unless_all_are_good(tmp_path: Path) -> None:
    out = tmp_path / "out"
    good = save(tmp_path / "good.yaml", named("a"))
    synth(good, "-o", out)
    (out / "ml-team.b.k8s.yaml").write_text("from before")
    before = tree(out)
    bad = save(tmp_path / "bad.yaml", named("b"), edited(named("c"), "spec.replicas", 99))
    result = synth(good, bad, "-o", out, "--node-pool", "h100")
    assert (result.exit_code, result.stdout) == (1, "")
    line = bad.read_text().splitlines().index("  replicas: 99") + 1
    assert result.stderr.startswith(f"{bad}:{line}: error[D007] spec.replicas: 99")
    assert result.stderr.endswith("\n1 error: nothing written\n")
    assert tree(out) == before
    result = synth(good, bad, "--stdout")
    assert (result.exit_code, result.stdout) == (1, "")
    new = tmp_path / "new"
    assert synth(bad, "-o", new).exit_code == 1
    assert not new.exists()


def test_files_that_this_run_does_not_own_stay(tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "kustomization.yaml").write_text("mine")
    (out / "nested").mkdir()
    (out / "nested" / "a").write_text("mine too")
    synth(save(tmp_path / "a.yaml", named("a"), named("b")), "-o", out)
    earlier = tree(out)
    synth(save(tmp_path / "a.yaml", named("b")), "-o", out, "--node-pool", "h100")
    changed = {name for name, text in tree(out).items() if earlier.get(name) != text}
    assert changed == {"ml-team.b.k8s.yaml"}
    assert set(earlier) == set(tree(out))


def test_a_deployment_that_is_described_twice_gets_two_files(tmp_path: Path) -> None:
    files = [save(tmp_path / name, named("a")) for name in ("east.yaml", "west.yaml")]
    result = synth(*files, "-o", tmp_path / "out", "--format", "json")
    assert result.exit_code == 0
    assert [finding["code"] for finding in found(result)] == ["D206"]
    assert set(tree(tmp_path / "out")) == {"ml-team.a.east.k8s.yaml", "ml-team.a.west.k8s.yaml"}


def test_json_findings(tmp_path: Path) -> None:
    file = save(tmp_path / "a.json", edited(unified(), "spec.replicas", 0))
    [finding] = found(synth(file, "--stdout", "--format", "json"))
    lines = file.read_text().splitlines()
    assert '"replicas": 0' in lines[finding["line"] - 1]
    assert finding == {
        "code": "D007",
        "severity": "error",
        "path": "spec.replicas",
        "file": str(file),
        "line": finding["line"],
        "message": "0: must be at least 1",
        "fix": "use a value within the limits",
    }
    good = save(tmp_path / "b.json", unified())
    assert found(synth(good, "-o", tmp_path / "out", "--format", "json")) == []


def with_option(tmp_path: Path, *options: str) -> str:
    result = synth(save(tmp_path / "a.yaml", unified()), "--stdout", *options)
    assert (result.exit_code, result.stderr) == (0, "")
    return result.stdout


def test_namespace(tmp_path: Path) -> None:
    moved = with_option(tmp_path, "--namespace", "prod")
    assert objects(moved)
    for item in objects(moved):
        assert item["metadata"]["namespace"] == "prod"
    assert "ml-team" not in moved


def test_gateway(tmp_path: Path) -> None:
    default = with_option(tmp_path)
    assert default == with_option(tmp_path, "--gateway", "modelplane-system/inference-gateway")
    [route] = [
        item
        for item in objects(with_option(tmp_path, "--gateway", "infra/edge.v2"))
        if item["kind"] == "HTTPRoute"
    ]
    [parent] = route["spec"]["parentRefs"]
    assert (parent["namespace"], parent["name"]) == ("infra", "edge.v2")


def test_node_pool(tmp_path: Path) -> None:
    assert "nodeSelector" not in with_option(tmp_path)
    assert re.search(
        r"nodeSelector:\n +modelplane.ai/pool: h100\n", with_option(tmp_path, "--node-pool", "h100")
    )


def test_device_class(tmp_path: Path) -> None:
    file = save(tmp_path / "a.yaml", edited(unified(), "metadata.name", "a"))
    extra = {"name": "nic", "selectors": [{"cel": "true"}]}
    devices = "spec.template.spec.engines[0].members[0].nodeSelector.devices[1]"
    save(file, edited(unified(), devices, extra))
    options = ["--device-class", "nic=a.example.com", "--device-class", "nic=a.example.com"]
    result = synth(file, "--stdout", *options)
    classes = re.findall(r"deviceClassName: (\S+)", result.stdout)
    assert classes == ["gpu.nvidia.com", "a.example.com"]


def test_a_device_class_of_no_request_is_told(tmp_path: Path) -> None:
    file = save(tmp_path / "a.yaml", unified())
    result = synth(file, "--stdout", "--device-class", "gpus=b.example.com")
    assert result.exit_code == 0
    assert "warning[D208]" in result.stderr


def test_unified(tmp_path: Path) -> None:
    assert with_option(tmp_path) == with_option(tmp_path, "--unified", "service")
    kinds = {item["kind"] for item in objects(with_option(tmp_path, "--unified", "picker"))}
    assert "InferencePool" in kinds
    assert "InferencePool" not in {item["kind"] for item in objects(with_option(tmp_path))}


def test_router_release(tmp_path: Path) -> None:
    file = save(tmp_path / "a.yaml", prefill_decode())
    texts = {
        release.version: synth(file, "--stdout", "--router-release", release.version).stdout
        for release in ROUTER_RELEASES
    }
    for release in ROUTER_RELEASES:
        assert release.picker.image in texts[release.version]
        assert release.sidecar.image in texts[release.version]
    assert synth(file, "--stdout").stdout == texts[ROUTER_NEWEST.version]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ([], "FILE"),
        (["a.yaml"], "--output DIR or --stdout"),
        (["a.yaml", "--stdout", "-o", "out"], "--output DIR or --stdout"),
        (["a.yaml", "-o", ""], "no folder"),
        (["a.yaml", "-o", "file"], "'file' is a file"),
        (["a.yaml", "--stdout", "--namespace", ""], "no namespace"),
        (["a.yaml", "--stdout", "--namespace", "Prod"], "lower case"),
        (["a.yaml", "--stdout", "--namespace", "a" * 64], "63"),
        (["a.yaml", "--stdout", "--namespace", "a\n"], "no namespace"),
        (["a.yaml", "--stdout", "--router-release", "v0.7.0"], "'v0.10.0'"),
        (["a.yaml", "--stdout", "--gateway", "edge"], "NAMESPACE/NAME"),
        (["a.yaml", "--stdout", "--gateway", "/edge"], "NAMESPACE/NAME"),
        (["a.yaml", "--stdout", "--gateway", "a.b/edge"], "NAMESPACE/NAME"),
        (["a.yaml", "--stdout", "--gateway", "infra/"], "NAMESPACE/NAME"),
        (["a.yaml", "--stdout", "--gateway", "infra/a/b"], "NAMESPACE/NAME"),
        (["a.yaml", "--stdout", "--gateway", f"infra/{'a' * 254}"], "NAMESPACE/NAME"),
        (["a.yaml", "--stdout", "--node-pool", ""], "label value"),
        (["a.yaml", "--stdout", "--node-pool", "a b"], "label value"),
        (["a.yaml", "--stdout", "--node-pool", "a" * 64], "63"),
        (["a.yaml", "--stdout", "--device-class", "gpu"], "REQUEST=CLASS"),
        (["a.yaml", "--stdout", "--device-class", "=gpu"], "REQUEST=CLASS"),
        (["a.yaml", "--stdout", "--device-class", "gpu="], "REQUEST=CLASS"),
        (["a.yaml", "--stdout", "--device-class", "a=b", "--device-class", "a=c"], "two classes"),
        (["a.yaml", "--stdout", "--unified", "pool"], "'service', 'picker'"),
        (["a.yaml", "--stdout", "--format", "yaml"], "'text', 'json'"),
        (["a.yaml", "--stdout", "--gatway", "a/b"], "--gateway"),
    ],
)
def test_wrong_usage(
    arguments: list[str], says: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    save(tmp_path / "a.yaml", unified())
    (tmp_path / "file").write_text("")
    before = tree(tmp_path)
    result = synth(*arguments)
    assert (result.exit_code, result.stdout) == (2, "")
    assert says in " ".join(result.stderr.split())
    assert tree(tmp_path) == before


def test_help() -> None:
    for arguments in (["--help"], ["synth", "-h"], ["--version"]):
        result = run(*arguments)
        assert (result.exit_code, result.stderr) == (0, "")
    assert run("--version").stdout.startswith("cdk8s-inference, version ")


def test_a_folder_that_cannot_be_written_to(tmp_path: Path) -> None:
    file = save(tmp_path / "a.yaml", named("a"), named("b"))
    out = tmp_path / "out"
    synth(file, "-o", out)
    (out / "ml-team.b.k8s.yaml").unlink()
    (out / "ml-team.b.k8s.yaml").mkdir()
    before = tree(out)
    result = synth(file, "-o", out, "--node-pool", "h100")
    assert (result.exit_code, result.stdout) == (2, "")
    assert "nothing changed" in result.stderr
    assert "ml-team.b.k8s.yaml" in result.stderr
    assert "\n" not in result.stderr.strip()
    assert tree(out) == before
    result = synth(file, "-o", file / "out")
    assert result.exit_code == 2
    assert str(file / "out") in result.stderr


# --- All documents that are known, and those that nobody should send.


@pytest.mark.skipif(SHARED is None, reason="the shared documents are absent")
def test_all_shared_documents(tmp_path: Path) -> None:
    assert SHARED is not None
    files = sorted((SHARED / "modeldeployments").glob("*.json"))
    assert len(files) == 28
    result = synth(*files, "--output", tmp_path / "out")
    assert (result.exit_code, result.stdout) == (0, "")
    assert result.stderr.endswith(f": 28 deployments written to {tmp_path / 'out'}\n")
    written = tree(tmp_path / "out")
    assert len(written) == 28
    assert all(objects(text) for text in written.values())

    text = files[13].read_text().replace('"kind": "ModelDeployment"', '"kind": "ModelServer"')
    bad = tmp_path / files[13].name
    bad.write_text(text)
    result = synth(*files[:13], bad, *files[14:], "--output", tmp_path / "none")
    assert result.exit_code == 1
    assert f"{bad}:3: error[D010] kind: " in result.stderr
    assert result.stderr.endswith(": nothing written\n")
    assert not (tmp_path / "none").exists()


DEEP = 200_000
HOSTILE: dict[str, Callable[[], str | bytes]] = {
    "large.yaml": lambda: "a: b\n" * 2_000_000,
    "large.json": lambda: json.dumps({"spec": ["x" * 80] * 110_000}),
    "long-scalar.yaml": lambda: f"{as_yaml(unified())}x: {'y' * 7_000_000}\n",
    "deep.json": lambda: "[" * DEEP,
    "deep-closed.json": lambda: '{"a":' * DEEP + "1" + "}" * DEEP,
    "deep.yaml": lambda: "\n".join(f"{' ' * level}a:" for level in range(1000)),
    "deep-flow.yaml": lambda: "a: " + "[" * DEEP,
    "bomb.yaml": lambda: bomb(9),
    "merge-bomb.yaml": lambda: merge_bomb(9),
    "staircase.yaml": lambda: staircase(200),
    "circle.yaml": lambda: "a: &a [*a]",
    "random.bin": lambda: random.Random(0).randbytes(100_000),
    "zeros.bin": lambda: bytes(100_000),
    "utf16.yaml": lambda: as_yaml(unified()).encode("utf-16"),
    "gzip.yaml.gz": lambda: bytes.fromhex("1f8b0800000000000003"),
    "empty.yaml": lambda: "",
    "comment.yaml": lambda: "# nothing\n---\n",
    "scalar.yaml": lambda: "42",
    "list.json": lambda: json.dumps([unified()]),
    "python.yaml": lambda: "!!python/object/apply:os.system ['touch owned']",
    "tabs.yaml": lambda: "a:\n\t- b",
    "number.json": lambda: '{"apiVersion": ' + "9" * 5000 + "}",
    "infinite.json": lambda: '{"spec": Infinity, "kind": NaN}',
    "keys.yaml": lambda: "? [a, b]\n: c\n",
    "escape.yaml": lambda: 'apiVersion: "\\e[31m"\nkind: "\\0"\n',
    "surrogate.json": lambda: '{"kind": "\\ud800"}',
}


def test_two_hundred_documents_some_hostile(tmp_path: Path) -> None:
    """An answer each, no traceback, and memory in bounds: the run may take 1 GiB."""
    bad = []
    for name, make in HOSTILE.items():
        content = make()
        bad.append(tmp_path / name)
        bad[-1].write_bytes(content.encode() if isinstance(content, str) else content)
    for index in range(100 - len(bad)):
        broken = edited(unified(), "spec.replicas", 11 + index)
        bad.append(save(tmp_path / f"bad-{index}.yaml", broken))
    good = [save(tmp_path / f"good-{index}.json", named(f"a{index}")) for index in range(100)]
    before = tree_names(tmp_path)
    result = program(
        "synth",
        *bad,
        *good,
        "--output",
        tmp_path / "out",
        "--format",
        "json",
        memory_kib=2**20,
    )
    assert (result.returncode, result.stdout) == (1, b"")
    findings = json.loads(result.stderr)
    refused = {finding["file"] for finding in findings if finding["severity"] == "error"}
    assert refused == {str(path) for path in bad}
    assert len(result.stderr) < 1_000_000
    assert tree_names(tmp_path) == before


def tree_names(folder: Path) -> set[str]:
    return {path.name for path in folder.rglob("*")}


def test_hostile_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    names = ["sp ace.yaml", "new\nline.yaml", "qu'ote\".yaml", "--stdout.yaml", "é.yaml", "$(x)"]
    for index, name in enumerate(names):
        save(tmp_path / "in" / name, named(f"a{index % 2}"))
    result = synth("-o", "out", "--", *[f"in/{name}" for name in names])
    assert result.exit_code == 0
    assert sorted(tree(tmp_path / "out")) == [
        "ml-team.a0.-.k8s.yaml",
        "ml-team.a0.qu-ote-.k8s.yaml",
        "ml-team.a0.sp-ace.k8s.yaml",
        "ml-team.a1.--stdout.k8s.yaml",
        "ml-team.a1.-x-.k8s.yaml",
        "ml-team.a1.new-line.k8s.yaml",
    ]
