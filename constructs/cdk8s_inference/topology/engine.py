"""A model server, read from what its container runs."""

from __future__ import annotations

import itertools
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, get_args

from cdk8s_inference.releases.connector import ServingEngine
from cdk8s_inference.servers import (
    VLLM,
    FlagNames,
    Invocation,
    KvTransfer,
    Ranks,
    Server,
    Socket,
    sglang,
)
from cdk8s_inference.servers.command_line import Given
from cdk8s_inference.servers.invocation import value_of
from cdk8s_inference.topology.container import Container
from cdk8s_inference.topology.kube_object import SourceValue, whole_number


def engine_server(container: Container) -> Server | None:
    """The model server that a container runs; None for any other program."""
    found = container.recognized
    return found.server if found is not None and found.server.is_engine else None


@dataclass(frozen=True, eq=False)
class EngineTransfer:
    """What a vLLM engine is told about handing over its KV cache.

    Attributes:
        connector: ``kv_connector``.
        role: ``kv_role``.
        failure_policy: ``kv_load_failure_policy``.
        written: All of it.
        parts: It, and of a connector that holds others each of these.
    """

    connector: SourceValue[str]
    role: str
    failure_policy: str
    written: Mapping[str, Any]
    parts: tuple[KvTransfer, ...]


@dataclass(frozen=True, eq=False)
class Engine:
    """A model server.

    Numbers are None where a flag gives none that can be read, such as a shell variable whose
    value only the pod knows.

    Attributes:
        container: Its container.
        server: Which server; None for one that is not known here, of which rules about flags and
            paths of its own say nothing.
        gains_flags: Whether a controller may add flags to those that are written.
    """

    container: Container
    server: Server | None
    gains_flags: bool = False

    @cached_property
    def kind(self) -> ServingEngine | None:
        """Which server the pd-sidecar takes it for; None for one that it does not speak to."""
        if self.server is None:
            return None
        name = self.server.behaves_as or self.server.name
        return next((each for each in get_args(ServingEngine) if each == name), None)

    @property
    def names(self) -> FlagNames:
        """What it calls its flags. One that is not known is read as vLLM is."""
        return (self.server or VLLM).names

    @cached_property
    def invocation(self) -> Invocation:
        """How it is started."""
        container = self.container
        found = container.recognized
        env = {name: variable.value for name, variable in container.environment.items()}
        if found is None or self.server is None:
            return Invocation(None, None, [flag.value for flag in container.flags], env)
        release = self.server.release_of(container.image.value)
        return Invocation(self.server, release, container.expanded(found.given), env)

    @cached_property
    def sockets(self) -> list[Socket]:
        """Where it listens; empty for one that is not known here."""
        return self.server.sockets(self.invocation) if self.server else []

    @cached_property
    def ranks(self) -> Ranks | None:
        """How its flags divide its ranks over pods; None where that cannot be told from them."""
        if self.server is None or self.gains_flags or self.reads_file:
            return None
        return self.server.ranks(self.invocation)

    def flag(self, *names: str | None) -> SourceValue[str] | None:
        """The value of a flag under any of its names; the last use counts.

        Args:
            names: With dashes; None for a flag that its server has not.
        """
        found = None
        for given, match in self.invocation.uses(*(name for name in names if name is not None)):
            found = self._at(given).of(value_of(given, match))
        return found

    def _at(self, given: Given) -> SourceValue[str]:
        return self.container.object.value_at(self.container.at.at(*given.place), given.name)

    def _number(self, default: int | None, *flags: str | None) -> SourceValue[int] | None:
        given = self.flag(*flags)
        if given is None:
            return None if default is None else self.container.here.of(default)
        number = whole_number(given.value)
        return None if number is None else given.of(number)

    @cached_property
    def unread(self) -> list[SourceValue[str]]:
        """Flags whose value cannot be read."""
        names = self.names
        numbers = (
            (self.port, names.port),
            (self.tensor_parallel, names.tensor_parallel),
            (self.pipeline_parallel, names.pipeline_parallel),
            (self.data_parallel, names.data_parallel),
            (self.block_size, names.block_size),
        )
        lost = (self.flag(flag) for number, flag in numbers if number is None)
        return [flag for flag in lost if flag is not None]

    @cached_property
    def port(self) -> SourceValue[int] | None:
        """Where it listens: as its flags say, else its default.

        What its container declares says nothing of where it listens. It counts where more is
        read than the flags: a configuration file, an image's own entrypoint, a controller's flags.
        """
        unsaid = self.flag(self.names.port) is None
        if unsaid and self.container.ports and not self.is_started_as_written:
            return self.container.ports[0]
        return self._number(self.default_port, self.names.port)

    @property
    def is_started_as_written(self) -> bool:
        """Whether its flags are all that it is given: no file, image or controller adds to them."""
        if self.server is None or self.reads_file or self.gains_flags:
            return False
        found = self.container.recognized
        own = self.container.image_name in self.server.release_images
        return own or (found is not None and found.by == "program")

    @property
    def default_port(self) -> int | None:
        """Where it listens if nothing says otherwise; None where that is not known."""
        return None if self.server is None else self.server.port

    @cached_property
    def tensor_parallel(self) -> SourceValue[int] | None:
        """Devices that share each layer."""
        return self._number(1, self.names.tensor_parallel)

    @cached_property
    def pipeline_parallel(self) -> SourceValue[int] | None:
        """Stages that the layers are divided into."""
        return self._number(1, self.names.pipeline_parallel)

    @cached_property
    def data_parallel(self) -> SourceValue[int] | None:
        """Ranks that each serve by themselves, over all pods of a gang."""
        return self._number(1, self.names.data_parallel)

    @cached_property
    def local_ranks(self) -> SourceValue[int] | None:
        """Ranks in one pod."""
        if self.flag(self.names.local_ranks) is None:
            return self.data_parallel
        return self._number(1, self.names.local_ranks)

    @cached_property
    def ports_per_rank(self) -> bool:
        """Whether each local rank listens on a port of its own."""
        http = self.server.http(self.invocation) if self.server else None
        return http is not None and http.by_rank > 0

    @property
    def reads_file(self) -> bool:
        """Whether a file says more than its flags."""
        return self.flag(self.names.config_file) is not None

    @property
    def serves_by_itself(self) -> bool:
        """Whether every pod of its gang takes requests, not the first alone."""
        return self.ports_per_rank or self.flag(*self.names.every_pod_serves) is not None

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
        return self._number(1, self.names.nodes) if self.flag(self.names.nodes) else None

    @cached_property
    def block_size(self) -> SourceValue[int] | None:
        """Tokens that its cache keeps together."""
        default = None if self.server is None else self.server.block_tokens
        return self._number(default, self.names.block_size)

    @cached_property
    def model(self) -> SourceValue[str] | None:
        """The model that it loads; None where what it is given does not say it."""
        given = self.flag(self.names.model)
        if given is not None:
            return given
        words = self.container.words
        for before, word in itertools.pairwise(words):
            if before.value == "serve" and not word.value.startswith("-"):
                return word
        takes = self.server is not None and self.server.model_argument.at(self.invocation.release)
        return self.argument if takes else None

    @cached_property
    def argument(self) -> SourceValue[str] | None:
        """What the program of a released image is given without a flag."""
        own = self.server is not None and self.container.image_name in self.server.release_images
        if not own or self.container.at["command"].present:
            return None
        known, taken = self.invocation.flags, 0
        for word in self.container.words:
            name, _, value = word.value.partition("=")
            if name.startswith("-"):
                flag = known.find(name) if known else None
                if value or (flag is not None and not flag.takes_word):
                    taken = 0
                else:
                    taken = sys.maxsize if flag is not None and flag.kind == "list" else 1
            elif taken:
                taken -= 1
            else:
                return word
        return None

    @cached_property
    def served_name(self) -> SourceValue[str] | None:
        """The name by which requests call the model."""
        return self.flag(self.names.served_model) or self.model

    @cached_property
    def transfer_flag(self) -> SourceValue[str] | None:
        """What hands the KV cache over: ``--kv-transfer-config``, or SGLang's mode."""
        return self.flag(self.names.kv_transfer)

    @property
    def is_simulator(self) -> bool:
        """Whether it only behaves as an engine."""
        return self.server is not None and self.server.behaves_as is not None

    @cached_property
    def transfer(self) -> EngineTransfer | None:
        """The KV transfer of vLLM; None where there is none, or it is no JSON object."""
        flag = self.transfer_flag if self.kind == "vllm" else None
        written = self.invocation.json(self.names.kv_transfer or "") if flag else None
        if flag is None or written is None:
            return None
        told = KvTransfer.of(written)
        return EngineTransfer(
            flag.of(told.connector),
            told.role,
            told.failure_policy or "fail",
            written,
            told.parts,
        )

    @cached_property
    def connectors(self) -> frozenset[str]:
        """The transports it can use: those inside a MultiConnector too, or SGLang's backend."""
        if self.kind == "sglang":
            backend = self.flag(self.names.transfer_backend)
            return frozenset((backend.value if backend else sglang.DEFAULT_BACKEND,))
        if self.transfer is None:
            return frozenset()
        return frozenset(part.connector for part in self.transfer.parts)

    @cached_property
    def mode(self) -> SourceValue[str] | None:
        """SGLang's ``--disaggregation-mode``."""
        return self.flag(self.names.kv_transfer) if self.kind == "sglang" else None


def ports_from(first: int, count: int) -> tuple[int, ...]:
    """Ports in a row, as many as there can be."""
    return tuple(range(first, min(first + count, 65536)))
