"""What must be true after every fault, and the figures that say so."""

import sys

import pytest

from tests.circumstances import circumstances
from tests.cluster.chaos.lab import Lab


async def settled(it: Lab, users: list[str]) -> str:
    """Every server has one pod, which nobody has touched, and no pod is without a server."""
    await it.census.look()
    lost = len(users) - len(it.census.alive())
    assert it.census.touched() == []
    assert it.census.doubled() == []
    assert it.census.left() == sorted(f"jupyter-{user}" for user in users)
    return f"{len(users)} starts: {lost} lost, 0 doubled, 0 orphaned, 0 touched"


async def ended(it: Lab, users: list[str]) -> None:
    """Every server stops, and leaves nothing."""
    for user in users:
        assert await it.ask("DELETE", user) in {202, 204}
    await it.stopped(*users)
    await it.census.look()
    assert it.census.left() == []


def told(capsys: pytest.CaptureFixture[str], seed: int | None, words: str) -> None:
    """Show figures, for whoever keeps them."""
    with capsys.disabled():
        sys.stdout.write(f"\n{words}\n    {circumstances(seed)}\n")
