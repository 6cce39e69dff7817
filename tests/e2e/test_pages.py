"""Every page in a real browser: nothing for axe to find, nothing wider than the screen."""

import io
import os
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlencode, urlsplit

import pytest
from axe_playwright_python.sync_playwright import Axe  # type: ignore[import-untyped]
from PIL import Image
from playwright.sync_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Page,
    Request,
    Route,
    expect,
)

from perijove.http import elsewhere
from perijove.http.cookies import LOGIN
from perijove.oauth import routes as oauth
from perijove.web.routes import PAGES
from tests.e2e.gallery import LINK, Gallery, gallery
from tests.web.desk import PASSWORD, SECRET

SHOTS = Path(__file__).parents[2] / "docs" / "screenshots"
LARGEST = 120_000
LANGUAGES = ("en", "zh")
THEMES = ("light", "dark")
WIDTHS = (1280, 390)
NARROWER = (320, 700, 1000)
RULES = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}
SWITCH = """async (theme) => {
  document.documentElement.dataset.theme = theme;
  const moving = document.getAnimations().filter((each) => each instanceof CSSTransition);
  await new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
  return moving.length;
}"""
"""Returns how many things change slowly: none, for who wants no motion."""
MENUS = """() => [...document.querySelectorAll("details.menu")].filter((menu) => {
  if (!menu.offsetWidth) return false;
  menu.open = true;
  const { left, right } = menu.querySelector(":scope > div").getBoundingClientRect();
  menu.open = false;
  return left < 0 || right > innerWidth;
}).map((menu) => menu.textContent)"""
"""Menus that open where nobody sees them."""
Act = Callable[[Page], None]


@dataclass(frozen=True)
class Seen:
    """One page in one state: who looks, where, and what they do there."""

    name: str
    who: str
    path: str
    act: Act | None = None


def _wrong(page: Page) -> None:
    page.fill("#username", "lin.xiao")
    page.fill("#password", "wrong")
    page.locator("main form button").click()


def _blocked(page: Page) -> None:
    page.fill("#username", "du.fan")
    page.fill("#password", PASSWORD)
    page.locator("main form button").click()


def _make_token(page: Page) -> None:
    page.click('[data-dialog="new-token"]')
    page.fill("#note", "backup of my laptop")
    page.locator("#new-token button.main").click()


def _make_link(page: Page) -> None:
    page.click('[data-dialog="link"]')
    page.locator("#link button.main").click()


def _opens(dialog: str) -> Act:
    def act(page: Page) -> None:
        page.click(f'[data-dialog="{dialog}"]')

    return act


def _asks_for_rescue(page: Page) -> None:
    page.locator("details.drawer summary").click()
    page.locator('[name="rescue"]').scroll_into_view_if_needed()


def _picks(page: Page) -> None:
    page.check("[data-all]")


def _asks_to_delete(page: Page) -> None:
    for box in page.locator("[data-row]").all()[:4]:
        box.check()
    page.locator('[name="do"][value="delete"]').click()


def _blocks_oneself(page: Page) -> None:
    oneself = page.locator("[data-row]").first.get_attribute("value")
    page.goto(page.url.replace("q=wei", "q=student-01"))
    page.check("[data-all]")
    page.locator('[name="do"][value="block"]').click()
    page.locator(".names input").first.evaluate("(it, id) => { it.value = id }", oneself)
    page.locator("main form button.main").click()


def _takes_out(page: Page) -> None:
    page.click('[data-dialog="change"]')
    page.uncheck('#change [value="ml-2026"]')
    page.locator("#change button.main").click()


def _comes_from_elsewhere(page: Page) -> None:
    """Follow a link of another site to the page that signs out."""
    there = page.url
    page.goto(there.replace("127.0.0.1", "localhost").replace("home", "login"))
    page.evaluate("(there) => { location.href = there }", there.replace("home", "logout"))
    page.wait_for_url("**/logout")


def _scrolled(page: Page) -> None:
    page.locator("#trash").scroll_into_view_if_needed()


def _deep(page: Page) -> None:
    page.check('input[value="deep"]')
    page.locator("input[data-unlisted]").check()


