"""Line: what a thread works off, as many at once as wait; None is its end."""

from queue import Empty, SimpleQueue
from typing import TypeAlias, TypeVar

T = TypeVar("T")

Line: TypeAlias = SimpleQueue[T | None]


def waiting(line: Line[T], most: int) -> list[T]:
    """Wait for the first, and take those that wait behind it, at most `most`; [] at the end."""
    first = line.get()
    if first is None:
        return []
    batch = [first]
    while len(batch) < most:
        try:
            another = line.get_nowait()
        except Empty:
            break
        if another is None:
            line.put(None)  # for the next call
            break
        batch.append(another)
    return batch
