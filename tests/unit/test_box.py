"""The data directory of a machine: made once, private, locked, refused in one sentence."""

import errno
import os
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

from perijove import __version__
from perijove.cli.box import FIRST, FORMAT, SECRETS, Box, Ports
from perijove.cli.hold import Held, Hold, Holder, started
from perijove.cli.source import begin_anew, database_url
from perijove.cli.supervisor.leftovers import end_leftovers
from perijove.cli.supervisor.ports import chosen
from perijove.cli.trouble import Trouble, with_data
from perijove.settings import Settings, of
from tests.ports import free_port

HOLD = """
import signal, sys
from pathlib import Path
from perijove.cli.hold import Hold
if sys.argv[2] == "deaf":
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
with Hold(Path(sys.argv[1])).taken():
    print("held", flush=True)
    signal.pause()
"""


@pytest.fixture
def box(tmp_path: Path) -> Box:
    it = Box(tmp_path / "data")
    it.ready()
    return it


def holding(path: Path, how: str = "") -> subprocess.Popen[bytes]:
    """Return a process that holds `path`."""
    process = subprocess.Popen([sys.executable, "-c", HOLD, str(path), how], stdout=subprocess.PIPE)
    assert process.stdout
    assert process.stdout.readline() == b"held\n"
    process.stdout.close()
    return process


def test_it_lies_where_xdg_says(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    share = tmp_path / ".local" / "share"
    assert Box.at(None, {}).path == share / "perijove"
    assert Box.at(None, {"XDG_DATA_HOME": "/srv/data"}).path == Path("/srv/data/perijove")
    assert Box.at(None, {"XDG_DATA_HOME": "relative"}).path == share / "perijove"
    named = {"PERIJOVE_DATA": "/srv/p", "XDG_DATA_HOME": "/srv/data"}
    assert Box.at(None, named).path == Path("/srv/p")
    assert Box.at("/named", named).path == Path("/named")
    assert Box.at("~/box").path == tmp_path / "box"


def test_it_is_private_and_made_once(box: Box) -> None:
    kept = {name: box.secret(name) for name in (*SECRETS, FIRST)}
    assert len(set(kept.values())) == len(kept)
    assert all(len(secret) >= 32 for secret in kept.values())
    box.ready()
    assert {name: box.secret(name) for name in kept} == kept
    for path in [box.path, *box.path.rglob("*")]:
        assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600), path


def test_somebody_elses_directory_keeps_its_mode(tmp_path: Path) -> None:
    (tmp_path / "theirs").touch()
    tmp_path.chmod(0o755)
    Box(tmp_path).ready()
    assert stat.S_IMODE(tmp_path.stat().st_mode) == 0o755
    assert stat.S_IMODE((tmp_path / "secrets").stat().st_mode) == 0o700


def test_a_used_sign_in_is_never_made_again(box: Box) -> None:
    assert box.sign_in() == box.secret(FIRST)
    box.first.unlink()
    box.ready()
    box.renew_sign_in(time.time() + 1e6)
    assert box.sign_in() is None


def test_a_sign_in_that_nobody_used_in_time_is_renewed(box: Box) -> None:
    was, made = box.sign_in(), box.first.stat().st_mtime
    box.renew_sign_in(made + 3600)
    assert box.sign_in() == was
    box.renew_sign_in(made + 24 * 3600)
    assert box.sign_in() not in {was, None}


def test_a_crash_while_the_secrets_are_made_loses_none(box: Box) -> None:
    for made in range(len(SECRETS)):
        for name in SECRETS[made:]:
            (box.path / "secrets" / name).unlink()
        box.ready()
        assert box.sign_in()
        assert all(box.secret(name) for name in SECRETS)


def test_a_directory_says_its_version(box: Box) -> None:
    assert (box.path / "version").read_text() == f"{__version__}\n"
    assert (box.path / "format").read_text() == f"{FORMAT}\n"


def test_one_of_an_earlier_version_says_so_until_it_is_signed(box: Box) -> None:
    (box.path / "version").unlink()  # 0.1.0 had none
    (box.path / "format").write_text("1\n")
    box.ready()
    assert (box.path / "format").read_text() == "1\n", "its database is still of that version"
    assert not (box.path / "version").exists()
    box.sign()
    assert (box.path / "version").read_text() == f"{__version__}\n"
    assert (box.path / "format").read_text() == f"{FORMAT}\n"


def test_a_newer_one_is_refused_in_a_sentence_that_names_both_versions(box: Box) -> None:
    (box.path / "format").write_text("99\n")
    (box.path / "version").write_text("7.8.9\n")
    words = rf"by Perijove 7\.8\.9, and this is {__version__} .*: install 7\.8\.9, or .*--data DIR"
    for refuses in (box.ready, box.require_known):
        with pytest.raises(Trouble, match=words):
            refuses()
    (box.path / "version").unlink()
    with pytest.raises(Trouble, match=r"by a newer Perijove, and this is .* \(format 99"):
        box.ready()


