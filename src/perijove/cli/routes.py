"""`perijove proxy routes`: the routes that a running proxy has."""

import json
import os
from argparse import Namespace
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from perijove.cli.box import Box
from perijove.cli.output import answer_json, moment, remark, table
from perijove.cli.place import named, of_box
from perijove.cli.trouble import USAGE, Trouble

_TOKENS = "CONFIGPROXY_AUTH_TOKEN"
_NEVER = "-"
Found = tuple[str, dict[str, Any]]
ORDERS: Mapping[str, Callable[[Found], Any]] = {
    "prefix": lambda it: it[0],
    "target": lambda it: str(it[1].get("target")),
    "activity": lambda it: -_used(it[1]),
}
"""What may come first; the prefixes break a tie."""


def command(given: Namespace) -> None:
    """List them.

    Raises:
        Trouble: the proxy cannot be asked.
    """
    if given.api:
        found = named(given.api, "--api").get("/api/routes", _token(given))
    else:
        box = Box.at(given.data)
        token = _token(given) or box.secret("proxy-token")
        found = of_box(box, "--api").get("/api/routes", token)
    routes = _chosen(_read(found), given)
    if given.output == "json":
        answer_json(dict(routes))
    elif routes:
        table(("prefix", "target", "last used"), [_row(*it) for it in routes])
    else:
        remark("No such route." if given.prefix else "There are no routes.")


def _token(given: Namespace) -> str:
    """Return the token to show; of several, the first."""
    if given.token_file:
        try:
            return Path(given.token_file).read_text().strip()
        except (OSError, UnicodeDecodeError) as error:
            why = getattr(error, "strerror", None) or "it is no text"
            sentence = f"Cannot read the token file {given.token_file}: {why}."
            raise Trouble(sentence, exit_code=USAGE) from error
    return os.environ.get(_TOKENS, "").split(",", 1)[0].strip()


def _read(text: str) -> dict[str, dict[str, Any]]:
    try:
        found = json.loads(text)
    except ValueError:
        found = None
    if not isinstance(found, dict) or not all(isinstance(it, dict) for it in found.values()):
        raise Trouble("What answers there is no proxy: it does not tell of routes.")
    return found


def _chosen(found: dict[str, dict[str, Any]], given: Namespace) -> list[Found]:
    routes = sorted(found.items())
    if given.prefix:
        top = f"/{given.prefix.strip('/')}"
        below = f"{top.rstrip('/')}/"
        routes = [it for it in routes if it[0] == top or it[0].startswith(below)]
    return sorted(routes, key=ORDERS[given.sort])


def _row(prefix: str, route: dict[str, Any]) -> tuple[str, ...]:
    at = route.get("last_activity")
    return prefix, str(route.get("target")), moment(at if _used(route) else None, _NEVER)


def _used(route: dict[str, Any]) -> float:
    """Return when it was used last, in seconds; 0: never."""
    try:
        return datetime.fromisoformat(str(route.get("last_activity"))).timestamp()
    except ValueError:
        return 0.0
