"""Ids of requests: no two are the same, and only plain ones of others are kept."""

import subprocess
import sys

from hypothesis import given
from hypothesis import strategies as st

from perijove.kit.request_id import RequestIds, is_good

FORKED = """
import os
from perijove.kit.request_id import RequestIds
ids = RequestIds()
ids.fresh()
child = os.fork()
os.write(1, b" ".join(ids.fresh() for _ in range(3)) + b"\\n")
if child:
    os.waitpid(child, 0)
"""


def test_no_two_are_the_same() -> None:
    one, other = RequestIds(b"<", b">"), RequestIds(b"<", b">")
    made = [*(one.fresh() for _ in range(1000)), *(other.fresh() for _ in range(1000))]
    assert len(set(made)) == 2000
    assert all(it[:1] == b"<" and it[-1:] == b">" and is_good(it[1:-1]) for it in made)


def test_those_of_a_forked_process_are_others() -> None:
    said = subprocess.run(
        [sys.executable, "-c", FORKED], capture_output=True, text=True, check=True, timeout=30
    )
    parts = {it.partition("-")[0] for it in said.stdout.split()}
    assert len(set(said.stdout.split())) == 6
    assert len(parts) == 2


@given(st.binary(max_size=200))
def test_what_is_kept_can_stand_anywhere(told: bytes) -> None:
    plain = 0 < len(told) <= 128 and all(bytes([it]).isalnum() or it in b"._:@=+/-" for it in told)
    assert is_good(told) is (plain and told.isascii())
