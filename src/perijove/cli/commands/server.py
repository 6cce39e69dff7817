"""Commands for people's servers."""

from perijove.cli.arguments import CLIENT, SERVER, Argument
from perijove.cli.commands.command import Command

COMMANDS = (
    Command(
        "server list",
        "list servers that are not at rest",
        "perijove.cli.server:every",
        CLIENT,
        ("perijove server list",),
    ),
    Command(
        "server start",
        "start a server and follow it until it is ready",
        "perijove.cli.server:start",
        (
            SERVER,
            Argument(("--profile",), "its profile", {"metavar": "SLUG", "default": ""}),
            Argument(
                ("--option",), "an option of the profile, may be repeated",
                {"metavar": "KEY=CHOICE", "action": "append", "default": []},
            ),
            Argument(
                ("--rescue",), "with an empty home, and the old one as a folder in it",
                {"action": "store_true"},
            ),
            Argument(("--no-wait",), "do not follow it", {"action": "store_true"}),
            Argument(
                ("--timeout",), "seconds to follow it for",
                {"type": float, "metavar": "S", "default": 600.0},
            ),
            *CLIENT,
        ),
        (
            "perijove server start ada",
            "perijove server start ada/lab2 --profile gpu",
            "perijove server start ada --rescue",
        ),
    ),
    Command(
        "server stop",
        "stop a server; files are kept",
        "perijove.cli.server:stop",
        (SERVER, *CLIENT),
        ("perijove server stop ada",),
    ),
    Command(
        "server extend",
        "keep a server that nobody uses for as long as may be",
        "perijove.cli.server:extend",
        (SERVER, *CLIENT),
        ("perijove server extend ada",),
    ),
    Command(
        "server usage",
        "show what servers use: memory, processors, processes, files, home, GPUs",
        "perijove.cli.usage:command",
        (
            Argument(
                ("server",), "USER or USER/SERVER; all that run if it is left out",
                {"metavar": "USER[/SERVER]", "nargs": "?", "default": ""},
            ),
            *CLIENT,
        ),
        ("perijove server usage", "perijove server usage ada/lab2"),
    ),
    Command(
        "server logs",
        "show the end of a server's log",
        "perijove.cli.server:logs",
        (SERVER, *CLIENT),
        ("perijove server logs ada",),
    ),
    Command(
        "server open",
        "open a server in the browser",
        "perijove.cli.server:open_it",
        (
            SERVER,
            Argument(("--print",), "only print the address", {"action": "store_true"}),
            *CLIENT,
        ),
        ("perijove server open ada", "perijove server open ada --print"),
    ),
)  # fmt: skip
