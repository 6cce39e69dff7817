"""A helper who may manage people manages no administrator, and makes none."""

from pathlib import Path
from typing import Any

import pytest

from perijove.model.user import Standing
from perijove.store.database import Database
from tests.web.desk import PASSWORD, Browser, desk

HELPER: dict[str, Any] = {
    "description": "helps with accounts",
    "scopes": ["self", "admin-ui", "admin:users", "list:users"],
    "users": ["eve"],
}


@pytest.mark.parametrize("step", ["approve", "decline", "block", "delete"])
async def test_what_a_helper_may_do_to_people_they_may_not_do_to_administrators(
    database: Database, tmp_path: Path, step: str
) -> None:
    async with desk(database, tmp_path, loadRoles={"helper": HELPER}) as at:
        root = await at.person("root", admin=True)
        ada = await at.person("ada")
        await at.person("eve")
        eve = Browser(at)
        await eve.sign_in("eve")
        form = {"typed": "root"}
        refused = await eve.post(f"/admin/root/{step}", "/admin/ada", **form)
        assert refused.status_code == 403
        assert await at.hub.accounts.by_id(root.id) == root
        form["typed"] = "ada"
        allowed = await eve.post(f"/admin/ada/{step}", "/admin/ada", **form)
        assert allowed.status_code == 200
        now = await at.hub.accounts.by_id(ada.id)
        assert step == "approve" or now is None or now.standing is not Standing.ACTIVE


async def test_a_helper_chooses_the_password_of_nobody_who_may_more(
    database: Database, tmp_path: Path
) -> None:
    more = [*HELPER["scopes"], "servers", "tokens", "access:servers", "users:shares", "read:shares"]
    roles = {"helper": HELPER, "able": HELPER | {"scopes": more, "users": ["kim"]}}
    async with desk(database, tmp_path, loadRoles=roles) as at:
        for name in ("ada", "eve", "kim"):
            await at.person(name)
        await at.person("root", admin=True)
        was = {name: await at.hub.accounts.password(name) for name in ("ada", "root")}
        for helper, whose, may in (
            ("eve", "root", False), ("eve", "ada", False), ("kim", "root", False),
            ("kim", "ada", True),
        ):  # fmt: skip
            browser = Browser(at)
            await browser.sign_in(helper)
            page = (await browser.get(f"/admin/{whose}")).text
            assert ('id="password"' in page) is may
            assert ("cannot choose their password" in page) is ((helper, whose) == ("eve", "ada"))
            path = f"/admin/{whose}/password"
            answer = await browser.post(path, "/admin/ada", new="another password")
            assert answer.status_code == (200 if may else 403)
            assert (await at.hub.accounts.password(whose) != was[whose]) is may


async def test_a_helper_adds_people_but_no_administrator(
    database: Database, tmp_path: Path
) -> None:
    async with desk(database, tmp_path, loadRoles={"helper": HELPER}) as at:
        await at.person("eve")
        eve = Browser(at)
        await eve.sign_in("eve")
        form = {"username": "mallory", "name": "", "password": PASSWORD}
        assert (await eve.post("/admin", "/admin", **form, admin="1")).status_code == 403
        assert await at.hub.accounts.named("mallory") is None
        await eve.post("/admin", "/admin", **form)
        mallory = await at.hub.accounts.named("mallory")
        assert mallory is not None
        assert not mallory.admin
