"""Starting, watching, opening, stopping and deleting servers, on pages."""

import asyncio
import re
from copy import deepcopy
from pathlib import Path

import httpx

from perijove.model.errors import Refused
from perijove.model.server import Phase
from perijove.model.workload import Observation, State
from perijove.spawners.fake import FakeSpawner
from perijove.store.database import Database
from tests.web.desk import PROFILES, Browser, Desk, Shown
from tests.web.desk import desk as open_desk


async def until(desk: Desk, name: str, phase: Phase, user: str = "lin.xiao") -> None:
    owner = await desk.hub.accounts.named(user)
    assert owner
    async with asyncio.timeout(20):
        while True:
            server = await desk.hub.servers.find(owner, name)
            if server and server.phase is phase:
                return
            await asyncio.sleep(0.02)


async def started(desk: Desk, browser: Browser) -> httpx.Response:
    browser.http.follow_redirects = False
    answer = await browser.post("/start/lin.xiao", "/home")
    browser.http.follow_redirects = True
    await until(desk, "", Phase.RUNNING)
    return answer


async def test_a_new_person_starts_with_one_button_and_stops_with_a_warning(
    desk: Desk, lin: Browser
) -> None:
    home = await lin.get("/home")
    assert "Welcome, Lin Xiao" in home.text
    assert "People here share one Unix account" in home.text
    answer = await started(desk, lin)
    assert (answer.status_code, answer.headers["location"]) == (
        303, "/hub/spawn-pending/lin.xiao",
    )  # fmt: skip
    home = await lin.get("/home")
    assert 'href="/user/lin.xiao/"' in home.text
    assert "Running" in home.text
    assert "variables in memory and open terminals are lost" in home.text
    await lin.post("/stop/lin.xiao", "/home")
    await until(desk, "", Phase.STOPPED)
    assert "stopped just now" in (await lin.get("/home")).text


class Lingering(FakeSpawner):
    """Takes its time to stop anything."""

    async def stop(self, name: str, incarnation: int, *, force: bool = False) -> None:
        pass


async def test_a_server_is_on_the_home_page_while_it_is_on_its_way_out(
    database: Database, tmp_path: Path
) -> None:
    async with open_desk(database, tmp_path, spawner=Lingering("i")) as desk:
        await desk.person("lin.xiao")
        lin = Browser(desk)
        await lin.sign_in("lin.xiao")
        await started(desk, lin)
        await lin.post("/stop/lin.xiao", "/home")
        await until(desk, "", Phase.STOPPING)
        home = (await lin.get("/home")).text
        assert "Stopping" in home
        assert "data-stream" in home
        assert "Welcome" not in home


async def test_people_with_machines_of_their_own_are_not_told_that_they_share_one(
    database: Database, tmp_path: Path
) -> None:
    async with open_desk(database, tmp_path, in_cluster=True) as desk:
        await desk.person("lin.xiao")
        lin = Browser(desk)
        await lin.sign_in("lin.xiao")
        for page in ("/home", "/spawn/lin.xiao"):
            assert "one Unix account" not in (await lin.get(page)).text


async def test_a_profile_with_an_option_is_started_and_remembered(desk: Desk, lin: Browser) -> None:
    page = await lin.get("/spawn/lin.xiao")
    assert "What do you want to work with?" in page.text
    assert "People on this machine share one Unix account" in page.text
    lin.http.follow_redirects = False
    answer = await lin.http.post(
        f"{lin.base}/spawn/lin.xiao",
        data={
            "_xsrf": lin.http.cookies["_xsrf"],
            "profile": "deep",
            "profile-option-deep--image": "unlisted-choice",
            "profile-option-deep--image--unlisted-choice": "lab/torch:1",
        },
    )
    lin.http.follow_redirects = True
    assert answer.headers["location"] == "/hub/spawn-pending/lin.xiao"
    await until(desk, "", Phase.RUNNING)
    assert "Deep learning · lab/torch:1" in (await lin.get("/home")).text
    await lin.post("/stop/lin.xiao", "/home")
    await until(desk, "", Phase.STOPPED)
    again = (await lin.get("/spawn/lin.xiao")).text
    assert "last time" in again
    assert 'value="lab/torch:1"' in again


