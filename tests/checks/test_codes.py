"""Every code's sample: the broken one has its finding, and the mended one has not."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterable

import pytest

import cdk8s_inference
from cdk8s_inference import InvalidInput, router_release
from cdk8s_inference.checks.code import Code
from cdk8s_inference.checks.codes import CODES
from cdk8s_inference.checks.sample import Sample
from cdk8s_inference.findings import Finding
from cdk8s_inference.releases import ROUTER_NEWEST
from cdk8s_inference.routing.picker_config.verdict import assess
from cdk8s_inference.spec.document import check
from cdk8s_inference.spec.serving_stack import is_serving_stack
from cdk8s_inference.spec.source import read
from cdk8s_inference.stack.document import read_stack

SHOWN = {code: each for code, each in CODES.items() if each.sample}


def codes_of(sample: Sample, text: str) -> set[str]:
    """The codes of what a text's reader says of it."""
    if sample.kind == "picker config":
        release = router_release(sample.release) if sample.release else ROUTER_NEWEST
        return _codes(assess(text, release, disaggregated=True).findings)
    if sample.kind == "python":
        return _codes_of_python(text)
    documents, findings = read(text.encode(), "it.yaml")
    for document in documents:
        judge = read_stack if is_serving_stack(document) else check
        findings += judge(document)[1]
    return _codes(findings)


def _codes_of_python(text: str) -> set[str]:
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        try:
            exec(text, {**vars(cdk8s_inference)})
        except InvalidInput as error:
            return _codes(error.findings)
    said = "\n".join(str(each.message) for each in warned)
    return set(re.findall(r"^\w+\[(\w\d{3})\]", said, re.MULTILINE))


def _codes(findings: Iterable[Finding]) -> set[str]:
    return {each.code for each in findings}


@pytest.mark.parametrize("code", SHOWN.values(), ids=SHOWN)
def test_the_sample(code: Code) -> None:
    sample = code.sample
    assert sample is not None
    assert code.code in codes_of(sample, sample.broken)
    assert code.code not in codes_of(sample, sample.mended)
    assert sample.difference()


@pytest.mark.parametrize("code", CODES.values(), ids=CODES)
def test_the_words(code: Code) -> None:
    assert code.title[0].isupper()
    assert not code.title.endswith(".")
    assert code.prevents.endswith(".")
    assert code.source.endswith(".")
    assert code.fix[0].islower() or code.fix.startswith("--")
    assert not code.fix.endswith(".")
