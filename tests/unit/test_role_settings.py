"""Roles and scopes of the configuration: what is taken, what is refused, and in which words."""

from typing import Any

import pytest

from perijove.core.people import Bearers
from perijove.core.roles import DEFAULTS
from perijove.model.scope import Scope
from perijove.model.user import User
from perijove.settings import BadConfig, of, read_tree

CUSTOM = {
    "custom:lab:read": {"description": "see the bench"},
    "custom:lab:write": {"description": "use the bench", "subscopes": ["custom:lab:read"]},
    "custom:lab:*": {"description": "all of it", "subscopes": ["custom:lab:write"]},
}
ADA = User(id=1, name="ada")


def hub(**traits: Any) -> dict[str, Any]:
    return {"hub": {"config": {"JupyterHub": traits}}}


def test_a_custom_scope_implies_others_with_the_same_filter() -> None:
    role = {"name": "bench", "scopes": ["custom:lab:*!user=bob"], "users": ["Ada"]}
    roles = of(hub(custom_scopes=CUSTOM, load_roles=[role])).roles
    filtered = {f"{name}!user=bob" for name in CUSTOM}
    assert filtered <= {scope.text for scope in roles.of(ADA)}
    assert roles.expand([Scope("custom:lab:read")]) == {Scope("custom:lab:read")}


@pytest.mark.parametrize(
    "name",
    ["lab:read", "custom:", "custom:a", "custom:ab", "custom:Lab", "custom:-ab", "custom:ab-",
     "custom:ab:", "custom:a b", "custom:ab!user=ada", "custom:ab\n", "custom:äbc", "users",
     "custom:ab\0c", "Custom:abc", "custom:*abc"],
)  # fmt: skip
def test_no_scope_may_be_called_like_that(name: str) -> None:
    with pytest.raises(BadConfig, match="no scope may be called"):
        of(hub(custom_scopes={name: {"description": "x"}}))


@pytest.mark.parametrize(
    "name", ["custom:abc", "custom:0_*", "custom:a-*:b_", "custom:" + "x" * 99]
)
def test_a_scope_may_be_called_like_that(name: str) -> None:
    settings = of(hub(custom_scopes={name: {"description": "x"}}))
    assert settings.roles.parse(name).text == name


@pytest.mark.parametrize(
    ("scopes", "words"),
    [
        ({"custom:abc": {"description": "x", "subscopes": ["users"]}}, "can imply no other"),
        (
            {"custom:abc": {"description": "x", "subscopes": ["custom:xyz"]}},
            "none of custom_scopes",
        ),
        ({"custom:abc": {}}, "description"),
        ({"custom:abc": {"description": ""}}, "description"),
        ({"custom:abc": {"description": "x", "subscopes": "custom:xyz"}}, "subscopes"),
        ({"custom:abc": "x"}, "custom:abc"),
    ],
)
def test_a_custom_scope_is_described_and_implies_none_of_ours(
    scopes: dict[str, Any], words: str
) -> None:
    with pytest.raises(BadConfig) as told:
        of(hub(custom_scopes=scopes))
    assert words in str(told.value)


def test_custom_scopes_may_imply_one_another() -> None:
    both = {
        "custom:one": {"description": "x", "subscopes": ["custom:two"]},
        "custom:two": {"description": "x", "subscopes": ["custom:one"]},
    }
    roles = of(hub(custom_scopes=both)).roles
    assert {it.name for it in roles.expand([Scope("custom:one")])} == set(both)


def test_a_role_with_a_custom_scope_that_nobody_made_is_refused() -> None:
    with pytest.raises(BadConfig) as told:
        of({"hub": {"loadRoles": {"bench": {"scopes": ["custom:lab:read"]}}}})
    assert "hub.loadRoles.bench" in str(told.value)
    assert "there is no scope 'custom:lab:read'" in str(told.value)


def test_roles_as_a_list_and_by_name_are_one_role_of_each_name() -> None:
    one = {"scopes": ["read:hub"], "users": ["Ada"], "description": "Looks"}
    other = {"name": "looks", "groups": ["staff"], "services": ["watch"]}
    tree = hub(load_roles=[other])
    tree["hub"] |= {"loadRoles": {"looks": one}, "services": {"watch": {}}}
    settings = of(tree)
    (role,) = settings.hub.loaded_roles
    assert (role.scopes, role.description) == (("read:hub",), "Looks")
    assert [*role.users, *role.groups, *role.services] == ["ada", "staff", "watch"]
    assert Scope("read:hub") in settings.roles.of(ADA)
    assert settings.declared.bearers == (
        Bearers(role="looks", users=frozenset({"ada"}), groups=frozenset({"staff"})),
    )


