"""What becomes of people's servers when a hub ends, changes or is doubled, or a pod is removed."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from perijove.http.sentences import sentence
from tests.cluster.beside import hub_beside
from tests.cluster.kit import store
from tests.cluster.kubectl import Kubectl, own_namespace
from tests.cluster.release import STUB, VALUES, Release, installed
from tests.singleuser.browser import Browser
from tests.singleuser.kernel import Kernel

LATE = {
    "name": "late",
    "image": "perijove-test-stub:dev",
    "imagePullPolicy": "IfNotPresent",
    "command": ["sleep", "15"],
}
PROFILES = [
    {"display_name": "Stub", "default": True},
    {"display_name": "Lab", "kubespawner_override": {"image": "perijove-singleuser:dev"}},
    {"display_name": "Late", "kubespawner_override": {"init_containers": [LATE]}},
]
MORE: dict[str, Any] = {
    "hub": {"allowNamedServers": True},
    "singleuser": {"profileList": PROFILES},
}


@pytest.fixture(scope="module")
def release(whole_cluster: Kubectl) -> Iterator[Release]:
    with own_namespace(whole_cluster) as kubectl, installed(kubectl, STUB, MORE) as it:
        yield it


def restarts(pod: dict[str, Any]) -> int:
    return sum(it["restartCount"] for it in pod["status"]["containerStatuses"])


def claims(release: Release) -> dict[str, str]:
    """Return the uid of each home, by its name."""
    chosen = "--selector=component=singleuser-storage"
    rows = release.kubectl.json("get", "pvc", chosen)["items"]
    return {it["metadata"]["name"]: it["metadata"]["uid"] for it in rows}


def running(release: Release, *users: str, **options: str) -> dict[str, str]:
    """Start a server for each, and return the uid of each pod."""
    for user in users:
        release.start(user, options)
    return {user: release.until_ready(user)["metadata"]["uid"] for user in users}


@contextmanager
def signed_in(release: Release, user: str) -> Iterator[Browser]:
    """Yield a browser in which somebody has signed in."""
    browser = Browser(release.url)
    with browser.client:
        answer = browser.sign_in(user)
        assert answer.status_code in {302, 303}, answer.text
        yield browser


def delete_pod(release: Release) -> None:
    release.kubectl("delete", "pod", "--selector=component=hub", "--wait=false")


def kill(release: Release) -> None:
    """Kill the process, as a machine does that has no memory left: nobody says goodbye."""
    pod = release.kubectl.json("get", "pod", "--selector=component=hub")["items"][0]
    container = pod["status"]["containerStatuses"][0]["containerID"].rpartition("/")[2]
    store.ctr(pod["spec"]["nodeName"], "tasks", "kill", "--signal", "SIGKILL", container)


@pytest.mark.usefixtures("ours")
@pytest.mark.parametrize(
    "end",
    [
        pytest.param(delete_pod, id="deleted"),
        pytest.param(kill, id="killed", marks=pytest.mark.smoke),
    ],
)
def test_a_hub_ends_and_no_server_does_not_even_one_that_starts(
    release: Release, end: Callable[[Release], None]
) -> None:
    before = running(release, "ada", profile="lab")
    token = release.person("ada").headers["authorization"]
    with Kernel(f"{release.url}/user/ada/", {"authorization": token}) as kernel:
        kernel.run("x = 6 * 7")
        release.start("late", {"profile": "late"})
        release.kubectl.until("a pod for late", lambda: release.find_pod("late") is not None)
        begun = release.uid("late")
        end(release)
        assert kernel.run("print(x)") == "42\n"
        release.until_answers()
        assert release.until_ready("late")["metadata"]["uid"] == begun
        assert restarts(release.pod("late")) == 0
        assert kernel.run("print(x + 1)") == "43\n"
    assert {"ada": release.uid("ada")} == before
    assert restarts(release.pod("ada")) == 0
    for user in ("ada", "late"):
        release.stop(user)


def test_other_values_leave_servers_and_those_who_are_signed_in_alone(release: Release) -> None:
    before, hub = running(release, "grace"), hub_pods(release)
    with signed_in(release, "grace") as browser:
        release.upgrade({"singleuser": {"extraEnv": {"COURSE": "statistics"}}})
        assert hub_pods(release) != hub
        home = browser.go("/hub/home")
        assert home.status_code == 200
        assert 'href="/user/grace/"' in home.text
    assert {"grace": release.uid("grace")} == before
    assert restarts(release.pod("grace")) == 0
    assert "COURSE" not in str(release.pod("grace"))
    release.stop("grace")
    running(release, "grace")
    assert "COURSE" in str(release.pod("grace"))
    release.stop("grace")


def test_what_is_uninstalled_and_installed_again_finds_homes_and_servers(release: Release) -> None:
    before, homes = running(release, "emmy", "alan"), claims(release)
    with signed_in(release, "emmy") as browser:
        cookies = browser.client.cookies
    said = release.uninstall()
    assert "hub-db-dir" in said
    release.kubectl.until("the hub is gone", lambda: not hub_pods(release), 120)
    assert claims(release) == homes
    assert set(before.values()) <= pods(release)

    release.install()
    for user, uid in before.items():
        assert release.until_ready(user)["metadata"]["uid"] == uid
        assert restarts(release.pod(user)) == 0
    assert claims(release) == homes
    again = Browser(release.url)  # the port may be another
    with again.client:
        again.client.cookies = cookies
        assert 'href="/user/emmy/"' in again.go("/hub/home").text
    release.stop("emmy")
    assert running(release, "emmy")["emmy"] != before["emmy"]
    assert claims(release) == homes
    for user in before:
        release.stop(user)


def hub_pods(release: Release) -> str:
    return release.kubectl("get", "pod", "--selector=component=hub", "--output=name")


def pods(release: Release) -> set[str]:
    """Return the uid of each pod of a person."""
    rows = release.kubectl.json("get", "pod", "--selector=component=singleuser-server")["items"]
    return {it["metadata"]["uid"] for it in rows}


def test_a_second_hub_with_an_empty_database_touches_nothing(
    release: Release, tmp_path: Path
) -> None:
    before, homes = running(release, "mary"), claims(release)
    settings = {"singleuser": release.values["singleuser"]}
    with hub_beside(release.kubectl, tmp_path, settings) as other:
        assert other.get("/users").json() == []
        for user in ("mary", "only-there"):
            assert other.post(f"/users/{user}").status_code == 201
            assert other.post(f"/users/{user}/server").status_code == 202
        shown: dict[str, Any] = {}

        def told(user: str, key: str) -> bool:
            shown.update(other.get(f"/users/{user}/server").json())
            return bool(shown[key])

        release.kubectl.until("mary is refused", lambda: told("mary", "reason"))
        assert shown["reason"] == "name-taken"
        release.kubectl.until("it starts its own", lambda: told("only-there", "ready"), 240)
        assert other.delete("/users/mary").status_code == 204
        assert other.delete("/users/only-there/server").status_code in {202, 204}
        release.kubectl.until("it stops its own", lambda: told("only-there", "stopped"), 120)
        assert other.delete("/users/only-there").status_code == 204
        release.kubectl.until(
            "its own home is gone", lambda: "claim-only-there" not in claims(release), 120
        )
    assert {"mary": release.uid("mary")} == before
    assert claims(release) == homes
    assert release.reaches("mary")
    assert release.server("mary")["ready"]
    release.stop("mary")


def test_who_is_deleted_takes_their_home_along_and_nobody_else_s(release: Release) -> None:
    running(release, "leaver", "stayer")
    release.stop("leaver")
    assert "claim-leaver" in claims(release)
    assert release.admin.delete("/users/leaver").status_code == 204
    release.kubectl.until("the home is gone", lambda: "claim-leaver" not in claims(release), 120)
    assert "claim-stayer" in claims(release)
    release.stop("stayer")


def test_a_named_server_has_a_pod_and_a_home_of_its_own(release: Release) -> None:
    release.start("ada-named")
    release.start("ada-named", server="lab-2")
    first = release.until_ready("ada-named")["metadata"]["uid"]
    second = release.until_ready("ada-named", "lab-2")
    assert second["metadata"]["uid"] != first
    ours = {name for name in claims(release) if name.startswith("claim-ada-named")}
    assert len(ours) == 2
    volumes = second["spec"]["volumes"]
    assert {it["persistentVolumeClaim"]["claimName"] for it in volumes} < ours
    release.stop("ada-named", "lab-2")
    assert release.uid("ada-named") == first
    release.stop("ada-named")


@pytest.mark.parametrize(
    ("how", "codes"),
    [
        ((), {"pod-deleted"}),
        (("--grace-period=0", "--force"), {"pod-deleted", "disappeared"}),
    ],
    ids=["asked", "forced"],
)
def test_a_pod_that_somebody_deletes_is_told_and_the_next_start_works(
    release: Release, how: tuple[str, ...], codes: set[str]
) -> None:
    before = running(release, "hand")
    name = release.pod("hand")["metadata"]["name"]
    release.kubectl("delete", "pod", name, "--wait=false", *how)
    reason = release.until_failed("hand", seconds=60)
    assert reason in codes
    with signed_in(release, "hand") as browser:
        assert sentence(reason, {}, "en") in browser.go("/hub/home").text
    release.start("hand")
    assert release.until_ready("hand")["metadata"]["uid"] != before["hand"]
    release.stop("hand")


@pytest.fixture(scope="module")
def bare(whole_cluster: Kubectl) -> Iterator[Release]:
    """A release with no values at all; another image of the hub if one is named for tests."""
    image = {"hub": {"image": VALUES["hub"]["image"]}}
    given = {} if image["hub"]["image"]["tag"] == "dev" else image
    with own_namespace(whole_cluster) as kubectl, installed(kubectl, base=given) as it:
        yield it


def test_with_no_values_at_all_it_comes_up_and_says_what_to_set(bare: Release) -> None:
    assert "Nobody can sign in yet" in bare.notes
    assert "admin_users: [your-name]" in bare.notes
    browser = Browser(bare.url)
    with browser.client:
        page = browser.sign_in("somebody")
    assert page.status_code == 403
    assert "nobody may sign in yet" in page.text
    assert "allow.none" in page.text
    assert "set allow_all, allowed_users or admin_users" in bare.hub_log()


def test_two_releases_in_two_namespaces_share_people_s_names_and_nothing_else(
    release: Release, bare: Release
) -> None:
    here = running(release, "twin")
    there = running(bare, "twin")
    assert here != there
    assert bare.pod("twin")["metadata"]["name"] == release.pod("twin")["metadata"]["name"]
    bare.stop("twin")
    assert {"twin": release.uid("twin")} == here
    assert release.reaches("twin")
    bare.admin.delete("/users/twin").raise_for_status()
    bare.kubectl.until("the home there is gone", lambda: not claims(bare), 120)
    assert "claim-twin" in claims(release)
    release.stop("twin")
