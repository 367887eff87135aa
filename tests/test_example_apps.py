"""The apps of examples/apps, which pages of docs/ name: each composes what its snapshot has."""

from __future__ import annotations

import re
import runpy
import warnings
from pathlib import Path

import pytest
import yaml
from syrupy.assertion import SnapshotAssertion
from syrupy.extensions.single_file import SingleFileSnapshotExtension, WriteMode

from cdk8s_inference import App, InferenceWarning
from tests.kit.synth import validated

ROOT = Path(__file__).parents[1]
APPS = sorted((ROOT / "examples" / "apps").glob("*.py"))


class YamlFile(SingleFileSnapshotExtension):
    """One YAML file for an app, with what it writes."""

    _write_mode = WriteMode.TEXT
    file_extension = "yaml"


@pytest.mark.parametrize("app", APPS, ids=lambda app: app.stem)
def test_composed(app: Path, snapshot: SnapshotAssertion, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(App, "synth", lambda _: None)
    with warnings.catch_warnings():
        warnings.simplefilter("error", InferenceWarning)
        written: str = runpy.run_path(str(app))["app"].synth_yaml()
    # The CRDs of a stack are looked at elsewhere.
    texts = [each for each in written.split("---\n") if "kind: CustomResourceDef" not in each]
    text = "---\n".join(texts)
    validated(list(yaml.load_all(text, yaml.CSafeLoader)))
    assert text == snapshot(extension_class=YamlFile)


def test_every_app_is_named_by_a_page() -> None:
    pages = "".join(page.read_text() for page in (ROOT / "docs" / "guides").glob("*.md"))
    assert {*re.findall(r"\(\.\./\.\./examples/apps/(\w+)\.py\)", pages)} == {a.stem for a in APPS}
