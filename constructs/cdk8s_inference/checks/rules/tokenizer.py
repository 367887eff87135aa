"""What answers a picker that asks for the tokens of a prompt."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urlsplit

from cdk8s_inference.checks.rule import rule
from cdk8s_inference.findings import Edit, Place, Violation
from cdk8s_inference.findings.example import manifests
from cdk8s_inference.servers.socket import LOOPBACK
from cdk8s_inference.source import Cursor, read
from cdk8s_inference.topology import Container, Picker, SourceValue, Topology

_CONFIG = """\
apiVersion: llm-d.ai/v1alpha1
kind: EndpointPickerConfig
plugins:
  - type: prefill-filter
  - type: decode-filter
  - type: queue-scorer
  - type: token-producer
    parameters: {modelName: Qwen/Qwen3-32B, vllm: {url: "http://localhost:8000"}}
  - type: approx-prefix-cache-producer
    parameters: {blockSizeTokens: 64}
  - type: prefix-based-pd-decider
    parameters: {nonCachedTokens: 512}
  - type: disagg-profile-handler
    parameters: {deciders: {prefill: prefix-based-pd-decider}}
schedulingProfiles:
  - name: prefill
    plugins: [{pluginRef: prefill-filter}, {pluginRef: queue-scorer}]
  - name: decode
    plugins: [{pluginRef: decode-filter}, {pluginRef: queue-scorer}]
"""


@rule(
    "T430",
    "error",
    "The picker's tokenizer is at a loopback address where no container listens",
    why="The picker gets no tokens. Prefixes are never found, a decider that counts tokens counts "
    "none, and requests are answered 200 by decode pods alone.",
    evidence="Read in the source of llm-d-router v0.10.0: token-producer asks vllm.url over HTTP, "
    "and continues without tokens where that fails. Reported from the field.",
    fix="name a Service of vLLM (vllm launch render, or an engine), or run it in the picker's pod",
    example=manifests("disaggregated", Edit("ConfigMap/qwen-epp", "data[picker.yaml]", _CONFIG)),
)
def no_tokenizer(topology: Topology) -> Iterator[Violation]:
    for picker in topology.pickers:
        config = picker.config
        for at in _urls(config.value) if config is not None else ():
            url = urlsplit(at.text or "")
            if config is None or url.hostname not in LOOPBACK or _may_listen(picker, url.port):
                continue
            yield Violation(
                _in_text(config, at),
                f"{at.text} leads into the picker's own pod, where no container listens on "
                f"{url.port or 80}",
                picker.container.here,
            )


def _urls(text: str) -> Iterator[Cursor]:
    """The addresses in plugins' parameters."""
    documents, _ = read(text.encode())
    for document in documents:
        for plugin in document.root["plugins"].items():
            for at in plugin["parameters"].descendants():
                if at.text is not None and at.text.startswith(("http://", "https://")):
                    yield at


def _may_listen(picker: Picker, port: int | None) -> bool:
    """Whether a container of the picker's pod listens on a port, or may."""
    wanted = port or 80
    if wanted in picker.ports:
        return True
    others = [each for each in picker.pods.staying if each is not picker.container]
    return any(wanted in ports or not ports for ports in map(_ports, others))


def _ports(container: Container) -> set[int]:
    """The ports that a container declares, or is given; empty where nothing says so."""
    given = container.flag("--port")
    named = {int(given.value)} if given is not None and given.value.isdecimal() else set()
    return named | {port.value for port in container.ports}


def _in_text(config: SourceValue[str], at: Cursor) -> Place:
    """The place of a value in a text that is itself a value: a block starts after its key."""
    outer, inner = config.place, at.place
    line = outer.line
    if line is not None and inner.line is not None and "\n" in config.value:
        line += inner.line
    return Place(outer.object, f"{outer.path}: {inner.path}", outer.file, line)
