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
        parser, self._parser = self._parser, None
        if parser is None or not _accepts(parser, head):
            # one that was used may object to what came before: Proxy-Connection can say 'close'
            parser = httptools.HttpRequestParser(_Nobody())
            if not _accepts(parser, head):
                raise Refusal(400, "malformed")
        if reusable:
            self._parser = parser


def _accepts(parser: httptools.HttpRequestParser, head: bytes) -> bool:
    try:
        parser.feed_data(head)
    except httptools.HttpParserUpgrade:
        return True
    except httptools.HttpParserError:
        return False
    return True
