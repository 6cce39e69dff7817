"""Scopes: the table, what `self` is, and the laws of expanding and intersecting."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perijove.core.roles import DEFAULTS, Roles
from perijove.model.errors import Invalid
from perijove.model.overlap import Groups, intersect, people, within
from perijove.model.role import Role
from perijove.model.scope import (
    IMPLIES,
    SCOPES,
    SELF,
    Kind,
    Scope,
    Target,
    expand,
    identify,
    resolved,
)
from perijove.model.user import User

GROUPS: Groups = {"ada": frozenset({"course"}), "bob": frozenset({"course", "staff"})}
FILTERS = [
    "", "!user=ada", "!user=bob", "!server=ada/", "!server=ada/gpu", "!server=bob/",
    "!group=course", "!group=staff", "!service=x",
]  # fmt: skip
TARGETS = [
    Target(),
    Target(kind=Kind.GROUP, group="course"),
    Target(kind=Kind.SERVICE, service="x"),
    *(
        Target(kind=kind, user=user, server=server, groups=GROUPS[user])
        for user in GROUPS
        for kind, server in ((Kind.USER, ""), (Kind.SERVER, ""), (Kind.SERVER, "gpu"))
    ),
]
names = st.sampled_from(["users", "servers", "tokens", "access:servers", "admin:groups", "shares"])
scopes = st.frozensets(
    st.builds(lambda name, rest: Scope.parse(name + rest), names, st.sampled_from(FILTERS)),
    max_size=6,
)


def parsed(*texts: str) -> frozenset[Scope]:
    return frozenset(Scope.parse(text) for text in texts)


def allows(held: frozenset[Scope], name: str, target: Target) -> bool:
    return any(scope.name == name and scope.covers(target) for scope in held)


def test_the_table_is_complete() -> None:
    assert len(SCOPES) == 48
    assert {name for implied in IMPLIES.values() for name in implied} <= SCOPES


@pytest.mark.parametrize("name", sorted(SCOPES))
def test_every_scope_is_read_as_it_is_written(name: str) -> None:
    assert Scope.parse(name).text == name


@pytest.mark.parametrize(
    "text",
    ["users!user=ada", "users!user", "servers!server=ada/", "servers!server", "users!group=g",
     "read:services!service", "servers!user=a=b", "servers!server=a/b/gpu"],
)  # fmt: skip
def test_a_filter_is_read_as_it_is_written(text: str) -> None:
    assert Scope.parse(text).text == text


@pytest.mark.parametrize(
    "text",
    ["", "nonsense", "users!", "users!user=", "users!group", "users!x=y", "users!none=x",
     "inherit!user=ada", "self!user=ada", "servers!server=ada", "custom:x", "users!!user=a",
     "all", "users!Group=g"],
)  # fmt: skip
def test_what_is_no_scope_is_refused(text: str) -> None:
    with pytest.raises(Invalid):
        Scope.parse(text)


def test_self_is_what_concerns_oneself_and_nobody_else() -> None:
    held = expand(resolved(parsed("self"), user="ada"))
    assert {scope.kind for scope in held} == {Kind.USER}
    assert {scope.value for scope in held} == {"ada"}
    found = {scope.name for scope in held}
    assert found >= {*SELF, "start:servers", "delete:servers", "read:tokens", "read:users:shares"}
    assert "shares" not in found
    assert resolved(parsed("self"), service="x") == frozenset()


def test_a_placeholder_is_good_for_nothing_until_something_fills_it() -> None:
    bare = parsed("servers!user", "access:servers!server", "read:services!service")
    assert not any(
        scope.covers(target) for scope in bare for target in [*TARGETS, Target(Kind.USER)]
    )
    assert resolved(bare) == frozenset()
    filled = resolved(bare, user="ada", server="ada/gpu", service="x")
    assert filled == parsed(
        "servers!user=ada", "access:servers!server=ada/gpu", "read:services!service=x"
    )


@pytest.mark.parametrize(
    ("one", "other", "both"),
    [
        ("users", "users!user=ada", "users!user=ada"),
        ("servers!user=ada", "servers!server=ada/gpu", "servers!server=ada/gpu"),
        ("servers!group=course", "servers!user=ada", "servers!user=ada"),
        ("servers!group=staff", "servers!user=ada", None),
        ("servers!group=staff", "servers!server=bob/", "servers!server=bob/"),
        ("servers!group=course", "servers!group=staff", None),
        ("servers!user=ada", "servers!user=bob", None),
        ("users", "servers", None),
        ("servers!server=ada/", "servers!server=ada/gpu", None),
        ("read:services!service=x", "read:services", "read:services!service=x"),
    ],
)
def test_filters_are_intersected_in_pairs(one: str, other: str, both: str | None) -> None:
    wanted = parsed(both) if both else frozenset()
    assert intersect(parsed(one), parsed(other), GROUPS) == wanted
    assert intersect(parsed(other), parsed(one), GROUPS) == wanted


@given(scopes, scopes)
def test_expanding_is_monotone_and_settles(one: frozenset[Scope], other: frozenset[Scope]) -> None:
    assert expand(one) <= expand(one | other)
    assert expand(expand(one)) == expand(one)


@given(scopes, scopes)
def test_an_intersection_allows_nothing_that_either_side_refuses(
    one: frozenset[Scope], other: frozenset[Scope]
) -> None:
    left, right = expand(one), expand(other)
    both = intersect(left, right, GROUPS)
    for target in TARGETS:
        for name in {scope.name for scope in both}:
            if allows(both, name, target):
                assert allows(left, name, target)
                assert allows(right, name, target)
    assert expand(both) == both


@given(scopes, scopes, scopes)
def test_who_holds_more_is_left_with_more(
    one: frozenset[Scope], more: frozenset[Scope], other: frozenset[Scope]
) -> None:
    right = expand(other)
    fewer = intersect(expand(one), right, GROUPS)
    assert fewer <= intersect(expand(one | more), right, GROUPS)


@given(scopes, scopes)
def test_what_lies_within_escalates_nothing(
    inner: frozenset[Scope], outer: frozenset[Scope]
) -> None:
    asked, held = expand(inner), expand(outer)
    if within(asked, held, GROUPS):
        for target in TARGETS:
            for name in {scope.name for scope in asked}:
                assert not allows(asked, name, target) or allows(held, name, target)
    assert within(asked, asked | held, GROUPS)


def test_people_are_those_whom_a_filter_names() -> None:
    found = people(parsed("users!user=ada", "servers!server=bob/gpu", "users!group=eve", "users"))
    assert found == {"ada", "bob"}


def test_everybody_holds_self_and_an_administrator_the_role_of_that_name() -> None:
    roles = Roles()
    ada = User(id=1, name="ada")
    assert roles.of(ada) == expand(resolved(parsed("self"), user="ada"))
    assert identify("ada") <= roles.of(ada)
    root = User(id=2, name="root", admin=True)
    assert roles.of(root) >= roles.of(User(id=2, name="root")) | expand(parsed("admin:users"))
    assert roles.names_of(root) == ["admin", "user"]


def test_a_loaded_role_reaches_people_groups_and_services() -> None:
    teacher = Role(
        name="teacher",
        scopes=("list:users!group=course", "servers!user"),
        users=frozenset({"eve"}),
        groups=frozenset({"staff"}),
        services=frozenset({"grader"}),
    )
    roles = Roles([teacher])
    eve, bob = User(id=1, name="eve"), User(id=2, name="bob", groups=frozenset({"staff"}))
    for user in (eve, bob):
        assert parsed("list:users!group=course", f"servers!user={user.name}") <= roles.of(user)
    assert roles.names_of(eve) == ["teacher", "user"]
    assert roles.of_service("grader") == expand(parsed("list:users!group=course"))
    assert roles.of_service("other") == frozenset()


@pytest.mark.parametrize(
    "role",
    [Role(name="x"), Role(name="Teacher"), Role(name="ta", scopes=("nonsense",)),
     Role(name="teacher", scopes=("nonsense",)), Role(name="admin", scopes=("self",))],
)  # fmt: skip
def test_a_role_that_makes_no_sense_is_refused(role: Role) -> None:
    with pytest.raises(Invalid):
        Roles([role])


def test_a_default_role_can_be_given_to_more_and_mean_something_else() -> None:
    roles = Roles(
        [Role(name="admin", services=frozenset({"cli"})), Role(name="user", scopes=("read:hub",))]
    )
    assert roles.of_service("cli") == expand(parsed(*DEFAULTS[1].scopes))
    assert roles.of(User(id=1, name="ada")) == parsed("read:hub")
    with pytest.raises(Invalid):
        roles.texts(["nobody"])
    assert roles.texts(["token"]) == ["inherit"]
