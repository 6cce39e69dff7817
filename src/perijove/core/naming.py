"""What a new server may be called. Rows that exist keep the name they have."""

import hashlib
import json
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from perijove.model.errors import Invalid, Untimely
from perijove.model.user import User

_NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
_LONGEST_NAME = 30
_LONGEST_DISPLAY_NAME = 255
_HASH = 8
_DEEPEST = 64
_MOST = 65_536
"""Bytes of JSON that a client may have kept."""
_RESERVED = "__jupyterhub_"


@dataclass(frozen=True, slots=True, kw_only=True)
class Naming:
    """`hub.allowNamedServers` and `hub.namedServerLimitPerUser`."""

    allowed: bool = True
    limit: int = 0
    """Named servers per user; 0 is no limit."""
    users: Mapping[str, int] = field(default_factory=dict[str, int])
    """Other limits, by the name of a user."""
    groups: Mapping[str, int] = field(default_factory=dict[str, int])
    """Other limits, by the name of a group; the largest of a user's counts."""

    def limit_of(self, user: User) -> int:
        """Return how many named servers `user` may have; 0 is no limit."""
        if user.name in self.users:
            return self.users[user.name]
        shared = [self.groups[group] for group in user.groups if group in self.groups]
        return (0 if 0 in shared else max(shared)) if shared else self.limit

    def require_new(self, user: User, name: str, count: int) -> None:
        """Let `user`, who has `count` named servers, have another called `name`.

        Raises:
            Invalid: that is no name of a server.
            Untimely: named servers are off, or there are as many as may be.
        """
        if not name:
            return
        if not self.allowed:
            raise Untimely("named-servers-off")
        if len(name) > _LONGEST_NAME or not _NAME.fullmatch(name):
            raise Invalid("bad-server-name", name=name[:_LONGEST_DISPLAY_NAME])
        limit = self.limit_of(user)
        if limit and count >= limit:
            raise Untimely("too-many-servers", user=user.name, limit=limit)


def display_name_of(text: str) -> str:
    """Return what people call a server, as it is kept (hub.md 9): NFC, single spaces within.

    Raises:
        Invalid: it is empty, long, or holds what cannot be shown.
    """
    shown = unicodedata.normalize("NFC", text)
    spaced = shown != shown.strip() or "  " in shown
    if not 1 <= len(shown) <= _LONGEST_DISPLAY_NAME or spaced or not shown.isprintable():
        raise Invalid("bad-display-name")
    return shown


def require_options(options: Mapping[str, Any]) -> None:
    """Refuse options that JupyterHub keeps for itself, and what could not be told again.

    Raises:
        Invalid: there is some.
    """
    _require_json(options, "user_options")
    if any(key.startswith(_RESERVED) for key in options):
        raise Invalid("bad-body", field="user_options")


def require_properties(properties: Mapping[str, Any]) -> None:
    """Refuse properties of a group that could not be told again.

    Raises:
        Invalid: there is some.
    """
    _require_json(properties, "properties")


def _require_json(tree: Mapping[str, Any], field: str) -> None:
    if _deeper(tree, _DEEPEST):  # what writes JSON and shows it has a limit of its own
        raise Invalid("bad-body", field=field)
    try:
        text = json.dumps(tree, ensure_ascii=False, allow_nan=False).encode()
    except ValueError as error:  # half of a surrogate pair; 1e999, which is infinity
        raise Invalid("bad-body", field=field) from error
    if len(text) > _MOST:
        raise Invalid("bad-body", field=field)


def _deeper(tree: Any, levels: int) -> bool:
    """Return whether more than `levels` lists and objects are in each other."""
    if not isinstance(tree, Mapping | list):
        return False
    inner = tree.values() if isinstance(tree, Mapping) else tree
    return levels == 0 or any(_deeper(it, levels - 1) for it in inner)


def name_for(display_name: str) -> str:
    """Return the name of a server that people call `display_name`: itself, if it is one.

    The hash keeps apart what is the same without its capitals and spaces.
    """
    if len(display_name) <= _LONGEST_NAME and _NAME.fullmatch(display_name):
        return display_name
    digest = hashlib.sha256(display_name.encode()).hexdigest()[:_HASH]
    safe = re.sub(r"[^a-z0-9]+", "-", display_name.lower()).strip("-")
    safe = safe[: _LONGEST_NAME - _HASH - 1].strip("-")
    return f"{safe}-{digest}" if safe[:1].isalpha() else f"server-{digest}"