SERVICE = urlencode(
    {
        "client_id": "service-grades",
        "redirect_uri": "http://grades.example.edu/callback",
        "response_type": "code",
    }
)
SERVER = urlencode({"client_id": "jupyterhub-user-lin.xiao", "response_type": "code"})
ALL = [
    Seen("sign-in", "", "/login?said=out"),
    Seen("sign-in-wrong", "", "/login", _wrong),
    Seen("sign-in-refused", "", "/login", _blocked),
    Seen("sign-out", "gao.lin", "/home", _comes_from_elsewhere),
    Seen("signed-out", "", "/logout"),
    Seen("sign-up", "", "/signup"),
    Seen("sign-up-waiting", "who asked", "/signup/waiting"),
    Seen("first", "", f"/first?secret={SECRET}"),
    Seen("first-used", "", "/first?secret=no"),
    Seen("home-new", "gao.lin", "/home"),
    Seen("home", "lin.xiao", "/home"),
    Seen("home-stop", "lin.xiao", "/home", _opens("stop-main")),
    Seen("home-server", "lin.xiao", "/home", _opens("new")),
    Seen("start", "lin.xiao", "/spawn/lin.xiao/thesis", _deep),
    Seen("progress", "slow.sun", "/spawn-pending/slow.sun"),
    Seen("progress-held", "chen.wei", "/spawn-pending/slow.sun/slow-gpu"),
    Seen("stopping", "lin.xiao", "/spawn-pending/lin.xiao/lasting"),
    Seen("failed", "lin.xiao", "/spawn-pending/lin.xiao/big-join"),
    Seen("failed-memory", "lin.xiao", "/spawn-pending/lin.xiao/small"),
    Seen("failed-home", "lin.xiao", "/spawn-pending/lin.xiao/crowded"),
    Seen("start-rescue", "lin.xiao", "/spawn/lin.xiao/crowded", _asks_for_rescue),
    Seen("stopped", "lin.xiao", "/user/lin.xiao/thesis/lab"),
    Seen("tokens", "lin.xiao", "/token"),
    Seen("token-new", "lin.xiao", "/token", _opens("new-token")),
    Seen("token-made", "lin.xiao", "/token", _make_token),
    Seen("account", "lin.xiao", "/account"),
    Seen("account-audit", "lin.xiao", "/account/audit"),
    Seen("home-shared", "chen.wei", "/home"),
    Seen("share", "lin.xiao", "/share/lin.xiao"),
    Seen("share-link", "lin.xiao", "/share/lin.xiao", _opens("link")),
    Seen("share-person", "lin.xiao", "/share/lin.xiao/thesis", _opens("user")),
    Seen("share-made", "lin.xiao", "/share/lin.xiao/thesis", _make_link),
    Seen("accept-share", "slow.sun", f"/accept-share?code={LINK}"),
    Seen("shared-open", "slow.sun", f"/api/oauth2/authorize?{SERVER}"),
    Seen("services", "slow.sun", "/services"),
    Seen("services-all", "chen.wei", "/services"),
    Seen("people", "chen.wei", "/admin"),
    Seen("people-picked", "chen.wei", "/admin?q=group:ml-2026&sort=seen", _picks),
    Seen("people-sure", "chen.wei", "/admin?q=student-0", _asks_to_delete),
    Seen("people-failed", "chen.wei", "/admin?q=wei", _blocks_oneself),
    Seen("people-add", "chen.wei", "/admin", _opens("add")),
    Seen("people-trash", "chen.wei", "/admin?q=gao.lin", _scrolled),
    Seen("people-restore", "chen.wei", "/admin", _opens("restore-1")),
    Seen("people-empty", "chen.wei", "/admin", _opens("empty-2")),
    Seen("people-none", "chen.wei", "/admin?q=zhuo"),
    Seen("person", "chen.wei", "/admin/lin.xiao"),
    Seen("person-change", "chen.wei", "/admin/lin.xiao", _opens("change")),
    Seen("person-sure", "chen.wei", "/admin/lin.xiao", _takes_out),
    Seen("person-delete", "chen.wei", "/admin/lin.xiao", _opens("delete")),
    Seen("audit", "chen.wei", "/audit"),
    Seen("audit-found", "chen.wei", "/audit?about=lin.xiao&action=visit"),
    Seen("audit-none", "chen.wei", "/audit?who=nobody&since=soon"),
    Seen("visit", "chen.wei", "/visit/lin.xiao"),
    Seen("consent", "chen.wei", f"/api/oauth2/authorize?{SERVICE}"),
    Seen("api", "", "/api/docs"),
    Seen("api-found", "lin.xiao", "/api/docs?q=token+post"),
    Seen("api-none", "lin.xiao", "/api/docs?q=zhuo"),
    Seen("not-found", "lin.xiao", "/hoem"),
    Seen("not-allowed", "lin.xiao", "/admin"),
    Seen("broken", "lin.xiao", "/error/500"),
    Seen("restarting", "", "/error/503?url=%2Fhub%2Fhome"),
    Seen("not-answering", "", "/error/503?url=%2Fuser%2Flin.xiao%2F"),
]
ELSEWHERE = {
    "/": "leads on",
    "/language/{code}": "leads on",
    "/static/{*file}": "a file",
    "/logo": "a file",
    "/services/": "services, by its other name",
    "/services/{service}": "leads on",
    "/spawn": "leads on",
    "/spawn/{user}": "start, of the default server",
    "/spawn-pending/{user}/{server}": "progress, of a named server",
    "/spawn-stream/{user}": "a stream",
    "/spawn-stream/{user}/{server}": "a stream",
    "/home/stream": "a stream",
    "/people": "leads on",
    "/people/{action}": "leads on",
    "/people/stream": "a stream",
    "/signup/stream": "a stream",
    "/visit/{user}/{server}": "visit, of a named server",
    "/user/{user}": "leads on",
    "/user-redirect": "leads on",
    "/user-redirect/{*path}": "leads on",
}
"""Pages that no browser looks at here, each with its reason."""


