"""Scopes of the configuration: in roles, tokens, GET /user, and gone again by a reload."""

import httpx
import pytest

from perijove.core.people import Kind
from perijove.store.database import Database
from tests.integration.test_groups import served, token
from tests.integration.test_reload import Box, box  # noqa: F401 (a fixture)
from tests.parts import user

CUSTOM = {
    "custom:lab:read": {"description": "see the bench"},
    "custom:lab:write": {"description": "use the bench", "subscopes": ["custom:lab:read"]},
}
TREE = {
    "hub": {
        "config": {"JupyterHub": {"custom_scopes": CUSTOM, "extra_user_scopes": ["read:hub"]}},
        "loadRoles": {
            "bench": {"scopes": ["custom:lab:write"], "users": ["ada"], "services": ["robot"]}
        },
        "services": {"robot": {"api_token": "the-token-of-the-robot"}},
    }
}


async def scopes(client: httpx.AsyncClient, headers: dict[str, str]) -> set[str]:
    answer = await client.get("/user", headers=headers)
    assert answer.status_code == 200, answer.text
    return set(answer.json()["scopes"])


async def test_whoever_has_the_role_holds_it_and_gives_it_on(database: Database) -> None:
    async with served(database, TREE) as (running, client):
        for name in ("ada", "bob"):
            await user(running, name)
        whole = await scopes(client, await token(client, "ada"))
        assert whole >= {*CUSTOM, "read:hub"}
        less = await scopes(client, await token(client, "ada", "custom:lab:read"))
        assert less & {*CUSTOM} == {"custom:lab:read"}
        filtered = await token(client, "ada", "custom:lab:read!user=bob")
        assert "custom:lab:read!user=bob" in await scopes(client, filtered)
        robot = {"authorization": "token the-token-of-the-robot"}
        assert await scopes(client, robot) >= {*CUSTOM}
        assert "read:hub" not in await scopes(client, robot)
        # bob holds none of it, and nobody holds what is not there
        for name in ("custom:lab:read", "custom:lab:other"):
            refused = await client.post("/users/bob/tokens", json={"scopes": [name]})
            assert refused.status_code == 400, refused.text
        unknown = await client.post("/users/ada/tokens", json={"scopes": ["custom:lab:other"]})
        assert (unknown.status_code, unknown.json()["code"]) == (400, "bad-scope")
        assert "custom:lab:write" in unknown.json()["message"]


async def test_a_scope_that_is_taken_out_is_good_for_nothing_and_comes_back(box: Box) -> None:  # noqa: F811
    await box.reload(TREE)
    await user(box.running, "ada")
    async with box.client() as client:
        mine = await token(client, "ada", "custom:lab:read", "read:users!user")
        assert "custom:lab:read" in await scopes(client, mine)
        await box.reload({})
        left = await scopes(client, mine)
        assert "read:users!user=ada" in left
        assert not any(text.startswith("custom:") for text in left)
        await box.reload(TREE)
        assert "custom:lab:read" in await scopes(client, mine)


async def test_a_role_for_nobody_who_is_there_is_told_and_changes_nothing(
    box: Box,  # noqa: F811
    caplog: pytest.LogCaptureFixture,
) -> None:
    role = {"scopes": ["read:hub"], "users": ["Grace"], "groups": ["staff"]}
    done = await box.reload({"hub": {"loadRoles": {"looks": role}}})
    assert done["restored"] == []
    assert "the role looks is given to the account grace, which is not there" in caplog.text
    assert "the role looks is given to the group staff, which is not there" in caplog.text
    async with box.client() as client:
        found = (await client.get("/people/drift")).json()["differences"]
        assert [(it["kind"], it["user"], it["group"], it["applied"]) for it in found] == [
            (Kind.NO_BEARER, "grace", "", False), (Kind.NO_BEARER, "", "staff", False),
        ]  # fmt: skip
        await user(box.running, "grace")  # whoever an administrator makes is who was meant
        assert "read:hub" in await scopes(client, await token(client, "grace"))


SHARED = {"hub": {**TREE["hub"], "loadRoles": {
    "user": {"scopes": ["self", "shares!user", "read:users:name", "read:groups:name"]},
    "bench": {"scopes": ["custom:lab:write"], "users": ["ada"]},
}}}  # fmt: skip
READS, WRITES = "custom:lab:read!server=ada/", "custom:lab:write!server=ada/"


async def shared(client: httpx.AsyncClient, headers: dict[str, str]) -> set[str]:
    """Return what a token may do on servers that are shared with its owner."""
    return {text for text in await scopes(client, headers) if "!server=" in text}


async def test_one_is_shared_with_one_server_by_who_holds_it(box: Box) -> None:  # noqa: F811
    await box.reload(SHARED)
    for name in ("ada", "bob"):
        await user(box.running, name)
    async with box.client() as client:
        ada, bob = await token(client, "ada"), await token(client, "bob")
        for name, who in (("ada", ada), ("bob", bob)):
            started = await client.post(f"/users/{name}/server", headers=who)
            assert started.status_code == 202, started.text
        body = {"user": "bob", "scopes": ["custom:lab:write"]}
        made = await client.post("/shares/ada/", json=body, headers=ada)
        assert (made.status_code, made.json()["scopes"]) == (200, [WRITES])
        assert await shared(client, bob) == {READS, WRITES}
        for given in ("custom:lab:read", "custom:lab:other"):  # not his, and nobody's
            body = {"user": "ada", "scopes": [given]}
            refused = await client.post("/shares/bob/", json=body, headers=bob)
            assert (refused.status_code, refused.json()["code"]) == (403, "share.not-held")
            code = await client.post("/share-codes/bob/", json={"scopes": [given]}, headers=bob)
            assert (code.status_code, code.json()["code"]) == (403, "share.not-held")
        # What is taken is not left by what implies it.
        taken = {"user": "bob", "scopes": ["custom:lab:read"]}
        left = await client.patch("/shares/ada/", json=taken, headers=ada)
        assert (left.status_code, left.json()) == (200, {})
        assert await shared(client, bob) == set()


async def test_one_that_is_taken_out_is_shared_with_nobody_any_more(box: Box) -> None:  # noqa: F811
    await box.reload(SHARED)
    for name in ("ada", "bob"):
        await user(box.running, name)
    async with box.client() as client:
        ada, bob = await token(client, "ada"), await token(client, "bob")
        assert (await client.post("/users/ada/server", headers=ada)).status_code == 202
        body = {"user": "bob", "scopes": ["custom:lab:write", "access:servers"]}
        assert (await client.post("/shares/ada/", json=body, headers=ada)).status_code == 200
        await box.reload({})
        assert await shared(client, bob) == {"access:servers!server=ada/"}
        await box.reload(SHARED)
        assert await shared(client, bob) == {READS, WRITES, "access:servers!server=ada/"}
