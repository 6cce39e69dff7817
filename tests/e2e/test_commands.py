"""The commands for people, servers and tokens, on a box that runs: what they do, how they end."""

import http.client
import json
import os
import pty
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from perijove import __version__
from tests.e2e.box import Up, until


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    box = Up(tmp_path_factory.mktemp("commands"), hub={"baseUrl": "/lab/"})
    box.start()
    yield box
    box.stop()


def test_the_log_of_a_box_where_nothing_was_changed_and_a_trash_without_homes_are_empty(
    tmp_path: Path,
) -> None:
    box = Up(tmp_path)
    try:
        box.start()
        assert perijove(box, "audit").stdout == "Nothing was changed yet.\n"
        assert json.loads(perijove(box, "audit", "-o", "json").stdout) == []
        assert "All 0 entries" in perijove(box, "audit", "--check").stdout
        assert perijove(box, "trash", "list").stdout == "The trash is empty.\n"
    finally:
        box.stop()


def perijove(
    up: Up, *given: str, said: str = "", rc: int = 0, **environment: str
) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "perijove", *given, "--data", str(up.data)]
    done = subprocess.run(
        command,
        input=said,
        capture_output=True,
        text=True,
        env={**os.environ, **environment},
        timeout=60,
        check=False,
    )
    assert done.returncode == rc, (done.stdout, done.stderr)
    return done


def test_an_account_is_added_given_a_password_listed_and_removed(up: Up) -> None:
    assert "ada is added" in perijove(up, "user", "add", "ada").stdout
    again = perijove(up, "user", "add", "ada", rc=5)
    assert again.stderr == "perijove: ada is taken. Choose another.\n"
    perijove(up, "user", "password", "ada", "--stdin", said="correct horse battery staple\n")
    short = perijove(up, "user", "password", "ada", "--stdin", said="x\n", rc=1)
    assert "at least" in short.stderr
    told = json.loads(perijove(up, "user", "list", "-o", "json").stdout)
    assert [it["name"] for it in told] == ["ada"]
    table = perijove(up, "user", "list").stdout.splitlines()
    assert table[0].split()[:2] == ["NAME", "STANDING"]
    assert table[1].split()[:2] == ["ada", "active"]
    assert "--yes" in perijove(up, "user", "remove", "ada", rc=2).stderr
    assert "moved into the trash" in perijove(up, "user", "remove", "ada", "--yes").stdout
    assert json.loads(perijove(up, "user", "list", "-o", "json").stdout) == []


def test_a_deleted_home_is_listed_restored_put_beside_another_and_emptied(up: Up) -> None:
    for name in ("ada", "bob"):
        perijove(up, "user", "add", name)
        perijove(up, "server", "start", name)
        [home] = (up.data / "homes").glob(f"*-{name}")
        (home / "work").write_text(name)
        told = perijove(up, "user", "remove", name, "--yes").stdout
        assert "`perijove trash restore` brings it back, for 30 days." in told
    shown = perijove(up, "trash", "list")
    table = shown.stdout.splitlines()
    assert [line.split()[1] for line in table] == ["USER", "bob", "ada"]
    assert all(line.endswith(" (29 days left)") for line in table[1:])
    assert shown.stderr.startswith("2 homes, ")
    assert "has an account again" in perijove(up, "trash", "restore", "ada").stdout
    [home] = (up.data / "homes").glob("*-ada")
    assert (home / "work").read_text() == "ada"
    assert "no home of ada" in perijove(up, "trash", "restore", "ada", rc=3).stderr
    perijove(up, "user", "add", "bob")
    assert "somebody called bob again" in perijove(up, "trash", "restore", "bob", rc=5).stderr
    made = json.loads(perijove(up, "trash", "restore", "bob", "--into", "ada", "-o", "json").stdout)
    assert (home / made["folder"] / "work").read_text() == "bob"
    perijove(up, "user", "remove", "ada", "--yes")
    assert "--yes" in perijove(up, "trash", "empty", "ada", rc=2).stderr
    assert "is deleted" in perijove(up, "trash", "empty", "ada", "--yes").stdout
    assert json.loads(perijove(up, "trash", "list", "-o", "json").stdout) == []
    perijove(up, "user", "remove", "bob", "--yes")