@pytest.fixture(scope="module")
def hall(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gallery]:
    with gallery(tmp_path_factory.mktemp("gallery")) as it:
        yield it


def context(browser: Browser, hall: Gallery, who: str, language: str) -> BrowserContext:
    it = browser.new_context(
        viewport={"width": WIDTHS[0], "height": 900},
        reduced_motion="reduce",
        timezone_id="Asia/Shanghai",
    )
    given = {"pj_language": (language, "/"), "pj_zone": ("480", "/")}
    for name, value in hall.cookies.get(who, {}).items():
        given[name] = (value, "/hub/" if name == LOGIN else "/hub/signup")
    it.add_cookies(
        [{"name": name, "value": value, "domain": "127.0.0.1", "path": path}
         for name, (value, path) in given.items()]
    )  # fmt: skip
    return it


@contextmanager
def on_a_screen(browser: Browser, hall: Gallery, who: str, width: int, path: str) -> Iterator[Page]:
    """Yield a page in English on a screen of `width`."""
    with context(browser, hall, who, "en") as it:
        page = it.new_page()
        page.set_viewport_size({"width": width, "height": 900})
        page.goto(f"{hall.url}/hub{path}")
        yield page


def look(page: Page, hall: Gallery, seen: Seen) -> None:
    page.goto(f"{hall.url}/hub{seen.path}")
    if seen.act:
        seen.act(page)
    page.wait_for_load_state("load")


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("seen", ALL, ids=lambda seen: seen.name)
def test_axe_finds_nothing_and_nothing_is_too_wide(
    browser: Browser, hall: Gallery, seen: Seen, language: str
) -> None:
    with context(browser, hall, seen.who, language) as it:
        page: Page = it.new_page()
        said: list[ConsoleMessage] = []
        page.on("console", lambda message: said.append(message))  # noqa: PLW0108
        look(page, hall, seen)
        for width in WIDTHS:
            page.set_viewport_size({"width": width, "height": 900})
            for theme in THEMES:
                assert page.evaluate(SWITCH, theme) == 0
                found = Axe().run(page, options=RULES)
                assert found.violations_count == 0, f"{width} {theme}\n{found.generate_report()}"
        for width in (*WIDTHS, *NARROWER):
            page.set_viewport_size({"width": width, "height": 900})
            wide = page.evaluate("document.documentElement.scrollWidth")
            assert wide <= width, f"{wide} px wide on a screen of {width}"
            assert page.evaluate(MENUS) == [], f"a menu opens beside a screen of {width}"
        assert [text for text in map(_complaint, said) if text] == []


