"""A desk and people at it."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from perijove.store.database import Database
from perijove.store.open import open_database
from tests.web.desk import Browser, Desk
from tests.web.desk import desk as open_desk


@pytest.fixture
async def desk(database: Database, tmp_path: Path) -> AsyncIterator[Desk]:
    async with open_desk(database, tmp_path) as it:
        yield it


@pytest.fixture
async def lin(desk: Desk) -> Browser:
    await desk.person("lin.xiao", display_name="Lin Xiao")
    browser = Browser(desk)
    assert (await browser.sign_in("lin.xiao")).status_code == 200
    return browser


@pytest.fixture
async def chen(desk: Desk) -> Browser:
    await desk.person("chen.wei", display_name="Chen Wei", admin=True)
    browser = Browser(desk)
    assert (await browser.sign_in("chen.wei")).status_code == 200
    return browser


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    """Pages say the same over every database; the contract test looks at the others."""
    it = await open_database(f"{tmp_path}/hub.sqlite")
    yield it
    await it.close()
