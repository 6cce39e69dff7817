"""Tokens that are filtered to somebody, or to a server, follow when the name becomes another."""

import json
from collections.abc import Callable

from perijove.store import tokens
from perijove.store.database import Database
from perijove.store.statement import Statements


async def followed(database: Database, other: Callable[[str], str]) -> Statements:
    """Return what writes the scopes of tokens, anybody's, anew where `other` makes others of them.

    `other`: from a scope as it is written to what it is from now on.
    """
    changed: list[Statements] = []
    for id, was in await database.read(tokens.filtered()):
        scopes = json.loads(was)
        others = [other(text) for text in scopes]
        if others != scopes:
            changed.append((tokens.rescope(id, was, others),))
    return sum(changed, ())
