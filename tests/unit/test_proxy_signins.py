"""How often an address may sign in, by the clock; and what a crowd of addresses costs."""

import pytest

from perijove.proxy.forwarded import TrustedPeers
from perijove.proxy.head import Request
from perijove.proxy.referee import Referee
from perijove.proxy.refusal import Refusal
from perijove.proxy.signins import SignIns


class Gate:
    """Sixty a minute, and a clock that is turned by hand."""

    def __init__(self, in_minute: float = 60) -> None:
        self.time = 1000.0
        self.sign_ins = SignIns(in_minute, TrustedPeers(["10.0.0.0/8"]), lambda: self.time)

    def waits(self, peer: str, told: str = "", method: str = "POST") -> int:
        """Return after how many seconds `peer` may try again; 0: it has got in."""
        fields = f"X-Forwarded-For: {told}\r\n" if told else ""
        head = f"{method} /hub/login HTTP/1.1\r\nHost: x\r\n{fields}\r\n".encode()
        try:
            self.sign_ins.check(Request(head, Referee()), b"/hub/login", peer)
        except Refusal as refusal:
            return refusal.after if refusal.reason == "sign-ins" else -1
        return 0


def test_a_minutes_worth_may_come_at_once_and_is_paid_back_by_and_by() -> None:
    gate = Gate()
    assert [gate.waits("192.0.2.1") for _ in range(62)] == [0] * 60 + [1, 1]
    gate.time += 5
    assert [gate.waits("192.0.2.1") for _ in range(6)] == [0] * 5 + [1]
    gate.time += 3600
    assert [gate.waits("192.0.2.1") for _ in range(61)] == [0] * 60 + [1]


def test_who_is_refused_is_not_punished_for_trying() -> None:
    gate = Gate(6)
    for _ in range(6):
        gate.waits("192.0.2.1")
    assert [gate.waits("192.0.2.1") for _ in range(100)] == [10] * 100
    gate.time += 10
    assert gate.waits("192.0.2.1") == 0


def test_any_number_of_addresses_takes_so_much_memory_and_no_more() -> None:
    gate = Gate(1)
    assert gate.waits("192.0.2.1") == 0
    for number in range(20_000):
        assert gate.waits(f"2001:db8:{number:x}::1") == 0
        if number == 5000:
            assert gate.waits("192.0.2.1") > 0, "who comes again is remembered"
    assert len(gate.sign_ins._paid) == 10_000


@pytest.mark.parametrize("limit", [float("inf")])
def test_no_limit_is_none(limit: float) -> None:
    gate = Gate(limit)
    assert not any(gate.waits("192.0.2.1") for _ in range(1000))


@pytest.mark.parametrize(
    ("told", "counted"),
    [("192.0.2.9", True), ("192.0.2.9, 10.0.0.1", True), ("nonsense", False), ("", False),
     ("10.1.1.1", True), ("[2001:db8::1]:443", True), ("::ffff:192.0.2.9", True), (",,", False)],
)  # fmt: skip
def test_a_trusted_proxy_says_whose_sign_in_it_is_or_nobody_is_counted(
    told: str, *, counted: bool
) -> None:
    gate = Gate(1)
    assert gate.waits("10.0.0.1", told) == 0
    assert bool(gate.waits("10.0.0.1", told)) is counted


def test_only_what_is_posted_counts() -> None:
    gate = Gate(1)
    assert not any(gate.waits("192.0.2.1", method=it) for it in ("GET", "HEAD", "PUT"))
