"""`hub.config.CryptKeeper`: the keys of what is stored encrypted."""

import re
from typing import Any

from pydantic import Field, field_validator

from perijove.kit.keyring import key_of
from perijove.kit.section import Traits


class CryptTraits(Traits):
    """`hub.config.CryptKeeper`."""

    keys: tuple[str, ...] = Field(default=(), json_schema_extra={"secret": True})
    """Keys for `enable_auth_state`, of 32 bytes each (`openssl rand -hex 32`): a list, or one text
    with `;` between them. The first encrypts, all decrypt; unset: JUPYTERHUB_CRYPT_KEY."""

    @field_validator("keys", mode="before")
    @classmethod
    def _apart(cls, given: Any) -> Any:
        if isinstance(given, str):
            return tuple(it.strip() for it in re.split(r"[;\n]", given) if it.strip())
        return tuple(given) if isinstance(given, list) else given

    @field_validator("keys")
    @classmethod
    def _good(cls, keys: tuple[str, ...]) -> tuple[str, ...]:
        for at, key in enumerate(keys, 1):
            try:
                key_of(key)
            except ValueError as error:
                raise ValueError(f"number {at} is no key: {error}") from None
        return keys

    @property
    def ring(self) -> tuple[bytes, ...]:
        """Return the keys, the one that encrypts first."""
        return tuple(map(key_of, self.keys))
