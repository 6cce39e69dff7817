"""The platform's pages in a browser: what a person reads and clicks, in their language."""

import re

from playwright.sync_api import BrowserContext, Error, Locator, Page, expect

from perijove.http.catalogue import translated
from tests.e2e.lab import Lab

_START = 60_000


class Person:
    """Somebody with a browser of their own."""

    def __init__(
        self, context: BrowserContext, language: str = "en", patience: int = _START
    ) -> None:
        """`patience` is in milliseconds, for what may take long."""
        self.page: Page = context.new_page()
        self._language = language
        self._patience = patience

    def say(self, english: str) -> str:
        """Return what stands on the page for `english`."""
        return translated(english, self._language)

    def sees(self, english: str) -> None:
        heading = self.page.get_by_role("heading", name=self.say(english), exact=True)
        expect(heading).to_be_visible()

    def sees_about(self, english: str, **given: str) -> None:
        """Return when a heading with names in it shows."""
        heading = self.page.get_by_role("heading", name=self.say(english) % given, exact=True)
        expect(heading).to_be_visible()

    def sign_up(self, name: str, password: str, why: str) -> None:
        page = self.page
        page.goto("/")
        page.get_by_role("link", name=self.say("Create one")).click()
        page.get_by_label(self.say("User name")).fill(name)
        page.get_by_label(self.say("Your name")).fill(f"{name} of the journey")
        page.get_by_label(self.say("Password")).fill(password)
        page.get_by_label(self.say("What do you need it for? (optional)")).fill(why)
        page.get_by_role("button", name=self.say("Request an account")).click()
        self.sees("Waiting for approval")

    def is_let_in(self) -> None:
        """Return when the page of who waits goes on to sign-in by itself."""
        button = self.page.get_by_role("button", name=self.say("Sign in"), exact=True)
        expect(button).to_be_visible(timeout=self._patience)

    def is_home(self) -> None:
        """Return when the home page shows, and the navigation says so."""
        link = self.page.get_by_role("link", name=self.say("Home"), exact=True)
        expect(link).to_have_attribute("aria-current", "page")

    def sign_in(self, name: str, password: str) -> None:
        page = self.page
        page.get_by_label(self.say("User name")).fill(name)
        page.get_by_label(self.say("Password")).fill(password)
        page.get_by_role("button", name=self.say("Sign in"), exact=True).click()
        self.is_home()

    def first(self, link: str, password: str) -> None:
        """Use the one-time link of the first administrator."""
        page = self.page
        page.goto(link)
        self.sees("Welcome to Perijove")
        page.get_by_label(self.say("Password")).fill(password)
        page.get_by_role("button", name=self.say("Continue")).click()
        self.is_home()

    def approve(self, name: str) -> None:
        page = self.page
        page.get_by_role("link", name=self.say("People")).click()
        words = self.say("Approve %(name)s") % {"name": name}
        page.get_by_role("button", name=words).click()
        expect(page.get_by_role("button", name=words)).to_have_count(0)

    def start_first(self, profile: str) -> Lab:
        """Choose a profile on a new person's home page, and watch until JupyterLab opens."""
        self.page.get_by_role("link", name=self.say("Choose options first")).click()
        self.choose(profile)
        return self.watch()

    def choose(self, profile: str) -> None:
        """Choose a profile from the cards, and start."""
        self.sees("What do you want to work with?")
        self.page.get_by_role("radio", name=profile).check()
        self.page.get_by_role("button", name=self.say("Start"), exact=True).click()

    def start_again(self) -> Lab:
        """Start the server as it was last time."""
        self.go_home()
        self._starter().click()
        return self.watch()

    def reads(self, words: str) -> None:
        """Return once the page of a start tells this."""
        line = self.page.locator("ol.events li").filter(has_text=words)
        expect(line.first).to_be_visible(timeout=self._patience)

    def watch(self) -> Lab:
        page = self.page
        page.wait_for_url(re.compile(r"/hub/spawn-pending/"), timeout=self._patience)
        step = page.locator("ol.steps li[aria-current=step], ol.steps li.done")
        expect(step.first).to_be_visible()
        page.wait_for_url(re.compile(r"/user/[^/]+/lab"), timeout=self._patience)
        return Lab(page).wait()

    def go_home(self) -> None:
        """Open the home page, again if a page that follows a server went there at that moment."""
        try:
            self.page.goto("/hub/home")
        except Error as error:
            if "interrupted by another navigation" not in error.message:
                raise
            self.page.goto("/hub/home")

    def stop(self) -> None:
        page = self.page
        self.go_home()
        page.locator("[data-dialog^=stop-]").click()
        page.get_by_role("dialog").get_by_role("button", name=self.say("Stop"), exact=True).click()
        expect(page.get_by_text(self.say("Stopped"), exact=True)).to_be_visible(
            timeout=self._patience
        )
        expect(self._starter()).to_be_visible()

    def _starter(self) -> Locator:
        return self.page.locator("main").get_by_role(
            "button", name=re.compile(f"^({self.say('Start my server')}|{self.say('Start')})")
        )
