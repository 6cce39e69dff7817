"""What can be changed of a person on their page, and what the configuration says of them."""

from perijove.core import Hub
from perijove.core.access import grant
from perijove.core.shares import holds
from perijove.http.page import Visit
from perijove.model.errors import Denied, Unknown
from perijove.model.scope import Kind, Target
from perijove.web.frame import reader


async def movable(hub: Hub, visit: Visit) -> list[str]:
    """Return the groups that the visitor may move people in and out of."""
    every = await hub.groups.all()
    whole = holds(visit.me.principal, "groups", Target())
    return [it.name for it in every if whole or _may(visit, it.name)]


def words(hub: Hub, visit: Visit) -> str:
    """Say what comes back after a change, for the configuration declares it; '' if nothing."""
    declared, name, who = hub.people.declared, visit.owner.name, reader(visit)
    said = [
        text
        for person in declared.persons
        if person.name == name
        for text, value in (
            (who.say("the name"), person.display_name),
            (who.say("the role"), person.admin),
        )
        if value is not None
    ]
    circles = [it for it in declared.circles if it.exact or name in it.users]
    said += [it.name for it in circles if it.name in visit.owner.groups or _may(visit, it.name)]
    reload = who.say(
        "The configuration file declares this of them: {what}. If it is changed here, the next"
        " reload makes it so again.",
        {"what": who.say(", ").join(said)},
    )
    sign_in = who.say(
        "`admin_users` names them: whoever stands there is an administrator again with the next"
        " sign-in."
    )
    named = name in hub.login.rules.admin_users
    return who.both(reload if said else "", sign_in if named else "")


def _may(visit: Visit, group: str) -> bool:
    try:
        grant(visit.me.principal, ("groups",), Target(kind=Kind.GROUP, group=group))
    except (Denied, Unknown):
        return False
    return True
