"""Names: valid, unique, stable, and with room for what controllers derive from them."""

from __future__ import annotations

import doctest

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from cdk8s_inference import names
from cdk8s_inference.document.model_deployment import Role
from tests.kit.syntax import dns_1035_label, label_value


def labels(first: str) -> st.SearchStrategy[str]:
    """Names of any length, and ones near the limits, which a pattern alone seldom gives."""
    return st.one_of(
        st.from_regex(rf"[{first}]([-a-z0-9]{{0,61}}[a-z0-9])?", fullmatch=True),
        st.from_regex(rf"[{first}][-a-z0-9]{{30}}[a-z0-9]", fullmatch=True),
        st.from_regex(rf"[{first}][-a-z0-9]{{61}}[a-z0-9]", fullmatch=True),
    )


DEPLOYMENTS, ENGINES = labels("a-z"), labels("a-z0-9")
INDICES = st.integers(0, 9)
ROLES: list[Role] = ["Standalone", "Leader", "Worker"]


def test_the_examples_hold() -> None:
    assert doctest.testmod(names).failed == 0


@given(DEPLOYMENTS, INDICES, ENGINES)
def test_every_name_is_one_that_a_service_can_carry(
    deployment: str, index: int, engine: str
) -> None:
    replica = names.replica(deployment, index)
    gang = names.workload(replica, engine, gang=True)
    found = [
        replica,
        names.picker(replica),
        names.workload(replica, engine, gang=False),
        gang,
        *(names.claim_template(gang, role) for role in ROLES),
    ]
    for name in found:
        assert dns_1035_label(name) is None
        assert label_value(name) is None


@given(DEPLOYMENTS, INDICES, ENGINES)
def test_a_gang_leaves_room_for_what_its_controllers_add(
    deployment: str, index: int, engine: str
) -> None:
    name = names.workload(names.replica(deployment, index), engine, gang=True)
    # The last of 64 copies; its followers run in a StatefulSet of this name.
    followers = f"{name}-63"
    for derived in (f"{name}-0123456789", f"{followers}-0123456789", f"{followers}-63"):
        assert label_value(derived) is None, len(derived)


@given(st.text("ab-", min_size=1, max_size=80), st.text("ab-", min_size=1, max_size=80))
def test_different_names_stay_different_when_cut(one: str, other: str) -> None:
    assume(one != other)
    for limit in (names.LABEL_LIMIT, names.LEADER_WORKER_SET_LIMIT):
        assert names.join("x", one, limit=limit) != names.join("x", other, limit=limit)


def test_a_cut_name_differs_where_only_its_lost_end_does() -> None:
    one, other = names.join("x" * 70, "a"), names.join("x" * 70, "b")
    assert one != other
    assert one[:54] == other[:54] == "x" * 54


def test_a_name_that_fits_is_not_touched() -> None:
    assert names.join("a" * 61, 0) == "a" * 61 + "-0"
    assert names.join("a" * 62, 0) != "a" * 62 + "-0"
    assert len(names.join("a" * 62, 0)) == 63


def test_a_cut_leaves_no_double_hyphen() -> None:
    assert names.join("a" * 50 + "----", "b" * 20).startswith("a" * 50 + "-")
    assert "--" not in names.join("a" * 50 + "----", "b" * 20)


def test_names_are_the_same_in_every_version() -> None:
    replica = names.replica("a-very-long-name-that-somebody-chose-for-their-deployment-ok", 3)
    assert replica == "a-very-long-name-that-somebody-chose-for-their-deployment-ok-3"
    assert (
        names.picker(replica) == "a-very-long-name-that-somebody-chose-for-their-deploym-8f59e8fc"
    )
    workload = names.workload(replica, "decode", gang=True)
    assert workload == "a-very-long-name-that-somebody-chose-for-2bc5da94"


def test_a_leader_and_an_engine_called_so_claim_under_different_names() -> None:
    leader = names.claim_template(names.workload("r", "a", gang=True), "Leader")
    alone = names.claim_template(names.workload("r", "a-leader", gang=False), "Standalone")
    assert leader != alone


@pytest.mark.parametrize("gang", [False, True])
@pytest.mark.parametrize("name", ["a", "a-1", "llama-70b-0-decode", "a--b"])
def test_names_a_workload_can_carry(name: str, gang: bool) -> None:
    names.require(name, gang=gang)


@pytest.mark.parametrize(
    ("name", "gang", "says"),
    [
        ("a" * 64, False, "64 characters, at most 63"),
        ("a" * 50, True, "50 characters, at most 49"),
        ("70b", False, "starting with a letter"),
        ("Llama", False, "'Llama' must be lower case"),
        ("a.b", False, "lower case letters, digits and '-'"),
        ("a-", False, "lower case letters, digits and '-'"),
        ("a\n", False, "lower case letters, digits and '-'"),
        ("", False, "lower case letters, digits and '-'"),
    ],
)
def test_names_a_workload_cannot_carry(name: str, gang: bool, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        names.require(name, gang=gang)


@pytest.mark.parametrize("name", ["a", "7", "a-1", "a" * 63])
def test_namespaces(name: str) -> None:
    names.require_namespace(name)


@pytest.mark.parametrize("name", ["", "-a", "a-", "A", "a.b", "a_b", "a" * 64, "a\n"])
def test_no_namespaces(name: str) -> None:
    with pytest.raises(ValueError, match="up to 63 lower case letters") as raised:
        names.require_namespace(name)
    assert repr(name) in str(raised.value)


def test_names_of_cluster_roles_keep_namespaces_apart() -> None:
    one, other = (names.cluster_role(*place, "part") for place in (("a-b", "c"), ("a", "b-c")))
    assert one != other
