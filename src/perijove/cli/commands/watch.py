"""Commands that show what goes on, and what went on."""

from perijove.cli.arguments import DATA, FILE, OUTPUT, Argument, number
from perijove.cli.commands.command import Command


def _ago(text: str) -> object:
    from perijove.cli.audit import ago  # noqa: PLC0415 - help is quick without it

    return ago(text)


def _seconds(text: str) -> object:
    from perijove.cli.top import seconds  # noqa: PLC0415 - likewise

    return seconds(text)


COMMANDS = (
    Command(
        "top",
        "show what servers use at this moment, the most first",
        "perijove.cli.top:command",
        (
            Argument(("--sort",), "what comes first (default: memory)",
                     {"choices": ("memory", "cores", "files", "name"), "default": "memory"}),
            Argument(("--every",), "seconds between two looks (default: 2)",
                     {"type": _seconds, "default": 2.0, "metavar": "S"}),
            Argument(("--once",), "show it once and end", {"action": "store_true"}),
            DATA,
            OUTPUT,
        ),
        ("perijove top", "perijove top --sort cores --once"),
    ),
    Command(
        "proxy top",
        "show what a proxy does at this moment",
        "perijove.cli.traffic:command",
        (
            Argument(("--metrics",), "where it has its metrics (default: that of --data)",
                     {"metavar": "URL"}),
            Argument(("--every",), "seconds between two looks (default: 2)",
                     {"type": _seconds, "default": 2.0, "metavar": "S"}),
            Argument(("--once",), "look twice, show what was between and end",
                     {"action": "store_true"}),
            DATA,
            OUTPUT,
        ),
        ("perijove proxy top", "perijove proxy top --metrics http://127.0.0.1:9102 --once"),
    ),
    Command(
        "proxy routes",
        "list the routes that a proxy has",
        "perijove.cli.routes:command",
        (
            Argument(("--api",), "where it has its API, or metrics (default: that of --data)",
                     {"metavar": "URL"}),
            Argument(("--token-file",), "file with the token (default: $CONFIGPROXY_AUTH_TOKEN)",
                     {"metavar": "FILE"}),
            Argument(("--prefix",), "this one and those below it", {"metavar": "PATH"}),
            Argument(("--sort",), "what comes first (default: prefix)",
                     {"choices": ("prefix", "target", "activity"), "default": "prefix"}),
            DATA,
            OUTPUT,
        ),
        (
            "perijove proxy routes",
            "perijove proxy routes --prefix /user/ada -o json",
            "perijove proxy routes --api http://127.0.0.1:8001 --sort activity",
        ),
    ),
    Command(
        "audit",
        "show who changed what",
        "perijove.cli.audit:command",
        (
            Argument(("-n", "--lines"), "how many entries, 0 for all (default: 50)",
                     {"type": number, "default": 50, "metavar": "N"}),
            Argument(("--who",), "what this account or service did", {"metavar": "NAME"}),
            Argument(("--about",), "what was done to this account, server or group",
                     {"metavar": "NAME"}),
            Argument(("--since",), "not older than 30m, 8h, 7d", {"type": _ago, "metavar": "TIME"}),
            Argument(("--check",), "look whether entries were changed or are gone",
                     {"action": "store_true"}),
            DATA,
            OUTPUT,
        ),
        ("perijove audit --about ada --since 7d", "perijove audit --check"),
    ),
    Command(
        "support",
        "write one file for whoever is to help, without secrets",
        "perijove.cli.support:command",
        (
            Argument(("target",), "file to write (default: perijove-support-TIME.tar.gz)",
                     {"nargs": "?", "metavar": "TARGET"}),
            FILE,
            DATA,
            OUTPUT,
        ),
        ("perijove support", "perijove support /tmp/for-the-help-desk.tar.gz"),
    ),
)  # fmt: skip
