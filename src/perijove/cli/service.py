"""`perijove install-service`: write a unit for systemd, and say what to do next."""

import os
import pwd
import re
import shlex
import shutil
import sys
from argparse import Namespace
from pathlib import Path

from perijove.cli.output import answer, answer_json, remark
from perijove.cli.supervisor.reach import Who, why_not
from perijove.cli.trouble import USAGE, Trouble
from perijove.cli.unit import Unit, Unwritable, low
from perijove.settings import Settings, load

CONFLICT, DENIED = 5, 4
_OTHERS = 0o077
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,30}")
"""What systemd takes for the name of an account; a stricter rule than for names of units."""


def command(given: Namespace) -> None:
    """Write the unit, or print it.

    Raises:
        BadConfig, Trouble: it cannot.
    """
    unit = _unit(given, load(given.file))
    try:
        text = unit.text()
    except Unwritable as error:
        raise Trouble(f"{error}: choose another path.", exit_code=USAGE) from None
    if given.print:
        answer(text.rstrip("\n"))
        return
    path = Path(given.unit_dir).absolute() / f"{unit.name}.service"
    written = _written(path, text, force=given.force)
    steps, doubt = next_steps(unit), _doubt(unit)
    if doubt:
        remark(doubt)
    if given.output == "json":
        answer_json({"path": str(path), "written": written, "next": steps})
        return
    answer(f"{path} is written." if written else f"{path} says so already; nothing is changed.")
    remark("Next, as root:")
    for step in steps:
        remark(f"  {step}")


def next_steps(unit: Unit) -> list[str]:
    """Return the commands that make the unit run, from where this machine is now."""
    account, data = unit.account, shlex.quote(str(unit.data))
    steps = []
    if account and not _exists(account):
        steps.append(f"useradd --system --home-dir {data} --shell /bin/bash {shlex.quote(account)}")
    if account and not unit.state and not unit.data.exists():
        steps.append(f"install -d -m 700 -o {shlex.quote(account)} {data}")
    if account is None and unit.file and unit.file.stat().st_mode & _OTHERS:
        steps.append(f"chmod 600 {shlex.quote(str(unit.file))}")
    return [*steps, "systemctl daemon-reload", f"systemctl enable --now {unit.name}"]


def _unit(given: Namespace, settings: Settings) -> Unit:
    account = _account(given, settings)
    for option, name in (("--name", given.name), ("--user", account or "root")):
        if not _NAME.fullmatch(name):
            words = f"{option} is {name!r}: use up to 31 letters, digits, - and _ (no digit first)"
            raise Trouble(f"{words}.", exit_code=USAGE)
    file = given.file
    if file is not None and not file.is_file():
        words = f"{file} is no file that a service can read whenever it starts: name one with -f."
        raise Trouble(words, exit_code=USAGE)
    return Unit(
        name=given.name,
        program=_program(),
        data=Path(given.data or f"/var/lib/{given.name}").expanduser().absolute(),
        account=account,
        file=file.absolute() if file else None,
        port=given.port,
        low_port=low(given.port or settings.proxy.port),
        reads=(Path(sys.executable).resolve(),),
    )


def _account(given: Namespace, settings: Settings) -> str | None:
    """Return the account of the service; None is root."""
    if settings.system_users:
        if given.user not in {None, "root"}:
            raise Trouble(
                f"The configuration says `systemUsers: true`, which only root can do, and --user"
                f" {given.user}: leave one of them out.",
                exit_code=USAGE,
            )
        return None
    if given.user == "root":
        raise Trouble(
            "With --user root everybody's server would run as root: name another account, or set"
            " `systemUsers: true`, and everybody's runs as their own.",
            exit_code=USAGE,
        )
    return str(given.user or "perijove")


def _program() -> Path:
    """Return `perijove` as it is to be run: that of this Python."""
    beside = Path(sys.executable).parent
    found = shutil.which("perijove", path=str(beside)) or shutil.which("perijove")
    if found is None:
        raise Trouble(f"There is no program `perijove` in {beside}: install Perijove there.")
    return Path(found).absolute()


def _exists(account: str) -> bool:
    try:
        pwd.getpwnam(account)
    except KeyError:
        return False
    return True


def _doubt(unit: Unit) -> str:
    """Return why the account could not run it; '' if it can, or only root could find out."""
    if os.geteuid():
        return ""
    account = unit.account
    who = Who.of(account) if account and _exists(account) else Who()
    why = why_not(who, unit.file if account else None)
    if not why:
        return ""
    where = "install Perijove where every account may read it, say in /opt/perijove"
    if account is None:
        return f"People's accounts cannot run their servers ({why}): {where}."
    let = "and let the account read the configuration"
    return f"The account {account} cannot run it yet ({why}): {where}, {let}."


def _written(path: Path, text: str, *, force: bool) -> bool:
    """Write the file, whole or not at all; return whether it was not there like that.

    Raises:
        Trouble: another is there, or it cannot be written.
    """
    try:
        if os.path.lexists(path):
            if not path.is_symlink() and path.read_text(errors="replace") == text:
                return False
            if not force:
                raise Trouble(
                    f"{path} is there and says something else; nothing is changed. Compare it with"
                    " what --print shows, then write over it with --force, or choose another name"
                    " with --name.",
                    exit_code=CONFLICT,
                )
        _write(path, text)
    except OSError as error:
        raise _trouble(path, error) from error
    return True


def _write(path: Path, text: str) -> None:
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        draft.write_text(text)
        draft.chmod(0o644)  # as systemd wants its units: it holds no secret
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)


def _trouble(path: Path, error: OSError) -> Trouble:
    if isinstance(error, PermissionError):
        return Trouble(
            f"Only root can write {path}: run it again with sudo, or use --print and put it there"
            " by other means.",
            exit_code=DENIED,
        )
    if isinstance(error, FileNotFoundError | NotADirectoryError):
        return Trouble(
            f"There is no directory {path.parent}: this machine may have no systemd. Name where its"
            " units are with --unit-dir DIR."
        )
    return Trouble(f"Cannot write {path} ({error.strerror or error}): see to that, and repeat it.")
