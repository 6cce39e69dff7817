"""More memory for a server that ran out of it: what its button says, or whom to ask."""

from perijove.core import Hub
from perijove.core.bigger import Bigger, bigger, ran_out
from perijove.http.page import Visit
from perijove.http.reader import Reader
from perijove.model.server import Server
from perijove.store.people import Order, Wanted
from perijove.web.frame import reader

_FEW = 3
"""Administrators who are named."""


def more(hub: Hub, visit: Visit, server: Server | None) -> Bigger | None:
    """Return how `server` is started with more memory; None: it needs none, or there is none."""
    if server is None or not ran_out(server):
        return None
    owner = visit.target or visit.me.user
    return bigger(hub.profiles.of_groups(owner.groups), server)


def button(found: Bigger | None, who: Reader) -> str:
    """Return what the button says, or ''."""
    if found is None:
        return ""
    if found.memory is None:
        return who.say("Start again with more memory")
    return who.say("Start again with {memory:bytes}", {"memory": found.memory})


async def whom_to_ask(hub: Hub, visit: Visit) -> str:
    """Say that nothing here has more memory, and who could change that."""
    who = reader(visit)
    found, _ = await hub.accounts.page(Wanted(admin=True, order=Order.NAME), 0, _FEW)
    nothing = who.say("Nothing that you can choose has more memory.")
    if not found:
        return who.both(nothing, who.say("Load less at a time, or ask an administrator for more."))
    names = who.say(", ").join(each.display_name or each.name for each in found)
    ask = who.say("Load less at a time, or ask for more: {names}.", {"names": names})
    return who.both(nothing, ask)
