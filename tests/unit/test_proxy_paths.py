"""What the proxy matches: the canonical path, by whole segments, the longest prefix."""

import json
import re
from pathlib import Path
from urllib.parse import unquote_to_bytes

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perijove.proxy.paths import canonical, has_dots, without_dots
from perijove.proxy.refusal import Refusal
from perijove.proxy.table import Table, checksum

VECTORS = json.loads((Path(__file__).parents[1] / "vectors" / "paths.json").read_text())["paths"]
HUB = "http://127.0.0.1:1"


@pytest.mark.parametrize(("sent", "expected"), VECTORS, ids=repr)
def test_a_path_has_one_canonical_form(sent: str, expected: str | None) -> None:
    if expected is None:
        with pytest.raises(Refusal) as refused:
            canonical(sent.encode())
        assert refused.value.status == 400
    else:
        assert canonical(sent.encode()).decode() == expected
        assert canonical(expected.encode()).decode() == expected


@pytest.mark.parametrize(("sent", "expected"), VECTORS, ids=repr)
def test_what_is_forwarded_has_the_same_form_and_no_dots(sent: str, expected: str | None) -> None:
    if expected is not None:
        path = sent.encode()
        forwarded = without_dots(path) if has_dots(path) else path
        assert canonical(forwarded).decode() == expected
        assert not has_dots(forwarded)


PIECES = st.sampled_from(
    [
        *("user", "al", "alice", "%61lice", "ALICE", ".", "..", "%2e%2E", "a%2fb"),
        *("a%2Fb", "a/b", "a@b", "a%40b", "~x", "%7ex", "a+b", "a%2bb", "ü", "%C3%BC"),
        *("%c3%bc", "%41", "A", "", "%2E", "x"),
    ]
)
PATHS = st.lists(PIECES, max_size=7).map(lambda parts: "/" + "/".join(parts))
PREFIXES = st.sampled_from(
    [
        *("/user/al/", "/user/alice/", "/user/a%2Fb/", "/user/a@b/", "/user/~x/", "/user/A/"),
        *("/user/", "/user/alice/lab/", "/user/%C3%BC/", "/user/a%2Bb/", "/a/b/"),
    ]
)


def naive(path: str, prefixes: set[str]) -> str:
    """Decode every segment, walk the dots, compare lists of bytes from the longest prefix on."""
    parts: list[bytes] = []
    split = [unquote_to_bytes(part) for part in path.split("/")[1:]]
    for index, part in enumerate(split):
        if part == b"..":
            parts = parts[:-1]
        elif part != b".":
            parts.append(part)
        if part in (b".", b"..") and index == len(split) - 1:
            parts.append(b"")
    for prefix in sorted(prefixes, key=lambda text: -text.count("/")):
        wanted = [unquote_to_bytes(part) for part in prefix.strip("/").split("/")]
        if parts[: len(wanted)] == wanted:
            return prefix
    return "/"


@given(PATHS, st.sets(PREFIXES))
def test_the_table_decides_as_a_naive_model_does(path: str, prefixes: set[str]) -> None:
    entries = {prefix: {"target": HUB} for prefix in prefixes}
    table = Table(HUB)
    table.replace(1, entries, checksum(entries))
    found = table.match(canonical(path.encode()))
    assert found
    assert found.prefix == naive(path, prefixes)


@given(st.binary(max_size=60).map(lambda tail: b"/" + tail))
def test_any_bytes_are_refused_or_have_one_form(path: bytes) -> None:
    try:
        form = canonical(path)
    except Refusal:
        return
    assert canonical(form) == form
    assert re.fullmatch(rb"(/([A-Za-z0-9_.~@-]|%[0-9A-F]{2})*)+", form)
    assert not has_dots(form)
