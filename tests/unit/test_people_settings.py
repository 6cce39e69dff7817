"""`people:` and `load_groups`: what they say, and what is refused in words."""

from typing import Any

import pytest

from perijove.core.people import Circle, Person
from perijove.settings import BadConfig, of, read_tree
from perijove.settings.changes import meanwhile
from perijove.settings.pod_keys import where

PROFILES = [{"display_name": "Large"}, {"display_name": "Small"}]


def test_nothing_is_declared_without_them() -> None:
    assert of({}).declared.persons == ()
    assert of({}).declared.circles == ()
    assert not of({}).declared.listed


def test_groups_and_people_name_each_other() -> None:
    it = of(
        {
            "hub": {"config": {"JupyterHub": {"load_groups": {"physics": ["Lin"], "old": []}}}},
            "people": {
                "users": {"Ada": {"groups": ["physics", "staff"], "roles": ["admin"]}},
                "groups": {"physics": {"users": ["Grace"]}},
            },
        }
    )
    assert it.declared.persons == tuple(Person(name=name) for name in ("ada", "grace", "lin"))
    assert it.declared.circles == (
        Circle(name="old"),
        Circle(name="physics", users=frozenset({"ada", "grace", "lin"}), exact=True),
        Circle(name="staff", users=frozenset({"ada"})),
    )
    assert it.sign_in.rules.allowed_users == {"ada", "grace"}
    role = it.roles.find("admin")
    assert role is not None
    assert role.users == {"ada"}
    assert role.scopes


@pytest.mark.parametrize(
    ("tree", "where", "words"),
    [
        ({"people": {"users": {"a/b": {}}}}, "people.users", "nobody may be called"),
        (
            {"people": {"users": {"ada": {"roles": ["nix"]}}}},
            "people.users.ada.roles",
            "no role 'nix'",
        ),
        (
            {"people": {"groups": {"g": {"roles": ["nix"]}}}},
            "people.groups.g.roles",
            "no role 'nix'",
        ),
        ({"people": {"groups": {"g": {"users": ["a/b"]}}}}, "people.groups.g.users", "'a/b'"),
        ({"people": {"groups": {"g\n": {}}}}, "people", "no group may be called"),
        ({"people": {"users": {"ada": {"Admin": True}}}}, "people.users.ada.Admin", "not known"),
        ({"people": {"users": {"ada": {"limits": {"servers": -1}}}}}, "servers", ""),
        ({"people": {"groups": {"g": {"users": "ada"}}}}, "people.groups.g.users", "list"),
        ({"people": {"groups": {"g": {"profiles": ["larg"]}}}}, "profiles", "Did you mean `large`"),
        ({"hub": {"config": {"JupyterHub": {"load_groups": {"g": "ada"}}}}}, "load_groups.g", ""),
        ({"people": {"users": {"ada": {"account": "root"}}}}, "account", "nobody works as root"),
        (
            {"people": {"users": {"ada": {"account": "a b"}}}},
            "account",
            "no name of a Unix account",
        ),
        ({"people": {"users": {"ada": {"account": ""}}}}, "account", "no name of a Unix account"),
        ({"people": {"users": {"ada": {"account": "-rf"}}}}, "account", "no name of a Unix"),
        (
            {"people": {"users": {"ada": {"account": "x"}, "lin": {"account": "x"}}}},
            "people.users",
            "two people have the Unix account 'x'",
        ),
    ],
)
def test_what_makes_no_sense_is_refused_in_words(
    tree: dict[str, Any], where: str, words: str
) -> None:
    with pytest.raises(BadConfig) as told:
        of({"singleuser": {"profileList": PROFILES}, **tree})
    assert where in str(told.value)
    assert words in str(told.value)


def test_people_may_have_unix_accounts_already() -> None:
    people = {"users": {"Ada": {"account": "ada.l"}, "lin": None, "grace": {"account": "DOM@g"}}}
    assert of({"people": people}).people.unix == {"ada": "ada.l", "grace": "DOM@g"}


def test_an_account_without_system_users_has_no_effect_and_that_is_said() -> None:
    tree = {"people": {"users": {"ada": {"account": "ada"}}}}
    (notice,) = (str(it) for it in read_tree(tree, {}).notices if "account" in str(it))
    assert notice == "people.users: the `account` of ada has no effect without `systemUsers: true`."
    own = read_tree({**tree, "systemUsers": True}, {}).notices
    assert not [it for it in own if "account" in str(it)]


def test_a_cluster_has_no_system_users() -> None:
    assert read_tree({"systemUsers": True}, {}, cluster=True).idle == ("systemUsers",)
    assert read_tree({"systemUsers": True}, {}).idle == ()
    assert read_tree({"systemUsers": False}, {}, cluster=True).idle == ()
    assert where(("systemUsers",)) == "on one machine alone"


def test_system_users_wait_for_a_restart_and_the_accounts_of_people_do_not() -> None:
    given = of({"people": {"users": {"ada": {"account": "ada"}}}})
    after = of({"systemUsers": True, "people": {"users": {"ada": {"account": "lovelace"}}}})
    kept = meanwhile(given, after)
    assert not kept.system_users
    assert kept.people.unix == {"ada": "lovelace"}
