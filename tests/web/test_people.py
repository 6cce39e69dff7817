"""What administrators do with people, and what people see of it."""

from pathlib import Path

import pytest

from perijove.app import homes_of_deleted
from perijove.core.about import Homes
from perijove.model.server import Phase
from perijove.model.user import Standing
from perijove.settings import of
from perijove.settings.pod_sections import StorageType
from perijove.store.database import Database
from tests.web.desk import PASSWORD, Browser, Desk, Shown
from tests.web.desk import desk as open_desk
from tests.web.test_servers import started, until


async def test_an_administrator_adds_finds_and_deletes_a_person(desk: Desk, chen: Browser) -> None:
    page = await chen.post("/admin", "/admin", username="gao.lin", name="高琳", password=PASSWORD)
    assert "gao.lin is added." in page.text
    assert (await Browser(desk).sign_in("gao.lin")).url.path == "/hub/home"
    assert "高琳" in (await chen.get("/admin?q=高")).text
    assert "Nobody matches" in (await chen.get("/admin?q=zhuo")).text
    assert '<code class="hint">gao.lin</code>' in (await chen.get("/admin")).text
    wrong = await chen.post("/admin/gao.lin/delete", "/admin/gao.lin", typed="gao")
    assert wrong.status_code == 400
    assert await desk.hub.accounts.named("gao.lin")
    gone = await chen.post("/admin/gao.lin/delete", "/admin/gao.lin", typed="gao.lin")
    assert "gao.lin is deleted." in gone.text
    assert await desk.hub.accounts.named("gao.lin") is None


@pytest.mark.parametrize(
    ("in_cluster", "words"),
    [
        (False, "Their home folder is moved into the trash of this machine."),
        (True, "one that another hub has made is left alone."),
    ],
)
async def test_who_deletes_a_person_is_told_what_becomes_of_the_files(
    database: Database, tmp_path: Path, words: str, *, in_cluster: bool
) -> None:
    async with open_desk(database, tmp_path, in_cluster=in_cluster) as desk:
        await desk.person("gao.lin")
        await desk.person("chen.wei", admin=True)
        chen = Browser(desk)
        await chen.sign_in("chen.wei")
        page = await chen.get("/admin/gao.lin")
        assert words in page.text.partition('<dialog id="delete"')[2].partition("</dialog>")[0]
        assert page.text.count(words) == 2, "beside the button as well"
        assert ("trash of this machine" in page.text) is not in_cluster


@pytest.mark.parametrize(
    ("storage", "homes"),
    [
        (StorageType.DYNAMIC, Homes.DELETED),
        (StorageType.STATIC, Homes.KEPT),
        (StorageType.NONE, Homes.NONE),
    ],
)
def test_what_becomes_of_files_on_a_cluster_depends_on_its_storage(
    storage: StorageType, homes: Homes
) -> None:
    settings = of({"singleuser": {"storage": {"type": storage.value}}})
    assert homes_of_deleted(settings, in_cluster=True) is homes
    assert homes_of_deleted(settings, in_cluster=False) is Homes.TRASH
    own = of({"systemUsers": True})
    assert homes_of_deleted(own, in_cluster=False) is Homes.KEPT


async def test_a_name_that_is_taken_keeps_the_dialog_open(desk: Desk, chen: Browser) -> None:
    await desk.person("gao.lin")
    assert "<code" not in (await chen.get("/admin/gao.lin")).text, "its name stands there once"
    page = await chen.post("/admin", "/admin", username="gao.lin", name="Gao", password="")
    assert page.status_code == 400
    assert "gao.lin is taken. Choose another." in page.text
    assert 'aria-labelledby="add-title" open>' in page.text


async def test_many_people_stand_on_pages_of_fifty(desk: Desk, chen: Browser) -> None:
    for n in range(60):
        await desk.hub.accounts.add(f"p{n:02}")
    first = await chen.get("/admin")
    assert first.text.count('class="button small quiet bare"') == 50
    assert "1\u201350 of 61" in first.text
    second = await chen.get("/admin?offset=50")
    assert second.text.count('class="button small quiet bare"') == 11
    assert "51\u201361 of 61" in second.text


async def test_the_search_knows_states(desk: Desk, lin: Browser, chen: Browser) -> None:
    await desk.person("wu.min", standing=Standing.WAITING)
    await started(desk, lin)
    running = (await chen.get("/admin?q=is:running")).text
    assert 'href="/hub/admin/lin.xiao"' in running
    assert 'href="/hub/admin/chen.wei"' not in running
    assert 'href="/hub/admin/chen.wei"' in (await chen.get("/admin?q=is:admin")).text
    assert 'href="/hub/admin/wu.min"' in (await chen.get("/admin?q=is:waiting")).text


