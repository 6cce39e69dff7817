"""Device: a part of a machine that one server, or a few, may have for itself."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Device:
    """A GPU, or a slice of one."""

    id: str
    """What programs choose it by: its UUID, else its number."""
    name: str
    """What people call it: NVIDIA A100-SXM4-40GB."""
    resource: str
    """What configurations ask for: nvidia.com/gpu, nvidia.com/mig-1g.5gb."""


def only(found: Iterable[Device], names: Sequence[str] | None) -> tuple[Device, ...]:
    """Return those of `found` whose place or UUID is in `names`; None is all.

    A UUID may be cut short, as in CUDA_VISIBLE_DEVICES.
    """
    if names is None:
        return tuple(found)
    return tuple(it for at, it in enumerate(found) if any(_is(name, at, it) for name in names))


def _is(name: str, at: int, device: Device) -> bool:
    name = name.strip()
    return name == str(at) if name.isdecimal() else bool(name) and device.id.startswith(name)
