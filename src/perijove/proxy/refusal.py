"""Refusal: a message that the proxy does not pass on."""


class Refusal(Exception):
    """Answer `status` and close; `reason` is a stable word for logs and pages.

    `after`: in how many seconds it is worth while to try again; `accept`: what may be answered.
    """

    def __init__(self, status: int, reason: str, *, after: int = 0, accept: bytes = b"") -> None:
        self.status = status
        self.reason = reason
        self.after = after
        self.accept = accept
        super().__init__(status, reason)