def test_a_person_who_is_blocked_is_listed_as_such_and_approved_again(up: Up) -> None:
    perijove(up, "user", "add", "bob", "--admin")
    token = (up.data / "secrets" / "cli-token").read_text().strip()
    headers = {"Authorization": f"token {token}", "Content-Type": "application/json"}
    blocked = json.dumps({"standing": "blocked"}).encode()
    assert up.ask("PATCH", "/lab/hub/api/users/bob", headers, blocked)[0] == 200
    assert perijove(up, "user", "list").stdout.split()[-4:-2] == ["bob", "blocked"]
    perijove(up, "user", "approve", "bob")
    (bob,) = json.loads(perijove(up, "user", "list", "-o", "json").stdout)
    assert (bob["admin"], bob.get("standing")) == (True, None)
    perijove(up, "user", "remove", "bob", "--yes")


def test_what_is_not_there_and_what_may_not_be_done_have_codes_of_their_own(up: Up) -> None:
    perijove(up, "user", "approve", "nobody", rc=3)
    perijove(up, "server", "start", "nobody", rc=3)
    elsewhere = f"http://127.0.0.1:{up.public}/lab/"
    perijove(up, "user", "list", rc=4, PERIJOVE_URL=elsewhere, PERIJOVE_TOKEN="wrong")
    perijove(up, "user", "list", rc=4, PERIJOVE_URL=elsewhere)
    nobody = perijove(
        up, "user", "list", rc=1, PERIJOVE_URL="http://127.0.0.1:1/", PERIJOVE_TOKEN="x"
    )
    assert "Cannot reach the hub" in nobody.stderr
    assert "perijove up" in nobody.stderr


def test_a_server_is_started_followed_listed_read_and_stopped(up: Up) -> None:
    perijove(up, "user", "add", "eve")
    started = perijove(up, "server", "start", "eve")
    assert started.stdout.strip() == f"http://127.0.0.1:{up.public}/lab/user/eve/"
    assert "100%" in started.stderr
    again = perijove(up, "server", "start", "eve", rc=5)
    assert "already running" in again.stderr
    (server,) = json.loads(perijove(up, "server", "list", "-o", "json").stdout)
    assert (server["user"], server["ready"]) == ("eve", True)
    assert perijove(up, "server", "list").stdout.splitlines()[1].split()[:2] == ["eve", "ready"]
    used = json.loads(perijove(up, "server", "usage", "eve", "-o", "json").stdout)
    assert used["memory"] > 1 << 20
    assert (used["processes"] > 0, used["open_files"] > 0) == (True, True)
    until(lambda: "home  " in (said := perijove(up, "server", "usage", "eve").stdout)
          and "being" not in said, "its home was added up")  # fmt: skip
    shown = perijove(up, "server", "usage").stdout.splitlines()
    assert shown[0].split()[:3] == ["SERVER", "MEMORY", "CORES"]
    assert shown[1].split()[0] == "eve"
    told = json.loads(perijove(up, "server", "logs", "eve", "-o", "json").stdout)
    assert told["server"] == "eve"
    opened = perijove(up, "server", "open", "eve", "--print")
    assert opened.stdout.strip() == f"http://127.0.0.1:{up.public}/lab/user/eve/"
    perijove(up, "server", "stop", "eve")
    until(lambda: perijove(up, "server", "list", "-o", "json").stdout == "[]\n", "stopped")
    assert "--option x" in perijove(up, "server", "start", "eve", "--option", "x", rc=2).stderr
    perijove(up, "user", "remove", "eve", "--yes")


def test_a_server_that_ends_at_once_is_told_of_without_sending_anybody_to_an_empty_log(
    tmp_path: Path,
) -> None:
    cards = [{"display_name": "Sound"}, {"display_name": "Broken", "kubespawner_override":
             {"cmd": ["/bin/false"]}}]  # fmt: skip
    box = Up(tmp_path)
    tree = json.loads(box.file.read_text())
    tree["singleuser"]["profileList"] = cards
    box.file.write_text(json.dumps(tree))
    try:
        box.start()
        perijove(box, "user", "add", "ada")
        never = perijove(box, "server", "logs", "ada", rc=3)
        assert (
            never.stderr
            == "perijove: There is no account ada, or they never had that server here.\n"
        )
        failed = perijove(box, "server", "start", "ada", "--profile", "broken", rc=1).stderr
        percents = [int(line.split("%")[0]) for line in failed.splitlines() if "%  " in line]
        assert percents == sorted(percents)
        assert "with exit code 1 before it wrote a log" in failed
        logs = perijove(box, "server", "logs", "ada")
        assert logs.stdout == ""
        assert logs.stderr.startswith("ada has no log. Spawn failed: The server ended with exit")
        assert "perijove config show" in logs.stderr
        stopped = perijove(box, "server", "stop", "ada").stdout
        assert stopped == "ada does not run, so there is nothing to stop.\n"
        told = json.loads(perijove(box, "server", "stop", "ada", "-o", "json").stdout)
        assert told == {"server": "ada", "stopping": False}
        unknown = perijove(box, "server", "start", "ada", "--profile", "nix", rc=1).stderr
        assert unknown == "perijove: There is no profile nix. There are: sound, broken.\n"
    finally:
        box.stop()


