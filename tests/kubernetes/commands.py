"""`perijove …` beside an API server of tests: its own process, with a kubeconfig of its own."""

import asyncio
import os
import signal
import sys
from asyncio.subprocess import PIPE, Process
from dataclasses import dataclass
from pathlib import Path

import yaml


def kubeconfig(folder: Path, url: str, token: str = "right", **cluster: object) -> Path:
    """Return a file that says so."""
    file = folder / "kubeconfig"
    tree = {
        "kind": "Config",
        "current-context": "class",
        "contexts": [
            {"name": "class", "context": {"cluster": "c", "user": "u", "namespace": "school"}}
        ],
        "clusters": [{"name": "c", "cluster": {"server": url, **cluster}}],
        "users": [{"name": "u", "user": {"token": token}}],
    }
    file.write_text(yaml.safe_dump(tree))
    return file


@dataclass(frozen=True, kw_only=True)
class Said:
    """How a command has ended."""

    code: int
    out: str
    err: str

    @property
    def last(self) -> str:
        """Return the last line that it complained with."""
        return self.err.splitlines()[-1] if self.err else ""


async def begun(*words: str | Path) -> Process:
    """Start a command that finds no cluster unless it is told of one."""
    environment = {"PATH": os.environ["PATH"], "HOME": "/nowhere", "LANG": "C.UTF-8"}
    road = (sys.executable, "-m", "perijove", *map(str, words))
    return await asyncio.create_subprocess_exec(*road, stdout=PIPE, stderr=PIPE, env=environment)


async def ended(process: Process, seconds: float = 60) -> Said:
    """Wait for its end; nobody waits for ever, or leaves it behind."""
    try:
        async with asyncio.timeout(seconds):
            out, err = await process.communicate()
    except TimeoutError:
        process.kill()
        out, err = await process.communicate()
        raise AssertionError(f"it does not end: {out.decode()}{err.decode()}") from None
    assert process.returncode is not None
    return Said(code=process.returncode, out=out.decode(), err=err.decode())


async def said(*words: str | Path) -> Said:
    """Run a command to its end."""
    return await ended(await begun(*words))


async def stopped(process: Process, number: int = signal.SIGTERM) -> Said:
    """End it, and wait."""
    process.send_signal(number)
    return await ended(process)
