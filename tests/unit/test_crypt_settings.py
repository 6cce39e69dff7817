"""Keys of what is stored encrypted: from the configuration, the environment, a file; and errors."""

from pathlib import Path
from typing import Any

import pytest

from perijove.settings import BadConfig, read, read_tree
from perijove.settings.meaning import secrets, shown

A, B = "aa" * 32, "bb" * 32
NAMES = {"enable_auth_state": True}


def tree(keys: Any = None, **traits: Any) -> dict[str, Any]:
    crypt = {} if keys is None else {"CryptKeeper": {"keys": keys}}
    return {"hub": {"config": {"Authenticator": {"allow_all": True, **traits}, **crypt}}}


def keys_of(given: dict[str, Any], environment: dict[str, str] | None = None) -> list[str]:
    keeping = read_tree(given, environment or {}).required().sign_in.keeping
    return [key.hex() for key in keeping.keys]


@pytest.mark.parametrize("given", [[A, B], f"{A};{B}", f" {A} ;\n{B}\n"])
def test_keys_are_a_list_or_one_text(given: Any) -> None:
    assert keys_of(tree(given, **NAMES)) == [A, B]


def test_the_environment_has_them_where_the_configuration_has_none() -> None:
    environment = {"JUPYTERHUB_CRYPT_KEY": f"{A};{B};"}
    assert keys_of(tree(**NAMES), environment) == [A, B]
    assert keys_of(tree(), environment) == []  # nothing is encrypted
    on = "PERIJOVE__HUB__CONFIG__AUTHENTICATOR__ENABLE_AUTH_STATE"
    assert keys_of({}, {**environment, on: "true"}) == [A, B]
    assert keys_of(tree([B], **NAMES), environment) == [B]
    assert keys_of(tree(**NAMES), {"PERIJOVE__HUB__CONFIG__CRYPTKEEPER__KEYS": f"{B};{A}"}) == [
        B,
        A,
    ]


def test_they_can_be_in_a_file(tmp_path: Path) -> None:
    file = tmp_path / "keys"
    file.write_text(f"{A}\n{B}\n")
    name = "PERIJOVE__HUB__CONFIG__CRYPTKEEPER__KEYS__FILE"
    assert keys_of(tree(**NAMES), {name: str(file)}) == [A, B]


@pytest.mark.parametrize("section", ["Authenticator", "DummyAuthenticator"])
def test_without_a_key_nothing_starts_and_the_next_step_is_told(section: str) -> None:
    config = {"JupyterHub": {"authenticator_class": "dummy"}, section: {"enable_auth_state": True}}
    with pytest.raises(BadConfig) as refused:
        read_tree({"hub": {"config": config}}, {"JUPYTERHUB_CRYPT_KEY": " ; "}).required()
    words = str(refused.value)
    assert "enable_auth_state needs a key" in words
    assert "JUPYTERHUB_CRYPT_KEY" in words
    assert "openssl rand -hex 32" in words


def test_of_a_class_that_is_not_chosen_it_needs_none() -> None:
    config = {"DummyAuthenticator": {"enable_auth_state": True}}
    assert keys_of({"hub": {"config": config}}) == []


def test_a_bad_key_is_told_with_its_place_and_not_shown(tmp_path: Path) -> None:
    bad = "not-a-key-but-a-secret"
    file = tmp_path / "p.yaml"
    file.write_text(f"hub:\n  config:\n    CryptKeeper:\n      keys: [{A}, {bad}]\n")
    environment = {"JUPYTERHUB_CRYPT_KEY": f"{A};{bad}"}
    assert not read_tree(tree(), environment).problems  # nothing is encrypted
    for reading in (read(file, {}), read_tree(tree(**NAMES), environment)):
        [problem] = reading.problems
        assert problem.key == "hub.config.CryptKeeper.keys"
        assert "number 2 is no key" in problem.words
        assert "openssl rand -hex 32" in problem.words
        assert bad not in str(problem)


def test_they_are_secret() -> None:
    settings = read_tree(tree([A, B], **NAMES), {}).required()
    assert A not in str(shown(settings))
    assert {A, B} <= set(secrets(settings))
    assert A not in repr(settings.sign_in)
    assert repr(bytes.fromhex(A)) not in repr(settings.sign_in)


def test_how_it_is_asked_again_is_what_jupyterhub_calls_it() -> None:
    asking = read_tree({}, {}).required().sign_in.asking
    assert (asking.age.total_seconds(), asking.before_starts, asking.strict) == (300, False, False)
    traits = {"auth_refresh_age": 0, "refresh_pre_spawn": True, "auth_refresh_strict": True}
    asking = read_tree(tree(**traits), {}).required().sign_in.asking
    assert (asking.age.total_seconds(), asking.before_starts, asking.strict) == (0, True, True)
