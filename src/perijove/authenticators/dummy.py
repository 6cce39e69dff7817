"""Everybody is who they say they are. For tests and trials, and it says so at every start."""

import hmac
import logging

from perijove.authenticators import Identity

logger = logging.getLogger(__name__)


class DummyAuthenticator:
    """Any name, with `password` if there is one."""

    name = "jupyterhub.auth.DummyAuthenticator"
    sign_up = False

    def __init__(self, password: str = "") -> None:
        self._password = password
        logger.warning(
            "The dummy authenticator lets anybody in under any name%s. It is for trials only.",
            " who knows the one password" if password else "",
        )

    async def authenticate(self, name: str, password: str) -> Identity | None:
        """Return who they say they are."""
        good = not self._password or hmac.compare_digest(_bytes(self._password), _bytes(password))
        return Identity(name) if good and name else None


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")