async def test_choices_are_remembered_over_a_restart_for_each_person_and_for_a_new_server(
    database: Database, tmp_path: Path
) -> None:
    people = ("lin.xiao", "wu.min")
    async with open_desk(database, tmp_path) as desk:
        for name, image in zip(people, ("old", "new"), strict=True):
            user = await desk.person(name)
            await desk.hub.servers.start(user, "", {"profile": "deep", "image": image})
            await until(desk, "", Phase.RUNNING, name)
            await desk.hub.servers.stop(user, "")
            await until(desk, "", Phase.STOPPED, name)
    async with open_desk(database, tmp_path) as desk:
        for name, image in zip(people, ("old", "new"), strict=True):
            browser = Browser(desk)
            await browser.sign_in(name)
            for path in (name, f"{name}/another"):
                page = (await browser.get(f"/spawn/{path}")).text
                assert chosen(page) == {"deep", image}, path
                assert "Your last choices are filled in." in page


def chosen(page: str) -> set[str]:
    """Return what is filled in, of the profile that is chosen and of no other."""
    checked = [it for tag, it in Shown(page).tags if tag == "input" and "checked" in it]
    [profile] = [it["value"] for it in checked if it["name"] == "profile"]
    options = {it["value"] for it in checked if f"profile-option-{profile}--" in it["name"]}
    return {profile, *options}


async def test_a_choice_that_is_not_offered_any_more_is_told_and_the_usual_one_is_made(
    database: Database, tmp_path: Path
) -> None:
    gone = "Some of your last choices are not offered any more"
    async with open_desk(database, tmp_path) as desk:
        lin = await desk.person("lin.xiao")
        await desk.hub.servers.start(lin, "", {"profile": "deep", "image": "old"})
        await until(desk, "", Phase.RUNNING)
        await desk.hub.servers.stop(lin, "")
        await until(desk, "", Phase.STOPPED)
    fewer = deepcopy(PROFILES)
    del fewer[1]["profile_options"]["image"]["choices"]["old"]
    for offers, wanted in ((fewer, {"deep", "new"}), (PROFILES[:1], {"data-science"})):
        async with open_desk(database, tmp_path, offers=offers) as desk:
            browser = Browser(desk)
            await browser.sign_in("lin.xiao")
            page = (await browser.get("/spawn/lin.xiao")).text
            assert gone in page
            assert chosen(page) == wanted


async def test_an_unlisted_choice_that_is_not_allowed_says_why_and_keeps_it(lin: Browser) -> None:
    page = await lin.post(
        "/spawn/lin.xiao",
        "/spawn/lin.xiao",
        **{
            "profile": "deep",
            "profile-option-deep--image": "unlisted-choice",
            "profile-option-deep--image--unlisted-choice": "evil/image",
        },
    )
    assert page.status_code == 400
    assert "Only images below lab/ can be used." in page.text
    assert 'value="evil/image"' in page.text


async def test_a_named_server_is_made_started_and_deleted_by_typing_its_name(
    desk: Desk, lin: Browser
) -> None:
    await started(desk, lin)
    page = await lin.post("/servers", "/home", name="My thesis")
    assert page.url.path.startswith("/hub/spawn/lin.xiao/my-thesis-")
    name = page.url.path.rpartition("/")[2]
    lin.http.follow_redirects = False
    await lin.post(f"/spawn/lin.xiao/{name}", "/token", profile="data-science", called="My thesis")
    lin.http.follow_redirects = True
    await until(desk, name, Phase.RUNNING)
    assert "My thesis" in (await lin.get("/home")).text
    await lin.post(f"/stop/lin.xiao/{name}", "/home")
    await until(desk, name, Phase.STOPPED)
    wrong = await lin.post(f"/delete/lin.xiao/{name}", "/home", typed="else")
    assert wrong.status_code == 400
    gone = await lin.post(f"/delete/lin.xiao/{name}", "/home", typed=name)
    assert "My thesis is deleted." in gone.text
    assert gone.text.count("My thesis") == 1, "it is not listed any more"


async def test_a_server_name_that_cannot_be_is_refused_beside_the_field(
    desk: Desk, lin: Browser
) -> None:
    await started(desk, lin)
    page = await lin.post("/servers", "/home", name="\u202e")
    assert page.status_code == 400
    assert 'aria-invalid="true"' in page.text
    assert "<dialog" in page.text
    assert " open>" in page.text


async def test_progress_is_a_page_and_a_stream_of_the_same_section(
    database: Database, tmp_path: Path
) -> None:
    async with open_desk(database, tmp_path, concurrentSpawnLimit=1) as desk:
        await desk.person("lin.xiao")
        await desk.person("wu.min")
        slow = Slow(desk)
        wu = await desk.hub.accounts.named("wu.min")
        assert wu
        await desk.hub.servers.start(wu, "", {})
        browser = Browser(desk, "zh")
        await browser.sign_in("lin.xiao")
        page = await browser.post("/start/lin.xiao", "/home")
        assert page.url.path == "/hub/spawn-pending/lin.xiao"
        assert "正在启动默认服务器" in page.text
        assert "排队等待" in page.text
        assert 'data-seconds="0 秒" data-minutes="1 分钟"' in page.text
        xsrf = browser.http.cookies["_xsrf"]
        slow.go()
        stream = await browser.get(f"/spawn-stream/lin.xiao?_xsrf={xsrf}")
        assert stream.headers["content-type"].startswith("text/event-stream")
        assert "data: <section" in stream.text
        assert "event: next\ndata: /user/lin.xiao/\n" in stream.text
        assert 'name="_xsrf" value="' + xsrf in stream.text


