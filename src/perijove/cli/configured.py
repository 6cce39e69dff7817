"""The settings of a command, or every problem of the configuration as one Trouble."""

from pathlib import Path

from perijove.cli.trouble import USAGE, Trouble
from perijove.settings import BadConfig, Settings, load


def configured(file: Path | None) -> Settings:
    """Return the settings in `file` and in the environment.

    Raises:
        Trouble: exit code 2, with all that is wrong.
    """
    try:
        return load(file)
    except BadConfig as bad:
        raise Trouble("\n".join(map(str, bad.problems)), exit_code=USAGE) from None
