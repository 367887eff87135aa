"""How prefill hands over to decode: read from flags, refused where they disagree."""

from __future__ import annotations

import json
from typing import Any

import pytest

from cdk8s_inference import Platform, SidecarOptions, router_release
from cdk8s_inference.document.kv_transfer import KvTransfer
from cdk8s_inference.document.model_deployment import Stage
from cdk8s_inference.document.rules.kv_transfer import kv_transfer
from cdk8s_inference.platform.sidecar_options import KVConnector
from cdk8s_inference.releases import ROUTER_NEWEST, ROUTER_RELEASES, RouterRelease
from cdk8s_inference.source import Cursor
from tests.document.builders import NIXL, Json, document, findings, gang, standalone

SGLANG = ("python3", "-m", "sglang.launch_server")
SGLANG_PREFILL = ("--disaggregation-mode=prefill", "--disaggregation-transfer-backend=nixl")
SGLANG_DECODE = ("--disaggregation-mode=decode", "--disaggregation-transfer-backend=nixl")


def transfer(connector: str, **fields: Any) -> str:
    return "--kv-transfer-config=" + json.dumps({"kv_connector": connector, **fields})


def agreed(
    prefill: Json | list[str],
    decode: Json | list[str],
    release: RouterRelease = ROUTER_NEWEST,
    chosen: KVConnector | None = None,
) -> tuple[KvTransfer | None, list[str]]:
    """What engines with these arguments agree on, and the codes of what there is to know."""
    engines = [
        Cursor(said if isinstance(said, dict) else standalone(name, *said), ("engines", name))
        for name, said in (("prefill", prefill), ("decode", decode))
    ]
    stages: dict[Stage, list[Cursor]] = {"Prefill": engines[:1], "Decode": engines[1:]}
    found, findings = kv_transfer(stages, release, SidecarOptions(connector=chosen))
    return found, [finding.code for finding in findings]


MULTI = transfer(
    "MultiConnector",
    kv_connector_extra_config={
        "connectors": [{"kv_connector": "OffloadingConnector"}, {"kv_connector": "NixlConnector"}]
    },
)

AGREED: dict[str, tuple[list[str], list[str], KVConnector]] = {
    "json": ([NIXL], [NIXL], "nixlv2"),
    "two words": (NIXL.split("=", 1), [NIXL], "nixlv2"),
    "underscores": ([NIXL.replace("-transfer-", "_transfer_")], [NIXL], "nixlv2"),
    "dotted": (["--kv-transfer-config.kv_connector=NixlConnector"], [NIXL], "nixlv2"),
    "dotted, two words": (["--kv-transfer-config.kv_connector", "NixlConnector"], [NIXL], "nixlv2"),
    "the last counts": ([transfer("MooncakeConnector"), NIXL], [NIXL], "nixlv2"),
    "mooncake": ([transfer("MooncakeConnector")], [transfer("MooncakeConnector")], "mooncake"),
    "storage": (
        [transfer("SharedStorageConnector")],
        [transfer("SharedStorageConnector")],
        "shared-storage",
    ),
    "offloading": (
        [transfer("OffloadingConnector")],
        [transfer("OffloadingConnector")],
        "offloading",
    ),
    "several, the first counts": ([MULTI], [MULTI], "offloading"),
    "sglang": ([*SGLANG_PREFILL], [*SGLANG_DECODE], "sglang"),
    "sglang by its default backend": (
        ["--disaggregation-mode", "prefill"],
        ["--disaggregation-mode", "decode"],
        "sglang",
    ),
}


@pytest.mark.parametrize(("prefill", "decode", "connector"), AGREED.values(), ids=AGREED)
def test_the_connector_is_read_from_the_engines_flags(
    prefill: list[str], decode: list[str], connector: KVConnector
) -> None:
    found, codes = agreed(prefill, decode)
    assert found is not None
    assert (found.connector.name, codes) == (connector, [])
    # Choosing what is read changes nothing.
    assert agreed(prefill, decode, chosen=connector) == (found, [])


def test_what_a_configuration_file_says_is_named_by_the_user() -> None:
    for said in ([], ["--config=engine.yaml"], ["--kv-transfer-config=$(CONFIG)"]):
        found, codes = agreed(said, said, chosen="mooncake")
        assert (found and found.connector.name, codes) == ("mooncake", [])
    # Of two engines one may still lack it.
    assert agreed([NIXL], [], chosen="nixlv2")[1] == ["W102"]


def test_of_several_transports_the_chosen_one() -> None:
    found, codes = agreed([MULTI], [MULTI], chosen="nixlv2")
    assert (found and found.connector.name, codes) == ("nixlv2", [])


def test_a_script_is_read_too() -> None:
    script = f"exec vllm serve m --port=8000 '{NIXL}'"
    engine = gang("decode")
    leader = engine["members"][0]["template"]["spec"]["containers"][0]
    leader["command"] = ["/bin/sh", "-c", script]
    found, codes = agreed([NIXL], engine)
    assert (found and found.connector.name, codes) == ("nixlv2", [])


REFUSED: dict[str, tuple[list[str], list[str], KVConnector | None, str]] = {
    "two transports": ([NIXL], [transfer("MooncakeConnector")], None, "W103"),
    "two engines": ([NIXL], [*SGLANG_DECODE], None, "W103"),
    "choice": ([NIXL], [NIXL], "mooncake", "W104"),
    "choice of another engine's": ([*SGLANG_PREFILL], [*SGLANG_DECODE], "nixlv2", "W104"),
    "no connector for it": ([transfer("P2pNcclConnector")], [NIXL], None, "W105"),
    "sglang's other mode": (["--disaggregation-mode=decode"], [*SGLANG_DECODE], None, "W107"),
    "modes swapped": ([*SGLANG_DECODE], [*SGLANG_PREFILL], None, "W107"),
}


