"""Commands for the database."""

from perijove.cli.arguments import DATA, FILE, OUTPUT, Argument
from perijove.cli.commands.command import Command

ARCHIVE = Argument(("archive",), "the backup", {"metavar": "ARCHIVE"})

COMMANDS = (
    Command(
        "db check",
        "say of which kind and revision it is, and whether it is whole",
        "perijove.cli.db:check",
        (FILE, DATA, OUTPUT),
        ("perijove db check", "perijove db check -f lab.yaml -o json"),
    ),
    Command(
        "db upgrade",
        "bring it to the newest revision, as a hub does when it starts",
        "perijove.cli.db:upgrade",
        (FILE, DATA),
        ("perijove db upgrade",),
    ),
    Command(
        "db backup",
        "write the database and the secrets to one file, while everything runs",
        "perijove.cli.db:backup",
        (
            ARCHIVE,
            Argument(("--homes",), "people's homes as well", {"action": "store_true"}),
            FILE,
            DATA,
            OUTPUT,
        ),
        (
            "perijove db backup /var/backups/perijove.tar",
            "perijove db backup with-homes.tar --homes",
        ),
    ),
    Command(
        "db restore",
        "make a new data directory as a backup has it",
        "perijove.cli.db:restore",
        (ARCHIVE, FILE, DATA),
        ("perijove db restore perijove.tar --data /srv/perijove",),
    ),
    Command(
        "db copy",
        "fill an empty database with what this one holds, and compare",
        "perijove.cli.db:copy",
        (
            Argument(("--to",), "the other one", {"metavar": "URL", "required": True}),
            FILE,
            DATA,
        ),
        (
            "perijove db copy --to postgresql://perijove@localhost/perijove",
            "perijove db copy --to mysql://perijove@localhost/perijove",
        ),
    ),
)
