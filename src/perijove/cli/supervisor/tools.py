"""Is there something to start people's servers with?"""

import shutil
import sys
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

from perijove.cli.trouble import Trouble

OURS = "perijove-singleuser"
_NEEDED = {"jupyter_server": "jupyter-server", "jupyterlab": "jupyterlab"}


def require_singleuser(command: Sequence[str]) -> None:
    """Return if `command`, what singleuser.cmd says, can be started.

    Raises:
        Trouble: it is not installed.
    """
    program = Path(command[0]).name if command else OURS
    if program == OURS:
        missing = [name for module, name in _NEEDED.items() if find_spec(module) is None]
        if missing:
            raise Trouble(
                f"{' and '.join(missing)} must be installed beside Perijove to run servers:"
                " pip install 'perijove[lab]'."
            )
    beside = str(Path(sys.executable).parent)
    if not (shutil.which(command[0]) or shutil.which(command[0], path=beside)):
        raise Trouble(
            f"There is no program {command[0]!r} to run servers with: install it,"
            " or name another in singleuser.cmd."
        )
