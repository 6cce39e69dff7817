"""A platform for the contract: `perijove up`, sign-in by any password, one kind of server."""

import os
import signal
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx

from tests.e2e.box import Up, until
from tests.singleuser.browser import Browser
from tests.singleuser.older import CURRENT


class Box(Up):
    """A platform on which `kind` is everybody's server."""

    kind = ""
    generation = CURRENT

    def __init__(self, folder: Path, **settings: Any) -> None:
        super().__init__(folder, **settings)
        self.open = ExitStack()
        self._signed_in: dict[str, httpx.Cookies] = {}

    def url(self, path: str = "/") -> str:
        return f"http://127.0.0.1:{self.public}{path}"

    def browser(self, name: str = "", *, fresh: bool = False) -> Browser:
        """Return a browser in which `name` is signed in at the hub.

        In a session that browsers of this person share, as windows do, unless it is `fresh`.
        """
        browser = Browser(self.url())
        self.open.callback(browser.client.close)
        if name and not fresh and name in self._signed_in:
            browser.client.cookies.update(self._signed_in[name])
        elif name:
            answer = browser.sign_in(name)
            assert answer.status_code in {302, 303}, (answer.status_code, answer.text[:500])
            if not fresh:
                self._signed_in[name] = httpx.Cookies(browser.client.cookies)
        return browser

    def hub(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        """Call the REST API; names in `path` are as people write them."""
        return super().hub(method, quote(path, safe="/@"), body)

    def run_server(self, user: str, name: str = "") -> None:
        path = f"/users/{user}/servers/{name}" if name else f"/users/{user}/server"
        status, answer = self.hub("POST", path)
        assert status in {201, 202, 400}, answer
        prefix = f"/user/{quote(user, safe='@~')}/" + (f"{name}/" if name else "")

        def ready() -> bool:
            return bool(self.shown(user).get(name, {}).get("ready"))

        until(ready, f"{user}/{name} is ready")
        assert self.ask("GET", f"{prefix}api")[0] == 200, "ready is reached"

    def shown(self, user: str) -> dict[str, Any]:
        status, answer = self.hub("GET", f"/users/{user}")
        assert status == 200, answer
        servers: dict[str, Any] = answer["servers"]
        return servers

    def freeze(self, trouble: signal.Signals) -> None:
        """Let the hub hang, or kill it; the supervisor must not help."""
        assert self.process is not None
        self.process.send_signal(signal.SIGSTOP)
        os.kill(self.pid("hub"), trouble)

    def thaw(self, trouble: signal.Signals) -> None:
        assert self.process is not None
        if trouble is signal.SIGSTOP:
            os.kill(self.pid("hub"), signal.SIGCONT)
        self.process.send_signal(signal.SIGCONT)
        until(lambda: self.ask("GET", "/hub/api")[0] == 200, "the hub is back")

    def token(self, user: str) -> str:
        status, answer = self.hub("POST", f"/users/{user}/tokens", {"note": "a script"})
        assert status == 201, answer
        return str(answer["token"])
