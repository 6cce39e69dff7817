"""A helper who may manage people manages no administrator, and makes none."""

from pathlib import Path

import pytest

from perijove.model.user import Standing
from perijove.store.database import Database
from tests.web.desk import PASSWORD, Browser, desk

HELPER = {
    "description": "helps with accounts",
    "scopes": ["self", "admin-ui", "admin:users", "list:users"],
    "users": ["eve"],
}


@pytest.mark.parametrize("step", ["approve", "decline", "block", "password", "delete"])
async def test_what_a_helper_may_do_to_people_they_may_not_do_to_administrators(
    database: Database, tmp_path: Path, step: str
) -> None:
    async with desk(database, tmp_path, loadRoles={"helper": HELPER}) as at:
        root = await at.person("root", admin=True)
        ada = await at.person("ada")
        await at.person("eve")
        eve = Browser(at)
        await eve.sign_in("eve")
        before = await at.hub.accounts.password("root")
        form = {"new": "another password", "typed": "root"}
        refused = await eve.post(f"/admin/root/{step}", "/admin/ada", **form)
        assert refused.status_code == 403
        assert await at.hub.accounts.by_id(root.id) == root
        assert await at.hub.accounts.password("root") == before
        form["typed"] = "ada"
        allowed = await eve.post(f"/admin/ada/{step}", "/admin/ada", **form)
        assert allowed.status_code == 200
        now = await at.hub.accounts.by_id(ada.id)
        assert step in {"approve", "password"} or now is None or now.standing is not Standing.ACTIVE


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
