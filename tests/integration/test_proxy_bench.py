"""The bench of the proxy: its load does what it says, and says when it was not served."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from bench.proxy.contenders import Perijove
from bench.proxy.measure import LOOKS, SMALL, Bench, Sizes

TINY = Sizes(seconds=0.2, warm=0.05, sitters=20, routes=50)


@pytest.fixture
def bench() -> Iterator[Bench]:
    it = Bench(TINY)
    yield it
    it.wheel.end()


@pytest.mark.parametrize("kind", ["plain", "tls", "http2"])
def test_every_row_is_measured_and_nothing_fails(bench: Bench, tmp_path: Path, kind: str) -> None:
    proxy = Perijove(tmp_path / "ours", "", bench.places)
    if kind not in proxy.offers:
        assert kind == "http2", "only that may still be missing"
        return
    proxy.start(kind)
    try:
        for look in LOOKS:
            if look.kind == kind:
                found = look.act(bench, proxy)
                assert found, look.name
    finally:
        proxy.stop()
    assert not bench.failures


def test_a_proxy_that_does_not_serve_is_said_to_have_failed(bench: Bench, tmp_path: Path) -> None:
    places = {place: port for place, port in bench.places.items() if place != SMALL}
    proxy = Perijove(tmp_path / "ours", "", places)
    proxy.start("plain")
    try:
        next(look for look in LOOKS if look.name == "keep-alive").act(bench, proxy)
    finally:
        proxy.stop()
    assert len(bench.failures) == 1
    assert "HTTP/1.1 404" in bench.failures[0]