def _complaint(message: ConsoleMessage) -> str:
    """Return what a browser complains of: scripts, and our own policy; not the page's status."""
    text = message.text
    return "" if message.type != "error" or "Failed to load resource" in text else text


def test_every_page_of_the_router_is_looked_at() -> None:
    asked = {urlsplit(seen.path).path for seen in ALL}
    pages = {page.path for page in [*PAGES, *oauth.PAGES, *elsewhere.PAGES] if page.method == "GET"}
    unseen = {path for path in pages if not any(_matches(path, it) for it in asked)}
    assert sorted(unseen - ELSEWHERE.keys()) == []
    assert sorted(ELSEWHERE.keys() - pages) == []


def _matches(template: str, path: str) -> bool:
    pattern = re.sub(r"\\{\\\*\w+\\}", ".+", re.escape(template))
    return re.fullmatch(re.sub(r"\\{\w+\\}", "[^/]+", pattern), path) is not None


@pytest.mark.skipif(os.environ.get("UPDATE") != "1", reason="UPDATE=1 takes them anew")
@pytest.mark.parametrize("language", LANGUAGES)
def test_screenshots_are_taken(browser: Browser, hall: Gallery, language: str) -> None:
    SHOTS.mkdir(parents=True, exist_ok=True)
    for seen in ALL:
        with context(browser, hall, seen.who, language) as it:
            page = it.new_page()
            page.set_viewport_size({"width": 1280, "height": 800})
            look(page, hall, seen)
            page.wait_for_timeout(150)
            shot = Image.open(io.BytesIO(page.screenshot()))
            small = shot.convert("RGB").quantize(64, dither=Image.Dither.NONE)
            path = SHOTS / f"{seen.name}.{language}.png"
            small.save(path, optimize=True)
            assert path.stat().st_size < LARGEST, path.name


def test_dialogs_open_and_close_by_keyboard_and_give_the_focus_back(
    browser: Browser, hall: Gallery
) -> None:
    with context(browser, hall, "chen.wei", "en") as it:
        page = it.new_page()
        page.goto(f"{hall.url}/hub/admin/lin.xiao")
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.className") == "skip"
        page.focus('[data-dialog="delete"]')
        page.keyboard.press("Enter")
        final = page.locator("#delete [data-final]")
        assert final.is_disabled()
        page.fill("#typed", "lin")
        assert final.is_disabled()
        page.fill("#typed", "lin.xiao")
        assert final.is_enabled()
        page.keyboard.press("Escape")
        assert not page.locator("#delete").is_visible()
        assert page.evaluate("document.activeElement.dataset.dialog") == "delete"


def test_without_scripts_a_dialog_stands_in_place_and_its_form_works(
    browser: Browser, hall: Gallery
) -> None:
    it = browser.new_context(java_script_enabled=False)
    secret = hall.cookies["lin.xiao"][LOGIN]
    it.add_cookies([{"name": LOGIN, "value": secret, "domain": "127.0.0.1", "path": "/hub/"}])
    page = it.new_page()
    page.goto(f"{hall.url}/hub/home")
    page.get_by_role("link", name="Stop Default server").click()
    page.get_by_role("link", name="Keep it running").click()
    page.get_by_role("link", name="New server").click()
    page.get_by_label("Server name").fill("plain")
    page.get_by_role("button", name="Continue").click()
    page.get_by_role("radio", name="Data science").check()
    page.get_by_role("button", name="Start").click()
    page.goto(f"{hall.url}/hub/home")
    assert page.get_by_role("heading", name="plain").is_visible()
    it.close()


@pytest.mark.parametrize("width", [390, 1280])
def test_the_menu_of_the_last_server_can_be_used(
    browser: Browser, hall: Gallery, width: int
) -> None:
    with on_a_screen(browser, hall, "lin.xiao", width, "/home") as page:
        row = page.locator("main li:has(summary)").last
        row.locator("summary").click()
        row.get_by_role("button", name="Delete").click(timeout=20_000)
        assert page.locator("dialog[open]").get_by_role("textbox").is_visible()


