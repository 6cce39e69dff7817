"""JupyterLab in a browser: what a person clicks and types there."""

import re

from playwright.sync_api import Locator, Page, expect

_SLOW = 60_000


class Lab:
    """A page that shows JupyterLab."""

    def __init__(self, page: Page) -> None:
        self.page = page

    def wait(self) -> "Lab":
        """Return once it is there."""
        expect(self.page.locator("#jp-top-panel")).to_be_visible(timeout=_SLOW)
        expect(self.page.locator("#main.jp-ThemedContainer, #main")).to_be_visible(timeout=_SLOW)
        self.page.locator(".jupyterlab-splash, #jupyterlab-splash").wait_for(state="detached")
        return self

    def new_notebook(self) -> None:
        card = self.page.locator('.jp-LauncherCard[data-category="Notebook"]').first
        card.click(timeout=_SLOW)
        expect(self._cells().first).to_be_visible(timeout=_SLOW)
        self.kernel_is_idle()

    def open(self, name: str) -> None:
        """Open a file of the home folder, by its address as a bookmark does."""
        self.page.goto(f"{self._prefix()}lab/tree/{name}")
        self.wait()
        expect(self._cells().first).to_be_visible(timeout=_SLOW)

    def kernel_is_idle(self) -> None:
        """Return once a kernel is connected and waits: only then does a cell run."""
        expect(self.page.locator("#jp-main-statusbar")).to_contain_text("| Idle", timeout=_SLOW)

    def run(self, code: str) -> Locator:
        """Type `code` into the last cell, run it, and return what it puts out."""
        at = self._cells().count() - 1
        self._type(at, code)
        self.page.keyboard.press("Shift+Enter")
        expect(self._cells()).to_have_count(at + 2, timeout=_SLOW)
        return self.output(at)

    def write(self, text: str) -> None:
        """Type `text` into the last cell as Markdown, and show it."""
        at = self._cells().count() - 1
        self._type(at, text)
        self.page.keyboard.press("Escape")
        self.page.keyboard.press("m")
        self.page.keyboard.press("Shift+Enter")
        expect(self._cells()).to_have_count(at + 2, timeout=_SLOW)

    def output(self, at: int) -> Locator:
        return self._cells().nth(at).locator(".jp-OutputArea-output")

    def text(self, at: int) -> Locator:
        return self._cells().nth(at).locator(".jp-RenderedMarkdown")

    def save_as(self, name: str) -> None:
        """Save with the keyboard, under a name where JupyterLab asks for one."""
        self.page.keyboard.press("Escape")
        self.page.keyboard.press("Control+s")
        field = self.page.locator(".jp-Dialog input").first
        field.wait_for(timeout=_SLOW)
        field.fill(name)
        self.page.keyboard.press("Enter")
        tab = self.page.locator("#jp-main-dock-panel .lm-TabBar-tab.jp-mod-current")
        expect(tab).to_contain_text(name, timeout=_SLOW)
        expect(tab).not_to_have_class(re.compile("jp-mod-dirty"), timeout=_SLOW)

    def _type(self, at: int, text: str) -> None:
        """Type `text`; a cell that JupyterLab draws anew meanwhile forgets it, so look."""
        editor = self._cells().nth(at).locator(".cm-content")
        for _ in range(5):
            editor.click()
            self.page.keyboard.press("Control+a")
            self.page.keyboard.insert_text(text)
            self.page.wait_for_timeout(200)
            if editor.inner_text().split() == text.split():
                return
        raise AssertionError(f"the cell shows {editor.inner_text()!r}")

    def _cells(self) -> Locator:
        return self.page.locator(".jp-NotebookPanel:visible .jp-Notebook .jp-Cell")

    def _prefix(self) -> str:
        found = re.match(r"https?://[^/]+(/user/[^/]+/)", self.page.url)
        assert found, self.page.url
        return found[1]
