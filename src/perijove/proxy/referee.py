"""A second opinion on a request head: llhttp, the parser of Node.js, must accept it too."""

import httptools

from perijove.proxy.refusal import Refusal


class _Nobody:
    """Wants to hear of nothing."""


class Referee:
    """Keeps one llhttp parser and replaces it when it cannot be used again."""

    __slots__ = ("_parser",)

    def __init__(self) -> None:
        self._parser: httptools.HttpRequestParser | None = None

    def check(self, head: bytes, *, reusable: bool) -> None:
        """Raise Refusal unless llhttp accepts `head`; `reusable`: nothing of it follows."""
        parser = self._parser or httptools.HttpRequestParser(_Nobody())
        self._parser = None
        try:
            parser.feed_data(head)
        except httptools.HttpParserUpgrade:
            return
        except httptools.HttpParserError as error:
            raise Refusal(400, "malformed") from error
        if reusable:
            self._parser = parser