def test_what_is_not_found_is_named(up: Up) -> None:
    perijove(up, "user", "add", "ida")
    said = perijove(up, "group", "join", "nogroup", "ida", rc=3).stderr
    assert said == "perijove: There is no group nogroup here.\n"
    said = perijove(up, "token", "revoke", "ida", "a99", rc=3).stderr
    assert "There is no token a99 of ida: `perijove token list ida` shows those there are" in said
    said = perijove(up, "token", "create", "ida", "--scope", "foo", rc=1).stderr
    assert "There is no scope foo. There are: " in said
    assert " read:users, " in said
    assert "no account nobody here" in perijove(up, "user", "approve", "nobody", rc=3).stderr
    perijove(up, "user", "remove", "ida", "--yes")


def test_a_token_is_made_shown_once_used_and_revoked(up: Up) -> None:
    perijove(up, "user", "add", "kim")
    made = perijove(up, "token", "create", "kim", "--note", "backup", "--scope", "read:users!user")
    secret = made.stdout.strip()
    assert secret.isalnum()
    assert up.ask("GET", "/lab/hub/api/user", {"Authorization": f"token {secret}"})[0] == 200
    listed = perijove(up, "token", "list", "kim").stdout
    assert "backup" in listed
    assert secret not in listed
    (token,) = json.loads(perijove(up, "token", "list", "kim", "-o", "json").stdout)
    perijove(up, "token", "revoke", "kim", token["id"])
    assert up.ask("GET", "/lab/hub/api/user", {"Authorization": f"token {secret}"})[0] == 403
    perijove(up, "token", "revoke", "kim", token["id"], rc=3)
    perijove(up, "user", "remove", "kim", "--yes")


def on_a_terminal(up: Up, *given: str, answer: bytes = b"", **environment: str) -> tuple[int, str]:
    """Run a command on a terminal; return how it ended, and what was seen."""
    command = [sys.executable, "-m", "perijove", *given, "--data", str(up.data)]
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        command, stdin=theirs, stdout=theirs, stderr=theirs,
        env={**os.environ, "TERM": "xterm-256color", **environment},
    )  # fmt: skip
    os.close(theirs)
    seen = b""
    try:
        while data := os.read(ours, 4096):
            seen += data
            if answer and b"to go on" in seen:
                os.write(ours, answer)
                answer = b""
    except OSError:  # how a terminal says that the other side is closed
        pass
    os.close(ours)
    return process.wait(timeout=30), seen.decode()


def test_a_removal_is_asked_for_with_what_is_lost(up: Up) -> None:
    perijove(up, "user", "add", "max")
    rc, seen = on_a_terminal(up, "user", "remove", "max", answer=b"no\n")
    assert (rc, "Nothing was changed" in seen) == (1, True)
    assert "This deletes the account max" in seen
    assert "\x1b[" in on_a_terminal(up, "user", "list")[1]
    assert "\x1b[3" not in on_a_terminal(up, "user", "list", NO_COLOR="1")[1]
    rc, seen = on_a_terminal(up, "user", "remove", "max", answer=b"max\n")
    assert (rc, "max is deleted" in seen) == (0, True)


