"""Pairs of vLLM's prefill and decode, each with one thing changed.

The base is what ``main.py`` composes. Docs/proof.md shows this table.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass, field

from tests.acceptance.cluster import Object
from tests.real_engines.environment import NEWEST, OLDER, Release
from tests.real_engines.pair import pair_of
from tests.real_engines.translation import KEEP_RANKS

_TRANSFER = "--kv-transfer-config="
_RANKS = "--tensor-parallel-size="
_NIXL = {"kv_connector": "NixlConnector", "kv_role": "kv_both"}


@dataclass(frozen=True)
class Change:
    """What is changed of a composed pod.

    Attributes:
        args: Arguments that are added.
        transfer: What ``--kv-transfer-config`` says instead; empty where the flag is left out,
            None where it stays.
        env: Variables that are set, or removed where the value is None.
        path: What ``--model`` says instead.
        model: What is loaded from there.
        release: The release of vLLM.
        ranks: How many ranks it has, which then run; None to leave what is composed, and run one.
    """

    args: tuple[str, ...] = ()
    transfer: str | None = None
    env: Mapping[str, str | None] = field(default_factory=dict)
    path: str = ""
    model: str = "tiny"
    release: Release = NEWEST
    ranks: int | None = None

    def apply(self, pod: Object) -> Object:
        """The pod with the change."""
        changed: Object = deepcopy(pod)
        (container,) = changed["spec"]["containers"]
        image = container["image"].rpartition(":")[0]
        container["image"] = f"{image}:v{self.release.version}"
        arguments = []
        for argument in container["args"]:
            if argument.startswith(_TRANSFER) and self.transfer is not None:
                argument = f"{_TRANSFER}{self.transfer}" if self.transfer else ""
            elif argument.startswith("--model=") and self.path:
                argument = f"--model={self.path}"
            elif argument.startswith(_RANKS) and self.ranks is not None:
                argument = f"{_RANKS}{self.ranks}"
            arguments.append(argument)
        container["args"] = [*filter(None, arguments), *self.args]
        env = {**self.env, **({KEEP_RANKS: "1"} if self.ranks is not None else {})}
        kept = [each for each in container["env"] if each["name"] not in env]
        given = [{"name": name, "value": value} for name, value in env.items() if value]
        container["env"] = [*kept, *given]
        return changed


SAME = Change()


def nixl(connector: str = "NixlConnector", **more: object) -> Change:
    """Another ``--kv-transfer-config``."""
    return Change(transfer=json.dumps({**_NIXL, "kv_connector": connector, **more}))


def given(*args: str) -> Change:
    """More arguments."""
    return Change(args)


pair = pair_of(SAME)

# Without --dtype the tiny model runs in bfloat16.
_COMPAT_OFF = {"enforce_handshake_compat": False}
_AGAIN = nixl(kv_load_failure_policy="recompute")
_WEIGHTS = "what a path holds is not in manifests"
_MOMENT = "it depends on the moment"
_FEW_BLOCKS = ("--max-model-len=2048", "--block-size=64", "--num-gpu-blocks-override=64")
"""So few that other prompts soon take blocks which are free again."""

PAIRS = (
    # What works.
    pair("as composed", "P/D"),
    pair(
        "kv_producer on prefill, kv_consumer on decode",
        "P/D",
        prefill=nixl(kv_role="kv_producer"),
        decode=nixl(kv_role="kv_consumer"),
    ),
    pair(
        "kv_consumer on prefill, kv_producer on decode",
        "P/D",
        prefill=nixl(kv_role="kv_consumer"),
        decode=nixl(kv_role="kv_producer"),
    ),
    pair("NixlPullConnector on prefill", "P/D", prefill=nixl("NixlPullConnector")),
    pair(
        "the flag's fields one by one on prefill",
        "P/D",
        prefill=Change(
            (
                "--kv-transfer-config.kv_connector=NixlConnector",
                "--kv-transfer-config.kv_role=kv_both",
            ),
            "",
        ),
    ),
    pair(
        "--kv_transfer_config on prefill",
        "P/D",
        prefill=Change((f"--kv_transfer_config={json.dumps(_NIXL)}",), ""),
    ),
    pair("prefix caching off on decode", "P/D", decode=given("--no-enable-prefix-caching")),
    pair("prefix caching off on prefill", "P/D", prefill=given("--no-enable-prefix-caching")),
    pair("another PYTHONHASHSEED on decode", "P/D", decode=Change(env={"PYTHONHASHSEED": "2"})),
    pair("another --seed on decode", "P/D", decode=given("--seed=9")),
    pair("--revision of a local folder on decode", "P/D", decode=given("--revision=abc")),
    pair(
        "ngram speculation on decode",
        "P/D",
        decode=given(
            '--speculative-config={"method":"ngram","num_speculative_tokens":3,'
            '"prompt_lookup_max":3}'
        ),
    ),
    pair(
        f"vLLM {OLDER.version} on prefill, enforce_handshake_compat false on decode",
        "P/D",
        prefill=Change(release=OLDER),
        decode=nixl(kv_connector_extra_config=_COMPAT_OFF),
    ),
    pair("two ranks on both sides", "P/D", "", Change(ranks=2), Change(ranks=2)),
    pair("two ranks on prefill, one on decode", "P/D", "T309", Change(ranks=2), Change(ranks=1)),
    pair("one rank on prefill, two on decode", "P/D", "", Change(ranks=1), Change(ranks=2)),
    # 200 with wrong text.
    pair(
        "blocks of 32 tokens on prefill, 64 on decode",
        "wrong output",
        "T308",
        given("--block-size=32"),
        given("--block-size=64"),
    ),
    pair(
        "other weights at the same path",
        "wrong output",
        prefill=Change(model="other weights"),
        untold=_WEIGHTS,
    ),
    pair(
        "one engine_id on two prefill pods",
        "wrong output",
        "T320",
        nixl(engine_id="same"),
        then="next pod",
    ),
    pair(
        "decode asks after the lease of prefill's blocks",
        "wrong output",
        prefill=given(*_FEW_BLOCKS),
        decode=given(*_FEW_BLOCKS),
        then="lease over",
        untold=_MOMENT,
    ),
    # 200, and decode computes the prompt again.
    pair("no connector on prefill", "recomputed", "T302", Change(transfer="")),
    pair("no connector on decode", "recomputed", "T302", decode=Change(transfer="")),
    pair("no connector at all", "recomputed", "T317", Change(transfer=""), Change(transfer="")),
    pair(
        "ExampleConnector on decode",
        "recomputed",
        "T303",
        decode=nixl(
            "ExampleConnector", kv_connector_extra_config={"shared_storage_path": "blocks"}
        ),
    ),
    pair(
        "nobody at prefill's side channel, policy recompute",
        "recomputed",
        "T310",
        decode=_AGAIN,
        then="nobody",
    ),
    pair(
        "prefill killed in between, policy recompute",
        "recomputed",
        "T310",
        decode=_AGAIN,
        then="killed",
    ),
    # 500.
    pair("prefill killed in between", "500", then="killed", untold=_MOMENT),
    pair("nobody at prefill's side channel", "500", then="nobody", untold=_MOMENT),
    pair(
        "blocks of 64 tokens on prefill, 32 on decode",
        "500",
        "T307",
        given("--block-size=64"),
        given("--block-size=32"),
    ),
    pair("--dtype float32 on decode", "500", "T306", decode=given("--dtype=float32")),
    pair(
        "--dtype float32 on decode, enforce_handshake_compat false",
        "500",
        "T306",
        decode=Change(
            ("--dtype=float32",),
            nixl(kv_connector_extra_config=_COMPAT_OFF).transfer,
        ),
    ),
    pair(
        "another --kv-cache-dtype on decode",
        "500",
        "T306",
        given("--dtype=bfloat16"),
        given("--dtype=bfloat16", "--kv-cache-dtype=fp8_e5m2"),
        needs="avx512f",
    ),
    pair(
        "--disable-hybrid-kv-cache-manager on decode",
        "500",
        "T306",
        decode=given("--disable-hybrid-kv-cache-manager"),
    ),
    pair(
        "the model at another path on decode",
        "500",
        "T304",
        prefill=given("--served-model-name=/mnt/models"),
        decode=Change(("--served-model-name=/mnt/models",), path="/mnt/other"),
    ),
    pair(
        "three layers instead of two at the same path",
        "500",
        decode=Change(model="three layers"),
        untold=_WEIGHTS,
    ),
    pair(f"vLLM {OLDER.version} on prefill", "500", "T305", Change(release=OLDER)),
    pair("NixlPushConnector on decode", "500", "T303", decode=nixl("NixlPushConnector")),
    pair(
        "no VLLM_NIXL_SIDE_CHANNEL_HOST on prefill",
        "500",
        "T301",
        Change(env={"VLLM_NIXL_SIDE_CHANNEL_HOST": None}),
    ),
    pair(
        "VLLM_NIXL_SIDE_CHANNEL_HOST localhost on prefill",
        "500",
        "T301",
        Change(env={"VLLM_NIXL_SIDE_CHANNEL_HOST": "localhost"}),
    ),
    pair(
        "one engine_id on both",
        "500",
        "T320",
        nixl(engine_id="same"),
        nixl(engine_id="same"),
    ),
    # 400 and 404.
    pair(
        "a shorter --max-model-len on decode",
        "400",
        decode=given("--max-model-len=256"),
        untold="short prompts are served",
    ),
    pair(
        "another --served-model-name on prefill",
        "404",
        "T314",
        given("--served-model-name=other"),
    ),
    # An engine does not start.
    pair(
        "no kv_role on decode",
        "does not start",
        "T319",
        decode=Change(transfer='{"kv_connector":"NixlConnector"}'),
    ),
    pair("an unknown kv_role on prefill", "does not start", "T319", nixl(kv_role="producer")),
    pair(
        "a kv_role without connector on prefill",
        "does not start",
        "T302",
        Change(transfer='{"kv_role":"kv_both"}'),
    ),
    pair("an unknown key on prefill", "does not start", "T325", nixl(kv_rol="kv_both")),
    pair(
        "no JSON on prefill",
        "does not start",
        "T302",
        Change(transfer="{kv_connector:NixlConnector}"),
    ),
    pair(
        "literal quotes on prefill",
        "does not start",
        "T302",
        Change(transfer=f"'{json.dumps(_NIXL)}'"),
    ),
    pair(
        "SharedStorageConnector on prefill",
        "does not start",
        "T321",
        nixl("SharedStorageConnector"),
    ),
    pair("P2pNcclConnector on prefill", "does not start", "T321", nixl("P2pNcclConnector")),
    pair("a misspelled connector on prefill", "does not start", "T303", nixl("NixlConector")),
    pair(
        "VLLM_NIXL_SIDE_CHANNEL_PORT is no number on prefill",
        "does not start",
        "T326",
        Change(env={"VLLM_NIXL_SIDE_CHANNEL_PORT": "tcp://10.0.0.1:5600"}),
    ),
    pair(
        "blocks of 48 tokens on decode", "does not start", "T308", decode=given("--block-size=48")
    ),
)
