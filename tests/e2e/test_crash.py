"""The platform dies under people who work; what they work on does not."""

import json
import signal
import time
from collections.abc import Iterator

import pytest
from playwright.sync_api import expect

from perijove.cli.hold import started
from tests.e2e.chromium import chromium, person
from tests.e2e.lab import Lab
from tests.singleuser.box import Box
from tests.singleuser.kernel import Kernel


@pytest.fixture(scope="module")
def box(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Box]:
    it = Box(tmp_path_factory.mktemp("crash"))
    sign_in = {
        "JupyterHub": {"authenticator_class": "dummy"},
        "Authenticator": {"allow_all": True},
    }
    it.file.write_text(json.dumps({"proxy": {"port": it.public}, "hub": {"config": sign_in}}))
    try:
        it.start()
        assert it.hub("POST", "/users/ada")[0] == 201
        it.run_server("ada")
        yield it
        assert it.stop() == 0
    finally:
        it.open.close()
        it.end()


def processes(box: Box) -> dict[str, str]:
    """Return the launchers that run: process id and when it started."""
    found = [file.read_text().split() for file in box.data.glob("workloads/*/pid")]
    return {pid: ticks for pid, ticks, *_ in found if started(int(pid)) == ticks}


def test_after_everything_is_killed_the_kernel_still_has_its_variable(box: Box) -> None:
    headers = {"Authorization": f"token {box.token('ada')}"}
    ran = processes(box)
    assert len(ran) == 1
    with Kernel(box.url("/user/ada/"), headers) as kernel:
        kernel.run("answer = 6 * 7")
    box.kill("up", "hub", "proxy")
    assert box.ask("GET", "/hub/health")[0] == 0, "nobody is there"
    box.start()
    begun = time.monotonic()
    box.run_server("ada")
    assert time.monotonic() - begun < 40
    with Kernel(box.url("/user/ada/"), headers, kernel.id) as again:
        assert again.run("print(answer)") == "42\n"
    assert processes(box) == ran, "the same process, and no other"


def test_while_the_hub_is_gone_a_person_reloads_the_page_and_works_on(box: Box) -> None:
    with chromium() as browser, person(browser, box.url()) as context:
        page = context.new_page()
        page.goto("/user/ada/lab")
        page.get_by_label("User name").fill("ada")
        page.get_by_label("Password").fill("anything")
        page.get_by_role("button", name="Sign in", exact=True).click()
        lab = Lab(page).wait()
        lab.new_notebook()
        expect(lab.run("x = 6; print(x)")).to_have_text("6")
        lab.save_as("away.ipynb")
        box.freeze(signal.SIGKILL)
        try:
            assert box.ask("GET", "/hub/api")[0] in {0, 502, 503, 504}
            page.reload()
            lab.wait()
            expect(lab.output(0)).to_have_text("6")
            lab.kernel_is_idle()
            expect(lab.run("print(x * 7)")).to_have_text("42")
        finally:
            box.thaw(signal.SIGKILL)
        page.reload()
        lab.wait()
        lab.kernel_is_idle()
