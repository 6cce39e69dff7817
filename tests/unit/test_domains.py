"""Each person's host: as JupyterHub makes it, one for each name, and always a host."""

# ruff: noqa: RUF001 (characters that only look like others)

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perijove.core.domains import Domains, idna, legacy
from perijove.http.next_url import path_of
from perijove.settings import BadConfig, of

HUB = Domains(site="http://hub.test:18020", own=True)
LABELS = {
    "zoe": "zoe",
    "User": "User",
    "ünï": "xn--n-nga1b",
    "Zoë@x": "u-zox--df0ee38",
    "user@email.com": "u-useremai--0925f99",
    "a_b": "u-ab--648fa9b",
    "a--b": "u-ab--90827a2",
    "user.name": "u-username--c69f268",
    "-a": "u-a--c274891",
    "a" * 64: "u-aaaaaaaa--ffe054f",
}
"""hub.md 1.9."""
IDNA = {"陈薇": "xn--911a165a", "שלום": "xn--9dbne9b", "straße": "xn--strae-oqa", "é": "xn--9ca"}
LABEL = re.compile(r"[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?")


@pytest.mark.parametrize(("name", "label"), [*LABELS.items(), *IDNA.items()])
def test_a_name_has_the_label_that_jupyterhub_gives_it(name: str, label: str) -> None:
    assert idna(name) == label


@given(st.text(min_size=1, max_size=80))
def test_every_label_is_one_of_dns(name: str) -> None:
    assert LABEL.fullmatch(idna(name)), name
    assert LABEL.fullmatch(HUB.of_service(name).removeprefix("http://").partition(".")[0])


@given(st.sets(st.text("abAZ09-_.@ é", min_size=1, max_size=12), max_size=30))
def test_two_names_have_two_labels(names: set[str]) -> None:
    assert len({idna(name) for name in names}) == len(names)


@pytest.mark.parametrize("name", ["a陈ש", "\u0301a", "１２", "ﬀ", "a\u200db", "🦄", "É", "e\u0301"])
def test_what_is_no_name_of_idna_is_hashed(name: str) -> None:
    assert re.fullmatch(r"u-[a-z0-9]+--[0-9a-f]{7}", idna(name))


def test_nobody_can_be_called_like_the_label_of_another() -> None:
    for label in ("u-zox--df0ee38", "xn--n-nga1b", "my-svc--service"):
        assert idna(label) != label
    assert HUB.of_service("my-svc") == "http://my-svc--service.hub.test:18020"


def test_the_old_way_quotes_names_and_has_one_host_for_services() -> None:
    old = Domains(site="https://hub.test", own=True, hook="legacy")
    assert legacy("Zoë@x") == "zo_c3_ab_40x"
    assert old.of_user("a_b") == "https://a_b.hub.test"
    assert old.of_service("x") == old.of_service("y") == "https://services.hub.test"


def test_addresses_and_keys() -> None:
    assert HUB.of_user("zoe") == "http://zoe.hub.test:18020"
    assert HUB.key("/", "zoe", "") == "/zoe.hub.test/user/zoe/"
    assert HUB.key("/b/", "Zoë@x", "lab") == "/u-zox--df0ee38.hub.test/b/user/Zo%C3%AB@x/lab/"
    assert HUB.public("/", "zoe", "") == "http://zoe.hub.test:18020/user/zoe/"
    key = HUB.key_of_service("/b/", "my-svc")
    assert key == "/my-svc--service.hub.test/b/services/my-svc/"
    public = Domains(site="https://x.example")
    assert public.key_of_service("/", "x") == "/services/x/"
    assert public.public("/", "zoe", "") == "https://x.example/user/zoe/"
    for nowhere in (Domains(), public):
        assert (nowhere.of_user("zoe"), nowhere.host("zoe")) == ("", "")
        assert nowhere.key("/", "zoe", "") == "/user/zoe/"


@pytest.mark.parametrize(
    ("wanted", "path"),
    [
        ("http://zoe.hub.test:18020/user/zoe/lab?x=1", "/user/zoe/lab?x=1"),
        ("http://hub.test:18020/hub/home", "/hub/home"),
        ("http://zoe.hub.test:18020//evil.com", "/evil.com"),
        ("http://zoe.hub.test/user/zoe/", None),
        ("https://zoe.hub.test:18020/", None),
        ("http://zoe.hub.test:18020@evil.com/", None),
        ("http://evilhub.test:18020/", None),
        ("http://hub.test.evil.com:18020/", None),
        ("http://evil.com\\.hub.test:18020/", None),
        ("http://evil.com%2f.hub.test:18020/", None),
        ("http://evil.com?.hub.test:18020/", None),
        ("//zoe.hub.test:18020/x", None),
    ],
)
def test_next_may_name_somebodys_host_and_no_other(wanted: str, path: str | None) -> None:
    assert path_of(wanted, HUB.site, HUB) == path


@pytest.mark.parametrize(
    ("traits", "words"),
    [
        ({"internal_ssl": True}, "is not built"),
        ({"subdomain_host": "hub.test"}, "must be http://name"),
        ({"subdomain_host": "https://192.0.2.1"}, "must be http://name"),
        ({"subdomain_host": "https://hub.test/x"}, "must be http://name"),
        ({"subdomain_host": "https://a:b@hub.test"}, "must be http://name"),
        ({"subdomain_host": "https://hub_.test"}, "must be http://name"),
        ({"subdomain_host": "https://hub.test:x"}, "must be http://name"),
        ({"subdomain_hook": "punycode"}, "idna"),
        ({"public_url": "ftp://hub.test"}, "must be http://name"),
        ({"public_url": "https://a.test/", "subdomain_host": "https://b.test"}, "different hosts"),
        ({"public_url": "http://a.test/", "cookie_host_prefix_enabled": True}, "needs https"),
        ({"tornado_settings": {"cookie_options": {"SameSite": "None"}}}, "needs secure"),
        ({"tornado_settings": {"cookie_options": {"SameSite": "no"}}}, "lax"),
    ],
)
def test_what_cannot_be_is_refused_in_words(traits: dict[str, object], words: str) -> None:
    with pytest.raises(BadConfig, match=words):
        of({"hub": {"config": {"JupyterHub": traits}}})


def test_the_usual_port_is_left_out() -> None:
    for host, site in (
        ("https://Hub.Example:443", "https://hub.example"),
        ("http://hub.example:80/", "http://hub.example"),
        ("https://hub.example:8443", "https://hub.example:8443"),
    ):
        settings = of({"hub": {"config": {"JupyterHub": {"subdomain_host": host}}}})
        assert settings.hub.config.jupyterhub.domains == Domains(site=site, own=True)
