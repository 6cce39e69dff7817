"""Commands for tokens of the API."""

from perijove.cli.arguments import CLIENT, USER, Argument
from perijove.cli.commands.command import Command

COMMANDS = (
    Command(
        "token create",
        "make a token; it is shown once",
        "perijove.cli.token:create",
        (
            USER,
            Argument(("--note",), "what it is for", {"default": ""}),
            Argument(
                ("--scope",), "what it may do, may be repeated (default: all that they may)",
                {"action": "append", "metavar": "SCOPE"},
            ),
            Argument(("--expires-in",), "seconds it lives", {"type": int, "metavar": "S"}),
            *CLIENT,
        ),
        ("perijove token create ada --note backup --scope read:users",),
    ),
    Command(
        "token list",
        "list somebody's tokens",
        "perijove.cli.token:every",
        (USER, *CLIENT),
        ("perijove token list ada",),
    ),
    Command(
        "token revoke",
        "revoke a token",
        "perijove.cli.token:revoke",
        (USER, Argument(("id",), "its id, as `token list` shows it"), *CLIENT),
        ("perijove token revoke ada a17",),
    ),
)  # fmt: skip
