"""Names as KubeSpawner 7 makes them, so that an upgraded cluster finds its pods and claims.

Source of the format: hub.md 7.6 and kubespawner/slugs.py (its behaviour, not its text).
"""

import hashlib
import re
from collections.abc import Mapping
from string import Formatter
from typing import Any

from perijove.model.errors import Refused

DIGEST = 8
LONGEST = 48
"""Characters of one slug in a template; the rest of a label's 63 is for what stands around it."""
_LONGEST_LABEL = 32
_OBJECT = re.compile(r"[a-z]([a-z0-9-]{0,61}[a-z0-9])?")
_LABEL = re.compile(r"([A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?)?")
_SAFE = re.compile(r"[a-z0-9]")
_SAME_NAME = 2

Fields = Mapping[str, str]
"""What `{…}` in a template may name."""


def slug(name: str, longest: int = LONGEST) -> str:
    """Return `name` itself if it may be an object's name, else its safe part and a hash."""
    if "--" not in name and _OBJECT.fullmatch(name) and len(name) <= longest:
        return name
    return f"{_extract(name, longest - DIGEST - 3)}---{_digest(name)}"


def label(value: str) -> str:
    """Return `value` itself if it may be the value of a label, else its safe part and a hash."""
    if "--" not in value and _LABEL.fullmatch(value):
        return value
    return f"{_extract(value, _LONGEST_LABEL - DIGEST - 3)}---{_digest(value)}"


def joined(user: str, server: str) -> str:
    """Return the slug of a server: `ada`, `ada--lab`; one hash for both if they are long."""
    first, second = slug(user), slug(server) if server else ""
    if len(first) + len(second) + 2 <= LONGEST:
        return f"{first}--{second}" if server else first
    each = (LONGEST - DIGEST - 1) // 2 - 2
    digest = _digest(user, server)
    return f"{_extract(user, each)}--{_extract(server, each)}---{digest}"


def escaped(name: str) -> str:
    """Return `name` as KubeSpawner before 7 wrote it: `Ada` is `-41da`."""
    parts = [
        part if _SAFE.fullmatch(part) else "".join(f"-{byte:02x}" for byte in part.encode())
        for part in name
    ]
    return "".join(parts).lower()


def fields(user: str, server: str, user_id: int, namespace: str) -> dict[str, str]:
    """Return what templates may name for a server, before it has a pod and a claim."""
    safe_server = slug(server) if server else ""
    both = joined(user, server)
    old = escaped(user), escaped(server)
    return {
        "userid": str(user_id),
        "unescaped_username": user,
        "unescaped_servername": server,
        "username": slug(user),
        "servername": safe_server,
        "user_server": both,
        "safe_username": slug(user),
        "safe_servername": safe_server,
        "safe_user_server": both,
        "escaped_username": old[0],
        "escaped_servername": old[1],
        "escaped_user_server": f"{old[0]}--{old[1]}",
        "namespace": namespace,
        "hubnamespace": "user" if namespace == "default" else namespace,
    }


def expand(template: Any, known: Fields) -> Any:
    """Return `template` with every text in it filled in.

    Raises:
        Refused: a text names a field that there is none of, or has a brace too many.
    """
    if isinstance(template, str):
        return _filled(template, known)
    if isinstance(template, Mapping):
        return {key: expand(value, known) for key, value in template.items()}
    if isinstance(template, list | tuple):
        return [expand(value, known) for value in template]
    return template


def placed(template: str, known: Fields, attempt: int) -> str:
    """Return the name that `template` gives; another for each `attempt` after the first.

    Raises:
        Refused: as `expand`.
    """
    made = _filled(template, known)
    again = f"{made}---{attempt}" if attempt >= _SAME_NAME else made
    return again if len(again) <= 63 else slug(again, 63)  # noqa: PLR2004 - of a DNS label


def _filled(template: str, known: Fields) -> str:
    if "{" not in template and "}" not in template:
        return template
    try:  # only by its name: attributes and items of a field are nobody's business
        made = "".join(
            text + (known[name] if name is not None else "")
            for text, name, *_ in Formatter().parse(template)
        )
    except (KeyError, ValueError) as error:
        raise Refused("bad-template", template=template[:200]) from error
    # An empty server name leaves the hyphens that were to join it.
    return made if template.endswith("-") else made.rstrip("-")


def _extract(name: str, longest: int) -> str:
    safe = re.sub(r"[^a-z0-9]+", "-", name.lower()).lstrip("-")[:longest].rstrip("-")
    if safe and not safe[0].isalpha():
        safe = f"x-{safe[: longest - 2]}"
    return safe or "x"


def _digest(*parts: str) -> str:
    # No text in UTF-8 begins with this byte, so no two pairs are one.
    whole = b"\xff".join(part.encode() for part in parts)
    return hashlib.sha256(whole).hexdigest()[:DIGEST]
