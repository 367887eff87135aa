"""A model server: vLLM or SGLang, read from what its container runs."""

from __future__ import annotations

import itertools
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from cdk8s_inference.releases.connector import ServingEngine
from cdk8s_inference.servers.recognize import runtime
from cdk8s_inference.topology.container import Container
from cdk8s_inference.topology.kube_object import SourceValue, whole_number

_DEFAULT_PORT: Mapping[ServingEngine, int] = {"vllm": 8000, "sglang": 30000}
_BLOCK_SIZE: Mapping[ServingEngine, int] = {"vllm": 16, "sglang": 1}
_VLLM_BUILDS = ("llm-d-aws", "llm-d-cpu", "llm-d-cuda", "llm-d-hpu", "llm-d-rocm", "llm-d-xpu")
_SIMULATOR = "llm-d-inference-sim"
"""Images whose names do not say that they hold vLLM, or behave as it."""


def engine_kind(container: Container) -> ServingEngine | None:
    """Which server a container runs; None for any other program."""
    command, args = container.at["command"].strings, container.at["args"].strings
    found = runtime(command, args, container.image_name.lower())
    if found is None and container.image_name in (*_VLLM_BUILDS, _SIMULATOR):
        return "vllm"
    return None if found == "trtllm" else found


@dataclass(frozen=True, eq=False)
class KvTransfer:
    """What a vLLM engine is told about handing over its KV cache.

    Attributes:
        connector: ``kv_connector``.
        role: ``kv_role``.
        failure_policy: ``kv_load_failure_policy``.
        written: All of it.
    """

    connector: SourceValue[str]
    role: str
    failure_policy: str
    written: Mapping[str, Any]


