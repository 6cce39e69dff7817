"""Shelf: the newest that is known of each object of one kind, from the watch and our own writes.

Three sources speak of one object: a list, the watch that goes on from it, and the answers to
what we write ourselves. The Kubernetes API promises an order within the watch only, and versions
may be compared for equality only; so these rules do without comparing:

- A uid never comes back. What is deleted is buried, and nothing that is said later digs it up.
- The watch is newer than the answer to a create: that answer is the first state there is.
- `deletionTimestamp` is never taken back: once it is known, news without it are older.
- What we have created stands until the watch shows it. Until then news of another uid under its
  name are older, and a list that was asked for before it was created may lack it.

Objects are kept as text, for 5,000 trees of dicts take 50 MiB and each full garbage collection
30 ms; to read one takes 10 µs.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from perijove.spawners.kubernetes.wire import Object, pack, unpack

_GRAVES = 10_000


@dataclass(slots=True)
class _Held:
    uid: str
    version: str
    text: bytes
    doomed: bool
    own: int = 0
    """Which write of ours it is from; 0 when list or watch have shown it."""


class Shelf:
    """Objects of one kind by name."""

    def __init__(self) -> None:
        self._held: dict[str, _Held] = {}
        self._buried: dict[str, None] = {}
        self._unshown: dict[str, float] = {}
        """When we have written what the watch has still to show, by uid, oldest first."""
        self.writes = 0
        """How many writes of ours have been put; take it before a list is asked for."""

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self._held)

    def names(self) -> list[str]:
        """Return every name."""
        return list(self._held)

    def uid(self, name: str) -> str:
        """Return the uid of `name`, '' if there is none."""
        held = self._held.get(name)
        return held.uid if held else ""

    def get(self, name: str) -> Object | None:
        """Return `name`, the caller's own copy."""
        held = self._held.get(name)
        return None if held is None else _read(held)

    def all(self) -> Iterator[Object]:
        """Yield each, read when it is its turn."""
        for held in list(self._held.values()):
            yield _read(held)

    def put(self, object: Object, now: float) -> None:
        """Take in the answer to a create or a delete of ours."""
        name, uid = _name(object), _uid(object)
        held = self._held.get(name)
        if uid in self._buried:
            return
        self.writes += 1
        if held is None or held.uid != uid:
            self._held[name] = _pack(object, self.writes)
            self._unshown[uid] = now
        elif _doomed(object) and not held.doomed:  # so all that is known of it is older
            self._held[name] = _pack(object, held.own)

    def drop(self, name: str, uid: str = "") -> bool:
        """Take out what is known to be gone, whatever its uid if that is ''; return whether."""
        held = self._held.get(name)
        uid = uid or (held.uid if held else "")
        self._bury(uid)
        if held is None or held.uid != uid:
            return False
        del self._held[name]
        return True

    def see(self, type: str, object: Object) -> bool:
        """Take in an event of the watch; return whether something changed."""
        if type == "DELETED":
            return self.drop(_name(object), _uid(object))
        held = self._held.get(_name(object))
        if held is not None and held.own and held.uid != _uid(object):
            return False
        return self._take(held, object)

    def listed(self, object: Object, asked: int) -> bool:
        """Take in an object of a list; `asked` is what `writes` was when it was asked for."""
        held = self._held.get(_name(object))
        if held is not None and held.own > asked and held.uid != _uid(object):
            return False
        return self._take(held, object)

    def absent(self, name: str, asked: int) -> bool:
        """Take in that a list lacks `name`; return whether it was there."""
        held = self._held.get(name)
        return held is not None and held.own <= asked and self.drop(name)

    def overdue(self, before: float) -> bool:
        """Return whether a write of ours from `before` has still not been shown by the watch."""
        return bool(self._unshown) and next(iter(self._unshown.values())) < before

    def _take(self, held: _Held | None, object: Object) -> bool:
        uid = _uid(object)
        if uid in self._buried:
            return False
        self._unshown.pop(uid, None)
        if held is not None and held.uid == uid:
            held.own = 0
            older = held.doomed and not _doomed(object)
            if older or held.version == _version(object):
                return False
        elif held is not None:
            self._bury(held.uid)
        self._held[_name(object)] = _pack(object)
        return True

    def _bury(self, uid: str) -> None:
        self._unshown.pop(uid, None)
        if uid:
            self._buried[uid] = None
        if len(self._buried) > _GRAVES:
            del self._buried[next(iter(self._buried))]


def _pack(object: Object, own: int = 0) -> _Held:
    return _Held(_uid(object), _version(object), pack(object), _doomed(object), own)


def _read(held: _Held) -> Object:
    return unpack(held.text)


def _name(object: Object) -> str:
    return str(object["metadata"]["name"])


def _uid(object: Object) -> str:
    return str(object["metadata"].get("uid", ""))


def _version(object: Object) -> str:
    return str(object["metadata"].get("resourceVersion", ""))


def _doomed(object: Object) -> bool:
    return bool(object["metadata"].get("deletionTimestamp"))
