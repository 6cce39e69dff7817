"""The key ring: rotation, wrong keys, keys that are none; JupyterHub reads what it has sealed."""

from base64 import b64encode, urlsafe_b64encode

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jupyterhub.crypto import CryptKeeper  # type: ignore[import-untyped]

from perijove.kit.keyring import KeyRing, Unreadable, key_of

OLD, NEW = b"o" * 32, b"n" * 32
TREE = {"access_token": "gho_secret", "天文": [1, None, {"x": 1.5}]}
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(JSON)
def test_what_was_sealed_is_read_as_it_was(tree: object) -> None:
    try:
        str(tree).encode()
    except UnicodeEncodeError:
        return  # half of a character: no JSON text of UTF-8 holds it
    ring = KeyRing([NEW])
    sealed = ring.seal(tree)
    assert sealed.isascii()
    assert ring.open(sealed) == tree


def test_an_old_key_reads_and_the_first_one_seals() -> None:
    before = KeyRing([OLD]).seal(TREE)
    both = KeyRing([NEW, OLD])
    assert both.open(before) == TREE
    again = both.seal(both.open(before))
    assert KeyRing([NEW]).open(again) == TREE  # the old one can go
    with pytest.raises(Unreadable):
        KeyRing([OLD]).open(again)


@pytest.mark.parametrize("change", [
    lambda it: it[:-4] + "AAAA", lambda it: it[: len(it) // 2], lambda _: "", lambda _: "plain",
    lambda it: it[0] + "é" + it[2:],
])  # fmt: skip
def test_what_was_changed_or_sealed_by_another_key_is_not_read(change) -> None:
    with pytest.raises(Unreadable):
        KeyRing([NEW]).open(change(KeyRing([NEW]).seal(TREE)))
    with pytest.raises(Unreadable):
        KeyRing([NEW]).open(KeyRing([OLD]).seal(TREE))


def test_nobody_reads_it_without_the_key() -> None:
    assert "gho_secret" not in KeyRing([NEW]).seal(TREE)


KEYS = {
    "hex": bytes(range(32)).hex(),
    "upper": bytes(range(224, 256)).hex().upper(),
    "base64": urlsafe_b64encode(bytes(range(224, 256))).decode(),
    "openssl rand -base64": b64encode(b"\xfb\xff" * 16).decode(),
    "itself": "0123456789abcdef0123456789abcdef",
}


@pytest.mark.parametrize("text", KEYS.values(), ids=KEYS)
def test_jupyterhub_and_we_take_a_key_for_the_same(text: str) -> None:
    theirs = CryptKeeper(keys=[text])
    ring = KeyRing([key_of(text)])
    assert ring.open(theirs._encrypt(TREE).decode()) == TREE
    assert theirs._decrypt(ring.seal(TREE).encode()) == TREE


@pytest.mark.parametrize("text", [
    "", "short", "x" * 64, "f" * 63, "f" * 65, "é" * 32, "a" * 44, "!" * 43 + "=", "f" * 64 + "\n",
])  # fmt: skip
def test_a_key_that_is_none_is_refused_with_a_next_step_and_not_shown(text: str) -> None:
    with pytest.raises(ValueError, match="openssl rand -hex 32") as refused:
        key_of(text)
    assert len(text) < 6 or text not in str(refused.value)
