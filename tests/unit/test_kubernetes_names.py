"""Slugs of KubeSpawner 7 (hub.md 7.6): an upgraded cluster must find its pods and claims."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perijove.spawners.kubernetes.names import escaped, expand, fields, joined, label
from perijove.spawners.kubernetes.spawner import Names, PodSettings

VECTORS = [
    ("user", "", "user"),
    ("user", "server", "user--server"),
    ("user@email.com", "", "user-email-com---0925f997"),
    # as 7.1.0 does; hub.md has lost the first of its two hashes
    ("user@email.com", "Some Name", "user-email-com---0925f997--some-name---3a8b1764"),
    ("User", "", "user---b512d97e"),
    ("1abc", "", "x-1abc---57cb980e"),
    ("a-b", "", "a-b"),
    ("a--b", "", "a-b---90827a2e"),
    ("x" * 60, "", "xxxxxxxxxxxxxxxxx--x---fb2abac5"),
    ("x" * 40, "server-name-long", "xxxxxxxxxxxxxxxxx--server-name-long---47739f1e"),
    ("ÜNICODE", "", "nicode---50461adc"),
    ("-", "", "x---3973e022"),
]


@pytest.mark.parametrize(("user", "server", "slug"), VECTORS)
def test_a_pod_and_a_claim_have_the_names_of_kubespawner(user: str, server: str, slug: str) -> None:
    names = Names(PodSettings(), "lab")
    assert names(user, server, 1, 0) == (f"jupyter-{slug}", f"claim-{slug}")


@pytest.mark.parametrize(
    ("name", "old"), [("user@email.com", "user-40email-2ecom"), ("User", "-55ser"), ("é", "-c3-a9")]
)
def test_the_names_of_before_7_are_known(name: str, old: str) -> None:
    assert escaped(name) == old


@given(st.text(min_size=1, max_size=300), st.text(max_size=60), st.integers(0, 70))
def test_every_name_is_a_dns_label(user: str, server: str, attempt: int) -> None:
    for name in Names(PodSettings(), "lab")(user, server, 1, attempt):
        assert re.fullmatch(r"[a-z]([a-z0-9-]{0,61}[a-z0-9])?", name)
    assert re.fullmatch(r"([A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?)?", label(user))


@given(st.tuples(st.text(min_size=1, max_size=9), st.text(max_size=9)),
       st.tuples(st.text(min_size=1, max_size=9), st.text(max_size=9)))  # fmt: skip
def test_two_servers_never_share_a_name(one: tuple[str, str], other: tuple[str, str]) -> None:
    assert (joined(*one) == joined(*other)) == (one == other)


def test_a_name_that_is_taken_is_lengthened_and_a_template_keeps_its_own_hyphen() -> None:
    names = Names(PodSettings(pod_name="p-{username}--{servername}", claim_name="c-{userid}-"), "x")
    assert names("ada", "", 4, 0) == ("p-ada", "c-4-")
    assert names("ada", "", 4, 2) == ("p-ada---2", "c-4----2")
    assert names("ada", "gpu", 4, 0)[0] == "p-ada--gpu"


def test_a_template_is_filled_in_wherever_it_stands() -> None:
    known = fields("Ada", "", 3, "default")
    given = {"a": ["{userid}", {"b": "{unescaped_username}"}], "n": 3, "h": "{hubnamespace}"}
    assert expand(given, known) == {"a": ["3", {"b": "Ada"}], "n": 3, "h": "user"}
