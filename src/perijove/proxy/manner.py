"""Manner: how requests are passed on and answers brought back, where that can be chosen."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class Manner:
    """What configurable-http-proxy lets choose; as it is by itself, nothing is rewritten."""

    forwarded: bool = True
    """Say X-Forwarded-*."""
    include_prefix: bool = True
    """Pass paths on with the prefix of their route."""
    prepend_path: bool = True
    """Put the path of the target before them."""
    change_origin: bool = False
    """Say the address of the target in Host."""
    auto_rewrite: bool = False
    """Replace the target's host in Location by the one that was asked for."""
    protocol_rewrite: str = ""
    """Replace the target's protocol in Location by this one; empty: leave it."""
    custom: Mapping[bytes, bytes] = field(default_factory=dict)
    """Fields to add to each request, by their names, in place of any of that name."""
    kept_seconds: float = 75.0
    """How long a connection is kept without a request."""
    answer_seconds: float = math.inf
    """How long a target may be silent."""
    quiet_seconds: float = math.inf
    """How long a connection may be silent while a request is being answered."""

    @property
    def plain(self) -> bool:
        """Whether nothing of a request is rewritten."""
        return self.include_prefix and not self.change_origin and not self.custom

    @property
    def relocates(self) -> bool:
        """Whether Location is rewritten."""
        return self.auto_rewrite or bool(self.protocol_rewrite)
