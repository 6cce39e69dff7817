"""Outage: an API server that is away is asked by one at a time whether it is back."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http import HTTPStatus
from random import uniform

from perijove.kit.backoff import Backoff
from perijove.spawners.kubernetes.errors import Throttled, Unauthenticated, Unreachable

_FAILURES = 3
"""In a row, before it is taken for away: a single one may be the trouble of one request."""
_LONGEST_WAIT = 1.5
"""Seconds: who comes back within five must be asked more often than that."""


class Outage:
    """Spares an API server that is away the questions of a crowd; in a running event loop."""

    def __init__(self) -> None:
        self._failures = 0
        self._began = 0.0
        self._next = 0.0
        self._why = Unreachable("the API server is away")
        self._backoff = Backoff(base=0.25, ceiling=_LONGEST_WAIT)
        self._listeners: list[Callable[[Outage], None]] = []

    @property
    def on(self) -> bool:
        """Return whether it is taken for away."""
        return self._failures >= _FAILURES

    @property
    def seconds(self) -> float:
        """Return for how long it has been away; 0 if it is not."""
        return _now() - self._began if self.on else 0.0

    def listen(self, listener: "Callable[[Outage], None]") -> None:
        """Call `listener` whenever an outage has begun, and when it is over."""
        self._listeners.append(listener)

    @contextmanager
    def asking(self, *, of_kubelet: bool = False) -> Iterator[None]:
        """Ask something; what comes of it says whether the API server is there.

        `of_kubelet`: it only passes the question on, and a node that is lost says nothing of it.

        Raises:
            Unreachable: it is away, and it is not our turn to find out whether it still is.
        """
        if self.on:
            if of_kubelet or _now() < self._next:
                raise Unreachable(self._why.why, status=self._why.status, reason=self._why.reason)
            self._wait()
        began = _now()
        try:
            yield
        except Unreachable as error:
            if _is_away(error):
                if not of_kubelet:
                    self._failed(error, began)
            else:
                self._answered()
            raise
        except Exception:  # a refusal is an answer
            self._answered()
            raise
        else:
            self._answered()

    def _failed(self, error: Unreachable, began: float) -> None:
        if not self._failures:
            self._began = began
        self._failures += 1
        self._why = error
        if self._failures == _FAILURES:
            self._wait()
            self._tell()

    def _answered(self) -> None:
        was, self._failures = self.on, 0
        self._backoff.forget("")
        if was:
            self._tell()

    def _wait(self) -> None:
        self._next = _now() + self._backoff.next("") * uniform(1.0, 1.5)  # noqa: S311 - no secret

    def _tell(self) -> None:
        for listener in self._listeners:
            listener(self)


def _is_away(error: Unreachable) -> bool:
    """Return whether the API server has failed, rather than one request.

    One that wants patience, or does not know us, is there; a webhook that fails is not itself.
    """
    if isinstance(error, Throttled | Unauthenticated):
        return False
    return error.status != HTTPStatus.INTERNAL_SERVER_ERROR or "webhook" not in error.why


def _now() -> float:
    return asyncio.get_running_loop().time()