def test_a_format_that_is_no_number_is_told_in_a_sentence(box: Box) -> None:
    (box.path / "format").write_text("two\n")
    with pytest.raises(Trouble, match="format does not say"):
        box.ready()


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (errno.EROFS, "read-only"),
        (errno.EACCES, "read-only"),
        (errno.ENOSPC, "full"),
        (errno.EDQUOT, "full"),
        (errno.ENOTDIR, "not a directory"),
        (errno.EIO, "Input/output error"),
    ],
)
def test_what_the_disk_says_is_one_sentence_with_a_next_step(number: int, words: str) -> None:
    trouble = with_data(Path("/data"), OSError(number, os.strerror(number)))
    assert words in str(trouble)
    assert "--data DIR" in str(trouble)


def test_a_file_where_the_directory_should_be_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(Trouble, match="is not a directory"):
        Box(tmp_path / "file").ready()


def test_ports_are_chosen_once(box: Box) -> None:
    with pytest.raises(Trouble, match="perijove up"):
        box.ports()
    first = chosen(box, Settings())
    assert chosen(box, Settings()) == first == box.ports()
    other = free_port()
    moved = chosen(box, Settings(), public=other)
    assert moved == box.ports() == Ports(public=other, hub=first.hub)


def _hub_at(port: int) -> Settings:
    return of({"hub": {"port": port}})


def test_the_hubs_port_moves_only_while_nobody_knows_it(box: Box) -> None:
    public, first, second, third = (free_port() for _ in range(4))
    chosen(box, _hub_at(first), public=public)
    assert chosen(box, _hub_at(second)) == Ports(public=public, hub=second)
    (box.workloads / "jupyter-ada").mkdir()
    with pytest.raises(Trouble, match=rf"hub\.port is {third}.*at {second}"):
        chosen(box, _hub_at(third))


def test_a_lock_names_its_holder_and_ends_with_it(tmp_path: Path) -> None:
    hold = Hold(tmp_path / "lock")
    process = holding(hold.path)
    assert not hold.free()
    with pytest.raises(Held) as held, hold.taken():
        pass
    assert held.value.holder
    assert held.value.holder.pid == process.pid
    process.kill()
    process.wait()
    assert hold.free()
    with hold.taken():
        assert hold.holder() == Holder(os.getpid(), started(os.getpid()) or "")


def test_a_later_process_of_that_number_is_left_alone() -> None:
    ours = Holder(os.getpid(), "1")
    assert not ours.alive()
    assert not ours.send(signal.SIGKILL)


@pytest.mark.parametrize("how", ["", "deaf"])
def test_what_an_earlier_up_has_left_is_ended(
    box: Box, how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("perijove.cli.supervisor.leftovers._GENTLY", 0.5)
    process, said = holding(box.path / "run" / "hub.lock", how), list[str]()
    end_leftovers(box, said.append, time.sleep)
    assert process.wait() == (-signal.SIGKILL if how else -signal.SIGTERM)
    assert said == [f"Replacing the hub of an earlier run (process {process.pid})."]


@pytest.mark.parametrize(
    ("db", "wanted"),
    [
        ({"type": "postgres", "url": "postgresql+psycopg2://u@h/n"}, "postgresql://u@h/n"),
        (
            {"type": "postgresql", "url": "postgres://u@h/n", "password": "p@/"},
            "postgresql://u:p%40%2F@h/n",
        ),
        ({"type": "mysql", "url": "mysql+pymysql://u@h/n"}, "mysql://u:from-env@h/n"),
        ({"type": "mariadb", "url": "mariadb+mariadbconnector://u@h/n?a=b", "password": "p"},
         "mysql://u:p@h/n?a=b"),
        ({"type": "other", "url": "mysql+mysqldb://u:w@h:1/n"}, "mysql://u:w@h:1/n"),
        ({"type": "postgres"}, "postgresql://"),
        ({"type": "other", "url": "sqlite:////srv/x.sqlite"}, "/srv/x.sqlite"),
    ],
)  # fmt: skip
def test_a_url_names_its_database_whatever_its_driver(
    box: Box, monkeypatch: pytest.MonkeyPatch, db: dict[str, str], wanted: str
) -> None:
    monkeypatch.setenv("MYSQL_PWD", "from-env")
    settings = of({"hub": {"db": db}})
    assert database_url(settings, box) == wanted
    assert settings.hub.db.shared is ("://" in wanted)


def test_a_command_that_looks_leaves_a_database_of_the_moment_to_the_hub_that_runs(
    box: Box,
) -> None:
    settings = of({"hub": {"db": {"type": "sqlite-memory"}}})
    file = Path(database_url(settings, box))
    file.write_text("of the hub that runs")
    assert database_url(settings, box) == str(file)
    assert file.exists()
    begin_anew(settings, box)
    assert not file.exists()
