"""Group overrides on a real box: two people, one in the group, and what their servers have."""

import json
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing
from http import HTTPStatus
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.box import Up, alive, until

MIB = 1 << 20
USUAL, GOLD = 400 * MIB, 700 * MIB
OVERRIDES = {
    "gold": {
        "groups": ["gold"],
        "spawner_override": {"mem_limit": "700M", "environment": {"TIER": "gold", "USUAL": None}},
    },
    "rich": {"properties": {"tier": "rich"}, "spawner_override": {"environment": {"RICH": 1}}},
}


@pytest.fixture
def up(tmp_path: Path) -> Iterator[Up]:
    box = Up(tmp_path, hub={"config": {"KubeSpawner": {"group_overrides": OVERRIDES}}})
    tree = json.loads(box.file.read_text())
    tree["singleuser"] |= {"memory": {"limit": "400M"}, "extraEnv": {"USUAL": "1"}}
    box.file.write_text(json.dumps(tree))
    try:
        box.start()
        yield box
        assert box.stop() == 0
    finally:
        box.end()


def variables(pid: int) -> Mapping[str, str]:
    text = Path(f"/proc/{pid}/environ").read_text()
    return dict(it.split("=", 1) for it in text.split("\0") if "=" in it)


def bound(up: Up, user: str, pid: int) -> int:
    """Return the bytes of memory that the kernel lets a server have: of its group, or of each."""
    told = up.hub("GET", "/usage")[1]["servers"][f"{user}/"]["memory_limit"]
    if told is not None:
        return int(told)
    said = Path(f"/proc/{pid}/limits").read_text()
    (data,) = (it.split() for it in said.splitlines() if it.startswith("Max data size"))
    return int(data[3])


def ended(up: Up, user: str) -> None:
    assert up.hub("DELETE", f"/users/{user}/server")[0] in {202, 204}
    until(lambda: not up.hub("GET", f"/users/{user}")[1]["servers"], f"{user}'s server has ended")


def of(up: Up, user: str) -> tuple[Any, ...]:
    """Return what the server of `user`, which is started, really has."""
    pid = up.server(user)
    it = variables(pid)
    has = bound(up, user, pid)
    assert int(it["MEM_LIMIT"]) == has, "what it is told is what it has"
    return has, it.get("TIER"), it.get("USUAL"), it.get("RICH")


def test_who_is_in_the_group_has_what_it_is_for_until_the_start_after_leaving(up: Up) -> None:
    assert up.hub("POST", "/users/ada")[0] == HTTPStatus.CREATED
    assert up.hub("POST", "/groups/gold")[0] == HTTPStatus.CREATED
    assert up.hub("POST", "/groups/gold/users", {"users": ["ada"]})[0] == HTTPStatus.OK
    assert of(up, "ada") == (GOLD, "gold", None, None)
    assert of(up, "bob") == (USUAL, None, "1", None)
    assert up.hub("DELETE", "/groups/gold/users", {"users": ["ada"]})[0] == HTTPStatus.OK
    assert alive(pid := up.server_pids("ada")[-1]), "what runs stays as it is"
    assert variables(pid)["TIER"] == "gold"
    ended(up, "ada")
    assert of(up, "ada") == (USUAL, None, "1", None)


def test_a_start_that_a_kill_interrupts_is_the_one_that_was_wished(up: Up) -> None:
    assert up.hub("POST", "/users/ada")[0] == HTTPStatus.CREATED
    assert up.hub("POST", "/groups/gold", {"users": ["ada"]})[0] == HTTPStatus.CREATED
    assert up.hub("POST", "/users/ada/server")[0] == HTTPStatus.ACCEPTED
    up.kill("hub", "up", "proxy")
    with closing(sqlite3.connect(up.data / "perijove.sqlite")) as database, database:
        assert database.execute("DELETE FROM pj_members").rowcount == 1
    up.start()
    until(lambda: up.ready("ada"), "ada's server is ready")
    (pid,) = up.server_pids("ada")
    assert variables(pid)["TIER"] == "gold"
    assert bound(up, "ada", pid) == GOLD
    ended(up, "ada")
    assert of(up, "ada") == (USUAL, None, "1", None)


def test_properties_of_a_group_choose_as_well(up: Up) -> None:
    assert up.hub("POST", "/users/ada")[0] == HTTPStatus.CREATED
    assert up.hub("POST", "/groups/any", {"users": ["ada"]})[0] == HTTPStatus.CREATED
    assert of(up, "ada") == (USUAL, None, "1", None)
    assert up.hub("PUT", "/groups/any/properties", {"tier": "rich"})[0] == HTTPStatus.OK
    ended(up, "ada")
    assert of(up, "ada") == (USUAL, None, "1", "1")
