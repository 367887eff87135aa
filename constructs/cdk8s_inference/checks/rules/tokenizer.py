"""What answers a picker that asks for the tokens of a prompt."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import SplitResult, urlsplit

from cdk8s_inference.checks.rule import rule
from cdk8s_inference.findings import Edit, Place, Violation
from cdk8s_inference.findings.example import manifests
from cdk8s_inference.servers.socket import LOOPBACK
from cdk8s_inference.source import Cursor, has_placeholder, read
from cdk8s_inference.topology import Picker, Pods, Service, SourceValue, Topology
from cdk8s_inference.topology.program import runs
from cdk8s_inference.topology.renderer import Renderer, renderer

if TYPE_CHECKING:
    from cdk8s_inference.picker_config.tokenizer import Tokenizer

_CONFIG = """\
apiVersion: llm-d.ai/v1alpha1
kind: EndpointPickerConfig
plugins:
  - type: prefill-filter
  - type: decode-filter
  - type: queue-scorer
  - type: token-producer
    parameters: {modelName: Qwen/Qwen3-32B, vllm: {url: "%s"}}
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
_RENDERER = """\
apiVersion: apps/v1
kind: Deployment
metadata: {name: renderer, namespace: llm}
spec:
  selector: {matchLabels: {app: renderer}}
  template:
    metadata: {labels: {app: renderer}}
    spec:
      containers:
        - name: renderer
          image: vllm/vllm-openai-cpu:v0.32.0
          command: [vllm, launch, render]
          args: [Qwen/Qwen3-%s]
          ports: [{containerPort: 8000}]
---
apiVersion: v1
kind: Service
metadata: {name: renderer, namespace: llm}
spec:
  selector: {app: renderer}
  ports: [{port: %d, targetPort: 8000}]
"""
_NO_TOKENS = (
    "The picker gets no tokens. Prefixes are never found, a decider that counts tokens counts "
    "none, and requests are answered 200 by decode pods alone."
)
_ASKED = (
    "Read in the source of llm-d-router v0.9.0: token-producer asks vllm.url over HTTP, "
    "http://localhost:8000 by default, and a request continues without tokens where that fails."
)


@rule(
    "T430",
    "error",
    "The picker's tokenizer is in the picker's own pod, where no container is one",
    why=_NO_TOKENS,
    evidence=f"{_ASKED} Reported from the field.",
    fix="name a Service of vLLM (vllm launch render, or an engine), or run it in the picker's pod",
    example=manifests(
        "disaggregated",
        Edit("ConfigMap/qwen-epp", "data[picker.yaml]", _CONFIG % "http://localhost:8000"),
    ),
)
def no_tokenizer(topology: Topology) -> Iterator[Violation]:
    for use in _uses(topology):
        pods = use.picker.pods
        # On the node's network another pod may answer.
        if pods.host_network.value or pods.may_gain("containers"):
            continue
        if use.tokenizer.is_socket:
            if len(pods.staying) == 1 and not _is_mounted(use):
                yield use.violation(
                    f"{use.tokenizer.address} is the socket of a container beside the picker, and "
                    "there is none"
                )
            continue
        if use.url.hostname not in LOOPBACK or use.port is None:
            continue
        listens = _listens(pods, use.port)
        if listens is not True:
            yield use.violation(
                f"{use.tokenizer.address} leads into the picker's own pod, where no container "
                + ("listens" if listens is False else "declares that it listens")
                + f" on {use.port}",
                use.picker.container.here,
                is_settled=listens is False,
            )


@rule(
    "T431",
    "error",
    "The Service that is named as the picker's tokenizer does not answer at this address",
    why=_NO_TOKENS,
    evidence=f"{_ASKED} A Service answers on its own ports, and vLLM takes plain HTTP unless it "
    "has a certificate.",
    fix="write the scheme of vLLM and a port of the Service",
    example=manifests(
        "disaggregated",
        Edit("ConfigMap/qwen-epp", "data[picker.yaml]", _CONFIG % "http://renderer:8000"),
        added=_RENDERER % ("32B", 80),
    ),
    after=("T626",),
)
def wrong_address(topology: Topology) -> Iterator[Violation]:
    for use, service in _services(topology):
        if use.port is None or not service.backends:
            continue
        target: SourceValue[int] | None = None
        if service.object.at("spec", "clusterIP").text != "None":
            if use.port not in service.ports:
                has = ", ".join(map(str, service.ports))
                yield use.violation(
                    f"{use.tokenizer.address} asks port {use.port}, but {service.object} has {has}",
                    service.object.here,
                )
                continue
            target = service.ports[use.port]
            if target is None:
                continue
        port = use.port if target is None else target.value
        if all(_listens(pods, port) is False for pods in service.backends):
            yield use.violation(
                f"{use.tokenizer.address} leads to port {port}, where no container of "
                f"{', '.join(str(pods.object) for pods in service.backends)} listens",
                target or service.object.here,
            )
            continue
        tls = {each.serves_tls for each in _renderers(service) if _is_at(each, port)}
        wrong: dict[bool | None, str] = {True: "http", False: "https"}
        if len(tls) == 1 and use.url.scheme == wrong.get(wanted := tls.pop()):
            yield use.violation(
                f"{use.tokenizer.address} is {use.url.scheme}, but vLLM of {service.object} "
                + ("takes TLS only" if wanted else "has no certificate, and takes plain HTTP"),
                service.object.here,
            )


