"""How people and groups differ from the configuration, in words, and what that means."""

import json
from typing import Any

from perijove.cli.output import remark
from perijove.cli.remote import Remote
from perijove.cli.trouble import Trouble

_MEANT = {
    "absent": "has no account",
    "not-active": "is {found}: approve it by hand if that is who the values mean",
    "admin": "is an administrator: {found}, not {wanted}",
    "display-name": "is called {found}, not {wanted}",
    "undeclared": "has an account that the values do not name",
    "no-group": "is no group",
    "no-member": "lacks {user}",
    "member": "has {user}, whom the values do not name",
    "no-bearer": "has the role {wanted} by the values, and is not there",
    "properties": "has the properties {found}, not {wanted}",
}


def words(each: dict[str, Any]) -> tuple[str, str]:
    """Return whom or what a difference is about, and what it is."""
    shown = {key: it if isinstance(it, str) else _json(it) for key, it in each.items()}
    return each["group"] or each["user"], _MEANT[each["kind"]].format_map(shown)


def warn(remote: Remote, *, group: str = "", user: str = "") -> None:
    """Say it if the configuration will have a group or a person as they were."""
    try:
        found = remote.get("/people/drift")["differences"]
    except Trouble:  # not for everybody who may change a group
        return
    about, name = ("group", group) if group else ("user", user)
    theirs = [it for it in found if it["applied"] and it[about] == name]
    if theirs:
        what = f"the group {group}" if group else user
        remark(
            f"The configuration says otherwise of {what}: the next `perijove reload` or start puts"
            " it back. Change it there as well; `perijove people diff` shows what differs."
        )


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)
