"""`perijove support`: one archive with what somebody else needs to help."""

from perijove.cli.support.command import command

__all__ = ["command"]
