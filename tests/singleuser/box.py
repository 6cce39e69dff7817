"""A platform for the contract: `perijove up`, sign-in by any password, one kind of server."""

import os
import signal
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from tests.e2e.box import Up, until
from tests.singleuser.browser import Browser


class Box(Up):
    """A platform on which `kind` is everybody's server."""

    kind = ""

    def __init__(self, folder: Path, **settings: Any) -> None:
        super().__init__(folder, **settings)
        self.open = ExitStack()

    def url(self, path: str = "/") -> str:
        return f"http://127.0.0.1:{self.public}{path}"

    def browser(self, name: str = "") -> Browser:
        browser = Browser(self.url())
        self.open.callback(browser.client.close)
        if name:
            answer = browser.sign_in(name)
            assert answer.status_code in {302, 303}, (answer.status_code, answer.text[:500])
        return browser

    def run_server(self, user: str, name: str = "") -> None:
        path = f"/users/{user}/servers/{name}" if name else f"/users/{user}/server"
        status, answer = self.hub("POST", path)
        assert status in {201, 202, 400}, answer
        until(lambda: self.shown(user).get(name, {}).get("ready"), f"{user}/{name} is ready")

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
