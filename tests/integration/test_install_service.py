"""`perijove install-service`: the unit is what systemd takes, hardened, and never written over."""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from perijove.cli.frame import main
from perijove.cli.supervisor.reach import Who, why_not
from perijove.cli.unit import Unit, Unwritable
from tests.databases import MUST

EXPOSURE = 2.5
"""Measured by systemd 252, of 10; without hardening it is 9.6."""
EXPOSURE_OF_ROOT = 4.2
PLAIN = Unit(
    name="perijove",
    program=Path("/opt/perijove/bin/perijove"),
    data=Path("/var/lib/perijove"),
    account="perijove",
)


@pytest.fixture(autouse=True)
def nothing_blocks() -> None:
    """A command line has no event loop that anything could block."""


@pytest.fixture
def systemd() -> None:
    if shutil.which("systemd-analyze") is None:
        if MUST:
            pytest.fail("systemd-analyze is not here: CI installs Debian's package systemd")
        pytest.skip("NOT TESTED: systemd-analyze is not here (Debian's package systemd)")


@pytest.fixture
def units(tmp_path: Path) -> Path:
    folder = tmp_path / "units"
    folder.mkdir()
    return folder


def install(units: Path, *given: str) -> int:
    return main(["install-service", "--unit-dir", str(units), *given])


