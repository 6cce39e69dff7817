"""Checks of this machine: configuration, disk, database, ports, the rule for signing in."""

import errno
import os
import shlex
import tempfile
from collections.abc import Iterator
from pathlib import Path

from perijove.cli.box import Box, Ports
from perijove.cli.doctor.finding import Finding, bad, good
from perijove.cli.doctor.knock import healthy
from perijove.cli.source import database_url
from perijove.cli.supervisor.ports import owner, owners
from perijove.http.sentences import sentence
from perijove.model.errors import HubError
from perijove.settings import Reading, Settings
from perijove.spawners.bounds import Rlimits
from perijove.spawners.cgroups import probe
from perijove.store.inspect import inspect

_LEAST_FREE = 256 << 20
_LEAST_FILES = 1000
_SAID = {"database-missing": "database.missing", "database-outdated": "database.outdated"}


def config(reading: Reading, file: Path | None) -> Finding:
    """Return whether the configuration in `file` can be used."""
    if reading.settings is None:
        first, count = str(reading.problems[0]), str(len(reading.problems))
        where = f" -f {shlex.quote(str(file))}" if file else ""
        found = {"count": count, "first": first, "where": where}
        return bad("config", "config.bad", **found, **({"file": str(file)} if file else {}))
    if file is None:
        return good("config", "config.none")
    return good("config", file=str(file))


def sign_in(settings: Settings) -> Finding:
    """Return whether anybody could sign in."""
    rules = settings.sign_in.rules
    if not rules.any and not rules.admin_users:
        return bad("sign-in", "sign-in.nobody")
    return good("sign-in", name=settings.sign_in.name)


def data(box: Box) -> Finding:
    """Return whether there is a Perijove at all."""
    if not box.has_ports():
        return bad("data", "data.missing", path=str(box.path))
    return good("data", path=str(box.path))


def disk(box: Box) -> Finding:
    """Return whether it has room and can be written."""
    path = str(box.path)
    try:
        with tempfile.TemporaryFile(dir=box.path) as probe:
            probe.write(b"\0" * 4096)
            probe.flush()
    except OSError as error:
        if error.errno in {errno.ENOSPC, errno.EDQUOT}:
            return bad("disk", "disk.full", path=path, free="0")
        return bad("disk", "disk.read-only", path=path, why=error.strerror or "unknown")
    room = os.statvfs(box.path)
    free = room.f_bavail * room.f_frsize
    if free < _LEAST_FREE:
        return bad("disk", "disk.full", path=path, free=str(free >> 20))
    if room.f_files and room.f_favail < _LEAST_FILES:
        return bad("disk", "disk.inodes", path=path, free=str(room.f_favail))
    return good("disk", free=str(free >> 20))


def limits() -> Finding:
    """Return what holds servers to their memory and cores."""
    kind = probe()
    return good("limits", "limits.good" if kind != Rlimits.kind else "limits.rlimits", kind=kind)


def database(settings: Settings, box: Box, language: str) -> Finding:
    """Return whether the database is whole, ours, up to date and can be written."""
    if settings.hub.db.type == "sqlite-memory":  # another file at each start; it is the hub's
        return good("database")
    url = database_url(settings, box)
    try:
        inspect(url)
    except HubError as error:
        code = _SAID.get(error.code, "database.bad")
        return bad("database", code, why=sentence(error.code, error.params, language))
    return good("database")


def ports(box: Box, base_url: str) -> Finding:
    """Return whether hub and proxy answer, or who sits on their ports."""
    kept = box.ports()
    for part, port, scheme in _parts(box, kept):
        listening = owners(port)
        ours = box.hold(part).holder()
        log = str(box.log(part))
        if not listening:
            return bad("ports", "ports.silent", port=str(port), log=log)
        if ours is None or ours.pid not in {pid for pid, _ in listening}:
            return bad("ports", "ports.taken", port=str(port), who=owner(port))
        why = healthy(f"{scheme}://127.0.0.1:{port}{base_url}hub/health")
        if why:
            return bad("ports", "ports.ill", port=str(port), why=why, log=log)
    return good("ports", hub=str(kept.hub), public=str(kept.public))


def _parts(box: Box, kept: Ports) -> Iterator[tuple[str, int, str]]:
    yield "hub", kept.hub, "http"
    yield "proxy", kept.public, box.scheme()