@rule(
    "T432",
    "error",
    "The picker asks its tokenizer for a model that it does not serve",
    why=f"vLLM answers 404. {_NO_TOKENS}",
    evidence="Read in the source of llm-d-router v0.9.0, which sends modelName as the model, and "
    "of vLLM, whose render endpoints refuse a model that they do not serve.",
    fix="write in modelName what vLLM has in --served-model-name, or else in --model",
    example=manifests(
        "disaggregated",
        Edit("ConfigMap/qwen-epp", "data[picker.yaml]", _CONFIG % "http://renderer:80"),
        added=_RENDERER % ("8B", 80),
    ),
)
def wrong_model(topology: Topology) -> Iterator[Violation]:
    for use, renderers in _asked(topology):
        model, named = use.tokenizer.model, [each.models for each in renderers]
        if model is None or not model.text or not named:
            continue
        if all(each is not None and model.text not in each for each in named):
            served = sorted({name for each in named for name in each or ()})
            yield Violation(
                _in_text(use.config, model),
                f"modelName is {model.text}, but vLLM at {use.tokenizer.address} serves "
                + ", ".join(served),
                renderers[0].container.here,
            )


@dataclass(frozen=True)
class _Use:
    """A picker, and a tokenizer that its configuration names."""

    picker: Picker
    config: SourceValue[str]
    tokenizer: Tokenizer
    url: SplitResult

    @property
    def port(self) -> int | None:
        """The port that is asked; None where it is none."""
        try:
            return self.url.port or (443 if self.url.scheme == "https" else 80)
        except ValueError:
            return None

    def violation(
        self,
        message: str,
        other: SourceValue[str] | SourceValue[int] | None = None,
        *,
        is_settled: bool = True,
    ) -> Violation:
        at = _in_text(self.config, self.tokenizer.at)
        return Violation(at, message, other, severity=None if is_settled else "warning")


def _uses(topology: Topology) -> Iterator[_Use]:
    for picker in topology.pickers:
        config = picker.config
        if config is None or "token" not in config.value or has_placeholder(config.value):
            continue
        # It takes time to import, which a check without such a picker need not take.
        from cdk8s_inference.picker_config.document import PickerDocument
        from cdk8s_inference.picker_config.tokenizer import tokenizers

        for source in read(config.value.encode())[0]:
            for tokenizer in tokenizers(PickerDocument(source, picker.release)):
                yield _Use(picker, config, tokenizer, urlsplit(tokenizer.address))


def _services(topology: Topology) -> Iterator[tuple[_Use, Service]]:
    """The tokenizers that are Services which were read."""
    for use in _uses(topology):
        name, _, rest = (use.url.hostname or "").partition(".")
        namespace, _, rest = rest.partition(".")
        if rest in ("", "svc", "svc.cluster.local"):
            found = topology.service(namespace or use.picker.object.namespace, name)
            if found is not None:
                yield use, found


def _asked(topology: Topology) -> Iterator[tuple[_Use, list[Renderer]]]:
    """The tokenizers, and each vLLM that answers at their addresses."""
    for use in _uses(topology):
        if use.url.hostname in LOOPBACK:
            own = (renderer(use.picker.pods, each) for each in use.picker.pods.staying)
            yield use, [each for each in own if each and use.port and _is_at(each, use.port)]
    for use, service in _services(topology):
        yield use, list(_renderers(service))


def _renderers(service: Service) -> Iterator[Renderer]:
    for pods in service.backends:
        for container in pods.staying:
            found = renderer(pods, container)
            if found is not None:
                yield found


def _is_at(found: Renderer, port: int) -> bool:
    return found.port is not None and found.port.value == port


def _listens(pods: Pods, port: int) -> bool | None:
    """Whether a container of some pods listens on a port; None where that is not known."""
    unknown = False
    for container in pods.staying:
        found = renderer(pods, container)
        if found is not None and found.port is not None:
            if found.port.value == port:
                return True
            continue
        if runs(container, "picker"):
            continue
        declared = [each.value for each in container.ports]
        if port in declared or not declared:
            return True
        unknown |= "envoy" not in container.image_name
    return None if unknown else False


def _is_mounted(use: _Use) -> bool:
    """Whether the socket may be one of the node, or of another pod."""
    volumes = {item["name"].text: item for item in use.picker.pods.at.at("spec", "volumes").items()}
    for mount in use.picker.container.at["volumeMounts"].items():
        path, volume = mount["mountPath"].text, volumes.get(mount["name"].text)
        if path and use.tokenizer.address.startswith(path.rstrip("/") + "/"):
            return volume is None or not volume["emptyDir"].present
    return False


def _in_text(config: SourceValue[str], at: Cursor) -> Place:
    """The place of a value in a text that is itself a value: a block starts after its key."""
    outer, inner = config.place, at.place
    line = outer.line
    if line is not None and inner.line is not None and "\n" in config.value:
        line += inner.line
    return Place(outer.object, f"{outer.path}: {inner.path}", outer.file, line)