def test_everybody_may_be_given_more_and_keeps_what_is_their_own() -> None:
    roles = of(hub(extra_user_scopes=["read:hub", "list:users!group=staff"])).roles
    held = roles.of(ADA)
    assert held >= {Scope("read:hub"), Scope.parse("servers!user=ada")}
    assert Scope.parse("list:users!group=staff") in held
    assert not any(scope.name == "read:hub" for scope in roles.of_service("x"))
    with pytest.raises(BadConfig, match="there is no scope 'everything'"):
        of(hub(extra_user_scopes=["everything"]))


def test_extra_scopes_join_a_role_of_everybody_that_the_configuration_has() -> None:
    tree = hub(extra_user_scopes=["read:hub"])
    tree["hub"]["loadRoles"] = {"user": {"scopes": ["self", "shares!user"]}}
    held = of(tree).roles.of(ADA)
    assert held >= {Scope("read:hub"), Scope.parse("shares!user=ada")}


def test_the_role_of_administrators_can_be_given_and_not_changed() -> None:
    given = of({"hub": {"loadRoles": {"admin": {"users": ["ada"]}}}}).roles
    assert {scope.text for scope in given.of(ADA)} >= set(DEFAULTS[1].scopes)
    with pytest.raises(BadConfig, match="changes what the role `admin` is"):
        of({"hub": {"loadRoles": {"admin": {"scopes": ["self"]}}}})


@pytest.mark.parametrize("name", ["ab", "Abc", "1bc", "a c", "abc-", "a" * 256, "äbc", "a\0c", ""])
def test_a_role_of_a_bad_name_is_refused(name: str) -> None:
    with pytest.raises(BadConfig):
        of(hub(load_roles=[{"name": name, "scopes": ["self"]}]))


def test_who_writes_a_role_that_keeps_people_out_is_told() -> None:
    tree = {
        "hub": {"loadRoles": {"user": {"scopes": ["read:hub"]}, "looks": {"services": ["wach"]}}}
    }
    tree["hub"]["services"] = {"watch": {}}
    said = [str(it) for it in read_tree(tree, {}).notices]
    assert any("lacks `self`" in it for it in said)
    assert any("'wach'" in it and "Did you mean `watch`?" in it for it in said)


def test_who_manages_groups_by_one_who_knows_none_is_told() -> None:
    tree = {"hub": {"config": {"Authenticator": {"manage_groups": True, "allow_all": True}}}}
    [said] = [str(it) for it in read_tree(tree, {}).notices if "manage_" in str(it)]
    assert said.startswith("hub.config.Authenticator.manage_groups: ")  # and of no other key
    assert "`local` says nothing of groups and roles" in said
    assert "people.groups" in said  # what to write instead
    assert not [it for it in read_tree({}, {}).notices if "says nothing of groups" in str(it)]


@pytest.mark.parametrize("name", ["local", "dummy"])
def test_who_wants_people_led_on_where_there_is_nowhere_to_lead_them_is_told(name: str) -> None:
    def told(**traits: object) -> list[str]:
        config = {"Authenticator": traits, "JupyterHub": {"authenticator_class": name}}
        said = map(str, read_tree({"hub": {"config": config}}, {}).notices)
        return [it for it in said if "auto_login" in it]

    assert told() == told(auto_login=False) == []
    [said] = told(auto_login=True)
    assert f"`{name}` asks for a password" in said
    assert "Take it out" in said


@pytest.mark.parametrize("name", ["local", "dummy"])
def test_who_is_never_asked_again_whatever_is_set_is_told(name: str) -> None:
    def told(**traits: object) -> list[str]:
        config = {"Authenticator": traits, "JupyterHub": {"authenticator_class": name}}
        said = map(str, read_tree({"hub": {"config": config}}, {}).notices)
        return [it for it in said if "cannot be asked again" in it]

    assert told() == told(auth_refresh_age=0, refresh_pre_spawn=False) == []
    for key, value in [
        ("auth_refresh_age", 60), ("refresh_pre_spawn", True), ("auth_refresh_strict", True),
    ]:  # fmt: skip
        [words] = told(**{key: value})
        assert f".{key}: " in words
        assert f"`{name}`" in words


DECLARED = {
    "people.groups": {"people": {"groups": {"chem": {"users": ["ada"]}}}},
    "people.users": {"people": {"users": {"ada": {"groups": ["chem"]}}}},
    "load_groups": {"hub": {"config": {"JupyterHub": {"load_groups": {"chem": ["ada"]}}}}},
}


@pytest.mark.parametrize("tree", DECLARED.values(), ids=DECLARED)
def test_two_who_say_who_is_in_a_group_are_told(tree: dict[str, Any]) -> None:
    def told(given: dict[str, Any], *, managed: bool) -> list[str]:
        environment = {"PERIJOVE__HUB__CONFIG__AUTHENTICATOR__MANAGE_GROUPS": str(managed).lower()}
        said = map(str, read_tree(given, environment).notices)
        return [it for it in said if "the next start or reload puts them back" in it]

    assert told(tree, managed=False) == told({}, managed=True) == []
    assert told({"people": {"groups": {"chem": {}}}}, managed=True) == []
    [words] = told(tree, managed=True)
    assert "chem" in words