def analyze(*given: object) -> str:
    command = ["systemd-analyze", *map(str, given)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def exposure(unit: Path) -> float:
    told = analyze("security", "--offline=true", "--no-pager", unit)
    (measured,) = re.findall(r"Overall exposure level .*: ([0-9.]+)", told)
    return float(measured)


def line(unit: Path | str, key: str) -> str:
    text = unit.read_text() if isinstance(unit, Path) else unit
    (found,) = re.findall(rf"^{key}=(.*)$", text, re.MULTILINE)
    return str(found)


@pytest.mark.usefixtures("systemd")
@pytest.mark.parametrize("more", [(), ("--port", "80"), ("--data", "/srv/jupyter")])
def test_systemd_takes_the_unit_and_finds_it_hardened(units: Path, more: tuple[str, ...]) -> None:
    (units / "lab.yaml").write_text("cull: {timeout: 60}\n")
    assert install(units, "-f", str(units / "lab.yaml"), *more) == 0
    unit = units / "perijove.service"
    assert analyze("verify", unit) == ""
    assert exposure(unit) <= EXPOSURE + (0.2 if more[:1] == ("--port",) else 0)


@pytest.mark.usefixtures("systemd")
def test_systemd_reads_every_path_as_it_is_written(tmp_path: Path) -> None:
    """What systemd makes of a line is what is run: it names the program that is not there."""
    there, odd = tmp_path / "a b %h $HOME", tmp_path / 'a b "q" %h $HOME back\\slash'
    there.mkdir()
    program = there / "perijove"
    file = tmp_path / "perijove.service"
    text = Unit(
        name="perijove", program=program, data=odd / "data", account="daemon", file=odd / "c.yaml"
    ).text()
    file.write_text(text)
    command = ["systemd-analyze", "verify", str(file)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert f"Command {program} is not executable" in done.stderr
    program.symlink_to("/bin/true")
    assert analyze("verify", file) == ""
    # Beyond the program systemd tells nothing; a shell reads such quotes in the same way.
    words = shlex.split(line(file, "ExecStart").removeprefix(":"))
    assert [it.replace("%%", "%") for it in words[3:6:2]] == [
        str(odd / "c.yaml"),
        str(odd / "data"),
    ]


@pytest.mark.usefixtures("systemd")
def test_as_root_it_keeps_what_people_with_accounts_need(units: Path) -> None:
    config = units / "lab.yaml"
    config.write_text("systemUsers: true\n")
    assert install(units, "-f", str(config)) == 0
    unit = units / "perijove.service"
    assert analyze("verify", unit) == ""
    text = unit.read_text()
    assert "\nUser=" not in text
    assert "StateDirectory" not in text, "systemd would give homes of before to root"
    assert line(unit, "ProtectSystem") == "yes", "useradd writes to /etc"
    assert "ProtectHome" not in text
    assert "RestrictSUIDSGID" not in text, "groups share folders with g+s"
    assert line(unit, "ProtectProc") == "invisible", "nobody sees what others run"
    kept = set(line(unit, "CapabilityBoundingSet").split())
    assert "CAP_SYS_ADMIN" not in kept
    assert kept >= {"CAP_SETUID", "CAP_SETGID", "CAP_CHOWN", "CAP_KILL"}
    assert exposure(unit) <= EXPOSURE_OF_ROOT


def test_system_users_and_an_account_for_all_are_not_both(
    units: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = units / "lab.yaml"
    config.write_text("systemUsers: true\n")
    assert install(units, "-f", str(config), "--user", "jupyter") == 2
    assert "leave one of them out" in capsys.readouterr().err
    assert install(units, "-f", str(config), "--user", "root", "-o", "json") == 0
    told = json.loads(capsys.readouterr().out)["next"]
    assert told[0] == f"chmod 600 {config}", "what is secret in it is secret to people's accounts"
    assert not [it for it in told if "useradd" in it]


def test_what_the_service_needs_is_not_forbidden(units: Path) -> None:
    assert install(units) == 0
    unit = units / "perijove.service"
    assert line(unit, "KillMode") == "process"
    assert line(unit, "Delegate") == "yes"
    assert line(unit, "OOMPolicy") == "continue"
    assert line(unit, "User") == "perijove"
    assert line(unit, "StateDirectory") == "perijove"
    assert line(unit, "CapabilityBoundingSet") == ""
    assert line(unit, "ExecStart").endswith("up --data /var/lib/perijove --keep-servers")
    assert line(unit, "ExecReload").endswith("reload --data /var/lib/perijove")
    assert not re.search(r"^(PrivateTmp|RemoveIPC|PrivateDevices|Memory.*)=", unit.read_text())


def test_options_are_in_the_unit(units: Path) -> None:
    config = units / "lab.yaml"
    config.write_text("proxy: {port: 443}\n")
    given = ("-f", str(config), "--user", "jupyter", "--name", "lab", "--data", "/srv/lab")
    assert install(units, *given) == 0
    unit = units / "lab.service"
    assert line(unit, "User") == "jupyter"
    assert f"up -f {config} --data /srv/lab" in line(unit, "ExecStart")
    assert "StateDirectory" not in unit.read_text()
    assert line(unit, "AmbientCapabilities") == "CAP_NET_BIND_SERVICE"
    assert install(units, "--name", "lab", "--port", "8000", "--force") == 0
    assert "--port 8000" in line(unit, "ExecStart")
    assert "Ambient" not in unit.read_text()


@pytest.mark.parametrize(
    ("where", "hidden", "writable"),
    [
        ({}, "yes", None),
        ({"program": Path("/home/ada/venv/bin/perijove")}, "read-only", None),
        ({"reads": (Path("/root/.pyenv/bin/python"),)}, "read-only", None),
        ({"data": Path("/home/lab data")}, "read-only", '"/home/lab data"'),
        ({"data": Path("/etc/perijove/data")}, "yes", "/etc/perijove/data"),
        ({"data": Path("/homes")}, "yes", None),
    ],
)
def test_what_it_needs_in_homes_is_seen(where, hidden: str, writable: str | None) -> None:
    text = Unit(
        **{"name": "x", "account": "x", "program": PLAIN.program, "data": PLAIN.data, **where}
    ).text()
    assert line(text, "ProtectHome") == hidden
    assert (line(text, "ReadWritePaths") if "ReadWritePaths" in text else None) == writable


def test_another_unit_is_never_written_over_unasked(
    units: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    unit = units / "perijove.service"
    assert install(units) == 0
    assert "is written." in capsys.readouterr().out
    assert install(units) == 0, "the same again is fine"
    assert "nothing is changed" in capsys.readouterr().out
    unit.write_text("[Service]\n# mine\n")
    assert install(units) == 5
    said = capsys.readouterr().err
    assert "--force" in said
    assert "--name" in said
    assert unit.read_text() == "[Service]\n# mine\n"
    assert install(units, "--force") == 0
    assert "KillMode" in unit.read_text()
    masked = units / "masked.service"
    masked.symlink_to(os.devnull)
    assert install(units, "--name", "masked") == 5
    assert masked.is_symlink()
    assert sorted(it.name for it in units.iterdir()) == ["masked.service", "perijove.service"]


def test_print_writes_nothing(units: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert install(units, "--print") == 0
    said = capsys.readouterr()
    assert said.out.endswith("[Install]\nWantedBy=multi-user.target\n")
    assert said.err == ""
    assert list(units.iterdir()) == []


def test_the_next_steps_are_told(units: Path, capsys: pytest.CaptureFixture[str]) -> None:
    account = "pj-nobody-has-this"
    data = units / "da ta"
    assert install(units, "--user", account, "--data", str(data), "-o", "json") == 0
    told = json.loads(capsys.readouterr().out)
    assert told["written"] is True
    assert told["path"] == str(units / "perijove.service")
    assert told["next"] == [
        f"useradd --system --home-dir '{data}' --shell /bin/bash {account}",
        f"install -d -m 700 -o {account} '{data}'",
        "systemctl daemon-reload",
        "systemctl enable --now perijove",
    ]
    data.mkdir()
    assert install(units, "--user", "daemon", "--data", str(data), "--force") == 0
    said = capsys.readouterr().err
    assert "useradd" not in said
    assert "install -d" not in said
    assert "systemctl enable --now perijove" in said


@pytest.mark.parametrize(
    ("given", "words", "code"),
    [
        (["--user", "root"], "would run as root", 2),
        (["--user", "a b"], "--user is 'a b'", 2),
        (["--name", "../x"], "--name is '../x'", 2),
        (["--name", "x.service"], "--name is 'x.service'", 2),
        (["--data", "/srv/a\nExecStartPre=/bin/x"], "no unit file can hold", 2),
        (["--data", "/srv/a\tb"], "no unit file can hold", 2),
        (["-f", "/dev/null"], "is no file that a service can read", 2),
        (["--unit-dir", "/nowhere/at/all"], "--unit-dir DIR", 1),
    ],
)
def test_what_cannot_be_is_one_sentence(
    units: Path, given: list[str], words: str, code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    assert install(units, *given) == code
    assert words in capsys.readouterr().err
    assert list(units.iterdir()) == []


@pytest.mark.parametrize("odd", ['"', "'", "\\"])
def test_a_program_that_systemd_refuses_gets_no_unit(odd: str) -> None:
    with pytest.raises(Unwritable, match="refuses to run it"):
        replace(PLAIN, program=Path(f"/opt/{odd}/perijove")).text()


def test_a_configuration_with_errors_gets_no_unit(
    units: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = tmp_path / "lab.yaml"
    config.write_text("hub: {bseUrl: /}\n")
    assert install(units, "-f", str(config)) == 2
    assert "Did you mean `baseUrl`?" in capsys.readouterr().err
    assert list(units.iterdir()) == []


root = pytest.mark.skipif(os.geteuid() != 0, reason="NOT TESTED: only root can be another account")


@root
def test_who_is_not_root_is_told_so(tmp_path: Path) -> None:
    """As another account, whose Python may be unreachable: in a child that has become it."""
    units = tmp_path / "units"
    units.mkdir(mode=0o755)
    code = (
        "import os, sys; from perijove.cli.frame import main; main(['install-service', '--print'])"
    )
    code += "; os.setgid(65534); os.setuid(65534); sys.exit(main(sys.argv[1:]))"
    command = [sys.executable, "-c", code, "install-service", "--unit-dir", str(units)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 4, done.stderr
    assert "Only root can write" in done.stderr
    assert "sudo" in done.stderr


@root
def test_an_account_that_cannot_run_it_is_told(
    units: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    secret = tmp_path / "lab.yaml"
    secret.write_text("{}\n")
    secret.chmod(0o600)
    assert install(units, "-f", str(secret)) == 0
    assert "cannot run it yet" in capsys.readouterr().err
    assert "Permission denied" in why_not(Who(), secret)
    assert why_not(Who.of("root"), secret) == ""
