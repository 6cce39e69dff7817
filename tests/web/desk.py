"""A hub with pages in the process, and a browser that reads them."""

import re
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import httpx

from perijove.app import Running
from perijove.core import Hub
from perijove.kit.tasks import in_background
from perijove.model.user import User
from perijove.settings import of
from perijove.spawners.fake import FakeSpawner
from perijove.store.database import Database
from tests.parts import hub as whole_hub

of({"hub": {"config": {"JupyterHub": {}}}})  # settings read their tables when they are first used
PASSWORD = "a sentence works well"
SECRET = "s" * 32
"""Of the first administrator's link."""
PROFILES: list[dict[str, Any]] = [
    {
        "display_name": "Data science",
        "description": "Python with the usual libraries.",
        "default": True,
    },
    {
        "display_name": "Deep learning",
        "slug": "deep",
        "description": "PyTorch and JAX.",
        "profile_options": {
            "image": {
                "display_name": "Image",
                "choices": {
                    "new": {"display_name": "2026.11", "default": True},
                    "old": {"display_name": "2026.09"},
                },
                "unlisted_choice": {
                    "enabled": True,
                    "display_name": "Image name",
                    "display_name_in_choices": "Another image",
                    "validation_regex": "^lab/.+$",
                    "validation_message": "Only images below lab/ can be used.",
                },
            }
        },
    },
]


@dataclass(frozen=True, kw_only=True)
class Desk:
    running: Running
    spawner: FakeSpawner
    first: Path

    @property
    def hub(self) -> Hub:
        return self.running.hub

    async def person(self, name: str, **more: Any) -> User:
        return await self.hub.accounts.create(name, password=PASSWORD, **more)


@asynccontextmanager
async def desk(
    database: Database,
    folder: Path,
    *,
    offers: Sequence[dict[str, Any]] = PROFILES,
    spawner: FakeSpawner | None = None,
    in_cluster: bool = False,
    cull: Mapping[str, Any] | None = None,
    **keys: Any,
) -> AsyncIterator[Desk]:
    """Yield a hub whose people have passwords of ours; `keys` are those of `hub`."""
    first, spawner = folder / "first", spawner or FakeSpawner("i")
    first.write_text(SECRET)
    tree = {
        "hub": {"allowNamedServers": True, **keys},
        "singleuser": {"profileList": list(offers)},
        "cull": cull or {},
    }
    running = await whole_hub(database, spawner, tree, first=first, in_cluster=in_cluster)
    async with in_background(running.life.run()):
        yield Desk(running=running, spawner=spawner, first=first)


class Shown(HTMLParser):
    """The text and the fields of a page."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.texts: list[str] = []
        self.tags: list[tuple[str, dict[str, str]]] = []
        self._silent = 0
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, {name: value or "" for name, value in attrs}))
        self._silent += tag in {"script", "style"}

    def handle_endtag(self, tag: str) -> None:
        self._silent -= tag in {"script", "style"}

    def handle_data(self, data: str) -> None:
        if data.strip() and not self._silent:
            self.texts.append(data.strip())

    @property
    def text(self) -> str:
        return " ".join(self.texts)


class Browser:
    """Follows links and sends forms as a browser without scripts does."""

    def __init__(self, desk: Desk, language: str = "en", address: str = "203.0.113.24") -> None:
        transport = httpx.ASGITransport(app=desk.running.app, client=(address, 4711))
        agent = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
        headers = {"accept-language": language, "user-agent": agent}
        self.base = f"http://perijove.test{desk.hub.base_url}hub"
        self.http = httpx.AsyncClient(transport=transport, headers=headers, follow_redirects=True)

    async def get(self, path: str) -> httpx.Response:
        return await self.http.get(self.base + path)

    async def post(self, path: str, page: str = "/home", **fields: Any) -> httpx.Response:
        """Send a form that stands on `page`, with its hidden value."""
        shown = (await self.get(page)).text
        found = re.search(r'name="_xsrf" value="([^"]+)"', shown)
        assert found, f"{page} has no form"
        return await self.http.post(self.base + path, data={"_xsrf": found[1], **fields})

    async def sign_in(self, name: str, password: str = PASSWORD) -> httpx.Response:
        return await self.post("/login", "/login", username=name, password=password)
