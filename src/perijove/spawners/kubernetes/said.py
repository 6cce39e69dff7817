"""What Kubernetes says, fit to be shown: short, and without the paths of a machine."""

import re
from typing import Any

_LONGEST = 300
_PATH = re.compile(r"(?<![\w.])/(?:var|run|etc|proc|sys|dev)/[^\s\"',;:)]+")


def said(words: Any) -> str:
    """Return `words` as they may be shown."""
    return _PATH.sub("…", str(words or ""))[:_LONGEST]