@pytest.mark.parametrize(("prefill", "decode", "chosen", "code"), REFUSED.values(), ids=REFUSED)
def test_what_disagrees_is_refused(
    prefill: list[str], decode: list[str], chosen: KVConnector | None, code: str
) -> None:
    found, codes = agreed(prefill, decode, chosen=chosen)
    assert found is None
    assert {*codes} == {code}


@pytest.mark.parametrize(
    ("prefill", "decode", "codes"),
    [
        ([], [], ["W101"]),
        ([NIXL], [], ["W102"]),
        ([], [NIXL], ["W102"]),
        (["--kv-transfer-config=$(CONFIG)"], [NIXL], ["W108"]),
        (["--kv-transfer-config"], [], ["W108", "W102"][:1]),
    ],
)
def test_what_may_be_said_elsewhere_is_warned_of(
    prefill: list[str], decode: list[str], codes: list[str]
) -> None:
    """A configuration file, or a variable, may say it: but decode may compute it all again."""
    found, told = agreed(prefill, decode)
    assert (found and found.connector.name, told) == ("nixlv2", codes)


def test_a_transport_that_is_not_known_needs_a_choice() -> None:
    flags = [transfer("MyConnector")]
    assert agreed(flags, flags)[1] == ["W105", "W105"]
    found, codes = agreed(flags, flags, chosen="nixlv2")
    assert (found and found.connector.name, codes) == ("nixlv2", ["W105", "W105"])


def test_tensorrt_llm_is_refused_with_the_reason() -> None:
    engine = standalone("decode", "serve", "m", "--port=8001")
    container = engine["members"][0]["template"]["spec"]["containers"][0]
    container["command"] = ["trtllm-serve"]
    found, codes = agreed([NIXL], engine)
    assert (found, codes) == (None, ["W106"])


@pytest.mark.parametrize("release", ROUTER_RELEASES, ids=lambda each: each.version)
def test_a_release_has_the_connector_or_says_who_has(release: RouterRelease) -> None:
    for connector in ROUTER_NEWEST.sidecar.connectors:
        if connector.engine != "vllm":
            continue
        flags = [transfer(connector.engine_connectors[0])]
        found, codes = agreed(flags, flags, release)
        if release.has_connector(connector.name):
            assert found is not None
            assert found.connector.name == connector.name
        else:
            assert (found, codes) == (None, ["W105", "W105"])
            # Not even by choice: the sidecar would exit.
            name: Any = connector.name
            assert agreed(flags, flags, release, name)[0] is None


def test_bootstrap_ports() -> None:
    def port(prefill: list[str] | Json, decode: list[str]) -> int | None:
        found, codes = agreed(prefill, decode)
        assert (found is not None, codes) == (True, [])
        return found.bootstrap_port if found else None

    assert port([NIXL], [NIXL]) is None
    assert port([*SGLANG_PREFILL], [*SGLANG_DECODE]) == 8998
    own = [*SGLANG_PREFILL, "--disaggregation-bootstrap-port=9100"]
    assert port(own, [*SGLANG_DECODE]) == 9100
    mooncake = transfer("MooncakeConnector")
    assert port([mooncake], [mooncake]) == 8998
    engine = standalone("prefill", mooncake)
    container = engine["members"][0]["template"]["spec"]["containers"][0]
    container["env"] = [{"name": "VLLM_MOONCAKE_BOOTSTRAP_PORT", "value": "9200"}]
    assert port(engine, [mooncake]) == 9200


def test_the_sidecar_asks_one_bootstrap_port() -> None:
    prefill = [
        Cursor(standalone(name, *SGLANG_PREFILL, f"--disaggregation-bootstrap-port={port}"))
        for name, port in (("a", 9100), ("b", 9200))
    ]
    decode = [Cursor(standalone("c", *SGLANG_DECODE))]
    found, findings = kv_transfer(
        {"Prefill": prefill, "Decode": decode}, ROUTER_NEWEST, SidecarOptions()
    )
    assert (found, [finding.code for finding in findings]) == (None, ["W111"])


def test_an_sglang_engine_that_serves_alone_is_told_of() -> None:
    container = {"command": list(SGLANG)}
    alone = standalone("prefill")
    alone["members"][0]["template"]["spec"]["containers"][0].update(container)
    assert "W109" in agreed(alone, [*SGLANG_DECODE])[1]


def test_a_document_is_judged_with_the_platforms_choices() -> None:
    flags = transfer("MooncakeConnector")
    found = document(
        standalone("prefill", "--port=8000", flags, phase="Prefill"),
        standalone("decode", "--port=8001", flags, phase="Decode"),
        serving={"mode": "PrefillDecode"},
    )
    assert findings(found) == []
    assert [each.code for each in findings(found, Platform(router=router_release("v0.8.0")))] == [
        "W105",
        "W105",
    ]
    chosen = Platform(sidecar=SidecarOptions(connector="nixlv2"))
    told = findings(found, chosen)
    assert [(each.code, each.severity) for each in told] == [("W104", "error")] * 2
    assert told[0].path.endswith("engines[0].members[0].template.spec.containers[0].args[1]")
