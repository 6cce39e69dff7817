"""The hub as the commands see it: its REST API, found by the data directory or PERIJOVE_URL."""

import http.client
import json
import os
import shlex
from argparse import Namespace
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, unquote, urlsplit

from perijove.cli.box import Box
from perijove.cli.connection import connection
from perijove.cli.trouble import FAILURE, USAGE, Trouble

NOT_FOUND, DENIED, CONFLICT, TIMEOUT = 3, 4, 5, 6
_EXIT = {403: DENIED, 404: NOT_FOUND, 409: CONFLICT, 429: CONFLICT, 504: TIMEOUT}
_UNKNOWN = "unknown"
_BAD_CONFIG = "config.bad"
_UNTIMELY = {"already-running", "extended", "nothing-to-extend", "pending-stop", "too-many-servers"}
_WORDS = {
    "pending-stop": "The server is still stopping: try again in a few seconds.",
}
"""Where the hub's own words are those that programs know from JupyterHub, these are for people."""
_PAGE = 200
_FIRST_ERROR = 400


@dataclass(frozen=True, slots=True, kw_only=True)
class Remote:
    """One hub, and who asks it."""

    hub: str
    """http://host:port/base/ where the API is asked."""
    public: str
    """The same as people open it."""
    token: str
    timeout: float = 30.0
    start: str = "perijove up"
    """What starts it."""

    def get(self, path: str) -> Any:
        """Return what `GET hub/api<path>` answers."""
        return self.ask("GET", path)

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        """Return the JSON of an answer; None if there is none.

        Raises:
            Trouble: it is an error, or there is no answer.
        """
        return self.answer(method, path, body)[1]

    def answer(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        """Return the status as well; of what is asked as `ask` does."""
        with self._answered(method, path, body) as answer:
            text = answer.read().decode()
            kind = answer.getheader("content-type", "")
        return answer.status, (json.loads(text) if "json" in kind else text) if text else None

    def users(self) -> Iterator[dict[str, Any]]:
        """Yield every user."""
        return self.all("/users")

    def all(self, path: str) -> Iterator[dict[str, Any]]:
        """Yield every item of a list."""
        offset = 0
        while True:
            page = self.get(f"{path}?limit={_PAGE}&offset={offset}")
            yield from page
            if len(page) < _PAGE:
                return
            offset += _PAGE

    def events(self, path: str) -> Iterator[dict[str, Any]]:
        """Yield the events of a stream until it ends."""
        with self._answered("GET", path, None, accept="text/event-stream") as answer:
            for line in answer:
                if line.startswith(b"data:"):
                    yield json.loads(line[5:])

    @contextmanager
    def _answered(
        self, method: str, path: str, body: Any, *, accept: str = "application/json"
    ) -> Iterator[http.client.HTTPResponse]:
        place = urlsplit(self.hub)
        line = connection(place.scheme, place.hostname or "", place.port, self.timeout)
        headers = {"Authorization": f"token {self.token}", "Accept": accept}
        sent = None if body is None else json.dumps(body).encode()
        if sent is not None:
            headers["Content-Type"] = "application/json"
        try:
            line.request(method, f"{place.path}hub/api{path}", sent, headers)
            answer = line.getresponse()
            if answer.status >= _FIRST_ERROR:
                raise _refused(answer, path)
            yield answer
        except TimeoutError:
            raise Trouble("The hub does not answer in time.", exit_code=TIMEOUT) from None
        except (OSError, http.client.HTTPException) as error:
            words = f"Cannot reach the hub at {self.hub} ({_said(error)})."
            raise Trouble(f"{words} Is it up? `{self.start}` starts it.") from None
        finally:
            line.close()


def connect(given: Namespace) -> Remote:
    """Return the hub that the command line or the environment means.

    Raises:
        Trouble: there is none.
    """
    url, token = os.environ.get("PERIJOVE_URL"), os.environ.get("PERIJOVE_TOKEN")
    if url:
        if not token:
            raise Trouble("PERIJOVE_URL is set: set PERIJOVE_TOKEN as well.", exit_code=DENIED)
        address = f"{url.rstrip('/')}/"
        return Remote(hub=address, public=address, token=token)
    box = Box.at(given.data)
    ports, base = box.ports(), box.base_url()
    return Remote(
        hub=f"http://127.0.0.1:{ports.hub}{base}",
        public=f"{box.scheme()}://127.0.0.1:{ports.public}{base}",
        token=token or box.secret("cli-token"),
        start=box.start(),
    )


def person(name: str) -> str:
    """Return the path of a user."""
    return f"/users/{quote(name, safe='@~')}"


def place(given: str) -> tuple[str, str, str]:
    """Return user, server and the path of what is written USER or USER/SERVER."""
    user, _, server = given.partition("/")
    below = f"servers/{quote(server, safe='')}" if server else "server"
    return user, server, f"{person(user)}/{below}"


def missing(path: str) -> str:
    """Return what there is not, of what `path` names."""
    may = ", or PERIJOVE_TOKEN may not see it" if os.environ.get("PERIJOVE_TOKEN") else ""
    match [unquote(it) for it in urlsplit(path).path.split("/")[1:]]:
        case ["users", user, "tokens", token]:
            what = f"no token {token} of {user}: `perijove token list {shlex.quote(user)}`"
            return f"There is {what} shows those there are{may}."
        case ["users", user, "servers", server, *_]:
            what = f"server {user}/{server}, or no account {user}"
        case ["users", user, "server", *rest] if rest:
            what = f"account {user}, or they never had that server"
        case ["users", user, *_]:
            what = f"account {user}"
        case ["groups", group, *_]:
            what = f"group {group}"
        case _:
            what = "such thing"
    return f"There is no {what} here{may}."


def _refused(answer: http.client.HTTPResponse, path: str) -> Trouble:
    """Return what an error says; the hub's own words may always be shown."""
    text = answer.read().decode(errors="replace")
    try:
        told = json.loads(text)
    except ValueError:
        told = {}
    told = told if isinstance(told, dict) else {}
    code = _EXIT.get(answer.status, FAILURE)
    if told.get("code") in _UNTIMELY:
        code = CONFLICT
    elif told.get("code") == _BAD_CONFIG:
        code = USAGE
    message = told.get("message") or f"the hub answers {answer.status}"
    words = _WORDS.get(str(told.get("code")), str(message))
    if told.get("code") == _UNKNOWN:
        words = missing(path)
    return Trouble(words if words.endswith(".") else f"{words}.", exit_code=code)


def _said(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error) or type(error).__name__
