"""What is asked before something is lost."""

import sys

from perijove.cli.output import remark
from perijove.cli.trouble import USAGE, Trouble


def typed(name: str, loss: str) -> bool:
    """Say what is lost, and return whether `name` was typed to go on.

    Raises:
        Trouble: there is no terminal to ask at.
    """
    if not sys.stdin.isatty():
        words = "This cannot be asked without a terminal: add --yes."
        raise Trouble(words, exit_code=USAGE)
    remark(loss)
    return input(f"Type {name} to go on: ") == name
