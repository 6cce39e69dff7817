"""Asker: who asks an upstream, as that one sees it."""

from typing import Protocol

from perijove.proxy.head import Response


class Asker(Protocol):
    """Who asked. Each of these may call back."""

    full: bool
    upgrade: bool

    def informed(self, response: Response) -> None:
        """Pass an interim answer on."""

    def answered(self, response: Response, first: bytes) -> None:
        """Pass the head of the answer on, and the first of its body."""

    def passed(self, data: bytes) -> None:
        """Pass a part of the body on, or of what follows a switch of protocols."""

    def finished(self) -> bool:
        """Hear that the answer is complete; return whether the whole request was sent."""

    def switched(self, response: Response) -> None:
        """Pass on that the protocol has been switched."""

    def unanswered(self, status: int, *, again: bool) -> None:
        """Hear that no answer came; `again`: nothing at all, on a connection used before."""

    def broken(self) -> None:
        """Hear that the answer ended too early."""

    def ended(self) -> None:
        """Hear that the other side of a switched connection is gone."""

    def throttle(self) -> None:
        """Look again whether to go on reading."""
