"""A service of announcements in the shape of JupyterHub's example: it keeps state, and is polled.

Whoever may enter writes what is announced; everybody reads it without signing in, as pages do.
"""

import json
import os
from pathlib import Path
from urllib.parse import urlsplit

from jupyterhub.services.auth import (  # type: ignore[import-untyped]
    HubOAuthCallbackHandler,
    HubOAuthenticated,
)
from tornado import ioloop, web

KEPT = Path("announcement.json")
EMPTY = {"announcement": "", "user": ""}


class Announcement(HubOAuthenticated, web.RequestHandler):  # type: ignore[misc]
    """What is announced now, and who has said so."""

    def get(self) -> None:
        self.write(json.loads(KEPT.read_text()) if KEPT.exists() else EMPTY)

    @web.authenticated
    def post(self) -> None:
        said = json.loads(self.request.body)["announcement"]
        KEPT.write_text(json.dumps({"announcement": said, "user": self.current_user["name"]}))
        self.get()

    @web.authenticated
    def delete(self) -> None:
        KEPT.unlink(missing_ok=True)
        self.get()


class Desk(HubOAuthenticated, web.RequestHandler):  # type: ignore[misc]
    """Where people sign in who want to write one."""

    @web.authenticated
    def get(self) -> None:
        self.write(f"<p>{self.current_user['name']} may announce</p>{self.xsrf_form_html()}")


if __name__ == "__main__":
    prefix = os.environ["JUPYTERHUB_SERVICE_PREFIX"]
    place = urlsplit(os.environ["JUPYTERHUB_SERVICE_URL"])
    web.Application(
        [
            (prefix, Announcement),
            (f"{prefix}desk", Desk),
            (f"{prefix}oauth_callback", HubOAuthCallbackHandler),
        ],
        cookie_secret=os.urandom(32),
    ).listen(place.port or 80, place.hostname or "127.0.0.1")
    ioloop.IOLoop.current().start()
