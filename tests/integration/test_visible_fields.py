"""What a token sees of everything, one row a token: hub.md 10, test 14, after 2.4 and 3.3.

A field that may not be seen is absent. The fields stand here once more, on their own.
"""

from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any, TypeAlias

import httpx
import pytest

from perijove.app import Running
from perijove.core.resting import Change
from perijove.settings import of
from perijove.store.database import Database
from perijove.store.open import open_database
from tests.parts import ADMIN_TOKEN, hub

TREE = {
    "hub": {
        "allowNamedServers": True,
        "services": {
            "robot": {"api_token": "the-token-of-the-robot"},
            "other": {"api_token": "the-token-of-the-other"},
        },
    }
}
of(TREE)  # settings read their tables when they are first used
Seen: TypeAlias = Mapping[str, str] | int
"""Which fields of what, by name; or the status."""
KNOWN = "name user_info admin"
ALL = f"{KNOWN} roles groups server pending created last_activity"
GROUP, SERVICE = "name users properties", "name admin url prefix command pid info display"
EVERYBODY = ("ada", "bob", "root")


def everybody(fields: str) -> dict[str, str]:
    return dict.fromkeys(EVERYBODY, fields)


ROWS: dict[str, tuple[Seen, Seen, Seen, Seen, Seen]] = {
    # of the token: GET /users, /users/ada, /users/bob, /groups, /services
    "list:users": (everybody(KNOWN), {"ada": KNOWN}, {"bob": KNOWN}, 403, 403),
    "list:users read:users": (everybody(ALL), {"ada": ALL}, {"bob": ALL}, 403, 403),
    "read:users:groups": (403, {"ada": "name groups"}, {"bob": "name groups"}, 403, 403),
    "list:users read:users:activity!user=ada": (
        {"ada": f"{KNOWN} last_activity", "bob": KNOWN, "root": KNOWN},
        {"ada": f"{KNOWN} last_activity"}, {"bob": KNOWN}, 403, 403,
    ),
    "list:users read:servers": (
        {"ada": f"{KNOWN} servers:,lab", "bob": f"{KNOWN} servers:", "root": f"{KNOWN} servers"},
        {"ada": f"{KNOWN} servers:,lab"}, {"bob": f"{KNOWN} servers:"}, 403, 403,
    ),
    "list:users read:servers!server=ada/lab": (
        {"ada": f"{KNOWN} servers:lab", "bob": KNOWN, "root": KNOWN},
        {"ada": f"{KNOWN} servers:lab"}, {"bob": KNOWN}, 403, 403,
    ),
    "read:servers!server=ada/lab": (403, 404, 404, 403, 403),
    "list:users!group=physics read:roles:users!user=bob": (
        {"ada": KNOWN}, {"ada": KNOWN}, {"bob": "name roles admin"}, 403, 403,
    ),
    "admin:users": (
        everybody(f"{ALL} auth_state"), {"ada": f"{ALL} auth_state"},
        {"bob": f"{ALL} auth_state"}, 403, 403,
    ),
    "list:users!user=bob admin:auth_state!user=bob admin:servers!user=bob": (
        {"bob": f"{KNOWN} auth_state servers:+state"}, 404,
        {"bob": f"{KNOWN} auth_state servers:+state"}, 403, 403,
    ),
    "list:groups read:groups!group=physics": (
        403, 403, 403, {"physics": GROUP, "staff": "name"}, 403,
    ),
    "list:groups!group=staff read:roles:groups": (
        403, 403, 403, {"staff": "name roles"}, 403,
    ),
    "list:services read:roles:services!service=robot": (
        403, 403, 403, 403, {"robot": "name admin roles", "other": "name admin"},
    ),
    "list:services!service=other read:services": (403, 403, 403, 403, {"other": SERVICE}),
    "access:servers": (403, 403, 403, 403, 403),
}  # fmt: skip
PATHS = ("/users", "/users/ada", "/users/bob", "/groups", "/services")


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    """What is seen is decided above the database; the contract test looks at the others."""
    it = await open_database(f"{tmp_path}/hub.sqlite")
    yield it
    await it.close()


@pytest.fixture
async def running(database: Database) -> Running:
    """Ada has two servers that start and one at rest, Bob one; each is in a group."""
    it = await hub(database, tree=TREE)
    accounts = it.hub.accounts
    ada, bob = await accounts.create("ada"), await accounts.create("bob")
    await accounts.create("root", admin=True)
    for user, name in ((ada, ""), (ada, "lab"), (bob, "")):
        await it.hub.servers.start(user, name, {})
    await it.hub.resting.add(ada, "rest", Change())
    await it.hub.groups.create("physics", members=["ada"])
    await it.hub.groups.create("staff", members=["bob"])
    return it


def told(fields: str) -> dict[str, list[str] | None]:
    """Return the keys of a model; of `servers:a,b+more`, the names and what each shows besides."""
    found: dict[str, list[str] | None] = {"kind": None}
    for field in fields.split():
        key, colon, names = field.partition(":")
        found[key] = names.split(",") if colon else ([] if key == "servers" else None)
    return found


def shown(answer: httpx.Response) -> dict[str, dict[str, list[str] | None]] | int:
    if answer.status_code != 200:
        return answer.status_code
    it = answer.json()
    many = it if isinstance(it, list) else [it] if "kind" in it else list(it.values())
    return {model["name"]: {key: _inner(key, value) for key, value in model.items()}
            for model in many}  # fmt: skip


def _inner(key: str, value: Any) -> list[str] | None:
    if key != "servers":
        return None
    return sorted(f"{name}+state" if "state" in it else name for name, it in value.items())


@pytest.mark.parametrize("scopes", ROWS)
async def test_a_token_sees_what_its_scopes_show_and_no_key_more(
    running: Running, scopes: str
) -> None:
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app=running.app),
        base_url="http://hub/hub/api",
        headers={"authorization": f"token {ADMIN_TOKEN}"},
    ) as client:
        made = await client.post("/users/root/tokens", json={"scopes": scopes.split()})
        assert made.status_code == 201, made.text
        by = {"authorization": f"token {made.json()['token']}"}
        for path, seen in zip(PATHS, ROWS[scopes], strict=True):
            answer = await client.get(path, headers=by)
            wanted = seen if isinstance(seen, int) else {k: told(v) for k, v in seen.items()}
            assert shown(answer) == wanted, path
