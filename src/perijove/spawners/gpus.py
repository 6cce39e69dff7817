"""The GPUs of this machine: what there is, what a server asks for, and how it is told.

They are found without any library of their maker: by `nvidia-smi -L`, which alone knows the
slices of a GPU (MIG); else by what the driver writes below /proc; else by the files in /dev.
"""

import logging
import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from threading import Lock
from time import monotonic
from typing import Any

from perijove.kit.merged import merged
from perijove.model.device import Device, only
from perijove.model.errors import Refused
from perijove.spawners.directory import Directory

logger = logging.getLogger(__name__)

PREFIX = "nvidia.com/"
"""What the names of their resources begin with, as Kubernetes has them."""
_WHOLE = f"{PREFIX}gpu"
_TRAITS = ("extra_resource_guarantees", "extra_resource_limits")
"""The latter wins; Kubernetes takes no others than equal ones."""
_VISIBLE = "CUDA_VISIBLE_DEVICES"
_TOOL = "nvidia-smi"
_PATIENCE = 15.0
"""Seconds for the tool, which can take some with eight GPUs, and for ever with a broken one."""
_FRESH = 60.0
"""Seconds for which what was found is good: GPUs are seldom sliced anew."""
_GPU = re.compile(r"GPU (?P<at>\d+): (?P<name>.+?) \(UUID: (?P<id>[\w-]+)\)")
_SLICE = re.compile(r"\s+MIG (?P<profile>[\w.+]+)\s+Device\s+\d+: \(UUID: (?P<id>[\w/-]+)\)")
_PROC, _DEV = "proc/driver/nvidia/gpus", "dev"
_NODE = re.compile(r"nvidia(\d+)")
_MOST = 64


class Gpus:
    """Those of one machine, or of a folder that stands for it."""

    def __init__(self, workloads: Path, traits: Mapping[str, Any], root: Path = Path("/")) -> None:
        """`traits`: what every server asks for, before its profile."""
        self.traits = traits
        self._workloads = workloads
        self._root = root
        self._lock = Lock()
        self._found: tuple[Device, ...] = ()
        self._looked: float | None = None

    def there(self) -> Sequence[Device]:
        """Return what there is, as it was found at most a minute ago; this reads files."""
        with self._lock:
            if self._looked is None or monotonic() - self._looked > _FRESH:
                try:
                    found = only(find(self._root), _ours())
                except OSError as error:  # by other names, one could be given twice
                    logger.warning("GPUs are as they were: %s", error)
                    return self._found
                if found != self._found or self._looked is None:
                    logger.info("GPUs: %s", ", ".join(f"{it.name} {it.id}" for it in found) or "-")
                self._found, self._looked = found, monotonic()
            return self._found

    def wanted(self, overrides: Mapping[str, Any]) -> Mapping[str, int]:
        """Return what `wanted` says of a server with these overrides."""
        return wanted(self.traits, overrides)

    def environment(self, ids: str) -> Mapping[str, str]:
        """Return what tells a server which GPUs are its own: `ids`, by commas, or none.

        Where there are none, nothing is said.
        """
        if ids:
            by_number = {"CUDA_DEVICE_ORDER": "PCI_BUS_ID"} if ids[0].isdecimal() else {}
            return {_VISIBLE: ids, "NVIDIA_VISIBLE_DEVICES": ids, **by_number}
        if not self.there():
            return {}
        return {_VISIBLE: "", "NVIDIA_VISIBLE_DEVICES": "void"}

    def held(self) -> Mapping[str, Sequence[str]]:
        """Return what every workload holds of which something runs."""
        found: dict[str, Sequence[str]] = {}
        for path in self._workloads.iterdir():
            with suppress(FileNotFoundError):
                directory = Directory(path)
                origin = directory.origin()
                if origin and origin.devices and not directory.over():
                    found[path.name] = origin.devices.split(",")
        return found


