"""A server's place in the hub, its paths and its proof of XSRF: pure functions."""

import subprocess
import sys

import pytest

from perijove.proxy.paths import canonical as proxys
from perijove.singleuser import xsrf
from perijove.singleuser.environment import BadEnvironment, Environment
from perijove.singleuser.paths import canonical, under

LEAST = {
    "JUPYTERHUB_API_TOKEN": "secret",
    "JUPYTERHUB_CLIENT_ID": "jupyterhub-user-ada-lab2",
    "JUPYTERHUB_SERVICE_URL": "http://127.0.0.1:8888/user/ada/lab2/",
    "JUPYTERHUB_SERVICE_PREFIX": "/user/ada/lab2/",
    "JUPYTERHUB_API_URL": "http://127.0.0.1:8081/hub/api/",
    "JUPYTERHUB_USER": "ada",
    "JUPYTERHUB_SERVER_NAME": "lab2",
}


def test_what_the_hub_does_not_say_has_the_value_of_the_contract() -> None:
    read = Environment.read(LEAST)
    assert (read.address, read.port) == ("127.0.0.1", 8888)
    assert read.api_url == "http://127.0.0.1:8081/hub/api"
    assert read.callback == "/user/ada/lab2/oauth_callback"
    assert read.access == ("access:servers!server=ada/lab2", "access:servers!user=ada")
    assert (read.base_url, read.hub_prefix, read.activity_interval) == ("/", "/hub/", 300)
    assert not read.token_in_url
    assert read.socket_cookies
    assert read.user_config


@pytest.mark.parametrize(
    ("url", "where"),
    [
        ("http://0.0.0.0:8888/user/ada/", ("0.0.0.0", 8888)),
        ("http://:8888/user/ada/", ("", 8888)),
        ("http://[::1]:8888/user/ada/", ("::1", 8888)),
        ("http://127.0.0.1/user/ada/", ("127.0.0.1", 80)),
    ],
)
def test_where_to_listen_is_in_the_service_url(url: str, where: tuple[str, int]) -> None:
    read = Environment.read({**LEAST, "JUPYTERHUB_SERVICE_URL": url})
    assert (read.address, read.port) == where


@pytest.mark.parametrize("name", ["API_TOKEN", "CLIENT_ID", "SERVICE_URL", "SERVICE_PREFIX"])
def test_a_server_that_no_hub_has_started_says_what_is_missing(name: str) -> None:
    with pytest.raises(BadEnvironment, match=name):
        Environment.read({**LEAST, f"JUPYTERHUB_{name}": ""})


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("SERVICE_URL", "ftp://x/"),
        ("SERVICE_URL", "http://x:99999/"),
        ("OAUTH_ACCESS_SCOPES", "access:servers"),
        ("ACTIVITY_INTERVAL", "often"),
        ("COOKIE_OPTIONS", "3"),
    ],
)
def test_a_value_that_makes_no_sense_is_named(name: str, text: str) -> None:
    with pytest.raises(BadEnvironment, match=name):
        Environment.read({**LEAST, f"JUPYTERHUB_{name}": text})


def test_host_cookies_are_valid_everywhere_as_browsers_demand() -> None:
    read = Environment.read({**LEAST, "JUPYTERHUB_COOKIE_HOST_PREFIX_ENABLED": "1"})
    assert read.cookie_name() == "__Host-jupyterhub-user-ada-lab2"
    assert read.cookie_path == "/"


@pytest.mark.parametrize(
    ("sent", "spelled"),
    [
        ("/user/ada/lab", "/user/ada/lab"),
        ("/user/%61da/lab", "/user/ada/lab"),
        ("/user/Zo%c3%ab@x/a%2fb", "/user/Zo%C3%AB@x/a%2Fb"),
        ("/user/Zo%C3%AB%40x/%7e", "/user/Zo%C3%AB@x/~"),
        ("/user/a(b)!/c:d", "/user/a%28b%29%21/c%3Ad"),
        ("/user//x", "/user//x"),
    ],
)
def test_a_path_has_one_spelling_and_it_is_the_proxys(sent: str, spelled: str) -> None:
    assert canonical(sent) == spelled == proxys(sent.encode()).decode()


@pytest.mark.parametrize(
    ("path", "ours"),
    [
        ("/user/Zo%C3%AB@x/api", "/user/Zo%C3%AB@x/api"),
        ("/user/Zo%c3%ab%40x/files/a%2fb%40", "/user/Zo%C3%AB@x/files/a%2fb%40"),
        ("/user/bob/api", "/user/bob/api"),
        ("/user/Zo%c3%ab%40x", "/user/Zo%C3%AB@x"),
        ("/user", "/user"),
        ("//evil/user/Zo%C3%AB@x/", "//evil/user/Zo%C3%AB@x/"),
    ],
)
def test_only_the_beginning_of_a_path_is_respelled(path: str, ours: str) -> None:
    assert under("/user/Zo%C3%AB@x/", path) == ours


def test_the_proof_of_one_session_or_login_or_start_is_no_proof_for_another() -> None:
    proofs = {
        xsrf.token(key, session, login)
        for key in (b"one start", b"another")
        for session in ("s", "t")
        for login in ("ada's", "bob's")
    }
    assert len(proofs) == 8


def test_the_grammar_of_addresses_is_built_when_it_is_asked_for_and_then_tells_the_truth() -> None:
    said = subprocess.run(
        [sys.executable, "-c", LATE], capture_output=True, text=True, check=True, env={}
    )
    assert said.stdout.split() == ["False", "True", "False", "True", "True"]


LATE = """
import sys
from perijove.singleuser import later
later.put_off()
from jsonschema import Draft202012Validator as Draft, FormatChecker
print("rfc3987_syntax.syntax_helpers" in sys.modules)
iri = Draft({"format": "iri"}, format_checker=FormatChecker())
print(iri.is_valid("https://例子.cn/"), iri.is_valid("no address"))
print("rfc3987_syntax.syntax_helpers" in sys.modules)
import rfc3987_syntax
print(rfc3987_syntax.is_valid_syntax("iri", "https://a.b/"))
"""