def test_status_says_what_runs_and_what_does_not(up: Up) -> None:
    perijove(up, "user", "add", "grace")
    perijove(up, "server", "start", "grace")
    told = json.loads(perijove(up, "status", "-o", "json").stdout)
    assert (told["well"], told["people"], told["servers"]) == (True, 1, {"running": 1})
    assert told["url"] == f"http://127.0.0.1:{up.public}/lab/"
    assert told["version"] == __version__
    shown = perijove(up, "status").stdout
    assert "1 running" in shown
    assert "answers in" in shown
    assert "in use by servers" in shown
    assert told["machine"]["memory"] > told["memory"] > 1 << 20
    extended = json.loads(perijove(up, "server", "extend", "grace", "-o", "json").stdout)
    before = json.loads(perijove(up, "server", "list", "-o", "json").stdout)[0]["stops_at"]
    assert extended["stops_at"] == before
    again = perijove(up, "server", "extend", "grace", rc=5)
    assert "cannot be had any longer" in again.stderr
    perijove(up, "user", "remove", "grace", "--yes")
    away = {"PERIJOVE_URL": "http://127.0.0.1:1/", "PERIJOVE_TOKEN": "x"}
    ill = perijove(up, "status", rc=7, **away)
    assert ill.stdout == (
        "Nothing answers at http://127.0.0.1:1/: is that where it is (PERIJOVE_URL)?\n"
    )
    assert json.loads(perijove(up, "status", "-o", "json", rc=7, **away).stdout)["well"] is False


def test_groups_are_made_listed_and_deleted_and_the_values_win(up: Up) -> None:
    for name in ("ada", "lin"):
        perijove(up, "user", "add", name)
    assert perijove(up, "group", "add", "physics", "ada").stdout == (
        "physics is made, with 1 member.\n"
    )
    assert "2 members" in perijove(up, "group", "join", "physics", "lin", "ada").stdout
    assert "1 member now" in perijove(up, "group", "leave", "physics", "ada").stdout
    assert perijove(up, "group", "list").stdout.splitlines()[1].split() == ["physics", "1", "lin"]
    nobody = perijove(up, "group", "join", "physics", "nobody", rc=1).stderr
    assert nobody == "perijove: There is no account nobody, so nothing was changed.\n"
    perijove(up, "group", "add", "physics", rc=5)
    perijove(up, "group", "leave", "unknown", "ada", rc=3)
    assert "--yes" in perijove(up, "group", "remove", "physics", rc=2).stderr
    perijove(up, "group", "remove", "physics", "--yes")
    assert json.loads(perijove(up, "group", "list", "-o", "json").stdout) == []
    assert perijove(up, "people", "diff").stdout == "People and groups are as the values say.\n"
    for name in ("ada", "lin"):
        perijove(up, "user", "remove", name, "--yes")


def test_what_was_changed_by_hand_is_shown_and_the_next_start_undoes_it(
    tmp_path: Path,
) -> None:
    box = Up(tmp_path, people={"users": {"ada": {"admin": True}}, "groups": {"g": {"users": []}}})
    try:
        box.start()
        joined = perijove(box, "group", "join", "g", "ada")
        assert "The configuration says otherwise of the group g" in joined.stderr
        assert "otherwise" not in perijove(box, "user", "add", "eve").stderr
        shown = perijove(box, "people", "diff", rc=1)
        assert [line.split("  ")[0] for line in shown.stdout.splitlines()[1:]] == ["eve", "g"]
        assert "perijove reload" in shown.stderr
        box.stop()
        box.start()
        left = json.loads(perijove(box, "people", "diff", "-o", "json", rc=1).stdout)
        assert [(it["kind"], it["user"]) for it in left] == [("undeclared", "eve")]
        removed = perijove(box, "group", "remove", "g", "--yes")
        assert "the next `perijove reload` or start puts it back" in removed.stderr
        assert "otherwise of ada" in perijove(box, "user", "remove", "ada", "--yes").stderr
        lines = perijove(box, "reload").stdout.splitlines()
        assert lines[0].split("  ")[0] == "NOW AS THE CONFIGURATION SAYS"
        assert [line.split("  ")[0] for line in lines[1:]] == ["ada", "g"]
        assert perijove(box, "reload").stdout == "Nothing has changed.\n"
        audited = json.loads(perijove(box, "audit", "-o", "json").stdout)[-2]
        assert audited["details"]["restored"] == ["absent ada", "no-group g"]
    finally:
        box.stop()


def test_the_proxy_of_a_box_tells_of_its_routes_and_its_traffic(up: Up) -> None:
    found = json.loads(perijove(up, "proxy", "routes", "-o", "json").stdout)
    assert found["/"]["target"].startswith("http://127.0.0.1:")
    assert "PREFIX" in perijove(up, "proxy", "routes").stdout
    told = json.loads(perijove(up, "proxy", "top", "--every", "0.5", "-o", "json").stdout)
    assert told["routes"] == len(found)
    assert "requests" in perijove(up, "proxy", "top", "--every", "0.5", "--once").stdout


