"""Services as a list, and tokens of services and of people: what is taken, and what is refused."""

from pathlib import Path
from typing import Any

import pytest

from perijove.kit.secret import digest
from perijove.settings import BadConfig, Settings, load, of, read_tree
from perijove.settings.changes import changes
from perijove.settings.meaning import secrets, shown

ONE, TWO, THREE = "one-token-of-them", "another-of-its-tokens", "a-third-token-it-is"
GRADES = {"name": "grades", "url": "http://127.0.0.1:9001", "api_token": ONE}


def tree(by_name: dict[str, Any] | None = None, **traits: Any) -> dict[str, Any]:
    return {"hub": {"services": by_name or {}, "config": {"JupyterHub": traits}}}


def refusal(given: dict[str, Any]) -> str:
    with pytest.raises(BadConfig) as caught:
        of(given)
    words = str(caught.value)
    assert not any(token in words for token in (ONE, TWO, THREE)), "no message tells a token"
    return words


def test_a_list_and_a_map_of_services_are_one() -> None:
    found = of(tree({"cull": {"apiToken": TWO}}, services=[GRADES, {"name": "free"}])).services
    assert found.keys() == {"cull", "grades", "free"}
    assert found["grades"].url == "http://127.0.0.1:9001"
    assert found["grades"].client == "service-grades"
    assert found["grades"].token == digest(ONE)
    assert all(it.configured for it in found.values())


def test_a_service_may_have_more_tokens_and_one_may_have_nothing_else() -> None:
    found = of(tree(services=[GRADES], service_tokens={TWO: "grades", THREE: "script"})).services
    assert found["grades"].token == digest(ONE)
    assert found["grades"].tokens == {digest(ONE), digest(TWO)}
    assert found["script"].tokens == {digest(THREE)}
    assert (found["script"].client, found["script"].url) == ("", "")


def test_what_others_run_has_the_first_of_them_for_its_sign_in() -> None:
    bare = {**GRADES, "api_token": None}
    assert of(tree(services=[bare], service_tokens={TWO: "grades"})).services[
        "grades"
    ].token == digest(TWO)
    managed = {"name": "grades", "command": "true"}
    it = of(tree(services=[managed], service_tokens={TWO: "grades"})).services["grades"]
    assert it.token == "", "the hub makes it one of its own"
    assert it.more == {digest(TWO)}


def test_the_same_token_may_be_said_twice_of_one_service() -> None:
    it = of(tree(services=[GRADES], service_tokens={ONE: "grades"})).services["grades"]
    assert it.tokens == {digest(ONE)}


def test_a_token_of_a_person_gives_them_an_account() -> None:
    settings = of(tree(api_tokens={ONE: "Ada", TWO: "ada", THREE: "bob"}))
    assert settings.user_tokens == {digest(ONE): "ada", digest(TWO): "ada", digest(THREE): "bob"}
    assert [it.name for it in settings.declared.persons] == ["ada", "bob"]
    assert settings.declared.listed is False
    assert settings.sign_in.rules.allowed_users == frozenset(), "it lets nobody sign in"


def test_a_token_of_somebody_who_is_blocked_lets_nobody_in() -> None:
    given = tree(api_tokens={ONE: "ada"})
    given["hub"]["config"]["Authenticator"] = {"blocked_users": ["ada"]}
    assert of(given).user_tokens == {}


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (tree({"grades": {}}, services=[GRADES]), "have the same name"),
        (tree(services=[GRADES, {**GRADES, "api_token": TWO}]), "have the same name"),
        (tree({"other": {"apiToken": ONE}}, services=[GRADES]), "have the same token"),
        (
            tree({"other": {}}, services=[GRADES], service_tokens={ONE: "other"}),
            "service_tokens gives other the token of hub.config.JupyterHub.services[0]",
        ),
        (
            tree(services=[GRADES], service_tokens={ONE: "nobody-else"}),
            "gives nobody-else the token of hub.config.JupyterHub.services[0]",
        ),
        (tree(services=[GRADES], api_tokens={ONE: "ada"}), "the token of the service grades"),
        (
            tree(service_tokens={TWO: "script"}, api_tokens={TWO: "ada"}),
            "the token of the service script",
        ),
    ],
)
def test_what_clashes_is_refused_in_words(given: dict[str, Any], words: str) -> None:
    assert words in refusal(given)


