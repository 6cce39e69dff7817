"""The life cycle in the process: what its integration tests build on."""

from datetime import UTC, datetime
from typing import Any

from perijove.core.instances import own
from perijove.core.lifecycle import Lifecycle, assemble
from perijove.core.needs import Needs
from perijove.model.server import Server
from perijove.model.trash import Label
from perijove.model.user import User
from perijove.spawners import Spawner
from perijove.spawners.fake import FakeSpawner
from perijove.store import servers, users
from perijove.store.database import Database

KEY = b"a key of the tests"
LABEL = Label(user="ada", user_id=7, at=datetime(2026, 11, 21, tzinfo=UTC))


async def answers(url: str) -> bool:
    return url.startswith("http://")


async def hub(database: Database, spawner: Spawner | None = None, **needs: Any) -> Lifecycle:
    """Return a life cycle of instance "i" that does not run."""
    await own(database, "i")
    given: dict[str, Any] = {"knock": answers, **needs}
    return await assemble(
        Needs(
            database=database,
            spawner=lambda instance: spawner or FakeSpawner(instance),
            key=KEY,
            **given,
        )
    )


async def user(life: Lifecycle, name: str = "ada") -> User:
    database = life.servers.database
    found = await database.read(users.named(name))
    if found is None:
        found = User(id=life.transitions.ids(), name=name)
        await database.write(*users.add(found))
    return found


async def row(database: Database, key: str = "jupyter-ada") -> Server:
    found = await database.read(servers.at(key))
    assert found is not None
    return found