@dataclass(frozen=True, eq=False)
class Engine:
    """A model server.

    Numbers are None where a flag gives none that can be read, such as a shell variable whose
    value only the pod knows.

    Attributes:
        container: Its container.
        kind: Which server; None for one that is not known here, of which rules about flags and
            paths of its own say nothing.
    """

    container: Container
    kind: ServingEngine | None

    def _number(self, default: int | None, *flags: str) -> SourceValue[int] | None:
        given = self.container.flag(*flags)
        if given is None:
            return None if default is None else self.container.here.of(default)
        number = whole_number(given.value)
        return None if number is None else given.of(number)

    @cached_property
    def unread(self) -> list[SourceValue[str]]:
        """Flags whose value cannot be read."""
        numbers = (
            (self.port, ("--port",)),
            (self.tensor_parallel, _TENSOR_PARALLEL),
            (self.pipeline_parallel, _PIPELINE_PARALLEL),
            (self.data_parallel, _DATA_PARALLEL),
            (self.block_size, ("--block-size", "--page-size")),
        )
        lost = (self.container.flag(*flags) for number, flags in numbers if number is None)
        return [flag for flag in lost if flag is not None]

    @cached_property
    def port(self) -> SourceValue[int] | None:
        """Where it listens: as its flags say, else as its container declares, else its default."""
        if self.container.flag("--port") is None and self.container.ports:
            return self.container.ports[0]
        return self._number(self.default_port, "--port")

    @property
    def default_port(self) -> int | None:
        """Where it listens if nothing says otherwise; None where that is not known."""
        return None if self.kind is None else _DEFAULT_PORT[self.kind]

    @cached_property
    def tensor_parallel(self) -> SourceValue[int] | None:
        """Devices that share each layer."""
        return self._number(1, *_TENSOR_PARALLEL)

    @cached_property
    def pipeline_parallel(self) -> SourceValue[int] | None:
        """Stages that the layers are divided into."""
        return self._number(1, *_PIPELINE_PARALLEL)

    @cached_property
    def data_parallel(self) -> SourceValue[int] | None:
        """Ranks that each serve by themselves, over all pods of a gang."""
        return self._number(1, *_DATA_PARALLEL)

    @cached_property
    def local_ranks(self) -> SourceValue[int] | None:
        """Ranks in one pod."""
        if self.container.flag("--data-parallel-size-local") is None:
            return self.data_parallel
        return self._number(1, "--data-parallel-size-local")

    @cached_property
    def ports_per_rank(self) -> bool:
        """Whether each local rank listens on a port of its own."""
        return self.container.flag("--data-parallel-multi-port-external-lb") is not None

    @property
    def reads_file(self) -> bool:
        """Whether a file says more than its flags."""
        return self.container.flag("--config") is not None

    @property
    def serves_by_itself(self) -> bool:
        """Whether every pod of its gang takes requests, not the first alone."""
        flags = ("--data-parallel-hybrid-lb", "--data-parallel-external-lb")
        return self.ports_per_rank or self.container.flag(*flags) is not None

    @cached_property
    def ports(self) -> tuple[int, ...]:
        """Every port it takes requests on; empty where they cannot be read."""
        if self.port is None:
            return ()
        ranks = self.local_ranks if self.ports_per_rank else self.port.of(1)
        return ports_from(self.port.value, ranks.value if ranks else 1)

    @cached_property
    def nodes(self) -> SourceValue[int] | None:
        """Pods that it says it spans; None where it does not say."""
        return self._number(1, "--nnodes") if self.container.flag("--nnodes") else None

    @cached_property
    def block_size(self) -> SourceValue[int] | None:
        """Tokens that its cache keeps together."""
        default = None if self.kind is None else _BLOCK_SIZE[self.kind]
        return self._number(default, "--block-size", "--page-size")

    @cached_property
    def model(self) -> SourceValue[str] | None:
        """The model that it loads; None where that is not said in its flags."""
        given = self.container.flag("--model", "--model-path")
        if given is not None:
            return given
        words = self.container.words
        for before, word in itertools.pairwise(words):
            if before.value == "serve" and not word.value.startswith("-"):
                return word
        return None

    @cached_property
    def served_name(self) -> SourceValue[str] | None:
        """The name by which requests call the model."""
        return self.container.flag("--served-model-name") or self.model

    @cached_property
    def transfer_flag(self) -> SourceValue[str] | None:
        """What hands the KV cache over: ``--kv-transfer-config``, or SGLang's backend."""
        if self.kind == "sglang":
            return self.container.flag("--disaggregation-mode")
        return self.container.flag("--kv-transfer-config", f"{_TRANSFER_FIELD}kv-connector")

    def _transfer_fields(self) -> dict[str, str]:
        """The fields of ``--kv-transfer-config`` that are flags of their own."""
        return {
            name.removeprefix(_TRANSFER_FIELD).replace("-", "_"): flag.value.value or ""
            for flag in self.container.flags
            if (name := flag.value.name.replace("_", "-")).startswith(_TRANSFER_FIELD)
        }

    @property
    def is_simulator(self) -> bool:
        """Whether it only behaves as an engine."""
        return self.container.image_name == _SIMULATOR

    @cached_property
    def transfer(self) -> KvTransfer | None:
        """The KV transfer of vLLM; None where there is none, or it is no JSON object."""
        flag = self.transfer_flag if self.kind == "vllm" else None
        if flag is None:
            return None
        written = self._transfer_fields()
        if not written:
            try:
                written = json.loads(flag.value)
            except (ValueError, RecursionError):
                return None
        if not isinstance(written, dict):
            return None
        return KvTransfer(
            flag.of(str(written.get("kv_connector", ""))),
            str(written.get("kv_role", "")),
            str(written.get("kv_load_failure_policy", "fail")),
            written,
        )

    @cached_property
    def connectors(self) -> frozenset[str]:
        """The transports it can use: those inside a MultiConnector too, or SGLang's backend."""
        if self.kind == "sglang":
            backend = self.container.flag("--disaggregation-transfer-backend")
            return frozenset((backend.value if backend else "mooncake",))
        if self.transfer is None:
            return frozenset()
        found = {self.transfer.connector.value}
        extra = self.transfer.written.get("kv_connector_extra_config")
        inner = extra.get("connectors") if isinstance(extra, dict) else None
        for each in inner if isinstance(inner, list) else ():
            if isinstance(each, dict):
                found.add(str(each.get("kv_connector", "")))
        return frozenset(found)

    @cached_property
    def mode(self) -> SourceValue[str] | None:
        """SGLang's ``--disaggregation-mode``."""
        return self.container.flag("--disaggregation-mode") if self.kind == "sglang" else None


def ports_from(first: int, count: int) -> tuple[int, ...]:
    """Ports in a row, as many as there can be."""
    return tuple(range(first, min(first + count, 65536)))


_TRANSFER_FIELD = "--kv-transfer-config."
_TENSOR_PARALLEL = ("--tensor-parallel-size", "-tp", "--tp", "--tp-size")
_PIPELINE_PARALLEL = ("--pipeline-parallel-size", "-pp", "--pp", "--pp-size")
_DATA_PARALLEL = ("--data-parallel-size", "-dp", "--dp", "--dp-size")