class Slow:
    """Holds every start until `go`."""

    def __init__(self, desk: Desk) -> None:
        self._start = desk.spawner.start
        self._gate = asyncio.Event()

        async def start(spec: object) -> None:
            await self._gate.wait()
            await self._start(spec)  # type: ignore[arg-type]

        desk.spawner.start = start  # type: ignore[method-assign]

    def go(self) -> None:
        self._gate.set()


async def test_a_failed_start_shows_how_far_it_got_and_no_times_that_nobody_knows(
    desk: Desk, lin: Browser
) -> None:
    async def start(spec: object) -> None:
        assert spec
        raise Refused

    desk.spawner.start = start  # type: ignore[method-assign]
    await lin.post("/start/lin.xiao", "/home")
    await until(desk, "", Phase.FAILED)
    page = await lin.get("/spawn-pending/lin.xiao")
    assert "How far it got" in page.text
    assert "<time>" not in page.text


async def test_a_server_that_ended_says_why_what_next_and_what_to_tell_the_administrator(
    desk: Desk, lin: Browser
) -> None:
    await started(desk, lin)
    [(workload, seen)] = desk.spawner.world.items()
    desk.spawner.become(
        workload,
        Observation(state=State.EXITED, origin=seen.origin, exit_code=3),
    )
    await until(desk, "", Phase.FAILED)
    page = await lin.get("/spawn-pending/lin.xiao")
    assert page.status_code == 500
    assert "exit code 3" in page.text
    assert "Look at the log" in page.text
    assert "exited user=lin.xiao server=- exit_code=3" in page.text
    assert "Last lines of the log" in page.text
    assert "What to do" in (await lin.get("/home")).text


async def test_the_front_page_leads_to_the_server_that_runs(desk: Desk, lin: Browser) -> None:
    assert (await lin.get("/")).url.path == "/hub/home"
    await started(desk, lin)
    lin.http.follow_redirects = False
    assert (await lin.get("/")).headers["location"] == "/user/lin.xiao/"


async def test_nobody_sees_or_moves_the_server_of_somebody_else(desk: Desk, lin: Browser) -> None:
    await desk.person("wu.min")
    for path in ("/spawn/wu.min", "/spawn-pending/wu.min", "/visit/wu.min", "/admin/wu.min"):
        assert (await lin.get(path)).status_code in {403, 404}, path
    for path in ("/start/wu.min", "/stop/wu.min", "/visit/wu.min", "/admin/wu.min/block"):
        assert (await lin.post(path, "/home", why="x")).status_code in {403, 404}, path


async def test_a_server_that_may_not_be_is_refused_before_anything_is_chosen(
    database: Database, tmp_path: Path
) -> None:
    async with open_desk(database, tmp_path, allowNamedServers=False) as at:
        await at.person("lin.xiao")
        lin = Browser(at)
        await lin.sign_in("lin.xiao")
        page = await lin.get("/spawn/lin.xiao/thesis")
        assert page.status_code == 400
        assert "Named servers are not enabled." in page.text
        assert (await lin.get("/spawn/lin.xiao")).status_code == 200


async def test_a_start_is_taken_as_a_multipart_form_too(desk: Desk, lin: Browser) -> None:
    """As JupyterHub's own page sends it (hub.md 4.1)."""
    page = (await lin.get("/spawn/lin.xiao")).text
    xsrf = re.search(r'name="_xsrf" value="([^"]+)"', page)
    assert xsrf
    sent = {"profile": "deep", "profile-option-deep--image": "old", "_xsrf": xsrf[1]}
    files = {name: (None, value) for name, value in sent.items()}
    wrong = await lin.http.post(f"{lin.base}/spawn/lin.xiao", files={**files, "_xsrf": (None, "x")})
    assert wrong.status_code == 403
    await lin.http.post(f"{lin.base}/spawn", files={**files, "f": ("f.txt", b"a file")})
    user = await desk.hub.accounts.named("lin.xiao")
    assert user
    server = await desk.hub.servers.find(user, "")
    assert server
    assert server.user_options == {"profile": "deep", "image": "old"}
