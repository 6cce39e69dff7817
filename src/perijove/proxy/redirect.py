"""Redirect: leads whoever comes without TLS to where it is spoken, and says that we are well."""

from perijove.proxy.control import Asked, Said
from perijove.proxy.head import HOST
from perijove.proxy.pages import HEALTH, healthy

_USUAL = 443


class Redirect:
    """To the same address with https, at `port`."""

    def __init__(self, port: int) -> None:
        self._port = port

    def admit(self, asked: Asked) -> Said | None:
        """Answer at once: no body is wanted."""
        return self.answer(asked)

    def answer(self, asked: Asked) -> Said:
        """Say where to go."""
        if asked.url.partition(b"?")[0] in HEALTH:  # who asks has no certificate to believe
            well = healthy()
            return Said(well.status, well.body, well.content_type)
        host = asked.fields.get(b"host", b"")
        if not host or not HOST.fullmatch(host) or not asked.url.startswith(b"/"):
            return Said(400, b"HTTPS is spoken at port %d; say which host you want." % self._port)
        name = host.partition(b"]")[0] + b"]" if host[:1] == b"[" else host.partition(b":")[0]
        place = name if self._port == _USUAL else b"%b:%d" % (name, self._port)
        return Said(301, fields=b"Location: https://%b%b\r\n" % (place, asked.url))
