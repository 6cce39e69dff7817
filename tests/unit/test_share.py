"""A share opens one server and nothing else, and nobody shares more than they hold."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perijove.core.shares import require_held
from perijove.model.errors import Denied, HubError, Invalid
from perijove.model.placement import Placement
from perijove.model.principal import Principal
from perijove.model.scope import SCOPES, Kind, Scope, Target, expand
from perijove.model.server import Desired, Phase, Server
from perijove.model.share import SHAREABLE, names, on, without
from perijove.model.user import User

ADA = User(id=1, name="ada", groups=frozenset({"g"}))
SERVER = Server(
    id=1, user_id=1, user="ada", name="gpu", user_options={}, desired=Desired.STOPPED,
    phase=Phase.STOPPED, since=datetime(2026, 1, 1, tzinfo=UTC), incarnation=0,
    placement=Placement(workload="w", port=None, client="c", home="h"),
)  # fmt: skip
USERS, SERVERS, GROUPS = ("ada", "bob"), ("", "gpu"), ("g", "h")
TARGETS = [
    Target(),
    *(Target(kind=Kind.USER, user=it, groups=ADA.groups) for it in USERS),
    *(
        Target(kind=Kind.SERVER, user=user, server=it, groups=ADA.groups)
        for user in USERS
        for it in SERVERS
    ),
    *(Target(kind=Kind.GROUP, group=it) for it in GROUPS),
    Target(kind=Kind.SERVICE, service="s"),
]
filters = st.one_of(
    st.just((Kind.NONE, "")),
    st.tuples(st.just(Kind.USER), st.sampled_from(USERS)),
    st.tuples(st.just(Kind.SERVER), st.sampled_from(["ada/", "ada/gpu", "bob/gpu"])),
    st.tuples(st.just(Kind.GROUP), st.sampled_from(GROUPS)),
)
scopes = st.builds(
    lambda name, filtered: Scope(name, *filtered), st.sampled_from(sorted(SCOPES)), filters
)
texts = st.one_of(
    st.text(max_size=20),
    scopes.map(lambda it: it.text),
    st.sampled_from([*SHAREABLE, *(f"{it}!server=ada/gpu" for it in SHAREABLE)]),
)


def may(held: frozenset[Scope], name: str, target: Target) -> bool:
    return any(it.name == name and it.covers(target) for it in held)


@given(st.lists(texts, max_size=4), st.lists(scopes, max_size=6))
def test_nobody_gives_what_they_do_not_hold(asked: list[str], own: list[Scope]) -> None:
    sharer = Principal.of("somebody", own)
    try:
        given_names = names(asked, SERVER)
        require_held(sharer, SERVER, ADA, given_names)
    except HubError as error:
        assert isinstance(error, Invalid | Denied)  # noqa: PT017 - the law is about what passes
        return
    gained = expand(on(name, SERVER) for name in given_names)
    for scope in gained:
        for target in TARGETS:
            if scope.covers(target):
                assert may(sharer.scopes, scope.name, target), (scope, target)


@given(st.lists(texts, max_size=4))
def test_a_share_opens_its_server_and_nothing_else(asked: list[str]) -> None:
    try:
        gained = expand(on(name, SERVER) for name in names(asked, SERVER))
    except Invalid:
        return
    covered = {target for scope in gained for target in TARGETS if scope.covers(target)}
    assert {(it.user, it.server) for it in covered} <= {("ada", "gpu")}
    assert {it.kind for it in covered} <= {Kind.SERVER}


@given(
    st.lists(st.sampled_from(SHAREABLE), min_size=1, unique=True),
    st.lists(st.sampled_from(SHAREABLE), min_size=1, unique=True),
)
def test_what_is_taken_is_not_held_by_what_is_left(held: list[str], taken: list[str]) -> None:
    def all_of(some: Sequence[str]) -> set[str]:
        return {it.name for it in expand(on(name, SERVER) for name in some)}

    left = without(held, taken, SERVER)
    assert not all_of(left) & set(taken)
    # Only what would have held it goes with it.
    kept = {name for name in all_of(held) if not all_of([name]) & set(taken)}
    assert all_of(left) == kept


@pytest.mark.parametrize("name", ["access:servers", "servers", "custom:notebooks:read"])
def test_a_share_is_kept_by_its_name_and_follows_its_server(name: str) -> None:
    renamed = replace(SERVER, user="anna", name="lab")
    assert on(name, SERVER).text == f"{name}!server=ada/gpu"
    assert on(name, renamed).text == f"{name}!server=anna/lab"
