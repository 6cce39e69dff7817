"""Commands for people and their accounts."""

from perijove.cli.arguments import CLIENT, USER, YES, Argument
from perijove.cli.commands.command import Command

COMMANDS = (
    Command(
        "user add",
        "add an account",
        "perijove.cli.user:add",
        (
            USER,
            Argument(("--admin",), "make them an administrator", {"action": "store_true"}),
            *CLIENT,
        ),
        ("perijove user add ada", "perijove user add grace --admin"),
    ),
    Command(
        "user list",
        "list accounts",
        "perijove.cli.user:every",
        CLIENT,
        ("perijove user list", "perijove user list -o json"),
    ),
    Command(
        "user approve",
        "let somebody in who asked for an account",
        "perijove.cli.user:approve",
        (USER, *CLIENT),
        ("perijove user approve ada",),
    ),
    Command(
        "user password",
        "set a password",
        "perijove.cli.user:password",
        (
            USER,
            Argument(
                ("--stdin",), "read it from standard input instead of asking",
                {"action": "store_true"},
            ),
            *CLIENT,
        ),
        ("perijove user password ada", "pass show ada | perijove user password ada --stdin"),
    ),
    Command(
        "user remove",
        "delete an account and its servers",
        "perijove.cli.user:remove",
        (USER, YES, *CLIENT),
        ("perijove user remove ada", "perijove user remove ada --yes"),
    ),
)  # fmt: skip
