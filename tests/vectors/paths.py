"""Paths by the thousand, the same for every seed: what people, programs and attackers write."""

# ruff: noqa: SIM905 - a table is read more easily in one piece

import random
from collections.abc import Iterator

SERVERS = tuple("ada al alice ALICE a%2Fb a@b ~x A %C3%BC a%2Bb a.b ..%2Fal".split())
"""Who has one, as the path says it."""
PREFIXES = (*(f"/user/{name}/" for name in SERVERS), "/user/alice/lab/", "/user/ada/a%2Fb/")
_NAMES = (
    "user hub api ada al alice alicex ALICE lab A a b a.b a/b a%2fb a%2Fb a%252Fb a@b a%40b ~x %7ex"
    " %7Ex %C3%BC %c3%bc a+b a%2bb a%20b ..%2fal ..%2Fal %2e%2e%2fal ..%5cal ..\\al a;b a%3Bb"
).split()
_ODD = [
    *". .. ... %2e %2E .%2e %2e. %2E%2e ..; ..;x %2e%2e; .hidden % %2 %zz %u0041 %00 %0a".split(),
    *"%0D%0A %7f %7F %1f %20 %25 %2525 %c0%ae %c0%af %e0%80%af %ff %FF %C3 %ef%bc%8f".split(),
    *"%E2%80%AE * ' \" <x> {7*7} | ^ ` : @ &= $(x) [::1] http:".split(),
    *("", "", "x" * 300, "%41" * 100),
]
_TAILS = ["", "", *"/ // /.. /. /../ /%2e%2e /tree /api/status ?a=/../b ?%zz".split()]


def paths(count: int, seed: int) -> Iterator[str]:
    """Give `count` of them; some are no paths at all."""
    dice = random.Random(seed)
    for _ in range(count):
        parts = [
            dice.choice(_NAMES if dice.random() < 0.7 else _ODD) for _ in range(dice.randint(0, 5))
        ]
        start = "/" if dice.random() < 0.3 else f"/user/{dice.choice(SERVERS)}/"
        path = start + "/".join(parts) + dice.choice(_TAILS)
        if dice.random() < 0.3:
            path = _respelled(path, dice)
        if dice.random() < 0.05:
            at = dice.randint(0, len(path))
            path = path[:at] + chr(dice.randrange(1, 256)) + path[at:]
        yield path


def _respelled(path: str, dice: random.Random) -> str:
    """Write some letters as escapes, in letters of either size."""
    return "".join(
        dice.choice((f"%{ord(it):02x}", f"%{ord(it):02X}"))
        if it not in "%?" and dice.random() < 0.2
        else it
        for it in path
    )
