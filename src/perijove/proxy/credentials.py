"""Credentials: whether who asks beside the data plane has a token."""

import hmac
import re
from collections.abc import Iterable

from perijove.proxy.control import Asked

_TOKEN = re.compile(rb"token\s+(\S+)")


def shows(asked: Asked, tokens: Iterable[bytes]) -> bool:
    """Return whether the field Authorization of `asked` has one of `tokens`."""
    shown = _TOKEN.search(asked.fields.get(b"authorization", b""))
    # every one is compared, so that the time says nothing of which was nearly right
    same = [hmac.compare_digest(shown[1] if shown else b"", it) for it in tokens if it]
    return any(same)
