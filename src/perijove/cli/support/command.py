"""Gather the parts, take out the secrets, write the archive."""

import io
import os
import tarfile
from argparse import Namespace
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from perijove.cli.box import SECRETS, Box
from perijove.cli.output import answer, answer_json, remark
from perijove.cli.source import Gone, database_url, file_of
from perijove.cli.support import parts
from perijove.cli.support.scrub import Scrubber
from perijove.cli.trouble import Trouble
from perijove.kit.clock import Clock
from perijove.settings import Problem, Reading, read
from perijove.settings.meaning import secrets


def command(given: Namespace) -> None:
    """Write one archive for whoever is to help; no secret and no file of a person is in it.

    Raises:
        Trouble: there is no Perijove, or no room for the archive.
    """
    box = Box.at(given.data)
    if not box.path.is_dir():
        raise Trouble(f"There is no directory {box.path}: name that of Perijove with --data DIR.")
    now = Clock()()
    target = Path(given.target or f"perijove-support-{now:%Y%m%d-%H%M%S}.tar.gz")
    if target.exists():
        raise Trouble(f"{target} is there already: name another file.")
    reading = _read(given, box)
    scrub = Scrubber(_secrets(box, reading))
    written = []
    try:
        with _archive(target) as tar:
            for name, make in _parts(given, box, reading):
                if given.output != "json":
                    remark(f"  {name}")
                text = scrub(_made(make))
                _add(tar, f"perijove-support/{name}", text, int(now.timestamp()))
                written.append({"name": name, "bytes": len(text.encode(errors="replace"))})
    except OSError as error:
        target.unlink(missing_ok=True)
        raise Trouble(f"Cannot write {target} ({error.strerror}): name another place.") from error
    if given.output == "json":
        answer_json({"file": str(target.absolute()), "parts": written})
        return
    answer(f"{target} is written ({target.stat().st_size / 1024:,.0f} KiB).")
    remark(f"It judges {given.file or 'the defaults, for there is no configuration file'}.")
    remark(
        "Passwords, tokens and keys are taken out. Names of accounts and addresses are in it: look"
        f" at it before you send it (tar -xzOf {target} | less)."
    )


def _read(given: Namespace, box: Box) -> Reading:
    """Return what the configuration of the box says, whatever is wrong with it."""
    try:
        given.file = file_of(given, box)
    except Gone as gone:
        return Reading(settings=None, problems=(Problem(str(gone)),))
    return read(given.file, os.environ)


def _parts(given: Namespace, box: Box, reading: Reading) -> Iterator[parts.Part]:
    here = ("--data", str(box.path))
    file = ("-f", str(given.file)) if given.file else ()
    yield "machine.json", lambda: parts.of_machine(box)
    yield "settings.json", lambda: parts.of_settings(reading, given.file)
    yield "files.txt", lambda: parts.of_files(box)
    yield "status.json", lambda: parts.of_command("status", *here, "-o", "json")
    yield (
        "doctor.json",
        lambda: parts.of_command(
            "doctor", *here, *file, "--no-start", "--language", "en", "-o", "json"
        ),
    )
    yield "database.json", lambda: parts.of_command("db", "check", *here, *file, "-o", "json")
    with suppress(OSError):
        yield from parts.logs(box)


def _made(make: Callable[[], str]) -> str:
    """Return the text of a part; one that cannot be made says why and keeps no other back."""
    try:
        return make()
    except Exception as error:  # noqa: BLE001 - whatever is broken here is why somebody asks
        return f"cannot be made: {type(error).__name__}: {error}\n"


def _secrets(box: Box, reading: Reading) -> Iterator[str]:
    """Yield every secret that is known."""
    for name in SECRETS:
        with suppress(OSError, Trouble):
            yield box.secret(name)
    yield box.sign_in() or ""
    if reading.settings is not None:
        yield from secrets(reading.settings)
        password = database_url(reading.settings, box).partition("://")[2].rpartition("@")[0]
        yield password.partition(":")[2]
    for name in ("PERIJOVE_TOKEN", "PGPASSWORD", "CONFIGPROXY_AUTH_TOKEN", "JUPYTERHUB_API_TOKEN"):
        yield os.environ.get(name, "")


@contextmanager
def _archive(target: Path) -> Iterator[tarfile.TarFile]:
    """Yield a new archive for its owner alone."""
    with (
        open(target, "xb", opener=lambda path, flags: os.open(path, flags, 0o600)) as file,
        tarfile.open(fileobj=file, mode="w:gz") as tar,
    ):
        yield tar


def _add(tar: tarfile.TarFile, name: str, text: str, at: int) -> None:
    sent = text.encode(errors="replace")
    member = tarfile.TarInfo(name)
    member.size, member.mtime, member.mode = len(sent), at, 0o600
    tar.addfile(member, io.BytesIO(sent))