def test_a_request_has_one_id_at_the_proxy_and_in_the_audit_log_of_the_hub(up: Up) -> None:
    token = (up.data / "secrets" / "cli-token").read_text().strip()
    connection = http.client.HTTPConnection("127.0.0.1", up.public, timeout=20)
    headers = {"Authorization": f"token {token}", "X-Request-ID": "from-the-front-7"}
    with closing(connection):
        connection.request("POST", "/lab/hub/api/users/iris", headers=headers)
        answer = connection.getresponse()
        assert (answer.status, answer.getheader("X-Request-ID")) == (201, "from-the-front-7")
    last = json.loads(perijove(up, "audit", "--about", "iris", "-o", "json").stdout)[-1]
    assert last["request"] == "from-the-front-7"


def test_the_audit_log_says_who_changed_what_and_whether_it_was_touched(up: Up) -> None:
    perijove(up, "user", "add", "augusta")
    perijove(up, "group", "add", "observers", "augusta")
    perijove(up, "user", "approve", "nobody-knows", rc=3)
    lines = perijove(up, "audit", "--about", "augusta").stdout.splitlines()
    assert lines[0].split() == ["WHEN", "WHO", "BY", "FROM", "WHAT", "ABOUT", "RESULT"]
    assert "perijove-cli" in lines[1]
    assert "POST /users/{user}" in lines[1]
    assert "POST /groups/{group}" in lines[2]
    told = json.loads(perijove(up, "audit", "--who", "perijove-cli", "-o", "json").stdout)
    assert told[-1]["error"] == "unknown"
    assert told[-1]["about"] == {"user": "nobody-knows"}
    assert json.loads(perijove(up, "audit", "--since", "1m", "-n", "1", "-o", "json").stdout)
    assert "No entry matches" in perijove(up, "audit", "--who", "nobody").stdout
    assert "30m, 8h and 7d" in perijove(up, "audit", "--since", "week", rc=2).stderr
    assert "as they were written" in perijove(up, "audit", "--check").stdout
    log = up.data / "log" / "audit.log"
    assert log.stat().st_mode & 0o777 == 0o600
    log.write_text(log.read_text().replace('"augusta"', '"nobody"', 1))
    assert "it was changed" in perijove(up, "audit", "--check", rc=7).stdout
    bulk = {
        "at": "2026-11-29T10:00:00+00:00",
        "who": "ada",
        "call": "POST /people/{action}",
        "details": {"users": ["li", "bo"], "failed": {"bo": "pending-stop"}},
        "status": 200,
    }
    log.write_text("\n".join(map(json.dumps, [
        {**bulk, "who": None, "call": "POST /login", "details": {"name": "li"}, "status": 302},
        {**bulk, "who": None, "call": "POST /login", "status": 403,
         "details": {"name": "li", "refused": "wrong-password"}},
        bulk,
    ])) + "\n")  # fmt: skip
    rows = perijove(up, "audit").stdout.splitlines()[1:]
    assert [row.split()[2] for row in rows] == ["li", "li", "ada"]
    assert rows[0].endswith("302 granted")
    assert rows[1].endswith("403 refused: wrong-password")
    assert rows[2].endswith("200 not for bo (pending-stop)")
    assert len(json.loads(perijove(up, "audit", "--who", "li", "-o", "json").stdout)) == 2
    log.unlink()
    assert "There is no audit log" in perijove(up, "audit", rc=1).stderr


def test_top_shows_what_servers_use_and_goes_on_until_it_is_interrupted(up: Up) -> None:
    perijove(up, "user", "add", "topmost")
    perijove(up, "server", "start", "topmost")
    once = perijove(up, "top").stdout.splitlines()
    assert "1 server" in once[0]
    assert " using " in once[0]
    assert "; the machine: " in once[0]
    assert once[1].split()[:2] == ["SERVER", "MEMORY"]
    assert any(line.startswith("topmost") for line in once[2:])
    told = json.loads(perijove(up, "top", "-o", "json").stdout)
    assert told["servers"]["topmost/"]["processes"] >= 1
    assert "no time" in perijove(up, "top", "--every", "0", rc=2).stderr
    inside, outside = pty.openpty()
    command = [sys.executable, "-m", "perijove", "top", "--every", "0.5", "--data", str(up.data)]
    process = subprocess.Popen(command, stdout=outside, stderr=outside, stdin=outside)
    os.close(outside)
    screens = 0
    while screens < 2:  # it is drawn again and again
        screens += os.read(inside, 65536).count(b"topmost")
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=30) == 130
    os.close(inside)
    perijove(up, "server", "stop", "topmost")
