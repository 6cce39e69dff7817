"""The key with which a server signs its cookies: one for each start by the hub."""

import hashlib
import hmac


def cookie_key(api_token: str) -> bytes:
    """Return the key that belongs to `api_token`, which the hub makes for each start.

    So a process that starts again goes on with its sessions, and the next start of the
    server, for which the hub has dropped all tokens of the last one, begins anew.
    """
    return hmac.new(api_token.encode(), b"cookies", hashlib.sha256).digest()
