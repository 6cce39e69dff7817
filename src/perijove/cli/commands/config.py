"""Commands for the configuration."""

from perijove.cli.arguments import CLIENT, FILE, OUTPUT, SPAWNER, Argument
from perijove.cli.commands.command import Command

COMMANDS = (
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
        "config diff",
        "show what a reload would change (exit code 1 if anything, 2 if it has errors)",
        "perijove.cli.reload:differences",
        CLIENT,
        ("perijove config diff", "perijove config diff -o json"),
    ),
)  # fmt: skip
