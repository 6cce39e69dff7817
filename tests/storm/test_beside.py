"""Two boxes on one machine, with the same people: neither touches what is the other's."""

import socket
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, nullcontext
from functools import partial
from pathlib import Path

import pytest

from perijove.core.place import PlaceSettings, place
from perijove.model.user import User
from tests.storm.box import Box

USERS = 5


@pytest.fixture
def boxes(tmp_path: Path) -> Iterator[tuple[Box, Box]]:
    """Few ports, so that the two meet on them."""
    ours, theirs = (
        Box(tmp_path / name, USERS, place={"ports": 300, "firstPort": 25000})
        for name in ("ours", "theirs")
    )
    yield ours, theirs
    ours.end()
    theirs.end()


def start(box: Box) -> None:
    for name in box.users:
        assert box.status("POST", f"/{name}/server") in {202, 400}
    for name in box.users:
        box.until(partial(runs, box, name), f"{name} runs in {box.folder.name}")


def stop(box: Box) -> None:
    for name in box.users:
        box.status("DELETE", f"/{name}/server")
    for name in box.users:
        box.until(lambda name=name: box.status("DELETE", f"/{name}/server") == 204, "it stops")  # type: ignore[misc]


def ready(box: Box, name: str) -> bool:
    return bool(box.client.get(f"/{name}").json()["servers"].get("", {}).get("ready"))


def runs(box: Box, name: str) -> bool:
    found = box.client.get(f"/{name}").json()["servers"].get("", {})
    assert found.get("pending") or found.get("ready"), box.ask("SELECT reason FROM pj_servers")
    return bool(found.get("ready"))


def ports(box: Box) -> set[int]:
    return {port for (port,) in box.ask("SELECT port FROM pj_servers")}


def processes(box: Box) -> dict[str, str]:
    """Return what each workload wrote of its launcher: its process and when it began."""
    return {it.parent.name: it.read_text() for it in box.folder.glob("data/workloads/*/pid")}


def test_two_boxes_with_the_same_people_live_side_by_side(boxes: tuple[Box, Box]) -> None:
    ours, theirs = boxes
    with ExitStack() as second:
        with ours.hub(), theirs.hub():
            start(ours)
            stranger = _listen_where_they_will(theirs, "u0", ports(ours))
            with stranger:
                start(theirs)
            assert ports(ours).isdisjoint(ports(theirs))
            assert stranger_port(theirs) not in ports(theirs)
            (moved,) = theirs.ask(
                "SELECT incarnation FROM pj_servers WHERE workload = 'jupyter-u0'"
            )
            assert moved[0] >= 2, "it met a stranger and went on"
            assert len(ours.alive()) == len(theirs.alive()) == USERS
        before, beside = processes(ours), processes(theirs)
        second.enter_context(theirs.hub())  # both were killed; only theirs comes back
        for name in theirs.users:
            theirs.until(partial(ready, theirs, name), f"{name} is ready again")
        stop(theirs)
        assert not theirs.alive()
        assert processes(ours) == before
        assert len(ours.alive()) == USERS
        with ours.hub():
            _delete_one_of_two(ours, theirs)
            start(theirs)
            assert processes(theirs).keys() == beside.keys()
            assert {it: before[it] for it in processes(ours)} == processes(ours)
            assert len(ours.alive()) == USERS - 1
            assert set(ours.alive().values()) == set(theirs.alive().values()) == {1}


def _listen_where_they_will(box: Box, name: str, taken: set[int]) -> AbstractContextManager[object]:
    """Listen where the first start of `name` draws its port, unless somebody does already."""
    ((instance,),) = box.ask("SELECT id FROM pj_instance")
    settings = PlaceSettings(first_port=25000, ports=300)
    port = place(User(id=1, name=name), "", settings, instance=instance).port
    (box.folder / "stranger").write_text(str(port))
    return nullcontext() if port in taken else socket.create_server(("127.0.0.1", port))


def stranger_port(box: Box) -> int:
    return int((box.folder / "stranger").read_text())


def _delete_one_of_two(ours: Box, theirs: Box) -> None:
    """Delete a person here; who has that name there keeps everything."""
    homes = {box: next(box.folder.glob("data/homes/*-u1")) for box in (ours, theirs)}
    for home in homes.values():
        (home / "work.txt").write_text("mine")
    ours.until(lambda: ours.status("DELETE", "/u1") == 204, "u1 is deleted")
    assert ours.status("GET", "/u1") == 404
    assert theirs.status("GET", "/u1") == 200
    assert (homes[theirs] / "work.txt").read_text() == "mine"
    assert not homes[ours].exists()
    (kept,) = (it for it in ours.folder.glob("data/trash/*-u1.*") if it.is_dir())
    assert (kept / "work.txt").read_text() == "mine"
    assert not (ours.folder / "data" / "workloads" / "jupyter-u1").exists()
    assert kept.stat().st_mode & 0o077 == 0
