"""Profiles by the API: what is not offered is refused, what was chosen reaches the server."""

import asyncio
from collections.abc import AsyncIterator

import httpx
import pytest

from perijove.app import running_hub
from perijove.model.workload import LaunchSpec
from perijove.settings import of
from perijove.spawners.fake import FakeSpawner
from perijove.store.database import Database
from tests.parts import ADMIN_TOKEN, parts

LIST = [
    {"display_name": "Small"},
    {
        "display_name": "Large",
        "kubespawner_override": {"cmd": ["large"], "environment": {"SIZE": "large"}},
        "profile_options": {
            "tool": {"choices": {"r": {"kubespawner_override": {"default_url": "/rstudio"}}}}
        },
    },
]


class Recorded(FakeSpawner):
    """Remembers what it was asked to launch."""

    def __init__(self) -> None:
        super().__init__("i")
        self.specs: list[LaunchSpec] = []

    async def start(self, spec: LaunchSpec) -> None:
        self.specs.append(spec)
        await super().start(spec)


@pytest.fixture
def spawner() -> Recorded:
    return Recorded()


@pytest.fixture
async def client(database: Database, spawner: Recorded) -> AsyncIterator[httpx.AsyncClient]:
    settings = of({"singleuser": {"profileList": LIST, "extraEnv": {"SIZE": "any", "A": 1}}})
    given = parts(database, spawner)
    async with running_hub(settings, given) as running:
        spawner.instance = running.life.instance.id
        await running.hub.accounts.create("ada")
        async with httpx.AsyncClient(
            transport=httpx.ASGITransport(app=running.app),
            base_url="http://hub/hub/api",
            headers={"authorization": f"token {ADMIN_TOKEN}"},
        ) as it:
            yield it


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ({"profile": "huge"}, "profile.unknown"),
        ({"profile": "large", "tool": "s"}, "profile.choice-unknown"),
        ({"profile": "large", "size": "x"}, "profile.option-unknown"),
    ],
)
async def test_what_no_profile_offers_is_refused(
    client: httpx.AsyncClient, spawner: Recorded, options: dict[str, str], code: str
) -> None:
    refused = await client.post("/users/ada/server", json=options)
    assert (refused.status_code, refused.json()["code"]) == (400, code)
    assert spawner.specs == []


async def test_what_was_chosen_reaches_the_server(
    client: httpx.AsyncClient, spawner: Recorded
) -> None:
    options = {"profile": "large", "tool": "r"}
    assert (await client.post("/users/ada/server", json=options)).status_code == 202
    async with asyncio.timeout(20):
        while not spawner.specs:
            await asyncio.sleep(0.01)
    (spec,) = spawner.specs
    assert spec.command == ("large",)
    assert (spec.environment["SIZE"], spec.environment["A"]) == ("large", "1")
    assert spec.environment["JUPYTERHUB_DEFAULT_URL"] == "/rstudio"
    shown = (await client.get("/users/ada/server")).json()
    assert shown["user_options"] == options
