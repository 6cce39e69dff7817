"""The whole way of a new person, in a real browser on the real platform, in two languages."""

import json
import re
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests.e2e.box import Up
from tests.e2e.chromium import chromium, person
from tests.e2e.lab import Lab
from tests.e2e.pages import Person

PROFILES = [
    {
        "display_name": "Python",
        "slug": "python",
        "default": True,
        "description": "Small and quick.",
    },
    {
        "display_name": "Statistics",
        "slug": "statistics",
        "description": "With room for large tables.",
        "kubespawner_override": {"environment": {"COURSE": "statistics"}},
    },
]
PASSWORD = "a long enough sentence"
PLOT = "import matplotlib.pyplot as plt\nplt.plot([1, 4, 2]);"
WIDGET = "import ipywidgets\nipywidgets.IntSlider(value=7, description='Speed')"


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    it = Up(tmp_path_factory.mktemp("journey"))
    it.file.write_text(
        json.dumps({"proxy": {"port": it.public}, "singleuser": {"profileList": PROFILES}})
    )
    try:
        it.start()
        yield it
        assert it.stop() == 0
    finally:
        it.end()


@pytest.fixture(scope="module")
def administrator(up: Up, browser: Browser) -> Iterator[Person]:
    with person(browser, up.told["url"]) as context:
        it = Person(context)
        it.first(up.told["sign_in"], PASSWORD)
        yield it


def work(lab: Lab) -> None:
    """Make a notebook with text, code, a plot and a widget, and save it."""
    lab.new_notebook()
    expect(lab.run("print(6 * 7)")).to_have_text("42")
    lab.write("# How it began")
    expect(lab.run(PLOT).locator("img")).to_be_visible()
    expect(lab.run(WIDGET).locator(".widget-slider")).to_be_visible()
    lab.save_as("first.ipynb")


def memory(up: Up) -> str:
    """Return the resident memory of hub and proxy, in words."""
    words = []
    for part in ("hub", "proxy"):
        status = Path(f"/proc/{up.pid(part)}/status").read_text()
        resident = int(status.partition("VmRSS:")[2].split()[0]) // 1024
        words.append(f"{part} {resident} MiB")
    return ", ".join(words)


def there(lab: Lab) -> None:
    """See the notebook as it was saved."""
    expect(lab.output(0)).to_have_text("42")
    expect(lab.text(1).locator("h1")).to_contain_text("How it began")
    expect(lab.output(2).locator("img")).to_be_visible()


@pytest.mark.parametrize(("language", "locale"), [("en", "en-US"), ("zh", "zh-CN")])
def test_a_new_person_gets_to_work_and_finds_it_again(
    up: Up,
    browser: Browser,
    administrator: Person,
    language: str,
    locale: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    name = {"en": "ada", "zh": "李明"}[language]
    with person(browser, up.told["url"], locale) as context:
        newcomer = Person(context, language)
        newcomer.sign_up(name, PASSWORD, "for the course")
        html = newcomer.page.locator("html")
        expect(html).to_have_attribute("lang", re.compile(f"^{language}"))
        administrator.approve(name)
        newcomer.is_let_in()
        newcomer.sign_in(name, PASSWORD)

        begun = time.monotonic()
        lab = newcomer.start_first("Statistics")
        opened = time.monotonic()
        work(lab)
        with capsys.disabled():
            took = f"{opened - begun:.1f} s"
            print(f"\n[{language}] Start to JupyterLab {took};", memory(up))  # noqa: T201 - asked for
        newcomer.page.reload()
        lab.wait()
        there(lab)
        expect(lab.output(3).locator(".widget-slider")).to_be_visible()

        newcomer.stop()
        lab = newcomer.start_again()
        lab.open("first.ipynb")
        there(lab)
        lab.kernel_is_idle()
        said = lab.run("import os; print(os.environ['COURSE'])")
        expect(said).to_have_text("statistics")
        through_the_menu(newcomer)


def through_the_menu(newcomer: Person) -> None:
    """Find the way home, and out, in JupyterLab's own menu."""
    page = newcomer.page
    server = page.url
    page.get_by_role("menuitem", name="File").click()
    page.get_by_role("menuitem", name="Hub Control Panel").wait_for()
    page.get_by_role("menuitem", name="Log Out").click()
    page.wait_for_url(re.compile("/hub/login"))
    said = newcomer.say("You are signed out. Your servers keep running.")
    expect(page.get_by_text(said)).to_be_visible()
    for address in ("/hub/home", server):
        page.goto(address)
        page.wait_for_url(re.compile("/hub/login"))


def test_a_missing_chromium_is_one_clear_failure(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("tests.e2e.chromium.CHROMIUM", tmp_path / "chromium")
    with pytest.raises(pytest.fail.Exception, match="apt-get install chromium"), chromium():
        pass
