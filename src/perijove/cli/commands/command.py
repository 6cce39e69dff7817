"""Command: what one is called, what it says of itself, what it takes, and what runs it."""

from typing import NamedTuple

from perijove.cli.arguments import Argument


class Command(NamedTuple):
    """One command."""

    name: str
    """`up`, or noun and verb: `user add`."""
    words: str
    run: str
    """module:function; it takes an argparse.Namespace and returns an exit code or None."""
    arguments: tuple[Argument, ...] = ()
    examples: tuple[str, ...] = ()
