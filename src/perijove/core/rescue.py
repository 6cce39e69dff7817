"""Rescue: whether a start with an empty home, and the old one beside, could help a server."""

from perijove.core.about import Homes
from perijove.model.server import Phase, Server

_OF_THE_HOME = {"home-full", "start-file"}
"""Reasons that lie in the home, whenever it ended."""
_PERHAPS = {"exited", "no-answer", "start-timeout"}
"""Reasons that may lie there, when it never ran."""


def helps(server: Server, homes: Homes, *, ran: bool) -> bool:
    """Return whether it is worth trying, after a start that failed or `ran`."""
    if homes is Homes.NONE or server.rescue or server.phase is not Phase.FAILED:
        return False
    code = server.reason.code if server.reason else ""
    return code in _OF_THE_HOME or (code in _PERHAPS and not ran)


def is_the_cure(server: Server) -> bool:
    """Return whether nothing else helps, so that it is offered first."""
    code = server.reason.code if server.reason else ""
    return not server.rescue and code in _OF_THE_HOME
