"""The hub of this box, asked over its own port: is it healthy, what runs, stop that."""

import http.client
import json
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from perijove.cli.connection import connection

_PAGE = 200
_OK = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalHub:
    """Speaks the REST API with the box's own token. Every call may raise OSError."""

    host: str
    port: int
    base_url: str
    token: str
    timeout: float = 5.0
    secure: bool = False
    """Whether it is reached with TLS."""

    def healthy(self) -> bool:
        """Return whether it answers, right now."""
        with suppress(OSError, http.client.HTTPException):
            return self._ask("GET", "hub/health")[0] == _OK
        return False

    def running(self) -> list[tuple[str, str]]:
        """Return (user, server) of every server that is not at rest."""
        return [
            (user["name"], name)
            for user in self._users()
            for name, server in (user.get("servers") or {}).items()
            if not server.get("stopped")
        ]

    def stop(self, user: str, server: str) -> None:
        """Ask for one server to stop."""
        person = f"hub/api/users/{quote(user, safe='')}"
        place = f"{person}/servers/{quote(server, safe='')}" if server else f"{person}/server"
        self._ask("DELETE", place)

    def _users(self) -> Iterator[dict[str, Any]]:
        offset = 0
        while True:
            query = f"state=active&limit={_PAGE}&offset={offset}"
            status, body = self._ask("GET", f"hub/api/users?{query}")
            if status != _OK:
                raise ConnectionError(f"the hub answers {status}")
            page = json.loads(body)
            yield from page
            if len(page) < _PAGE:
                return
            offset += _PAGE

    def _ask(self, method: str, path: str) -> tuple[int, bytes]:
        scheme = "https" if self.secure else "http"
        line = connection(scheme, self.host, self.port, self.timeout, ours=True)
        try:
            headers = {"Authorization": f"token {self.token}"}
            line.request(method, f"{self.base_url}{path}", headers=headers)
            answer = line.getresponse()
            return answer.status, answer.read()
        except http.client.HTTPException as error:
            raise ConnectionError(str(error)) from error
        finally:
            line.close()
