"""Refusal: a message that the proxy does not pass on."""


class Refusal(Exception):
    """Answer `status` and close; `reason` is a stable word for logs and pages."""

    def __init__(self, status: int, reason: str) -> None:
        self.status = status
        self.reason = reason
        super().__init__(status, reason)
