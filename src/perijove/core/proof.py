"""PKCE: whoever swaps a code proves that they asked for it (RFC 7636)."""

import base64
import hashlib
import hmac
import re

CHALLENGE = re.compile(r"[\x21-\x7e]{1,128}")
"""RFC 7636 wants 43 unreserved characters or more; some clients send others."""
METHODS = frozenset({"S256", "plain"})


def proves(verifier: str, challenge: str, method: str) -> bool:
    """Return whether `verifier` is the one of which `challenge` was made by `method`."""
    shown = verifier.encode("utf-8", "surrogatepass")
    if method == "S256":
        shown = base64.urlsafe_b64encode(hashlib.sha256(shown).digest()).rstrip(b"=")
    return hmac.compare_digest(shown, challenge.encode("utf-8", "surrogatepass"))
