"""What a server inherits from the hub's environment: these names and nothing else.

The hub's own environment may hold secrets of the administrator.
"""

import os
import sys
from pathlib import Path

from perijove.spawners.resident import Resident

_KEPT = (
    "PATH",
    "PYTHONPATH",
    "CONDA_ROOT",
    "CONDA_DEFAULT_ENV",
    "CONDA_PREFIX",
    "VIRTUAL_ENV",
    "LANG",
    "LC_ALL",
    "TZ",
    "JUPYTERHUB_SINGLEUSER_APP",
)
"""As JupyterHub keeps them, and the time zone."""


def inherited(by: Resident) -> dict[str, str]:
    """Return the environment in which a server begins that runs as `by`."""
    kept = {name: os.environ[name] for name in _KEPT if name in os.environ}
    ours = str(Path(sys.executable).parent)  # where our server and its Python are
    path = kept.get("PATH", os.defpath).split(os.pathsep)
    return {
        "LANG": "C.UTF-8",
        **kept,
        "PATH": os.pathsep.join([ours, *(part for part in path if part != ours)]),
        "HOME": str(by.home),
        "USER": by.account,
        "LOGNAME": by.account,
        "SHELL": by.shell or "/bin/sh",
        **by.environment,
    }
