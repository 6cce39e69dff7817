"""What somebody needs who wants to see the same figures."""

import os
import platform
import subprocess


def circumstances(seed: int | None = None) -> str:
    """Return the seed, the commit and the size of this machine, in words."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    commit = subprocess.run(
        ["git", "describe", "--always", "--dirty"], check=True, capture_output=True, text=True
    ).stdout.strip()
    parts = [] if seed is None else [f"seed {seed}"]
    parts += [f"commit {commit}", f"{os.cpu_count()} cores", f"{memory:.0f} GiB"]
    return ", ".join([*parts, f"Linux {platform.release()}", f"Python {platform.python_version()}"])
