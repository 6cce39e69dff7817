"""Commands for the homes of deleted people."""

from perijove.cli.arguments import CLIENT, YES, Argument
from perijove.cli.commands.command import Command

_HOME = Argument(("home",), "whose home, or its key in the list", {"metavar": "USER|KEY"})

COMMANDS = (
    Command(
        "trash list",
        "list the homes of deleted people",
        "perijove.cli.trash:every",
        CLIENT,
        ("perijove trash list",),
    ),
    Command(
        "trash restore",
        "give a deleted person's home back",
        "perijove.cli.trash:restore",
        (
            _HOME,
            Argument(
                ("--into",), "put it into the home of this person, as a folder",
                {"metavar": "USER", "default": ""},
            ),
            *CLIENT,
        ),
        ("perijove trash restore ada", "perijove trash restore ada --into grace"),
    ),
    Command(
        "trash empty",
        "delete a home in the trash for good",
        "perijove.cli.trash:empty",
        (_HOME, YES, *CLIENT),
        ("perijove trash empty ada", "perijove trash empty ada --yes"),
    ),
)  # fmt: skip