@pytest.mark.parametrize(
    ("traits", "words"),
    [
        ({"services": [{"url": "http://a:1"}]}, "the item 0 has no name"),
        ({"services": [{**GRADES, "name": "a/b"}]}, "cannot be called that"),
        ({"services": [{**GRADES, "dispaly": True}]}, "Did you mean `display`?"),
        ({"services": [{**GRADES, "api_tokn": "x"}]}, "Did you mean `api_token`?"),
        ({"services": {"grades": GRADES}}, "must be a list"),
        ({"services": ["grades"]}, "must be a mapping"),
        ({"service_tokens": {"short-7": "x"}}, "8 to 64"),
        ({"service_tokens": {"ab" * 32 + "c": "x"}}, "8 to 64"),
        ({"service_tokens": {"with a space": "x"}}, "8 to 64"),
        ({"service_tokens": {"CHANGEME": "x"}}, "placeholder"),
        ({"service_tokens": {"": "x"}}, "placeholder"),
        ({"service_tokens": {TWO: 7}}, "both of them texts"),
        ({"service_tokens": {TWO: None}}, "both of them texts"),
        ({"service_tokens": {"script": [TWO]}}, "both of them texts"),
        ({"service_tokens": {"script": TWO}}, "line 1 is not `token: name`"),
        ({"service_tokens": {TWO: "a/b"}}, "cannot be called that"),
        ({"service_tokens": {TWO: "perijove-cli"}}, "cannot be called that"),
        ({"service_tokens": [TWO]}, "must be a mapping"),
        ({"api_tokens": {"short-7": "ada"}}, "8 to 64"),
        ({"api_tokens": {TWO: "a/b"}}, "nobody may be called"),
        ({"api_tokens": {"ada": TWO}}, "line 1 is not `token: name`"),
        ({"service_token": {TWO: "x"}}, "Did you mean `service_tokens`?"),
        ({"api_token": {TWO: "x"}}, "Did you mean `api_tokens`?"),
    ],
)
def test_what_cannot_be_is_refused_with_a_next_step(traits: dict[str, Any], words: str) -> None:
    assert words in refusal(tree(**traits))


@pytest.mark.parametrize("length", [8, 64])
def test_a_token_may_have_8_to_64_characters(length: int) -> None:
    assert of(tree(service_tokens={"x7-!" * (length // 4): "script"})).services["script"].tokens


@pytest.mark.parametrize("what", ["oauth_roles", "oauth_client_allowed_scopes"])
def test_what_does_not_exist_is_named_where_it_stands(what: str) -> None:
    words = refusal(tree(services=[{"name": "free"}, {**GRADES, what: ["custom:no-such"]}]))
    assert f"hub.config.JupyterHub.services[1].{what}" in words
    assert "no-such" in words


def test_a_role_may_be_given_to_one_of_the_list_and_of_the_tokens() -> None:
    given = tree(services=[GRADES], service_tokens={TWO: "script"})
    role = {"scopes": ["list:users"], "services": ["grades", "script"]}
    given["hub"]["loadRoles"] = {"looks": role}
    reading = read_tree(given, {})
    assert "which hub.services does not have" not in " ".join(map(str, reading.notices))
    role["services"] = ["grads"]
    assert "Did you mean `grades`?" in " ".join(map(str, read_tree(given, {}).notices))


def test_no_token_is_shown_and_each_is_known_as_a_secret() -> None:
    settings = of(tree(services=[GRADES], service_tokens={TWO: "grades"}, api_tokens={THREE: "b"}))
    assert {ONE, TWO, THREE} <= set(secrets(settings))
    assert "grades" not in set(secrets(settings)), "its name is none"
    assert not any(token in str(shown(settings)) for token in (ONE, TWO, THREE))


def test_a_change_of_tokens_is_told_by_whose_they_are() -> None:
    def settings(**tokens: str) -> Settings:
        return of(tree(service_tokens={it: name for name, it in tokens.items()}))

    found = changes(settings(grades=ONE, cull=TWO), settings(grades=THREE, cull=TWO))
    (change,) = found
    assert change.key == "hub.config.JupyterHub.service_tokens.grades[0]"
    assert (change.before, change.after, change.effect) == ("(secret)", "(secret)", "now")


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        ([f"{ONE}: a", f"{ONE}: b"], "stands here again"),
        ([f"{ONE}: !secret a"], "has a tag that means nothing here"),
        ([f"{ONE}: {{a: 1, a: 2}}"], "stands here again"),
        ([f"{ONE}: {{[1]: a}}"], "has a key that is no text"),
        ([f"{ONE}: 7"], "both of them texts"),
    ],
)
@pytest.mark.parametrize("trait", ["service_tokens", "api_tokens"])
def test_no_problem_tells_a_token(tmp_path: Path, trait: str, lines: list[str], words: str) -> None:
    file = tmp_path / "values.yaml"
    below = "".join(f"\n    {line}" for line in lines)
    file.write_text(f"hub:\n config:\n  JupyterHub:\n   {trait}:{below}\n")
    with pytest.raises(BadConfig) as caught:
        load(file, {})
    assert words in str(caught.value)
    assert trait in str(caught.value)
    assert ONE not in str(caught.value)
