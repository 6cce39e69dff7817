"""Every command there is: its words, its arguments, and the function that does it.

Nothing else is imported here, so that help and completions are quick.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

_LAST_PORT = 65535


class Argument(NamedTuple):
    """One argument or option; `how` is what argparse is told."""

    names: tuple[str, ...]
    words: str
    how: Mapping[str, Any] = {}


class Command(NamedTuple):
    """One command."""

    name: str
    """`up`, or noun and verb: `user add`."""
    words: str
    run: str
    """module:function; it takes an argparse.Namespace and returns an exit code or None."""
    arguments: tuple[Argument, ...] = ()
    examples: tuple[str, ...] = ()


def port(text: str) -> int:
    """Return the port that `text` is."""
    if text.isdecimal() and 0 < int(text) <= _LAST_PORT:
        return int(text)
    from argparse import ArgumentTypeError  # noqa: PLC0415 - only here, and help is quick

    raise ArgumentTypeError(f"{text} is no port; ports are 1 to {_LAST_PORT}")


NOUNS = {
    "user": "people and their accounts",
    "server": "people's servers",
    "token": "tokens for the API",
    "config": "the configuration",
    "help": "what the exit codes mean",
}

_FILE = Argument(("-f", "--file"), "configuration, as YAML", {"metavar": "FILE"})
_DATA = Argument(
    ("--data",), "data directory (default: $XDG_DATA_HOME/perijove)", {"metavar": "DIR"}
)
_OUTPUT = Argument(
    ("-o", "--output"), "how to answer", {"choices": ("text", "json"), "default": "text"}
)
_YES = Argument(("-y", "--yes"), "do not ask", {"action": "store_true"})
_USER = Argument(("user",), "name of the account")
_SERVER = Argument(
    ("server",), "USER, or USER/SERVER for one with a name", {"metavar": "USER[/SERVER]"}
)
_CLIENT = (_DATA, _OUTPUT)
_CLUSTER = (
    Argument(("--kubeconfig",), "file that says which cluster", {"metavar": "FILE"}),
    Argument(("--context",), "which of its contexts", {"metavar": "NAME"}),
    Argument(("--namespace",), "where pods are made", {"metavar": "NAME"}),
)

COMMANDS = (
    Command(
        "up",
        "start everything on this machine",
        "perijove.cli.up:command",
        (
            _FILE,
            _DATA,
            Argument(("--port",), "port of the public address", {"type": port, "metavar": "N"}),
            Argument(
                ("--keep-servers",), "leave servers running at the end", {"action": "store_true"}
            ),
            _OUTPUT,
        ),
        ("perijove up", "perijove up -f classroom.yaml --port 8000"),
    ),
    Command(
        "hub",
        "run the hub alone",
        "perijove.cli.hub:command",
        (
            _FILE,
            _DATA,
            Argument(
                ("--spawner",), "what servers are (default: process)",
                {"choices": ("process", "kubernetes"), "default": "process"},
            ),
            *_CLUSTER,
            Argument(
                ("--secrets",), "directory of its secrets (default: in --data)",
                {"metavar": "DIR"},
            ),
            Argument(("--ip",), "address to listen on (default: 127.0.0.1)", {"metavar": "IP"}),
            Argument(("--port",), "port to listen on", {"type": port, "metavar": "N"}),
            Argument(("--connect-url",), "where servers and proxies reach it", {"metavar": "URL"}),
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
            _FILE,
            _DATA,
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
            _USER,
            Argument(("--admin",), "make them an administrator", {"action": "store_true"}),
            *_CLIENT,
        ),
        ("perijove user add ada", "perijove user add grace --admin"),
    ),
    Command(
        "user list",
        "list accounts",
        "perijove.cli.user:every",
        _CLIENT,
        ("perijove user list", "perijove user list -o json"),
    ),
    Command(
        "user approve",
        "let somebody in who asked for an account",
        "perijove.cli.user:approve",
        (_USER, *_CLIENT),
        ("perijove user approve ada",),
    ),
    Command(
        "user password",
        "set a password",
        "perijove.cli.user:password",
        (
            _USER,
            Argument(
                ("--stdin",), "read it from standard input instead of asking",
                {"action": "store_true"},
            ),
            *_CLIENT,
        ),
        ("perijove user password ada", "pass show ada | perijove user password ada --stdin"),
    ),
    Command(
        "user remove",
        "delete an account and its servers; files are kept",
        "perijove.cli.user:remove",
        (_USER, _YES, *_CLIENT),
        ("perijove user remove ada", "perijove user remove ada --yes"),
    ),
    Command(
        "server list",
        "list servers that are not at rest",
        "perijove.cli.server:every",
        _CLIENT,
        ("perijove server list",),
    ),
    Command(
        "server start",
        "start a server and follow it until it is ready",
        "perijove.cli.server:start",
        (
            _SERVER,
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
            *_CLIENT,
        ),
        ("perijove server start ada", "perijove server start ada/lab2 --profile gpu"),
    ),
    Command(
        "server stop",
        "stop a server; files are kept",
        "perijove.cli.server:stop",
        (_SERVER, *_CLIENT),
        ("perijove server stop ada",),
    ),
    Command(
        "server logs",
        "show the end of a server's log",
        "perijove.cli.server:logs",
        (_SERVER, *_CLIENT),
        ("perijove server logs ada",),
    ),
    Command(
        "server open",
        "open a server in the browser",
        "perijove.cli.server:open_it",
        (
            _SERVER,
            Argument(("--print",), "only print the address", {"action": "store_true"}),
            *_CLIENT,
        ),
        ("perijove server open ada", "perijove server open ada --print"),
    ),
    Command(
        "token create",
        "make a token; it is shown once",
        "perijove.cli.token:create",
        (
            _USER,
            Argument(("--note",), "what it is for", {"default": ""}),
            Argument(
                ("--scope",), "what it may do, may be repeated (default: all that they may)",
                {"action": "append", "metavar": "SCOPE"},
            ),
            Argument(("--expires-in",), "seconds it lives", {"type": int, "metavar": "S"}),
            *_CLIENT,
        ),
        ("perijove token create ada --note backup --scope read:users",),
    ),
    Command(
        "token list",
        "list somebody's tokens",
        "perijove.cli.token:every",
        (_USER, *_CLIENT),
        ("perijove token list ada",),
    ),
    Command(
        "token revoke",
        "revoke a token",
        "perijove.cli.token:revoke",
        (_USER, Argument(("id",), "its id, as `token list` shows it"), *_CLIENT),
        ("perijove token revoke ada a17",),
    ),
    Command(
        "config check",
        "say everything that is wrong with a configuration",
        "perijove.cli.config:check",
        (_FILE, _OUTPUT),
        ("perijove config check -f classroom.yaml",),
    ),
    Command(
        "config show",
        "show the settings in effect, and where each comes from",
        "perijove.cli.config:show",
        (_FILE, _OUTPUT),
        ("perijove config show -f classroom.yaml",),
    ),
    Command(
        "config explain",
        "explain a key",
        "perijove.cli.config:explain",
        (Argument(("key",), "hub.concurrentSpawnLimit, or a part: hub"), _FILE, _OUTPUT),
        ("perijove config explain hub.concurrentSpawnLimit",),
    ),
    Command(
        "doctor",
        "look for what keeps people from working",
        "perijove.cli.doctor:command",
        (
            _FILE,
            _DATA,
            Argument(
                ("--no-start",), "do not start a server to see whether it works",
                {"action": "store_true"},
            ),
            Argument(
                ("--language",), "of the answer (default: that of the account)",
                {"choices": ("en", "zh")},
            ),
            _OUTPUT,
        ),
        ("perijove doctor", "perijove doctor -o json"),
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
