"""The endpoint picker of a release, whichever project built it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

from cdk8s_inference.releases.connector import ServingEngine
from cdk8s_inference.releases.flag import Flag, FlagValue
from cdk8s_inference.releases.permission import Permission
from cdk8s_inference.releases.plugin_type import Parameter, PluginType, RequestData

MetricType = Literal["counter", "gauge", "histogram", "summary"]

RUNTIME_METRIC_PREFIXES = (
    "certwatcher_",
    "controller_runtime_",
    "go_",
    "leader_election_",
    "process_",
    "rest_client_",
    "workqueue_",
)
"""Families that every Go program with a controller has; no release lists them."""


@dataclass(frozen=True)
class ConfigFormat:
    """The EndpointPickerConfig that a picker reads, strictly: a wrong word keeps it from starting.

    Attributes:
        api_versions: What it accepts, the one to write first; the others are deprecated.
        fields: The fields beside apiVersion and kind.
        deprecated_fields: Fields that still work, and what to write instead.
        gates: Feature gates and whether each is on by default.
        gate_values: Whether a gate may be written ``name=false``.
        strict_parameters: Whether an unknown parameter of a plugin keeps the picker from
            starting. Otherwise it is ignored without a word.
        declares_before_use: Whether a decider must be listed before its profile handler.
        additive_data_layer: Whether the picker adds its metrics source to a ``dataLayer`` that
            has none. Otherwise such a section switches metrics off.
        default_producers: What the picker creates for data that a plugin consumes and no
            listed plugin produces. Where it creates any, it does not start without the others.
        undeclared: Plugins that may be named without listing them: the picker adds them. A
            picker among them is added only where none is listed.
        undeclared_parsers: Whether any parser may be named without listing it.
        seen_run: Whether it is known from runs what becomes of a configuration. Where it was
            read in sources alone, what follows is never an error.
    """

    api_versions: tuple[str, ...]
    fields: tuple[Parameter, ...]
    gates: Mapping[str, bool]
    deprecated_fields: Mapping[str, str]
    gate_values: bool
    strict_parameters: bool
    declares_before_use: bool
    additive_data_layer: bool
    default_producers: Mapping[RequestData, str]
    undeclared: tuple[str, ...]
    undeclared_parsers: bool
    seen_run: bool


@dataclass(frozen=True)
class Picker:
    """The endpoint picker of a release.

    Attributes:
        image: Its image.
        flags: What it knows; any other flag ends it.
        single_dash: Whether ``-pool-name`` is as good as ``--pool-name``. Otherwise one dash is
            for flags of one letter, and ends it before any other.
        always: What it does as if a flag of other releases were given, which it does not have.
        config: How its configuration is written.
        plugins: The plugin types it registers.
        smallest_block_tokens: The prefix producer raises a smaller block size to this.
        needs_config: Whether it ends at its start where it is given no configuration.
        pool_groups: The API groups whose InferencePool it reads. Of several, ``pool-group``
            chooses, and any further one ends it; of one, that flag changes only which objectives
            and rewrites it takes for its pool's.
        watches: What its account must be allowed to read, with the pool of its default group.
            It answers 503 to every request if a kind whose CRD is installed is missing (seen
            run). Rules for absent CRDs do no harm.
        leader_election: What high availability needs besides.
        metrics_review: ClusterRole rules that metrics with authentication need; without them
            every scrape fails, and nothing else (seen run).
        metrics_reader: ClusterRole rules of an account that scrapes metrics with
            authentication.
        lease: Name of the leader's lease, with ``{namespace}`` and ``{pool}`` to fill in. Two
            releases with different names have two leaders during an upgrade.
        readiness_service: gRPC health service that is SERVING where requests are answered: on
            the leader alone with leader election.
        liveness_service: gRPC health service that is SERVING on leader and standby alike.
        standby_answers: Whether a request to the standby is answered, not refused with 503.
        drain_flag: The flag for how long it serves on after SIGTERM and lets running streams
            finish. Without one it refuses new requests at once, and cuts streams after
            ``stop_seconds``.
        stop_seconds: How long it stays after SIGTERM by default; the pod's grace period must be
            longer.
        experimental_flag: The flag that alpha plugins need; None where there are none.
        engine_label: The pod label that tells it whose metrics an engine has.
        engines: The label's values that it knows the metrics of; ``vllm`` unlabelled.
        event_engines: Engines whose KV cache events it can read.
        metrics: Its own metric families, some of which appear with the first request.
    """

    image: str
    flags: tuple[Flag, ...]
    single_dash: bool
    always: Mapping[str, FlagValue]
    config: ConfigFormat
    plugins: tuple[PluginType, ...]
    smallest_block_tokens: int
    needs_config: bool
    pool_groups: tuple[str, ...]
    watches: tuple[Permission, ...]
    leader_election: tuple[Permission, ...]
    metrics_review: tuple[Permission, ...]
    metrics_reader: tuple[Permission, ...]
    lease: str
    readiness_service: str
    liveness_service: str
    standby_answers: bool
    drain_flag: str | None
    stop_seconds: int
    experimental_flag: str | None
    engine_label: str
    engines: tuple[str, ...]
    event_engines: tuple[ServingEngine, ...]
    metrics: Mapping[str, MetricType]

    def pool_group(self, asked: str) -> str | None:
        """The API group of the InferencePool that it reads, by the value of ``pool-group``.

        None for a group that ends it.
        """
        if len(self.pool_groups) == 1:
            return self.pool_groups[0]
        return asked if asked in self.pool_groups else None

    def watches_with(self, pool_group: str) -> tuple[Permission, ...]:
        """What its account must be allowed to read where its pool is of that API group."""
        return tuple(
            replace(each, api_group=pool_group) if each.resources == ("inferencepools",) else each
            for each in self.watches
        )
