"""Machines with GPUs, recorded: none of ours has one, so these stand for them.

What the driver writes is from an NVIDIA L4 (driver 550, as told in canonical/snapd#14893), what
the tool lists from an A100 in slices (driver 535, as told in DataDog/datadog-agent#33120).
"""

import os
from pathlib import Path

L4, SECOND = "GPU-3291dfa4-fcc4-0110-615b-c894a0d7c689", "GPU-3291dfa4-fcc4-0110-615b-c894a0d7c690"
UNKNOWN = "GPU-????????-????-????-????-????????????"
"""What the driver says until a GPU is used for the first time."""
_ABOUT = """\
Model: \t\t NVIDIA L4
IRQ:   \t\t 16
GPU UUID: \t {uuid}
Video BIOS: \t 95.04.65.00.13
Bus Type: \t PCIe
DMA Size: \t 47 bits
DMA Mask: \t 0x7fffffffffff
Bus Location: \t 0000:{bus}:00.0
Device Minor: \t {minor}
GPU Excluded:\t No
"""
WHOLE = (
    "GPU 0: NVIDIA A100-SXM4-80GB (UUID: GPU-7fdaf0a5-179b-f636-d15d-daf243e3ff16)\n"
    "GPU 1: NVIDIA A100-SXM4-80GB (UUID: GPU-295b72d2-e23d-baa4-1b87-88bc3b68fd08)\n"
)
SLICED = """\
GPU 0: NVIDIA A100-SXM4-80GB (UUID: GPU-7fdaf0a5-179b-f636-d15d-daf243e3ff16)
  MIG 3g.40gb     Device  0: (UUID: MIG-feb88891-0321-5fef-9c87-d4af3b54259e)
  MIG 1g.10gb     Device  1: (UUID: MIG-a25704ba-3a06-5299-a795-fd7cf4d13973)
GPU 1: NVIDIA A100-SXM4-80GB (UUID: GPU-295b72d2-e23d-baa4-1b87-88bc3b68fd08)
"""


def driver(root: Path, *uuids: str, nodes: tuple[int, ...] = ()) -> Path:
    """Make what the driver shows of GPUs with these UUIDs, and the files in /dev."""
    for minor, uuid in enumerate(uuids):
        bus = f"{0x70 + minor:02x}"
        folder = root / f"proc/driver/nvidia/gpus/0000:{bus}:00.0"
        folder.mkdir(parents=True)
        (folder / "information").write_text(_ABOUT.format(uuid=uuid, bus=bus, minor=minor))
    (root / "dev").mkdir(parents=True, exist_ok=True)
    for minor in nodes:
        (root / f"dev/nvidia{minor}").touch()
    (root / "dev/nvidiactl").touch()
    return root


def tool(root: Path, text: str = WHOLE, code: int = 0) -> Path:
    """Make an `nvidia-smi` that lists `text`."""
    folder = root / os.get_exec_path()[0].lstrip("/")
    folder.mkdir(parents=True, exist_ok=True)
    script = folder / "nvidia-smi"
    script.write_text(f"#!/bin/sh\ncat <<'END'\n{text}END\nexit {code}\n")
    script.chmod(0o755)
    return root
