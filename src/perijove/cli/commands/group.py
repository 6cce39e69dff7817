"""Commands for groups of people."""

from perijove.cli.arguments import CLIENT, YES, Argument
from perijove.cli.commands.command import Command

_GROUP = Argument(("group",), "name of the group")
_USERS = Argument(("users",), "names of accounts", {"nargs": "+", "metavar": "USER"})

COMMANDS = (
    Command(
        "group list",
        "list groups and their members",
        "perijove.cli.group:every",
        CLIENT,
        ("perijove group list", "perijove group list -o json"),
    ),
    Command(
        "group add",
        "make a group",
        "perijove.cli.group:add",
        (
            _GROUP,
            Argument(("users",), "its members", {"nargs": "*", "metavar": "USER"}),
            *CLIENT,
        ),
        ("perijove group add physics", "perijove group add physics ada grace"),
    ),
    Command(
        "group join",
        "make people members",
        "perijove.cli.group:join",
        (_GROUP, _USERS, *CLIENT),
        ("perijove group join physics ada grace",),
    ),
    Command(
        "group leave",
        "make people members no more",
        "perijove.cli.group:leave",
        (_GROUP, _USERS, *CLIENT),
        ("perijove group leave physics ada",),
    ),
    Command(
        "group remove",
        "delete a group; its members stay",
        "perijove.cli.group:remove",
        (_GROUP, YES, *CLIENT),
        ("perijove group remove physics", "perijove group remove physics --yes"),
    ),
    Command(
        "people diff",
        "show how people and groups differ from what the values say (exit code 1 if they do)",
        "perijove.cli.group:drift",
        CLIENT,
        ("perijove people diff", "perijove people diff -o json"),
    ),
)
"""`perijove group …` and `perijove people diff`."""