def test_on_a_phone_the_first_buttons_stand_in_the_middle(browser: Browser, hall: Gallery) -> None:
    with on_a_screen(browser, hall, "chen.wei", 390, "/home") as page:
        boxes = [each.bounding_box() for each in page.locator("main .empty .row > *").all()]
        middles = [box["x"] + box["width"] / 2 for box in boxes if box]
        assert len(middles) == 2
        assert middles == pytest.approx([390 / 2] * 2, abs=1), "one below the other"


@pytest.mark.parametrize("width", [320, 390])
def test_the_longest_name_stays_off_the_button_beside_it(
    browser: Browser, hall: Gallery, width: int
) -> None:
    with on_a_screen(browser, hall, "chen.wei", width, "/admin?q=wang.") as page:
        button = page.locator("tbody .end > .bare").bounding_box()
        lines = page.locator("tbody .tick + th a").evaluate(
            "(it) => [...it.getClientRects()].map((b) => b.right)"
        )
        assert button
        assert max(lines) <= button["x"]
        hint = page.locator("[type=search]")
        hint.fill("")
        cut = hint.evaluate(
            """(it) => {
              it.value = it.placeholder;
              return it.scrollWidth - it.clientWidth;
            }"""
        )
        assert cut <= 0, "what can be written there can be read"


def test_a_short_cell_is_not_broken_in_two(browser: Browser, hall: Gallery) -> None:
    with context(browser, hall, "lin.xiao", "zh") as it:
        page = it.new_page()
        page.goto(f"{hall.url}/hub/token")
        cells = page.get_by_text("不过期").all()
        assert cells
        lines = """(each) => {
          const text = new Range();
          text.selectNodeContents(each);
          return text.getClientRects().length;
        }"""
        assert {each.evaluate(lines) for each in cells} == {1}


def test_a_page_that_waits_goes_on_by_itself_and_asks_once(browser: Browser, hall: Gallery) -> None:
    asked: list[str] = []

    def write(each: Request) -> None:
        if each.redirected_from is None:
            asked.append(each.url)

    def slowly(route: Route) -> None:
        time.sleep(6)  # longer than a stream that ended takes to come back
        route.continue_()

    with context(browser, hall, "gao.lin", "en") as it:
        page = it.new_page()
        page.on("request", write)
        page.route(f"{hall.url}/user/gao.lin/", slowly, times=1)
        page.goto(f"{hall.url}/hub/home")
        page.get_by_role("button", name="Start my server").click()
        page.wait_for_url("**/user/gao.lin/**")  # there is no proxy here: the hub answers
    assert [each for each in asked if "/user/" in each] == [f"{hall.url}/user/gao.lin/"]


@pytest.mark.parametrize(
    ("who", "path"), [("lin.xiao", "lin.xiao/lasting"), ("slow.sun", "slow.sun"), ("chen.wei", "")]
)
def test_a_page_that_follows_something_comes_back_when_the_hub_does(
    browser: Browser, hall: Gallery, who: str, path: str
) -> None:
    """A proxy says 503 for a hub that restarts: to a browser that is the end of a stream."""
    here, stream = ("/spawn-pending/", "/spawn-stream/") if path else ("/admin", "/people/stream")
    there, loaded = f"{hall.url}/hub{here}{path}", list[str]()
    with context(browser, hall, who, "en") as it:
        page = it.new_page()
        page.on("load", lambda page: loaded.append(page.url))
        page.route(f"**{stream}**", lambda route: route.fulfill(status=503), times=2)
        page.goto(there)
        away = page.locator("[data-away]")
        expect(away).to_be_visible()
        expect(away).to_be_hidden(timeout=20_000)
        assert loaded == [there], "what somebody has filled in is still there"
        page.route(f"**{stream}**", lambda route: route.fulfill(status=404), times=2)
        page.reload()
        page.wait_for_event("load")  # by itself: what it followed is gone
        assert loaded == [there] * 3
        page.route(f"**{stream}**", lambda route: route.fulfill(status=503), times=1)
        page.reload()
        it.clear_cookies(name=LOGIN)
        page.wait_for_url("**/hub/login?**")
