"""MariaDB and MySQL that cannot be used are told in one sentence, and not touched."""

import asyncio
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
import trustme

from perijove.core.instances import own
from perijove.model.errors import DatabaseAway, Refused
from perijove.store import room, rows
from perijove.store.inspect import inspect
from perijove.store.mysql_words import Version
from perijove.store.once import reading
from perijove.store.open import open_database
from tests.databases import empty, refusal
from tests.mariadb import MariaDb, made, program, said

pytestmark = pytest.mark.skipif(program() is None, reason="MariaDB is not here")


@pytest.fixture
def alone() -> Iterator[MariaDb]:
    with made() as it:
        it.start()
        yield it


def order(url: str, *statements: str) -> None:
    with closing(said(url)) as connection, connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)


async def test_what_keeps_it_from_being_opened_is_named(alone: MariaDb) -> None:
    url = alone.url
    assert (await refusal(url)).code == "database-none"
    assert (await refusal(url.removesuffix("/perijove"))).code == "database-none"
    await empty(url)
    lin = url.replace("root@", "lin:wrong@")
    await asyncio.to_thread(
        order, url, "CREATE USER lin@'127.0.0.1' IDENTIFIED BY 'gr\u00fcn-\u5b66'",
        "CREATE USER eve@'127.0.0.1'", "GRANT SELECT ON perijove.* TO eve@'127.0.0.1'",
    )  # fmt: skip
    right = lin.replace("wrong", "gr\u00fcn-\u5b66")
    assert (await refusal(lin)).code == "database-password"
    assert (await refusal(url.replace("root@", "nobody@"))).code == "database-password"
    assert (await refusal(right)).code == "database-none", "not for this account"
    assert (await refusal(url.replace("root@", "eve@"))).code == "database-rights"
    asked = await refusal(f"{url}?ssl_mode=REQUIRED&charset=utf8")
    assert (asked.code, asked.params["names"]) == ("database-options", "ssl_mode")
    with pytest.raises(Refused, match="database-password"):  # a command as well
        await asyncio.to_thread(reading, lin, rows.count)
    await asyncio.to_thread(order, url, "GRANT ALL ON perijove.* TO lin@'127.0.0.1'")
    await (await open_database(right)).close()
    await asyncio.to_thread(alone.stop)
    assert (await refusal(url)).code == "database-away"
    with pytest.raises(DatabaseAway):
        await asyncio.to_thread(reading, url, rows.count)


async def test_what_can_only_be_read_is_named(alone: MariaDb) -> None:
    await empty(alone.url)
    await asyncio.to_thread(
        order,
        alone.url,
        "CREATE USER lin@'127.0.0.1'",
        "GRANT ALL ON perijove.* TO lin@'127.0.0.1'",
    )
    lin = alone.url.replace("root@", "lin@")
    database = await open_database(lin)
    await own(database, "i")
    await asyncio.to_thread(inspect, lin)
    await asyncio.to_thread(order, alone.url, "SET GLOBAL read_only = 1")
    with pytest.raises(DatabaseAway, match="database-read-only"):
        await database.write(room.one_by_one())
    with pytest.raises(Exception, match="database-read-only"):
        await asyncio.to_thread(inspect, lin)
    await database.close()


async def test_tables_that_take_different_names_for_one_are_refused(alone: MariaDb) -> None:
    await empty(alone.url)
    await (await open_database(alone.url)).close()
    change = "CONVERT TO CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci"
    await asyncio.to_thread(order, alone.url, f"ALTER TABLE pj_members {change}")
    found = await refusal(alone.url)
    assert (found.code, found.params["table"]) == ("database-collation", "pj_members")


async def test_a_server_that_logs_by_statement_is_refused(alone: MariaDb) -> None:
    await empty(alone.url)
    await asyncio.to_thread(alone.stop)
    await asyncio.to_thread(alone.start, "--log-bin=log", "--binlog-format=STATEMENT")
    assert (await refusal(alone.url)).code == "database-log"
    await asyncio.to_thread(alone.stop)
    await asyncio.to_thread(alone.start, "--log-bin=log", "--binlog-format=MIXED")
    database = await open_database(alone.url)
    await own(database, "i")
    await database.write(room.one_by_one())
    await database.close()


@pytest.mark.parametrize(
    ("text", "fits"),
    [
        ("10.11.19-MariaDB-0+deb12u1", True),
        ("5.5.5-10.6.3-MariaDB", True),
        ("11.8.1-MariaDB-ubu2404-log", True),
        ("10.5.29-MariaDB-0+deb11u1", False),
        ("8.0.36-0ubuntu0.22.04.1", True),
        ("9.1.0", True),
        ("8.0.16", False),
        ("5.7.44-log", False),
        ("nonsense", False),
    ],
)
def test_what_is_too_old_is_refused(text: str, *, fits: bool) -> None:
    version = Version.of(text)
    assert version.is_mariadb is ("MariaDB" in text)
    if fits:
        version.require_fitting()
        return
    with pytest.raises(Refused) as refused:
        version.require_fitting()
    assert refused.value.code == "database-old"


async def test_a_way_in_private_that_cannot_be_is_named_and_never_in_the_clear(
    alone: MariaDb, tmp_path: Path
) -> None:
    await empty(alone.url)
    missing = await refusal(f"{alone.url}?ssl_ca={tmp_path}/none.pem")
    assert missing.code == "database-certificate"
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    found = await refusal(f"{alone.url}?ssl_ca={tmp_path}/ca.pem")
    assert found.code == "database-certificate", "the server has no certificate"
    await asyncio.to_thread(alone.stop)
    certificate = trustme.CA().issue_cert("127.0.0.1")
    certificate.private_key_and_cert_chain_pem.write_to_path(str(tmp_path / "server.pem"))
    server = f"{tmp_path}/server.pem"
    await asyncio.to_thread(alone.start, f"--ssl-cert={server}", f"--ssl-key={server}")
    assert (await refusal(f"{alone.url}?ssl_ca={tmp_path}/ca.pem")).code == "database-certificate"
    await (await open_database(f"{alone.url}?ssl_disabled=false")).close()
