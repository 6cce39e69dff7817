"""The whole way of a new person in a real browser, on a real Kubernetes, in two languages."""

import io
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from playwright.sync_api import Browser, Page, expect

from perijove.http.sentences import sentence
from tests.cluster.kit.places import VOLUMES
from tests.cluster.kubectl import Kubectl, own_namespace
from tests.cluster.manifests import shared_folder
from tests.cluster.release import Release, installed
from tests.e2e.chromium import chromium, person
from tests.e2e.lab import Lab
from tests.e2e.pages import Person
from tests.singleuser.kernel import Kernel

pytestmark = pytest.mark.usefixtures("ours")  # both nodes must see one folder

PASSWORD = "a long enough sentence"
PATIENCE = 180_000
"""Milliseconds: other things may be going on."""
SHOTS = Path(__file__).parents[2] / "docs" / "screenshots"


def on(node: str, name: str, **more: Any) -> dict[str, Any]:
    """Return a profile whose servers are on `node`."""
    place = {"node_selector": {"kubernetes.io/hostname": node}}
    about = {"display_name": name, "description": f"On the machine {node}."}
    return {**about, "kubespawner_override": {**place, **more}}


VALUES: dict[str, Any] = {
    "hub": {
        "config": {
            "JupyterHub": {"authenticator_class": "local"},
            "Authenticator": {"allow_all": False},
        }
    },
    "singleuser": {
        "memory": {"limit": "1G"},
        "storage": {"type": "static", "static": {"pvcName": "homes"}},
        "profileList": [
            on("n1", "Morning"),
            on("n2", "Evening"),
            on("n1", "Reference", image="perijove-test-reference:dev"),
        ],
    },
}


@pytest.fixture(scope="module")
def release(whole_cluster: Kubectl) -> Iterator[Release]:
    with own_namespace(whole_cluster) as kubectl:
        folder = VOLUMES / kubectl.namespace
        kubectl.apply(*shared_folder("homes", kubectl.namespace, folder))
        folder.mkdir(parents=True)
        folder.chmod(0o777)  # as an export of NFS is, for people of any uid
        try:
            with installed(kubectl, VALUES) as it:
                yield it
        finally:
            kubectl("delete", "pv", kubectl.namespace, "--wait=false")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as it:
        yield it


def shot(page: Page, language: str) -> None:
    """Keep what the page of a start looks like, when asked for."""
    if os.environ.get("UPDATE") != "1":
        return
    seen = Image.open(io.BytesIO(page.screenshot()))
    small = seen.convert("RGB").quantize(64, dither=Image.Dither.NONE)
    small.save(SHOTS / f"cluster-progress.{language}.png", optimize=True)


def comes_in(release: Release, newcomer: Person, name: str) -> None:
    """Ask for an account, be let in, and sign in."""
    newcomer.sign_up(name, PASSWORD, "for the course")
    let = release.admin.patch(f"/users/{name}", json={"standing": "active"})
    assert let.is_success, let.text
    newcomer.is_let_in()
    newcomer.sign_in(name, PASSWORD)


def starts(newcomer: Person, profile: str, node: str, language: str) -> Lab:
    """Choose a profile and read, in words, what the cluster does."""
    newcomer.page.goto("/hub/spawn")
    newcomer.choose(profile)
    newcomer.reads(sentence("scheduled", {"node": node}, language))
    shot(newcomer.page, language)
    return newcomer.watch()


@pytest.mark.parametrize(("language", "locale"), [("en", "en-US"), ("zh", "zh-CN")])
def test_a_new_person_works_on_one_machine_and_goes_on_on_the_other(
    release: Release, browser: Browser, language: str, locale: str
) -> None:
    name = {"en": "ada", "zh": "李明"}[language]
    with person(browser, release.url, locale) as context:
        newcomer = Person(context, language, PATIENCE)
        comes_in(release, newcomer, name)
        lab = starts(newcomer, "Morning", "n1", language)
        lab.new_notebook()
        expect(lab.run("print(6 * 7)")).to_have_text("42")
        lab.save_as("first.ipynb")
        newcomer.stop()
        assert release.find_pod(name) is None

        lab = starts(newcomer, "Evening", "n2", language)
        assert release.pod(name)["spec"]["nodeName"] == "n2"
        lab.open("first.ipynb")
        expect(lab.output(0)).to_have_text("42")
        lab.kernel_is_idle()
        expect(lab.run("print(6 * 9)")).to_have_text("54")


def test_the_server_of_jupyterhub_itself_opens_and_runs_a_cell(
    release: Release, browser: Browser
) -> None:
    with person(browser, release.url) as context:
        newcomer = Person(context, patience=PATIENCE)
        comes_in(release, newcomer, "grace")
        starts(newcomer, "Reference", "n1", "en")
        secret = release.person("grace").headers["authorization"]
        with Kernel(f"{release.url}/user/grace/", {"authorization": secret}) as kernel:
            assert kernel.run("import jupyterhub; print(jupyterhub.__version__)") == "6.1.1\n"
        newcomer.stop()
