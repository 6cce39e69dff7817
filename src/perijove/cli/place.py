"""Place: where a running proxy tells of itself, an address or a socket of this machine."""

import http.client
import socket
from dataclasses import dataclass
from urllib.parse import urlsplit

from perijove.cli.box import Box
from perijove.cli.remote import DENIED, TIMEOUT
from perijove.cli.trouble import FAILURE, USAGE, Trouble

_SECONDS = 10.0
_SCHEMES = {"http": http.client.HTTPConnection, "https": http.client.HTTPSConnection}
_OK, _REFUSED, _ABSENT = 200, 403, 404


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """One proxy. `url`: http://host:port, https://host:port, or the path of a socket."""

    url: str
    hint: str
    """What to do when nobody answers there."""

    def get(self, path: str, token: str = "") -> str:
        """Return what it answers.

        Raises:
            Trouble: it is an error, or there is no answer.
        """
        connection, base = self._connection()
        headers = {"Authorization": f"token {token}"} if token else {}
        try:
            connection.request("GET", f"{base}{path}", headers=headers)
            answer = connection.getresponse()
            text = answer.read().decode(errors="replace")
        except TimeoutError:
            raise Trouble("The proxy does not answer in time.", exit_code=TIMEOUT) from None
        except (OSError, http.client.HTTPException, ValueError) as error:
            why = getattr(error, "strerror", None) or str(error) or type(error).__name__
            raise Trouble(f"Cannot reach the proxy at {self.url} ({why}). {self.hint}") from None
        finally:
            connection.close()
        if answer.status == _OK:
            return text
        raise self._refused(answer.status, path)

    def _connection(self) -> tuple[http.client.HTTPConnection, str]:
        """Return what talks to it, and what every path there begins with."""
        if self.url.startswith("/"):
            return _Local(self.url), ""
        try:
            parts = urlsplit(self.url)
            kind = _SCHEMES[parts.scheme if parts.hostname else ""]
            made = kind(parts.hostname or "", parts.port, timeout=_SECONDS)
        except (KeyError, ValueError):
            words = "write http://host:port, or the path of a socket"
            sentence = f"{self.url} is no address of a proxy: {words}."
            raise Trouble(sentence, exit_code=USAGE) from None
        return made, parts.path.rstrip("/")

    def _refused(self, status: int, path: str) -> Trouble:
        if status == _REFUSED:
            words = (
                "does not take this token: set CONFIGPROXY_AUTH_TOKEN or --token-file to its own"
            )
            return Trouble(f"The proxy at {self.url} {words}.", exit_code=DENIED)
        if status == _ABSENT:
            return Trouble(f"There is no {path} at {self.url}: is it another program? {self.hint}")
        return Trouble(f"The proxy at {self.url} answers {status}.", exit_code=FAILURE)


def of_box(box: Box, option: str) -> Place:
    """Return that of the proxy of `box`; `option` names another."""
    other = f"name another with {option} URL"
    return Place(url=str(box.proxy), hint=f"Is it up? `{box.start()}` starts it; or {other}.")


def named(url: str, option: str) -> Place:
    """Return the one that was given as `option`."""
    given = f"{option} names what the proxy was given"
    as_what = "--api-port" if option == "--api" else "--metrics-port"
    return Place(url=url, hint=f"Is it up? {given} as {as_what}.")


class _Local(http.client.HTTPConnection):
    """By a socket of this machine."""

    def __init__(self, path: str) -> None:
        super().__init__("localhost", timeout=_SECONDS)
        self._path = path

    def connect(self) -> None:
        """Connect."""
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(_SECONDS)
        self.sock.connect(self._path)
