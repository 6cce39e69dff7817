"""Forms that come as multipart/form-data."""

import time

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from perijove.http.multipart import fields
from perijove.model.errors import Invalid

TYPE = "multipart/form-data; boundary=xyz"


def body(*parts: str) -> bytes:
    return "".join(f"--xyz\r\n{it}\r\n" for it in parts).encode() + b"--xyz--\r\n"


def test_fields_are_read_in_order_and_files_are_left_out() -> None:
    found = fields(
        TYPE,
        body(
            'Content-Disposition: form-data; name="profile"\r\n\r\ndeep',
            'content-disposition: form-data; name="a"\r\nX-More: b\r\n\r\n1\r\n\r\n2',
            'Content-Disposition: form-data; name="a"\r\n\r\n',
            'Content-Disposition: form-data; name="f"; filename="x.txt"\r\n\r\nsecret',
            'Content-Disposition: form-data; name="a%22b"\r\n\r\n启动',
        ),
        10,
    )
    assert found == {"profile": ["deep"], "a": ["1\r\n\r\n2", ""], 'a"b': ["启动"]}
    assert fields(TYPE, b"--xyz--", 10) == {}
    assert fields('multipart/form-data; boundary="xyz"', b"--xyz--\r\n", 10) == {}


@pytest.mark.parametrize(
    ("kind", "sent"),
    [
        ("multipart/form-data", b"--xyz--"),
        (TYPE, b""),
        (TYPE, b'--xyz\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n'),
        (TYPE, body("Content-Disposition: form-data\r\n\r\n1")),
        (TYPE, body('Content-Disposition: form-data; name="a"')),
        (TYPE, body(*['Content-Disposition: form-data; name="a"\r\n\r\n'] * 11)),
        (TYPE, b'--xyz\r\nContent-Disposition: form-data; name="a"\r\n\r\n\xff\r\n--xyz--'),
    ],
)
def test_what_is_no_form_is_refused(kind: str, sent: bytes) -> None:
    with pytest.raises(Invalid):
        fields(kind, sent, 10)


@given(st.dictionaries(st.text(st.characters(codec="ascii"), min_size=1), st.text(), min_size=1))
def test_what_a_client_sends_is_read_as_it_was(given: dict[str, str]) -> None:
    files = {f"f-{n}": (None, value.encode()) for n, value in enumerate(given.values())}
    request = httpx.Request("POST", "http://x/", files=files)
    found = fields(request.headers["content-type"], request.read(), 1000)
    assert found == {f"f-{n}": [value] for n, value in enumerate(given.values())}


def test_a_hostile_body_costs_no_more_than_its_length() -> None:
    began = time.process_time()
    for sent in (b"\r\n--xy" * 10_000, b"--xyz\r\n" + b'; name="' * 8_000 + b"\r\n--xyz--"):
        with pytest.raises(Invalid):
            fields(TYPE, sent, 1000)
    assert time.process_time() - began < 1