async def test_the_search_knows_who_runs_nothing_and_who_is_in_a_group(
    desk: Desk, lin: Browser, chen: Browser
) -> None:
    await started(desk, lin)
    await desk.hub.groups.create("lab")
    await desk.hub.groups.join("lab", ["lin.xiao"])
    lin_there, chen_there = 'href="/hub/admin/lin.xiao"', 'href="/hub/admin/chen.wei"'
    inactive = (await chen.get("/admin?q=is:inactive")).text
    assert chen_there in inactive
    assert lin_there not in inactive
    lab = (await chen.get("/admin?q=group:lab")).text
    assert lin_there in lab
    assert chen_there not in lab
    assert lin_there in (await chen.get("/admin?q=is:running+group:lab+lin")).text
    for nobody in ("group:lab+is:inactive", "group:la", "group:"):
        assert "Nobody matches" in (await chen.get(f"/admin?q={nobody}")).text, nobody


async def test_a_visit_needs_a_reason_and_the_owner_reads_it(
    desk: Desk, lin: Browser, chen: Browser
) -> None:
    await started(desk, lin)
    ask = await chen.get("/visit/lin.xiao")
    assert "Tell Lin Xiao and open" in ask.text
    silent = await chen.post("/visit/lin.xiao", "/visit/lin.xiao", why=" ")
    assert silent.status_code == 400
    chen.http.follow_redirects = False
    there = await chen.post("/visit/lin.xiao", "/visit/lin.xiao", why="the CUDA error")
    assert there.headers["location"] == "/user/lin.xiao/"
    home = Shown((await lin.get("/home")).text).text
    assert "chen.wei (administrator) opened your server, today" in home
    assert "“the CUDA error”" in home
    assert "the CUDA error" in (await lin.get("/account")).text


async def test_who_has_said_why_is_not_asked_again_by_the_server(
    desk: Desk, lin: Browser, chen: Browser
) -> None:
    await started(desk, lin)
    chen.http.follow_redirects = False
    client = "client_id=jupyterhub-user-lin.xiao&response_type=code"
    door = f"/api/oauth2/authorize?{client}&redirect_uri=/user/lin.xiao/oauth_callback&state=x"
    asked = await chen.get(door)
    assert asked.status_code == 200
    assert "Tell lin.xiao and open" in asked.text
    await chen.post("/visit/lin.xiao", "/visit/lin.xiao", why="the CUDA error")
    let_in = await chen.get(door)
    assert let_in.status_code == 302
    assert let_in.headers["location"].startswith("/user/lin.xiao/oauth_callback?code=")


async def test_an_administrator_starts_and_stops_the_server_of_somebody(
    desk: Desk, lin: Browser, chen: Browser
) -> None:
    del lin
    page = await chen.post("/start/lin.xiao", "/admin/lin.xiao", next="/hub/admin/lin.xiao")
    assert page.url.path == "/hub/admin/lin.xiao"
    assert "Default server is being started." in page.text
    await until(desk, "", Phase.RUNNING)
    stopped = await chen.post("/stop/lin.xiao", "/admin/lin.xiao", next="/hub/admin/lin.xiao")
    assert stopped.url.path == "/hub/admin/lin.xiao"
    await until(desk, "", Phase.STOPPED)


async def test_nobody_blocks_or_deletes_themselves(chen: Browser) -> None:
    for action in ("block", "delete"):
        page = await chen.post(f"/admin/chen.wei/{action}", "/admin", typed="chen.wei")
        assert page.status_code == 403
        assert "cannot block or delete your own account" in page.text


async def test_a_new_password_from_an_administrator_works(desk: Desk, chen: Browser) -> None:
    await desk.person("lin.xiao")
    short = await chen.post("/admin/lin.xiao/password", "/admin/lin.xiao", new="short")
    assert short.status_code == 400
    saved = await chen.post("/admin/lin.xiao/password", "/admin/lin.xiao", new="another sentence")
    assert "Saved." in saved.text
    browser = Browser(desk)
    assert (await browser.sign_in("lin.xiao", "another sentence")).url.path == "/hub/home"


async def test_a_page_that_is_missing_keeps_the_navigation_of_who_reads_it(
    chen: Browser, lin: Browser
) -> None:
    people = 'href="/hub/admin"'
    missing = await chen.get("/no/such/page")
    assert missing.status_code == 404
    assert people in missing.text
    assert people not in (await lin.get("/no/such/page")).text
