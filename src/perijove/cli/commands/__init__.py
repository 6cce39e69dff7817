"""Every command there is: its words, its arguments, and the function that does it.

Nothing else is imported here, so that help and completions are quick.
"""

from perijove.cli.commands import (
    config,
    db,
    group,
    machine,
    server,
    shell,
    token,
    trash,
    user,
    watch,
)
from perijove.cli.commands.command import Command

__all__ = ["COMMANDS", "EXIT_CODES", "NOUNS", "Command"]

NOUNS = {
    "user": "people and their accounts",
    "group": "groups of people",
    "people": "people as the values say",
    "trash": "homes of deleted people",
    "server": "people's servers",
    "token": "tokens for the API",
    "config": "the configuration",
    "db": "the database, and backups",
    "help": "what the exit codes mean",
}

COMMANDS: tuple[Command, ...] = (
    *machine.COMMANDS,
    *watch.COMMANDS,
    *user.COMMANDS,
    *group.COMMANDS,
    *trash.COMMANDS,
    *server.COMMANDS,
    *token.COMMANDS,
    *config.COMMANDS,
    *db.COMMANDS,
    *shell.COMMANDS,
)
"""In the order in which help shows them."""

EXIT_CODES = {
    0: "it worked",
    1: "it failed",
    2: "the command or the configuration makes no sense",
    3: "there is no such thing",
    4: "this may not be done",
    5: "it conflicts with what there is",
    6: "it took too long",
    7: "something is unhealthy (doctor)",
}