def wanted(traits: Mapping[str, Any], overrides: Mapping[str, Any]) -> dict[str, int]:
    """Return how many of which a server asks for.

    Raises:
        Refused: that is no number.
    """
    whole, asked = merged(traits, overrides), dict[str, Any]()
    for trait in _TRAITS:
        asked |= whole.get(trait) or {}
    counts = {name: _count(it) for name, it in asked.items() if name.startswith(PREFIX)}
    return {name: count for name, count in counts.items() if count}


def find(root: Path = Path("/")) -> tuple[Device, ...]:
    """Return the GPUs of this machine, slices in the place of those that are sliced.

    Raises:
        OSError: the tool of the driver is there, and says nothing.
    """
    return tuple(_told(root)) or tuple(_of_driver(root)) or tuple(_of_files(root))


def _ours() -> list[str] | None:
    """Return which of them this process may use, as whoever started it has said (Slurm does)."""
    said = os.environ.get(_VISIBLE)
    return None if said is None else said.split(",")


def _count(given: Any) -> int:
    text = str(given).strip()
    if isinstance(given, bool) or not re.fullmatch(r"\d{1,3}(\.0)?", text):
        raise Refused("bad-count", amount=text[:100])
    count = int(float(text))
    if count > _MOST:
        raise Refused("bad-count", amount=text[:100])
    return count


def _told(root: Path) -> Iterator[Device]:
    """Yield what the tool of the driver lists."""
    whole, name = None, ""
    for line in _list(root).splitlines():
        if gpu := _GPU.match(line):
            if whole:
                yield whole
            name = gpu["name"]
            whole = Device(gpu["id"], name, _WHOLE)
        elif piece := _SLICE.match(line):
            whole = None  # who has slices cannot be had as a whole
            profile = piece["profile"].replace("+", ".")
            yield Device(piece["id"], f"{name} {piece['profile']}", f"{PREFIX}mig-{profile}")
    if whole:
        yield whole


def _list(root: Path) -> str:
    folders = [str(root / it.lstrip("/")) for it in os.get_exec_path()]
    tool = shutil.which(_TOOL, path=os.pathsep.join(folders))
    if tool is None:
        return ""
    try:
        done = subprocess.run(  # noqa: S603 - the tool of the driver, found where programs are
            [tool, "-L"],
            capture_output=True, text=True, errors="replace", timeout=_PATIENCE, check=False,
            stdin=subprocess.DEVNULL, env={**os.environ, "LC_ALL": "C"},
        )  # fmt: skip
    except subprocess.TimeoutExpired as error:
        raise OSError(f"{tool} does not answer") from error
    if done.returncode:
        raise OSError(f"{tool} ends with {done.returncode}")
    return done.stdout


def _of_driver(root: Path) -> Iterator[Device]:
    """Yield what the driver says of each, in the order of their places on the bus."""
    nodes = set(_nodes(root))
    at = 0
    for file in sorted((root / _PROC).glob("*/information")):
        about = _about(file)
        minor, id = about.get("Device Minor", ""), about.get("GPU UUID", "")
        if about.get("GPU Excluded") == "Yes" or (nodes and minor and int(minor) not in nodes):
            continue  # it is not for us: a container has the files of its own only
        known = id.startswith("GPU-") and "?" not in id  # until it is used for the first time
        yield Device(id if known else str(at), about.get("Model", "NVIDIA GPU"), _WHOLE)
        at += 1


def _about(file: Path) -> dict[str, str]:
    with suppress(OSError):
        lines = (line.partition(":") for line in file.read_text(errors="replace").splitlines())
        return {name.strip(): value.strip() for name, _, value in lines}
    return {}


def _of_files(root: Path) -> Iterator[Device]:
    """Yield one for each file that there is; their numbers are those of programs, from 0."""
    for at, _ in enumerate(sorted(_nodes(root))):
        yield Device(str(at), "NVIDIA GPU", _WHOLE)


def _nodes(root: Path) -> Iterator[int]:
    with suppress(OSError):
        for file in (root / _DEV).iterdir():
            if found := _NODE.fullmatch(file.name):
                yield int(found[1])
