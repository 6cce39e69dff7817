"""Every command there is: its words, its arguments, and the function that does it.

Nothing else is imported here, so that help and completions are quick.
"""

from typing import NamedTuple

from perijove.cli.arguments import (
    CLIENT,
    CLUSTER,
    CONNECT_URL,
    DATA,
    FILE,
    OUTPUT,
    SERVER,
    SPAWNER,
    USER,
    YES,
    Argument,
    port,
)


class Command(NamedTuple):
    """One command."""

    name: str
    """`up`, or noun and verb: `user add`."""
    words: str
    run: str
    """module:function; it takes an argparse.Namespace and returns an exit code or None."""
    arguments: tuple[Argument, ...] = ()
    examples: tuple[str, ...] = ()


NOUNS = {
    "user": "people and their accounts",
    "server": "people's servers",
    "token": "tokens for the API",
    "config": "the configuration",
    "help": "what the exit codes mean",
}

COMMANDS = (
    Command(
        "up",
        "start everything on this machine",
        "perijove.cli.up:command",
        (
            FILE,
            DATA,
            Argument(("--port",), "port of the public address", {"type": port, "metavar": "N"}),
            Argument(
                ("--keep-servers",), "leave servers running at the end", {"action": "store_true"}
            ),
            OUTPUT,
        ),
        ("perijove up", "perijove up -f classroom.yaml --port 8000"),
    ),
    Command(
        "hub",
        "run the hub alone",
        "perijove.cli.hub:command",
        (
            FILE,
            DATA,
            *CLUSTER,
            Argument(
                ("--secrets",), "directory of its secrets (default: in --data)",
                {"metavar": "DIR"},
            ),
            Argument(("--ip",), "address to listen on (default: 127.0.0.1)", {"metavar": "IP"}),
            Argument(("--port",), "port to listen on", {"type": port, "metavar": "N"}),
            CONNECT_URL,
        ),
        (
            "perijove hub --data /srv/perijove -f classroom.yaml",
            "perijove hub --spawner kubernetes --ip 0.0.0.0 --connect-url http://hub:8081",
        ),
    ),
    Command(
        "proxy",
        "run the proxy alone",
        "perijove.cli.proxy:command",
        (
            FILE,
            DATA,
            Argument(("--hub",), "the hub, instead of that of a box", {"metavar": "URL"}),
            Argument(("--token-file",), "file with the token for that hub", {"metavar": "FILE"}),
            Argument(("--table",), "file for the last table of routes", {"metavar": "FILE"}),
            Argument(("--ip",), "address to listen on", {"metavar": "IP"}),
            Argument(("--port",), "port to listen on", {"type": port, "metavar": "N"}),
            Argument(("--pid-file",), "file for the process id", {"metavar": "FILE"}),
            Argument(
                ("--trusted-proxies",), "networks whose X-Forwarded-* are believed, by commas",
                {"metavar": "NETWORKS"},
            ),
        ),
        ("perijove proxy --data /srv/perijove",),
    ),
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
            Argument(("--no-wait",), "do not follow it", {"action": "store_true"}),
            Argument(
                ("--timeout",), "seconds to follow it for",
                {"type": float, "metavar": "S", "default": 600.0},
            ),
            *CLIENT,
        ),
        ("perijove server start ada", "perijove server start ada/lab2 --profile gpu"),
    ),
    Command(
        "server stop",
        "stop a server; files are kept",
        "perijove.cli.server:stop",
        (SERVER, *CLIENT),
        ("perijove server stop ada",),
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
    Command(
        "config check",
        "say everything that is wrong with a configuration",
        "perijove.cli.config:check",
        (FILE, SPAWNER, OUTPUT),
        (
            "perijove config check -f classroom.yaml",
            "perijove config check -f values.yaml --spawner kubernetes",
        ),
    ),
    Command(
        "config show",
        "show the settings in effect, and where each comes from",
        "perijove.cli.config:show",
        (FILE, SPAWNER, OUTPUT),
        ("perijove config show -f classroom.yaml",),
    ),
    Command(
        "config explain",
        "explain a key",
        "perijove.cli.config:explain",
        (Argument(("key",), "hub.concurrentSpawnLimit, or a part: hub"), FILE, SPAWNER,
         OUTPUT),
        ("perijove config explain hub.concurrentSpawnLimit",),
    ),
    Command(
        "doctor",
        "look for what keeps people from working",
        "perijove.cli.doctor:command",
        (
            FILE,
            DATA,
            *CLUSTER,
            CONNECT_URL,
            Argument(
                ("--no-start",), "do not start a server to see whether it works",
                {"action": "store_true"},
            ),
            Argument(
                ("--language",), "of the answer (default: that of the account)",
                {"choices": ("en", "zh")},
            ),
            OUTPUT,
        ),
        ("perijove doctor", "perijove doctor --spawner kubernetes -f values.yaml"),
    ),
    Command(
        "completion",
        "print completions for a shell",
        "perijove.cli.completion:command",
        (Argument(("shell",), "which shell", {"choices": ("bash", "zsh", "fish")}),),
        ("source <(perijove completion bash)", "perijove completion fish | source"),
    ),
    Command(
        "help exit-codes",
        "what the exit codes mean",
        "perijove.cli.frame:exit_codes",
    ),
)  # fmt: skip
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
